"""The Engine protocol: what orders transactions into sealed blocks, as everything above sees it."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Protocol

from registry_chain.application import RegistryApplication
from weid.registry.records import Head, Receipt
from weid.registry.transaction import SignedTransaction


class Engine(Protocol):
    """Takes transactions, orders them, and says what became of each once that is durable.

    1. A receipt is given only after the block is on the disk and provable in the newest header.
    2. The same transaction id gives the same receipt, however often and whenever it is submitted.
    3. A transaction that leaves no trace (a result code below 100) may be submitted again.
    4. After `close` nothing is lost that had a receipt.
    """

    failure: str | None
    """Why the engine stopped for good, None while it works; reading goes on either way."""

    @property
    def application(self) -> RegistryApplication:
        """The application whose state the engine moves."""
        ...

    def submit(self, transaction: SignedTransaction) -> Future[Receipt]:
        """Take a transaction; the future gives its receipt (code 0).

        The future raises, or this method does at once:

        Raises:
            TransactionRejectedError: refused; with the receipt where there is one.
            RegistryUnavailableError: full, overloaded or closing; submit the same again later.
        """
        ...

    def head(self) -> Head:
        """Return the newest sealed block's head."""
        ...

    def wait_above(self, height: int, timeout: float) -> int:
        """Wait until the chain is higher than `height`, at most `timeout` seconds.

        Returns the newest height. What happens in blocks is read from the store afterwards.
        """
        ...

    def close(self) -> None:
        """Finish the block in work, refuse the rest, and release everything."""
        ...
