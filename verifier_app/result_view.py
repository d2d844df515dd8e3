"""A verification report in the words of a counter, in any language of the pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from verifier_app.languages import Words, told
from weid.clock import format_time
from weid.credential.template import CredentialTemplate
from weid.encoding import JsonValue
from weid.verification.reasons import REASONS, Reason
from weid.verification.report import Check, Conclusion, Outcome, VerificationReport

OUTCOMES = {
    Conclusion.VALID: ("valid", told("Genuine and in force")),
    Conclusion.VALID_BUT_CHECK: ("valid_but", told("Genuine, but check")),
    Conclusion.NOT_VALID: ("not_valid", told("Not valid")),
    Conclusion.COULD_NOT_CHECK: ("could_not_check", told("Could not check")),
}
"""Conclusion → what the page's style and icon are called, and the headline."""

CHECK_TITLES = {
    "format": told("Readable certificate"),
    "issuer_key": told("Issuer's key"),
    "issuer_signature": told("Issuer's signature"),
    "issuer_recognition": told("Recognized issuer"),
    "disclosure_integrity": told("Unchanged fields"),
    "template_conformance": told("Follows its template"),
    "validity_period": told("Within its dates"),
    "status": told("Not revoked"),
    "key_binding": told("Shown by its holder"),
    "request_binding": told("Answers this request"),
    "requested_claims": told("Has what was asked for"),
}

GENERAL = {
    "malformed": told("the certificate is damaged, not whole, or of an unknown form"),
    "chain_malformed": told("the issuer's certificate chain cannot be used"),
    "disclosure_wrong": told("the certificate was changed or is damaged"),
    "status_malformed": told("what the certificate says of its status cannot be used"),
    "status_list_wrong": told("the status list of the issuer cannot be trusted"),
    "holder_key_unusable": told("the holder's key in the certificate cannot be used"),
    "key_binding_wrong": told("the wallet's proof of the holder's key does not hold"),
}
"""Code → its sentence on the pages where the table's own has a free English text in it.

That text (the parameter `problem`) is for the technician and is never translated.
"""

_OUTCOME_WORDS = {
    Outcome.PASSED: ("passed", "valid", told("passed")),
    Outcome.FAILED: ("failed", "not_valid", told("failed")),
    Outcome.SKIPPED: ("skipped", "could_not_check", told("not checked")),
    Outcome.UNDETERMINED: ("undetermined", "could_not_check", told("could not be checked")),
}
_AGE = re.compile(r"([0-9]{1,9}) (s|hours|days)")
"""How a reason's parameter says an age."""
_AGES = {
    "s": ("%d second", "%d seconds"),
    "hours": ("%d hour", "%d hours"),
    "days": ("%d day", "%d days"),
}
NAME_CLAIMS = ("name", "family_name", "given_name")
"""Claims that a clerk compares with an identity document: shown large."""


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One check as a line of the page; `precise` is in English whatever the page is in."""

    title: str
    detail: str
    precise: str | None
    look: str
    icon: str
    word: str


@dataclass(frozen=True, slots=True)
class TechnicalLine:
    """One line for the technician; `precise` is in English whatever the page is in."""

    label: str
    value: str
    precise: str | None = None


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
    technical: list[TechnicalLine]


@dataclass(frozen=True, slots=True)
class ResultView:
    """A report with the template that names its fields; lives for one response."""

    report: VerificationReport
    template: CredentialTemplate | None

    def in_language(self, words: Words, language: str) -> ResultPage:
        """Return the page's contents in a language."""
        text = words.text
        outcome, headline = OUTCOMES[self.report.conclusion]
        reasons = self._told()
        verified = self.report.require() if self.report.accepted else None
        claims = dict(verified.claims) if verified is not None else {}
        advice = [told_text for one in reasons if (told_text := hint_of(one, words))]
        return ResultPage(
            outcome=outcome,
            headline=text(headline),
            reasons=[sentence_of(one, words) for one in reasons],
            advice=" ".join(dict.fromkeys(advice)) or None,
            certificate=self.template.name(language) if self.template else "",
            name=name_of(claims),
            fields=fields_of(claims, self.template, language),
            issuer=(verified.issuer_name or verified.issuer) if verified is not None else None,
            checks=[check_line(check, words) for check in self.report.checks],
            technical=self._technical(words),
        )

    def _told(self) -> list[Reason]:
        """Return what goes beside the headline: the warnings, or the one check that decided."""
        if self.report.accepted:
            return list(self.report.warnings)
        problem = self.report.first_problem
        return [problem.reason] if problem is not None else []

    def _technical(self, words: Words) -> list[TechnicalLine]:
        text, report = words.text, self.report
        lines = [TechnicalLine(text(told("Verified at")), format_time(report.verified_at))]
        if report.registry is not None:
            state = report.registry
            shown = text(told("{network}, block {height}, {time}")).format(
                network=state.network, height=state.height, time=format_time(state.time)
            )
            lines.append(TechnicalLine(text(told("Registry")), shown))
        if report.accepted:
            verified = report.require()
            lines += [
                TechnicalLine(text(told("Issuer")), verified.issuer),
                TechnicalLine(text(told("Type")), verified.vct),
            ]
        lines += [technical_line(check, words) for check in report.checks]
        warning = text(told("Warning"))
        return lines + [TechnicalLine(warning, one.code) for one in report.warnings]


def name_of(claims: Mapping[str, JsonValue]) -> str | None:
    """Return the name that a clerk compares with an identity document, None without one."""
    return (
        " ".join(str(claims[key]) for key in NAME_CLAIMS if isinstance(claims.get(key), str))
        or None
    )


def fields_of(
    claims: Mapping[str, JsonValue], template: CredentialTemplate | None, language: str
) -> list[tuple[str, str]]:
    """Return every other claim with what people call it."""
    label = template.label if template else _plain_label
    return [
        (label(path, language), shown)
        for path, shown in _leaves(dict(claims))
        if path[0] not in NAME_CLAIMS
    ]


def sentence_of(one: Reason, words: Words) -> str:
    """Return the sentence of a reason in the page's language."""
    sentence = GENERAL.get(one.code) or REASONS[one.code].sentence
    return words.text(sentence).format_map(_parameters(one, words))


def _precise(one: Reason) -> str | None:
    return one.parameters.get("problem")


def hint_of(one: Reason, words: Words) -> str | None:
    """Return what to do about it, or None."""
    hint = REASONS[one.code].hint
    return words.text(hint).format_map(_parameters(one, words)) if hint else None


def _parameters(one: Reason, words: Words) -> dict[str, str]:
    """Return a reason's parameters, those that are English words in the page's language."""
    shown = dict(one.parameters)
    title = CHECK_TITLES.get(shown.get("check", ""))
    if title is not None:
        shown["check"] = f"“{words.text(title)}”"
    age = _AGE.fullmatch(shown.get("age", ""))
    if age:
        number = int(age[1])
        shown["age"] = words.plural(*_AGES[age[2]], number) % number
    return shown


def check_line(check: Check, words: Words) -> CheckLine:
    """Return a check as a line of the page."""
    text = words.text
    look, icon, word = _OUTCOME_WORDS[check.outcome]
    details = [sentence_of(check.reason, words)]
    if check.passed and check.warnings:
        look, icon = "warned", "valid_but"
        details += [sentence_of(warning, words) for warning in check.warnings]
    return CheckLine(
        title=text(CHECK_TITLES[check.name]),
        detail="; ".join(details),
        precise=_precise(check.reason),
        look=look,
        icon=icon,
        word=text(word),
    )


def technical_line(check: Check, words: Words) -> TechnicalLine:
    """Return a check with the names that programs and logs have for it."""
    _, _, word = _OUTCOME_WORDS[check.outcome]
    return TechnicalLine(
        words.text(CHECK_TITLES[check.name]),
        f"{check.name}: {words.text(word)} ({check.reason.code})",
        _precise(check.reason),
    )


def _leaves(value: JsonValue, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], str]]:
    """Return every plain value below with the member names that lead to it; a list is one value."""
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in _leaves(item, (*path, key))]
    if isinstance(value, list):
        return [(path, ", ".join(shown for item in value for _, shown in _leaves(item, path)))]
    return [(path, str(value) if not isinstance(value, bool) else ("✓" if value else "✗"))]


def _plain_label(path: tuple[str, ...], language: str) -> str:  # noqa: ARG001 - as a template's
    return ".".join(path)
