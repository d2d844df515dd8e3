"""Taking old blocks out of a store, into archives or away; the state never goes (SS-14, SS-15).

Records, receipts, the log, events and validator sets stay: what was proved once can be proved for
ever. Only blocks go, and with them light blocks for clients that were away for very long.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from registry_chain.archives.archive_file import ArchivedBlock, ArchiveHead, write_archive
from registry_chain.state_machine.genesis import Genesis
from registry_chain.storage.checkpoint import INSIDE, NOTHING_YET, parse_inside
from registry_chain.storage.committed import SnapshotState, read_genesis
from registry_chain.storage.errors import StoreDamagedError, StoreRefusedError
from registry_chain.storage.extent import base_setting, newest_height, read_base
from registry_chain.storage.folder_lock import refused
from registry_chain.storage.sealed_block import (
    SealedBlock,
    height_key,
    read_block,
    read_light_block,
)
from registry_chain.storage.store import ChainStore, StoreSnapshot, Table
from weid import limits
from weid.errors import MalformedError
from weid.registry.transaction import transaction_id
from weid.registry.wire import decode_receipt, decode_signed

KEPT_ALWAYS: Final = 1000
"""Blocks that are never pruned unless forced: the checkpoint and other nodes may ask for them."""
DAY: Final = 86_400
_LOOK: Final = 120
"""Blocks after which it is looked again whether enough may go: an hour of heartbeats."""
STEP: Final = 1000
"""Blocks that a running node archives and prunes at once: one file, one write."""


@dataclass(frozen=True, slots=True)
class Retention:
    """Which blocks stay: the last `blocks`, and those of the last `days`; None sets no such bound.

    With neither, nothing is ever pruned.
    """

    blocks: int | None = None
    days: int | None = None


def height_to_keep(
    snapshot: StoreSnapshot, retention: Retention, *, now: int, forced: bool = False
) -> int:
    """Return the lowest height that stays; what the store keeps already when nothing may go.

    Never among the last KEPT_ALWAYS blocks or in the trust period (`limits.TRUST_PERIOD` before
    `now`, seconds), whose blocks light clients need, unless forced; never the newest block.
    """
    base = read_base(snapshot, read_genesis(snapshot))
    newest = newest_height(snapshot)
    if newest is None or (retention.blocks is None and retention.days is None):
        return base
    bounds = [newest, SnapshotState(snapshot).summary.height]
    if retention.blocks is not None:
        bounds.append(newest - retention.blocks + 1)
    if retention.days is not None:
        bounds.append(_first_since(snapshot, base, newest, now - retention.days * DAY))
    if not forced:
        bounds.append(newest - KEPT_ALWAYS + 1)
        bounds.append(_first_since(snapshot, base, newest, now - limits.TRUST_PERIOD))
    return max(base, min(bounds))


def _first_since(snapshot: StoreSnapshot, low: int, high: int, time: int) -> int:
    """Return the first height whose block is not older than a time (seconds); `high` + 1: none.

    Times rise with heights.
    """
    high += 1
    while low < high:
        middle = (low + high) // 2
        if _require_block(snapshot, middle).header.time < time:
            low = middle + 1
        else:
            high = middle
    return low


def prune_writes(snapshot: StoreSnapshot, *, below: int) -> dict[Table, dict[bytes, bytes | None]]:
    """Return what takes the blocks below a height out of a store, as part of one write.

    Nothing when there are none. The block at `below` and the state's own stay.

    Raises:
        ValueError: the height is above the newest block or the state.
    """
    base = read_base(snapshot, read_genesis(snapshot))
    newest = newest_height(snapshot)
    if newest is None or below > min(newest, SnapshotState(snapshot).summary.height):
        raise ValueError(f"the block at height {below} must stay, and is not there")
    if below <= base:
        return {}
    blocks: dict[bytes, bytes | None] = dict.fromkeys(map(height_key, range(base, below)))
    return {Table.BLOCKS: blocks, Table.SETTINGS: base_setting(below)}


def prune(store: ChainStore, *, below: int) -> int:
    """Take the blocks below a height out of a store; return how many there were.

    By whoever writes to the store: nothing else may be written meanwhile.

    Raises:
        ValueError: the block at that height is not there.
        StoreFullError, StoreStoppedError: nothing was pruned.
    """
    with store.snapshot() as snapshot:
        writes = prune_writes(snapshot, below=below)
        inside = parse_inside(snapshot.get(Table.SETTINGS, INSIDE))
    if writes:
        # A store in memory has no checkpoint.
        store.write(writes, NOTHING_YET if inside is None else inside)
    return len(writes.get(Table.BLOCKS, ()))


def archive_blocks(store: ChainStore, path: Path, *, below: int) -> ArchiveHead:
    """Write the blocks of a store below a height to a new archive, durably.

    Raises:
        StoreRefusedError: there is no such block, or the file cannot be written.
        StoreDamagedError: a block or receipt is not what was written.
    """
    with store.snapshot() as snapshot:
        genesis = read_genesis(snapshot)
        base = read_base(snapshot, genesis)
        newest = newest_height(snapshot)
        if newest is None or not base < below <= newest:
            raise StoreRefusedError(
                f"there is no block below height {below} to archive",
                hint=f"the store keeps heights {base} to {newest}"
                if newest is not None
                else "the store has no block yet",
            )
        head = ArchiveHead(genesis, base, below - 1)
        write_archive(path, head, _archived(snapshot, base, below))
    return head


def _archived(snapshot: StoreSnapshot, first: int, below: int) -> Iterator[ArchivedBlock]:
    for height in range(first, below):
        block = _require_block(snapshot, height, with_transactions=True)
        light = read_light_block(snapshot, height)
        assert light is not None  # noqa: S101 - the block is there
        yield ArchivedBlock(block, light.validators, tuple(_receipts(snapshot, block)))


def _receipts(snapshot: StoreSnapshot, block: SealedBlock) -> Iterator[bytes | None]:
    """Yield the receipt of each transaction, None for one that left no trace in this block."""
    told: set[bytes] = set()
    for raw in block.transactions:
        try:
            name = transaction_id(decode_signed(raw).payload)
        except MalformedError:
            yield None
            continue
        value = snapshot.get(Table.RECEIPTS, name)
        if value is None or name in told or not _is_of(value, block.header.height):
            yield None
        else:
            told.add(name)
            yield value


def _is_of(receipt: bytes, height: int) -> bool:
    try:
        return decode_receipt(receipt).height == height
    except MalformedError as error:
        raise StoreDamagedError("a receipt is damaged", table=Table.RECEIPTS) from error


def _require_block(
    snapshot: StoreSnapshot, height: int, *, with_transactions: bool = False
) -> SealedBlock:
    block = read_block(snapshot, height, with_transactions=with_transactions)
    if block is None:
        raise StoreDamagedError(
            f"the block at height {height} is missing",
            table=Table.BLOCKS,
            key=height_key(height),
            height=height,
        )
    return block


class Pruner:
    """Prunes a running node's store step by step, called by whoever writes to it.

    `folder` takes the archives, each named after its chain and heights; None drops the blocks.
    """

    def __init__(self, store: ChainStore, retention: Retention, *, folder: Path | None) -> None:
        self._store = store
        self._retention = retention
        self._folder = folder
        self._next = 0

    def step(self, height: int, *, now: int) -> int:
        """Archive and prune what may go, when it is enough for a step; return how many blocks.

        `height` is the newest, `now` the time in seconds. Most calls look at nothing.

        Raises:
            StoreRefusedError: the archive cannot be written; nothing was pruned.
            StoreFullError, StoreStoppedError: nothing was pruned; the archive is there.
        """
        if height < self._next:
            return 0
        with self._store.snapshot() as snapshot:
            genesis = read_genesis(snapshot)
            base = read_base(snapshot, genesis)
            keep = height_to_keep(snapshot, self._retention, now=now)
        if keep - base < STEP:
            # Looked at again when a step can be full; days pass also with fewer blocks than that.
            self._next = height + min(STEP - (keep - base), _LOOK)
            return 0
        below = base + STEP
        if self._folder is not None:
            self._archive(genesis, self._folder, base, below)
        return prune(self._store, below=below)

    def _archive(self, genesis: Genesis, folder: Path, base: int, below: int) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise refused(folder, error) from error
        path = folder / f"{genesis.chain_id}-{base:010}-{below - 1:010}.archive"
        # One that is there was whole when it took its name: the prune after it did not happen.
        if not path.exists():
            archive_blocks(self._store, path, below=below)
