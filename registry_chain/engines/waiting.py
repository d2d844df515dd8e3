"""Transactions that wait for a block: in order of arrival, each id once, bounded."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import accumulate, islice, takewhile
from threading import Condition
from typing import Final

from weid.errors import RegistryUnavailableError
from weid.registry.records import Receipt

WAITING_TRANSACTIONS: Final = 50_000
WAITING_BYTES: Final = 64 * 2**20
"""Bounds of what waits: a few seconds of work, so that nobody waits for a queue in vain."""


_NOTIFY: Final = 100
"""The sealing thread is woken for the first one, and then for each so many more."""
_LARGE: Final = 1024
"""Bytes above which a transaction wakes it by itself."""


@dataclass(slots=True)
class Waiting:
    """One transaction that waits, and the future of whoever submitted it."""

    transaction_id: bytes
    data: bytes
    future: Future[Receipt] = field(default_factory=Future)


class WaitingTransactions:
    """The queue between submitters and the thread that makes blocks.

    `changed` is notified when something came in or the queue was closed.
    """

    def __init__(
        self, *, transactions: int = WAITING_TRANSACTIONS, size: int = WAITING_BYTES
    ) -> None:
        self.changed = Condition()
        self._queue: deque[Waiting] = deque()
        self._by_id: dict[bytes, Waiting] = {}
        self._bytes = 0
        self._queued_bytes = 0
        self.most = transactions
        self._most_bytes = size
        self._closed: str | None = None

    def find(self, transaction_id: bytes) -> Future[Receipt] | None:
        """Return the future of a transaction that waits or is in work."""
        with self.changed:
            waiting = self._by_id.get(transaction_id)
        return None if waiting is None else waiting.future

    def add(self, waiting: Waiting) -> Future[Receipt]:
        """Put a transaction at the end; one that waits already keeps its place.

        Raises:
            RegistryUnavailableError: the queue is full or closed.
        """
        with self.changed:
            present = self._by_id.get(waiting.transaction_id)
            if present is not None:
                return present.future
            if self._closed is not None:
                raise RegistryUnavailableError(self._closed)
            full = len(self._by_id) >= self.most
            if full or self._bytes + len(waiting.data) > self._most_bytes:
                raise RegistryUnavailableError(
                    "too many transactions are waiting", hint="submit the same one again later"
                )
            self._queue.append(waiting)
            self._by_id[waiting.transaction_id] = waiting
            self._bytes += len(waiting.data)
            self._queued_bytes += len(waiting.data)
            if len(self._queue) % _NOTIFY == 1 or len(waiting.data) > _LARGE:
                self.changed.notify_all()
            return waiting.future

    def __len__(self) -> int:
        return len(self._queue)

    def take(self, *, transactions: int, size: int) -> list[Waiting]:
        """Take from the front what fits a block; it counts as in work until `done`."""
        taken: list[Waiting] = []
        total = 0
        with self.changed:
            while self._queue and len(taken) < transactions:
                total += len(self._queue[0].data)
                if taken and total > size:
                    break
                taken.append(self._queue.popleft())
                self._queued_bytes -= len(taken[-1].data)
        return taken

    def front(self, *, transactions: int, size: int) -> list[bytes]:
        """Return what `take` would take now, and leave it."""
        with self.changed:
            first = [waiting.data for waiting in islice(self._queue, transactions)]
        fitting = takewhile(lambda total: total <= size, accumulate(map(len, first)))
        return first[: max(1, sum(1 for _ in fitting))]

    def fills(self, *, transactions: int, size: int) -> bool:
        """Return whether a block of that many transactions or bytes would be full."""
        return len(self._queue) >= transactions or self._queued_bytes >= size

    def done(self, taken: list[Waiting]) -> None:
        """Forget transactions whose fate is known."""
        with self.changed:
            for waiting in taken:
                if self._by_id.pop(waiting.transaction_id, None) is not None:
                    self._bytes -= len(waiting.data)

    def close(self, reason: str) -> None:
        """Take nothing more; what waits may still be taken."""
        with self.changed:
            self._closed = self._closed or reason
            self.changed.notify_all()
