"""The one error handler: every refusal becomes a page, or JSON where a machine asked.

A stranger sees a status, a sentence and a number to quote; reasons of the machine stay in the log.
"""

from __future__ import annotations

import logging
import secrets
from typing import Final

from flask import Flask, Response, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from issuer_app.errors import AppError, SignInRequiredError, TooManyRequestsError
from issuer_app.web.sentences import problem_sentence
from weid.errors import MalformedError, ProtocolError, RegistryError, WeidError

_LOG: Final = logging.getLogger("issuer_app")


def install_error_pages(app: Flask) -> None:
    """Answer every exception of a view with a page of ours."""
    app.register_error_handler(ProtocolError, _protocol)
    app.register_error_handler(WeidError, _refused)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def _machine() -> bool:
    endpoint = request.endpoint or ""
    return (
        endpoint.startswith(("openid4vci.", "status_lists.", "health."))
        or endpoint == "batches.progress"
        or request.path.startswith(("/openid4vci/", "/status-lists/", "/.well-known/"))
    )


def _protocol(error: ProtocolError) -> ResponseReturnValue:
    status, body = error.to_reply()
    response = jsonify(body)
    response.status_code = status
    if status == 401:
        response.headers["WWW-Authenticate"] = f'Bearer error="{error.code}"'
    return response


def _refused(error: WeidError) -> ResponseReturnValue:
    if isinstance(error, SignInRequiredError) and not _machine():
        there = request.script_root + request.full_path.rstrip("?")
        if request.method != "GET":
            there = "/"
        return redirect(url_for("sign_in.show", next=there))
    if isinstance(error, AppError):
        status = error.status
    elif isinstance(error, RegistryError):
        status = 503
    else:
        status = 400 if isinstance(error, MalformedError) else 500
    if status >= 500:
        _LOG.warning("refused with %d: %s", status, type(error).__name__)
    response = _answer(status, error)
    if isinstance(error, TooManyRequestsError):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _http(error: HTTPException) -> ResponseReturnValue:
    if error.code is not None and 300 <= error.code < 400:
        return error.get_response()
    response = _answer(error.code or 500, None)
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    return response


def _unexpected(error: Exception) -> ResponseReturnValue:
    number = secrets.token_hex(4)
    # The text of an unknown exception may hold a person's data: its type and place do not.
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "unknown"
    _LOG.error("error %s: %s at %s", number, type(error).__name__, place)
    return _answer(500, None, number=number)


def _answer(status: int, error: WeidError | None, *, number: str = "") -> Response:
    if _machine():
        response = jsonify({"error": _CODES.get(status, "server_error")})
    else:
        problems = error.problems if isinstance(error, AppError) else ()
        page = render_template(
            "error.html",
            status=status,
            sentences=[problem_sentence(problem) for problem in problems],
            number=number,
        )
        response = Response(page, mimetype="text/html")
    response.status_code = status
    return response


_CODES: Final = {
    400: "invalid_request",
    401: "invalid_token",
    403: "access_denied",
    404: "not_found",
    405: "invalid_request",
    413: "invalid_request",
    415: "invalid_request",
    422: "invalid_request",
    429: "slow_down",
    503: "temporarily_unavailable",
}
