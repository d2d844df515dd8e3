"""A counter that is set up wrongly does not start, and says which line is wrong."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.support.clauses import clause
from verifier_app.settings import load_settings
from weid.errors import MalformedError

APP = Path(__file__).parents[3] / "verifier_app"
GOOD = """
public_url = "https://verify.example"
secret_key = "{secret}"
head_folder = "heads"
[[networks]]
name = "example"
genesis_hash = "{genesis}"
nodes = ["https://node.example"]
"""
FILLED = GOOD.format(secret="s" * 40, genesis="0" * 64)


def written(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.touch(0o600)
    path.write_text(text, encoding="utf-8")
    return path


def test_good_settings_are_read(tmp_path):
    settings = load_settings(written(tmp_path, FILLED))
    assert settings.public_url == "https://verify.example"
    assert not settings.allow_shown
    assert not settings.allow_unbound


FAULTS = {
    "no secret": (FILLED.replace(f'secret_key = "{"s" * 40}"\n', ""), "secret_key"),
    "a short secret": (FILLED.replace("s" * 40, "short"), "secret_key"),
    "http to elsewhere": (FILLED.replace("https://verify", "http://verify"), "public_url"),
    "a path": (FILLED.replace("verify.example", "verify.example/app"), "public_url"),
    "a user in the address": (FILLED.replace("verify.example", "me@verify.example"), "public_url"),
    "a wrong genesis hash": (FILLED.replace("0" * 64, "abc"), "genesis_hash"),
    "nobody to ask": (FILLED.replace('nodes = ["https://node.example"]', ""), "networks"),
    "two sources": (FILLED + 'bundle = "trust.bundle"\n', "networks"),
    "an unknown setting": ("debug = true\n" + FILLED, "debug"),
    "not TOML": ("public_url = ", "not TOML"),
    "http to a node elsewhere": (FILLED.replace("https://node", "http://node"), "must be https"),
    "http to a node here, not allowed": (
        FILLED.replace("https://node.example", "http://127.0.0.1:8700"),
        "unsafe_loopback_http",
    ),
    "a node that is no address": (FILLED.replace("https://node.example", "node"), "must be https"),
    "a network twice": (FILLED + FILLED[FILLED.index("[[networks]]") :], "example twice"),
    "a purpose that no wallet could tell": (
        FILLED
        + """[[wishes]]
id = "x"
title = { en = "X" }
purpose = { en = "X", nowhere = "Y" }
network = "example"
cpt_id = "x"
fields = ["name"]
""",
        "locale",
    ),
    "a request to nobody": (
        FILLED
        + """[[wishes]]
id = "x"
title = { en = "X" }
purpose = { en = "X" }
network = "elsewhere"
cpt_id = "x"
fields = ["name"]
""",
        "names no network",
    ),
}


@clause("W7")
@pytest.mark.parametrize(("text", "named"), FAULTS.values(), ids=FAULTS)
def test_wrong_settings_are_refused_by_name(tmp_path, text, named):
    with pytest.raises(MalformedError, match=named) as refused:
        load_settings(written(tmp_path, text))
    assert "s" * 40 not in str(refused.value)


def test_a_missing_file_is_told_with_what_to_do(tmp_path):
    with pytest.raises(MalformedError) as refused:
        load_settings(tmp_path / "nowhere.toml")
    assert refused.value.hint


def test_the_vendored_reader_is_the_published_one():
    folder = APP / "static" / "vendor" / "zxing"
    listed = dict(
        reversed(line.split(None, 1)) for line in (folder / "SHA256SUMS").read_text().splitlines()
    )
    present = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in {"SHA256SUMS", "README.md"}
    }
    assert present == listed
