"""The embedded engine without a thread: each submission is sealed before `submit` returns.

For a registry inside another program: no background work, the same blocks. Without heartbeats of
its own; whoever reads the head calls `keep_fresh` first.
"""

from __future__ import annotations

import time
from concurrent.futures import Future
from threading import Condition, RLock

from registry_chain.application import PreparedCommit, RegistryApplication
from registry_chain.engines.embedded.embedded import HANDED_OVER
from registry_chain.engines.embedded.sealer import Sealer, head_of
from registry_chain.engines.submission import Submission
from registry_chain.engines.waiting import WaitingTransactions
from registry_chain.storage.errors import StoreFullError
from weid import limits
from weid.clock import Clock
from weid.crypto.signer import Signer
from weid.errors import RegistryUnavailableError
from weid.registry.records import Head, Receipt
from weid.registry.transaction import SignedTransaction


class InlineEngine:
    """An Engine that works in its caller's thread; callers wait for each other.

    `signer` is the sealing key, whose validator the genesis (or the last rotation) names.

    Raises:
        KeyFileError: the signer is not the chain's sealer.
    """

    def __init__(
        self,
        application: RegistryApplication,
        signer: Signer,
        *,
        clock: Clock,
        heartbeat: int = limits.HEARTBEAT,
    ) -> None:
        self.application = application
        self.failure: str | None = None
        """Why the engine stopped for good, None while it works; reading goes on either way."""
        self._lock = RLock()
        self._moved = Condition()
        self._heartbeat = heartbeat
        self._sealer = Sealer(application, signer, clock=clock)
        self._queue = WaitingTransactions()
        self._submission = Submission(application, self._queue, clock=clock)
        self._closed = False
        self._head = self._sealer.head
        if self._head is None:
            self._persist(self._sealer.seal_heartbeat())

    def submit(self, transaction: SignedTransaction) -> Future[Receipt]:
        """Seal a block with this transaction; see `Engine.submit`."""
        with self._lock:
            self._require_open()
            future = self._submission.submit(transaction)
            for waiting in self._queue.take(transactions=1, size=limits.TRANSACTION_BYTES):
                try:
                    batch = self._sealer.seal_batch([waiting.data])
                    if batch.prepared is not None:
                        self._persist(batch.prepared)
                finally:
                    self._queue.done([waiting])
                self._submission.tell(waiting, batch.results[0])
            return future

    def head(self) -> Head:
        """Return the newest sealed block's head."""
        if self._head is None:
            raise RegistryUnavailableError("the registry has no block yet")
        return self._head

    def keep_fresh(self) -> None:
        """Seal an empty block if the newest is as old as a heartbeat."""
        with self._lock:
            if not self._closed and self.failure is None and self._sealer.due(self._heartbeat):
                self._persist(self._sealer.seal_heartbeat())

    def rotate_sealing_key(self, successor: Signer) -> None:
        """Hand the seal to another key: the last block of this one announces it (LC-ROTATE)."""
        with self._lock:
            self._require_open()
            self._persist(self._sealer.seal_rotation(successor))

    def wait_above(self, height: int, timeout: float) -> int:
        """Wait until the chain is higher than `height`, at most `timeout` seconds."""
        until = time.monotonic() + timeout
        with self._moved:
            while self.head().height <= height and (left := until - time.monotonic()) > 0:
                self._moved.wait(left)
        return self.head().height

    def close(self) -> None:
        """Take nothing more and close the store."""
        with self._lock:
            self._closed = True
            self.application.store.close()

    def _require_open(self) -> None:
        if self._closed:
            raise RegistryUnavailableError("the registry is closed")
        if self.failure is not None:
            raise RegistryUnavailableError(self.failure, hint="restart it")

    def _persist(self, prepared: PreparedCommit) -> None:
        try:
            self.application.persist(prepared)
        except StoreFullError:
            self._sealer.go_back()
            raise
        except BaseException as error:
            self.failure = f"the registry has stopped: {error}"
            raise
        self.application.settle(prepared)
        if self._sealer.handed_over:
            self.failure = HANDED_OVER
        with self._moved:
            self._head = head_of(prepared)
            self._moved.notify_all()
