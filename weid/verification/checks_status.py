"""The check `status`: neither revoked nor suspended, by a list that the registry vouches for.

Clauses VF-27 and VF-35 … VF-38 of specs/verification.md.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from weid import limits
from weid.clock import format_time
from weid.credential.status_list import (
    INVALID,
    SUSPENDED,
    VALID,
    StatusReference,
)
from weid.errors import MalformedError
from weid.registry.records import StatusListRecord
from weid.verification.context import Context, IssuerInRegistry, Subject
from weid.verification.credential_types import template_of
from weid.verification.finding import Finding, failed, good, undetermined
from weid.verification.known import KnownStatusList
from weid.verification.reasons import Reason, reason
from weid.verification.status_tokens import is_in_time, read_status_list

_format_time = lru_cache(maxsize=256)(format_time)
_REASONS: Final = {INVALID: "revoked", SUSPENDED: "suspended"}


@dataclass(frozen=True, slots=True)
class ListReading:
    """How a list is read from its host, None where it cannot be had, and by what it is kept."""

    key: Hashable
    read: Callable[[], KnownStatusList | None]


def check_status(subject: Subject, context: Context) -> Finding:
    """The status at the credential's index is *valid*, by a list that counts (VF-27)."""
    trust = subject.trust
    if "status" not in subject.payload:
        listed_without = not isinstance(trust, IssuerInRegistry) and trust.without_status
        if listed_without or context.policy.accept_without_status:
            return good("status_not_used")
        raise failed("status_missing")
    try:
        reference = StatusReference.parse(subject.payload["status"])
    except MalformedError as error:
        raise failed("status_malformed", problem=error.message) from None
    reading = ListReading(
        (subject.issuer, reference.uri),
        lambda: read_status_list(reference.uri, subject, context),
    )
    known, warnings, status = find_status(reference, subject, context, reading)
    if status != VALID:
        raise failed(_REASONS.get(status, "status_not_valid"))
    return status_finding(known, warnings, context)


def find_status(
    reference: StatusReference, subject: Subject, context: Context, reading: ListReading
) -> tuple[KnownStatusList, tuple[Reason, ...], int]:
    """Return the list that counts, what to look at, and the status at the credential's index."""
    trust = subject.trust
    if isinstance(trust, IssuerInRegistry):
        known, warnings = _recorded_list(reference, subject, trust, context, reading)
    else:
        if reference.uri not in trust.status_lists:
            raise failed("status_list_unknown")
        known, warnings = _listed_list(context, reading), ()
    try:
        return known, warnings, known.statuses.get(reference.index)
    except MalformedError:
        raise failed("status_out_of_range") from None


def status_finding(
    known: KnownStatusList, warnings: tuple[Reason, ...], context: Context
) -> Finding:
    """Return that a status is *valid*, by which list."""
    time = _format_time(known.issued_at)
    if known.read_at == context.now:
        return good("status_good", *warnings, time=time)
    return good("status_good_kept", *warnings, time=time, read_at=_format_time(known.read_at))


def _recorded_list(
    reference: StatusReference,
    subject: Subject,
    trust: IssuerInRegistry,
    context: Context,
    reading: ListReading,
) -> tuple[KnownStatusList, tuple[Reason, ...]]:
    """Return the list that the registry's record is of."""
    uri = reference.uri
    record = _record(uri, subject, trust)
    kept = context.known.status_lists.get(reading.key)
    if (
        kept is not None
        and kept.digest == record.digest
        and (is_in_time(kept, trust, context) or _is_revoked(kept, reference))
    ):
        return kept, ()
    read = reading.read()
    if read is None:
        # Only what was replaced a moment ago may stand in for what cannot be had.
        if kept is None or not _just_replaced(kept, record, context):
            raise undetermined("status_unreachable")
        read = kept
    if read.digest not in {record.digest, record.superseded}:
        # The list may have been published between the two questions: ask the registry again.
        trust.answers.head()
        record = _record(uri, subject, trust)
    if read.digest == record.digest:
        if not is_in_time(read, trust, context) and not _is_revoked(read, reference):
            raise undetermined("status_too_old")
        context.known.status_lists.put(reading.key, read)
        return read, ()
    if not _just_replaced(read, record, context):
        raise failed("status_rolled_back")
    return read, (reason("status_superseded"),)


def _is_revoked(known: KnownStatusList, reference: StatusReference) -> bool:
    """Return whether a list says *revoked*, which is final: that does not grow old (VF-36)."""
    in_list = reference.index < known.statuses.size
    return in_list and known.statuses.get(reference.index) == INVALID


def _record(uri: str, subject: Subject, trust: IssuerInRegistry) -> StatusListRecord:
    issuer, reader = subject.issuer, trust.network.reader
    record = trust.answers.get(("status", issuer, uri), lambda: reader.status_list(issuer, uri))
    if record is None:
        raise failed("status_list_unknown")
    cpt_id, _ = template_of(subject.vct, trust.name)
    if record.issuer != issuer or record.cpt_id != cpt_id:
        raise failed("status_list_of_another")
    return record


def _just_replaced(known: KnownStatusList, record: StatusListRecord, context: Context) -> bool:
    """Return whether a list is the one before the current one, within the grace (VF-35)."""
    in_grace = context.now - record.version.time <= limits.STATUS_SUPERSEDED_GRACE
    return in_grace and known.digest == record.superseded and is_in_time(known, None, context)


def _listed_list(context: Context, reading: ListReading) -> KnownStatusList:
    """Return the list of an issuer that the policy lists: its own token is all there is."""
    kept = context.known.status_lists.get(reading.key)
    if kept is not None and is_in_time(kept, None, context):
        return kept
    read = reading.read()
    if read is None:
        raise undetermined("status_unreachable")
    if not is_in_time(read, None, context):
        raise undetermined("status_too_old")
    if kept is not None and read.issued_at < kept.issued_at:
        raise failed("status_rolled_back")
    context.known.status_lists.put(reading.key, read)
    return read
