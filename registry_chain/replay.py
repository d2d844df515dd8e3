"""Running a chain again from its genesis and comparing every app hash on the way (B17).

Two uses: to prove that a store holds what its blocks make, and to build a store anew from blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from registry_chain.application import RegistryApplication
from registry_chain.state_machine.block import BlockInput
from registry_chain.storage.committed import SnapshotState, read_genesis
from registry_chain.storage.errors import StoreDamagedError
from registry_chain.storage.memory import MemoryChainStore
from registry_chain.storage.sealed_block import (
    SealedBlock,
    decode_validators,
    height_key,
    read_block,
)
from registry_chain.storage.store import ChainStore, Table

_COMPARED: Final = tuple(table for table in Table if table is not Table.SETTINGS)


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What a replay found: the height reached, and the first place where the two differ, if any."""

    height: int
    difference: str | None

    @property
    def same(self) -> bool:
        """Whether the replayed chain is the stored one."""
        return self.difference is None


def replay(
    store: ChainStore,
    into: ChainStore | None = None,
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> ReplayResult:
    """Run all blocks of a store again and compare the app hash at each height, then all tables.

    `into` is an empty store that receives the replayed chain, in memory when not given;
    `progress` is told each height.

    Raises:
        StoreDamagedError: a block cannot be read.
    """
    target = MemoryChainStore() if into is None else into
    application = RegistryApplication(target)
    with store.snapshot() as snapshot:
        state = SnapshotState(snapshot)
        genesis = read_genesis(snapshot)
        application.init_chain(genesis)
        last = state.summary.height
        height = genesis.initial_height - 1
        for block in _blocks(store, genesis.initial_height, last):
            height = block.header.height
            expected = application.info().app_hash
            if block.header.app_hash != expected:
                return ReplayResult(height, f"the app hash differs at height {height}")
            application.finalize_block(BlockInput(height, block.header.time, block.transactions))
            announced = block.header.next_validators_hash
            value = snapshot.get(Table.VALIDATORS, announced)
            sets = () if value is None else (decode_validators(value, expected_hash=announced),)
            application.commit((block,), sets)
            progress(height)
        return ReplayResult(height, _difference(store, target))


def _blocks(store: ChainStore, first: int, last: int) -> Iterator[SealedBlock]:
    with store.snapshot() as snapshot:
        for height in range(first, last + 1):
            block = read_block(snapshot, height)
            if block is None:
                raise StoreDamagedError(
                    f"the block at height {height} is missing",
                    table=Table.BLOCKS,
                    key=height_key(height),
                    height=height,
                )
            yield block


def _difference(store: ChainStore, target: ChainStore) -> str | None:
    with store.snapshot() as ours, target.snapshot() as theirs:
        if SnapshotState(ours).position != SnapshotState(theirs).position:
            return "the state after the last block differs"
        for table in _COMPARED:
            pairs = zip(ours.items(table), theirs.items(table), strict=False)
            for (key, value), (other_key, other_value) in pairs:
                if (key, value) != (other_key, other_value):
                    return f"table {table} differs at key {min(key, other_key).hex()}"
            if ours.count(table) != theirs.count(table):
                return f"table {table} has another number of entries"
    return None
