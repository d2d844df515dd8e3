"""An author's transactions come into this node's pool in their order, or not yet (clause CN-32).

A transaction whose predecessor is missing can come into no block. CometBFT keeps it all the same,
and a pool that is full of such takes nothing more, not even what is missing: under more load than
the network carries, honest authors would stop it like that by themselves. So the next one of each
author is known here, and what comes too early is refused; it may come again.

Peers hand on what they have in the order in which it came, so that nothing is refused on its way
from one pool to the next but where the one before it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock


class PoolOrder:
    """What each author's next transaction in the pool is; thread-safe.

    `following` gives an author's next sequence number after the newest computed block. What is
    asked whether it `admits` counts only once it `came`: one may find no room in between.
    """

    def __init__(self, following: Callable[[str], int]) -> None:
        self._following = following
        self._next: dict[str, int] = {}
        # What `following` said since the newest computed block: it is asked for each transaction.
        self._done: dict[str, int] = {}
        self._lock = Lock()

    def admits(self, author: str, sequence: int) -> bool:
        """Return whether a transaction may come in now: its predecessor is there, or done."""
        with self._lock:
            return sequence <= self._expected(author)

    def came(self, author: str, sequence: int) -> None:
        """Take note that a transaction that was admitted has come in."""
        with self._lock:
            self._next[author] = max(self._expected(author), sequence + 1)

    def stays(self, author: str, sequence: int) -> bool:
        """Return whether one that is in the pool still has its predecessors there."""
        with self._lock:
            return sequence < self._next.get(author, sequence + 1)

    def left(self, author: str, sequence: int) -> None:
        """Take note that a transaction left the pool and is not done: what comes after it waits."""
        with self._lock:
            if self._after_blocks(author) <= sequence < self._next.get(author, 0):
                self._next[author] = sequence

    def block(self, lost: Iterable[tuple[str, int]] = ()) -> None:
        """Take note of a computed block, and of the `lost`: those that left the pool undone.

        Who waits for nothing any more is forgotten.
        """
        with self._lock:
            self._done.clear()
        for author, sequence in lost:
            self.left(author, sequence)
        with self._lock:
            for author, expected in list(self._next.items()):
                if self._after_blocks(author) >= expected:
                    del self._next[author]

    def _expected(self, author: str) -> int:
        return max(self._next.get(author, 0), self._after_blocks(author))

    def _after_blocks(self, author: str) -> int:
        known = self._done.get(author)
        if known is None:
            known = self._done[author] = self._following(author)
        return known
