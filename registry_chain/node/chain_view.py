"""Blocks and transactions as pages tell of them: read out of committed state, decoded once.

For people. What programs need proved they read from the API.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from registry_chain.reader import CommittedReader
from weid.errors import MalformedError
from weid.registry.headers import Header
from weid.registry.records import Receipt
from weid.registry.transaction import SignedTransaction, Transaction
from weid.registry.validators import ValidatorSet
from weid.registry.wire import decode_payload, decode_signed

_EVENTS_LOOKED_AT: Final = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """A recorded transaction: its bytes, what it says, its receipt and its block's time."""

    transaction_id: bytes
    data: bytes
    signed: SignedTransaction
    transaction: Transaction
    receipt: Receipt
    time: int


@dataclass(frozen=True, slots=True)
class BlockView:
    """A block with the transactions that it recorded, and who sealed it."""

    header: Header
    validators: ValidatorSet
    entries: tuple[Entry, ...]


class ChainView:
    """Blocks and transactions of one committed chain."""

    def __init__(self, reader: CommittedReader) -> None:
        self._reader = reader

    def height(self) -> int:
        """Return the height of the newest block."""
        return self._reader.height()

    def block(self, height: int) -> BlockView | None:
        """Return a block, or None where there is none."""
        block = self._reader.block(height) if 1 <= height <= self.height() else None
        if block is None:
            return None
        entries = [self._entry(data, block.header) for data in block.transactions]
        validators = self._reader.light_block(height).validators
        recorded = tuple(entry for entry in entries if entry is not None)
        return BlockView(block.header, validators, recorded)

    def blocks(self, below: int, count: int) -> list[tuple[Header, int]]:
        """Return up to `count` headers below a height, newest first, with their transactions."""
        found = []
        for height in range(below - 1, max(0, below - 1 - count), -1):
            block = self._reader.block(height)
            if block is not None:
                found.append((block.header, len(block.transactions)))
        return found

    def transaction(self, transaction_id: bytes) -> Entry | None:
        """Return a recorded transaction, or None where no such id is recorded."""
        receipt = self._reader.stored_receipt(transaction_id)
        block = None if receipt is None else self._reader.block(receipt.height)
        if block is None:
            return None
        for data in block.transactions:
            if _id_of(data) == transaction_id:
                return self._entry(data, block.header)
        return None

    def latest(self, count: int) -> list[Entry]:
        """Return the transactions of the last events, newest first."""
        total = self._reader.event_count()
        first = max(0, total - _EVENTS_LOOKED_AT)
        events = self._reader.events(first=first, limit=_EVENTS_LOOKED_AT)
        ids = dict.fromkeys(stored.event.transaction_id for stored in reversed(events))
        entries = [self.transaction(transaction_id) for transaction_id in list(ids)[:count]]
        return [entry for entry in entries if entry is not None]

    def log_size(self) -> int:
        """Return how many transactions are recorded."""
        return self._reader.consistency(0).roots.log_size

    def _entry(self, data: bytes, header: Header) -> Entry | None:
        try:
            signed = decode_signed(data)
            transaction = decode_payload(signed.payload)
        except MalformedError:
            return None
        receipt = self._reader.stored_receipt(signed.id)
        if receipt is None or receipt.height != header.height:
            return None
        return Entry(signed.id, data, signed, transaction, receipt, header.time)


def _id_of(data: bytes) -> bytes:
    try:
        return decode_signed(data).id
    except MalformedError:
        return b""
