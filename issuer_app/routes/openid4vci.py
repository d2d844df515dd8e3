"""OpenID4VCI 1.0: each route hands the request's parts to one endpoint and returns its reply."""

from __future__ import annotations

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from issuer_app.services.wallet_endpoints import MachineReply, MachineRequest
from issuer_app.web.session import current_peer
from issuer_app.wiring import services

pages = Blueprint("openid4vci", __name__)


def _asked() -> MachineRequest:
    headers = {name: request.headers[name] for name in _HEADERS if name in request.headers}
    return MachineRequest(request.get_data(), headers, request.query_string.decode("latin-1"))


_HEADERS = (
    "Authorization",
    "Content-Type",
    "Accept",
    "DPoP",
    "OAuth-Client-Attestation",
    "OAuth-Client-Attestation-PoP",
)


def _answer(reply: MachineReply) -> Response:
    response = Response(reply.body, status=reply.status, headers=dict(reply.headers))
    if "Content-Type" not in reply.headers:
        del response.headers["Content-Type"]  # Flask's own, for a page
    return response


@pages.get("/.well-known/openid-credential-issuer")
def issuer_metadata() -> ResponseReturnValue:
    """Describe the credential issuer (section 12.2)."""
    return _answer(services().wallets.metadata(_asked()))


@pages.get("/.well-known/oauth-authorization-server")
@pages.get("/.well-known/openid-configuration")
def server_metadata() -> ResponseReturnValue:
    """Describe the authorization server (RFC 8414)."""
    return _answer(services().wallets.authorization_server())


@pages.get("/.well-known/jwt-vc-issuer")
def web_metadata() -> ResponseReturnValue:
    """List the issuer's keys as the registry has them (SD-JWT VC section 5)."""
    services().token_throttle.require(current_peer())
    return _answer(services().wallets.jwt_vc_issuer())


@pages.get("/offers/<offer_id>")
def offer(offer_id: str) -> ResponseReturnValue:
    """Answer with an offer; reading it does not use it up (section 4.1.3)."""
    services().token_throttle.require(current_peer())
    return _answer(services().wallets.credential_offer(offer_id))


@pages.post("/token")
def token() -> ResponseReturnValue:
    """Turn a code into an access token, once (section 6)."""
    services().token_throttle.require(current_peer())
    return _answer(services().wallets.token(_asked()))


@pages.post("/par")
def push() -> ResponseReturnValue:
    """Keep a wallet's authorization request (RFC 9126)."""
    services().token_throttle.require(current_peer())
    return _answer(services().wallets.push(_asked()))


@pages.post("/challenge")
def challenge() -> ResponseReturnValue:
    """Give a challenge for the proof beside a wallet's attestation."""
    services().token_throttle.require(current_peer())
    return _answer(services().wallets.challenge())


@pages.post("/nonce")
def nonce() -> ResponseReturnValue:
    """Give a nonce for a key proof (section 7)."""
    services().token_throttle.require(current_peer())
    return _answer(services().wallets.nonce())


@pages.post("/credential")
def credential() -> ResponseReturnValue:
    """Sign the credential for the key that proves itself (section 8)."""
    services().token_throttle.require(current_peer())
    return _answer(services().wallets.credential(_asked()))


@pages.post("/deferred-credential")
def deferred_credential() -> ResponseReturnValue:
    """Give a credential that was waited for, or say that it still is (section 9)."""
    services().token_throttle.require(current_peer())
    return _answer(services().wallets.deferred_credential(_asked()))


@pages.post("/notification")
def notification() -> ResponseReturnValue:
    """Take down what became of a credential (section 11)."""
    services().token_throttle.require(current_peer())
    return _answer(services().wallets.notification(_asked()))
