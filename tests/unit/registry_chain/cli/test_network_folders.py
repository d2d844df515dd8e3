"""What is said of the folders and backups of networks, and of a node that handed over to one."""

from __future__ import annotations

import json

import pytest

from registry_chain.cli import status as status_command
from registry_chain.reader import RecordReader
from tests.support.chain_folders import open_chain
from tests.support.clauses import clause
from weid.crypto.keys import PrivateKey
from weid.registry.node_operations import ConsensusEngine
from weid.registry.records import HandoverRecord, Version

GOVERNOR = "Ministry=" + PrivateKey.from_seed(b"\x01" * 32).public.to_multikey()
SEALS = "The node cannot seal blocks until its sealing key"


def handed_over_at(height):
    return HandoverRecord(height, ConsensusEngine.COMETBFT, bytes(32), Version(1, height, 0))


@pytest.fixture
def handed_over(monkeypatch):
    """Let every chain say that it was handed over at a height."""

    def at(height):
        monkeypatch.setattr(RecordReader, "handover", lambda _: handed_over_at(height))

    return at


@pytest.fixture
def network_folder(chain, tmp_path):
    out = tmp_path / "net"
    asked = ("--network", "example", "--governor", GOVERNOR, "--validators", "1")
    assert chain("net", "init", out, *asked)[0] == 0
    return out


def test_a_list_of_nodes_that_cannot_be_read_is_not_said_to_be_missing(chain, tmp_path):
    code, _, err = chain("net", "status", tmp_path)
    assert code == 1
    assert "it has no network.json" in err
    (tmp_path / "network.json").mkdir()
    code, _, err = chain("net", "status", tmp_path)
    assert code == 1
    assert "network.json cannot be read: Is a directory" in err


FOR_A_NODE = {
    "status": ("status", "NET"),
    "nodes": ("nodes", "NET"),
    "start": ("start", "NET"),
    "webhooks list": ("webhooks", "list", "NET"),
    "webhooks key": ("webhooks", "key", "NET"),
    "migrate prepare": ("migrate", "prepare", "NET", "NEW"),
}


@pytest.mark.parametrize("command", FOR_A_NODE)
def test_the_folder_of_a_network_is_not_taken_for_a_node_s(
    chain, network_folder, tmp_path, command
):
    before = sorted(network_folder.rglob("*"))
    places = {"NET": network_folder, "NEW": tmp_path / "new"}
    code, out, err = chain(*(places.get(word, word) for word in FOR_A_NODE[command]))
    assert (code, out) == (1, "")
    assert sorted(network_folder.rglob("*")) == before
    assert not (tmp_path / "new").exists()
    assert "is the folder of a network" in err
    assert f"registry-chain net status {network_folder}" in err
    assert f"registry-chain start {network_folder}" not in err


def test_a_restored_chain_of_one_sealer_needs_its_key(chain, begun, tmp_path):
    code, _, err = chain("backup", begun, tmp_path / "backup")
    assert code == 0
    assert "neither the sealing key" in err
    code, _, err = chain("restore", tmp_path / "backup", tmp_path / "new")
    assert code == 0
    assert SEALS in err


@clause("NT-20")
@pytest.mark.parametrize("height", [0, 7])
def test_no_sealing_key_is_asked_for_a_chain_of_a_network(
    chain, begun, tmp_path, handed_over, height
):
    assert chain("backup", begun, tmp_path / "backup")[0] == 0
    handed_over(height)
    code, _, err = chain("restore", tmp_path / "backup", tmp_path / "new")
    assert code == 0
    assert "sealing key" not in err
    assert "The chain is of a network" in err


@clause("NT-20")
def test_the_backup_of_a_network_s_node_speaks_of_the_keys_that_it_has(chain, begun, tmp_path):
    data = begun / "comet" / "data"
    data.mkdir(parents=True)
    for name in ("blockstore.db", "state.db", "evidence.db"):
        (data / name).mkdir()
    code, _, err = chain("backup", begun, tmp_path / "backup")
    assert code == 0, err
    assert "neither the node's keys" in err
    assert "sealing key" not in err
    code, _, err = chain("restore", tmp_path / "backup", tmp_path / "new")
    assert code == 0, err
    assert "sealing key" not in err


def test_nodes_of_a_network_that_was_founded_as_one_were_not_handed_over(chain, begun, handed_over):
    handed_over(0)
    code, out, _ = chain("nodes", begun)
    assert (code, out) == (0, "no nodes\n")
    handed_over(7)
    assert "handed over to cometbft at height 7" in chain("nodes", begun)[1]


@clause("LC-HANDOVER")
def test_the_status_of_a_node_that_handed_over_says_so(chain, begun, handed_over):
    assert "handed over" not in chain("status", begun)[1]
    handed_over(0)
    assert "handed over" not in chain("status", begun)[1]
    handed_over(7)
    code, out, _ = chain("status", begun)
    assert code == 0
    assert "to cometbft at height 7: no block is made here any more" in out
    (begun / "comet").mkdir()
    assert "no block is made" not in chain("status", begun)[1]


@clause("LC-HANDOVER")
@pytest.mark.parametrize("gone", [True, False])
def test_a_running_node_that_handed_over_is_shown_however_old_its_last_block_is(
    chain, begun, monkeypatch, gone
):
    (begun / "address").write_text("http://127.0.0.1:1")

    def ask(console, nodes, any_age):
        del console, nodes
        if not any_age:
            raise status_command.RegistryUnavailableError("too old")
        return {"height": 9} | ({"handed_over": "to cometbft at height 7"} if gone else {})

    monkeypatch.setattr(status_command, "_ask", ask)
    monkeypatch.setattr(status_command, "open_own", lambda *_, any_age=False, **__: any_age)
    with open_chain(begun):
        code, out, err = chain("--json", "status", begun)
    if gone:
        assert code == 0
        assert "no block is made here" in json.loads(out)["handed_over"]
    else:
        assert code != 0
        assert "too old" in err


def test_what_the_governors_are_to_decide_names_who_answers_for_each_node(chain, begun, tmp_path):
    did = "did:web:operator.example"
    hosts = tmp_path / "hosts.toml"
    hosts.write_text(
        f'[[node]]\nname = "north"\nrole = "validator"\naddress = "10.0.0.1"\noperator = "{did}"\n'
        'power = 7\nsentries = ["gate"]\n'
        '[[node]]\nname = "gate"\nrole = "sentry"\naddress = "10.0.0.2"\n'
    )
    code, told, err = chain(
        "--json", "migrate", "prepare", begun, tmp_path / "net", "--hosts", hosts
    )
    assert code == 0, err
    said = json.loads(told)
    north, gate = said["nodes"]
    propose = "registry-chain governance propose"
    key = north["validator_key"]
    votes = f"validator north --validator-key {key} --power 7 --operator {did}"
    admit_north, admit_gate, hand_over = said["proposals"]
    assert admit_north.startswith(f"{propose} admit-node {north['node_id']} {votes} --node-key ")
    assert admit_gate.startswith(f"{propose} admit-node {gate['node_id']} sentry gate --node-key ")
    assert hand_over == f"{propose} hand-over cometbft"
