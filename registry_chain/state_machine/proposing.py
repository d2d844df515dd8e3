"""What waits for a block, judged cheaply: which transactions to propose, which to let go.

No signature is verified here: `admission.check` did that when they came, and the block itself
trusts nobody. Leaving out is never a matter of consensus.
"""

from __future__ import annotations

from collections.abc import Sequence

from registry_chain.state_machine.admission import read_transaction
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
    cannot be read, its time has gone by, or one before it is missing.
    """
    staged = _staged(state, time)
    following: dict[str, int] = {}
    early: dict[tuple[str, int], bytes] = {}
    chosen: list[bytes] = []
    room = max_bytes
    for raw in transactions:
        reading = read_transaction(raw)
        if isinstance(reading, ResultCode) or reading[1].valid_until < time:
            continue
        author, sequence = reading[1].author, reading[1].sequence
        if author not in following:
            following[author] = _following(staged, author)
        if sequence > following[author]:
            early.setdefault((author, sequence), raw)
        ready = raw if sequence == following[author] else None
        while ready is not None:
            room -= len(ready)
            if room < 0:
                return chosen
            chosen.append(ready)
            following[author] += 1
            ready = early.pop((author, following[author]), None)
    return chosen


def _staged(state: CommittedState, time: int) -> StagedState:
    return StagedState(state, height=state.summary.height + 1, time=time)


def _following(staged: StagedState, author: str) -> int:
    account = staged.read(AccountRecord, author.encode())
    return 0 if account is None else account.next_sequence
