"""Archived blocks are checked to the last byte; pruning takes blocks and nothing else (B14, B17)."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from random import Random

import pytest

from registry_chain.archives import (
    KEPT_ALWAYS,
    ArchivedBlock,
    ArchiveHead,
    Pruner,
    Retention,
    archive_blocks,
    check_archives,
    height_to_keep,
    prune,
    prune_writes,
    pruning,
    read_archive,
)
from registry_chain.archives.archive_file import write_archive
from registry_chain.reader import CommittedReader
from registry_chain.replay import replay
from registry_chain.snapshot import back_up, export_lines, restore
from registry_chain.state_sync import FORMAT, SnapshotMaker, SnapshotTaker
from registry_chain.storage.errors import StoreDamagedError, StoreRefusedError
from registry_chain.storage.integrity import check_sample, find_damage
from registry_chain.storage.memory import MemoryChainStore
from registry_chain.storage.sqlite import SqliteChainStore
from registry_chain.storage.store import Table
from tests.support.chain_world import ChainWorld, genesis
from tests.support.clauses import clause
from tests.support.decided_chain import (
    DecidedChain,
    commit_of,
    handed_over_chain,
    random_decided,
)
from weid.errors import NotFoundError
from weid.registry.wire import decode_receipt, encode_receipt

ALL = Retention(blocks=1)


def whole_archive(chain: DecidedChain, path: Path) -> ArchiveHead:
    return archive_blocks(chain.store, path, below=chain.blocks[-1].header.height)


@pytest.fixture(scope="module")
def chain() -> DecidedChain:
    return random_decided(MemoryChainStore(), 5, 40)


@pytest.fixture(scope="module")
def blocks(chain: DecidedChain, tmp_path_factory: pytest.TempPathFactory) -> list[ArchivedBlock]:
    path = tmp_path_factory.mktemp("archive") / "blocks"
    whole_archive(chain, path)
    return list(read_archive(path))


# --- Archives -------------------------------------------------------------------------------------


@clause("SS-12", "SS-13")
def test_an_archive_is_checked_with_the_genesis_alone(chain: DecidedChain, tmp_path: Path) -> None:
    path = tmp_path / "blocks"
    head = whole_archive(chain, path)
    assert (head.first, head.last) == (1, chain.blocks[-2].header.height)
    heights: list[int] = []
    report = check_archives(chain.genesis, [path], progress=heights.append)
    assert heights == list(range(head.first, head.last + 1))
    assert report.anchored
    assert (report.first, report.last) == (head.first, head.last)
    assert report.last_hash == chain.blocks[-2].header.hash()
    assert report.transactions == sum(len(block.transactions) for block in chain.blocks[:-1])
    assert [found.block for found in read_archive(path)] == chain.blocks[:-1]
    with pytest.raises(StoreRefusedError, match="exists already"):
        whole_archive(chain, path)
    with pytest.raises(StoreRefusedError, match="another registry"):
        check_archives(genesis(chain_id="another"), [path])


@clause("SS-12", "B14")
def test_any_changed_or_missing_byte_of_an_archive_is_found(
    chain: DecidedChain, tmp_path: Path
) -> None:
    path = tmp_path / "blocks"
    whole_archive(chain, path)
    whole = path.read_bytes()
    random = Random(12)
    for place in (*range(20), *(random.randrange(len(whole)) for _ in range(60)), len(whole) - 1):
        changed = bytearray(whole)
        changed[place] ^= 1 << random.randrange(8)
        path.write_bytes(changed)
        with pytest.raises((StoreDamagedError, StoreRefusedError)):
            check_archives(chain.genesis, [path])
    for wrong in (b"", whole[:5], whole[:-1], whole[: len(whole) // 2], whole + b"\0"):
        path.write_bytes(wrong)
        with pytest.raises(StoreDamagedError):
            check_archives(chain.genesis, [path])
    with pytest.raises(NotFoundError):
        check_archives(chain.genesis, [tmp_path / "none"])
    with pytest.raises(StoreRefusedError, match="no archive"):
        check_archives(chain.genesis, [])


def _unsealed(found: ArchivedBlock, chain: DecidedChain) -> ArchivedBlock:
    header = dataclasses.replace(found.block.header, app_hash=bytes(32))
    return dataclasses.replace(found, block=dataclasses.replace(found.block, header=header))


def _fewer_votes(found: ArchivedBlock, chain: DecidedChain) -> ArchivedBlock:
    commit = commit_of(found.block.header, chain.keys[:2])
    return dataclasses.replace(found, block=dataclasses.replace(found.block, commit=commit))


def _other_sealers(found: ArchivedBlock, chain: DecidedChain) -> ArchivedBlock:
    other = DecidedChain(MemoryChainStore(), chain.genesis, chain.keys[1:])
    sealed = other.block(time=found.block.header.time)
    with other.store.snapshot() as snapshot:
        (_, raw) = next(iter(snapshot.items(Table.VALIDATORS)))
    from registry_chain.storage.sealed_block import decode_validators

    named = sealed.header.validators_hash
    header = dataclasses.replace(found.block.header, validators_hash=named)
    block = dataclasses.replace(
        found.block, header=header, commit=commit_of(header, chain.keys[1:])
    )
    return ArchivedBlock(block, decode_validators(raw, expected_hash=named), found.receipts)


def _other_transactions(found: ArchivedBlock, chain: DecidedChain) -> ArchivedBlock:
    block = dataclasses.replace(found.block, transactions=(*found.block.transactions, b"more"))
    return dataclasses.replace(found, block=block, receipts=(*found.receipts, None))


def _receipts_gone(found: ArchivedBlock, chain: DecidedChain) -> ArchivedBlock:
    return dataclasses.replace(found, receipts=(*found.receipts, None))


@clause("SS-13", "B14")
@pytest.mark.parametrize(
    "change",
    [_unsealed, _fewer_votes, _other_sealers, _other_transactions, _receipts_gone],
)
def test_a_false_block_of_a_whole_file_is_named_by_its_height(
    chain: DecidedChain, blocks: list[ArchivedBlock], tmp_path: Path, change
) -> None:
    for at in (1, 7, 20):
        false = [*blocks[:at], change(blocks[at], chain), *blocks[at + 1 :]]
        path = tmp_path / f"{at}"
        write_archive(path, ArchiveHead(chain.genesis, 1, len(blocks)), false)
        with pytest.raises(StoreDamagedError) as found:
            check_archives(chain.genesis, [path])
        assert found.value.height == at + 1
        assert f"height {at + 1}" in found.value.message


@clause("SS-13", "B14")
def test_a_receipt_that_says_otherwise_is_found_by_the_next_header(
    chain: DecidedChain, blocks: list[ArchivedBlock], tmp_path: Path
) -> None:
    at = next(
        number
        for number, found in enumerate(blocks)
        if found.receipts and None not in found.receipts
    )
    raw = bytearray(blocks[at].receipts[0] or b"")
    receipt = decode_receipt(bytes(raw))
    other = encode_receipt(dataclasses.replace(receipt, code=receipt.code + 1))
    false = dataclasses.replace(blocks[at], receipts=(other, *blocks[at].receipts[1:]))
    path = tmp_path / "file"
    listed = [*blocks[:at], false, *blocks[at + 1 :]]
    write_archive(path, ArchiveHead(chain.genesis, 1, len(blocks)), listed)
    with pytest.raises(StoreDamagedError) as found:
        check_archives(chain.genesis, [path])
    assert found.value.height == at + 2


@clause("SS-10", "SS-13")
def test_receipts_that_no_header_proves_are_counted_and_not_passed_over(
    chain: DecidedChain, blocks: list[ArchivedBlock], tmp_path: Path
) -> None:
    """Who leaves out one receipt could write anything into the others of the block."""
    honest = sum(
        bool(found.receipts) and (None in found.receipts or number == len(blocks))
        for number, found in enumerate(blocks, 1)
    )
    at = next(
        number
        for number, found in enumerate(blocks[:-1])
        if len(found.receipts) > 1 and None not in found.receipts
    )
    receipt = decode_receipt(blocks[at].receipts[0] or b"")
    other = encode_receipt(dataclasses.replace(receipt, code=receipt.code + 1))
    false = dataclasses.replace(blocks[at], receipts=(other, None, *blocks[at].receipts[2:]))
    counts = []
    for name, listed in (("a", blocks), ("b", [*blocks[:at], false, *blocks[at + 1 :]])):
        head = ArchiveHead(chain.genesis, 1, len(blocks))
        write_archive(tmp_path / name, head, listed)
        counts.append(check_archives(chain.genesis, [tmp_path / name]).unproved)
    assert counts == [honest, honest + 1]
    # The receipts of the newest block are said by a header that is not there.
    with_any = next(number for number, found in enumerate(blocks, 1) if found.receipts)
    write_archive(tmp_path / "c", ArchiveHead(chain.genesis, 1, with_any), blocks[:with_any])
    assert check_archives(chain.genesis, [tmp_path / "c"]).unproved == 1


@clause("SS-13")
def test_archives_follow_on_each_other_and_a_later_one_alone_is_not_anchored(
    chain: DecidedChain, blocks: list[ArchivedBlock], tmp_path: Path
) -> None:
    paths = []
    for first, last in ((1, 9), (10, 10), (11, len(blocks))):
        path = tmp_path / f"{first}"
        write_archive(path, ArchiveHead(chain.genesis, first, last), blocks[first - 1 : last])
        paths.append(path)
    assert check_archives(chain.genesis, paths[::-1]).anchored
    late = check_archives(chain.genesis, paths[1:])
    assert not late.anchored
    assert (late.first, late.last) == (10, len(blocks))
    for gap in ([paths[0], paths[2]], [paths[0], paths[0]]):
        with pytest.raises(StoreRefusedError, match="begins at height"):
            check_archives(chain.genesis, gap)


@clause("SS-13", "SS-16", "B17")
def test_a_chain_that_was_handed_over_is_archived_replayed_and_sound(tmp_path: Path) -> None:
    chain = handed_over_chain(SqliteChainStore(tmp_path / "chain"))
    assert list(find_damage(chain.store)) == []
    check_sample(chain.store)
    whole_archive(chain, tmp_path / "blocks")
    assert check_archives(chain.genesis, [tmp_path / "blocks"]).anchored
    assert replay(chain.store).same
    # A break anywhere else is damage.
    with chain.store.snapshot() as snapshot:
        raw = snapshot.get(Table.BLOCKS, chain.first.to_bytes(8, "big"))
    assert raw is not None
    later = chain.blocks[2]
    from registry_chain.storage.sealed_block import encode_block
    from weid.registry.comet_encoding import merkle_root
    from weid.registry.headers import NO_BLOCK

    header = dataclasses.replace(
        later.header, last_block_id=NO_BLOCK, last_commit_hash=merkle_root(())
    )
    broken = dataclasses.replace(later, header=header, commit=commit_of(header, chain.keys))
    with chain.store.snapshot() as snapshot:
        from registry_chain.storage.checkpoint import INSIDE, parse_inside

        inside = parse_inside(snapshot.get(Table.SETTINGS, INSIDE))
    assert inside is not None
    key = header.height.to_bytes(8, "big")
    chain.store.write({Table.BLOCKS: {key: encode_block(broken)}}, inside)
    named = [(d.height, d.what) for d in find_damage(chain.store)]
    assert (header.height, "the block does not follow on the one before") in named
    chain.store.close()


# --- Pruning --------------------------------------------------------------------------------------


def tables(store: object) -> dict[Table, dict[bytes, bytes]]:
    with store.snapshot() as snapshot:  # type: ignore[attr-defined]
        return {table: dict(snapshot.items(table)) for table in Table}


@clause("SS-14")
def test_pruning_takes_blocks_and_nothing_else(tmp_path: Path) -> None:
    chain = random_decided(SqliteChainStore(tmp_path / "chain"), 5, 40)
    before = tables(chain.store)
    assert prune(chain.store, below=21) == 20
    assert prune(chain.store, below=21) == 0
    assert prune(chain.store, below=10) == 0
    after = tables(chain.store)
    for table in Table:
        if table not in {Table.BLOCKS, Table.SETTINGS}:
            assert after[table] == before[table], table
    assert min(after[Table.BLOCKS]) == (21).to_bytes(8, "big")
    assert list(find_damage(chain.store)) == []
    check_sample(chain.store)
    chain.block(time=chain.blocks[-1].header.time + 1)
    assert list(find_damage(chain.store)) == []
    newest = chain.blocks[-1].header.height
    with pytest.raises(ValueError, match="must stay"):
        prune(chain.store, below=newest + 1)
    chain.store.close()
    SqliteChainStore(tmp_path / "chain").close()


@clause("SS-14")
def test_backup_restore_and_export_work_with_pruned_stores_and_those_from_a_snapshot(
    tmp_path: Path,
) -> None:
    chain = random_decided(SqliteChainStore(tmp_path / "chain"), 5, 40)
    assert isinstance(chain.store, SqliteChainStore)
    prune(chain.store, below=30)
    point = back_up(chain.store, tmp_path / "backup")
    restore(tmp_path / "backup", tmp_path / "again", expected_checkpoint=point)
    again = SqliteChainStore(tmp_path / "again")
    assert tables(again) == tables(chain.store)
    lines = list(export_lines(again))
    assert len(lines) == 1 + len(tables(again)[Table.BLOCKS])
    again.close()
    maker = SnapshotMaker(chain.store, tmp_path / "snapshots")
    manifest = maker.make()
    synced = SqliteChainStore(tmp_path / "synced")
    taker = SnapshotTaker(
        synced, chain.genesis, manifest, app_hash=manifest.app_hash, height=manifest.height
    )
    for index in range(len(manifest.chunks)):
        taker.apply(index, maker.chunk(manifest.height, FORMAT, index) or b"")
    back_up(synced, tmp_path / "copy")
    assert len(list(export_lines(synced))) == 1
    synced.close()
    chain.store.close()


@clause("SS-14")
def test_what_must_stay_stays(chain: DecidedChain) -> None:
    newest = chain.blocks[-1].header.height
    time = chain.blocks[-1].header.time
    with chain.store.snapshot() as snapshot:

        def keep(retention: Retention, *, forced: bool = False, now: int = time) -> int:
            return height_to_keep(snapshot, retention, now=now, forced=forced)

        late = time + 400 * 86_400
        assert keep(Retention(), forced=True, now=late) == 1
        assert newest < KEPT_ALWAYS
        assert keep(ALL, now=late) == 1
        assert keep(ALL, forced=True) == min(newest, chain.application.position.summary.height)
        assert keep(Retention(blocks=5), forced=True) == newest - 4
        assert keep(Retention(blocks=10**9), forced=True) == 1
        assert keep(Retention(days=1), forced=True) == 1
        assert keep(Retention(days=1), forced=True, now=late) == keep(ALL, forced=True)
        assert keep(Retention(blocks=5, days=1), forced=True) == 1
        middle = chain.blocks[20].header.time
        found = keep(Retention(days=1), forced=True, now=middle + 86_400)
        assert chain.blocks[found - 1].header.time >= middle
        assert chain.blocks[found - 2].header.time < middle


@clause("SS-14")
def test_the_last_blocks_and_the_trust_period_stay_unless_forced(
    chain: DecidedChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "KEPT_ALWAYS", 10)
    newest = chain.blocks[-1].header.height
    time = chain.blocks[-1].header.time
    with chain.store.snapshot() as snapshot:
        assert height_to_keep(snapshot, ALL, now=time) == 1
        assert height_to_keep(snapshot, ALL, now=time + 10**9) == newest - 9


@clause("SS-15")
def test_a_running_node_archives_and_prunes_step_by_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "KEPT_ALWAYS", 4)
    monkeypatch.setattr(pruning, "STEP", 6)
    chain = DecidedChain(SqliteChainStore(tmp_path / "chain"), genesis())
    folder = tmp_path / "archive"
    pruner = Pruner(chain.store, Retention(blocks=8), folder=folder)
    begin = chain.genesis.genesis_time
    pruned = 0
    for number in range(1, 40):
        chain.block(time=begin + number)
        pruned += pruner.step(number, now=begin + 10**9)
        kept = tables(chain.store)[Table.BLOCKS]
        assert len(kept) == number - pruned
        assert 8 <= len(kept) <= 15 or number < 8
    assert pruned == 30
    files = sorted(folder.iterdir())
    assert [file.name for file in files][:2] == [
        "testnet-1-0000000001-0000000006.archive",
        "testnet-1-0000000007-0000000012.archive",
    ]
    report = check_archives(chain.genesis, files)
    assert (report.anchored, report.last) == (True, pruned)
    assert list(find_damage(chain.store)) == []
    # An archive that was made before a crash is not made again.
    height = chain.blocks[-1].header.height
    chain.block(time=begin + 100)
    archive_blocks(chain.store, folder / "testnet-1-0000000031-0000000036.archive", below=37)
    chain.block(time=begin + 101)
    digest = hashlib.sha256((files[-1]).read_bytes()).digest()
    for more in range(2, 12):
        chain.block(time=begin + 100 + more)
    again = Pruner(chain.store, Retention(blocks=8), folder=folder)
    assert again.step(height + 12, now=begin + 10**9) == 6
    assert hashlib.sha256((files[-1]).read_bytes()).digest() == digest
    drops = Pruner(chain.store, Retention(blocks=4), folder=None)
    count = len(list(folder.iterdir()))
    assert drops.step(height + 12, now=begin + 10**9) == 6
    assert len(list(folder.iterdir())) == count
    (tmp_path / "file").write_text("")
    failing = Pruner(chain.store, Retention(blocks=1), folder=tmp_path / "file")
    before = tables(chain.store)
    monkeypatch.setattr(pruning, "KEPT_ALWAYS", 1)
    monkeypatch.setattr(pruning, "STEP", 2)
    with pytest.raises(StoreRefusedError):
        failing.step(height + 12, now=begin + 10**9)
    assert tables(chain.store) == before
    chain.store.close()


@clause("SS-15")
def test_pruning_is_part_of_one_write(chain: DecidedChain) -> None:
    with chain.store.snapshot() as snapshot:
        writes = prune_writes(snapshot, below=4)
        assert set(writes) == {Table.BLOCKS, Table.SETTINGS}
        assert [*writes[Table.BLOCKS]] == [n.to_bytes(8, "big") for n in (1, 2, 3)]
        assert prune_writes(snapshot, below=1) == {}


# --- Replaying from archives and snapshots --------------------------------------------------------


@clause("SS-16", "B17")
def test_a_pruned_chain_replays_from_its_archives(tmp_path: Path) -> None:
    chain = random_decided(SqliteChainStore(tmp_path / "chain"), 6, 50)
    archive_blocks(chain.store, tmp_path / "one", below=15)
    prune(chain.store, below=15)
    archive_blocks(chain.store, tmp_path / "two", below=40)
    prune(chain.store, below=40)
    heights: list[int] = []
    into = SqliteChainStore(tmp_path / "into")
    paths = [tmp_path / "two", tmp_path / "one"]
    result = replay(chain.store, into, archives=paths, progress=heights.append)
    assert result.difference is None
    assert heights == list(range(1, chain.blocks[-1].header.height + 1))
    assert list(find_damage(into)) == []
    into.close()
    with pytest.raises(StoreRefusedError, match="begin at height 40, the replay at 1"):
        replay(chain.store)
    with pytest.raises(StoreRefusedError, match="begin at height 40, the replay at 15"):
        replay(chain.store, archives=[tmp_path / "one"])
    with pytest.raises(StoreRefusedError, match="begin at height 15, the replay at 1"):
        replay(chain.store, archives=[tmp_path / "two"])
    chain.store.close()


@clause("SS-16", "B17")
def test_a_chain_replays_from_a_snapshot_on(tmp_path: Path) -> None:
    chain = random_decided(MemoryChainStore(), 6, 30)
    maker = SnapshotMaker(chain.store, tmp_path)
    manifest = maker.make()
    time = chain.blocks[-1].header.time
    for number in range(1, 6):
        chain.block(time=time + number)
    prune(chain.store, below=manifest.height + 1)
    into = MemoryChainStore()
    taker = SnapshotTaker(
        into, chain.genesis, manifest, app_hash=manifest.app_hash, height=manifest.height
    )
    for index in range(len(manifest.chunks)):
        taker.apply(index, maker.chunk(manifest.height, FORMAT, index) or b"")
    assert replay(chain.store, into).difference is None


@clause("SS-16", "B17")
def test_results_that_the_header_does_not_say_are_told_by_their_height(tmp_path: Path) -> None:
    """The code of a transaction without trace is in no store: only replaying tells it."""
    world = ChainWorld(SqliteChainStore(tmp_path / "chain"))
    world.submit(world.anchor())
    assert replay(world.store).same
    world.engine.close()
    chain = DecidedChain(MemoryChainStore(), genesis())
    begin = chain.genesis.genesis_time
    chain.block(b"nobody can read this", time=begin + 1)
    chain.outcomes[-1] = dataclasses.replace(chain.outcomes[-1], results=())
    chain.block(time=begin + 2)
    chain.block(time=begin + 3)
    assert replay(chain.store).difference == "the results differ at height 1"


def test_a_reader_says_from_where_on_there_are_blocks(tmp_path: Path) -> None:
    chain = random_decided(SqliteChainStore(tmp_path / "chain"), 5, 20)
    prune(chain.store, below=11)
    reader = CommittedReader(chain.store)
    with pytest.raises(NotFoundError, match="from height 11 on"):
        reader.light_block(10)
    assert reader.light_block(11).header.height == 11
    chain.store.close()
