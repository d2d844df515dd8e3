"""A presentation policy in the words of a page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from verifier_app.policies_seen import SeenPolicy
from verifier_app.templates_seen import TemplatesSeen
from weid.credential.claim_path import ClaimPath
from weid.credential.duration import Duration
from weid.verification.presentation_policy import PolicyCredential

_UNITS: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


@dataclass(frozen=True, slots=True)
class PolicyCertificate:
    """What a policy says of one certificate, its fields by their labels; `issuers` are DIDs."""

    name: str
    needed: list[str]
    optional: list[str]
    forbidden: list[str]
    issuers: list[str]


@dataclass(frozen=True, slots=True)
class PolicyView:
    """A policy in one language.

    `publisher` is the name that the registry confirms, or the DID; `kept` how long what was shown
    is kept, as numbers with their units (year, month, day, hour, minute, second).
    """

    uri: str
    name: str
    purpose: str
    publisher: str
    kept: list[tuple[int, str]]
    certificates: list[PolicyCertificate]


def policy_view(seen: SeenPolicy, templates: TemplatesSeen, language: str) -> PolicyView:
    """Return a policy as a page shows it."""
    policy = seen.policy
    return PolicyView(
        uri=seen.uri,
        name=policy.name.name(language),
        purpose=policy.purpose.name(language),
        publisher=seen.publisher_name or seen.publisher,
        kept=_parts(policy.retention),
        certificates=[_certificate(one, templates, language) for one in policy.credentials],
    )


def _certificate(
    asked: PolicyCredential, templates: TemplatesSeen, language: str
) -> PolicyCertificate:
    template = next((found for vct in asked.types if (found := templates.of_type(vct))), None)

    def labels(paths: Iterable[ClaimPath]) -> list[str]:
        return [template.label(tuple(p), language) if template else str(p) for p in paths]

    return PolicyCertificate(
        name=template.name(language) if template else ", ".join(asked.types),
        needed=labels(asked.required),
        optional=labels(asked.optional),
        forbidden=labels(asked.forbidden),
        issuers=list(asked.issuers),
    )


def _parts(duration: Duration) -> list[tuple[int, str]]:
    years, months = divmod(duration.months, 12)
    parts, rest = [(years, "year"), (months, "month")], duration.seconds
    for size, unit in _UNITS:
        count, rest = divmod(rest, size)
        parts.append((count, unit))
    return [(count, unit) for count, unit in parts if count]
