"""`registry-chain net …`: what it lays out, and what it says of a network that does not run."""

from __future__ import annotations

import inspect
import json
import os
import shlex
import stat
import tomllib
from pathlib import Path

import pytest
import yaml

from registry_chain.cli import net_running
from registry_chain.cli.node_proposals import admit_node
from registry_chain.engines.cometbft.binary import Binary
from registry_chain.engines.cometbft.founding import read_public_keys
from registry_chain.engines.cometbft.network_file import read_network
from registry_chain.engines.cometbft.supervisor_lock import LOCK_FILE, supervising
from registry_chain.engines.cometbft.supervisor_status import write_status
from registry_chain.state_machine.entering_nodes import check_node_keys
from registry_chain.state_machine.errors import InvalidTransactionError
from registry_chain.state_machine.genesis import Genesis
from tests.support.chain_folders import tree
from tests.support.clauses import clause
from weid.crypto.keys import PrivateKey
from weid.errors import RegistryUnavailableError

GOVERNOR = "Ministry=" + PrivateKey.from_seed(b"\x01" * 32).public.to_multikey()
HOSTS = """
[[node]]
name = "north"
role = "validator"
address = "10.0.0.1"
sentries = ["gate"]
[[node]]
name = "gate"
role = "sentry"
address = "gate.example.org"
[[node]]
name = "audit"
role = "observer"
address = "10.0.0.3"
"""


@pytest.fixture
def lay_out(chain, tmp_path):
    """Lay out a network whose governor brings its key; return its folder and what was said."""

    def make(*options, name="net"):
        out = tmp_path / name
        code, said, err = chain(
            "--json", "net", "init", out, "--network", "example", "--governor", GOVERNOR, *options
        )
        assert code == 0, err
        return out, json.loads(said)

    return make


def config(folder):
    return tomllib.loads((folder / "comet" / "config" / "config.toml").read_text())


@clause("NT-04", "NT-15")
def test_each_node_has_a_complete_folder_and_all_have_the_same_genesis(lay_out):
    out, said = lay_out("--validators", "4", "--observers", "1")
    folders = sorted((out / "nodes").iterdir())
    assert len(folders) == 5
    for name in ("genesis.json", "comet/config/genesis.json"):
        assert len({(folder / name).read_bytes() for folder in folders}) == 1
    genesis = Genesis.from_json((folders[0] / "genesis.json").read_bytes())
    assert genesis.genesis_hash.hex() == said["genesis_hash"]
    theirs = json.loads((folders[0] / "comet/config/genesis.json").read_bytes())
    assert theirs["app_state"]["genesis_hash"] == said["genesis_hash"]
    assert [each["name"] for each in theirs["validators"]] == [
        f"validator-{number}" for number in range(1, 5)
    ]
    assert [node.role for node in genesis.nodes] == ["validator"] * 4 + ["observer"]
    assert (out / "genesis.json").read_bytes() == (folders[0] / "genesis.json").read_bytes()
    assert set(yaml.safe_load((out / "compose.yaml").read_text())["services"]) == {
        folder.name for folder in folders
    }
    assert len(list((out / "systemd").iterdir())) == 5


@clause("NT-05")
def test_the_keys_of_a_folder_are_those_of_the_genesis_and_nobody_else_s(lay_out):
    out, said = lay_out("--validators", "2", "--sentries", "1")
    listed = {node.plan.name: node for node in read_network(out).nodes}
    genesis = Genesis.from_json((out / "genesis.json").read_bytes())
    admitted = {node.name: node for node in genesis.nodes}
    for node in said["nodes"]:
        home = out / "nodes" / node["name"] / "comet"
        _, voting = read_public_keys(home)
        assert voting.raw.hex() == node["validator_key"] == listed[node["name"]].validator_key
        assert node["node_id"] == admitted[node["name"]].node_id.hex()
        for path in (*home.rglob("*key.json"), home / "data" / "priv_validator_state.json"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE((out / "nodes" / node["name"]).stat().st_mode) == 0o700
    assert admitted["sentry-1-1"].validator_key == b""
    assert [v.public_key.hex() for v in genesis.validators] == [
        listed[f"validator-{number}"].validator_key for number in (1, 2)
    ]


def test_the_options_reach_the_settings(lay_out):
    out, _ = lay_out("--validators", "2", "--block-time", "250ms", "--base-port", "30000")
    body = config(out / "nodes" / "validator-2")
    assert body["consensus"]["timeout_commit"] == "250ms"
    assert body["p2p"]["laddr"] == "tcp://127.0.0.1:30010"
    assert body["rpc"]["laddr"] == "tcp://127.0.0.1:30011"
    assert body["p2p"]["persistent_peers"].endswith("@127.0.0.1:30000")
    assert body["instrumentation"]["prometheus"] is False


def test_measures_are_offered_on_the_machine_only(lay_out):
    out, _ = lay_out("--validators", "2", "--base-port", "30000", "--prometheus")
    body = config(out / "nodes" / "validator-2")["instrumentation"]
    assert body == {"prometheus": True, "prometheus_listen_addr": "127.0.0.1:30014"}


def test_it_says_who_gets_which_key_and_where_the_apis_will_be(chain, tmp_path):
    def say(name, *options):
        out = tmp_path / name
        words = ("--network", "example", "--governor", GOVERNOR, *options)
        code, _, err = chain("net", "init", out, *words)
        assert code == 0, err
        return out, err

    out, err = say("here", "--validators", "2", "--base-port", "30000")
    assert "Give each governor its key file" in err
    assert "validator-2: http://127.0.0.1:30012" in err
    assert (out / "compose.yaml").exists()
    (tmp_path / "hosts.toml").write_text(HOSTS)
    out, err = say("hosts", "--hosts", tmp_path / "hosts.toml")
    assert "No compose.yaml" in err
    assert not (out / "compose.yaml").exists()


@clause("NT-06")
def test_hosts_come_from_a_list(lay_out, tmp_path):
    (tmp_path / "hosts.toml").write_text(HOSTS)
    out, said = lay_out("--hosts", tmp_path / "hosts.toml")
    ids = {node["name"]: node["node_id"] for node in said["nodes"]}
    north, gate = (config(out / "nodes" / name)["p2p"] for name in ("north", "gate"))
    assert north["persistent_peers"] == f"{ids['gate']}@gate.example.org:26656"
    assert gate["private_peer_ids"] == ids["north"]
    assert north["laddr"] == "tcp://0.0.0.0:26656"
    assert config(out / "nodes" / "audit")["p2p"]["persistent_peers"].startswith(ids["gate"])


def test_in_containers_nodes_reach_each_other_by_name(lay_out):
    out, _ = lay_out("--validators", "2", "--containers")
    peers = config(out / "nodes" / "validator-1")["p2p"]["persistent_peers"]
    assert peers.endswith("@validator-2:26656")
    assert "ports" in yaml.safe_load((out / "compose.yaml").read_text())["services"]["validator-1"]


def test_governors_are_made_with_their_keys(chain, tmp_path, passphrase_file):
    code, out, err = chain(
        "--json", "net", "init", tmp_path / "net", "--network", "example", "--validators", "1",
        "--governors", "2", "--keys-out", tmp_path / "keys", "--passphrase-file", passphrase_file,
    )  # fmt: skip
    assert code == 0, err
    assert json.loads(out)["threshold"] == 2
    assert len(list((tmp_path / "keys").iterdir())) == 2


REFUSED = {
    "a folder that is not empty": (1, ()),
    "no place for the governors' keys": (2, ("--governors", "1")),
    "a block time that is none": (1, ("--governor", GOVERNOR, "--block-time", "soon")),
    "an address that is none": (1, ("--governor", GOVERNOR, "--first-address", "here")),
    "ports beyond the last": (1, ("--governor", GOVERNOR, "--base-port", "60000", "--observers", "64", "--validators", "64", "--sentries", "8")),
    "a chain id that is too long": (1, ("--governor", GOVERNOR, "--chain-id", "x" * 51)),
    "a list of hosts that is none": (1, ("--governor", GOVERNOR, "--hosts", "HOSTS")),
    "a threshold that nobody reaches": (2, ("--governor", GOVERNOR, "--threshold", "2")),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_laid_out_leaves_nothing(chain, tmp_path, what):
    expected, options = REFUSED[what]
    (tmp_path / "hosts.toml").write_text("[[node]]\n")
    if what == "a folder that is not empty":
        (tmp_path / "net").mkdir()
        (tmp_path / "net" / "mine").write_text("x")
    before = tree(tmp_path)
    options = [tmp_path / "hosts.toml" if word == "HOSTS" else word for word in options]
    code, out, err = chain("net", "init", tmp_path / "net", "--network", "example", *options)
    assert (code, out) == (expected, "")
    assert "Try: " in err
    assert tree(tmp_path) == before


# --- Joining --------------------------------------------------------------------------------------


def admission_in(proposal):
    """Return what a printed proposal to admit a node would have governance do."""
    words = shlex.split(proposal)
    assert words[:4] == ["registry-chain", "governance", "propose", "admit-node"]
    who = ("--as", "did:weid:example:7bGyoFAnRfE5cq4m", "--key", __file__)
    where = ("--node", "https://node.example", "--genesis", "ab" * 32)
    given = admit_node.make_context("admit-node", [*words[4:], *who, *where]).params
    makes = inspect.unwrap(admit_node.callback)
    return makes(**{name: given[name] for name in inspect.signature(makes).parameters})


@clause("NT-16", "OP-32")
def test_the_proposal_of_a_node_that_joins_has_proofs_that_the_registry_takes(chain, lay_out):
    out, said = lay_out("--validators", "2")
    operator = said["governors"][0]["did"]
    for name, *options in (
        ("east", "--role", "validator", "--operator", operator),
        ("west",),
    ):
        code, told, err = chain("--json", "net", "add-node", out, name, *options)
        assert code == 0, err
        admit = admission_in(json.loads(told)["proposal"])
        assert admit.operator == (operator if options else "")
        check_node_keys("example", admit)
        with pytest.raises(InvalidTransactionError):
            check_node_keys("elsewhere", admit)


@clause("NT-16", "OP-32")
def test_a_node_proves_its_keys_again_for_another_role_or_operator(chain, lay_out):
    out, said = lay_out("--validators", "2")
    folder, operator = out / "nodes" / "validator-1", said["governors"][0]["did"]
    for role, votes, has_key in (
        ("validator", 7, True),
        ("observer", 0, True),
        ("sentry", 0, False),
    ):
        code, told, err = chain(
            "--json", "net", "prove-keys", folder, "north", "--role", role,
            "--operator", operator, "--power", 7,
        )  # fmt: skip
        assert code == 0, err
        admit = admission_in(json.loads(told)["proposal"])
        check_node_keys("example", admit)
        assert (admit.role.value, admit.operator, admit.name) == (role, operator, "north")
        assert (admit.power, bool(admit.validator_key)) == (votes, has_key)
        assert admit.node_id.hex() == said["nodes"][0]["node_id"]


def test_only_a_node_of_a_network_proves_its_keys(chain, founded):
    code, _, err = chain("net", "prove-keys", founded, "north")
    assert code == 1
    assert "not the folder of a node of a network" in err


@clause("NT-16")
def test_a_node_joins_a_network_of_this_machine(chain, lay_out):
    out, said = lay_out("--validators", "2")
    code, told, err = chain("--json", "net", "add-node", out, "east", "--role", "validator")
    assert code == 0, err
    new = json.loads(told)
    home = out / "nodes" / "east" / "comet"
    assert read_public_keys(home)[1].raw.hex() == new["validator_key"]
    assert new["proposal"].startswith(
        f"registry-chain governance propose admit-node {new['node_id']} validator east "
        f"--validator-key {new['validator_key']} --power 10 --node-key "
    )
    peers = config(out / "nodes" / "east")["p2p"]["persistent_peers"]
    assert {peer.split("@")[0] for peer in peers.split(",")} == {
        node["node_id"] for node in said["nodes"]
    }
    assert [node.plan.name for node in read_network(out).nodes][-1] == "east"
    genesis = (out / "nodes" / "validator-1" / "comet/config/genesis.json").read_bytes()
    assert (home / "config" / "genesis.json").read_bytes() == genesis
    assert chain("net", "add-node", out, "west")[0] == 0
    ports = [port for node in read_network(out).nodes for port in node.plan.ports]
    assert len(set(ports)) == len(ports)


@clause("NT-16")
def test_a_node_elsewhere_needs_the_public_files_only(chain, lay_out, tmp_path):
    (tmp_path / "hosts.toml").write_text(HOSTS)
    out, _ = lay_out("--hosts", tmp_path / "hosts.toml")
    public = tmp_path / "public"
    public.mkdir()
    for name in ("network.json", "genesis.json", "comet-genesis.json"):
        (public / name).write_bytes((out / name).read_bytes())
    before = tree(public)
    code, told, err = chain(
        "--json", "net", "add-node", public, "east", "--out", tmp_path / "east",
        "--address", "10.0.0.9", "--trust-height", "5", "--trust-hash", "ab" * 32,
        "--rpc-server", "http://a:1", "--rpc-server", "http://b:1",
    )  # fmt: skip
    assert code == 0, err
    assert json.loads(told)["p2p"] == "10.0.0.9:26656"
    body = config(tmp_path / "east")
    assert body["statesync"]["trust_height"] == 5
    assert "gate.example.org" in body["p2p"]["persistent_peers"]
    assert "10.0.0.1:" not in body["p2p"]["persistent_peers"]
    assert tree(public) == before


@clause("NT-16")
def test_what_is_said_holds_no_private_key(chain, lay_out):
    out, _ = lay_out("--validators", "1")
    _, told, err = chain("net", "add-node", out, "east")
    config_folder = out / "nodes" / "east" / "comet" / "config"
    for name in ("node_key.json", "priv_validator_key.json"):
        secret = json.loads((config_folder / name).read_text())["priv_key"]["value"]
        assert secret[:20] not in told + err


@clause("NT-16")
def test_the_proposal_for_a_network_on_loopback_can_be_made_as_it_is_printed(chain, lay_out):
    out, said = lay_out("--validators", "1", "--base-port", "30000")
    _, _, err = chain("net", "add-node", out, "east")
    assert "--node http://127.0.0.1:30002 --unsafe-loopback-http --genesis " in err
    assert f"--genesis {said['genesis_hash']}" in err
    assert "Warning" not in err


def test_a_node_elsewhere_is_warned_of_a_network_that_listens_on_one_machine_only(chain, lay_out):
    out, _ = lay_out("--validators", "1")
    code, _, err = chain("net", "add-node", out, "east", "--address", "10.0.0.9")
    assert code == 0
    assert "Warning: the other nodes listen at 127.0.0.1 only" in err


def test_a_node_at_the_address_of_another_is_warned(chain, lay_out, tmp_path):
    (tmp_path / "hosts.toml").write_text(HOSTS)
    out, _ = lay_out("--hosts", tmp_path / "hosts.toml")
    join = ("net", "add-node", out, "east", "--address", "10.0.0.3", "--p2p-port", "26700")
    code, _, err = chain(*join)
    assert code == 0
    assert "Warning: audit is at 10.0.0.3 too" in err
    assert "--unsafe-loopback-http" not in err


WRONG_JOINS = {
    "a name that is taken": (1, ("validator-1",)),
    "a name that leaves the folder": (1, ("../east",)),
    "a hash without a height": (2, ("east", "--trust-hash", "ab" * 32)),
    "one RPC server": (
        1, ("east", "--trust-height", "5", "--trust-hash", "ab" * 32, "--rpc-server", "http://a:1"),
    ),
    "an address that is none": (1, ("east", "--address", "a b")),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG_JOINS)
def test_a_node_that_cannot_join_leaves_nothing(chain, lay_out, what, tmp_path):
    out, _ = lay_out("--validators", "1")
    before = tree(tmp_path)
    expected, words = WRONG_JOINS[what]
    code, told, err = chain("net", "add-node", out, *words)
    assert (code, told) == (expected, ""), err
    assert tree(tmp_path) == before


# --- Not running ----------------------------------------------------------------------------------


@pytest.fixture
def silent(monkeypatch):
    """Let no node answer: another network on this machine may listen at the same ports."""

    class Nobody:
        def __init__(self, address, timeout):
            del address, timeout

        def status(self):
            raise RegistryUnavailableError("nobody answers")

        def close(self):
            pass

    monkeypatch.setattr(net_running, "CometRpc", Nobody)


@clause("NT-14")
@pytest.mark.usefixtures("silent")
def test_a_network_that_does_not_run_is_told(chain, lay_out):
    out, _ = lay_out("--validators", "2")
    code, told, err = chain("--json", "net", "status", out)
    assert code == 20
    assert [node["state"] for node in json.loads(told)["nodes"]] == ["down", "down"]
    assert "validator-1 is down (it does not run)" in err
    assert "0 of 20 voting power runs; more than two thirds must" in err
    assert json.loads(told)["voting_power"] == {"running": 0, "total": 20, "enough": False}


def stopped_in_order(out, *names):
    for name in names:
        write_status(out / "nodes" / name, {"state": "stopped"})


@clause("NT-14")
@pytest.mark.usefixtures("silent")
def test_a_network_that_was_stopped_is_told_with_what_starts_it(chain, lay_out):
    out, _ = lay_out("--validators", "2", "--base-port", "30000")
    stopped_in_order(out, "validator-1", "validator-2")
    code, told, err = chain("net", "status", out)
    assert code == 20
    assert "the network is stopped" in told
    assert "http://127.0.0.1:30002" in told
    assert f"registry-chain net start {out}\n" in err


@clause("NT-14")
@pytest.mark.usefixtures("silent")
def test_a_node_that_was_stopped_is_told_with_what_starts_it(chain, lay_out):
    out, _ = lay_out("--validators", "2")
    stopped_in_order(out, "validator-2")
    code, told, err = chain("--json", "net", "status", out)
    assert code == 20
    assert [node["state"] for node in json.loads(told)["nodes"]] == ["down", "stopped"]
    assert f"registry-chain net start {out} validator-2" in err


def killed(out, *names):
    """Leave what a killed supervisor leaves: its last word, a lock that nobody holds."""
    for name in names:
        # The number has gone to another process, this one.
        write_status(out / "nodes" / name, {"state": "running", "supervisor": os.getpid()})
        (out / "nodes" / name / LOCK_FILE).touch()


@clause("NT-12", "NT-14")
@pytest.mark.usefixtures("silent")
def test_a_node_whose_supervisor_was_killed_is_told(chain, lay_out):
    out, _ = lay_out("--validators", "2")
    stopped_in_order(out, "validator-1")
    killed(out, "validator-2")
    code, told, err = chain("net", "status", out)
    assert code == 20
    assert "the network is stopped" in told
    assert ["stopped (was killed)" in line for line in told.splitlines()[1:3]] == [False, True]
    code, told, err = chain("--json", "net", "status", out)
    nodes = json.loads(told)["nodes"]
    assert [(node["state"], node["reason"]) for node in nodes] == [
        ("stopped", ""), ("stopped", "was killed"),
    ]  # fmt: skip
    assert f"registry-chain net start {out}\n" in err


@clause("NT-12", "NT-14")
@pytest.mark.usefixtures("silent")
def test_a_node_whose_supervisor_holds_its_lock_is_starting(chain, lay_out):
    out, _ = lay_out("--validators", "1")
    killed(out, "validator-1")
    with supervising(out / "nodes" / "validator-1", sleep=lambda _: None):
        code, _, err = chain("net", "status", out)
    assert code == 20
    assert "validator-1 is down (it is starting)" in err


@clause("NT-13")
def test_a_node_that_was_started_otherwise_is_left_as_it_is(chain, lay_out, monkeypatch):
    """As by a unit of systemd: a second supervisor would give up, and a pid file would name it."""
    out, _ = lay_out("--validators", "1")
    folder = out / "nodes" / "validator-1"
    monkeypatch.setattr(net_running, "find_binary", lambda _: Binary(Path("/none"), "0.39.4"))
    monkeypatch.setattr(net_running, "start_node", pytest.fail)
    with supervising(folder, sleep=lambda _: None):
        assert chain("net", "start", out, "--wait", 0)[0] == 0
        code, told, err = chain("net", "stop", out)
    assert code == 1
    assert "validator-1" in told
    assert "runs and was not started by net start" in err
    assert "Ctrl-C" in err


@clause("NT-13")
def test_single_nodes_are_stopped_by_name(chain, lay_out):
    out, _ = lay_out("--validators", "3")
    code, told, _ = chain("--json", "net", "stop", out, "validator-3", "validator-1")
    assert code == 0
    assert set(json.loads(told)) == {"validator-1", "validator-3"}


@pytest.mark.parametrize("command", ["start", "stop"])
def test_a_name_that_no_node_has_is_told(chain, lay_out, command):
    out, _ = lay_out("--validators", "2")
    code, told, err = chain("net", command, out, "validator-1", "west")
    assert (code, told) == (1, "")
    assert "no node of the name 'west'" in err
    assert "validator-1, validator-2" in err


@clause("NT-13")
def test_stopping_what_does_not_run_is_no_fault(chain, lay_out):
    out, _ = lay_out("--validators", "2")
    code, told, _ = chain("--json", "net", "stop", out)
    assert code == 0
    assert json.loads(told) == {"validator-1": "was not running", "validator-2": "was not running"}


@clause("NT-01")
def test_without_cometbft_nothing_is_started(chain, lay_out, tmp_path):
    out, _ = lay_out("--validators", "1")
    before = tree(tmp_path)
    code, told, err = chain("net", "start", out, "--cometbft", tmp_path / "none")
    assert (code, told) == (1, "")
    assert "make cometbft" in err
    assert tree(tmp_path) == before


@pytest.mark.parametrize("command", ["start", "stop", "status"])
def test_a_network_of_several_hosts_is_run_on_these(chain, lay_out, tmp_path, command):
    (tmp_path / "hosts.toml").write_text(HOSTS)
    out, _ = lay_out("--hosts", tmp_path / "hosts.toml")
    code, told, err = chain("net", command, out)
    assert (code, told) == (1, "")
    assert "on several hosts" in err


@pytest.mark.parametrize("command", ["start", "stop", "status"])
def test_a_folder_that_is_no_network_s_is_told(chain, tmp_path, command):
    code, told, err = chain("net", command, tmp_path)
    assert (code, told) == (1, "")
    assert "network.json" in err
