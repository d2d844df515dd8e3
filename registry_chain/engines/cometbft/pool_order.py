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

    `following` gives an author's next sequence number after the newest computed block.
    """

    def __init__(self, following: Callable[[str], int]) -> None:
        self._following = following
        self._next: dict[str, int] = {}
        self._lock = Lock()

    def admits(self, author: str, sequence: int) -> bool:
        """Return whether a transaction may come in now: its predecessor is there, or done."""
        following = self._following(author)
        with self._lock:
            expected = max(self._next.get(author, 0), following)
            if sequence == expected:
                self._next[author] = sequence + 1
            return sequence <= expected

    def stays(self, author: str, sequence: int) -> bool:
        """Return whether one that is in the pool still has its predecessors there."""
        with self._lock:
            return sequence < self._next.get(author, sequence + 1)

    def left(self, author: str, sequence: int) -> None:
        """Take note that a transaction left the pool, or did not come in after all."""
        following = self._following(author)
        with self._lock:
            if following <= sequence < self._next.get(author, 0):
                self._next[author] = sequence

    def block(self) -> None:
        """Take note of a computed block: who waits for nothing is forgotten."""
        with self._lock:
            authors = list(self._next)
        done = [author for author in authors if self._following(author) >= self._next[author]]
        with self._lock:
            for author in done:
                self._next.pop(author, None)
