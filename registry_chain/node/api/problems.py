"""Refusals of the API as JSON: a fixed code, a sentence, and what to do next (clause NA-02).

No stack trace, no version and no exception text of a library ever leaves through here.
"""

from __future__ import annotations

import json
from typing import Final

from flask import Response


class Problem(Exception):  # noqa: N818 - it is an answer, named as people know it
    """One refusal: HTTP status, code, message, hint.

    `retry_after` is in seconds where it helps; `result_code` is the registry's where it refused;
    `first` the position of the first event, or the height of the first block, that is kept, where
    an earlier one was asked for.
    """

    def __init__(  # noqa: PLR0913 - each is an option of its own
        self,
        status: int,
        code: str,
        message: str,
        hint: str,
        *,
        retry_after: int | None = None,
        result_code: int | None = None,
        first: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
        self.retry_after = retry_after
        self.result_code = result_code
        self.first = first

    def response(self) -> Response:
        """Return the refusal as an HTTP response."""
        body: dict[str, str | int] = {
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
        }
        if self.result_code is not None:
            body["result_code"] = self.result_code
        if self.first is not None:
            body["first"] = self.first
        response = Response(json.dumps(body), status=self.status, mimetype="application/json")
        response.headers["Cache-Control"] = "no-store"
        if self.retry_after is not None:
            response.headers["Retry-After"] = str(self.retry_after)
        return response


MALFORMED: Final = "malformed"
NOT_FOUND: Final = "not_found"
NOT_KEPT: Final = "events_not_kept"
TOO_LARGE: Final = "too_large"
TOO_MANY: Final = "too_many_requests"
UNAVAILABLE: Final = "unavailable"
MEMPOOL_FULL: Final = "mempool_full"
STORAGE_FULL: Final = "storage_full"
REJECTED: Final = "rejected"

_BY_STATUS: Final[dict[int, tuple[str, str, str]]] = {
    400: (MALFORMED, "the request is not well formed", "see /openapi.json"),
    404: (NOT_FOUND, "there is nothing at this path", "see /openapi.json for the paths"),
    405: ("method_not_allowed", "this path does not take this method", "see /openapi.json"),
    411: ("length_required", "the request has no length", "send Content-Length"),
    413: (TOO_LARGE, "the request is too large", "split the transaction"),
    414: ("uri_too_long", "the address is too long", "see /openapi.json"),
    415: ("unsupported_media_type", "the body is of another type", "send application/cbor"),
    431: (TOO_LARGE, "the request's headers are too large", "send fewer headers"),
}


def problem_of_status(status: int) -> Problem:
    """Return what is said for an HTTP status that no endpoint explains itself."""
    code, message, hint = _BY_STATUS.get(
        status,
        ("failed", "the request failed", "try again later")
        if status >= 500
        else ("refused", "the request was refused", "see /openapi.json"),
    )
    return Problem(status, code, message, hint)


def malformed(message: str) -> Problem:
    """Return the refusal of a request that is not well formed."""
    return Problem(400, MALFORMED, message, "see /openapi.json for what is expected")


def unavailable(message: str, *, retry_after: int = 1) -> Problem:
    """Return the refusal for something that this node cannot do now."""
    return Problem(
        503,
        UNAVAILABLE,
        message,
        "try again in a moment, or ask another node",
        retry_after=retry_after,
    )
