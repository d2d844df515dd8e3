"""`registry-chain …`: what each command prints, refuses and leaves behind."""

from __future__ import annotations

import json
import shlex
import stat
import subprocess
import sys

import pytest

from registry_chain.cli.founding import require_names
from registry_chain.cli.main import COMMANDS, main
from registry_chain.state_machine.genesis import Genesis
from tests.support.clauses import clause
from weid.crypto.key_file import load_key_file
from weid.crypto.keys import PrivateKey
from weid.errors import MalformedError

PASSPHRASE = "correct horse battery"


def run(capsys, *arguments):
    """Run the command in this process: exit code, stdout, stderr."""
    code = 0
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as stopped:
        code = stopped.code
    said = capsys.readouterr()
    return code, said.out, said.err


def found(capsys, tmp_path, passphrase_file, *options):
    code, out, err = run(
        capsys, "--json", "init", tmp_path / "node", "--network", "example",
        "--keys-out", tmp_path / "governors", "--passphrase-file", passphrase_file, *options,
    )  # fmt: skip
    assert code == 0, err
    return json.loads(out)


@clause("NA-20")
def test_three_governors_of_whom_two_decide(capsys, tmp_path, passphrase_file):
    facts = found(capsys, tmp_path, passphrase_file, "--governors", "3", "--threshold", "2")
    genesis = Genesis.from_json((tmp_path / "node" / "genesis.json").read_bytes())
    assert facts["genesis_hash"] == genesis.genesis_hash.hex()
    assert facts["threshold"] == genesis.parameter("governance_threshold") == 2
    assert len(facts["governors"]) == len(genesis.governors) == 3
    for listed, governor in zip(facts["governors"], genesis.governors, strict=True):
        key = load_key_file(listed["key_file"], PASSPHRASE)
        assert governor.inception.controllers == (key.public.raw,)
        assert governor.did == listed["did"]
    sealing = tmp_path / "node" / "sealing.key"
    assert stat.S_IMODE(sealing.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "node").stat().st_mode) == 0o700


@clause("NA-20")
def test_a_governor_may_bring_its_own_key(capsys, tmp_path):
    key = PrivateKey.from_seed(b"\x01" * 32).public
    code, out, err = run(
        capsys, "--json", "init", tmp_path / "node", "--network", "example",
        "--governor", f"Ministry={key.to_multikey()}", "--open-did-creation",
    )  # fmt: skip
    assert code == 0, err
    facts = json.loads(out)
    assert facts["governors"][0]["key_file"] is None
    genesis = Genesis.from_json((tmp_path / "node" / "genesis.json").read_bytes())
    assert genesis.governors[0].inception.controllers == (key.raw,)
    assert genesis.governors[0].name == "Ministry"
    assert genesis.parameter("open_did_creation") == 1


REFUSED = {
    "a network name in capitals": (["--network", "EXAMPLE"], 1),
    "no network": ([], 2),
    "keys without a place": (["--network", "example"], 2),
    "a threshold above the governors": (
        ["--network", "example", "--governors", "2", "--threshold", "3", "--keys-out", "keys"], 2,
    ),
    "a governor's key that is none": (["--network", "example", "--governor", "A=z6Mk"], 1),
    "no governors asked for": (["--network", "example", "--governors", "0"], 2),
    "a chain id that is too long, of governors made here": (
        ["--network", "example", "--keys-out", "a/keys", "--chain-id", "x" * 60], 1,
    ),
    "two governors of one name": (
        ["--network", "example", "--governor", "A=KEY", "--governor", " A ", "--keys-out", "keys"],
        1,
    ),
    "a governor's name that is too long": (
        ["--network", "example", "--governor", "A" * 129 + "=KEY"], 1,
    ),
    "a chain id that is too long": (
        ["--network", "example", "--governor", "A=KEY", "--chain-id", "x" * 60], 1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_a_registry_that_cannot_be_is_not_founded(
    capsys, tmp_path, passphrase_file, monkeypatch, what
):
    monkeypatch.chdir(tmp_path)
    options, expected = REFUSED[what]
    key = PrivateKey.from_seed(b"\x01" * 32).public.to_multikey()
    options = [option.replace("=KEY", f"={key}") for option in options]
    code, out, err = run(capsys, "init", "node", *options, "--passphrase-file", passphrase_file)
    assert (code, out) == (expected, "")
    assert err
    assert [path.name for path in tmp_path.iterdir()] == ["passphrase"]


def test_key_files_that_a_founding_left_are_all_named(capsys, tmp_path, passphrase_file):
    facts = found(capsys, tmp_path, passphrase_file, "--governors", "2")
    left = [governor["key_file"] for governor in facts["governors"]]
    code, _, err = run(
        capsys, "init", tmp_path / "other", "--network", "example", "--governors", "3",
        "--keys-out", tmp_path / "governors", "--passphrase-file", passphrase_file,
    )  # fmt: skip
    assert code == 1
    assert f"{left[0]} exists already, and 1 more" in err
    assert f"no registry has them: rm {left[0]} {left[1]}" in err
    assert not (tmp_path / "other").exists()


def test_a_founder_s_name_may_be_long_and_is_told_apart_by_one_letter():
    require_names(["A" * 128, "B", "b"])
    for names in (["A" * 129], ["B", "B"]):
        with pytest.raises(MalformedError):
            require_names(names)


def test_a_folder_is_founded_once(capsys, tmp_path, passphrase_file):
    found(capsys, tmp_path, passphrase_file)
    before = (tmp_path / "node" / "genesis.json").read_bytes()
    code, _, err = run(capsys, "init", tmp_path / "node", "--network", "example")
    assert code == 1
    assert "Try: " in err
    assert (tmp_path / "node" / "genesis.json").read_bytes() == before


NO_NODE = {
    "start": ["start", "DIR"],
    "status": ["status", "DIR"],
    "nodes": ["nodes", "DIR"],
    "verify": ["verify", "DIR"],
    "backup": ["backup", "DIR", "OTHER"],
    "restore": ["restore", "OTHER", "DIR"],
    "export": ["export", "DIR"],
    "archive": ["archive", "DIR", "OTHER", "--below", "2"],
    "verify-archive": ["verify-archive", "OTHER", "--genesis", "DIR/genesis.json"],
    "replay": ["replay", "DIR"],
    "webhooks": ["webhooks", "list", "DIR"],
    "migrate": ["migrate", "finish", "DIR", "OTHER"],
    "application": ["application", "DIR"],
    "rotate-sealing-key": ["rotate-sealing-key", "DIR"],
}


@pytest.mark.parametrize("command", NO_NODE)
def test_every_command_says_what_to_do_where_there_is_no_node(capsys, tmp_path, command):
    arguments = [
        argument.replace("DIR", str(tmp_path / "node")).replace("OTHER", str(tmp_path / "other"))
        for argument in NO_NODE[command]
    ]
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (1, "")
    assert err.startswith("registry-chain: ")
    assert "\nTry: " in err
    assert set(NO_NODE) | {"init", "governance", "net"} == set(COMMANDS)


def test_a_sealing_key_that_others_can_read_is_refused(capsys, tmp_path, passphrase_file):
    found(capsys, tmp_path, passphrase_file)
    (tmp_path / "node" / "sealing.key").chmod(0o644)
    code, _, err = run(capsys, "start", tmp_path / "node", "--port", "0")
    assert code == 1
    assert "chmod 600" in err


def test_a_node_that_never_started_says_so(capsys, tmp_path, passphrase_file):
    found(capsys, tmp_path, passphrase_file)
    for command in ("status", "nodes", "verify", "export"):
        code, _, err = run(capsys, command, tmp_path / "node")
        assert code == 1
        assert "registry-chain start" in err


USAGE = [
    ["status"],
    ["status", "--node", "https://node.example"],
    ["status", "--node", "https://node.example", "--genesis", "00"],
    ["stat"],
    ["start"],
    ["start", "x", "--port", "99999"],
    ["status", "x", "--node", "https://node.example"],
    ["status", "x", "--genesis", "00" * 32],
    ["--nothing"],
]


@pytest.mark.parametrize("arguments", USAGE, ids=" ".join)
def test_a_wrong_call_is_exit_code_2(capsys, arguments):
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    what, next_step = err.splitlines()
    assert what.startswith("registry-chain: ")
    assert next_step.startswith("Try: registry-chain ")


def test_a_node_that_does_not_answer_is_exit_code_20(capsys):
    code, out, err = run(capsys, "status", "--node", "http://127.0.0.1:9", "--genesis", "00" * 32)
    assert (code, out) == (20, "")
    assert "Try: " in err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(capsys, command):
    code, out, _ = run(capsys, command, "--help")
    assert code == 0
    assert "Usage" in out


def test_help_imports_no_web_server():
    code = (
        "import sys\n"
        "from registry_chain.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'flask', 'waitress', 'werkzeug'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@clause("W23")
def test_no_secret_is_printed(capsys, tmp_path, passphrase_file):
    code, out, err = run(
        capsys, "init", tmp_path / "node", "--network", "example", "--governors", "1",
        "--keys-out", tmp_path / "governors", "--passphrase-file", passphrase_file,
        "--encrypt-sealing-key",
    )  # fmt: skip
    assert code == 0
    key = load_key_file(tmp_path / "governors" / "governor-1.key", PASSPHRASE)
    for secret in (PASSPHRASE, key.to_private_jwk()["d"]):
        assert secret not in out + err
    assert b"weid-key-file" in (tmp_path / "node" / "sealing.key").read_bytes()


def test_a_command_that_is_to_be_typed_next_can_be_typed(chain, tmp_path):
    folder = tmp_path / "our node 節點"
    key = PrivateKey.from_seed(b"\x01" * 32).public.to_multikey()
    code, _, err = chain("init", folder, "--network", "example", "--governor", f"Ministry={key}")
    assert code == 0
    next_one = err.splitlines()[-1].removeprefix("Next: ")
    assert shlex.split(next_one) == ["registry-chain", "start", str(folder)]
    code, _, err = chain("verify", folder)
    assert code == 1
    assert shlex.split(err.splitlines()[-1])[-1] == str(folder)
