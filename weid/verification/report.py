"""What verification says: checks, verdict, and the one way to the claims.

A report lists every check in the order of `CHECKS`. Its verdict is computed, never stored:
accepted only if the checks are exactly the expected ones and all passed. Claims are reachable only
through `VerifiedPresentation`, which `weid.verification.examine` alone can make.
Clauses VF-01 … VF-08 of specs/verification.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Never

from weid.clock import format_time
from weid.encoding import JsonObject
from weid.errors import RejectedError, UndeterminedError
from weid.verification.presentation import VerifiedPresentation
from weid.verification.reasons import Reason, reason


class Outcome(StrEnum):
    """How one check ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    """An earlier check that it needs did not pass."""
    UNDETERMINED = "undetermined"
    """Cannot be known now, for example because there is no registry."""


class Verdict(StrEnum):
    """The sum of all checks."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNDETERMINED = "undetermined"


class Conclusion(StrEnum):
    """What a person at a counter sees."""

    VALID = "valid"
    VALID_BUT_CHECK = "valid, but check"
    NOT_VALID = "not valid"
    COULD_NOT_CHECK = "could not check"


CHECKS: Final = (
    "format",
    "issuer_key",
    "issuer_signature",
    "issuer_recognition",
    "disclosure_integrity",
    "template_conformance",
    "validity_period",
    "status",
    "key_binding",
    "request_binding",
    "requested_claims",
)
"""Every check there is, in the order of a report."""

_EXIT_CODES: Final = {
    "issuer_signature": 10,
    "disclosure_integrity": 10,
    "status": 11,
    "validity_period": 12,
    "issuer_key": 13,
    "issuer_recognition": 13,
    "key_binding": 14,
    "request_binding": 14,
}
_OTHER_FAILURE: Final = 1
_UNDETERMINED: Final = 20


@dataclass(frozen=True, slots=True)
class Check:
    """One named test: its outcome, why, and what to look at although it passed."""

    name: str
    outcome: Outcome
    reason: Reason
    warnings: tuple[Reason, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the outcome is `passed`."""
        return self.outcome is Outcome.PASSED

    @property
    def detail(self) -> str:
        """One English sentence."""
        return self.reason.sentence

    def to_json(self) -> JsonObject:
        """Return the check as a JSON object."""
        value: JsonObject = {
            "name": self.name,
            "outcome": self.outcome.value,
            "warnings": [warning.to_json() for warning in self.warnings],
        }
        return value | self.reason.to_json()


@dataclass(frozen=True, slots=True)
class RegistryState:
    """The registry state that was judged by: network, height, header time (seconds), age."""

    network: str
    height: int
    time: int
    age: int

    def to_json(self) -> JsonObject:
        """Return the state as a JSON object."""
        return {
            "network": self.network,
            "height": self.height,
            "time": format_time(self.time),
            "age": self.age,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationReport:
    """All checks of one presentation.

    `expected` are the names that the policy calls for; `verified_at` is the verifier's time
    (seconds); `registry` the state that was asked, None where it was never reached.
    """

    checks: tuple[Check, ...]
    expected: tuple[str, ...]
    verified_at: int
    registry: RegistryState | None = None
    _verified: VerifiedPresentation | None = None

    @property
    def verdict(self) -> Verdict:
        """Accepted only if the list is exactly the expected one and all passed (clause VF-02)."""
        found = verdict_of(self.checks, self.expected)
        # A list of passes that somebody wrote down is not a verification.
        made_up = found is Verdict.ACCEPTED and self._verified is None
        return Verdict.REJECTED if made_up else found

    @property
    def accepted(self) -> bool:
        """Whether the presentation is accepted."""
        return self.verdict is Verdict.ACCEPTED

    @property
    def warnings(self) -> tuple[Reason, ...]:
        """What to look at although the checks passed, in the order of the checks."""
        return tuple(warning for check in self.checks for warning in check.warnings)

    @property
    def conclusion(self) -> Conclusion:
        """The outcome in the words of a counter."""
        verdict = self.verdict
        if verdict is Verdict.REJECTED:
            return Conclusion.NOT_VALID
        if verdict is Verdict.UNDETERMINED:
            return Conclusion.COULD_NOT_CHECK
        return Conclusion.VALID_BUT_CHECK if self.warnings else Conclusion.VALID

    @property
    def first_problem(self) -> Check | None:
        """The check that decided: the first failed one, else the first that did not pass."""
        for wanted in (Outcome.FAILED, Outcome.UNDETERMINED, Outcome.SKIPPED):
            for check in self.checks:
                if check.outcome is wanted:
                    return check
        return None

    @property
    def exit_code(self) -> int:
        """The exit code of a command that verified this (clause VF-08)."""
        verdict = self.verdict
        if verdict is Verdict.ACCEPTED:
            return 0
        if verdict is Verdict.UNDETERMINED:
            return _UNDETERMINED
        for check in self.checks:
            if check.outcome is Outcome.FAILED:
                return _EXIT_CODES.get(check.name, _OTHER_FAILURE)
        return _OTHER_FAILURE

    def check(self, name: str) -> Check | None:
        """Return the check of that name, or None where it was not made."""
        return next((check for check in self.checks if check.name == name), None)

    def require(self) -> VerifiedPresentation:
        """Return the verified presentation with its claims.

        Raises:
            RejectedError: a check failed or is missing; carries this report.
            UndeterminedError: a check could not be made now; carries this report.
        """
        verdict = self.verdict
        if verdict is Verdict.ACCEPTED and self._verified is not None:
            return self._verified
        problem = self.first_problem
        why = reason("check_missing") if problem is None else problem.reason
        where = "" if problem is None else f"{problem.name}: "
        error = RejectedError if verdict is Verdict.REJECTED else UndeterminedError
        message = f"{self.conclusion.value}: {where}{why.sentence}"
        raise error(message, report=self, hint=why.hint)

    def to_json(self) -> JsonObject:
        """Return the report without any claim, for programs and logs."""
        return {
            "verdict": self.verdict.value,
            "conclusion": self.conclusion.value,
            "exit_code": self.exit_code,
            "verified_at": format_time(self.verified_at),
            "registry": None if self.registry is None else self.registry.to_json(),
            "checks": [check.to_json() for check in self.checks],
        }

    def __str__(self) -> str:
        lines = [self.conclusion.value]
        for check in self.checks:
            lines.append(f"  {check.outcome.value:<12} {check.name:<21} {check.detail}")
            lines += [f"  {'look':<12} {'':<21} {warning.sentence}" for warning in check.warnings]
        problem = self.first_problem
        hint = problem.reason.hint if problem is not None else None
        hints = [hint] if hint else [warning.hint for warning in self.warnings if warning.hint]
        lines += [f"  → {text}" for text in hints]
        return "\n".join(lines)

    def __bool__(self) -> Never:
        raise TypeError("a report has no truth value: use .accepted or .require()")


def verdict_of(checks: tuple[Check, ...], expected: tuple[str, ...]) -> Verdict:
    """Return the verdict of checks against the names that were expected.

    Accepted only if the list is exactly the expected one, not empty, and all passed; rejected if
    any failed, or the list is another one; else undetermined.
    """
    if not expected or tuple(check.name for check in checks) != expected:
        return Verdict.REJECTED
    outcomes = {check.outcome for check in checks}
    if outcomes == {Outcome.PASSED}:
        return Verdict.ACCEPTED
    return Verdict.REJECTED if Outcome.FAILED in outcomes else Verdict.UNDETERMINED
