"""Whether an issuer had authority for a template at a time: the one place where it is judged.

Recognition comes from governance or from an accreditor, whose accreditation comes from governance
or from another accreditor, at most four deep. Each link counts in its own window. A link that
ended later leaves what was issued before with a warning; a link that was compromised hands its
date down, and what counts from then on is for the verifier to decide by anchors. A link that was
given again after a compromise is judged, for the time before, by the version that stood then
(clause ST-16).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, Generic, Protocol

from weid import limits
from weid.registry.records import AccreditationRecord, RecognitionRecord, TrustRecordT

ISSUER_DERECOGNIZED: Final = "issuer_derecognized"
ACCREDITOR_DERECOGNIZED: Final = "accreditor_derecognized"


class TrustReader(Protocol):
    """The part of a registry reader that holds recognitions and accreditations."""

    def recognition(self, issuer: str, cpt_id: str) -> RecognitionRecord | None:
        """Return an issuer's recognition for a template."""
        ...

    def accreditation(self, accreditor: str, cpt_id: str) -> AccreditationRecord | None:
        """Return a DID's accreditation for a template."""
        ...

    def former(self, record: TrustRecordT) -> TrustRecordT | None:
        """Return the version of a record before this one, None for the first."""
        ...


@dataclass(frozen=True, slots=True)
class Authority:
    """What the registry says of an issuer, a template and a time.

    `recognized` is whether every link counted at that time. `warnings` are fixed codes of links
    that ended later. `compromised_since` is the earliest date from which a link is compromised:
    what cannot prove that it is older does not count. `path` holds the accreditors from the
    issuer's recognizer up to governance, and is empty where governance recognized it directly.
    """

    recognized: bool
    warnings: tuple[str, ...] = ()
    compromised_since: int | None = None
    path: tuple[str, ...] = ()


_NONE: Final = Authority(recognized=False)


def issuer_authority(
    reader: TrustReader, issuer: str, cpt_id: str, at_time: int, *, lag: int
) -> Authority:
    """Judge an issuer's authority for a template at a time (seconds).

    `lag` widens each window at both ends: block times may be that much behind the clock by which
    `at_time` was written (chain parameter `max_time_lag`).

    Raises:
        RegistryUnavailableError, ProofError: as the reader does.
    """
    recognition = _standing(reader, reader.recognition(issuer, cpt_id), at_time, lag)
    if recognition is None:
        return _NONE
    accreditors = _accreditors(reader, recognition.record.recognized_by, cpt_id, at_time, lag)
    if accreditors is None or not _all_given_in_time(reader, recognition, accreditors, lag):
        return _NONE
    ended_above = any(one.record.ended_at is not None for one in accreditors)
    warnings = (ISSUER_DERECOGNIZED,) if recognition.record.ended_at is not None else ()
    return Authority(
        recognized=True,
        warnings=(*warnings, ACCREDITOR_DERECOGNIZED) if ended_above else warnings,
        compromised_since=_earliest(recognition.since, *(one.since for one in accreditors)),
        path=tuple(one.record.accreditor for one in accreditors),
    )


def versions_of(reader: TrustReader, record: TrustRecordT) -> Iterator[TrustRecordT]:
    """Yield a record and its former versions, newest first, as many as are ever looked at."""
    version: TrustRecordT | None = record
    for _ in range(limits.TRUST_VERSIONS):
        if version is None:
            return
        yield version
        version = reader.former(version)


@dataclass(frozen=True, slots=True)
class _Standing(Generic[TrustRecordT]):
    """The version of a link that counts at a time, and since when it is compromised."""

    record: TrustRecordT
    since: int | None


def _standing(
    reader: TrustReader, record: TrustRecordT | None, at_time: int, lag: int
) -> _Standing[TrustRecordT] | None:
    since: int | None = None
    while record is not None:
        # What a later window says of a compromise holds for the earlier ones too.
        since = _earliest(since, record.compromised_since)
        if record.not_before is None or at_time >= record.not_before:
            return _Standing(record, since) if _counted(record, at_time, lag) else None
        record = _before(reader, record)
    return None


def _before(reader: TrustReader, record: TrustRecordT) -> TrustRecordT | None:
    """Return what stood at the end of the compromise that a record does not reach back over."""
    for version in islice(versions_of(reader, record), 1, None):
        if version.compromised_since is not None and version.ended_at == record.not_before:
            return version
    return None


def _counted(record: RecognitionRecord | AccreditationRecord, at_time: int, lag: int) -> bool:
    """Return whether a window was in force at a time: begun, not run out, not yet ended."""
    ends = [end for end in (record.valid_until, record.ended_at) if end is not None]
    return record.valid_from - lag <= at_time and all(at_time < end + lag for end in ends)


def _accreditors(
    reader: TrustReader, giver: str, cpt_id: str, at_time: int, lag: int
) -> list[_Standing[AccreditationRecord]] | None:
    """Return the accreditations from who gave a recognition up to governance, or None."""
    links: list[_Standing[AccreditationRecord]] = []
    while giver:
        link = _standing(reader, reader.accreditation(giver, cpt_id), at_time, lag)
        # One deeper than the rules allow, or one that may not give: no authority comes from it.
        if link is None or len(links) == limits.ACCREDITATION_DEPTH:
            return None
        if links and not link.record.may_accredit:
            return None
        links.append(link)
        giver = link.record.accredited_by
    return links


def _all_given_in_time(
    reader: TrustReader,
    recognition: _Standing[RecognitionRecord],
    accreditors: list[_Standing[AccreditationRecord]],
    lag: int,
) -> bool:
    """Return whether each link was given before those above it were compromised.

    A window may begin in the past, so that who took an accreditor's key could give one to a friend
    who has anchored something long ago: what was given since then counts for no time at all.
    """
    above: int | None = None
    for link in reversed(accreditors):
        if not _given_before(reader, link.record, above, lag):
            return False
        above = _earliest(above, link.since)
    return _given_before(reader, recognition.record, above, lag)


def _given_before(
    reader: TrustReader, record: TrustRecordT, compromise: int | None, lag: int
) -> bool:
    if compromise is None:
        return True
    # The block's header time lags behind the clock: the clock may have been past it already.
    return _given_at(reader, record) + lag < compromise


def _given_at(reader: TrustReader, record: TrustRecordT) -> int:
    """Return the block time at which a window was given, or the earliest that is known of it."""
    time = record.version.time
    for version in versions_of(reader, record):
        time = version.version.time
        if version.ended_at is None:
            break
    return time


def _earliest(*dates: int | None) -> int | None:
    return min((date for date in dates if date is not None), default=None)
