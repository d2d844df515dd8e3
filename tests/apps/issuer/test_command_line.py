"""`issuer-app …`: whatever is typed, people are told what is wrong and what to do next."""

from __future__ import annotations

import json
import stat
import sys
import urllib.error
import urllib.request
from importlib.metadata import version
from pathlib import Path

import pytest

from issuer_app.cli.main import cli, run
from issuer_app.listening import split_address
from issuer_app.settings import Settings
from issuer_app.setup import make_folder, open_accounts, set_up
from issuer_app.store.database import Database
from registry_chain import LocalRegistry
from tests.apps.app_process import call, call_without, held_port, serving, stop, taken_port
from tests.apps.issuer.support import ORIGIN
from tests.support.clauses import clause

COMMANDS = sorted(cli.commands)
CALLS = {
    "create-token": ("maria", "--name", "x"),
    "create-user": ("maria", "--role", "officer"),
    "list-tokens": (),
    "revoke-token": ("x",),
    "serve": (),
    "set-password": ("maria",),
}
"""Commands that need an office, called rightly."""


class Typing:
    """Types commands in this process: exit code, stdout, stderr."""

    def __init__(self, folder: Path, monkeypatch, capsys):
        self.folder = folder
        self.settings = folder / "settings.json"
        self._monkeypatch, self._capsys = monkeypatch, capsys
        self.write()

    def write(self, **values):
        """Write the settings file."""
        given = {"public_url": ORIGIN, "data_dir": str(self.folder / "office"), **values}
        self.settings.write_text(json.dumps(given))

    def __call__(self, *words):
        self._monkeypatch.setattr(sys, "argv", ["issuer-app", *map(str, words)])
        code = 0
        try:
            run()
        except SystemExit as stopped:
            code = stopped.code
        said = self._capsys.readouterr()
        return code, said.out, said.err

    def with_settings(self, *words):
        return self("--settings", self.settings, *words)


@pytest.fixture
def typing(tmp_path, monkeypatch, capsys):
    for name in Settings.model_fields:
        monkeypatch.delenv(f"WEID_{name.upper()}", raising=False)
    return Typing(tmp_path, monkeypatch, capsys)


@pytest.fixture
def office(typing):
    """A folder with an office in it, set up against a registry in this process."""
    settings = Settings(public_url=ORIGIN, data_dir=typing.folder / "office")
    make_folder(settings)
    registry, database = LocalRegistry(), Database(settings.database_path)
    set_up(settings, database, registry, name="Office")
    database.close()
    registry.close()
    return settings


# --- what is asked for --------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_needs_no_settings(typing, command, option):
    code, out, err = typing(*filter(None, (command, option)))
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: issuer-app {command}".rstrip())
    assert "-h, --help" in out


def test_the_version_needs_no_settings(typing):
    code, out, err = typing("--version")
    assert (code, err) == (0, "")
    assert out == f"issuer-app, version {version('weid')}\n"


@pytest.mark.parametrize("words", [(), ("nonsense",), ("--nonsense",), ("serve", "x")], ids=str)
def test_what_is_typed_wrongly_is_told_before_settings_are_asked_for(typing, words):
    code, out, err = typing(*words)
    assert code == 2
    assert "Usage: issuer-app" in out + err
    assert "settings are not usable" not in err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_with_nonsense_ends_with_2_and_no_trace(typing, command):
    for words in ((command, "--nonsense"), (command, "x", "y", "z")):
        code, _, err = typing.with_settings(*words)
        assert code == 2
        assert "Usage: issuer-app" in err
        assert "Traceback" not in err


def test_without_settings_the_missing_ones_are_named(typing):
    code, _, err = typing("list-tokens")
    assert code == 2
    assert "public_url" in err
    assert "--settings" in err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("[]", "is not an object of settings", id="an array"),
        pytest.param("{", "cannot be read as settings", id="half an object"),
    ],
)
def test_a_settings_file_that_is_none_is_named(typing, text, says):
    typing.settings.write_text(text)
    code, _, err = typing.with_settings("list-tokens")
    assert code == 2
    assert says in err
    assert str(typing.settings) in err
    assert "Try: " in err


# --- before `init` ------------------------------------------------------------------------------


def test_the_table_of_calls_has_every_command_but_init():
    assert sorted([*CALLS, "init"]) == COMMANDS


@pytest.mark.parametrize(("command", "words"), CALLS.items(), ids=CALLS)
@pytest.mark.parametrize("folder_there", [False, True])
def test_before_init_every_command_says_so_and_makes_nothing(typing, command, words, folder_there):
    folder = typing.folder / "office"
    if folder_there:
        folder.mkdir()
    code, out, err = typing.with_settings(command, *words)
    assert (code, out) == (2, "")
    assert "not set up yet" in err
    assert str(folder) in err
    assert "Try: issuer-app init" in err
    assert folder.exists() == folder_there
    assert not folder_there or list(folder.iterdir()) == []


def test_an_init_that_came_to_nothing_leaves_an_office_that_is_not_set_up(typing):
    settings = Settings(public_url=ORIGIN, data_dir=typing.folder / "office")
    make_folder(settings)
    Database(settings.database_path).close()
    code, _, err = typing.with_settings("list-tokens")
    assert code == 2
    assert "not set up yet" in err


def test_init_without_a_registry_makes_no_folder(typing):
    code, _, err = typing.with_settings("init", "--name", "Office")
    assert code == 2
    assert "node_url and genesis_hash" in err
    assert not (typing.folder / "office").exists()


# --- users and passwords ------------------------------------------------------------------------


def signs_in(settings, login, password):
    database = Database(settings.database_path)
    accounts = open_accounts(settings, database)
    try:
        return accounts.person_of(accounts.sign_in(login, password))
    finally:
        database.close()


@pytest.mark.parametrize(
    ("words", "says", "hint"),
    [
        pytest.param(("create-user", "maria"), "Choose at least one role.", "--role", id="no role"),
        pytest.param(
            ("create-user", "m", "--role", "officer"),
            "A sign-in name has 2 to 64",
            "maria.chan",
            id="a name of one letter",
        ),
        pytest.param(
            ("create-user", "taken", "--role", "officer"),
            "This sign-in name is taken.",
            "set-password",
            id="a name that is taken",
        ),
        pytest.param(
            ("create-user", "m", "--name", " "),
            "Enter the person's name. Choose at least one role.",
            "--name",
            id="three faults at once",
        ),
        pytest.param(
            ("set-password", "nobody"), "there is no user 'nobody'", "create-user", id="no user"
        ),
        pytest.param(
            ("create-token", "taken", "--name", "x" * 61),
            "Name the token in at most 60 characters.",
            "--name",
            id="a long name of a token",
        ),
        pytest.param(
            ("create-token", "nobody", "--name", "x"),
            "there is no user 'nobody'",
            "create-user",
            id="a token for nobody",
        ),
        pytest.param(
            ("revoke-token", "abc"), "there is no token 'abc'", "list-tokens", id="no token"
        ),
    ],
)
def test_refusals_are_sentences_with_a_hint(typing, office, words, says, hint):
    assert typing.with_settings("create-user", "taken", "--role", "officer")[0] == 0
    code, out, err = typing.with_settings(*words)
    assert (code, out) == (1, "")
    what, next_step = err.splitlines()
    assert says in what
    assert "_" not in what.replace("0-9 and . _ @ -", "")
    assert next_step.startswith("Try: ")
    assert hint in next_step


def test_a_password_is_random_and_printed_once_or_comes_from_a_file(typing, office):
    assert typing.with_settings("create-user", "maria", "--role", "officer")[0] == 0
    code, out, err = typing.with_settings("set-password", "maria")
    assert code == 0
    assert signs_in(office, "maria", out.strip()).login == "maria"
    assert out.strip() not in err
    path = typing.folder / "password"
    path.touch(0o600)
    path.write_text("correct horse battery\n")
    code, out, err = typing.with_settings("set-password", "maria", "--password-file", path)
    assert (code, out) == (0, "")
    assert "correct horse" not in err
    assert signs_in(office, "maria", "correct horse battery").login == "maria"


@pytest.mark.parametrize("command", ["create-user", "set-password"])
def test_no_command_takes_a_password_from_the_command_line(command):
    options = [name for option in cli.commands[command].params for name in option.opts]
    assert [name for name in options if "password" in name] == ["--password-file"]


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        pytest.param(b"correct horse battery", 0o644, "open to other users", id="open to others"),
        pytest.param(b"\n", 0o600, "is empty", id="empty"),
        pytest.param(b"\xff\xfe correct horse", 0o600, "not text in UTF-8", id="not text"),
        pytest.param(b"short", 0o600, "at least 12 characters", id="short"),
    ],
)
def test_a_password_file_that_will_not_do_changes_nothing(typing, office, content, mode, says):
    password = typing.with_settings("create-user", "maria", "--role", "officer")[1].strip()
    path = typing.folder / "password"
    path.touch()
    path.write_bytes(content)
    path.chmod(mode)
    code, _, err = typing.with_settings("set-password", "maria", "--password-file", path)
    assert code != 0
    assert says in err
    assert "Try: " in err
    assert "correct horse" not in err
    assert signs_in(office, "maria", password).login == "maria"


def test_a_store_that_is_none_is_told_without_a_trace(typing, office):
    office.database_path.write_bytes(b"this is not a store" * 100)
    code, _, err = typing.with_settings("list-tokens")
    assert code == 1
    assert "the store cannot be used" in err
    assert "Traceback" not in err


# --- serving ------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["flask", "waitress", "sqlite_utils", "openpyxl"])
def test_without_the_apps_extra_one_line_says_what_to_install(missing):
    done = call_without(missing, "issuer_app.serve", "--version")
    assert done.returncode == 1
    assert "needs the apps extra: pip install '.[apps]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_module_of_ours_that_is_missing_is_not_taken_for_the_extra():
    done = call_without("issuer_app.app", "issuer_app.serve", "--version")
    assert done.returncode == 1
    assert "apps extra" not in done.stderr
    assert "issuer_app.app" in done.stderr


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("127.0.0.1:8480", ("127.0.0.1", 8480)),
        ("[::1]:0", ("::1", 0)),
        ("localhost:65535", ("localhost", 65535)),
        ("127.0.0.1", None),
        (":8480", None),
        ("::1:8480", None),
        ("127.0.0.1:65536", None),
        ("127.0.0.1:x", None),
        ("127.0.0.1:-1", None),
        ("", None),
    ],
)
def test_the_address_to_listen_on_is_host_and_port(typing, address, parts):
    if parts:
        assert split_address(address) == parts
        return
    typing.write(listen=address)
    code, _, err = typing.with_settings("list-tokens")
    assert code == 2
    assert "listen: " in err


@clause("D10")
def test_a_taken_address_is_named_with_what_to_do(typing, office):
    with taken_port() as port:
        address = f"127.0.0.1:{port}"
        typing.write(listen=address)
        done = call("issuer_app.serve", "--settings", typing.settings, "serve")
    assert done.returncode == 2
    what, next_step = done.stderr.splitlines()
    assert f"cannot listen on {address}" in what
    assert next_step.startswith("Try: ")
    assert "set another listen" in next_step


PEOPLES = ("issuer.sqlite", "secret.key", "passphrase", "lock", "keys")
"""What set-up makes in the data folder, whether or not the registry answers."""


def test_the_data_folder_is_closed_to_others_and_so_is_what_is_made_in_it(typing):
    folder = typing.folder / "office"
    folder.mkdir()
    folder.chmod(0o755)
    with held_port() as nobody:
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        typing.write(node_url=url, genesis_hash="00" * 32)
        words = ("--settings", typing.settings, "init", "--name", "Office")
        done = call("issuer_app.serve", *words, umask=0o022)
        again = call("issuer_app.serve", *words, umask=0o022)
    first = done.stderr.splitlines()[0]
    assert first == (
        f"issuer-app: {folder} was open to other users (mode 0755): its mode is now 0700"
    )
    assert "was open" not in again.stderr
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name for path in folder.iterdir()} >= set(PEOPLES)
    for path in folder.rglob("*"):
        assert not path.stat().st_mode & 0o077, path


def test_an_office_that_was_open_to_others_is_closed_by_the_next_command(typing, office):
    office.data_dir.chmod(0o750)
    code, _, err = typing.with_settings("list-tokens")
    assert code == 0
    assert f"issuer-app: {office.data_dir} was open to other users (mode 0750)" in err
    assert stat.S_IMODE(office.data_dir.stat().st_mode) == 0o700


def test_a_folder_that_all_users_share_is_no_data_folder(typing, office):
    office.data_dir.chmod(0o1777)
    code, _, err = typing.with_settings("list-tokens")
    assert code == 2
    assert "is open to other users (mode 1777)" in err
    assert "Try: " in err
    assert stat.S_IMODE(office.data_dir.stat().st_mode) == 0o1777


def test_the_server_starts_while_the_registry_is_away_and_says_that_it_is_not_ready(typing, office):
    with held_port() as nobody:
        typing.write(
            listen="127.0.0.1:0",
            node_url=f"http://127.0.0.1:{nobody.getsockname()[1]}",
            genesis_hash="00" * 32,
        )
        with serving("issuer_app.serve", "--settings", typing.settings, "serve") as (url, process):
            with urllib.request.urlopen(f"{url}/healthz", timeout=30) as reply:
                assert reply.status == 200
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(f"{url}/readyz", timeout=30)
            with refused.value as reply:
                assert reply.code == 503
                checks = json.loads(reply.read())["checks"]
            assert checks == {"store": True, "registry": False, "job": True, "status_lists": True}
            code, said = stop(process)
    assert code == 0
    assert "the registry cannot be reached" in said
    assert "Traceback" not in said
