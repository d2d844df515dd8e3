"""An author's transactions come into this node's pool in their order, or not yet (clause CN-32).

A transaction whose predecessor is missing can come into no block. CometBFT keeps it all the same,
and a pool that is full of such takes nothing more, not even what is missing: under more load than
the network carries, honest authors would stop it like that by themselves. So the next one of each
author is known here, and what comes too early is refused; it may come again.

Peers hand on what they have in the order in which it came, so that nothing is refused on its way
from one pool to the next but where the one before it was.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock


class PoolOrder:
    """What each author's next transaction in the pool is; thread-safe.

    `following` gives an author's next sequence number after the newest computed block. What is
    asked whether it `admits` counts only once it `came`: one may find no room in between.
    """

    def __init__(self, following: Callable[[str], int]) -> None:
        self._following = following
        self._next: dict[str, int] = {}
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
            if self._following(author) <= sequence < self._next.get(author, 0):
                self._next[author] = sequence

    def block(self) -> None:
        """Take note of a computed block: who waits for nothing is forgotten."""
        with self._lock:
            for author, expected in list(self._next.items()):
                if self._following(author) >= expected:
                    del self._next[author]

    def _expected(self, author: str) -> int:
        return max(self._next.get(author, 0), self._following(author))
