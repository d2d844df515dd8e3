"""Recognition of issuers and accreditation of those who recognize (OP-16, OP-17).

By governance through a proposal (then `recognized_by` is empty) or by an accreditor within its
scope. What is in force by one hand is not taken over by another.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple, TypeVar

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
from weid.registry.records import AccreditationRecord, RecognitionRecord, Version
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
    version = staged.next_version(RecognitionRecord, identity)
    past = _past(record, version)
    given = RecognitionRecord(
        operation.did,
        operation.cpt_id,
        giver,
        operation.valid_from,
        operation.valid_until,
        None,
        None,
        ended_by_governance=False,
        given_at=context.time,
        not_before=past.not_before,
        compromised_before=past.compromised_before,
        before=past.before,
        version=version,
    )
    _check_change(context, record, given, giver)
    # write
    staged.write(given)
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
    version = staged.next_version(AccreditationRecord, identity)
    past = _past(record, version)
    given = AccreditationRecord(
        operation.did,
        operation.cpt_id,
        giver,
        operation.may_accredit,
        operation.valid_from,
        operation.valid_until,
        None,
        None,
        ended_by_governance=False,
        given_at=context.time,
        not_before=past.not_before,
        compromised_before=past.compromised_before,
        before=past.before,
        version=version,
    )
    _check_change(context, record, given, giver)
    # write
    staged.write(given)
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
    floor = record.not_before if record.compromised_since is None else record.ended_at
    require(floor is None or valid_from >= floor, ResultCode.WINDOW_INVALID)


class _Past(NamedTuple):
    """What a new window carries on of the compromises before it; see `RecognitionRecord`."""

    not_before: int | None = None
    compromised_before: int | None = None
    before: bytes = b""


def _past(record: RecognitionRecord | AccreditationRecord | None, version: Version) -> _Past:
    """Return what a window of this version, written over a record, has to carry on."""
    if record is None:
        return _Past()
    since, earlier = record.compromised_since, record.compromised_before
    if since is None:
        return _Past(record.not_before, earlier, record.before)
    earliest = since if earlier is None else min(since, earlier)
    return _Past(record.ended_at, earliest, version.previous)


def _check_change(context: Context, record: _Trust | None, given: _Trust, giver: str) -> None:
    """Refuse to give again what stands as it is, so that no version is made for nothing.

    What its giver gave while it was compromised does not stand: it may be given again as it was.
    """
    if record is None or replace(given, given_at=record.given_at, version=record.version) != record:
        return
    if giver:
        above = context.staged.read(AccreditationRecord, trust_id(giver, given.cpt_id))
        after = above is None or above.not_before is None or record.given_at > above.not_before
        require(not after, ResultCode.NO_CHANGE)
    else:
        refuse(ResultCode.NO_CHANGE)


def derecognize_issuer(context: Context, operation: DerecognizeIssuer) -> bytes:
    """End a recognition, or state of an ended one since when it was compromised."""
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
    """End an accreditation, or state of an ended one since when it was compromised."""
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
    """Return a record as it ends, or as an ended one is marked anew.

    What governance states first stands in place of what an accreditor stated, be it another date
    or none: whoever has an accreditor's key could state any. From then on it is governance's, and
    a date moves only to an earlier one.
    """
    by_governance = context.by_governance
    require(by_governance or not record.ended_by_governance, ResultCode.NOT_PERMITTED)
    if compromised_since is not None:
        require(compromised_since <= context.time, ResultCode.WINDOW_INVALID)
    first = record.ended_at is None or (by_governance and not record.ended_by_governance)
    if not first:
        require(_earlier(compromised_since, record.compromised_since), ResultCode.NO_CHANGE)
    return replace(
        record,
        ended_at=context.time if record.ended_at is None else record.ended_at,
        compromised_since=compromised_since,
        ended_by_governance=by_governance,
    )


def _earlier(date: int | None, known: int | None) -> bool:
    return date is not None and (known is None or date < known)
