"""Whether an issuer had authority for a template at a time: the one place where it is judged.

Recognition comes from governance or from an accreditor, whose accreditation comes from governance
or from another accreditor, at most four deep. Each link counts in its own window. A link that
ended later leaves what was issued before with a warning; a link that was compromised hands its
date down, and what counts from then on is for the verifier to decide by anchors (clause ST-16).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from weid import limits
from weid.registry.records import AccreditationRecord, RecognitionRecord

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
    reader: TrustReader, issuer: str, cpt_id: str, at_time: int, *, lag: int = 0
) -> Authority:
    """Judge an issuer's authority for a template at a time (seconds).

    `lag` widens each window at both ends: block times may be that much behind the clock by which
    `at_time` was written (chain parameter `max_time_lag`).

    Raises:
        RegistryUnavailableError, ProofError: as the reader does.
    """
    recognition = reader.recognition(issuer, cpt_id)
    if recognition is None or not _counted(recognition, at_time, lag):
        return _NONE
    links: list[AccreditationRecord] = []
    giver = recognition.recognized_by
    while giver:
        # One deeper than the rules allow, or one that may not give: no authority comes from it.
        link = reader.accreditation(giver, cpt_id)
        room = len(links) < limits.ACCREDITATION_DEPTH
        if link is None or not room or not _counted(link, at_time, lag):
            return _NONE
        if links and not link.may_accredit:
            return _NONE
        links.append(link)
        giver = link.accredited_by
    warnings = (ISSUER_DERECOGNIZED,) if recognition.ended_at is not None else ()
    if any(link.ended_at is not None for link in links):
        warnings = (*warnings, ACCREDITOR_DERECOGNIZED)
    marks = [recognition.compromised_since, *(link.compromised_since for link in links)]
    dates = [mark for mark in marks if mark is not None]
    return Authority(
        recognized=True,
        warnings=warnings,
        compromised_since=min(dates, default=None),
        path=tuple(link.accreditor for link in links),
    )


def _counted(record: RecognitionRecord | AccreditationRecord, at_time: int, lag: int) -> bool:
    """Return whether a link was in force at a time: begun, not run out, not yet ended.

    What a compromise ended before this window stays out, without widening.
    """
    if record.not_before is not None and at_time < record.not_before:
        return False
    ends = [end for end in (record.valid_until, record.ended_at) if end is not None]
    return record.valid_from - lag <= at_time and all(at_time < end + lag for end in ends)
