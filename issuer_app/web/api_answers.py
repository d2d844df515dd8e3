"""What the API answers: JSON of the same rows that the pages show, and refusals as JSON."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from issuer_app.errors import AppError, PausedError, Problem, TooManyRequestsError
from issuer_app.web.sentences import finding_sentence, problem_sentence
from weid.clock import format_time
from weid.errors import MalformedError, RegistryError, WeidError
from weid.oauth.reply import RETRY_SECONDS

_LOG: Final = logging.getLogger("issuer_app.api")
_TIMES: Final = frozenset(
    {
        "created_at",
        "added_at",
        "sent_at",
        "approved_at",
        "issued_at",
        "reserved_at",
        "signed_at",
        "anchored_at",
        "unpublished_since",
        "asked_at",
        "expires_at",
        "at",
    }
)
_BATCH: Final = (
    "id", "file_name", "cpt_id", "template_version", "form", "state", "row_count", "faulty_count",
    "created_by_name", "created_at", "sent_at", "approved_at", "issued_at", "trouble", "version",
)  # fmt: skip
_CERTIFICATE: Final = (
    "id", "label", "form", "state", "status", "batch_id", "row_number", "cpt_id", "template_id",
    "reserved_at", "signed_at", "list_uri", "list_index", "anchor_root", "anchored_at", "claims",
    "events", "version", "published", "unpublished_since", "publishing_trouble",
)  # fmt: skip
_ERRORS: Final = {
    401: "invalid_token",
    403: "access_denied",
    404: "not_found",
    409: "conflict",
    422: "input_refused",
    429: "slow_down",
    503: "temporarily_unavailable",
    507: "disk_full",
}


def batch_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a batch as JSON has it: no row of citizens' data in it."""
    return _chosen(row, _BATCH)


def certificate_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a certificate as JSON has it, without the credential and its salt."""
    found = _chosen(row, _CERTIFICATE)
    if "events" in found:
        found["events"] = [_with_times(event) for event in found["events"]]
    return found


def decision_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a certificate whose wallet waits for a decision."""
    return _chosen({**row, "id": row["certificate_id"]}, ("id", "label", "asked_at"))


def template_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a template version as JSON has it."""
    return _chosen(row, ("id", "cpt_id", "version", "name", "added_at", "digest", "certificates"))


def finding_json(row: int, finding: Mapping[str, Any], severity: str) -> dict[str, Any]:
    """Return a finding on one row: its place, its code and a sentence, never the cell."""
    return {
        "row": row,
        "column": finding["column"],
        "severity": severity,
        "code": finding["code"],
        "sentence": finding_sentence(finding),
        "expected": finding.get("detail", ""),
    }


def findings_json(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the findings of rows that have `number`, `faults` and `warnings`."""
    return [
        finding_json(row["number"], finding, severity)
        for row in rows
        for severity, member in (("fault", "faults"), ("warning", "warnings"))
        for finding in row[member]
    ]


def _chosen(row: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return _with_times({name: row[name] for name in names if name in row})


def _with_times(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: format_time(value) if name in _TIMES and value is not None else value
        for name, value in row.items()
    }


def answer_errors(blueprint: Blueprint) -> None:
    """Answer every refusal of a blueprint's routes with JSON."""
    blueprint.register_error_handler(WeidError, _refused)
    blueprint.register_error_handler(HTTPException, _http)


def _refused(error: WeidError) -> Response:
    if isinstance(error, AppError):
        status = error.status
    elif isinstance(error, RegistryError):
        status = 503
    else:
        status = 400 if isinstance(error, MalformedError) else 500
    if status >= 500:
        _LOG.warning("%s refused with %d: %s", request.endpoint, status, type(error).__name__)
    problems = error.problems if isinstance(error, AppError) else ()
    told = isinstance(error, AppError | RegistryError | MalformedError)
    response = _answer(status, error.message if told else "", error.hint, problems)
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    if isinstance(error, TooManyRequestsError):
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, PausedError):
        response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def _http(error: HTTPException) -> Response:
    return _answer(error.code or 500, error.name, None, ())


def _answer(status: int, message: str, hint: str | None, problems: Iterable[Problem]) -> Response:
    told = [
        {"field": one.field, "code": one.code, "sentence": problem_sentence(one)}
        for one in problems
    ]
    response = jsonify(
        {
            "error": _ERRORS.get(status, "invalid_request" if status < 500 else "server_error"),
            "message": " ".join(one["sentence"] for one in told) or message,
            "hint": hint,
            "problems": told,
        }
    )
    response.status_code = status
    return response
