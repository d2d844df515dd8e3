"""The model's rules for recognition and accreditation (clauses OP-16, OP-17)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from tests.support.model.commitments import sha256
from tests.support.model.ledger import Acting, Ledger, need, refuse
from weid.registry import operations as op
from weid.registry.codes import ResultCode
from weid.registry.records import AccreditationRecord, RecognitionRecord
from weid.registry.state_keys import trust_id
from weid.registry.wire import encode_record

Kind = type[RecognitionRecord] | type[AccreditationRecord]


def giver_of(record: Any) -> str:
    found = record.recognized_by if type(record) is RecognitionRecord else record.accredited_by
    return str(found)


def recognize(ledger: Ledger, acting: Acting, operation: op.RecognizeIssuer) -> bytes:
    return give(ledger, acting, operation, RecognitionRecord)


def accredit(ledger: Ledger, acting: Acting, operation: op.Accredit) -> bytes:
    return give(ledger, acting, operation, AccreditationRecord)


def give(ledger: Ledger, acting: Acting, operation: Any, kind: Kind) -> bytes:
    giver = "" if acting.governance else acting.author
    identity = trust_id(operation.did, operation.cpt_id)
    ledger.active_did(operation.did)
    named = re.fullmatch("[a-z][a-z0-9-]{2,63}", operation.cpt_id)
    need(named, ResultCode.FIELD_INVALID)
    begin, end = operation.valid_from, operation.valid_until
    need(end is None or begin < end, ResultCode.WINDOW_INVALID)
    if kind is AccreditationRecord:
        need(operation.did != giver, ResultCode.NOT_PERMITTED)
    before: Any = ledger.get(kind, identity)
    if before is not None:
        check_before(ledger, acting, before, begin)
    past = inherited(before)
    members = [operation.did, operation.cpt_id, giver]
    if kind is AccreditationRecord:
        members.append(operation.may_accredit)
    version = ledger.version(kind, identity)
    made: Any = kind(*members, begin, end, None, None, False, ledger.time, *past, version)
    if before is not None:
        same = replace(before, given_at=ledger.time, version=version) == made
        need(not same or renewed(ledger, giver, before), ResultCode.NO_CHANGE)
    ledger.put(made)
    return b""


def check_before(ledger: Ledger, acting: Acting, before: Any, begin: int) -> None:
    """Refuse to write over what stands, unless it is the giver's own, or over and done with."""
    if before.ended_at is None:
        own = acting.governance or giver_of(before) == acting.author
        over = before.valid_until is not None and before.valid_until <= ledger.time
        need(own or over, ResultCode.ALREADY_RECOGNIZED)
    elif before.ended_by_governance or before.compromised_since is not None:
        need(acting.governance, ResultCode.NOT_PERMITTED)
    floor = before.not_before if before.compromised_since is None else before.ended_at
    need(floor is None or begin >= floor, ResultCode.WINDOW_INVALID)


def inherited(before: Any) -> tuple[int | None, int | None, bytes]:
    """Return not_before, compromised_before and before of what is written over a record."""
    if before is None:
        return None, None, b""
    if before.compromised_since is None:
        return before.not_before, before.compromised_before, before.before
    dates = [
        date for date in (before.compromised_before, before.compromised_since) if date is not None
    ]
    return before.ended_at, min(dates), sha256(encode_record(before))


def renewed(ledger: Ledger, giver: str, before: Any) -> bool:
    """Return whether what was given falls with a compromise of its giver, and may be given anew."""
    if not giver:
        return False
    above = ledger.get(AccreditationRecord, trust_id(giver, before.cpt_id))
    return (
        above is not None and above.not_before is not None and before.given_at <= above.not_before
    )


def derecognize(ledger: Ledger, acting: Acting, operation: op.DerecognizeIssuer) -> bytes:
    return end(ledger, acting, operation, RecognitionRecord)


def end_accreditation(ledger: Ledger, acting: Acting, operation: op.EndAccreditation) -> bytes:
    return end(ledger, acting, operation, AccreditationRecord)


def end(ledger: Ledger, acting: Acting, operation: Any, kind: Kind) -> bytes:
    identity = trust_id(operation.did, operation.cpt_id)
    record: Any = ledger.get(kind, identity)
    if record is None:
        refuse(ResultCode.NOT_RECOGNIZED)
    need(acting.governance or not record.ended_by_governance, ResultCode.NOT_PERMITTED)
    since = operation.compromised_since
    need(since is None or since <= ledger.time, ResultCode.WINDOW_INVALID)
    taken_over = acting.governance and not record.ended_by_governance
    if record.ended_at is not None and not taken_over:
        known = record.compromised_since
        earlier = since is not None and (known is None or since < known)
        need(earlier, ResultCode.NO_CHANGE)
    ledger.put(
        replace(
            record,
            ended_at=ledger.time if record.ended_at is None else record.ended_at,
            compromised_since=since,
            ended_by_governance=acting.governance,
            version=ledger.version(kind, identity),
        )
    )
    return b""
