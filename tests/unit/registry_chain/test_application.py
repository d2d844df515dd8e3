"""The application behind its ABCI-shaped calls: what it computes, and what it writes when."""

from __future__ import annotations

import pytest

from registry_chain.application import RegistryApplication, genesis_validators
from registry_chain.engines.embedded.sealer import Sealer
from registry_chain.state_machine.block import BlockInput
from registry_chain.state_machine.errors import InvalidBlockError
from registry_chain.storage.errors import StoreDamagedError
from registry_chain.storage.memory import MemoryChainStore
from registry_chain.storage.store import Checkpoint, Table
from tests.support.chain_world import NOW, SEALER, ChainWorld, genesis, signer
from tests.support.clauses import clause
from weid import limits
from weid.clock import FixedClock
from weid.errors import RegistryUnavailableError
from weid.registry.codes import ResultCode
from weid.registry.wire import encode_signed


@pytest.fixture
def application() -> RegistryApplication:
    made = RegistryApplication(MemoryChainStore())
    made.init_chain(genesis())
    return made


def test_before_a_genesis_it_says_so() -> None:
    application = RegistryApplication(MemoryChainStore())
    assert not application.begun
    for ask in (application.info, lambda: application.genesis, lambda: application.position):
        with pytest.raises(RegistryUnavailableError, match="not begun"):
            ask()


def test_it_begins_at_the_height_before_the_first(application: RegistryApplication) -> None:
    assert application.info().height == 0
    assert application.position.validators_hash == genesis_validators(genesis()).hash()
    again = RegistryApplication(application.store)
    assert again.info() == application.info()
    assert again.genesis == application.genesis


@clause("D1", "B7")
def test_finalize_writes_nothing(application: RegistryApplication) -> None:
    world = ChainWorld()
    raw = encode_signed(world.anchor())
    before = application.info()
    with application.store.snapshot() as snapshot:
        counts = {table: snapshot.count(table) for table in Table}
    outcome = application.finalize_block(BlockInput(1, NOW, (raw,)))
    assert outcome.app_hash != before.app_hash
    assert application.info() == before
    with application.store.snapshot() as snapshot:
        assert {table: snapshot.count(table) for table in Table} == counts
    application.abandon()
    assert application.finalize_block(BlockInput(1, NOW, (raw,))) == outcome


@clause("R36", "R38")
def test_a_check_is_a_filter_and_the_block_judges_again(application: RegistryApplication) -> None:
    world = ChainWorld()
    first, second = world.anchor("a", sequence=0), world.anchor("b", sequence=0)
    raws = [encode_signed(transaction) for transaction in (first, second)]
    for raw in raws:
        assert application.check(raw, time=NOW).code is ResultCode.OK
    outcome = application.finalize_block(BlockInput(1, NOW, tuple(raws)))
    codes = [result.code for result in outcome.results]
    assert codes == [ResultCode.OK, ResultCode.SEQUENCE_USED]


def test_a_block_that_cannot_follow_is_refused(application: RegistryApplication) -> None:
    for height, time in ((0, NOW), (2, NOW), (1, NOW - 1)):
        with pytest.raises(InvalidBlockError):
            application.finalize_block(BlockInput(height, time, ()))


@clause("R37", "B9")
def test_what_is_too_large_is_left_out_and_refused(application: RegistryApplication) -> None:
    large = bytes(limits.TRANSACTION_BYTES + 1)
    world = ChainWorld()
    first, second = (encode_signed(world.anchor(sequence=number)) for number in (0, 1))
    offered = [large, first, b"no transaction", second]
    assert application.propose(offered, max_bytes=10**6, time=NOW) == [first, second]
    assert application.propose(offered, max_bytes=len(first), time=NOW) == [first]
    assert application.accept([first, second])
    assert not application.accept([first, b"no transaction"])
    assert not application.accept([large])
    assert not application.accept([bytes(60_000)] * 1200)
    assert application.check(large, time=NOW).code is ResultCode.TOO_LARGE


def test_seals_must_be_those_of_the_staged_blocks(application: RegistryApplication) -> None:
    sealer = Sealer(application, signer(SEALER), clock=FixedClock(NOW))
    prepared = sealer.seal_heartbeat()
    with pytest.raises(ValueError, match="not the staged ones"):
        application.prepare_commit(prepared.blocks)
    application.persist(prepared)
    application.settle(prepared)
    with pytest.raises(ValueError, match="before this one"):
        application.settle(prepared)
    application.finalize_block(BlockInput(2, NOW, ()))
    with pytest.raises(ValueError, match="not the staged ones"):
        application.prepare_commit(prepared.blocks)


def test_a_block_may_be_computed_while_the_last_one_is_written() -> None:
    world = ChainWorld()
    application = world.application
    sealer = Sealer(application, signer(SEALER), clock=world.clock)
    raws = [encode_signed(world.anchor(n, sequence=n)) for n in range(4)]
    first = sealer.seal_batch(raws[:2]).prepared
    second = sealer.seal_batch(raws[2:]).prepared
    assert first is not None
    assert second is not None
    assert second.blocks[0].header.height == first.blocks[-1].header.height + 1
    application.persist(first)
    application.settle(first)
    application.persist(second)
    application.settle(second)
    assert application.info().height == second.blocks[-1].header.height
    assert world.records.next_sequence(world.did) == 4
    assert application.position.events == 4


def test_what_was_not_written_is_forgotten() -> None:
    world = ChainWorld()
    sealer = Sealer(world.application, signer(SEALER), clock=world.clock)
    raw = encode_signed(world.anchor())
    before = sealer.head
    assert sealer.seal_batch([raw]).prepared is not None
    assert sealer.head != before
    sealer.go_back()
    assert sealer.head == before
    assert sealer.seal_batch([raw]).prepared is not None


def test_a_store_without_its_next_validators_is_damaged() -> None:
    world = ChainWorld()
    key = world.application.position.validators_hash
    world.store.write({Table.VALIDATORS: {key: None}}, Checkpoint(0, bytes(32), bytes(32)))
    with pytest.raises(StoreDamagedError, match="validators"):
        Sealer(world.application, signer(SEALER), clock=world.clock)
