"""Moving a registry from one node to four: nothing is lost, and clients follow by themselves."""

from __future__ import annotations

import pytest

from tests.support.clauses import clause
from tests.support.network_process import CLOCK, PASSPHRASE, NetworkProcesses, free_ports, until
from tests.support.node_process import call, found, running
from weid.crypto.key_file import load_key_file
from weid.crypto.signer import InMemorySigner
from weid.errors import RegistryUnavailableError
from weid.registry.author import Author
from weid.registry.http_client import HttpRegistry
from weid.registry.http_source import HttpSource
from weid.registry.light_client import LightClient
from weid.registry.operations import AnchorEvidence
from weid.registry.past_headers import verify_past
from weid.registry.pinned_genesis import parse_genesis
from weid.registry.trusted_heads import FileTrustedHeads
from weid.transport import GuardedTransport

pytestmark = pytest.mark.cometbft


def registry_at(address, facts, heads):
    return HttpRegistry(
        address,
        genesis_hash=bytes.fromhex(facts["genesis_hash"]),
        transport=GuardedTransport(allow_loopback_http=True),
        clock=CLOCK,
        head_store=heads,
    )


def governor_of(facts, registry):
    governor = facts["governors"][0]
    signer = InMemorySigner(load_key_file(governor["key_file"], PASSPHRASE))
    return Author(governor["did"], {"control-1": signer}, registry, CLOCK)


def walked_back(address, facts):
    """Go back from the newest header to the first one, across the hand-over."""
    source = HttpSource(address, GuardedTransport(allow_loopback_http=True))
    pinned = parse_genesis(
        source.genesis(), expected_genesis_hash=bytes.fromhex(facts["genesis_hash"])
    )
    client = LightClient(pinned.root, clock=CLOCK)
    height = client.update(source).height
    below = client.newest
    while height > pinned.root.initial_height:
        block = source.light_block(height - 1)
        height = verify_past(client, block, below=below, source=source).height
        below = block
    return height


@clause("CN-28", "CN-29", "CN-30", "LC-PAST")
def test_a_registry_moves_from_one_node_to_four_in_every_version(cometbft_binary, tmp_path):
    facts = found(tmp_path, "--governors", "1")
    old = tmp_path / "node"
    network = NetworkProcesses(tmp_path, cometbft_binary)
    heads = FileTrustedHeads(tmp_path / "heads")
    with running(old) as node:
        registry = registry_at(node.address, facts, heads)
        governor = governor_of(facts, registry)
        before = governor.submit(AnchorEvidence(b"\x01" * 32, "before"))
        plan = network.told(
            "migrate", "prepare", old, network.path, "--validators", 4,
            "--block-time", "300ms", "--base-port", free_ports(100),
        )  # fmt: skip
        network.facts, network.passphrase = facts, tmp_path / "passphrase"
        for proposal in plan["proposals"]:
            network.decide(proposal, node.address)
        with pytest.raises(RegistryUnavailableError, match="handed over to other validators"):
            governor.submit(AnchorEvidence(b"\x02" * 32))
        node.terminate()
    refused = call("start", old, "--port", "0", check=False)
    assert "handed over" in refused.stderr
    moved = network.told("migrate", "finish", old, network.path)
    assert len(moved["validators"]) == 4
    again = network.call("migrate", "finish", old, network.path, check=False)
    assert "has a chain already" in again.stderr
    try:
        network.call("net", "start", network.path)
        address = network.address("validator-3")
        follower = registry_at(address, facts, FileTrustedHeads(tmp_path / "heads"))
        assert follower.receipt(before.transaction_id) == before
        after = governor_of(facts, follower).submit(AnchorEvidence(b"\x03" * 32, "after"))
        assert after.height > moved["height"]
        fresh = registry_at(network.address("validator-1"), facts, None)
        assert until(lambda: fresh.evidence(b"\x03" * 32), "the record on another node")
        assert fresh.evidence(b"\x01" * 32)[0].signer == governor.did
        assert fresh.handover().height < moved["height"] + 1
        assert walked_back(network.address("validator-2"), facts) == 1
    finally:
        network.call("net", "stop", network.path)
    for one in plan["nodes"]:
        assert call("verify", one["folder"], "--replay").stdout.startswith("intact")
