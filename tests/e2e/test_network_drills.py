"""What an operator of a node does on a bad day: backup, restore, a lost folder, other keys."""

from __future__ import annotations

import json
import shutil
import urllib.request

import pytest

from registry_chain.engines.cometbft.data_folder import COPIED
from tests.support.clauses import clause
from tests.support.network_process import PASSPHRASE, running_network, until
from weid.crypto.key_file import save_key_file
from weid.crypto.keys import PrivateKey
from weid.errors import RegistryUnavailableError
from weid.registry.operations import AnchorEvidence
from weid.registry.records import NodeStatus

pytestmark = pytest.mark.cometbft

SIGNED = "priv_validator_state.json"


@pytest.fixture(scope="module")
def network(cometbft_binary, tmp_path_factory):
    folder = tmp_path_factory.mktemp("drills")
    with running_network(folder, cometbft_binary, "--validators", 4, "--observers", 1) as found:
        yield found


def lose_chain_and_data(folder):
    shutil.rmtree(folder / "chain")
    for name in (*COPIED, "cs.wal"):
        shutil.rmtree(folder / "comet" / "data" / name)


def signed(folder):
    body = json.loads((folder / "comet" / "data" / SIGNED).read_text())
    return int(body["height"]), body["round"], body["step"]


def start_again(network, name, receipt):
    """Start the network's nodes; return when a node has a receipt and one state with the others."""
    network.call("net", "start", network.path)

    def has_it():
        try:
            return network.registry(name).receipt(receipt.transaction_id)
        except (RegistryUnavailableError, FileNotFoundError):
            return None

    assert until(has_it, f"{name} to follow") == receipt
    until(lambda: network.told("net", "status", network.path)["good"], "one state")


def nobody_signed_twice(network):
    return all(node.misbehaved_at is None for node in network.registry("validator-1").nodes())


@clause("NT-21", "NT-22", "D9")
def test_a_validator_that_lost_its_chain_gets_it_from_the_others_and_never_signs_twice(
    network, tmp_path
):
    folder = network.path / "nodes" / "validator-4"
    governor = network.governor(network.registry("validator-1"))
    governor.submit(AnchorEvidence(b"\x01" * 32))
    network.call("backup", folder, tmp_path / "backup")
    running = network.call("net", "rejoin", folder, check=False)
    assert "is running" in running.stderr
    network.stop("validator-4")
    before = signed(folder)
    lose_chain_and_data(folder)
    refused = network.call("restore", tmp_path / "backup", folder, check=False)
    assert "made of a running node" in refused.stderr
    (folder / "comet" / "data" / SIGNED).rename(tmp_path / SIGNED)
    unknown = network.call("net", "rejoin", folder, check=False)
    assert "nobody knows what this node's key has signed" in unknown.stderr
    (tmp_path / SIGNED).rename(folder / "comet" / "data" / SIGNED)
    network.call("net", "rejoin", folder)
    receipt = governor.submit(AnchorEvidence(b"\x02" * 32))
    start_again(network, "validator-4", receipt)
    until(lambda: signed(folder) > before, "the validator to vote")
    assert nobody_signed_twice(network)


@clause("NT-20", "D16")
def test_a_backup_of_a_stopped_node_comes_back_as_another_node_of_the_network(network, tmp_path):
    folder = network.path / "nodes" / "validator-3"
    governor = network.governor(network.registry("validator-1"))
    governor.submit(AnchorEvidence(b"\x03" * 32))
    network.stop("observer-1")
    told = network.told("backup", network.path / "nodes" / "observer-1", tmp_path / "backup")
    receipt = governor.submit(AnchorEvidence(b"\x04" * 32))
    network.stop("validator-3")
    before = signed(folder)
    occupied = network.call("restore", tmp_path / "backup", folder, check=False)
    assert occupied.returncode != 0
    lose_chain_and_data(folder)
    back = network.told(
        "restore", tmp_path / "backup", folder,
        "--expected-height", told["height"], "--expected-hash", told["block_hash"],
    )  # fmt: skip
    assert back == told
    assert signed(folder) == before
    start_again(network, "validator-3", receipt)
    until(lambda: signed(folder) > before, "the validator to vote")
    assert nobody_signed_twice(network)


@clause("NT-19")
def test_an_operator_gives_its_node_other_keys_without_any_governor(network):
    registry = network.registry("validator-1")
    governor = network.governor(registry)
    operator = network.facts["governors"][0]
    added = network.told(
        "net", "add-node", network.path, "harbour", "--role", "validator",
        "--operator", operator["did"],
    )  # fmt: skip
    node_id = bytes.fromhex(added["node_id"])
    network.decide(
        added["proposal"].replace("--power 10", "--power 1"), network.address("validator-1")
    )
    start_again(network, "harbour", governor.submit(AnchorEvidence(b"\x05" * 32)))
    folder = network.path / "nodes" / "harbour"
    asked = ("--node", network.address("validator-1"), "--genesis", network.genesis_hash.hex())
    rotate = ("net", "rotate-keys", folder, "--which", "both", *asked, "--unsafe-loopback-http")
    proposal = network.told(*rotate)
    stranger = network.folder / "stranger.key"
    save_key_file(stranger, PrivateKey.generate(), PASSPHRASE)
    own = ("--as", operator["did"], "--passphrase-file", network.passphrase)
    refused = network.call(*rotate, *own, "--key", stranger, check=False)
    assert refused.returncode == 1
    assert "belong together" in refused.stderr
    assert registry.node(node_id).status is NodeStatus.ACTIVE
    done = network.told(*rotate, *own, "--key", operator["key_file"])
    # The keys that were made for the proposal are those that the registry has now.
    assert done["node_id"] == proposal["new_id"]
    assert done["validator_key"] == proposal["validator_key"]
    record = registry.node(bytes.fromhex(done["node_id"]))
    assert (record.status, record.validator_key.hex()) == (
        NodeStatus.ACTIVE,
        done["validator_key"],
    )
    assert registry.node(node_id).replaced_by == record.node_id
    network.stop("harbour")
    before = signed(folder)
    start_again(network, "harbour", governor.submit(AnchorEvidence(b"\x06" * 32)))
    until(lambda: signed(folder) > before, "the validator to vote with its new key")
    assert nobody_signed_twice(network)


def test_the_measures_of_a_node_tell_how_the_network_stands(network):
    with urllib.request.urlopen(network.address("validator-1") + "/metrics", timeout=30) as reply:
        text = reply.read().decode()
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert lines["weid_cometbft_up"] == "1"
    assert lines["weid_own_voting_power"] == "10"
    assert int(lines["weid_peers"]) >= 3
    assert int(lines["weid_decided_height"]) >= int(lines["weid_state_height"]) > 0
    assert lines["weid_misbehaved_nodes"] == "0"
