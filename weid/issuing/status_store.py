"""An issuer's memory of its status lists: which indices are handed out, which statuses are set.

An index is handed out once. A store that a person's certificate depends on makes it durable
before it returns; the one here lives in memory.
Clauses VF-50 and VF-51 of specs/verification.md.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

from weid.errors import NotFoundError, StatusListFullError

RandomBelow: TypeAlias = Callable[[int], int]
"""A source of uniform random integers: n → 0 … n-1; `secrets.randbelow` unless a test says else."""


@dataclass(frozen=True, slots=True)
class StoredStatusList:
    """A status list as its issuer keeps it.

    `raw` are the packed statuses; `free` is how many indices were not handed out yet.
    """

    uri: str
    cpt_id: str
    bits: int
    size: int
    raw: bytes
    free: int


class StatusAllocator(Protocol):
    """Hands out status indices."""

    def allocate(self, uri: str, count: int) -> tuple[int, ...]:
        """Return `count` indices of a list, random among the free, durable before return.

        Raises:
            NotFoundError: there is no such list.
            StatusListFullError: fewer are free; none was taken.
        """
        ...


class StatusStore(StatusAllocator, Protocol):
    """Keeps an issuer's status lists."""

    def status_lists(self) -> tuple[StoredStatusList, ...]:
        """Return every list, in the order in which they were added."""
        ...

    def status_list(self, uri: str) -> StoredStatusList | None:
        """Return a list, or None."""
        ...

    def add_status_list(self, uri: str, *, cpt_id: str, bits: int, size: int) -> None:
        """Add a list of zeros; a list of that URI that is there stays as it is."""
        ...

    def replace_statuses(self, uri: str, *, expected: bytes, new: bytes) -> bool:
        """Keep new packed statuses if the present ones are the expected; say whether they were."""
        ...


class MemoryStatusStore:
    """A status store in this process; it is lost with the process."""

    def __init__(self, *, random_below: RandomBelow = secrets.randbelow) -> None:
        self._random_below = random_below
        self._lists: dict[str, StoredStatusList] = {}
        self._used: dict[str, set[int]] = {}
        self._lock = threading.Lock()

    def allocate(self, uri: str, count: int) -> tuple[int, ...]:
        """Return `count` indices of a list, random among the free.

        Raises:
            NotFoundError: there is no such list.
            StatusListFullError: fewer are free; none was taken.
        """
        with self._lock:
            stored = self._lists.get(uri)
            if stored is None:
                raise NotFoundError("there is no such status list")
            if count > stored.free:
                raise StatusListFullError(f"the status list has {stored.free} free indices")
            used = self._used[uri]
            chosen = draw_indices(
                count, size=stored.size, used=used.__contains__, random_below=self._random_below
            )
            used.update(chosen)
            self._lists[uri] = replace(stored, free=stored.free - count)
            return chosen

    def status_lists(self) -> tuple[StoredStatusList, ...]:
        """Return every list, in the order in which they were added."""
        return tuple(self._lists.values())

    def status_list(self, uri: str) -> StoredStatusList | None:
        """Return a list, or None."""
        return self._lists.get(uri)

    def add_status_list(self, uri: str, *, cpt_id: str, bits: int, size: int) -> None:
        """Add a list of zeros; a list of that URI that is there stays as it is."""
        with self._lock:
            if uri not in self._lists:
                raw = bytes(size * bits // 8)
                self._lists[uri] = StoredStatusList(uri, cpt_id, bits, size, raw, free=size)
                self._used[uri] = set()

    def replace_statuses(self, uri: str, *, expected: bytes, new: bytes) -> bool:
        """Keep new packed statuses if the present ones are the expected; say whether they were."""
        with self._lock:
            stored = self._lists.get(uri)
            if stored is None or stored.raw != expected:
                return False
            self._lists[uri] = replace(stored, raw=new)
            return True


def draw_indices(
    count: int, *, size: int, used: Callable[[int], bool], random_below: RandomBelow
) -> tuple[int, ...]:
    """Draw distinct unused indices of a list, uniformly.

    The caller has made sure that there are enough. While a list is not nearly full, drawing again
    on a hit is quick; past that, the free ones are listed.
    """
    chosen: dict[int, None] = {}
    for _ in range(4 * count + 16):
        if len(chosen) == count:
            return tuple(chosen)
        index = random_below(size)
        if not used(index):
            chosen[index] = None
    free = [index for index in range(size) if index not in chosen and not used(index)]
    while len(chosen) < count:
        place = random_below(len(free))
        free[place], free[-1] = free[-1], free[place]
        chosen[free.pop()] = None
    return tuple(chosen)
