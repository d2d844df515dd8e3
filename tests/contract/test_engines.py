"""What every engine promises (`registry_chain.engines.engine.Engine`), one body for all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registry_chain.application import RegistryApplication
from registry_chain.engines.embedded.embedded import EmbeddedEngine
from registry_chain.engines.embedded.inline import InlineEngine
from registry_chain.engines.embedded.sealing import sole_validator
from registry_chain.replay import replay
from registry_chain.state_machine.block import BlockInput
from registry_chain.storage.errors import StoreFullError, StoreRefusedError
from registry_chain.storage.integrity import find_damage
from registry_chain.storage.memory import MemoryChainStore
from registry_chain.storage.sqlite import SqliteChainStore
from registry_chain.storage.store import Checkpoint, Writes
from tests.support.chain_world import NOW, ChainWorld, batch_root, genesis, signer
from tests.support.clauses import clause
from weid.clock import FixedClock
from weid.crypto.keys import PrivateKey
from weid.errors import (
    KeyFileError,
    ProofError,
    RegistryUnavailableError,
    TransactionRejectedError,
)
from weid.registry.codes import ResultCode
from weid.registry.light_client import LightClient
from weid.registry.operations import AnchorBatch
from weid.registry.proved_reader import ProvedReader
from weid.registry.transaction import SignedTransaction
from weid.registry.wire import encode_signed

ENGINES: dict[str, Callable[[Path], ChainWorld]] = {
    "inline, in memory": lambda _: ChainWorld(make=InlineEngine),
    "inline, on disk": lambda at: ChainWorld(SqliteChainStore(at / "chain"), make=InlineEngine),
    "threaded, in memory": lambda _: ChainWorld(make=EmbeddedEngine),
    "threaded, on disk": lambda at: ChainWorld(SqliteChainStore(at / "chain"), make=EmbeddedEngine),
}
ON_DISK = [name for name in ENGINES if "disk" in name]


@pytest.fixture(params=ENGINES)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ChainWorld]:
    made = ENGINES[request.param](tmp_path)
    yield made
    made.engine.close()


@pytest.fixture(params=ON_DISK)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ChainWorld]:
    made = ENGINES[request.param](tmp_path)
    yield made
    made.engine.close()


def reopened(world: ChainWorld, **options: object) -> ChainWorld:
    """Return the same chain in a new engine, as after a restart."""
    store = world.store
    if isinstance(store, SqliteChainStore):
        world.engine.close()
        store = SqliteChainStore(store.folder)
    try:
        return ChainWorld(store, make=type(world.engine), clock=world.clock, **options)  # type: ignore[arg-type]
    except KeyFileError:
        store.close()
        raise


@clause("LC-PROOF", "R40")
def test_who_has_a_receipt_can_prove_the_record_at_once(world: ChainWorld) -> None:
    reader = ProvedReader(
        [world.reader], genesis_hash=world.genesis.genesis_hash, clock=world.clock
    )
    for number in range(5):
        receipt = world.submit(world.anchor(number))
        record = reader.batch(world.did, batch_root(number))
        assert record is not None
        assert record.version.height == receipt.height
        assert reader.receipt(receipt.transaction_id) == receipt
        assert reader.batch(world.did, batch_root("never")) is None
        assert reader.head().height == receipt.height + 1


@clause("R1", "R2", "D1")
def test_the_same_transaction_again_gives_the_same_receipt(world: ChainWorld) -> None:
    transaction = world.anchor()
    first = world.submit(transaction)
    height = world.engine.head().height
    assert world.submit(transaction) == first
    for _ in range(20):
        world.submit(world.anchor())
    assert world.submit(transaction) == first
    again = reopened(world)
    try:
        assert again.submit(transaction) == first
        assert again.reader.height() == height + 40, "it was carried out once"
    finally:
        again.engine.close()


@clause("NA-12")
def test_what_was_done_is_answered_with_its_receipt_though_its_time_has_passed(
    world: ChainWorld,
) -> None:
    transaction = world.anchor()
    receipt = world.submit(transaction)
    world.clock.advance(100_000)
    world.submit(world.anchor("later", sequence=1))
    assert world.submit(transaction) == receipt


@clause("R1")
def test_the_same_transaction_from_ten_threads_is_carried_out_once(world: ChainWorld) -> None:
    transaction = world.anchor()
    receipts = []
    threads = [
        threading.Thread(target=lambda: receipts.append(world.submit(transaction)))
        for _ in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(receipts)) == 1
    assert len(receipts) == 10
    assert world.records.next_sequence(world.did) == 1


@clause("R10")
def test_a_second_spelling_of_the_signature_is_the_same_transaction(world: ChainWorld) -> None:
    transaction = world.anchor()
    first = world.submit(transaction)
    order = 2**252 + 27742317777372353535851937790883648493
    (signature,) = transaction.author_signatures
    twin = signature[:32] + (int.from_bytes(signature[32:], "little") + order).to_bytes(
        32, "little"
    )
    other = SignedTransaction(transaction.payload, (twin,))
    assert other.id == transaction.id
    with pytest.raises(TransactionRejectedError) as refused:
        world.submit(other)
    assert refused.value.code == ResultCode.SIGNATURE_INVALID
    assert world.submit(transaction) == first


REFUSALS: dict[str, tuple[ResultCode, Callable[[ChainWorld], SignedTransaction]]] = {
    "a sequence number that was used": (
        ResultCode.SEQUENCE_USED,
        lambda world: world.anchor("other", sequence=0),
    ),
    "a gap in the sequence": (
        ResultCode.SEQUENCE_NOT_NEXT,
        lambda world: world.anchor(sequence=3),
    ),
    "a time that has passed": (
        ResultCode.TOO_LATE,
        lambda world: world.anchor(valid_until=NOW - 1),
    ),
    "another's signature": (
        ResultCode.SIGNATURE_INVALID,
        lambda world: SignedTransaction(
            world.anchor().payload, world.anchor("x").author_signatures
        ),
    ),
    "bytes that are no transaction": (
        ResultCode.MALFORMED,
        lambda _: SignedTransaction(b"\x81\x01", (bytes(64),)),
    ),
}


@clause("R3", "R9")
@pytest.mark.parametrize("fault", REFUSALS)
def test_what_leaves_no_trace_is_refused_and_the_next_one_gets_in(
    world: ChainWorld, fault: str
) -> None:
    world.submit(world.anchor())
    before = world.engine.head()
    code, make = REFUSALS[fault]
    with pytest.raises(TransactionRejectedError) as refused:
        world.submit(make(world))
    assert refused.value.code == code
    assert refused.value.receipt is None
    assert world.engine.head() == before, "no block was made"
    assert world.submit(world.anchor()).code == 0


def test_what_a_rule_refuses_has_a_receipt_that_stays_the_same(world: ChainWorld) -> None:
    world.submit(world.anchor("once"))
    again = world.anchor("once")
    for _ in range(2):
        with pytest.raises(TransactionRejectedError) as refused:
            world.submit(again)
        assert refused.value.code == ResultCode.BATCH_EXISTS
        assert refused.value.receipt is not None
        assert refused.value.receipt.transaction_id == again.id
    assert world.records.next_sequence(world.did) == 2, "its sequence number is burnt, once"


def test_many_at_once_keep_each_authors_order(world: ChainWorld) -> None:
    transactions = [
        world.anchor(f"{governor} {sequence}", governor=governor, sequence=sequence)
        for sequence in range(40)
        for governor in range(3)
    ]
    futures = [world.engine.submit(transaction) for transaction in transactions]
    receipts = [future.result(timeout=20) for future in futures]
    assert [receipt.code for receipt in receipts] == [0] * 120
    assert [receipt.position for receipt in receipts] == list(range(120))
    assert list(find_damage(world.store)) == []
    assert replay(world.store).same


@clause("LC-SEAL", "LC-ROOT")
def test_a_light_client_follows_from_the_genesis_alone(world: ChainWorld) -> None:
    client = LightClient(world.trust_root(), clock=world.clock)
    for _ in range(5):
        world.submit(world.anchor())
        assert client.update(world.reader) == world.engine.head()
    newcomer = LightClient(world.trust_root(), clock=world.clock)
    for height in range(1, world.engine.head().height + 1):
        newcomer.accept(world.reader.light_block(height))
    with pytest.raises(RegistryUnavailableError):
        world.reader.light_block(world.engine.head().height + 1)


@clause("LC-HEARTBEAT")
def test_an_empty_block_follows_when_the_newest_is_thirty_seconds_old(world: ChainWorld) -> None:
    before = world.engine.head()
    world.clock.advance(29)
    world.engine.keep_fresh()
    world.clock.advance(1)
    world.engine.keep_fresh()
    assert world.engine.wait_above(before.height, timeout=10) == before.height + 1
    after = world.engine.head()
    assert after.time == NOW + 30
    assert after.app_hash == before.app_hash


@clause("LC-ROTATE", "B14")
def test_the_sealing_key_is_handed_over_and_the_old_one_is_no_longer_believed(
    world: ChainWorld,
) -> None:
    successor = PrivateKey.generate()
    client = LightClient(world.trust_root(), clock=world.clock)
    client.update(world.reader)
    world.submit(world.anchor())
    world.engine.rotate_sealing_key(signer(successor))
    world.submit(world.anchor())
    head = client.update(world.reader)
    assert head == world.engine.head()
    assert client.newest is not None
    assert client.newest.validators == sole_validator(signer(successor))
    assert list(find_damage(world.store)) == []
    with pytest.raises(KeyFileError, match="not the one that the chain announced"):
        reopened(world)
    store = world.store
    if isinstance(store, SqliteChainStore):
        store = SqliteChainStore(store.folder)
    again = ChainWorld(store, make=type(world.engine), clock=world.clock, key=successor)
    again.submit(again.anchor("after"))
    assert client.update(again.reader).height == head.height + 2
    again.engine.close()


@clause("D13", "R39", "LC-TIME")
def test_block_time_never_goes_back_whatever_the_clock_does(world: ChainWorld) -> None:
    times = []
    for change in (0, 0, 0, -2 * 86_400, 0, 400 * 86_400, -400 * 86_400, 5):
        world.clock.advance(change)
        world.submit(world.anchor(valid_until=2**40))
        times.append(world.engine.head().time)
    assert times == sorted(times)
    blocks = [world.reader.light_block(h) for h in range(1, world.engine.head().height + 1)]
    nanoseconds = [block.header.time_ns for block in blocks]
    assert len(set(nanoseconds)) == len(nanoseconds)
    assert nanoseconds == sorted(nanoseconds)
    assert replay(world.store).same


@clause("D4")
def test_a_full_disk_refuses_and_recovers_without_a_restart(disk: ChainWorld) -> None:
    store = disk.store
    assert isinstance(store, SqliteChainStore)
    anchored = disk.anchor("first")
    first = disk.submit(anchored)
    before = disk.engine.head()
    store.set_max_pages(1)
    transaction = disk.sign(*(AnchorBatch(batch_root(n), 1) for n in range(500)))
    for _ in range(2):
        with pytest.raises(StoreFullError, match="storage full"):
            disk.submit(transaction)
        assert disk.engine.head() == before
        assert disk.records.batch(disk.did, batch_root("first")) is not None, "reading goes on"
        assert disk.submit(anchored) == first
    store.set_max_pages(2**30)
    receipt = disk.submit(transaction)
    assert receipt.height == before.height + 1
    assert list(find_damage(store)) == []


@clause("D5", "D6")
def test_a_write_that_fails_otherwise_stops_the_engine(
    disk: ChainWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = disk.store
    assert isinstance(store, SqliteChainStore)
    kept = disk.submit(disk.anchor("kept"))

    def broken(_: Checkpoint) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(store._checkpoint, "write", broken)
    with pytest.raises(RegistryUnavailableError):
        disk.submit(disk.anchor("lost"))
    monkeypatch.undo()
    for _ in range(2):
        with pytest.raises(RegistryUnavailableError):
            disk.submit(disk.anchor("later", sequence=2))
    assert disk.records.receipt(kept.transaction_id) == kept, "reading goes on"
    again = reopened(disk)
    assert list(find_damage(again.store)) == []
    assert again.submit(again.anchor("after")).code == 0
    again.engine.close()


@clause("D20")
def test_a_closed_engine_refuses_and_keeps_what_had_a_receipt(disk: ChainWorld) -> None:
    receipts = [disk.submit(disk.anchor()) for _ in range(5)]
    late = disk.anchor("late")
    disk.engine.close()
    with pytest.raises(RegistryUnavailableError):
        disk.submit(late)
    again = reopened(disk)
    for receipt in receipts:
        assert again.records.receipt(receipt.transaction_id) == receipt
    assert again.submit(late).code == 0
    again.engine.close()


def test_a_key_that_is_not_the_chains_is_refused() -> None:
    store = MemoryChainStore()
    ChainWorld(store)
    with pytest.raises(KeyFileError):
        ChainWorld(store, key=PrivateKey.generate())


@clause("B15")
def test_two_nodes_with_one_key_are_caught_by_who_saw_both() -> None:
    ours, theirs = ChainWorld(), ChainWorld()
    ours.submit(ours.anchor("in one history"))
    theirs.submit(theirs.anchor("in the other"))
    client = LightClient(ours.trust_root(), clock=ours.clock)
    client.update(ours.reader)
    with pytest.raises(ProofError, match="two different blocks at height 3"):
        client.update(theirs.reader)


class _Crashing(MemoryChainStore):
    """Fails at a chosen place of a chosen write, as a process that dies would."""

    def __init__(self, write: int, place: str) -> None:
        super().__init__()
        self._left = write
        self._place = place

    def write(self, writes: Writes, checkpoint: Checkpoint) -> None:
        self._left -= 1
        if self._left == 0 and self._place == "before":
            raise _DiedError
        super().write(writes, checkpoint)
        if self._left == 0 and self._place == "after":
            raise _DiedError


class _DiedError(RuntimeError):
    """The process is gone."""


@clause("D1", "D18")
@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("write", range(3, 9))
def test_a_crash_at_a_write_leaves_the_block_before_or_after_it(write: int, place: str) -> None:
    store = _Crashing(write, place)
    world = ChainWorld(store)
    acknowledged = []
    attempted = None
    for number in range(10):
        attempted = world.anchor(number)
        try:
            acknowledged.append(world.submit(attempted))
        except _DiedError:
            break
    again = ChainWorld(store)
    for receipt in acknowledged:
        assert again.records.receipt(receipt.transaction_id) == receipt
    assert attempted is not None
    done = again.records.receipt(attempted.id)
    assert (done is not None) == (place == "after")
    receipt = again.submit(attempted)
    assert done in (None, receipt), "the retry is safe"
    assert list(find_damage(store)) == []
    assert replay(store).same


@clause("D1")
def test_a_crash_between_finalize_and_commit_leaves_nothing_and_computes_the_same() -> None:
    store = MemoryChainStore()
    world = ChainWorld(store)
    world.submit(world.anchor("a"))
    raw = encode_signed(world.anchor("b"))
    height = world.reader.height() + 1
    block = BlockInput(height, NOW + 1, (raw,))
    first = RegistryApplication(store).finalize_block(block)
    second = RegistryApplication(store).finalize_block(block)
    assert first == second
    assert RegistryApplication(store).info().height == height - 1


def test_the_store_is_told_apart_by_its_genesis(tmp_path: Path) -> None:
    world = ChainWorld(SqliteChainStore(tmp_path))
    with pytest.raises(StoreRefusedError, match="another genesis"):
        world.application.init_chain(genesis(chain_id="other"))
    assert world.application.init_chain(genesis()) == world.application.info().app_hash
    world.engine.close()


def test_clock_is_the_one_given() -> None:
    clock = FixedClock(NOW + 7)
    world = ChainWorld(clock=clock)
    assert world.engine.head().time == NOW + 7
