"""CometEngine: transactions go to this node's CometBFT; receipts come when a block is settled.

The order is not ours: whoever waits is told what the decided blocks made of a transaction, in
whichever node's pool it was first. See `registry_chain.engines.engine.Engine` for the promises.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final, Protocol

from registry_chain.application import PreparedCommit, RegistryApplication
from registry_chain.engines.cometbft.rpc import HandedIn
from registry_chain.engines.cometbft.settler import BlockSource, Settler
from registry_chain.engines.submission import Submission
from registry_chain.engines.waiting import Waiting, WaitingTransactions
from registry_chain.state_machine.block import TransactionResult
from weid import limits
from weid.clock import Clock
from weid.errors import RegistryUnavailableError
from weid.registry.codes import ResultCode
from weid.registry.records import Head, Receipt
from weid.registry.transaction import SignedTransaction

HANDED_AT_ONCE: Final = 200
"""Transactions of one request to the pool; the node's `max_request_batch_size` is above it."""
_HANDED_BYTES: Final = 512 * 1024
"""And their bytes: in base64 far below the RPC's `max_body_bytes`."""
_SWEEP_SECONDS: Final = 1.0
"""How often those that wait are looked at: whether they can still come into a block."""
_OF_OTHER_BYTES: Final = frozenset({ResultCode.SIGNATURE_INVALID})
"""A block may hold the same payload with another's signatures: that says nothing of ours."""
_STOPPING: Final = "the node is stopping; submit the same transaction again later"

_log = logging.getLogger(__name__)


class NodeRpc(BlockSource, Protocol):
    """What the engine asks of the node's own CometBFT."""

    def hand_in(self, transactions: Sequence[bytes]) -> list[HandedIn]:
        """Hand transactions to the pool; one answer for each."""
        ...


class CometEngine:
    """An Engine over a node's own CometBFT; the ABCI side drives the application.

    `on_fatal` is told the reason when nothing more can be persisted; `tidy` is `Settler`'s.
    """

    def __init__(
        self,
        application: RegistryApplication,
        rpc: NodeRpc,
        *,
        clock: Clock,
        on_fatal: Callable[[str], None],
        tidy: Callable[[int], object] = lambda _: None,
    ) -> None:
        self.application = application
        self.failure: str | None = None
        """Why the engine stopped for good, None while it works; reading goes on either way."""
        self._rpc = rpc
        self._clock = clock
        self._told_fatal = on_fatal
        self.settler = Settler(
            application, rpc, on_settled=self._take_settled, on_fatal=self._fail, tidy=tidy
        )
        self._queue = WaitingTransactions()
        self._submission = Submission(application, self._queue, clock=clock)
        self._handed: dict[bytes, Waiting] = {}
        self._by_data: dict[bytes, bytes] = {}
        self._lock = threading.Lock()
        self._moved = threading.Condition()
        self._closing = False
        self._head = self._read_head()
        self._thread = threading.Thread(target=self._run, name="hand-in", daemon=True)

    def start(self) -> None:
        """Begin to settle and to hand in."""
        self.settler.start()
        self._thread.start()

    # --- Engine ----------------------------------------------------------------------------------

    def submit(self, transaction: SignedTransaction) -> Future[Receipt]:
        """Take a transaction; the future gives its receipt; see `Engine.submit`."""
        if self.failure is not None:
            raise RegistryUnavailableError(self.failure)
        return self._submission.submit(transaction)

    def head(self) -> Head:
        """Return the newest settled block's head.

        Raises:
            RegistryUnavailableError: this node has no block yet.
        """
        if self._head is None:
            raise RegistryUnavailableError(
                "this node has no block yet", hint="wait until it has caught up, or ask another"
            )
        return self._head

    def wait_above(self, height: int, timeout: float) -> int:
        """Wait until the settled chain is higher than `height`, at most `timeout` seconds."""
        with self._moved:
            self._moved.wait_for(lambda: self._closing or self._height() > height, timeout)
        return self._height()

    def waiting(self) -> int:
        """Return how many transactions wait for a block, here or in the pool."""
        return len(self._queue) + len(self._handed)

    def refuse_waiting(self) -> None:
        """Take nothing more and refuse what waits; reading goes on.

        CometBFT is ended before us, so that nothing more is decided here that could be told.
        """
        self._queue.close(_STOPPING)
        self._refuse_all(_STOPPING)

    def close(self) -> None:
        """Refuse what waits, stop after the write in work, and close the store."""
        self._queue.close(_STOPPING)
        with self._moved:
            self._closing = True
            self._moved.notify_all()
        if self._thread.is_alive():
            self._thread.join()
        self.settler.close()
        self._refuse_all(_STOPPING)
        self.application.store.close()

    # --- handing in ------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._serve()
        except BaseException as error:  # noqa: BLE001 - the thread's end is told to everybody
            _log.critical("handing in stopped", exc_info=error)
            self._fail(f"the registry takes nothing more: {type(error).__name__}")

    def _serve(self) -> None:
        swept = time.monotonic()
        while not self._closing:
            with self._queue.changed:
                if not len(self._queue):
                    self._queue.changed.wait(_SWEEP_SECONDS)
            self._hand_in(self._queue.take(transactions=HANDED_AT_ONCE, size=_HANDED_BYTES))
            if time.monotonic() - swept >= _SWEEP_SECONDS:
                swept = time.monotonic()
                self._sweep()

    def _hand_in(self, taken: list[Waiting]) -> None:
        if not taken:
            return
        with self._lock:
            # Before they are handed in: the block may be settled before the answer is here.
            self._handed.update({waiting.transaction_id: waiting for waiting in taken})
            self._by_data.update({waiting.data: waiting.transaction_id for waiting in taken})
        try:
            answers = self._rpc.hand_in([waiting.data for waiting in taken])
        except RegistryUnavailableError as error:
            answers = [HandedIn(trouble=error.message)] * len(taken)
        for waiting, answer in zip(taken, answers, strict=True):
            if answer.trouble:
                _log.warning("a transaction could not be handed in: %s", answer.trouble)
                self._settle_one(waiting.transaction_id, _not_taken)

    def refused(self, raw: bytes, code: ResultCode | None) -> None:
        """Take note that the application kept a transaction out of the pool; from any thread.

        Without a code it could not be judged now.
        """
        with self._lock:
            transaction_id = self._by_data.get(raw)
        if transaction_id is None:
            return
        if code is None or code is ResultCode.AUTHOR_LIMIT:
            # Nothing is wrong with it: the pool has no place for more of this author, or none now.
            self._settle_one(transaction_id, _not_taken)
        else:
            result = TransactionResult(transaction_id, code)
            self._settle_one(transaction_id, lambda one: self._submission.tell(one, result))

    def _sweep(self) -> None:
        """Tell those that can no longer come into a block: their time or sequence went by."""
        now = self._clock.now() - limits.HEARTBEAT
        with self._lock:
            handed = list(self._handed.values())
        for waiting in handed:
            code = self.application.recheck(waiting.data, time=now)
            if code is not ResultCode.OK:
                self.refused(waiting.data, code)

    def _settle_one(self, transaction_id: bytes, tell: Callable[[Waiting], None]) -> None:
        with self._lock:
            waiting = self._handed.pop(transaction_id, None)
            if waiting is not None:
                self._by_data.pop(waiting.data, None)
        if waiting is not None:
            self._queue.done([waiting])
            tell(waiting)

    # --- what the settler says -------------------------------------------------------------------

    def _take_settled(self, prepared: PreparedCommit) -> None:
        results = [result for outcome in prepared.outcomes for result in outcome.results]
        # A transaction may stand there several times; what was done with it comes first. What left
        # no trace is out of every pool now, and would be waited for in vain.
        for result in sorted(results, key=lambda result: result.receipt is None):
            if result.code not in _OF_OTHER_BYTES:
                self._tell(result)
        with self._moved:
            self._head = self._read_head()
            self._moved.notify_all()

    def _tell(self, result: TransactionResult) -> None:
        self._settle_one(result.transaction_id, lambda one: self._submission.tell(one, result))

    def _fail(self, reason: str) -> None:
        self.failure = reason
        self._queue.close(reason)
        self._refuse_all(reason)
        with self._moved:
            self._moved.notify_all()
        self._told_fatal(reason)

    def _refuse_all(self, reason: str) -> None:
        waiting = self._queue.take(transactions=2**31, size=2**62)
        with self._lock:
            waiting += self._handed.values()
            self._handed.clear()
            self._by_data.clear()
        self._queue.done(waiting)
        for one in waiting:
            one.future.set_exception(RegistryUnavailableError(reason))

    def _height(self) -> int:
        return 0 if self._head is None else self._head.height

    def _read_head(self) -> Head | None:
        newest = self.settler.newest
        if newest is None:
            return None
        header = newest.header
        return Head(header.height, header.time, header.app_hash, header.hash())


def _not_taken(waiting: Waiting) -> None:
    waiting.future.set_exception(
        RegistryUnavailableError(
            "the node could not take the transaction now", hint="submit the same one again later"
        )
    )
