"""What is kept of an answer: for the page and for programs, as JSON.

An answer that was not accepted is kept without any claim; an accepted one with what was asked for
and nothing else. Clauses PP-60 and PP-61 of specs/presentation-profile.md.
"""

from __future__ import annotations

from weid.clock import format_time
from weid.encoding import JsonObject, JsonValue
from weid.verification.answer import AnswerReport
from weid.verification.presentation import VerifiedPresentation


def report_json(report: AnswerReport) -> JsonObject:
    """Return the report on an answer without any claim."""
    value: JsonObject = {
        "verdict": report.verdict.value,
        "conclusion": report.conclusion.value,
        "problems": [problem.to_json() for problem in report.problems],
        "reports": {
            query_id: [one.to_json() for one in reports]
            for query_id, reports in report.reports.items()
        },
    }
    if report.transactions:
        value["transactions"] = [one.to_json() for one in report.transactions]
    return value


def result_json(report: AnswerReport) -> JsonObject:
    """Return the report on an accepted answer with the claims that were asked for.

    Raises:
        VerificationError: the answer was not accepted.
    """
    presentations: JsonObject = {
        query_id: [_presentation(one) for one in verified]
        for query_id, verified in report.require().items()
    }
    return {**report_json(report), "presentations": presentations}


def _presentation(verified: VerifiedPresentation) -> JsonValue:
    facts = verified.facts
    expires_at = None if facts.expires_at is None else format_time(facts.expires_at)
    return {
        "claims": dict(verified.claims),
        "issuer": facts.issuer,
        "issuer_name": facts.issuer_name,
        "vct": facts.vct,
        "template_name": facts.template_name,
        "issued_at": format_time(facts.issued_at),
        "expires_at": expires_at,
        "warnings": list(verified.warnings),
    }
