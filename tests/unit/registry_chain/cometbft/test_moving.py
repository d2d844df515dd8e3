"""From the embedded engine to CometBFT: the same registry, and clients that follow."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from registry_chain.engines.cometbft.calls import ChainStart
from registry_chain.engines.cometbft.founding import ChainEnd, block_max_bytes, comet_genesis
from registry_chain.engines.cometbft.moving import moved_chain, node_records
from registry_chain.engines.embedded.embedded import EmbeddedEngine
from registry_chain.engines.embedded.inline import InlineEngine
from registry_chain.state_machine.block import ValidatorUpdate
from registry_chain.storage.errors import StoreRefusedError
from registry_chain.storage.integrity import find_damage
from registry_chain.storage.memory import MemoryChainStore
from registry_chain.storage.store import ChainStore, Checkpoint, Table
from tests.support.abci_driver import MockNetwork, MockNode
from tests.support.chain_world import NOW, SEALER, ChainWorld, signer
from tests.support.clauses import clause
from tests.support.comet_network import NAMES, RealNode, real_network
from tests.support.light_chain import key
from tests.support.network_nodes import admission, holds, node_id
from weid.clock import FixedClock
from weid.errors import RegistryUnavailableError
from weid.registry.light_client import LightClient
from weid.registry.node_operations import ConsensusEngine, HandOver, NodeRole
from weid.registry.operations import GovernedAction, Propose, SetParameter
from weid.registry.proved_reader import ProvedReader
from weid.registry.validators import Validator, ValidatorSet

_POWER = 10


def decide(world: ChainWorld, action: GovernedAction) -> None:
    world.submit(world.sign(Propose(action, world.clock.now() + 600)))


def handed_over(
    make: type[InlineEngine | EmbeddedEngine] = InlineEngine, before: Sequence[GovernedAction] = ()
) -> ChainWorld:
    """Return a registry with some history whose governors handed it over to four nodes."""
    world = ChainWorld(make=make)
    world.submit(world.anchor("before"))
    for action in before:
        decide(world, action)
    return hand_over(world)


def hand_over(world: ChainWorld) -> ChainWorld:
    """Have the governors of a registry admit four nodes and hand it over to them."""
    for name in NAMES:
        voting = holds(signer(key(name)))
        decide(
            world,
            admission(
                node_id(name),
                NodeRole.VALIDATOR,
                name,
                validator_key=voting,
                power=_POWER,
                network=world.genesis.network,
            ),
        )
    decide(world, HandOver(ConsensusEngine.COMETBFT))
    return world


def copied(store: ChainStore) -> MemoryChainStore:
    """Return a copy of a store, as `migrate` gives each node one."""
    copy = MemoryChainStore()
    with store.snapshot() as snapshot:
        writes = {table: dict(snapshot.items(table)) for table in Table}
    copy.write(writes, Checkpoint(0, bytes(32), bytes(32)))
    return copy


def moved_network(world: ChainWorld) -> tuple[MockNetwork, list[RealNode], ChainEnd]:
    """Return the network of four that goes on with a registry, begun."""
    end = moved_chain(world.store)
    clock = FixedClock(NOW + 100)
    nodes = [
        RealNode(
            name,
            world.genesis,
            store=copied(world.store),
            clock=clock,
            initial_height=end.height + 1,
        )
        for name in NAMES
    ]
    made = comet_genesis(world.genesis, {}, moved=end)
    network = MockNetwork(
        [MockNode(node.name, node.open) for node in nodes],
        chain_id=world.genesis.chain_id,
        initial_height=end.height + 1,
        app_state=json.dumps(json.loads(made)["app_state"]).encode(),
        start_ns=end.time_ns + 1,
        power=_POWER,
    )
    for node in nodes:
        node.network = network
    network.begin()
    return network, nodes, end


@clause("CN-28")
@pytest.mark.parametrize("make", [InlineEngine, EmbeddedEngine])
def test_the_last_block_announces_the_new_validators_and_no_other_follows(
    make: type[InlineEngine | EmbeddedEngine],
) -> None:
    world = handed_over(make)
    newest = world.reader.light_block(None)
    expected = ValidatorSet.of([Validator(key(name).public.raw, _POWER) for name in NAMES])
    assert newest.header.next_validators_hash == expected.hash()
    world.clock.advance(3600)
    with pytest.raises(RegistryUnavailableError, match=r"handed over|closing"):
        world.submit(world.anchor("after"))
    world.engine.keep_fresh()
    assert world.reader.light_block(None) == newest
    with pytest.raises(StoreRefusedError, match="handed over"):
        InlineEngine(world.application, signer(SEALER), clock=world.clock)
    assert list(find_damage(world.store)) == []


@clause("CN-28")
def test_the_engine_that_handed_over_says_so_once_in_its_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = handed_over(EmbeddedEngine)
    world.engine.close()
    told = [record for record in caplog.records if "handed over" in record.getMessage()]
    assert [record.levelname for record in told] == ["WARNING"]
    assert world.engine.failure is not None
    assert "handed over to other validators" in world.engine.failure


@clause("CN-29")
def test_every_node_makes_the_same_genesis_of_it() -> None:
    world = handed_over()
    end = moved_chain(world.store)
    names = {node.validator_key: node.name for node in node_records(world.store)}
    made = comet_genesis(world.genesis, names, moved=end)
    assert made == comet_genesis(world.genesis, names, moved=moved_chain(copied(world.store)))
    body = json.loads(made)
    assert body["initial_height"] == str(end.height + 1)
    assert body["app_state"] == {
        "genesis_hash": world.genesis.genesis_hash.hex(),
        "last_header_hash": end.header_hash.hex(),
        "app_hash": end.app_hash.hex(),
    }
    assert {(v["name"], v["power"]) for v in body["validators"]} == {
        (name, str(_POWER)) for name in NAMES
    }


def test_a_chain_that_was_not_handed_over_does_not_move() -> None:
    with pytest.raises(StoreRefusedError, match="not handed over"):
        moved_chain(ChainWorld().store)


@clause("CN-30")
def test_a_client_follows_without_a_new_pin_and_everything_is_still_there() -> None:
    world = handed_over()
    remembered = LightClient(world.trust_root(), clock=FixedClock(NOW + 200))
    remembered.update(world.reader)
    network, nodes, end = moved_network(world)
    for _ in range(3):
        network.decide()
        for node in nodes:
            node.settle()
    newest = end.height + 3
    for node in nodes:
        fresh = LightClient(world.trust_root(), clock=FixedClock(NOW + 200))
        assert fresh.update(node.reader()).height == newest
    assert remembered.update(nodes[0].reader()).height == newest
    proved = ProvedReader(
        [nodes[2].reader()],
        genesis_hash=world.genesis.genesis_hash,
        clock=FixedClock(NOW + 200),
        max_head_age=None,
    )
    assert proved.batch(world.did, hashlib.sha256(b"batch before").digest()) is not None
    assert proved.handover() is not None
    for node in nodes:
        assert list(find_damage(node.store)) == []


def test_a_moved_chain_can_be_handed_over_only_once() -> None:
    world = handed_over()
    network, nodes, _ = moved_network(world)
    network.decide()
    for node in nodes:
        node.settle()
    with pytest.raises(StoreRefusedError, match="has gone on"):
        moved_chain(nodes[0].store)


@clause("CN-33")
def test_a_chain_that_moves_has_the_size_of_blocks_of_its_state() -> None:
    world = handed_over(before=[SetParameter("max_block_bytes", 16 * 2**20)])
    network, nodes, _ = moved_network(world)
    by_genesis = block_max_bytes(world.genesis.parameter)
    assert network.block_bytes == by_genesis + 8 * 2**20
    # One whose CometBFT knows it already is left as it is.
    known = replace(network.start, block_bytes=network.block_bytes)
    assert nodes[0].open().init_chain(known).block_bytes == 0
    stale = replace(network.start, block_bytes=by_genesis)
    assert nodes[0].open().init_chain(stale).block_bytes == network.block_bytes


@clause("CN-29")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"chain_id": "another-1"}, "of chain another-1"),
        ({"initial_height": 1}, "from height 1"),
        ({"app_state": b""}, "app_state of CometBFT's genesis"),
        ({"app_state": b"{}"}, "genesis_hash is missing"),
        ({"app_state": b'{"genesis_hash": 7}'}, "genesis_hash is 7, the store's is"),
        ({"validators": (ValidatorUpdate(key("five").public.raw, 1),)}, "other validators"),
    ],
)
def test_another_genesis_is_refused(change: dict[str, object], told: str) -> None:
    world = handed_over()
    network, nodes, _ = moved_network(world)
    start = network.start
    members: dict[str, object] = {
        "chain_id": start.chain_id,
        "time_ns": start.time_ns,
        "initial_height": start.initial_height,
        "validators": start.validators,
        "app_state": start.app_state,
    }
    with pytest.raises(StoreRefusedError, match=told):
        nodes[0].open().init_chain(ChainStart(**{**members, **change}))  # type: ignore[arg-type]


@clause("CN-09", "CN-29")
@pytest.mark.parametrize("name", ["genesis_hash", "last_header_hash", "app_hash"])
def test_an_app_state_of_another_chain_is_refused_by_the_name_of_what_differs(name: str) -> None:
    network, nodes, _ = moved_network(handed_over())
    ours = json.loads(network.start.app_state)
    for other in ("00" * 32, None):
        changed = {**ours, name: other}
        if other is None:
            del changed[name]
        start = replace(network.start, app_state=json.dumps(changed).encode())
        with pytest.raises(StoreRefusedError, match=f"another chain: its {name} is") as refused:
            nodes[0].open().init_chain(start)
        assert ours[name] in refused.value.message
    assert nodes[0].open().init_chain(network.start).app_hash.hex() == ours["app_hash"]


@clause("CN-09")
def test_a_network_that_began_with_its_genesis_has_no_chain_before() -> None:
    network, nodes = real_network()
    ours = json.loads(network.start.app_state)
    moved = {**ours, "last_header_hash": "00" * 32}
    start = replace(network.start, app_state=json.dumps(moved).encode())
    with pytest.raises(StoreRefusedError, match=r"last_header_hash is 0+, the store's"):
        nodes[0].open().init_chain(start)
