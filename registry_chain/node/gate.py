"""Waiting without starving: so many requests wait at once, each for a bounded time (W28)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """Places for requests that wait; who finds none does not wait."""

    def __init__(self, places: int) -> None:
        self._places = threading.BoundedSemaphore(places)
        self._lock = threading.Lock()
        self._taken = 0

    @contextmanager
    def place(self) -> Iterator[bool]:
        """Hold a place, if there is one: gives whether there was."""
        got = self._places.acquire(blocking=False)
        if got:
            with self._lock:
                self._taken += 1
        try:
            yield got
        finally:
            if got:
                with self._lock:
                    self._taken -= 1
                self._places.release()

    @property
    def taken(self) -> int:
        """How many wait now."""
        return self._taken
