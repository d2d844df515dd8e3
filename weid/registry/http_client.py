"""HttpRegistry: a registry behind the HTTP API of its nodes, every answer proved."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final

from weid.clock import Clock, SystemClock
from weid.errors import MalformedError, RegistryUnavailableError, TransactionRejectedError
from weid.registry.codes import ResultCode, describe
from weid.registry.http_source import HttpSource
from weid.registry.nodes import NodeReport
from weid.registry.proved_reader import MAX_HEAD_AGE, TRUST_PERIOD, ProvedReader
from weid.registry.records import Receipt
from weid.registry.transaction import SignedTransaction
from weid.registry.trusted_heads import TrustedHeadStore
from weid.registry.wire import encode_signed
from weid.transport import GuardedTransport, HttpTransport

_RECEIPT_PAUSES: Final = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 2.0, 3.0, 4.0, 8.0)
"""Waits for a receipt's proof (seconds), 20 s in all.

The embedded engine seals the header that carries it in the same write. On CometBFT it comes with
the next block: one block time later, and a few seconds more when a proposer is down.
"""
_SENT_PAUSES: Final = 8
"""As many of them, 5 s in all, where another transaction may have used the sequence number."""
_UNCERTAIN_KEPT: Final = 256


class HttpRegistry(ProvedReader):
    """A registry that is read and written over HTTP, from one node or several.

    `urls` are the addresses of nodes of the same registry, asked in turn until one answers and
    proves it; `genesis_hash` says which registry is meant (ask its operator for it). Without
    `head_store` the newest head is forgotten with this object; a service should keep it in a
    folder (`FileTrustedHeads`). A head that is remembered for longer than `trust_period` seconds
    vouches for nothing newer; None takes any. `head_refresh` seconds a head is reused without
    asking.

    Of several nodes none is trusted: each new head is compared with what `witnesses` other nodes
    show at its height, and a fork is refused (`ForkError`). A node that is down, behind or lying is
    set aside for a while; `nodes_report` says which, `node_changed` is called when it changes (and
    must not ask the registry itself).

    Example: `HttpRegistry("https://node.example", genesis_hash=bytes.fromhex("…"))`.
    """

    def __init__(  # noqa: PLR0913 - what trust rests on, each named
        self,
        *urls: str,
        genesis_hash: bytes,
        transport: HttpTransport | None = None,
        clock: Clock | None = None,
        head_store: TrustedHeadStore | None = None,
        max_head_age: int | None = MAX_HEAD_AGE,
        trust_period: int | None = TRUST_PERIOD,
        head_refresh: int = 0,
        witnesses: int = 1,
        node_changed: Callable[[NodeReport], None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        transport = transport or GuardedTransport()
        addresses = dict.fromkeys(url.rstrip("/") for url in urls)
        self._nodes = [HttpSource(url, transport) for url in addresses]
        self._sleep = sleep
        # Transactions of which a node left open whether they were recorded.
        self._uncertain: deque[bytes] = deque(maxlen=_UNCERTAIN_KEPT)
        super().__init__(
            self._nodes,
            genesis_hash=genesis_hash,
            clock=clock or SystemClock(),
            head_store=head_store,
            max_head_age=max_head_age,
            trust_period=trust_period,
            head_refresh=head_refresh,
            witnesses=witnesses,
            node_changed=node_changed,
            sleep=sleep,
        )

    def next_sequence(self, did: str) -> int:
        """Return the sequence number that the author's next transaction must carry."""
        self.head()
        account = self.account(did)
        return 0 if account is None else account.next_sequence

    def submit(self, transaction: SignedTransaction) -> Receipt:
        """Submit a transaction and return its receipt, proved, once it is durable.

        Safe to repeat: the same transaction id gives the same receipt. A node that gives nothing
        certain is passed over for the next one, and so is the first that refuses without a trace:
        its word alone proves nothing.

        Raises:
            TransactionRejectedError: refused. With `receipt`, that is proved; without, it was not
                admitted, which is the word of two nodes (of one, where no other answers) and
                leaves no trace.
            RegistryUnavailableError: nothing certain; submit the same transaction again.
            ProofError: the node said that it is recorded and shows no proof of it.
        """
        data = encode_signed(transaction)
        unavailable: RegistryUnavailableError | None = None
        rejected: TransactionRejectedError | None = None
        for node in self._in_turn():
            try:
                node.submit(data)
            except TransactionRejectedError as error:
                if error.code == ResultCode.SEQUENCE_USED:
                    receipt = self._recorded_before(transaction.id)
                    if receipt is not None:
                        return _accepted(receipt)
                if rejected is not None:
                    break
                rejected = error
            except (RegistryUnavailableError, MalformedError) as error:
                self._prover.nodes.failed(node, error)
                unavailable = unavailable or _uncertain(error)
                self._uncertain.append(transaction.id)
            else:
                return _accepted(self._proved_receipt(transaction.id))
        if rejected is not None:
            raise rejected
        raise _of_transaction(transaction.id, unavailable)

    def _recorded_before(self, transaction_id: bytes) -> Receipt | None:
        """Return the receipt of a transaction that used its own sequence number, sent before.

        Where a node left open what became of it, its block may be on the way.
        """
        sent = transaction_id in self._uncertain
        for pause in _RECEIPT_PAUSES[: _SENT_PAUSES if sent else 1]:
            if pause:
                self._sleep(pause)
            receipt = self.receipt(transaction_id)
            if receipt is not None:
                return receipt
        return None

    def _in_turn(self) -> list[HttpSource]:
        by_url = {id(node): node for node in self._nodes}
        return [by_url[id(source)] for source in self._prover.nodes.in_turn()]

    def _proved_receipt(self, transaction_id: bytes) -> Receipt:
        unavailable: RegistryUnavailableError | None = None
        for pause in _RECEIPT_PAUSES:
            if pause:
                self._sleep(pause)
            try:
                receipt = self.receipt(transaction_id)
            except RegistryUnavailableError as error:
                unavailable = error
                continue
            if receipt is not None:
                return receipt
        raise unavailable or RegistryUnavailableError(
            "the node took the transaction but shows no receipt yet",
            hint="submit the same transaction again; it is done at most once",
        )


def _uncertain(error: RegistryUnavailableError | MalformedError) -> RegistryUnavailableError:
    if isinstance(error, RegistryUnavailableError):
        return error
    return RegistryUnavailableError(
        f"the node's answer cannot be read: {error.message}",
        hint="submit the same transaction again; it is done at most once",
    )


def _of_transaction(
    transaction_id: bytes, error: RegistryUnavailableError | None
) -> RegistryUnavailableError:
    """Return the error with the id under which its receipt can be asked for later."""
    if error is None:
        return RegistryUnavailableError("no node is known")
    return RegistryUnavailableError(
        f"{error.message} (transaction {transaction_id.hex()})", hint=error.hint
    )


def _accepted(receipt: Receipt) -> Receipt:
    if receipt.code != ResultCode.OK:
        raise TransactionRejectedError(describe(receipt.code), code=receipt.code, receipt=receipt)
    return receipt
