"""For programs with a token: begin a presentation, look at it, forget it. JSON in, JSON out."""

from __future__ import annotations

import hashlib
import hmac
import re

from flask import Blueprint, Response, abort, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from verifier_app.asking import transactions_of
from verifier_app.presentations import Wanted
from verifier_app.routes.wallet_desk import asking
from weid.encoding import JsonObject, json_loads_object
from weid.errors import MalformedError, ProtocolError, WeidError

pages = Blueprint("api", __name__, url_prefix="/api/v1")
BODY_BYTES = 128 * 1024
_BEARER = re.compile(r"Bearer +([!-~]{1,500})\Z", re.IGNORECASE)
_MARK = "vp_"
"""Before an id: what begins with a dash would be an option to a command that is given it."""
_MODES = {"direct_post": False, "direct_post.jwt": True}


@pages.before_request
def _require_token() -> None:
    expected = asking().token
    if expected is None:
        abort(404)
    given = _BEARER.match(request.headers.get("Authorization", ""))
    # Of equal length before they are compared, so that the time says nothing.
    if given is None or not hmac.compare_digest(_digest(given[1]), _digest(expected)):
        raise ProtocolError(
            "invalid_token", "the API token is missing or wrong", status=401,
            hint="use the token in the file that api_token_file names.",
        )  # fmt: skip


@pages.post("/presentations")
def begin() -> ResponseReturnValue:
    """Begin a presentation: of a query in DCQL (`dcql`), or by a published policy (`policy`).

    `transaction_data` is what the person is to agree to beside, as objects; `purpose` what the
    wallet is told that a query is for.
    """
    body = _body()
    begun = asking().begin(
        _wanted(body),
        same_device=body.get("same_device") is True,
        encrypted=_encrypted(body),
        return_to=_optional(body, "return_to"),
        transactions=transactions_of(body.get("transaction_data")),
    )
    return jsonify(
        id=_MARK + begun.session_id, request=begun.link, expires_at=begun.expires_at
    ), 201


@pages.get("/presentations/<given_id>")
def look(given_id: str) -> ResponseReturnValue:
    """Return the state, the report, and of an accepted answer what was asked for."""
    session_id = _session(given_id)
    code = request.args.get("response_code", "")
    progress = asking().progress(session_id)
    # On the same device the outcome goes only to whom the wallet brought back, with the code.
    if progress["state"] == "answered" and ("report" in progress or code):
        answer = asking().answer(session_id, code).report
        shown = answer.pop("presentations")
        progress = {**progress, "report": answer, "presentations": shown}
    return jsonify(progress)


@pages.delete("/presentations/<given_id>")
def forget(given_id: str) -> ResponseReturnValue:
    """Forget the answer, or withdraw the request."""
    if not asking().forget(_session(given_id)):
        raise ProtocolError("not_found", "there is no such presentation", status=404)
    return "", 204


def _session(given_id: str) -> str:
    return given_id.removeprefix(_MARK) if given_id.startswith(_MARK) else ""


def _body() -> JsonObject:
    request.max_content_length = BODY_BYTES
    return json_loads_object(request.get_data(), what="the request", max_bytes=BODY_BYTES)


def _wanted(body: JsonObject) -> Wanted:
    policy = _optional(body, "policy")
    if (policy is None) == ("dcql" not in body):
        raise MalformedError(
            "the request has neither dcql nor policy, or both",
            hint="Give a query in DCQL, or the name of a published policy.",
        )
    if policy is None:
        return asking().query(body["dcql"], _purpose(body))
    if "purpose" in body:
        raise MalformedError("a policy says its purpose itself")
    return asking().policy(policy)


def _purpose(body: JsonObject) -> dict[str, str]:
    """Return what the request is for, by locale: an object of texts, or one English text."""
    value = body.get("purpose", {})
    texts = {"en": value} if isinstance(value, str) else value
    if not isinstance(texts, dict):
        raise MalformedError("purpose is neither text nor texts by locale")
    found = {locale: text for locale, text in texts.items() if isinstance(text, str)}
    if len(found) != len(texts):
        raise MalformedError("purpose is neither text nor texts by locale")
    return found


def _optional(body: JsonObject, name: str) -> str | None:
    value = body.get(name)
    if not isinstance(value, str | None):
        raise MalformedError(f"{name} is not text")
    return value


def _encrypted(body: JsonObject) -> bool | None:
    mode = _optional(body, "mode")
    if mode is not None and mode not in _MODES:
        raise MalformedError("mode is neither direct_post nor direct_post.jwt")
    return None if mode is None else _MODES[mode]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8")).digest()


@pages.errorhandler(ProtocolError)
def _refused(error: ProtocolError) -> Response:
    response = _error(error.status, error.code, error.description, error.hint)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    return response


@pages.errorhandler(WeidError)
def _malformed(error: WeidError) -> Response:
    if isinstance(error, MalformedError):
        return _error(422, "invalid_request", error.message, error.hint)
    return _error(503, "temporarily_unavailable", error.message, error.hint)


@pages.errorhandler(HTTPException)
def _http(error: HTTPException) -> Response:
    return _error(error.code or 400, "invalid_request", error.name, None)


def _error(status: int, code: str, message: str, hint: str | None) -> Response:
    response = jsonify(error=code, message=message, hint=hint)
    response.status_code = status
    return response
