"""A verification report in the words of a counter, in any language of the pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from weid.clock import format_time
from weid.credential.template import CredentialTemplate
from weid.encoding import JsonValue
from weid.verification.reasons import REASONS, Reason
from weid.verification.report import Check, Conclusion, Outcome, VerificationReport

Text = Callable[[str], str]

OUTCOMES = {
    Conclusion.VALID: ("valid", "Genuine and in force"),
    Conclusion.VALID_BUT_CHECK: ("valid_but", "Genuine, but check"),
    Conclusion.NOT_VALID: ("not_valid", "Not valid"),
    Conclusion.COULD_NOT_CHECK: ("could_not_check", "Could not check"),
}
"""Conclusion → what the page's style and icon are called, and the headline."""

CHECK_TITLES = {
    "format": "Readable certificate",
    "issuer_key": "Issuer's key",
    "issuer_signature": "Issuer's signature",
    "issuer_recognition": "Recognized issuer",
    "disclosure_integrity": "Unchanged fields",
    "template_conformance": "Follows its template",
    "validity_period": "Within its dates",
    "status": "Not revoked",
    "key_binding": "Shown by its holder",
    "request_binding": "Answers this request",
    "requested_claims": "Has what was asked for",
}

_OUTCOME_WORDS = {
    Outcome.PASSED: ("passed", "valid", "passed"),
    Outcome.FAILED: ("failed", "not_valid", "failed"),
    Outcome.SKIPPED: ("skipped", "could_not_check", "not checked"),
    Outcome.UNDETERMINED: ("undetermined", "could_not_check", "could not be checked"),
}
NAME_CLAIMS = ("name", "family_name", "given_name")
"""Claims that a clerk compares with an identity document: shown large."""


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One check as a line of the page."""

    title: str
    detail: str
    look: str
    icon: str
    word: str


@dataclass(frozen=True, slots=True)
class ResultPage:
    """Everything that the result page prints."""

    outcome: str
    headline: str
    reasons: list[str]
    advice: str | None
    certificate: str
    name: str | None
    fields: list[tuple[str, str]]
    issuer: str | None
    checks: list[CheckLine]
    technical: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class ResultView:
    """A report with the template that names its fields; lives for one response."""

    report: VerificationReport
    template: CredentialTemplate | None

    def in_language(self, text: Text, language: str) -> ResultPage:
        """Return the page's contents in a language."""
        outcome, headline = OUTCOMES[self.report.conclusion]
        told = self._told()
        verified = self.report.require() if self.report.accepted else None
        claims = dict(verified.claims) if verified is not None else {}
        name = " ".join(str(claims[key]) for key in NAME_CLAIMS if isinstance(claims.get(key), str))
        advice = [told_text for one in told if (told_text := _hint(one, text))]
        return ResultPage(
            outcome=outcome,
            headline=text(headline),
            reasons=[_sentence(one, text) for one in told],
            advice=" ".join(dict.fromkeys(advice)) or None,
            certificate=self.template.name(language) if self.template else "",
            name=name or None,
            fields=self._fields(claims, language),
            issuer=(verified.issuer_name or verified.issuer) if verified is not None else None,
            checks=[_line(check, text) for check in self.report.checks],
            technical=self._technical(),
        )

    def _told(self) -> list[Reason]:
        """Return what goes beside the headline: the warnings, or the one check that decided."""
        if self.report.accepted:
            return list(self.report.warnings)
        problem = self.report.first_problem
        return [problem.reason] if problem is not None else []

    def _fields(self, claims: dict[str, JsonValue], language: str) -> list[tuple[str, str]]:
        label = self.template.label if self.template else _plain_label
        return [
            (label(path, language), shown)
            for path, shown in _leaves(claims)
            if path[0] not in NAME_CLAIMS
        ]

    def _technical(self) -> list[tuple[str, str]]:
        report = self.report
        lines = [("verified at", format_time(report.verified_at))]
        if report.registry is not None:
            state = report.registry
            lines.append(
                ("registry", f"{state.network}, block {state.height}, {format_time(state.time)}")
            )
        if report.accepted:
            verified = report.require()
            lines += [("issuer", verified.issuer), ("type", verified.vct)]
        lines += [
            (check.name, f"{check.outcome.value}: {check.reason.code}") for check in report.checks
        ]
        lines += [("warning", warning.code) for warning in report.warnings]
        return lines


def _sentence(one: Reason, text: Text) -> str:
    return text(REASONS[one.code].sentence).format_map(dict(one.parameters))


def _hint(one: Reason, text: Text) -> str | None:
    hint = REASONS[one.code].hint
    return text(hint).format_map(dict(one.parameters)) if hint else None


def _line(check: Check, text: Text) -> CheckLine:
    look, icon, word = _OUTCOME_WORDS[check.outcome]
    details = [_sentence(check.reason, text)]
    if check.passed and check.warnings:
        look, icon = "warned", "valid_but"
        details += [_sentence(warning, text) for warning in check.warnings]
    return CheckLine(text(CHECK_TITLES[check.name]), "; ".join(details), look, icon, text(word))


def _leaves(value: JsonValue, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], str]]:
    """Return every plain value below with the member names that lead to it; a list is one value."""
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in _leaves(item, (*path, key))]
    if isinstance(value, list):
        return [(path, ", ".join(shown for item in value for _, shown in _leaves(item, path)))]
    return [(path, str(value) if not isinstance(value, bool) else ("✓" if value else "✗"))]


def _plain_label(path: tuple[str, ...], language: str) -> str:  # noqa: ARG001 - as a template's
    return ".".join(path)
