"""What was computed from bytes, remembered within a bound on these bytes.

A node reads the same transaction when it comes, when it is proposed, in the block and after it. An
`lru_cache` bounds a number of values; of transactions, one may be a thousand times as large as
another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

_V = TypeVar("_V")


class RememberedByBytes(Generic[_V]):
    """A function of bytes that remembers what it returned for the last `most_bytes` of them or so.

    What it raises is not remembered. For several threads without a lock: where two of them meet, a
    value may be computed twice or forgotten early, and is never another than the function's.
    """

    def __init__(self, function: Callable[[bytes], _V], *, most_bytes: int) -> None:
        self._function = function
        # Two halves: when the newer one is full it becomes the older one, which is forgotten whole.
        self._half = most_bytes // 2
        self._newer: dict[bytes, _V] = {}
        self._older: dict[bytes, _V] = {}
        self._newer_bytes = 0

    def __call__(self, raw: bytes) -> _V:
        """Return what the function says of these bytes."""
        found = self._newer.get(raw)
        if found is not None:
            return found
        found = self._older.get(raw)
        if found is None:
            found = self._function(raw)
        if self._newer_bytes + len(raw) > self._half:
            self._older, self._newer, self._newer_bytes = self._newer, {}, 0
        self._newer[raw] = found
        self._newer_bytes += len(raw)
        return found
