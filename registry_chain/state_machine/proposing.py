"""What waits for a block, judged cheaply: which transactions to propose, which to let go.

No signature is verified here: `admission.check` did that when they came, and the block itself
trusts nobody. Leaving out is never a matter of consensus.
"""

from __future__ import annotations

from collections.abc import Sequence

from registry_chain.state_machine.admission import read_transaction
from registry_chain.state_machine.parameters import (
    MAX_AUTHOR_TRANSACTIONS,
    MAX_BLOCK_BYTES,
    MAX_BLOCK_TRANSACTIONS,
)
from registry_chain.state_machine.staged import StagedState
from registry_chain.state_machine.state import CommittedState
from weid.registry.codes import ResultCode
from weid.registry.records import AccountRecord


def recheck(state: CommittedState, raw: bytes, *, time: int) -> ResultCode:
    """Judge again what passed `check`: whether its time or its sequence number has gone by."""
    reading = read_transaction(raw)
    if isinstance(reading, ResultCode):
        return reading
    transaction = reading[1]
    if time > transaction.valid_until:
        return ResultCode.TOO_LATE
    if transaction.sequence < _following(_staged(state, time), transaction.author):
        return ResultCode.SEQUENCE_USED
    return ResultCode.OK


def choose(
    state: CommittedState, transactions: Sequence[bytes], *, max_bytes: int, time: int
) -> list[bytes]:
    """Return the transactions that a proposed block should hold.

    Each author's stand in the order of their sequence numbers, whichever came first; otherwise the
    order is kept. Left out is what would leave no trace for a reason that is cheap to see: it
    cannot be read, its time has gone by, one before it is missing, or the block has no room for it
    by the chain's own limits (TX-13). What is left out waits; what stands in a block is gone.
    """
    block = _Choice(_staged(state, time), max_bytes)
    for raw in transactions:
        reading = read_transaction(raw)
        if isinstance(reading, ResultCode) or reading[1].valid_until < time:
            continue
        if not block.take(raw, reading[1].author, reading[1].sequence):
            break
    return block.chosen


class _Choice:
    """A block that is being put together, within the limits that will judge it."""

    def __init__(self, staged: StagedState, max_bytes: int) -> None:
        self.chosen: list[bytes] = []
        self._staged = staged
        self._room = min(max_bytes, staged.parameter(MAX_BLOCK_BYTES))
        self._places = staged.parameter(MAX_BLOCK_TRANSACTIONS)
        self._share = staged.parameter(MAX_AUTHOR_TRANSACTIONS)
        self._first: dict[str, int] = {}
        self._following: dict[str, int] = {}
        self._early: dict[tuple[str, int], bytes] = {}

    def take(self, raw: bytes, author: str, sequence: int) -> bool:
        """Take a transaction, and those that waited for it; return whether the block has room."""
        if author not in self._following:
            self._first[author] = self._following[author] = _following(self._staged, author)
        if sequence > self._following[author]:
            self._early.setdefault((author, sequence), raw)
        ready = raw if sequence == self._following[author] else None
        while ready is not None and sequence - self._first[author] < self._share:
            self._room -= len(ready)
            if self._room < 0 or len(self.chosen) >= self._places:
                return False
            self.chosen.append(ready)
            sequence = self._following[author] = sequence + 1
            ready = self._early.pop((author, sequence), None)
        return True


def _staged(state: CommittedState, time: int) -> StagedState:
    return StagedState(state, height=state.summary.height + 1, time=time)


def _following(staged: StagedState, author: str) -> int:
    account = staged.read(AccountRecord, author.encode())
    return 0 if account is None else account.next_sequence
