"""Submitting: from a signed transaction to its place in the queue, and from a result to its fate.

Shared by engines: what is refused at once, what is known already, and what a result means to
whoever waits.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import Final

from registry_chain.application import RegistryApplication
from registry_chain.engines.waiting import Waiting, WaitingTransactions
from registry_chain.state_machine.block import TransactionResult
from registry_chain.storage.errors import StoreDamagedError
from registry_chain.storage.store import Table
from weid import limits
from weid.clock import Clock
from weid.errors import MalformedError, TransactionRejectedError
from weid.registry.codes import ResultCode, describe
from weid.registry.records import Receipt
from weid.registry.transaction import SignedTransaction
from weid.registry.wire import decode_receipt, encode_signed

FILTERED_BELOW: Final = 100
FILTERED_BYTES: Final = 32 * 1024
"""Waiting transactions, and their bytes, up to which each is judged on its way in."""


_OF_THE_BYTES: Final = frozenset(
    {ResultCode.TOO_LARGE, ResultCode.MALFORMED, ResultCode.SIGNATURE_INVALID}
)
"""Refusals of what was sent, whatever the same payload with other signatures has become."""


class Submission:
    """The way into one engine's queue."""

    def __init__(
        self, application: RegistryApplication, queue: WaitingTransactions, *, clock: Clock
    ) -> None:
        self._application = application
        self._queue = queue
        self._clock = clock

    def submit(self, transaction: SignedTransaction) -> Future[Receipt]:
        """Check a transaction and queue it, or say what became of it; see `Engine.submit`."""
        transaction_id = transaction.id
        present = self._queue.find(transaction_id)
        if present is not None:
            return present
        raw = encode_signed(transaction)
        if len(raw) > limits.TRANSACTION_BYTES:
            raise rejection(ResultCode.TOO_LARGE)
        if self._is_filtered():
            found = self._application.check(raw, time=self._clock.now(), pending=self._queue.most)
            if found.code is not ResultCode.OK:
                return self.refused(transaction_id, found.code)
        return self._queue.add(Waiting(transaction_id, raw))

    def _is_filtered(self) -> bool:
        """Return whether a transaction is judged before the block that judges it again.

        Usually it is: who sent nonsense hears of it at once, and a block is not made for it. Under
        load each would be judged twice by the one interpreter that makes the blocks, so the block
        alone judges, until so many wait that nonsense must not fill the queue.
        """
        queue = self._queue
        few = not queue.fills(transactions=FILTERED_BELOW, size=FILTERED_BYTES)
        return few or len(queue) > queue.most // 2

    def refused(self, transaction_id: bytes, code: ResultCode) -> Future[Receipt]:
        """Return what a refusal without trace means: it may have been done before (NA-12).

        Whatever the reason is now (its sequence is used, its time has passed, its author has been
        deactivated since), what is recorded is answered with its receipt.

        Raises:
            TransactionRejectedError: it was not.
        """
        receipt = None if code in _OF_THE_BYTES else self.stored(transaction_id)
        if receipt is not None:
            future: Future[Receipt] = Future()
            settle(future, receipt)
            return future
        raise rejection(code)

    def stored(self, transaction_id: bytes) -> Receipt | None:
        """Return the receipt of a transaction that is in the chain."""
        value = self._application.store.get(Table.RECEIPTS, transaction_id)
        if value is None:
            return None
        try:
            return decode_receipt(value)
        except MalformedError as error:
            raise StoreDamagedError(
                "a receipt is damaged", table=Table.RECEIPTS, key=transaction_id
            ) from error

    def tell(self, waiting: Waiting, result: TransactionResult) -> None:
        """Tell whoever waits what became of a transaction, now that it is durable."""
        if result.receipt is not None:
            settle(waiting.future, result.receipt)
            return
        try:
            receipt = self.refused(waiting.transaction_id, result.code).result()
        except Exception as error:  # noqa: BLE001 - whoever waits is told, whatever it is
            waiting.future.set_exception(error)
        else:
            settle(waiting.future, receipt)


def settle(future: Future[Receipt], receipt: Receipt) -> None:
    """Give a receipt to whoever waits: as result when it is done, else as rejection."""
    if receipt.code == ResultCode.OK:
        future.set_result(receipt)
    else:
        future.set_exception(rejection(receipt.code, receipt))


def rejection(code: int, receipt: Receipt | None = None) -> TransactionRejectedError:
    """Return the error that says why a transaction was refused."""
    return TransactionRejectedError(describe(code), code=int(code), receipt=receipt)
