"""Recognition of issuers and accreditation of those who recognize (OP-16, OP-17).

By governance through a proposal (then `recognized_by` is empty) or by an accreditor within its
scope. What is in force by one hand is not taken over by another.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from registry_chain.state_machine.context import Context
from registry_chain.state_machine.errors import refuse, require
from registry_chain.state_machine.rules.did_rules import active_did
from weid.registry.codes import ResultCode
from weid.registry.operations import (
    Accredit,
    DerecognizeIssuer,
    EndAccreditation,
    RecognizeIssuer,
)
from weid.registry.records import AccreditationRecord, RecognitionRecord
from weid.registry.state_keys import trust_id
from weid.registry.text import CPT_ID

_Trust = TypeVar("_Trust", RecognitionRecord, AccreditationRecord)


def recognize_issuer(context: Context, operation: RecognizeIssuer) -> bytes:
    """List an issuer for a template, or give its recognition another window."""
    staged = context.staged
    identity = trust_id(operation.did, operation.cpt_id)
    giver = "" if context.by_governance else context.author
    # read
    active_did(staged, operation.did)
    record = staged.read(RecognitionRecord, identity)
    # check
    _check_window(operation)
    if record is not None:
        _check_standing_trust(context, record, record.recognized_by, operation.valid_from)
    # write
    staged.write(
        RecognitionRecord(
            operation.did,
            operation.cpt_id,
            giver,
            operation.valid_from,
            operation.valid_until,
            None,
            None,
            ended_by_governance=False,
            not_before=_floor(record),
            version=staged.next_version(RecognitionRecord, identity),
        )
    )
    return b""


def accredit(context: Context, operation: Accredit) -> bytes:
    """Let a DID recognize issuers for a template, or give its accreditation other terms."""
    staged = context.staged
    identity = trust_id(operation.did, operation.cpt_id)
    giver = "" if context.by_governance else context.author
    # read
    active_did(staged, operation.did)
    record = staged.read(AccreditationRecord, identity)
    # check
    _check_window(operation)
    require(operation.did != giver, ResultCode.NOT_PERMITTED)
    if record is not None:
        _check_standing_trust(context, record, record.accredited_by, operation.valid_from)
    # write
    staged.write(
        AccreditationRecord(
            operation.did,
            operation.cpt_id,
            giver,
            operation.may_accredit,
            operation.valid_from,
            operation.valid_until,
            None,
            None,
            ended_by_governance=False,
            not_before=_floor(record),
            version=staged.next_version(AccreditationRecord, identity),
        )
    )
    return b""


def _check_window(operation: RecognizeIssuer | Accredit) -> None:
    require(CPT_ID.match(operation.cpt_id), ResultCode.FIELD_INVALID)
    until = operation.valid_until
    require(until is None or operation.valid_from < until, ResultCode.WINDOW_INVALID)


def _check_standing_trust(
    context: Context,
    record: RecognitionRecord | AccreditationRecord,
    giver: str,
    valid_from: int,
) -> None:
    """Refuse to write over what another gave and has not ended, or over a compromise."""
    if record.ended_at is None:
        over = record.valid_until is not None and record.valid_until <= context.time
        mine = context.by_governance or giver == context.author
        require(mine or over, ResultCode.ALREADY_RECOGNIZED)
    elif record.ended_by_governance or record.compromised_since is not None:
        require(context.by_governance, ResultCode.NOT_PERMITTED)
    floor = _floor(record)
    require(floor is None or valid_from >= floor, ResultCode.WINDOW_INVALID)


def _floor(record: RecognitionRecord | AccreditationRecord | None) -> int | None:
    """Return the end of the last compromise: no window may reach back over the time before it."""
    if record is None:
        return None
    return record.not_before if record.compromised_since is None else record.ended_at


def derecognize_issuer(context: Context, operation: DerecognizeIssuer) -> bytes:
    """End a recognition, or add to an ended one since when it was compromised."""
    identity = trust_id(operation.did, operation.cpt_id)
    # read
    record = context.staged.read(RecognitionRecord, identity)
    # check
    if record is None:
        refuse(ResultCode.NOT_RECOGNIZED)
    ended = _ended(context, record, operation.compromised_since)
    # write
    version = context.staged.next_version(RecognitionRecord, identity)
    context.staged.write(replace(ended, version=version))
    return b""


def end_accreditation(context: Context, operation: EndAccreditation) -> bytes:
    """End an accreditation, or add to an ended one since when it was compromised."""
    identity = trust_id(operation.did, operation.cpt_id)
    # read
    record = context.staged.read(AccreditationRecord, identity)
    # check
    if record is None:
        refuse(ResultCode.NOT_RECOGNIZED)
    ended = _ended(context, record, operation.compromised_since)
    # write
    version = context.staged.next_version(AccreditationRecord, identity)
    context.staged.write(replace(ended, version=version))
    return b""


def _ended(context: Context, record: _Trust, compromised_since: int | None) -> _Trust:
    known = record.compromised_since
    by_governance = context.by_governance or record.ended_by_governance
    if compromised_since is None:
        # Governance may join an end, so that only governance reopens it.
        joins = by_governance and not record.ended_by_governance
        require(record.ended_at is None or joins, ResultCode.NO_CHANGE)
    else:
        require(compromised_since <= context.time, ResultCode.WINDOW_INVALID)
        require(known is None or compromised_since < known, ResultCode.NO_CHANGE)
    return replace(
        record,
        ended_at=context.time if record.ended_at is None else record.ended_at,
        compromised_since=known if compromised_since is None else compromised_since,
        ended_by_governance=by_governance,
    )
