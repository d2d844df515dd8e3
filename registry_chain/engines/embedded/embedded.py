"""The embedded engine: one thread makes blocks while another has the last one written.

Group commit: what arrives while a block is written goes together into the next one, so that the
cost of a sync is shared. Receipts are given once the block, and the proof block with it, are on
the disk.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Condition, Thread
from typing import Final

from registry_chain.application import PreparedCommit, RegistryApplication
from registry_chain.engines.collection import without_collection
from registry_chain.engines.embedded.sealer import Sealer, head_of
from registry_chain.engines.submission import Submission
from registry_chain.engines.waiting import Waiting, WaitingTransactions
from registry_chain.state_machine.block import TransactionResult
from registry_chain.storage.errors import StoreFullError, StoreRefusedError
from weid import limits
from weid.clock import Clock
from weid.crypto.signer import Signer
from weid.errors import RegistryUnavailableError
from weid.registry.records import Head, Receipt
from weid.registry.transaction import SignedTransaction

BLOCK_TRANSACTIONS: Final = 2_000
BLOCK_BYTES: Final = 1024 * 1024
"""Bounds of one block: enough to share its cost (a page of the tree, and of the database, is
written once for all that changed in it), and work for less than a second."""
BLOCK_INTERVAL: Final = 0.02
"""Seconds from one block to the next while many come: what comes meanwhile shares the block."""
CROWD: Final = 8
"""Transactions of one block from which on many are coming; with fewer, nobody waits."""
HANDED_OVER: Final = "the registry was handed over to other validators: no block is made here"
_LOOK_SECONDS: Final = 1.0
"""How often an idle engine looks at the clock for its heartbeat."""

_log = logging.getLogger(__name__)


class EmbeddedEngine:
    """An Engine with a thread that seals and one that writes; see `Engine`.

    `signer` is the sealing key. `heartbeat` is the longest time (seconds) without a block. `tidy`
    is called with the newest height after each write, by the thread that writes.

    Raises:
        KeyFileError: the signer is not the chain's sealer.
    """

    def __init__(  # noqa: PLR0913 - its surroundings and bounds, each named
        self,
        application: RegistryApplication,
        signer: Signer,
        *,
        clock: Clock,
        heartbeat: int = limits.HEARTBEAT,
        block_transactions: int = BLOCK_TRANSACTIONS,
        block_bytes: int = BLOCK_BYTES,
        tidy: Callable[[int], object] = lambda _: None,
    ) -> None:
        self.application = application
        self.failure: str | None = None
        """Why the engine stopped for good, None while it works; reading goes on either way."""
        self._sealer = Sealer(application, signer, clock=clock)
        self._queue = WaitingTransactions()
        self._submission = Submission(application, self._queue, clock=clock)
        self._heartbeat = heartbeat
        self._tidy = tidy
        self._block_transactions = block_transactions
        self._block_bytes = block_bytes
        self._moved = Condition()
        self._closing = False
        self._pause_until = 0.0
        self._next_block = 0.0
        self._rotation: tuple[Signer, Future[None]] | None = None
        self._writing: Future[None] | None = None
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="chain-writer")
        self._head = self._sealer.head or self._first_block()
        self._thread = Thread(target=self._run, name="chain-sealer", daemon=True)
        self._thread.start()

    def _first_block(self) -> Head:
        prepared = self._sealer.seal_heartbeat()
        self.application.persist(prepared)
        self.application.settle(prepared)
        return head_of(prepared)

    # --- Engine ----------------------------------------------------------------------------------

    def submit(self, transaction: SignedTransaction) -> Future[Receipt]:
        """Take a transaction; the future gives its receipt; see `Engine.submit`."""
        return self._submission.submit(transaction)

    def head(self) -> Head:
        """Return the newest durable block's head."""
        return self._head

    def wait_above(self, height: int, timeout: float) -> int:
        """Wait until the chain is higher than `height`, at most `timeout` seconds."""
        until = time.monotonic() + timeout
        with self._moved:
            while self._head.height <= height and not self._closing:
                left = until - time.monotonic()
                if left <= 0:
                    break
                self._moved.wait(left)
        return self._head.height

    def waiting(self) -> int:
        """Return how many transactions wait for a block."""
        return len(self._queue)

    def keep_fresh(self) -> None:
        """Look at the clock now: an empty block follows if the newest is a heartbeat old."""
        self._wake()

    def rotate_sealing_key(self, successor: Signer) -> None:
        """Hand the seal to another key and return once that is durable (LC-ROTATE).

        Keep the successor's key file safe first: from then on only it can continue the chain.

        Raises:
            RegistryUnavailableError: the engine has stopped, or a rotation is under way.
        """
        done: Future[None] = Future()
        with self._queue.changed:
            if self._closing or self.failure is not None or self._rotation is not None:
                raise RegistryUnavailableError("the sealing key cannot be changed now")
            self._rotation = (successor, done)
            self._queue.changed.notify_all()
        done.result()

    def close(self) -> None:
        """Finish the block in work and one of what waits, refuse the rest, close the store."""
        self._queue.close("the registry is closing; submit the same transaction again later")
        with self._queue.changed:
            self._closing = True
            self._queue.changed.notify_all()
        self._thread.join()
        self._writer.shutdown()
        self.application.store.close()

    # --- The sealing thread ----------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._closing and not self._is_handed_over():
                self._wait_for_work()
                self._turn()
            if self._is_handed_over():
                self.failure = HANDED_OVER
                _log.warning("the engine has stopped: %s", HANDED_OVER)
            else:
                self._make_block()
                self._collect()
        except BaseException as error:  # noqa: BLE001 - the thread's end is told to everybody
            self.failure = f"the registry has stopped: {error}"
            _log.critical("the engine stopped", exc_info=error)
        finally:
            self._refuse_waiting()

    def _is_handed_over(self) -> bool:
        """Return whether the last block of this engine is on the disk."""
        if self._sealer.handed_over:
            self._collect()
        return self._sealer.handed_over

    def _wait_for_work(self) -> None:
        """Wait until there is something to do, or to look at the clock again."""
        with self._queue.changed:
            busy = self._writing is not None and not self._writing.done()
            if self._closing or self._rotation or self._ready(busy=busy):
                return
            if not busy and (self._writing is not None or self._heartbeat_due()):
                return
            pause = _LOOK_SECONDS
            if len(self._queue) and not busy:
                pause = min(max(self._next_block - time.monotonic(), 0.001), _LOOK_SECONDS)
            self._queue.changed.wait(pause)

    def _ready(self, *, busy: bool) -> bool:
        """Return whether what waits should go into a block now."""
        if self._queue.fills(transactions=self._block_transactions, size=self._block_bytes):
            return True
        return len(self._queue) > 0 and not busy and time.monotonic() >= self._next_block

    def _turn(self) -> None:
        """Do one thing that is there to do."""
        busy = self._writing is not None and not self._writing.done()
        if not busy:
            self._collect()
        if self._rotation is not None:
            self._rotate()
        elif self._ready(busy=busy):
            self._make_block()
        elif not busy and self._heartbeat_due():
            self._write(self._sealer.seal_heartbeat(), [])

    def _heartbeat_due(self) -> bool:
        return time.monotonic() >= self._pause_until and self._sealer.due(self._heartbeat)

    def _make_block(self) -> None:
        """Seal what waits, as much as a block holds, and hand it to the writer."""
        bounds = {"transactions": self._block_transactions, "size": self._block_bytes}
        taken = self._queue.take(**bounds)
        if not taken:
            return
        upcoming = self._queue.front(**bounds)
        self._next_block = time.monotonic() + (BLOCK_INTERVAL if len(taken) >= CROWD else 0.0)
        try:
            with without_collection():
                batch = self._sealer.seal_batch([waiting.data for waiting in taken], upcoming)
            results = list(zip(taken, batch.results, strict=True))
            if self._collect() is None and batch.prepared is not None:
                self._write(batch.prepared, results)
            elif batch.prepared is None:
                self._tell(results)
            else:  # the block before was not written, so that this one has nothing to stand on
                self._refuse(taken, StoreFullError("storage full", hint="submit it again later"))
        except BaseException as error:
            self._refuse(taken, RegistryUnavailableError(f"the registry has stopped: {error}"))
            raise

    def _rotate(self) -> None:
        rotation, self._rotation = self._rotation, None
        if rotation is None:
            return
        successor, done = rotation
        try:
            self._collect()
            self._write(self._sealer.seal_rotation(successor), [])
            error = self._collect()
        except BaseException:
            done.set_exception(RegistryUnavailableError("the registry has stopped"))
            raise
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    # --- Writing ---------------------------------------------------------------------------------

    def _write(
        self, prepared: PreparedCommit, results: list[tuple[Waiting, TransactionResult]]
    ) -> None:
        """Have a commit written, and those who wait for it told, in the writer's thread."""

        def write() -> None:
            try:
                self.application.persist(prepared)
                self.application.settle(prepared)
                self._announce(prepared)
                self._tell(results)
                self._keep_tidy()
            except StoreFullError as error:
                self._refuse([waiting for waiting, _ in results], error)
                raise
            except BaseException as error:
                stopped = RegistryUnavailableError(f"the registry has stopped: {error}")
                self._refuse([waiting for waiting, _ in results], stopped)
                raise
            finally:
                self._wake()

        self._writing = self._writer.submit(write)

    def _keep_tidy(self) -> None:
        try:
            self._tidy(self._head.height)
        except (StoreRefusedError, StoreFullError) as error:
            # What was sealed is written; old blocks may go another time.
            _log.warning("old blocks stay for now: %s", error.message)

    def _collect(self) -> StoreFullError | None:
        """Wait for the writer; without space go back to what is written, and return the error."""
        writing, self._writing = self._writing, None
        if writing is None:
            return None
        try:
            writing.result()
        except StoreFullError as error:
            _log.error("storage full: transactions are refused until there is space")
            self._sealer.go_back()
            self._pause_until = time.monotonic() + _LOOK_SECONDS
            return error
        return None

    def _announce(self, prepared: PreparedCommit) -> None:
        with self._moved:
            self._head = head_of(prepared)
            self._moved.notify_all()

    def _tell(self, results: list[tuple[Waiting, TransactionResult]]) -> None:
        self._queue.done([waiting for waiting, _ in results])
        for waiting, result in results:
            self._submission.tell(waiting, result)

    def _refuse(self, taken: list[Waiting], error: Exception) -> None:
        self._queue.done(taken)
        for waiting in taken:
            waiting.future.set_exception(error)

    def _refuse_waiting(self) -> None:
        reason = self.failure or "the registry is closing; submit it again later"
        self._queue.close(reason)
        while taken := self._queue.take(transactions=1000, size=BLOCK_BYTES):
            self._refuse(taken, RegistryUnavailableError(reason))
        if self._rotation is not None:
            self._rotation[1].set_exception(RegistryUnavailableError(reason))
        with self._moved:
            self._moved.notify_all()

    def _wake(self) -> None:
        with self._queue.changed:
            self._queue.changed.notify_all()
