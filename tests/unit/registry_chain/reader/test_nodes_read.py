"""Reading nodes, scheduled rules and the hand-over: as values, with proof, from a bundle."""

from __future__ import annotations

from typing import cast

import pytest

from registry_chain.state_machine.rules.table import RULES
from tests.support.chain_world import NETWORK, ChainWorld
from tests.support.clauses import clause
from tests.support.network_nodes import admission, key_of, node_id, rotation
from weid.errors import RegistryUnavailableError
from weid.registry.bundle_export import BundleScope
from weid.registry.node_operations import (
    HandOver,
    NodeRole,
    RemoveNode,
    ScheduleRules,
)
from weid.registry.operations import GovernedAction, Propose
from weid.registry.plain import PlainRegistry
from weid.registry.proved_reader import ProvedReader
from weid.registry.trust_bundle import TrustBundle, export_bundle

IDS = tuple(node_id(str(number)) for number in range(60))


class Network:
    """A chain whose governor admits nodes, and its readers."""

    def __init__(self) -> None:
        self.world = ChainWorld()

    def decide(self, *actions: GovernedAction) -> None:
        until = self.world.clock.now() + 600
        receipt = self.world.submit(self.world.sign(*(Propose(one, until) for one in actions)))
        assert receipt.code == 0

    @property
    def proved(self) -> ProvedReader:
        world = self.world
        return ProvedReader(
            [world.reader], genesis_hash=world.genesis.genesis_hash, clock=world.clock
        )


@pytest.fixture
def network() -> Network:
    return Network()


@clause("OP-23", "ST-06", "NA-08", "R40")
def test_all_nodes_are_read_with_proof_and_in_order(network: Network) -> None:
    records = network.world.records
    assert network.proved.nodes() == records.nodes() == ()
    observers = [
        admission(one, NodeRole.OBSERVER, f"Node {n}", network=NETWORK) for n, one in enumerate(IDS)
    ]
    network.decide(*observers)
    another = node_id("another")
    network.decide(RemoveNode(IDS[0]), rotation(IDS[1], another, network=NETWORK))
    found = network.proved.nodes()
    assert found == records.nodes()
    assert [one.node_id for one in found] == sorted([*IDS, another])
    for one in (IDS[0], IDS[1], IDS[2], another, b"\xff" * 20):
        assert network.proved.node(one) == records.node(one)
    assert records.node(b"\xff" * 20) is None
    plain = PlainRegistry("office", found, clock=network.world.clock)
    assert plain.nodes() == found
    assert plain.node(IDS[2]) == records.node(IDS[2])


@clause("OP-27")
def test_scheduled_rules_are_pending_until_their_height(network: Network) -> None:
    world = network.world
    assert network.proved.pending_rules() is world.records.pending_rules() is None
    height = world.engine.head().height + 30
    network.decide(ScheduleRules(2, height))
    pending = world.records.pending_rules()
    assert pending is not None
    assert (pending.rules_version, pending.height) == (2, height)
    assert network.proved.pending_rules() == pending
    network.decide(ScheduleRules(1, 0))
    assert network.proved.pending_rules() is world.records.pending_rules() is None


@clause("OP-27", "LC-PROOF")
def test_every_head_proves_its_state_while_the_rules_change(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cast("dict[int, object]", RULES), 2, RULES[1])
    world = network.world
    height = world.engine.head().height + 25
    network.decide(ScheduleRules(2, height))
    seen = set()
    while world.engine.head().height < height + 4:
        # Blocks with transactions and heartbeats in turn: either may be the first of the new rules.
        world.submit(world.anchor())
        found = network.proved.parameter("rules_version")
        assert found == world.records.parameter("rules_version")
        assert found is not None
        assert network.proved.pending_rules() == world.records.pending_rules()
        seen.add((found.value, network.proved.pending_rules() is None))
        world.clock.advance(31)
        world.engine.keep_fresh()
    assert (1, False) in seen
    assert (2, True) in seen


@clause("OP-28", "TB-05")
def test_a_hand_over_is_read_with_proof_and_from_a_bundle(network: Network) -> None:
    world = network.world
    assert network.proved.handover() is world.records.handover() is None
    voting = key_of("a")
    admit = admission(IDS[0], NodeRole.VALIDATOR, "Harbour", "", voting, 5, network=NETWORK)
    network.decide(admit)
    network.decide(ScheduleRules(2, 1000))
    network.decide(HandOver())
    record = world.records.handover()
    assert record is not None
    assert network.proved.handover() == record
    data = export_bundle(network.proved, clock=world.clock)
    bundle = TrustBundle(data, genesis_hash=world.genesis.genesis_hash, clock=world.clock)
    assert bundle.handover() == record
    assert bundle.nodes() == world.records.nodes() != ()
    assert bundle.pending_rules() == world.records.pending_rules() is not None
    part = export_bundle(network.proved, clock=world.clock, scope=BundleScope(templates=()))
    narrow = TrustBundle(part, genesis_hash=world.genesis.genesis_hash, clock=world.clock)
    for ask in (narrow.nodes, narrow.handover, narrow.pending_rules):
        with pytest.raises(RegistryUnavailableError):
            ask()
