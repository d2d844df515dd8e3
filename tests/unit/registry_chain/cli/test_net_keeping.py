"""Setting a node up anew and giving it keys: what is refused before anything is changed."""

from __future__ import annotations

import json
import os
import socket
import tomllib

import pytest

from registry_chain.engines.cometbft.data_folder import COPIED, SIGNED, signed_height
from registry_chain.engines.cometbft.supervisor_lock import supervising
from registry_chain.storage.folder_lock import take_lock
from tests.support.clauses import clause
from weid.crypto.keys import PrivateKey

GENESIS = "ab" * 32
ASKED = ("--node", "https://node.example", "--genesis", GENESIS)


@pytest.fixture
def folder(chain, tmp_path):
    """The folder of a validator with a chain and data, stopped."""
    key = PrivateKey.from_seed(b"\x01" * 32).public.to_multikey()
    code, _, err = chain(
        "net", "init", tmp_path / "net", "--network", "example", "--governor", f"Ministry={key}",
        "--quiet",
    )  # fmt: skip
    assert (code, err) == (0, "")
    made = tmp_path / "net" / "nodes" / "validator-1"
    for name in COPIED:
        (made / "comet" / "data" / name).mkdir()
    (made / "chain").mkdir()
    (made / "begun").touch()
    return made


def listing(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def has_signed(folder, height):
    (folder / "comet" / "data" / SIGNED).write_text(json.dumps({"height": str(height)}))


@clause("NT-21")
def test_a_stopped_node_is_set_up_anew_with_its_keys_and_what_it_signed(chain, folder):
    has_signed(folder, 41)
    keys = {
        name: (folder / "comet" / "config" / name).read_bytes()
        for name in ("node_key.json", "priv_validator_key.json")
    }
    code, out, _ = chain(
        "net", "rejoin", folder, "--trust-height", 30, "--trust-hash", "cd" * 32,
        "--rpc-server", "https://a.example/v1/cometbft",
        "--rpc-server", "https://b.example/v1/cometbft",
    )  # fmt: skip
    assert code == 0
    assert "chain.old-1" in out
    assert listing(folder / "comet" / "data") == [SIGNED]
    assert signed_height(folder / "comet") == 41
    assert not (folder / "chain").exists()
    assert not (folder / "begun").exists()
    for name, data in keys.items():
        assert (folder / "comet" / "config" / name).read_bytes() == data
    settings = tomllib.loads((folder / "comet" / "config" / "config.toml").read_text())
    assert settings["statesync"]["trust_height"] == 30
    assert settings["p2p"]["pex"] is False


@clause("NT-22")
def test_where_nobody_knows_what_was_signed_nothing_is_moved_until_a_person_says_it(chain, folder):
    (folder / "comet" / "data" / SIGNED).unlink()
    before = listing(folder)
    code, _, err = chain("net", "rejoin", folder)
    assert code == 1
    assert "--nothing-signed-from" in err
    assert listing(folder) == before
    assert chain("net", "rejoin", folder, "--nothing-signed-from", 900)[0] == 0
    assert signed_height(folder / "comet") == 899


@clause("NT-21")
def test_a_running_node_is_not_touched(chain, folder):
    has_signed(folder, 1)
    # This process runs for sure.
    said = {"state": "running", "supervisor": os.getpid()}
    (folder / "supervisor.json").write_text(json.dumps(said))
    before = listing(folder)
    code, _, err = chain("net", "rejoin", folder)
    assert code == 1
    assert "is running" in err
    assert listing(folder) == before
    (folder / "supervisor.json").write_text(json.dumps({**said, "state": "stopped"}))
    assert chain("net", "rejoin", folder)[0] == 0


@clause("NT-12", "NT-21")
def test_the_lock_says_whether_a_node_runs_and_not_a_number_that_anybody_may_have(chain, folder):
    has_signed(folder, 1)
    said = {"state": "running", "supervisor": os.getpid()}
    with supervising(folder, sleep=lambda _: None):
        # Even what a supervisor wrote as its last word is not believed against the lock.
        (folder / "supervisor.json").write_text(json.dumps({**said, "state": "stopped"}))
        before = listing(folder)
        code, _, err = chain("net", "rejoin", folder)
        assert code == 1
        assert "is running" in err
        assert "remove" not in err
        assert listing(folder) == before
    (folder / "supervisor.json").write_text(json.dumps(said))
    assert chain("net", "rejoin", folder)[0] == 0


@clause("NT-12", "NT-21")
def test_the_end_of_a_second_start_makes_no_running_node_a_stopped_one(
    chain, folder, tmp_path, monkeypatch
):
    program = tmp_path / "cometbft"
    program.write_text("#!/bin/sh\necho 0.39.4\n")
    program.chmod(0o755)
    monkeypatch.setattr("registry_chain.engines.cometbft.supervisor_lock._PAUSE", 0.0)
    has_signed(folder, 1)
    with supervising(folder, sleep=lambda _: None):
        said = {"state": "running", "supervisor": os.getpid()}
        (folder / "supervisor.json").write_text(json.dumps(said))
        before = listing(folder)
        code, _, err = chain("start", folder, "--cometbft", program, "--port", 0)
        assert code == 1
        assert f"the node in {folder} is running" in err
        assert json.loads((folder / "supervisor.json").read_text()) == said
        code, _, err = chain("net", "rejoin", folder)
        assert code == 1
        assert "is running" in err
        assert listing(folder) == before


@clause("NT-10")
def test_a_node_whose_port_is_taken_ends_at_once_with_what_to_do(chain, folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, err = chain("start", folder, "--port", port)
    assert code == 20
    assert f"cannot listen on http://127.0.0.1:{port}: Address already in use" in err
    assert "name another --port" in err
    assert not (folder / "supervisor.json").exists()


@clause("NT-21")
def test_a_chain_that_a_process_has_open_is_not_moved_whatever_supervisors_say(chain, folder):
    # As an application whose supervisor took no lock, or did not take it along in its end.
    has_signed(folder, 1)
    (folder / "supervisor.json").write_text(json.dumps({"state": "stopped", "supervisor": 1}))
    held = take_lock(folder / "chain")
    try:
        data = listing(folder / "comet"), listing(folder / "chain")
        code, _, err = chain("net", "rejoin", folder, "--nothing-signed-from", 900)
        assert code == 1
        assert "another process has the store" in err
        assert (listing(folder / "comet"), listing(folder / "chain")) == data
        assert signed_height(folder / "comet") == 1
    finally:
        os.close(held)
    assert chain("net", "rejoin", folder)[0] == 0


@clause("NT-20")
def test_a_backup_of_a_running_node_or_onto_other_data_is_refused(chain, folder, begun, tmp_path):
    has_signed(folder, 1)
    assert chain("backup", begun, tmp_path / "backup")[0] == 0
    before = listing(folder)
    code, _, err = chain("restore", tmp_path / "backup", folder)
    assert code == 1
    assert "no data of CometBFT" in err
    (tmp_path / "backup" / "comet").mkdir()
    code, _, err = chain("restore", tmp_path / "backup", folder)
    assert code == 1
    assert "net rejoin" in err
    assert listing(folder) == before


def test_each_command_says_which_one_is_for_the_other_kind_of_node(chain, folder, founded):
    assert "net rotate-keys" in chain("rotate-sealing-key", folder)[2]
    assert "registry-chain restore" in chain("net", "rejoin", founded)[2]
    code, _, err = chain("net", "rotate-keys", founded, *ASKED)
    assert code == 1
    assert "rotate-sealing-key" in err


@pytest.mark.parametrize("command", ["rejoin", "rotate-keys"])
def test_the_folder_of_a_whole_network_is_told_from_that_of_a_node(chain, folder, command):
    network = folder.parent.parent
    code, _, err = chain("net", command, network, *(ASKED if command == "rotate-keys" else ()))
    assert code == 1
    assert f"{network} is the folder of a network, not of one node" in err


def test_what_is_for_nodes_of_networks_is_not_passed_over_elsewhere(chain, begun, tmp_path):
    assert chain("backup", begun, tmp_path / "backup")[0] == 0
    target = tmp_path / "new"
    code, _, err = chain("restore", tmp_path / "backup", target, "--nothing-signed-from", 900)
    assert code == 2
    assert "--nothing-signed-from is for a node of a network" in err
    assert not target.exists()


def test_a_node_that_does_not_run_cannot_announce_a_key(chain, begun):
    code, _, err = chain("rotate-sealing-key", begun)
    assert code == 20
    assert f"registry-chain start {begun}" in err
    assert not list(begun.glob("sealing.key.*"))


@clause("NT-19")
def test_an_operator_is_a_did_and_a_key(chain, folder):
    before = listing(folder)
    code, _, err = chain("net", "rotate-keys", folder, *ASKED, "--as", "did:weid:example:x")
    assert code == 2
    code, _, err = chain(
        "net", "rotate-keys", folder, *ASKED, "--as",
        "did:weid:example:7c17Xwx4TrnPQUPLGERp65vSMe5x",
    )  # fmt: skip
    assert code == 2
    assert "--as and --key belong together" in err
    assert listing(folder) == before
