"""OpenID4VP 1.0: each route hands the request's parts to one endpoint and returns its reply.

Whatever goes wrong, a wallet gets JSON with a code, and never a 500.
"""

from __future__ import annotations

from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import HTTPException

from verifier_app.routes.wallet_desk import endpoints, protocol_error, respond
from verifier_app.sources import current_source
from weid.errors import ProtocolError
from weid.oauth.reply import EndpointRequest

pages = Blueprint("openid4vp", __name__, url_prefix="/openid4vp")
BODY_BYTES = 1024 * 1024
"""More than the endpoints take; nothing past it is read."""


@pages.get("/requests/<request_id>")
def request_object(request_id: str) -> Response:
    """Answer with the signed request; reading it uses nothing up (section 5.10)."""
    return respond(endpoints().request_object(request_id))


@pages.post("/requests/<request_id>")
def post_request_object(request_id: str) -> Response:
    """Answer with the signed request that repeats the wallet's nonce (section 5.10)."""
    return respond(endpoints().request_object(request_id, _posted()))


@pages.post("/responses/<request_id>")
def response(request_id: str) -> Response:
    """Take the wallet's answer (section 8.2)."""
    return respond(endpoints().response(request_id, _posted()))


def _posted() -> EndpointRequest:
    request.max_content_length = BODY_BYTES
    return EndpointRequest(
        request.get_data(),
        {"Content-Type": request.headers.get("Content-Type", "")},
        source=current_source(),
    )


@pages.errorhandler(HTTPException)
def _http(error: HTTPException) -> Response:
    return protocol_error("invalid_request", error.name, status=error.code or 400)


@pages.errorhandler(ProtocolError)
def _refused(error: ProtocolError) -> Response:
    return protocol_error(error.code, error.description, status=error.status)


@pages.errorhandler(Exception)
def _unforeseen(error: Exception) -> Response:
    # The kind of error and nothing of what was sent: answers carry personal data.
    current_app.logger.error("unforeseen %s at %s", type(error).__name__, request.endpoint)
    return protocol_error("server_error", "this could not be done", status=400)
