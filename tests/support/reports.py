"""What a test says of a report: where it stopped, and why."""

from __future__ import annotations

from weid.verification.report import Outcome, VerificationReport


def stop(report: VerificationReport) -> tuple[str, str]:
    """Return name and code of the check that failed first, of a report that is rejected."""
    problem = report.first_problem
    assert problem is not None, str(report)
    assert problem.outcome is Outcome.FAILED, str(report)
    assert not report.accepted
    return problem.name, problem.reason.code


def doubt(report: VerificationReport) -> tuple[str, str]:
    """Return name and code of the check that could not be made, of an undetermined report."""
    problem = report.first_problem
    assert problem is not None, str(report)
    assert problem.outcome is Outcome.UNDETERMINED, str(report)
    assert not report.accepted
    assert report.exit_code == 20
    return problem.name, problem.reason.code


def warnings(report: VerificationReport) -> list[str]:
    """Return the warnings of a report that is accepted."""
    assert report.accepted, str(report)
    return [warning.code for warning in report.warnings]
