"""All receipts of a store, in the order of the log, and those of a block's transactions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from registry_chain.commitment.operation_log import leaf_at
from registry_chain.storage.committed import SnapshotState
from registry_chain.storage.integrity.damage import Damage
from registry_chain.storage.integrity.state import log_holds
from registry_chain.storage.sealed_block import SealedBlock, height_key, results_root
from registry_chain.storage.store import Table
from weid.errors import MalformedError
from weid.registry.log_proofs import log_leaf
from weid.registry.records import Receipt
from weid.registry.transaction import transaction_id
from weid.registry.wire import decode_receipt, decode_signed


class AllReceipts:
    """The leaves that the receipts give, whatever blocks are kept."""

    def __init__(self, state: SnapshotState) -> None:
        self._state = state
        self.leaves: list[bytes] = []
        self.complete = False
        """Whether there is a receipt for each entry of the log, and no other."""

    def damage(self) -> Iterator[Damage]:
        """Yield what is wrong with receipts by themselves; the leaves are known afterwards."""
        size = self._state.summary.log_size
        found: dict[int, bytes] = {}
        count = 0
        for key, value in self._state.snapshot.items(Table.RECEIPTS):
            count += 1
            try:
                receipt = decode_receipt(value)
            except MalformedError as error:
                yield Damage(Table.RECEIPTS, key, error.message)
                continue
            if receipt.transaction_id != key:
                yield Damage(Table.RECEIPTS, key, "the receipt is of something else")
            elif receipt.position in found or receipt.position >= size:
                yield Damage(Table.RECEIPTS, key, "the receipt has another place")
            else:
                found[receipt.position] = leaf_of(receipt)
        self.leaves = [found[position] for position in sorted(found)]
        self.complete = count == len(found) == size


@dataclass(frozen=True, slots=True)
class BlockReceipts:
    """The receipts of a block's transactions, in the block's order, and whether each has one."""

    receipts: tuple[Receipt, ...]
    all_recorded: bool

    @property
    def results_hash(self) -> bytes | None:
        """What the next header's results must be; None where a transaction left no trace.

        The code of such a transaction is in no store: only replaying gives it again.
        """
        if not self.all_recorded:
            return None
        return results_root((receipt.code, receipt.data) for receipt in self.receipts)


class ReceiptCheck:
    """Looks for the receipts of blocks' transactions.

    A transaction without a receipt left no trace where the log is `complete`: a stale one that a
    block of CometBFT holds, or one that stands there a second time. Otherwise it is missing. None
    counts the receipts once there is such a transaction.
    """

    def __init__(self, state: SnapshotState, *, complete: bool | None) -> None:
        self._state = state
        self._log_holds = log_holds(state)
        self._complete = complete
        self._next: int | None = None

    def of(self, block: SealedBlock, faults: list[Damage]) -> BlockReceipts:
        """Return the receipts of a block and append what is wrong with them."""
        height = block.header.height
        found: dict[bytes, Receipt] = {}
        for name in self._names(block, faults):
            value = self._state.snapshot.get(Table.RECEIPTS, name)
            if value is None:
                if not self._is_complete():
                    faults.append(Damage(Table.RECEIPTS, name, "the receipt is missing", height))
                continue
            try:
                receipt = decode_receipt(value)
            except MalformedError as error:
                faults.append(Damage(Table.RECEIPTS, name, error.message, height))
                continue
            faults += self._receipt_faults(name, receipt, height)
            if receipt.height == height:
                found.setdefault(name, receipt)
        all_recorded = len(found) == len(block.transactions)
        faults += self._place_faults(list(found.values()), height, in_order=all_recorded)
        return BlockReceipts(tuple(found.values()), all_recorded)

    def _is_complete(self) -> bool:
        if self._complete is None:
            count = self._state.snapshot.count(Table.RECEIPTS)
            self._complete = count == self._state.summary.log_size
        return self._complete

    def _names(self, block: SealedBlock, faults: list[Damage]) -> Iterator[bytes]:
        height = block.header.height
        for raw in block.transactions:
            try:
                yield transaction_id(decode_signed(raw).payload)
            except MalformedError:
                # The data hash tells of changed bytes; what nobody can read left no trace.
                if not self._is_complete():
                    what = "a transaction cannot be read"
                    faults.append(Damage(Table.BLOCKS, height_key(height), what, height))

    def _receipt_faults(self, name: bytes, receipt: Receipt, height: int) -> Iterator[Damage]:
        if self._log_holds and self._leaf(receipt.position) != leaf_of(receipt):
            yield Damage(Table.RECEIPTS, name, "the log has another receipt", height)
        elif receipt.transaction_id != name:
            yield Damage(Table.RECEIPTS, name, "the receipt is of something else", height)

    def _place_faults(
        self, receipts: list[Receipt], height: int, *, in_order: bool
    ) -> Iterator[Damage]:
        if not receipts:
            return
        places = [receipt.position for receipt in receipts]
        if not in_order:
            # One that stands twice may have been recorded at either place.
            places.sort()
        first = places[0] if self._next is None else self._next
        for receipt, place, expected in zip(
            receipts, places, range(first, first + len(places)), strict=True
        ):
            if place != expected:
                name = receipt.transaction_id
                yield Damage(Table.RECEIPTS, name, "the receipt has another place", height)
                break
        self._next = max(places) + 1

    def skip(self) -> None:
        """Take note that a block cannot be read: the next one's receipts may begin anywhere."""
        self._next = None

    def end_faults(self) -> Iterator[Damage]:
        """Yield it when the newest receipts of the log are not those of the newest blocks."""
        size = self._state.summary.log_size
        if self._next is not None and self._next != size:
            what = "the newest entries of the log are of no block"
            yield Damage(Table.RECEIPTS, b"", what, self._state.summary.height)

    def _leaf(self, position: int) -> bytes | None:
        try:
            return leaf_at(self._state, position)
        except IndexError:
            return None  # the log is not that long


def leaf_of(receipt: Receipt) -> bytes:
    """Return the leaf of a receipt in the log."""
    return log_leaf(receipt.transaction_id, receipt.height, receipt.code, receipt.data)
