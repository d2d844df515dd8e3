"""An answer of several credentials: each verified, and all of them together.

Clause VF-39 of specs/verification.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Never

from weid.credential.key_binding import KeyBinding
from weid.credential.reconstruction import find_values
from weid.credential.sd_jwt import SdJwt
from weid.errors import RejectedError
from weid.verification.checks_holder import use_request
from weid.verification.context import Context
from weid.verification.dcql import DcqlQuery
from weid.verification.examine import examine
from weid.verification.policy import Mode, TrustPolicy
from weid.verification.presentation import VerifiedPresentation
from weid.verification.reasons import Reason, reason
from weid.verification.report import Check, Conclusion, Outcome, Verdict, VerificationReport
from weid.verification.request import PresentationRequest
from weid.verification.transaction_data import AgreedTransaction, agreed_in


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerReport:
    """The reports on an answer's presentations by query id, and what is wrong with the whole.

    `problems` are reasons that concern no single presentation: something missing, something not
    asked for, credentials of different persons. `transactions` are those of the request that the
    holder agreed to: all of them, where the answer is accepted; else none.
    """

    reports: Mapping[str, tuple[VerificationReport, ...]]
    problems: tuple[Reason, ...]
    transactions: tuple[AgreedTransaction, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Accepted only if nothing is wrong with the whole and each presentation is accepted."""
        verdicts = {report.verdict for reports in self.reports.values() for report in reports}
        if self.problems or Verdict.REJECTED in verdicts or not verdicts:
            return Verdict.REJECTED
        return Verdict.ACCEPTED if verdicts == {Verdict.ACCEPTED} else Verdict.UNDETERMINED

    @property
    def accepted(self) -> bool:
        """Whether the whole answer is accepted."""
        return self.verdict is Verdict.ACCEPTED

    @property
    def warnings(self) -> tuple[Reason, ...]:
        """The warnings of every presentation."""
        return tuple(
            warning
            for reports in self.reports.values()
            for report in reports
            for warning in report.warnings
        )

    @property
    def conclusion(self) -> Conclusion:
        """The outcome in the words of a counter."""
        verdict = self.verdict
        if verdict is Verdict.ACCEPTED:
            return Conclusion.VALID_BUT_CHECK if self.warnings else Conclusion.VALID
        rejected = verdict is Verdict.REJECTED
        return Conclusion.NOT_VALID if rejected else Conclusion.COULD_NOT_CHECK

    def require(self) -> dict[str, tuple[VerifiedPresentation, ...]]:
        """Return the verified presentations by query id.

        Raises:
            RejectedError: something failed; carries the first report that was rejected.
            UndeterminedError: a check could not be made now; carries the first such report.
        """
        if self.accepted:
            return {
                query_id: tuple(report.require() for report in reports)
                for query_id, reports in self.reports.items()
            }
        every = [report for reports in self.reports.values() for report in reports]
        decisive = Outcome.FAILED if self.verdict is Verdict.REJECTED else Outcome.UNDETERMINED
        for report in every:
            if any(check.outcome is decisive for check in report.checks):
                report.require()
        problem = self.problems[0] if self.problems else reason("check_missing")
        blank = VerificationReport(checks=(), expected=(), verified_at=0)
        report_of = every[0] if every else blank
        raise RejectedError(
            f"{self.conclusion.value}: {problem.sentence}", report=report_of, hint=problem.hint
        )

    def __bool__(self) -> Never:
        raise TypeError("a report has no truth value: use .accepted or .require()")


class _WithTheWhole:
    """A replay memory that lets each part pass: the nonce is used by the answer as a whole."""

    def remember(self, key: str, *, until: int, now: int) -> bool:
        """Return True."""
        del key, until, now
        return True


def examine_answer(
    presentations: Mapping[str, Sequence[str]], query: DcqlQuery, context: Context
) -> AnswerReport:
    """Verify every presentation of an answer and what they are together.

    The context has the request; its nonce is used up when the answer is accepted, so that of two
    good answers at once exactly one is. Where the whole is not accepted, no part gives out claims.
    """
    problems = _shape_problems(presentations, query)
    reports: dict[str, tuple[VerificationReport, ...]] = {}
    for query_id, texts in presentations.items():
        asked = query.credential(query_id)
        if asked is not None:
            part = replace(context, query=asked, replay=_WithTheWhole(), part_of_answer=True)
            reports[query_id] = tuple(examine(text, _as_shown(text, part)) for text in texts)
    report = AnswerReport(reports=reports, problems=tuple(problems))
    if report.accepted:
        agreed = _agreed(presentations, context.request)
        problems += _problems_of_the_whole(report, agreed, context)
        report = AnswerReport(reports=reports, problems=tuple(problems), transactions=agreed)
    return report if report.accepted else _without_claims(report)


def _as_shown(text: str, part: Context) -> Context:
    """Return the context of a part: one without a key binding, where the query lets it be so."""
    waived = part.query is not None and not part.query.holder_binding
    return replace(part, mode=Mode.UNBOUND) if waived and text.endswith("~") else part


def _without_claims(report: AnswerReport) -> AnswerReport:
    """Return the report on an answer with each good part kept back, and why."""
    parts = {
        query_id: tuple(_kept_back(part, report) if part.accepted else part for part in parts)
        for query_id, parts in report.reports.items()
    }
    return replace(report, reports=parts, transactions=())


def _kept_back(part: VerificationReport, report: AnswerReport) -> VerificationReport:
    # What is wrong with the whole is wrong with each part; what is wrong with another part is not.
    outcome = Outcome.FAILED if report.problems else Outcome.SKIPPED
    why = report.problems[0] if report.problems else reason("answer_not_accepted")
    checks = tuple(
        Check(check.name, outcome, why) if check.name == "request_binding" else check
        for check in part.checks
    )
    return replace(part, checks=checks, _verified=None)


def _problems_of_the_whole(
    report: AnswerReport, agreed: Sequence[AgreedTransaction], context: Context
) -> list[Reason]:
    asked = () if context.request is None else context.request.transaction_data
    if {one.entry.text for one in agreed} != {entry.text for entry in asked}:
        return [reason("transaction_not_agreed")]
    verified = [one for many in report.require().values() for one in many]
    if not context.policy.accept_unlinked_credentials and not _linked(verified, context.policy):
        return [reason("holders_not_linked")]
    return [] if use_request(context) else [reason("already_used")]


def _shape_problems(presentations: Mapping[str, Sequence[str]], query: DcqlQuery) -> list[Reason]:
    problems: list[Reason] = []
    missing = query.missing(frozenset(name for name, texts in presentations.items() if texts))
    if missing is not None:
        problems.append(reason("credential_missing", query=missing))
    for name, texts in presentations.items():
        wanted = query.credential(name)
        if wanted is None:
            problems.append(reason("credential_not_asked"))
        elif len(texts) > 1 and not wanted.multiple:
            problems.append(reason("too_many_credentials", query=name))
    every = [text for texts in presentations.values() for text in texts]
    if len(set(every)) != len(every):
        problems.append(reason("already_used"))
    return problems


def _agreed(
    presentations: Mapping[str, Sequence[str]], request: PresentationRequest | None
) -> tuple[AgreedTransaction, ...]:
    """Return what the parts of an answer agree to, each once; each part is verified."""
    entries = () if request is None else request.transaction_data
    agreed: dict[str, AgreedTransaction] = {}
    for query_id, texts in presentations.items() if entries else ():
        for key_binding in (SdJwt.parse(text).key_binding for text in texts):
            if key_binding is not None:
                binding = KeyBinding.parse(key_binding)
                for one in agreed_in(binding, entries, query_id) or ():
                    agreed.setdefault(one.entry.text, one)
    return tuple(agreed.values())


def _linked(verified: Sequence[VerifiedPresentation], policy: TrustPolicy) -> bool:
    if len(verified) == 1:
        return True
    keys = {one.facts.holder_key for one in verified}
    if len(keys) == 1 and None not in keys:
        return True
    if not policy.link_claims:
        return False
    for path in policy.link_claims:
        values = [list(find_values(dict(one.claims), path)) for one in verified]
        if not all(len(found) == 1 and found == values[0] for found in values):
            return False
    return True
