"""Examine a presentation: run the expected checks in order, and seal what passed them all.

The only place that makes a `VerifiedPresentation`. It makes one when the verdict of the checks it
has just run is *accepted*, and for no other reason.
Clauses VF-01 … VF-03, VF-07, VF-09, VF-11 and VF-31 of specs/verification.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from weid.errors import ProofError, RegistryUnavailableError
from weid.verification.checks import TABLE, Row
from weid.verification.checks_holder import use_up
from weid.verification.context import Context, IssuerInRegistry, Subject
from weid.verification.finding import NotPassedError
from weid.verification.presentation import _SEAL, CredentialFacts, VerifiedPresentation
from weid.verification.reasons import reason
from weid.verification.report import (
    Check,
    Outcome,
    RegistryState,
    Verdict,
    VerificationReport,
    verdict_of,
)
from weid.verification.w3c_subject import W3cSubject
from weid.verification.w3c_table import W3C_TABLE

_BINDING: Final = "request_binding"


def examine(text: str, context: Context) -> VerificationReport:
    """Return the report on a presentation; whatever it holds, nothing is raised."""
    return _examine(Subject(text), TABLE, context)


def examine_w3c(text: str, context: Context) -> VerificationReport:
    """Return the report on a W3C credential, or a presentation of one; nothing is raised."""
    return _examine(W3cSubject(text), W3C_TABLE, context)


def _examine(subject: Subject, table: Mapping[str, Row], context: Context) -> VerificationReport:
    expected = context.policy.expected_checks(context.mode, query=context.query is not None)
    made = run_checks(expected, subject, context, table=table)
    verified: VerifiedPresentation | None = None
    if verdict_of(tuple(made.values()), expected) is Verdict.ACCEPTED:
        verified = _seal(subject, tuple(made.values()), context)
        if _BINDING in made and (used := _use_up(subject, context)) is not None:
            made[_BINDING], verified = used, None
    return VerificationReport(
        checks=tuple(made.values()),
        expected=expected,
        verified_at=context.now,
        registry=registry_state(subject, context),
        _verified=verified,
    )


def run_checks(
    names: tuple[str, ...],
    subject: Subject,
    context: Context,
    *,
    table: Mapping[str, Row] = TABLE,
) -> dict[str, Check]:
    """Return the checks of these names, made in their order; nothing is raised."""
    made: dict[str, Check] = {}
    for name in names:
        made[name] = _run(name, table[name], subject, context, made)
    return made


def _use_up(subject: Subject, context: Context) -> Check | None:
    """Use up the nonce, last of all and at once; return the failed check where that fails."""
    try:
        use_up(subject, context)
    except Exception as error:  # noqa: BLE001 - clause VF-07: whatever breaks, it did not pass
        return _not_passed(_BINDING, error)
    return None


def _run(name: str, row: Row, subject: Subject, context: Context, made: dict[str, Check]) -> Check:
    for needed in row.needs:
        if not made[needed].passed:
            return Check(name, Outcome.SKIPPED, reason("needs_earlier", check=needed))
    try:
        finding = row.run(subject, context)
    except Exception as error:  # noqa: BLE001 - clause VF-07: whatever breaks, it did not pass
        return _not_passed(name, error)
    if finding.warnings or finding.reason.parameters:
        return Check(name, Outcome.PASSED, finding.reason, finding.warnings)
    return _plainly_passed(name, finding.reason.code)


def _not_passed(name: str, error: Exception) -> Check:
    if isinstance(error, NotPassedError):
        outcome = Outcome.FAILED if error.known else Outcome.UNDETERMINED
        return Check(name, outcome, error.reason)
    if isinstance(error, RegistryUnavailableError):
        return Check(name, Outcome.UNDETERMINED, reason("registry_unavailable"))
    if isinstance(error, ProofError):
        return Check(name, Outcome.UNDETERMINED, reason("registry_unproved"))
    why = reason("internal_error", error=type(error).__name__)
    return Check(name, Outcome.FAILED, why)


@lru_cache(maxsize=256)
def _plainly_passed(name: str, code: str) -> Check:
    return Check(name, Outcome.PASSED, reason(code))


def registry_state(subject: Subject, context: Context) -> RegistryState | None:
    """Return the registry state that a subject was judged by, None where it was never reached."""
    trust = getattr(subject, "trust", None)
    if not isinstance(trust, IssuerInRegistry):
        return None
    head = trust.head
    age = max(0, context.now - head.time)
    return RegistryState(trust.name, head.height, head.time, age)


def _seal(subject: Subject, checks: tuple[Check, ...], context: Context) -> VerifiedPresentation:
    claims = subject.claims if context.query is None else subject.kept
    facts = CredentialFacts(
        issuer=subject.issuer,
        issuer_name=_issuer_name(subject),
        vct=subject.vct,
        template_name=subject.template.name("en"),
        issued_at=subject.issued_at,
        expires_at=subject.credential.expires_at,
        holder_key=subject.holder_key,
    )
    warnings = tuple(warning.code for check in checks for warning in check.warnings)
    return VerifiedPresentation(claims, facts, warnings, seal=_SEAL)


def _issuer_name(subject: Subject) -> str | None:
    trust = subject.trust
    if not isinstance(trust, IssuerInRegistry):
        return trust.name
    reader = trust.network.reader
    try:
        found = trust.answers.get(
            ("organisation", subject.issuer), lambda: reader.organisation(subject.issuer)
        )
    except (RegistryUnavailableError, ProofError):
        return None
    return None if found is None else found.name
