"""What holds for every command of `registry-chain`: the shared options, help, and nonsense."""

from __future__ import annotations

import json
import subprocess
import sys

import click
import pytest

from registry_chain.cli.main import registry_chain
from tests.support.chain_folders import tree
from tests.support.clauses import clause
from tests.support.cli_commands import commands

ALL = dict(commands(registry_chain, ("registry-chain",)))
GROUPS = [(), ("net",), ("governance",), ("governance", "propose")]
HASH = "00" * 32
GOVERNOR = ("--as", "did:weid:example:x", "--key", "KEY", "--passphrase-file", "PASS")
NODE = ("--node", "http://127.0.0.1:9", "--genesis", HASH)


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_command_takes_the_shared_options_and_says_what_it_does(words):
    command = ALL[words]
    context = click.Context(command, help_option_names=["-h", "--help"])
    options = {name for parameter in command.get_params(context) for name in parameter.opts}
    assert {"--json", "-q", "--quiet", "--debug", "-h", "--help"} <= options
    assert "--home" not in options
    assert command.help.splitlines()[0].endswith(".")


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("words", [*ALL, *(("registry-chain", *g) for g in GROUPS)], ids=" ".join)
def test_every_command_and_group_has_help(chain, words, flag):
    code, out, err = chain(*words[1:], flag)
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: {' '.join(words)} ")
    assert "\\b" not in out


@pytest.mark.parametrize("words", GROUPS, ids=" ".join)
def test_every_group_has_a_version(chain, words):
    code, out, err = chain(*words, "--version")
    assert (code, err) == (0, "")
    assert out.startswith("registry-chain, version ")


@pytest.mark.parametrize("words", GROUPS, ids=" ".join)
def test_a_group_alone_shows_its_help_as_a_wrong_call(chain, words):
    code, out, err = chain(*words)
    assert (code, out) == (2, "")
    assert err.startswith("Usage: registry-chain ")


@pytest.mark.parametrize("order", ["before", "after"])
def test_json_may_stand_before_the_command_and_after_it(chain, begun, order):
    words = ("--json", "status", begun) if order == "before" else ("status", begun, "--json")
    code, out, _ = chain(*words)
    assert code == 0
    assert json.loads(out)["state"] == "stopped"


@pytest.mark.parametrize("order", ["before", "after"])
def test_quiet_may_stand_before_the_command_and_after_it(chain, begun, order, tmp_path):
    words = ["backup", begun, tmp_path / "backup"]
    code, out, err = chain(*(["-q", *words] if order == "before" else [*words, "-q"]))
    assert (code, err) == (0, "")
    assert out.startswith("height 1")


@pytest.mark.parametrize("order", ["before", "after"])
def test_debug_may_stand_before_the_command_and_after_it(chain, order, tmp_path):
    words = ["status", tmp_path / "none"]
    code, _, err = chain(*(["--debug", *words] if order == "before" else [*words, "--debug"]))
    assert code == 1
    assert "Traceback" in err
    assert "Traceback" not in chain(*words)[2]


# --- Called wrongly, on what is not there, on what is empty ---------------------------------------

ON_A_FOLDER = {
    "start": ("start", "DIR", "--port", "0"),
    "status": ("status", "DIR"),
    "verify": ("verify", "DIR"),
    "verify again": ("verify", "DIR", "--replay"),
    "backup": ("backup", "DIR", "NEW"),
    "restore from": ("restore", "DIR", "NEW"),
    "restore to": ("restore", "NEW", "DIR"),
    "export": ("export", "DIR"),
    "net start": ("net", "start", "DIR"),
    "net stop": ("net", "stop", "DIR"),
    "net status": ("net", "status", "DIR"),
    "net add-node": ("net", "add-node", "DIR", "east"),
    "export to a file": ("export", "DIR", "-o", "NEW"),
}
KINDS = {
    "missing": lambda _: None,
    "empty": lambda path: path.mkdir(),
    "a file": lambda path: path.write_text("x"),
    "with a genesis that is none": lambda path: (
        path.mkdir(),
        (path / "genesis.json").write_text("{"),
    ),
    "with a genesis that is a folder": lambda path: (path / "genesis.json").mkdir(parents=True),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", ON_A_FOLDER)
def test_a_folder_that_is_not_right_is_told_and_left_alone(chain, tmp_path, what, kind):
    KINDS[kind](tmp_path / "dir")
    before = tree(tmp_path)
    places = {"DIR": tmp_path / "dir", "NEW": tmp_path / "new"}
    code, out, err = chain(*(places.get(word, word) for word in ON_A_FOLDER[what]))
    assert (code, out) in {(1, ""), (2, "")}
    what_is_wrong, next_step = err.splitlines()
    assert what_is_wrong.startswith("registry-chain: ")
    assert str(tmp_path) in what_is_wrong
    assert "--help lists the commands" not in next_step
    assert next_step.startswith("Try: ")
    assert tree(tmp_path) == before


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_nonsense_is_a_wrong_call(chain, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for nonsense in ([], ["--nonsense"], ["\x1b[2J", "\u202e", "\x00", "--nonsense"]):
        code, out, err = chain(*words[1:], *nonsense)
        assert (code, out) == (2, "")
        assert len(err.splitlines()) == 2
        assert "\x1b" not in err
        assert f"Try: {' '.join(words)} --help" in err
    assert list(tmp_path.iterdir()) == []


WRONG = {
    "a DID that is none": ("governance", "propose", "grant", "rubbish", "issuer", *GOVERNOR, *NODE),
    "a DID of a governor that is none": (
        "governance", "approve", HASH, "--as", "me", *GOVERNOR[2:], *NODE,
    ),
    "a role that is none": (
        "governance", "propose", "grant", "did:weid:example:x", "king", *GOVERNOR, *NODE,
    ),
    "a template with a version": (
        "governance", "propose", "recognize", "did:weid:example:x", "diploma:1", *GOVERNOR, *NODE,
    ),
    "an id that is none": ("governance", "approve", "AAAA", *GOVERNOR, *NODE),
    "a parameter that is none": ("governance", "propose", "parameter", "speed", "3", *GOVERNOR, *NODE),
    "a parameter that is no number": (
        "governance", "propose", "parameter", "max_time_lag", "fast", *GOVERNOR, *NODE,
    ),
    "a parameter out of its range": (
        "governance", "propose", "parameter", "max_time_lag", "1", *GOVERNOR, *NODE,
    ),
    "a proposal of more than 89 days": (
        "governance", "propose", "grant", "did:weid:example:x", "issuer", "--days", "90",
        *GOVERNOR, *NODE,
    ),
    "a genesis hash in base64url": (
        "governance", "list", "--node", "http://127.0.0.1:9", "--genesis", "A" * 43,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_is_a_wrong_call(chain, what, key_file, passphrase_file):
    places = {"KEY": key_file, "PASS": passphrase_file}
    code, out, err = chain(*(places.get(word, word) for word in WRONG[what]))
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 2


def test_a_parameter_that_is_none_is_told_with_those_there_are(chain):
    from registry_chain.state_machine.parameters import PARAMETERS

    _, _, err = chain("governance", "propose", "parameter", "speed", "3")
    assert all(f"'{name}'" in err for name in PARAMETERS)
    _, out, _ = chain("governance", "propose", "parameter", "--help")
    assert all(f"  {name} " in out for name in PARAMETERS)


def asks_a_node(words):
    options = {name for parameter in ALL[words].params for name in parameter.opts}
    return "--node" in options


@pytest.mark.parametrize("words", list(filter(asks_a_node, ALL)), ids=" ".join)
def test_every_command_that_asks_a_node_by_its_url_has_the_option_for_http_here(words):
    found = [each for each in ALL[words].params if "--unsafe-loopback-http" in each.opts]
    assert [each.is_flag for each in found] == [True]


@pytest.mark.parametrize("words", [("governance", "list"), ("status",), ("nodes",)], ids=" ".join)
def test_http_to_this_machine_is_refused_with_the_name_of_the_option(chain, words):
    code, _, err = chain(*words, *NODE)
    assert code == 20
    assert "--unsafe-loopback-http" in err
    code, _, err = chain(*words, *NODE, "--unsafe-loopback-http")
    assert code == 20
    assert "--unsafe-loopback-http" not in err


def test_http_elsewhere_is_refused_with_and_without_the_option(chain):
    elsewhere = ("--node", "http://192.0.2.1:9", "--genesis", HASH)
    for words in (["governance", "list"], ["status"], ["nodes"]):
        for option in ((), ("--unsafe-loopback-http",)):
            code, _, err = chain(*words, *elsewhere, *option)
            assert code == 20
            assert "plain http never leaves this machine" in err


def test_a_node_that_is_no_url_is_named(chain):
    for words in (["governance", "list"], ["status"], ["nodes"]):
        code, _, err = chain(*words, "--node", "node.example:8001", "--genesis", HASH)
        assert code == 1
        assert "'node.example:8001' is no URL of a node" in err


def test_a_node_that_was_named_may_have_an_inner_address(chain):
    for words in (["governance", "list"], ["status"], ["nodes"]):
        code, _, err = chain(*words, "--node", "https://127.0.0.1:9", "--genesis", HASH)
        assert code == 20
        assert "cannot be reached" in err


# --- Without the extra ----------------------------------------------------------------------------

WITHOUT = """
import sys
for name in ("flask", "werkzeug", "jinja2", "waitress", "google", "google.protobuf"):
    sys.modules[name] = None
from registry_chain.cli.main import main
main(sys.argv[1:])
"""


def without_extra(*arguments):
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


@clause("NA-20")
def test_a_node_without_its_extra_says_which_it_needs(founded):
    before = tree(founded)
    done = without_extra("start", founded, "--port", "0")
    assert (done.returncode, done.stdout) == (1, "")
    what, next_step = done.stderr.splitlines()
    assert "needs the node extra" in what
    assert next_step == "Try: pip install '.[node]'"
    assert tree(founded) == before


def test_everything_else_works_without_the_extra(begun, tmp_path):
    for words in (
        ["start", "--help"],
        ["status", begun],
        ["verify", begun, "--replay"],
        ["export", begun],
        ["backup", begun, tmp_path / "backup"],
        ["restore", tmp_path / "backup", tmp_path / "new"],
        ["governance", "propose", "grant", "--help"],
    ):
        done = without_extra(*words)
        assert done.returncode == 0, done.stderr
