"""A chain store in memory: for tests, examples and registries that need not outlive a process."""

from __future__ import annotations

import bisect
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, nullcontext
from threading import Lock

from registry_chain.storage.store import Checkpoint, StoreSnapshot, Table, Writes


class _Layer:
    """What some writes changed; older layers stand behind it. Never altered once made."""

    __slots__ = ("behind", "size", "tables")

    def __init__(
        self, tables: dict[Table, dict[bytes, bytes | None]], behind: _Layer | None
    ) -> None:
        self.tables = tables
        self.behind = behind
        self.size = sum(map(len, tables.values()))

    def folded(self) -> _Layer:
        """Return this layer laid over the one behind it while that is not much larger.

        Each layer is then at least twice the one before it, so that there are few of them and
        each entry is copied a few times only.
        """
        layer = self
        while layer.behind is not None and layer.behind.size <= 2 * layer.size:
            below = layer.behind
            tables = {
                table: {**below.tables.get(table, {}), **layer.tables.get(table, {})}
                for table in layer.tables.keys() | below.tables.keys()
            }
            layer = _Layer(tables, below.behind)
        return layer


class _Snapshot:
    """A layer and all behind it: nothing in them ever changes."""

    def __init__(self, newest: _Layer) -> None:
        self._newest = newest

    def get(self, table: Table, key: bytes) -> bytes | None:
        layer: _Layer | None = self._newest
        while layer is not None:
            values = layer.tables.get(table)
            if values is not None and key in values:
                return values[key]
            layer = layer.behind
        return None

    def get_many(self, table: Table, keys: Collection[bytes]) -> dict[bytes, bytes]:
        found = {key: self.get(table, key) for key in keys}
        return {key: value for key, value in found.items() if value is not None}

    def items(
        self, table: Table, *, first: bytes = b"", last: bytes | None = None, limit: int = -1
    ) -> Iterator[tuple[bytes, bytes]]:
        values = self._whole(table)
        keys = sorted(values)
        start = bisect.bisect_left(keys, first)
        end = len(keys) if last is None else bisect.bisect_right(keys, last)
        if limit >= 0:
            end = min(end, start + limit)
        return iter([(key, values[key]) for key in keys[start:end]])

    def newest(self, table: Table) -> tuple[bytes, bytes] | None:
        values = self._whole(table)
        return max(values.items()) if values else None

    def count(self, table: Table) -> int:
        return len(self._whole(table))

    def _whole(self, table: Table) -> dict[bytes, bytes]:
        layers = []
        layer: _Layer | None = self._newest
        while layer is not None:
            layers.append(layer.tables.get(table, {}))
            layer = layer.behind
        whole: dict[bytes, bytes | None] = {}
        for values in reversed(layers):
            whole.update(values)
        return {key: value for key, value in whole.items() if value is not None}


class MemoryChainStore:
    """A ChainStore that is lost with the process; all other promises hold."""

    def __init__(self) -> None:
        self._newest = _Layer({}, None)
        self._lock = Lock()

    def write(self, writes: Writes, checkpoint: Checkpoint) -> None:
        """Apply the writes as one; a checkpoint outside memory would promise nothing."""
        del checkpoint
        with self._lock:
            tables = {table: dict(values) for table, values in writes.items()}
            self._newest = _Layer(tables, self._newest).folded()

    def get(self, table: Table, key: bytes) -> bytes | None:
        """Return the newest committed value of a key, or None."""
        return _Snapshot(self._newest).get(table, key)

    def get_many(self, table: Table, keys: Collection[bytes]) -> dict[bytes, bytes]:
        """Return the newest committed values of those keys that are there."""
        return _Snapshot(self._newest).get_many(table, keys)

    def snapshot(self) -> AbstractContextManager[StoreSnapshot]:
        """Return the newest committed state."""
        return nullcontext(_Snapshot(self._newest))

    def close(self) -> None:
        """Do nothing."""
