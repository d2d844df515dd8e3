"""The kept report on a wallet's answer in the words of a counter.

What is shown is computed from the library's report as it was kept; nothing here decides anything,
and an outcome that is not known reads as not checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from verifier_app.languages import Words, told
from verifier_app.result_view import (
    OUTCOMES,
    CheckLine,
    TechnicalLine,
    check_line,
    fields_of,
    hint_of,
    name_of,
    sentence_of,
    technical_line,
)
from verifier_app.templates_seen import TemplatesSeen
from weid.encoding import JsonObject
from weid.verification.reasons import REASONS, Reason
from weid.verification.report import Check, Conclusion, Outcome

BROKEN = "error"
"""The verdict of the library where checking itself broke."""


@dataclass(frozen=True, slots=True)
class ShownCertificate:
    """One certificate of an answer: its fields where the answer is accepted, and its checks."""

    certificate: str
    name: str | None = field(repr=False)
    fields: list[tuple[str, str]] = field(repr=False)
    issuer: str | None
    checks: list[CheckLine]
    technical: list[TechnicalLine]


@dataclass(frozen=True, slots=True)
class AnswerPage:
    """Everything that the page of an answer prints."""

    outcome: str
    headline: str
    reasons: list[str]
    advice: str | None
    certificates: list[ShownCertificate]


@dataclass(frozen=True, slots=True)
class AnswerView:
    """A kept report; `report` has `presentations`, with the claims, only if it was accepted."""

    report: JsonObject = field(repr=False)
    templates: TemplatesSeen

    def in_language(self, words: Words, language: str) -> AnswerPage:
        """Return the page's contents in a language."""
        conclusion = _conclusion(self.report)
        reports = [
            (query_id, number, one)
            for query_id, many in _dict(self.report.get("reports")).items()
            for number, one in enumerate(many)
        ]
        accepted = conclusion in {Conclusion.VALID, Conclusion.VALID_BUT_CHECK}
        reasons = _told(self.report, [one for _, _, one in reports], accepted=accepted)
        advice = [text for one in reasons if (text := hint_of(one, words))]
        outcome, headline = OUTCOMES[conclusion]
        return AnswerPage(
            outcome=outcome,
            headline=words.text(headline),
            reasons=list(dict.fromkeys(sentence_of(one, words) for one in reasons)),
            advice=" ".join(dict.fromkeys(advice)) or None,
            certificates=[
                self._certificate(one, self._shown(query_id, number), words, language)
                for query_id, number, one in reports
            ],
        )

    def _shown(self, query_id: str, number: int) -> dict[str, Any] | None:
        shown = _dict(self.report.get("presentations")).get(query_id, [])
        return shown[number] if number < len(shown) else None

    def _certificate(
        self,
        report: Mapping[str, Any],
        shown: Mapping[str, Any] | None,
        words: Words,
        language: str,
    ) -> ShownCertificate:
        checks = [_check(one) for one in report["checks"]]
        claims = _dict(shown["claims"]) if shown else {}
        template = self.templates.of_type(str(shown["vct"])) if shown else None
        return ShownCertificate(
            certificate=template.name(language) if template else "",
            name=name_of(claims),
            fields=fields_of(claims, template, language),
            issuer=(shown["issuer_name"] or shown["issuer"]) if shown else None,
            checks=[check_line(check, words) for check in checks],
            technical=_technical(report, shown, checks, words),
        )


def _conclusion(report: JsonObject) -> Conclusion:
    try:
        return Conclusion(str(report.get("conclusion", "")).lower())
    except ValueError:
        return Conclusion.COULD_NOT_CHECK


def _told(report: JsonObject, reports: list[Any], *, accepted: bool) -> list[Reason]:
    """Return what goes beside the headline: the warnings, or what decided."""
    checks = [_check(one) for each in reports for one in each["checks"]]
    if accepted:
        return [warning for check in checks for warning in check.warnings]
    problems = report.get("problems")
    found = [_reason(one) for one in problems] if isinstance(problems, list) else []
    for wanted in (Outcome.FAILED, Outcome.UNDETERMINED):
        if not found:
            found = [check.reason for check in checks if check.outcome is wanted][:1]
    return found


def _check(value: Any) -> Check:
    warnings = tuple(_reason(one) for one in value["warnings"])
    return Check(value["name"], Outcome(value["outcome"]), _reason(value), warnings)


def _reason(value: Any) -> Reason:
    code = value["code"] if value["code"] in REASONS else "check_missing"
    return Reason(code, value.get("parameters", {}))


def _technical(
    report: Mapping[str, Any], shown: Mapping[str, Any] | None, checks: list[Check], words: Words
) -> list[TechnicalLine]:
    text: Callable[[str], str] = words.text
    lines = [TechnicalLine(text(told("Verified at")), report["verified_at"])]
    state = report["registry"]
    if state is not None:
        where = text(told("{network}, block {height}, {time}")).format(**state)
        lines.append(TechnicalLine(text(told("Registry")), where))
    if shown is not None:
        lines += [
            TechnicalLine(text(told("Issuer")), shown["issuer"]),
            TechnicalLine(text(told("Type")), shown["vct"]),
        ]
    return lines + [technical_line(check, words) for check in checks]


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
