"""`verifier-app …`: whatever is typed, people are told what is wrong and what to do next."""

from __future__ import annotations

import http.client
import json
import stat
import sys
import urllib.error
import urllib.request
from importlib.metadata import version

import pytest

from tests.apps.app_process import call, call_without, held_port, serving, stop, taken_port
from tests.apps.verifier.online import QUERY, TOKEN, files
from tests.support.clauses import clause
from verifier_app.command import run

SETTINGS = """
public_url = "https://verify.example"
secret_key = "{secret}"
head_folder = "{folder}"
port = {port}
unsafe_loopback_http = true
[[networks]]
name = "example"
genesis_hash = "{genesis}"
nodes = ["http://127.0.0.1:{node}"]
"""


def write(folder, *, port=0, node=9, mode=0o600, secret="s" * 40, heads="heads"):
    path = folder / "verifier.toml"
    path.touch()
    path.write_text(
        SETTINGS.format(
            secret=secret, folder=folder / heads, port=port, node=node, genesis="0" * 64
        )
    )
    path.chmod(mode)
    return path


@pytest.fixture
def typing(monkeypatch, capsys):
    """Type the command in this process: exit code, stdout, stderr."""

    def typed(*words):
        monkeypatch.setattr(sys, "argv", ["verifier-app", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            run()
        said = capsys.readouterr()
        return stopped.value.code or 0, said.out, said.err

    return typed


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(typing, option):
    code, out, err = typing(option)
    assert (code, err) == (0, "")
    assert out.startswith("Usage: verifier-app")
    assert "-h, --help" in out


def test_the_version(typing):
    assert typing("--version") == (0, f"verifier-app, version {version('weid')}\n", "")


@pytest.mark.parametrize("words", [(), ("--nonsense",), ("a", "b")], ids=str)
def test_what_is_typed_wrongly_ends_with_2_and_the_usage(typing, words):
    code, _, err = typing(*words)
    assert code == 2
    assert "Usage: verifier-app" in err


def test_settings_that_are_not_there_are_named_with_what_to_do(typing, tmp_path):
    code, _, err = typing(tmp_path / "nowhere.toml")
    assert code == 1
    what, next_step = err.splitlines()
    assert str(tmp_path / "nowhere.toml") in what
    assert next_step.startswith("Try: ")


@clause("W25")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_secret_that_others_may_read_is_refused_with_a_hint(typing, tmp_path, mode):
    path = write(tmp_path, mode=mode)
    code, _, err = typing(path)
    assert code == 1
    what, next_step = err.splitlines()
    assert "secret_key" in what
    assert f"mode {mode:04o}" in what
    assert next_step == f"Try: chmod 600 {path}"
    assert "s" * 40 not in err


def test_a_folder_that_cannot_be_made_is_named(typing, tmp_path):
    path = write(tmp_path)
    (tmp_path / "heads").write_text("in the way")
    code, _, err = typing(path)
    assert code == 1
    assert str(tmp_path / "heads") in err
    assert "Try: " in err


@pytest.mark.parametrize("missing", ["flask", "waitress", "babel"])
def test_without_the_apps_extra_one_line_says_what_to_install(missing):
    done = call_without(missing, "verifier_app.serve", "--version")
    assert done.returncode == 1
    assert "needs the apps extra: pip install '.[apps]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_module_of_ours_that_is_missing_is_not_taken_for_the_extra():
    done = call_without("verifier_app.app", "verifier_app.serve", "--version")
    assert done.returncode == 1
    assert "apps extra" not in done.stderr
    assert "verifier_app.app" in done.stderr


def test_a_taken_address_is_named_with_what_to_do(tmp_path):
    with taken_port() as port:
        done = call("verifier_app.serve", write(tmp_path, port=port))
    assert done.returncode == 1
    what, next_step = done.stderr.splitlines()
    assert f"cannot listen on 127.0.0.1 port {port}" in what
    assert next_step.startswith("Try: ")
    assert "set another port" in next_step


def test_it_serves_while_its_registry_is_away_until_it_is_told_to_stop(tmp_path):
    with held_port() as nobody:
        path = write(tmp_path, node=nobody.getsockname()[1], heads="state/heads")
        with serving("verifier_app.serve", path, umask=0o022) as (url, process):
            with urllib.request.urlopen(f"{url}/healthz", timeout=30) as reply:
                assert json.loads(reply.read()) == {"status": "ok"}
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(f"{url}/readyz", timeout=30)
            with refused.value as reply:
                assert reply.code == 503
                assert json.loads(reply.read())["unavailable"] == ["example"]
            code, said = stop(process)
    assert code == 0
    # The folder above the one of the settings is nobody else's either.
    for made in ("state", "state/heads"):
        assert stat.S_IMODE((tmp_path / made).stat().st_mode) == 0o700
    assert "registry example cannot be reached now" in said
    assert "Traceback" not in said


def test_it_serves_wallets_with_the_identity_of_its_settings(tmp_path):
    with held_port() as nobody:
        path = write(tmp_path, node=nobody.getsockname()[1])
        wallets = "".join(f'{name} = "{value}"\n' for name, value in files(tmp_path).items())
        path.write_text(f"{path.read_text()}[wallets]\n{wallets}")
        with serving("verifier_app.serve", path) as (url, process):
            asked = urllib.request.Request(
                f"{url}/api/v1/presentations",
                data=json.dumps({"dcql": QUERY}).encode(),
                headers={"Authorization": f"Bearer {TOKEN}"},
            )
            with urllib.request.urlopen(asked, timeout=30) as reply:
                made = json.loads(reply.read())
            request_id = made["request"].rpartition("%2F")[2]
            place = f"{url}/openid4vp/requests/{request_id}"
            with urllib.request.urlopen(place, timeout=30) as reply:
                assert reply.headers["Content-Type"] == "application/oauth-authz-req+jwt"
            # Sent in chunks, without a length: read no further than anything of use can be.
            post = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
            post.request(
                "POST", f"/openid4vp/responses/{request_id}", iter([b"response=", b"a" * 1000]),
                {"Content-Type": "application/x-www-form-urlencoded"}, encode_chunked=True,
            )  # fmt: skip
            with post.getresponse() as reply:
                assert reply.status == 400
                assert json.loads(reply.read())["error"] == "invalid_request"
            post.close()
            code, said = stop(process)
    assert code == 0
    assert "Traceback" not in said
    assert TOKEN not in said


def test_a_verifier_whose_key_others_may_read_does_not_start(typing, tmp_path):
    path = write(tmp_path)
    wallets = "".join(f'{name} = "{value}"\n' for name, value in files(tmp_path).items())
    path.write_text(f"{path.read_text()}[wallets]\n{wallets}")
    (tmp_path / "key.pem").chmod(0o644)
    code, _, err = typing(path)
    assert code == 1
    assert "key.pem" in err
    assert "Try: chmod 600" in err
