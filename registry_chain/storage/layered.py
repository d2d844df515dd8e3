"""What the application computes on: committed state in a bounded cache, and staged blocks above.

One thread computes blocks and owns this; other threads read committed state from the store. A
staged block may be on its way to the disk while the next is computed over it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Final

from registry_chain.state_machine.block import BlockOutcome
from registry_chain.state_machine.state import StateSummary
from registry_chain.storage.store import ChainStore, StoreSnapshot, Table

CACHED_ENTRIES: Final = 100_000
"""Records, and again pages, that are kept: about 200 MB of both together at most."""


class StateCache:
    """Committed records and pages that were used lately, over a store."""

    def __init__(self, store: ChainStore, *, entries: int = CACHED_ENTRIES) -> None:
        self.store = store
        self._source: ChainStore | StoreSnapshot = store
        self._entries = entries
        self._records: dict[bytes, bytes | None] = {}
        self._pages: dict[bytes, bytes | None] = {}
        self._tiles: dict[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        """Return a committed record's bytes."""
        try:
            return self._records[key]
        except KeyError:
            return self._fetch(self._records, Table.RECORDS, key)

    def get_many(self, keys: Collection[bytes]) -> Mapping[bytes, bytes | None]:
        """Return the bytes of each of many committed records."""
        missing = [key for key in keys if key not in self._records]
        if missing:
            found = self._source.get_many(Table.RECORDS, missing)
            self._records.update({key: found.get(key) for key in missing})
        return self._records

    def peek(self, key: bytes) -> bytes | None:
        """Return a committed record's bytes without keeping them; for other threads.

        Only the owner fills the cache: another thread could put back what was replaced meanwhile.
        """
        try:
            return self._records[key]
        except KeyError:
            return self.store.get(Table.RECORDS, key)

    def committed(self, summary: StateSummary) -> CommittedView:
        """Return committed state for a thread that only looks."""
        return CommittedView(self, summary)

    def page(self, page_id: bytes) -> bytes | None:
        """Return a committed page."""
        try:
            return self._pages[page_id]
        except KeyError:
            return self._fetch(self._pages, Table.PAGES, page_id)

    def tile(self, tile_id: bytes) -> bytes | None:
        """Return a committed tile."""
        try:
            return self._tiles[tile_id]
        except KeyError:
            return self._fetch(self._tiles, Table.LOG, tile_id)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read from one snapshot within this block: quicker than asking the store anew each time.

        What is committed meanwhile is in the staged blocks, which are asked first.
        """
        with self.store.snapshot() as snapshot:
            self._source = snapshot
            try:
                yield
            finally:
                self._source = self.store

    def take(self, outcome: BlockOutcome) -> None:
        """Take in what is now committed; the writer's thread may do this too."""
        self._records.update(outcome.records)
        self._pages.update(outcome.pages)
        self._tiles.update(outcome.tiles)

    def trim(self) -> None:
        """Let the oldest entries go where there are too many; a dictionary keeps their order."""
        for cache in (self._records, self._pages, self._tiles):
            surplus = len(cache) - self._entries
            if surplus > 0:
                for key in list(islice(cache, surplus)):
                    cache.pop(key, None)

    def _fetch(self, cache: dict[bytes, bytes | None], table: Table, key: bytes) -> bytes | None:
        value = self._source.get(table, key)
        cache[key] = value
        return value


class CommittedView:
    """Committed state for threads that only look: it reads the cache and fills nothing."""

    __slots__ = ("_cache", "_summary")

    def __init__(self, cache: StateCache, summary: StateSummary) -> None:
        self._cache = cache
        self._summary = summary

    @property
    def summary(self) -> StateSummary:
        """Where this state stands."""
        return self._summary

    def get(self, state_key: bytes) -> bytes | None:
        """Return the bytes of the record under a state key, or None."""
        return self._cache.peek(state_key)

    def get_many(self, state_keys: Collection[bytes]) -> Mapping[bytes, bytes | None]:
        """Return the bytes of each of many records."""
        return {key: self._cache.peek(key) for key in state_keys}

    def page(self, page_id: bytes) -> bytes | None:
        """Return a page of a sparse Merkle tree, or None."""
        return self._cache.store.get(Table.PAGES, page_id)

    def tile(self, tile_id: bytes) -> bytes | None:
        """Return a tile of the operation log, or None."""
        return self._cache.store.get(Table.LOG, tile_id)


class LayeredState:
    """The state after the staged outcomes, newest last, over the cache (`CommittedState`)."""

    __slots__ = ("_cache", "_outcomes", "_summary")

    def __init__(
        self, cache: StateCache, outcomes: tuple[BlockOutcome, ...], summary: StateSummary
    ) -> None:
        self._cache = cache
        self._outcomes = outcomes[::-1]
        self._summary = outcomes[-1].summary if outcomes else summary

    @property
    def summary(self) -> StateSummary:
        """Where this state stands."""
        return self._summary

    def get(self, state_key: bytes) -> bytes | None:
        """Return the bytes of the record under a state key, or None."""
        for outcome in self._outcomes:
            if state_key in outcome.records:
                return outcome.records[state_key]
        return self._cache.get(state_key)

    def get_many(self, state_keys: Collection[bytes]) -> Mapping[bytes, bytes | None]:
        """Return the bytes of each of many records."""
        found: dict[bytes, bytes | None] = {}
        for outcome in reversed(self._outcomes):
            found.update({key: outcome.records[key] for key in state_keys & outcome.records.keys()})
        committed = self._cache.get_many([key for key in state_keys if key not in found])
        return {key: found[key] if key in found else committed[key] for key in state_keys}

    def page(self, page_id: bytes) -> bytes | None:
        """Return a page of a sparse Merkle tree, or None."""
        for outcome in self._outcomes:
            if page_id in outcome.pages:
                return outcome.pages[page_id]
        return self._cache.page(page_id)

    def tile(self, tile_id: bytes) -> bytes | None:
        """Return a tile of the operation log, or None."""
        for outcome in self._outcomes:
            if tile_id in outcome.tiles:
                return outcome.tiles[tile_id]
        return self._cache.tile(tile_id)
