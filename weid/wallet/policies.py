"""What a wallet finds out about the presentation policy that a request names, and tells a person.

The request says only which policy it is made by; name, purpose and what is needed come from the
text that the registry holds. What cannot be confirmed is said to be so. Clause PP-76.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol, runtime_checkable

from weid.credential.claim_path import ClaimPath
from weid.credential.duration import Duration
from weid.errors import WeidError
from weid.qr.content import display_text
from weid.registry.records import OrganisationRecord, PolicyRecord
from weid.registry.registry import RegistryReader
from weid.verification.checks_policy import policy_of
from weid.verification.policy_reference import PolicyReference
from weid.verification.presentation_policy import PresentationPolicy
from weid.verification.request import PresentationRequest

_PURPOSE_CHARACTERS: Final = 400
_UNITS: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


@runtime_checkable
class PolicyRecords(Protocol):
    """Where published policies, and the names of who published them, are looked up."""

    def policy_record(self, reference: PolicyReference) -> PolicyRecord | None:
        """Return the record of a policy's id and version; None where its registry has none.

        Raises:
            WeidError: its registry is not trusted, or cannot be asked now.
        """
        ...

    def organisation(self, did: str) -> OrganisationRecord | None:
        """Return the confirmed display name of a DID."""
        ...


class RecordsOf:
    """The names and policies of one registry."""

    def __init__(self, reader: RegistryReader) -> None:
        self._reader = reader

    def policy_record(self, reference: PolicyReference) -> PolicyRecord | None:
        """Return the record of a policy; of another network there is none to be known.

        Raises:
            WeidError: the registry cannot be asked now, or it is another network's.
        """
        if reference.network != self._reader.network:
            raise WeidError(f"the network {reference.network} is not trusted")
        return self._reader.policy(reference.policy_id, reference.version)

    def organisation(self, did: str) -> OrganisationRecord | None:
        """Return the confirmed display name of a DID."""
        return self._reader.organisation(did)


class PolicyState(StrEnum):
    """What is known of the policy that a request names."""

    PUBLISHED = "published"
    NOT_FOLLOWED = "not followed"
    """It is published, but the request asks for something else."""
    WITHDRAWN = "withdrawn"
    OVER = "over"
    NOT_PUBLISHED = "not published"
    """The registry has no policy of that name with that text."""
    UNKNOWN = "unknown"
    """The registry is not trusted or cannot be asked now."""


@dataclass(frozen=True, slots=True)
class PolicyFound:
    """What a wallet found out; `policy` is there where the registry holds its very text."""

    reference: PolicyReference
    state: PolicyState
    policy: PresentationPolicy | None = None
    publisher: str = ""
    publisher_name: str | None = None


def find_policy(
    request: PresentationRequest, records: PolicyRecords | None, *, now: int
) -> PolicyFound | None:
    """Return what the registry says of the policy of a request, None where it names none.

    `now` in seconds. Nothing is raised: what cannot be asked is unknown.
    """
    reference = request.policy
    if reference is None:
        return None
    if records is None:
        return PolicyFound(reference, PolicyState.UNKNOWN)
    try:
        record = records.policy_record(reference)
        policy = policy_of(reference, record)
        if record is None or policy is None:
            return PolicyFound(reference, PolicyState.NOT_PUBLISHED)
        name = records.organisation(record.publisher)
    except WeidError:
        return PolicyFound(reference, PolicyState.UNKNOWN)
    state = PolicyState.PUBLISHED
    if record.withdrawn_at is not None:
        state = PolicyState.WITHDRAWN
    elif policy.valid_until is not None and now >= policy.valid_until:
        state = PolicyState.OVER
    elif request.query != policy.query():
        state = PolicyState.NOT_FOLLOWED
    known = None if name is None else name.name
    return PolicyFound(reference, state, policy, record.publisher, known)


_DOUBTS: Final = {
    PolicyState.NOT_FOLLOWED: "It asks for something else than that policy says.",
    PolicyState.WITHDRAWN: "That policy was withdrawn: nobody should ask by it any more.",
    PolicyState.OVER: "The purpose of that policy is over: nobody should ask by it any more.",
    PolicyState.NOT_PUBLISHED: "No such policy is published: nothing confirms what this is for.",
    PolicyState.UNKNOWN: "Whether it is published cannot be known now: nothing confirms it.",
}


def policy_lines(found: PolicyFound, language: str = "en") -> Iterator[str]:
    """Yield the lines that tell a person of a request's policy; safe to display."""
    policy = found.policy
    if policy is None:
        named = f"{found.reference.policy_id} version {found.reference.version}"
        yield f"It names the presentation policy {display_text(named)}."
        yield _DOUBTS[found.state]
        return
    by = display_text(found.publisher_name or found.publisher)
    sure = "confirmed by the registry" if found.publisher_name else "no confirmed name"
    yield f"By the policy {display_text(policy.name.name(language))}, published by {by} ({sure})."
    if found.state in _DOUBTS:
        yield _DOUBTS[found.state]
    purpose = display_text(policy.purpose.name(language), limit=_PURPOSE_CHARACTERS)
    yield f"Purpose: {purpose}"
    for one in policy.credentials:
        of = "" if len(policy.credentials) == 1 else f" of {display_text(one.id)}"
        if one.required:
            yield f"Needed{of}: {_names(one.required)}"
        if one.optional:
            yield f"Optional{of}, as you like: {_names(one.optional)}"
        if one.forbidden:
            yield f"Not wanted{of}: {_names(one.forbidden)}"
    yield f"It says that it keeps what you show for {in_words(policy.retention)}."


def _names(paths: Iterable[ClaimPath]) -> str:
    return ", ".join(display_text(str(path)) for path in paths)


def in_words(duration: Duration) -> str:
    """Return a length of time in English words, such as `1 year 6 months`."""
    years, months = divmod(duration.months, 12)
    parts = [(years, "year"), (months, "month")]
    rest = duration.seconds
    for size, unit in _UNITS:
        count, rest = divmod(rest, size)
        parts.append((count, unit))
    return " ".join(f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in parts if count)
