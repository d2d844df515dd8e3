"""What was presented before: a memory of nonces, so that each is accepted once.

Clause VF-31 of specs/verification.md.
"""

from __future__ import annotations

import threading
from typing import Protocol


class ReplayMemory(Protocol):
    """Remembers keys until a time; the one place that makes a nonce usable once.

    An implementation that several processes share makes `remember` atomic, for example with a
    unique constraint.
    """

    def remember(self, key: str, *, until: int, now: int) -> bool:
        """Remember a key up to and including `until` (seconds); False when it is remembered."""
        ...


class MemoryReplayMemory:
    """A replay memory in this process; it is lost with the process."""

    def __init__(self) -> None:
        self._until: dict[str, int] = {}
        self._lock = threading.Lock()
        self._next_sweep = 0

    def remember(self, key: str, *, until: int, now: int) -> bool:
        """Remember a key up to and including `until` (seconds); False when it is remembered."""
        with self._lock:
            if now >= self._next_sweep:
                self._sweep(now)
            if self._until.get(key, -1) >= now:
                return False
            self._until[key] = until
            return True

    def _sweep(self, now: int) -> None:
        # Once in a while is enough: until then an old key only costs its place.
        self._until = {key: until for key, until in self._until.items() if until >= now}
        self._next_sweep = now + 60
