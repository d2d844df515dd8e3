"""What the application refuses, as exceptions that the one error handler turns into pages.

AppError(WeidError)          status and, for people, a code with its own sentence
├─ SignInRequiredError       302 to the sign-in page (401 for JSON)
├─ ForbiddenError            403
├─ MissingError              404: no such object in the reader's organisation
├─ ConflictError             409: somebody else changed it first
├─ TooManyRequestsError      429
├─ InputRefusedError         422: a form or file, with one problem for each field
├─ PausedError               503: issuing is paused
├─ StoreFullError            507
├─ StoreVersionError         start refused
└─ SettingsError             start refused
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from weid.errors import WeidError


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a form or file: a code of `web/sentences.py` and its numbers or names."""

    code: str
    field: str = ""
    details: Mapping[str, str | int] = dataclasses.field(default_factory=dict)


class AppError(WeidError):
    """A refusal that a person sees as a page with its HTTP status.

    `problems` become sentences in the person's language; without any, the status has its own.
    """

    status = 400

    def __init__(self, message: str, *problems: Problem, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.problems = problems


class SignInRequiredError(AppError):
    """Nobody is signed in."""

    status = 401


class ForbiddenError(AppError):
    """The person's roles, the CSRF token or the Origin do not allow it."""

    status = 403


class MissingError(AppError):
    """There is no such object in this organisation."""

    status = 404


class ConflictError(AppError):
    """The object changed since the page was shown, or its state does not allow the action."""

    status = 409


class TooManyRequestsError(AppError):
    """One peer asks too often; `retry_after` is in seconds."""

    status = 429

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class InputRefusedError(AppError):
    """A form or a file is not usable; `problems` say where and why."""

    status = 422

    def __init__(self, *problems: Problem) -> None:
        super().__init__(", ".join(problem.code for problem in problems), *problems)


class PausedError(AppError):
    """Nothing is signed while issuing is paused."""

    status = 503


class StoreFullError(AppError):
    """The disk is full; nothing was changed."""

    status = 507


class StoreVersionError(AppError):
    """The store was written by a newer version of this application."""

    status = 500


class SettingsError(AppError):
    """The application does not start with these settings."""

    status = 500
