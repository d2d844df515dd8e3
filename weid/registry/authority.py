"""Whether an issuer had authority for a template at a time: the one place where it is judged.

Recognition comes from governance or from an accreditor, whose accreditation comes from governance
or from another accreditor, at most four deep. Each link counts in its own window. A link that
ended later leaves what was issued before with a warning; a link that was compromised hands its
date down, and what counts from then on is for the verifier to decide by anchors. A link that was
given again after a compromise is judged, for the time before, by the version that stood then; what
it gave while it was compromised does not come back with it (clause ST-16).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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
        """Return what stood when a record's last compromise ended, None without one."""
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
    if accreditors is None or not _all_given_in_time(recognition, accreditors, lag):
        return _NONE
    ended_above = any(one.record.ended_at is not None for one in accreditors)
    warnings = (ISSUER_DERECOGNIZED,) if recognition.record.ended_at is not None else ()
    return Authority(
        recognized=True,
        warnings=(*warnings, ACCREDITOR_DERECOGNIZED) if ended_above else warnings,
        compromised_since=_earliest(recognition.since, *(one.since for one in accreditors)),
        path=tuple(one.record.accreditor for one in accreditors),
    )


def standing_versions(reader: TrustReader, record: TrustRecordT) -> Iterator[TrustRecordT]:
    """Yield a record and what stood when each earlier compromise ended, newest first.

    That is every version which may stand for some time: one step, and one question to the reader,
    for each compromise, however often the record was written in between.
    """
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
    for version in () if record is None else standing_versions(reader, record):
        # What a later window says of a compromise holds for the earlier ones too.
        since = _earliest(since, version.compromised_since)
        if version.not_before is None or at_time >= version.not_before:
            return _Standing(version, since) if _counted(version, at_time, lag) else None
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
    recognition: _Standing[RecognitionRecord],
    accreditors: list[_Standing[AccreditationRecord]],
    lag: int,
) -> bool:
    """Return whether no link was given while one that it comes from was compromised.

    A window may begin in the past, so that who took an accreditor's key could give one to a friend
    who has anchored something long ago: what was given since then counts for no time at all.
    """
    above: int | None = None
    giver: AccreditationRecord | None = None
    for link in reversed(accreditors):
        if not _given_in_time(link.record.given_at, giver, above, lag):
            return False
        above, giver = _earliest(above, link.since), link.record
    return _given_in_time(recognition.record.given_at, giver, above, lag)


def _given_in_time(
    given_at: int, giver: AccreditationRecord | None, compromise: int | None, lag: int
) -> bool:
    """Return whether a link was given before what is compromised now, and outside what was."""
    # The block's header time lags behind the clock: the clock may have been past it already.
    if compromise is not None and given_at + lag >= compromise:
        return False
    return giver is None or given_outside_compromise(given_at, giver, lag=lag)


def given_outside_compromise(given_at: int, giver: AccreditationRecord, *, lag: int) -> bool:
    """Return whether a link was given before its giver's former compromises, or after the last.

    `given_at` is its block time, `lag` as in `issuer_authority`; a chain that judges by block
    times alone states 0. Blocks may share a time, so that what has the time at which the compromise
    ended may have been given before its end: it does not count.
    """
    if giver.not_before is None:
        return True
    # A record that states the one without the other says that nothing before the end counts.
    start = giver.compromised_before or 0
    return given_at + lag < start or given_at > giver.not_before


def _earliest(*dates: int | None) -> int | None:
    return min((date for date in dates if date is not None), default=None)
