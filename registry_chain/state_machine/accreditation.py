"""Whether an accreditation is in force now, up to governance (clause OP-16)."""

from __future__ import annotations

from registry_chain.state_machine.staged import StagedState
from weid import limits
from weid.registry.authority import given_outside_compromise
from weid.registry.records import AccreditationRecord
from weid.registry.state_keys import trust_id


def reaches(staged: StagedState, did: str, cpt_id: str, *, to_accredit: bool = False) -> bool:
    """Return whether a DID may recognize issuers for a template at this block's time.

    Every accreditation from this one to governance must be in force, at most
    `limits.ACCREDITATION_DEPTH` of them, and none given while its giver was compromised; with
    `to_accredit` this one must let it accredit others and leave room for one more below it.
    """
    room = limits.ACCREDITATION_DEPTH - 1 if to_accredit else limits.ACCREDITATION_DEPTH
    holder, accredits = did, to_accredit
    below: AccreditationRecord | None = None
    for _ in range(room):
        record = staged.read(AccreditationRecord, trust_id(holder, cpt_id))
        if record is None or not in_force(record, staged.time):
            return False
        if accredits and not record.may_accredit:
            return False
        if below is not None and not given_outside_compromise(below.given_at, record, lag=0):
            return False
        if not record.accredited_by:
            return True
        holder, accredits, below = record.accredited_by, True, record
    return False


def in_force(record: AccreditationRecord, time: int) -> bool:
    """Return whether an accreditation counts at a time that is not before today's records."""
    begun = record.valid_from <= time
    open_ended = record.valid_until is None or time < record.valid_until
    return begun and open_ended and record.ended_at is None and record.compromised_since is None
