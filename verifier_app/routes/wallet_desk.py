"""What the routes about wallets share: the service, and which requests are this browser's."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flask import Response, abort, current_app, jsonify, session

from verifier_app.presentations import Presentations
from weid.oauth.reply import Reply
from weid.openid4vp.presentation_endpoints import NewPresentation, PresentationEndpoints

KEPT = 8
"""Requests of one browser at once; an older one is no longer this browser's."""


def asking() -> Presentations:
    """Return what asks wallets; 404 where that is not set up."""
    found: Presentations | None = current_app.extensions["presentations"]
    if found is None:
        abort(404)
    return found


def endpoints() -> PresentationEndpoints:
    """Return the library's endpoints."""
    return asking().endpoints


def respond(reply: Reply) -> Response:
    """Return a reply of the library as it is."""
    return Response(reply.body, status=reply.status, headers=dict(reply.headers))


def protocol_error(code: str, description: str, *, status: int) -> Response:
    """Return a refusal as JSON."""
    response = jsonify(error=code, error_description=description)
    response.status_code = status
    return response


# --- The browser that began: a signed cookie that no script reads holds the session ids -----------


@dataclass(frozen=True, slots=True)
class Own:
    """A request of this browser: its id, the session id, and the response code once it is back."""

    request_id: str
    session_id: str
    code: str = ""


def remember(begun: NewPresentation) -> None:
    """Make a request this browser's own."""
    _keep([*_mine(), Own(begun.request_id, begun.session_id)][-KEPT:])


def session_id(request_id: str) -> str:
    """Return the session id of a request of this browser; empty where it is another's."""
    return _own(request_id).session_id


def response_code(request_id: str) -> str:
    """Return the response code with which a wallet brought this browser back, or nothing."""
    return _own(request_id).code


def session_ids() -> dict[str, str]:
    """Return the session ids of this browser's requests by request id, the newest last."""
    return {one.request_id: one.session_id for one in _mine()}


def keep_code(request_id: str, code: str) -> None:
    """Remember a response code, so that it stands in no address of ours."""
    _keep([replace(one, code=code) if one.request_id == request_id else one for one in _mine()])


def drop(request_id: str) -> None:
    """Make a request nobody's."""
    _keep([one for one in _mine() if one.request_id != request_id])


def _own(request_id: str) -> Own:
    return next((one for one in _mine() if one.request_id == request_id), Own("", ""))


def _mine() -> list[Own]:
    # A list: the cookie's members are sorted by name, and the order says which is the newest.
    return [Own(*one) for one in session.get("presentations", [])]


def _keep(mine: list[Own]) -> None:
    session["presentations"] = [[one.request_id, one.session_id, one.code] for one in mine]
