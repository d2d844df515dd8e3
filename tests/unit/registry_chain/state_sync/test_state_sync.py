"""Snapshots: the same on every node, verified chunk by chunk, installed whole or not at all (B18)."""

from __future__ import annotations

import dataclasses
import hashlib
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from registry_chain.application import RegistryApplication
from registry_chain.reader import CommittedReader
from registry_chain.state_machine.block import BlockInput
from registry_chain.state_sync import (
    FORMAT,
    ChunkResult,
    Manifest,
    OfferAnswer,
    OfferResult,
    SnapshotMaker,
    SnapshotTaker,
    StateSnapshot,
    clear_unfinished,
    is_unfinished,
    making,
    take_offer,
)
from registry_chain.state_sync.chunks import BytesChunk, ListsChunk, ReceiptsChunk, RecordsChunk
from registry_chain.state_sync.manifest import (
    MAX_CHUNK_BYTES,
    MAX_CHUNKS,
    MAX_MANIFEST_BYTES,
    ChunkKind,
    ChunkName,
)
from registry_chain.storage.checkpoint import NOTHING_YET
from registry_chain.storage.committed import POSITION, read_position
from registry_chain.storage.errors import StoreFullError, StoreRefusedError
from registry_chain.storage.extent import BASE
from registry_chain.storage.integrity import check_sample, find_damage
from registry_chain.storage.memory import MemoryChainStore
from registry_chain.storage.sqlite import SqliteChainStore
from registry_chain.storage.store import Checkpoint, Table, Writes
from registry_chain.storage.stored_event import EVENTS_BASE
from tests.support.chain_world import ChainWorld, batch_root
from tests.support.clauses import clause
from tests.support.decided_chain import DecidedChain, random_decided
from tests.support.rich_chain import rich_chain
from weid.cbor import cbor_encode
from weid.errors import MalformedError
from weid.registry.operations import AnchorBatch

SIZE = 1500
"""Chunks of the tests are small, so that there are several of each kind."""


class Offered:
    """A snapshot with its chunks in memory, and where it is from."""

    def __init__(self, chain: DecidedChain, folder: Path, size: int = SIZE) -> None:
        self.chain = chain
        maker = SnapshotMaker(chain.store, folder, size=size)
        self.manifest = maker.make()
        height = self.manifest.height
        found = [maker.chunk(height, FORMAT, at) for at in range(len(self.manifest.chunks))]
        self.chunks = [chunk for chunk in found if chunk is not None]
        assert len(self.chunks) == len(found)

    def offer(self, manifest: Manifest | None = None) -> StateSnapshot:
        manifest = self.manifest if manifest is None else manifest
        raw = manifest.to_bytes()
        return StateSnapshot(manifest.height, FORMAT, len(manifest.chunks), manifest.hash, raw)

    def answer(self, offer: StateSnapshot, **changes: object) -> OfferAnswer:
        arguments: dict[str, object] = {
            "app_hash": self.manifest.app_hash,
            "genesis": self.chain.genesis,
            "store": MemoryChainStore(),
        }
        return take_offer(offer, **{**arguments, **changes})[0]  # type: ignore[arg-type]

    def taker(self, store: object = None, manifest: Manifest | None = None) -> SnapshotTaker:
        answer, taker = take_offer(
            self.offer(manifest),
            app_hash=self.manifest.app_hash,
            genesis=self.chain.genesis,
            store=MemoryChainStore() if store is None else store,  # type: ignore[arg-type]
        )
        assert answer.result is OfferResult.ACCEPT
        assert taker is not None
        return taker

    def blessed(self, chunks: list[bytes], kinds: list[ChunkKind] | None = None) -> Manifest:
        """Return the manifest of a liar, who names these chunks as right."""
        kinds = [name.kind for name in self.manifest.chunks] if kinds is None else kinds
        names = tuple(
            ChunkName(kind, hashlib.sha256(chunk).digest())
            for kind, chunk in zip(kinds, chunks, strict=True)
        )
        return dataclasses.replace(self.manifest, chunks=names)

    def refused_at(self, chunks: list[bytes], kinds: list[ChunkKind] | None = None) -> int:
        """Return which chunk of a liar's snapshot is refused; nothing of it is installed."""
        store = MemoryChainStore()
        taker = self.taker(store, self.blessed(chunks, kinds))
        for index, chunk in enumerate(chunks):
            answer = taker.apply(index, chunk, "liar")
            if answer.result is not ChunkResult.ACCEPT:
                assert answer.result is ChunkResult.REJECT_SNAPSHOT
                assert answer.rejected_senders == ("liar",)
                assert f"chunk {index} " in answer.reason
                assert store.get(Table.SETTINGS, POSITION) is None
                assert not taker.finished
                return index
        raise AssertionError("the whole snapshot was taken")


@pytest.fixture(scope="module", autouse=True)
def _short_list_pages() -> Iterator[None]:
    """Let lists have several pages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(making, "LIST_KEYS", 4)
        yield


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory) -> Offered:
    folder = tmp_path_factory.mktemp("offered")
    found = Offered(random_decided(MemoryChainStore(), 3, 60), folder / "snapshots")
    kinds = [name.kind for name in found.manifest.chunks]
    assert set(kinds) == set(ChunkKind), "the tests cover every kind"
    assert kinds.count(ChunkKind.RECORDS) > 2
    assert kinds.count(ChunkKind.RECEIPTS) > 2
    lists = [c for c, kind in zip(found.chunks, kinds, strict=True) if kind is ChunkKind.LISTS]
    pages = [page for chunk in lists for page in ListsChunk.from_bytes(chunk).pages]
    assert not all(page.proof.last for page in pages), "a list has several pages"
    return found


def take(offered: Offered, store: object) -> SnapshotTaker:
    taker = offered.taker(store)
    for index, chunk in enumerate(offered.chunks):
        assert not taker.finished
        assert taker.apply(index, chunk).result is ChunkResult.ACCEPT
    assert taker.finished
    return taker


def same(one: Any, other: Any) -> bool:
    """Return whether two answers say the same; the block that proves them may be another."""
    roots = dataclasses.replace(one.roots, height=other.roots.height)
    return bool(dataclasses.replace(one, roots=roots) == other)


def tables(store: object) -> dict[Table, dict[bytes, bytes]]:
    with store.snapshot() as snapshot:  # type: ignore[attr-defined]
        return {table: dict(snapshot.items(table)) for table in Table}


@clause("SS-01", "SS-08", "B18")
@pytest.mark.parametrize(("seed", "blocks", "size"), [(1, 1, 500), (2, 30, 900), (3, 90, 2**20)])
def test_a_snapshot_gives_the_same_state_and_the_same_answers(
    tmp_path: Path, seed: int, blocks: int, size: int
) -> None:
    chain = random_decided(SqliteChainStore(tmp_path / "ours"), seed, blocks + 1)
    offered = Offered(chain, tmp_path / "snapshots", size)
    store = SqliteChainStore(tmp_path / "theirs")
    take(offered, store)
    ours, theirs = tables(chain.store), tables(store)
    for table in (Table.RECORDS, Table.VERSIONS, Table.PAGES, Table.LOG, Table.CONTENTS):
        assert ours[table] == theirs[table], table
    assert ours[Table.RECEIPTS] == theirs[Table.RECEIPTS]
    assert list(find_damage(store)) == []
    check_sample(store, random=Random(1).randbytes)
    here, there = CommittedReader(chain.store), CommittedReader(store)
    for list_id in ("proposals", "templates", "roles", "no such list"):
        assert same(there.list_page(list_id), here.list_page(list_id))
    for name in ours[Table.RECEIPTS]:
        assert same(there.receipt(name), here.receipt(name))
    for digest in ours[Table.VERSIONS]:
        assert there.history(digest) == here.history(digest)
    for did in (*(author.did.encode() for author in chain.genesis.governors), b"nobody"):
        assert same(there.record("did", did), here.record("did", did))
    assert same(there.consistency(0), here.consistency(0))
    store.close()
    SqliteChainStore(tmp_path / "theirs").close()
    chain.store.close()


@clause("SS-08")
def test_the_chain_goes_on_from_a_snapshot_as_it_does_elsewhere(offered: Offered) -> None:
    store = MemoryChainStore()
    take(offered, store)
    theirs = RegistryApplication(store)
    height = offered.manifest.height
    assert theirs.info().height == height
    assert theirs.info().app_hash == offered.manifest.app_hash
    later = offered.chain.blocks[height - offered.chain.genesis.initial_height + 1 :]
    assert later
    for sealed in later:
        header = sealed.header
        outcome = theirs.finalize_block(BlockInput(header.height, header.time, sealed.transactions))
        assert outcome.app_hash == offered.chain.outcomes[header.height - 1].app_hash


@clause("SS-08", "EV-05")
def test_a_store_from_a_snapshot_says_where_blocks_and_events_begin(offered: Offered) -> None:
    store = MemoryChainStore()
    take(offered, store)
    found = tables(store)
    assert found[Table.SETTINGS][BASE] == (offered.manifest.height + 1).to_bytes(8, "big")
    assert found[Table.SETTINGS][EVENTS_BASE] == offered.manifest.events.to_bytes(8, "big")
    assert found[Table.EVENTS] == {}
    assert found[Table.BLOCKS] == {}
    with store.snapshot() as snapshot:
        position = read_position(snapshot)
    assert position is not None
    assert position.events == offered.manifest.events
    newest = offered.chain.application.position.summary
    assert position.summary.smt_root == newest.smt_root
    # The time of a block is under no root: a bound of it is taken from the records.
    assert offered.chain.genesis.genesis_time <= position.summary.time <= newest.time


@clause("SS-02")
def test_nodes_of_the_same_state_make_the_same_snapshot(offered: Offered, tmp_path: Path) -> None:
    store = SqliteChainStore(tmp_path / "theirs")
    take(offered, store)
    again = SnapshotMaker(store, tmp_path / "snapshots", size=SIZE)
    assert again.make() == offered.manifest
    assert [again.chunk(offered.manifest.height, FORMAT, at) for at in range(len(offered.chunks))]
    assert again.offers() == [offered.offer()]
    store.close()


# --- What a liar can do ---------------------------------------------------------------------------


@clause("SS-03", "SS-04", "SS-05", "SS-06", "SS-07", "B18")
def test_any_changed_byte_of_a_chunk_is_refused_with_that_chunk(offered: Offered) -> None:
    """Even where the manifest names the changed chunk as right."""
    random = Random(18)
    for index, chunk in enumerate(offered.chunks):
        places = {0, 1, 2, len(chunk) - 1, *(random.randrange(len(chunk)) for _ in range(12))}
        for place in sorted(places):
            changed = bytearray(chunk)
            changed[place] ^= 1 << random.randrange(8)
            chunks = [*offered.chunks]
            chunks[index] = bytes(changed)
            # Where a range ends may be said otherwise and be true; then the next chunk is false.
            ends = offered.manifest.chunks[index].kind in {ChunkKind.RECORDS, ChunkKind.LISTS}
            last = index + 1 if ends else index
            assert index <= offered.refused_at(chunks) <= last, (index, place)


@clause("SS-09", "B18")
def test_a_chunk_that_is_not_the_manifests_is_fetched_again_from_another(
    offered: Offered,
) -> None:
    taker = offered.taker()
    for index, chunk in enumerate(offered.chunks):
        for wrong in (
            b"",
            chunk[:-1],
            chunk + b"\0",
            offered.chunks[index - 1],
            bytes(MAX_CHUNK_BYTES + 1),
        ):
            answer = taker.apply(index, wrong, "peer 1")
            assert answer.result is ChunkResult.RETRY
            assert answer.refetch == (index,)
            assert answer.rejected_senders == ("peer 1",)
            assert f"chunk {index} " in answer.reason
        assert taker.apply(index, chunk, "peer 2").result is ChunkResult.ACCEPT
    assert taker.finished


@clause("SS-09", "B18")
def test_chunks_out_of_their_order_wait_and_repeated_ones_change_nothing(
    offered: Offered,
) -> None:
    store = MemoryChainStore()
    taker = offered.taker(store)
    early = taker.apply(2, offered.chunks[2], "peer")
    assert early.result is ChunkResult.RETRY
    assert early.refetch == (0, 1, 2)
    assert early.rejected_senders == ()
    for index in (-1, len(offered.chunks)):
        beyond = taker.apply(index, offered.chunks[0], "peer")
        assert (beyond.result, beyond.rejected_senders) == (ChunkResult.RETRY, ("peer",))
        assert beyond.refetch == ()
    for index, chunk in enumerate(offered.chunks):
        assert taker.apply(index, chunk).result is ChunkResult.ACCEPT
        before = tables(store)
        assert taker.apply(index, chunk).result is ChunkResult.ACCEPT
        assert taker.apply(0, offered.chunks[0]).result is ChunkResult.ACCEPT
        assert taker.apply(0, chunk + b"\0", "liar").rejected_senders == ("liar",)
        assert tables(store) == before
    assert taker.finished


@clause("SS-03", "SS-04", "SS-05", "SS-06", "SS-07", "B18")
def test_a_snapshot_that_leaves_a_chunk_out_is_refused(offered: Offered) -> None:
    kinds = [name.kind for name in offered.manifest.chunks]
    for index in range(1, len(offered.chunks)):
        chunks = offered.chunks[:index] + offered.chunks[index + 1 :]
        # The next chunk is false, or the last one: what is missing shows at the end.
        at = offered.refused_at(chunks, kinds[:index] + kinds[index + 1 :])
        assert at == min(index, len(chunks) - 1)


@clause("SS-03", "SS-04", "SS-05", "SS-06", "SS-07", "B18")
def test_a_snapshot_with_a_chunk_twice_or_two_swapped_is_refused(offered: Offered) -> None:
    kinds = [name.kind for name in offered.manifest.chunks]
    for index in range(len(offered.chunks)):
        chunks = offered.chunks[: index + 1] + offered.chunks[index:]
        assert offered.refused_at(chunks, kinds[: index + 1] + kinds[index:]) == index + 1
    for index in range(len(offered.chunks) - 1):
        if kinds[index] is kinds[index + 1]:
            chunks = [*offered.chunks]
            chunks[index : index + 2] = chunks[index : index + 2][::-1]
            assert offered.refused_at(chunks) == index


def _first(offered: Offered, kind: ChunkKind) -> int:
    return [name.kind for name in offered.manifest.chunks].index(kind)


def _without_last_record(raw: bytes) -> bytes:
    chunk = RecordsChunk.from_bytes(raw)
    return dataclasses.replace(chunk, entries=chunk.entries[:-1]).to_bytes()


def _more_records(raw: bytes) -> bytes:
    chunk = RecordsChunk.from_bytes(raw)
    more = sorted([*chunk.entries, (b"\x01" * 32, b"more")])
    return dataclasses.replace(chunk, entries=tuple(more)).to_bytes()


def _without_last_receipt(raw: bytes) -> bytes:
    chunk = ReceiptsChunk.from_bytes(raw)
    return dataclasses.replace(chunk, receipts=chunk.receipts[:-1]).to_bytes()


def _receipts_swapped(raw: bytes) -> bytes:
    chunk = ReceiptsChunk.from_bytes(raw)
    one, two, *rest = chunk.receipts
    return dataclasses.replace(chunk, receipts=(two, one, *rest)).to_bytes()


def _list_without_record(raw: bytes) -> bytes:
    page, *rest = ListsChunk.from_bytes(raw).pages
    return ListsChunk((dataclasses.replace(page, keys=page.keys[1:]), *rest)).to_bytes()


def _list_with_another(raw: bytes) -> bytes:
    page, *rest = ListsChunk.from_bytes(raw).pages
    keys = tuple(sorted((*page.keys, b"\x01" * 32)))
    return ListsChunk((dataclasses.replace(page, keys=keys), *rest)).to_bytes()


def _lists_renamed(raw: bytes) -> bytes:
    page, *rest = ListsChunk.from_bytes(raw).pages
    return ListsChunk((dataclasses.replace(page, list_id="another"), *rest)).to_bytes()


def _values_swapped(raw: bytes) -> bytes:
    return BytesChunk(BytesChunk.from_bytes(raw).values[::-1]).to_bytes()


def _values_and_more(raw: bytes) -> bytes:
    return BytesChunk((*BytesChunk.from_bytes(raw).values, b"more")).to_bytes()


@clause("SS-03", "SS-04", "SS-05", "SS-06", "SS-07", "B18")
@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (ChunkKind.RECORDS, _without_last_record),
        (ChunkKind.RECORDS, _more_records),
        (ChunkKind.RECEIPTS, _without_last_receipt),
        (ChunkKind.RECEIPTS, _receipts_swapped),
        (ChunkKind.LISTS, _list_without_record),
        (ChunkKind.LISTS, _list_with_another),
        (ChunkKind.LISTS, _lists_renamed),
        (ChunkKind.VERSIONS, _values_swapped),
        (ChunkKind.VERSIONS, _values_and_more),
        (ChunkKind.CONTENTS, _values_swapped),
        (ChunkKind.CONTENTS, _values_and_more),
        *((kind, lambda _: cbor_encode([])) for kind in ChunkKind),
        *((kind, lambda _: cbor_encode([[[]], [[]]])) for kind in ChunkKind),
        *((kind, lambda _: cbor_encode({"a": 1})) for kind in ChunkKind),
        *((kind, lambda _: b"\x9f") for kind in ChunkKind),
    ],
)
def test_what_is_left_out_added_or_moved_in_a_chunk_is_refused(
    offered: Offered, kind: ChunkKind, change: Callable[[bytes], bytes]
) -> None:
    index = _first(offered, kind)
    chunks = [*offered.chunks]
    chunks[index] = change(chunks[index])
    assert chunks[index] != offered.chunks[index]
    assert offered.refused_at(chunks) == index


@clause("SS-05", "B18")
def test_a_receipt_cannot_come_twice(offered: Offered) -> None:
    """Nor the receipts of one range twice, nor more of them than the log has entries."""
    index = _first(offered, ChunkKind.RECEIPTS)
    chunk = ReceiptsChunk.from_bytes(offered.chunks[index])
    doubled = dataclasses.replace(chunk, receipts=chunk.receipts * 2).to_bytes()
    many = dataclasses.replace(
        chunk, receipts=chunk.receipts * (offered.manifest.log_size + 1)
    ).to_bytes()
    for raw in (doubled, many):
        chunks = [*offered.chunks]
        chunks[index] = raw
        assert offered.refused_at(chunks) == index


@clause("SS-08", "B18")
def test_a_snapshot_that_counts_too_few_events_is_refused(offered: Offered) -> None:
    store = MemoryChainStore()
    manifest = dataclasses.replace(offered.manifest, events=1)
    taker = offered.taker(store, manifest)
    answers = [taker.apply(index, chunk) for index, chunk in enumerate(offered.chunks)]
    assert [answer.result for answer in answers[:-1]] == [ChunkResult.ACCEPT] * (len(answers) - 1)
    assert answers[-1].result is ChunkResult.REJECT_SNAPSHOT
    assert store.get(Table.SETTINGS, POSITION) is None


@clause("SS-09", "B18")
def test_an_offer_of_another_state_is_refused(offered: Offered) -> None:
    good = offered.offer()
    manifest = offered.manifest
    assert offered.answer(good) == OfferAnswer(OfferResult.ACCEPT)
    for changed in (
        dataclasses.replace(manifest, height=manifest.height - 1),
        dataclasses.replace(manifest, chain_id="another"),
        dataclasses.replace(manifest, genesis_hash=bytes(32)),
        dataclasses.replace(manifest, smt_root=bytes(32)),
        dataclasses.replace(manifest, log_size=manifest.log_size + 1),
        dataclasses.replace(manifest, log_root=bytes(32)),
    ):
        offer = dataclasses.replace(offered.offer(changed), height=manifest.height)
        answer = offered.answer(offer)
        assert answer.result is OfferResult.REJECT
        assert answer.reason
    for wrong in (
        dataclasses.replace(good, height=good.height + 1),
        dataclasses.replace(good, height=0),
        dataclasses.replace(good, chunks=good.chunks + 1),
        dataclasses.replace(good, hash=bytes(32)),
        dataclasses.replace(good, metadata=good.metadata + b"\0"),
    ):
        assert offered.answer(wrong).result is OfferResult.REJECT
    assert offered.answer(good, app_hash=bytes(32)).result is OfferResult.REJECT
    for other in (0, 2):
        unknown = dataclasses.replace(good, format=other)
        assert offered.answer(unknown).result is OfferResult.REJECT_FORMAT


@clause("SS-01", "SS-09", "B18")
def test_a_manifest_past_a_limit_or_of_another_form_is_refused(offered: Offered) -> None:
    values = [FORMAT, "c", bytes(32), 7, bytes(32), 0, bytes(32), 0]
    chunk = [1, bytes(32)]
    bombs = [
        b"",
        b"\x9b" + b"\xff" * 8,
        b"\x81" * 5000 + b"\x00",
        b"\x00" * (MAX_MANIFEST_BYTES + 1),
        cbor_encode([*values, []]),
        cbor_encode([*values, [chunk] * (MAX_CHUNKS + 1)]),
        cbor_encode([*values, [[1, bytes(31)]]]),
        cbor_encode([*values, [[9, bytes(32)]]]),
        cbor_encode([*values, [[True, bytes(32)]]]),
        cbor_encode([*values, [[2, bytes(32)]]]),
        cbor_encode([*values, [[1, bytes(32)], [3, bytes(32)], [2, bytes(32)]]]),
        cbor_encode([*values, [chunk], 0]),
        cbor_encode([2, *values[1:], [chunk]]),
        cbor_encode([True, *values[1:], [chunk]]),
        *(
            cbor_encode([*values[:at], wrong, *values[at + 1 :], [chunk]])
            for at, wrong in (
                (1, b"c"),
                (2, bytes(31)),
                (3, -1),
                (3, 2**63),
                (3, True),
                (4, b""),
                (5, -1),
                (5, 2**63),
                (6, bytes(33)),
                (7, 2**63),
                (7, None),
            )
        ),
    ]
    for bomb in bombs:
        offer = StateSnapshot(7, FORMAT, 1, hashlib.sha256(bomb).digest(), bomb)
        assert offered.answer(offer).result is OfferResult.REJECT, bomb[:20].hex()
        # By its form, whatever else is wrong with it.
        with pytest.raises(MalformedError):
            Manifest.from_bytes(bomb)
    assert Manifest.from_bytes(offered.manifest.to_bytes()) == offered.manifest


# --- Whole or not at all --------------------------------------------------------------------------


class _FullAt(MemoryChainStore):
    """A store that has no space for one write."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.left = number

    def write(self, writes: Writes, checkpoint: Checkpoint) -> None:
        self.left -= 1
        if self.left == 0:
            raise StoreFullError("storage full")
        super().write(writes, checkpoint)


@clause("SS-08")
def test_a_full_disk_blames_nobody_and_the_same_chunk_may_come_again(offered: Offered) -> None:
    count = len(offered.chunks)
    expected = MemoryChainStore()
    take(offered, expected)
    for number in range(2, count + 3):
        store = _FullAt(number)
        taker = offered.taker(store)
        refused = 0
        for index, chunk in enumerate(offered.chunks):
            try:
                answer = taker.apply(index, chunk, "peer")
            except StoreFullError:
                refused += 1
                assert not taker.finished
                assert store.get(Table.SETTINGS, POSITION) is None
                answer = taker.apply(index, chunk, "peer")
            assert answer.result is ChunkResult.ACCEPT
        assert refused == 1
        assert taker.finished
        assert tables(store) == tables(expected)


@clause("SS-08", "B18")
def test_what_was_not_taken_whole_is_no_chain_and_is_cleared(
    offered: Offered, tmp_path: Path
) -> None:
    folder = tmp_path / "chain"
    for taken in (0, 1, len(offered.chunks) - 1):
        store = SqliteChainStore(folder)
        taker = offered.taker(store)
        for index in range(taken):
            taker.apply(index, offered.chunks[index])
        assert is_unfinished(store)
        assert not RegistryApplication(store).begun
        store.close()
    store = SqliteChainStore(folder)
    assert clear_unfinished(store)
    assert not clear_unfinished(store)
    left = tables(store)
    assert not any(found for table, found in left.items() if table is not Table.SETTINGS)
    RegistryApplication(store).init_chain(offered.chain.genesis)
    assert list(find_damage(store)) == []
    store.close()


@clause("SS-08")
def test_another_snapshot_begins_with_an_empty_store(offered: Offered) -> None:
    store = MemoryChainStore()
    taker = offered.taker(store)
    for index in range(len(offered.chunks) - 1):
        taker.apply(index, offered.chunks[index])
    take(offered, store)
    fresh = MemoryChainStore()
    take(offered, fresh)
    assert tables(store) == tables(fresh)


@clause("SS-09")
def test_a_store_with_a_chain_takes_no_snapshot(offered: Offered) -> None:
    store = MemoryChainStore()
    take(offered, store)
    before = tables(store)
    answer = offered.answer(offered.offer(), store=store)
    assert answer.result is OfferResult.ABORT
    assert tables(store) == before


# --- Making and keeping ---------------------------------------------------------------------------


@clause("SS-02")
def test_the_newest_snapshots_are_kept_and_damaged_ones_not_given(tmp_path: Path) -> None:
    world = ChainWorld()
    maker = SnapshotMaker(world.store, tmp_path / "snapshots", keep=2, size=SIZE)
    assert maker.manifests() == []
    assert maker.chunk(1, FORMAT, 0) is None
    made = []
    (tmp_path / "snapshots" / "1.part").mkdir(parents=True)
    for _ in range(4):
        world.submit(world.anchor())
        made.append(maker.make())
        assert maker.make() == made[-1]
    assert maker.manifests() == made[:1:-1]
    assert sorted(path.name for path in (tmp_path / "snapshots").iterdir()) == sorted(
        str(found.height) for found in made[2:]
    )
    height = made[-1].height
    chunk = maker.chunk(height, FORMAT, 0)
    assert chunk is not None
    for wrong in ((height, FORMAT + 1, 0), (height, FORMAT, 999), (height, FORMAT, -1), (-1, 1, 0)):
        assert maker.chunk(*wrong) is None
    file = tmp_path / "snapshots" / str(height) / "0"
    file.write_bytes(chunk[:-1] + b"\0")
    assert maker.chunk(height, FORMAT, 0) is None
    file.unlink()
    assert maker.chunk(height, FORMAT, 0) is None
    (file.parent / "manifest").write_bytes(b"")
    assert maker.manifests() == made[2:3]


def test_a_manifest_is_read_once_however_often_peers_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = ChainWorld()
    maker = SnapshotMaker(world.store, tmp_path / "snapshots", keep=1, size=SIZE)
    read: list[int] = []
    from_bytes = Manifest.from_bytes

    def counted(data: bytes) -> Manifest:
        read.append(len(data))
        return from_bytes(data)

    monkeypatch.setattr(Manifest, "from_bytes", counted)
    for number in (1, 2):
        world.submit(world.anchor())
        made = maker.make()
        for _ in range(5):
            (offer,) = maker.offers()
            assert (offer.height, offer.hash, offer.metadata) == (
                made.height,
                made.hash,
                made.to_bytes(),
            )
            assert maker.chunk(made.height, FORMAT, 0) is not None
            # Nor does one that is not there make anything be read.
            assert maker.chunk(made.height + 1, FORMAT, 0) is None
        assert len(read) == number
    assert len(maker._remembered) == 1


def test_there_is_no_snapshot_before_the_first_block(tmp_path: Path, offered: Offered) -> None:
    store = MemoryChainStore()
    RegistryApplication(store).init_chain(offered.chain.genesis)
    with pytest.raises(StoreRefusedError, match="no block yet"):
        SnapshotMaker(store, tmp_path).make()
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreRefusedError):
        SnapshotMaker(offered.chain.store, tmp_path / "file" / "below").make()


@clause("SS-02")
def test_a_rich_embedded_chain_has_a_snapshot_too(tmp_path: Path) -> None:
    world = rich_chain(tmp_path / "chain")
    maker = SnapshotMaker(world.store, tmp_path / "snapshots")
    manifest = maker.make()
    store = MemoryChainStore()
    taker = SnapshotTaker(
        store,
        world.genesis,
        manifest,
        app_hash=world.engine.head().app_hash,
        height=world.engine.head().height,
    )
    for index in range(len(manifest.chunks)):
        chunk = maker.chunk(manifest.height, FORMAT, index)
        assert chunk is not None
        assert taker.apply(index, chunk).result is ChunkResult.ACCEPT
    assert list(find_damage(store)) == []
    world.engine.close()


@clause("SS-02")
def test_memory_holds_a_chunk_and_not_the_state(tmp_path: Path) -> None:
    world = ChainWorld(SqliteChainStore(tmp_path / "chain"))
    for block in range(12):
        roots = (AnchorBatch(batch_root(f"{block} {n}"), 1) for n in range(1000))
        world.submit(world.sign(*roots))
    with world.store.snapshot() as snapshot:
        whole = sum(len(k) + len(v) for k, v in snapshot.items(Table.RECORDS))
        whole += sum(len(k) + len(v) for k, v in snapshot.items(Table.PAGES))
    maker = SnapshotMaker(world.store, tmp_path / "snapshots", size=50_000)
    store = SqliteChainStore(tmp_path / "theirs")
    tracemalloc.start()
    try:
        manifest = maker.make()
        taker = SnapshotTaker(
            store,
            world.genesis,
            manifest,
            app_hash=manifest.app_hash,
            height=manifest.height,
        )
        for index in range(len(manifest.chunks)):
            chunk = maker.chunk(manifest.height, FORMAT, index)
            assert chunk is not None
            assert taker.apply(index, chunk).result is ChunkResult.ACCEPT
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(manifest.chunks) > 30
    assert peak < whole / 2, (peak, whole)
    assert store.get(Table.SETTINGS, POSITION) is not None
    store.write({Table.SETTINGS: {}}, NOTHING_YET)
    store.close()
    world.engine.close()
