"""Running a chain again and comparing every app hash and result on the way (B17, SS-16).

Three uses: to prove that a store holds what its blocks make, to audit archived blocks, and to build
a store anew from blocks. A chain that was handed to another engine is one chain here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from registry_chain.application import RegistryApplication
from registry_chain.archives.checking import blocks_of, in_order
from registry_chain.state_machine.block import BlockInput
from registry_chain.state_machine.genesis import Genesis
from registry_chain.storage.committed import SnapshotState, read_genesis
from registry_chain.storage.errors import StoreDamagedError, StoreRefusedError
from registry_chain.storage.extent import newest_height, read_base
from registry_chain.storage.memory import MemoryChainStore
from registry_chain.storage.sealed_block import (
    SealedBlock,
    decode_validators,
    height_key,
    read_block,
    results_root,
)
from registry_chain.storage.store import ChainStore, StoreSnapshot, Table
from registry_chain.storage.stored_event import read_events_base
from weid.registry.comet_encoding import merkle_root
from weid.registry.validators import ValidatorSet

_COMPARED: Final = (
    Table.RECORDS,
    Table.VERSIONS,
    Table.PAGES,
    Table.LOG,
    Table.RECEIPTS,
    Table.CONTENTS,
)
"""Tables that are the same wherever a store begins."""
_BATCH: Final = 64
"""Blocks that are committed as one."""


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What a replay found: the height reached, and the first place where the two differ, if any."""

    height: int
    difference: str | None

    @property
    def same(self) -> bool:
        """Whether the replayed chain is the stored one."""
        return self.difference is None


@dataclass(frozen=True, slots=True)
class _Next:
    """A block to run, with the sets that it names, as far as they are at hand."""

    block: SealedBlock
    validators: tuple[ValidatorSet, ...]


def replay(
    store: ChainStore,
    into: ChainStore | None = None,
    *,
    archives: Sequence[Path] = (),
    progress: Callable[[int], None] = lambda _: None,
) -> ReplayResult:
    """Run all blocks again and compare the app hash at each height, then the tables.

    Blocks come from `archives`, then from the store. `into` receives the replayed chain, in memory
    when not given: it is empty, or holds the state of an earlier height (as a snapshot gives it),
    from which it goes on. `progress` is told each height.

    Raises:
        StoreDamagedError: a block cannot be read.
        StoreRefusedError: the blocks do not begin where the replay does.
    """
    target = MemoryChainStore() if into is None else into
    application = RegistryApplication(target)
    with store.snapshot() as snapshot:
        genesis = read_genesis(snapshot)
        application.init_chain(genesis)
        begun = application.info().height
        runner = _Runner(application, SnapshotState(snapshot).summary.height)
        for found in _blocks(snapshot, genesis, archives, begun + 1):
            difference = runner.run(found)
            if difference is not None:
                return ReplayResult(found.block.header.height, difference)
            progress(found.block.header.height)
        runner.commit()
        height = application.info().height
        return ReplayResult(height, _difference(snapshot, target, genesis))


class _Runner:
    """Runs blocks one after the other; those above the state's height only prove it."""

    def __init__(self, application: RegistryApplication, last: int) -> None:
        self._application = application
        self._last = last
        info = application.info()
        self._app_hash = info.app_hash
        fresh = info.height < application.genesis.initial_height
        self._results: bytes | None = merkle_root(()) if fresh else None
        self._waiting: list[_Next] = []

    def run(self, found: _Next) -> str | None:
        """Run a block and return how its header differs from what was replayed, None: it fits."""
        header = found.block.header
        if header.app_hash != self._app_hash:
            return f"the app hash differs at height {header.height}"
        if self._results is not None and header.last_results_hash != self._results:
            return f"the results differ at height {header.height - 1}"
        if header.height > self._last:
            self.commit()
            self._write_above(found)
            return None
        outcome = self._application.finalize_block(
            BlockInput(
                header.height, header.time, found.block.transactions, found.block.misbehaviour
            )
        )
        self._app_hash = outcome.app_hash
        self._results = results_root((int(one.code), one.data) for one in outcome.results)
        self._waiting.append(found)
        if len(self._waiting) == _BATCH:
            self.commit()
        return None

    def commit(self) -> None:
        """Write what was run."""
        if self._waiting:
            sets = [one for found in self._waiting for one in found.validators]
            self._application.commit([found.block for found in self._waiting], sets)
            self._waiting = []

    def _write_above(self, found: _Next) -> None:
        height = self._application.info().height
        with self._application.store.snapshot() as snapshot:
            block = read_block(snapshot, height, with_transactions=False)
        prepared = self._application.prepare_decided(
            0,
            (found.block,),
            found.validators,
            block_hash=bytes(32) if block is None else block.header.hash(),
        )
        self._application.persist(prepared)
        self._application.settle(prepared)


def _blocks(
    snapshot: StoreSnapshot, genesis: Genesis, archives: Sequence[Path], first: int
) -> Iterator[_Next]:
    """Yield the blocks from a height on: archived ones, then those of the store."""
    expected = first
    if archives:
        for found in blocks_of(in_order(genesis, archives)):
            if found.block.header.height < first:
                continue
            _require_height(found.block.header.height, expected)
            yield _Next(found.block, (found.validators,))
            expected += 1
    base = read_base(snapshot, genesis)
    newest = newest_height(snapshot)
    last = max(SnapshotState(snapshot).summary.height, base - 1 if newest is None else newest)
    if base > expected:
        _require_height(base, expected)
    for height in range(expected, last + 1):
        block = read_block(snapshot, height)
        if block is None:
            raise StoreDamagedError(
                f"the block at height {height} is missing",
                table=Table.BLOCKS,
                key=height_key(height),
                height=height,
            )
        yield _Next(block, tuple(_sets(snapshot, block)))


def _require_height(found: int, expected: int) -> None:
    if found != expected:
        raise StoreRefusedError(
            f"the blocks begin at height {found}, the replay at {expected}",
            hint=f"give the archives of heights {expected} to {found - 1}, or a snapshot of the "
            "state from which to go on",
        )


def _sets(snapshot: StoreSnapshot, block: SealedBlock) -> Iterator[ValidatorSet]:
    for named in {block.header.validators_hash, block.header.next_validators_hash}:
        value = snapshot.get(Table.VALIDATORS, named)
        if value is not None:
            yield decode_validators(value, expected_hash=named)


def _difference(ours: StoreSnapshot, target: ChainStore, genesis: Genesis) -> str | None:
    with target.snapshot() as theirs:
        here, there = SnapshotState(ours), SnapshotState(theirs)
        roots = [(s.summary.height, s.summary.app_hash, s.position.events) for s in (here, there)]
        if roots[0] != roots[1]:
            return "the state after the last block differs"
        # What one of the two never had is not compared.
        events = max(read_events_base(ours), read_events_base(theirs))
        base = max(read_base(ours, genesis), read_base(theirs, genesis))
        begins = {Table.EVENTS: height_key(events), Table.BLOCKS: height_key(base)}
        for table in (*_COMPARED, *begins):
            first = begins.get(table, b"")
            difference = _table_difference(table, ours, theirs, first)
            if difference is not None:
                return difference
    return None


def _table_difference(
    table: Table, ours: StoreSnapshot, theirs: StoreSnapshot, first: bytes
) -> str | None:
    mine, other = ours.items(table, first=first), theirs.items(table, first=first)
    while True:
        left, right = next(mine, None), next(other, None)
        if left is None and right is None:
            return None
        if left is None or right is None:
            return f"table {table} has another number of entries"
        if left != right:
            return f"table {table} differs at key {min(left[0], right[0]).hex()}"
