"""The wallet's way through the issuer's page: PAR, PKCE, the redirect back (clauses IP-70, IP-71).

RFC 6749 section 4.1, RFC 7636, RFC 9126, RFC 9207; OpenID4VCI 1.0 section 5.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import Annotated, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from pydantic import Field

from weid.crypto.keys import RandomBytes
from weid.encoding import base64url_encode, json_dumps
from weid.errors import MalformedError, ProtocolError, WalletError
from weid.oauth.attested_sender import AttestedSender
from weid.oauth.pkce import METHOD, challenge_of
from weid.openid4vci.authorization_request import DETAILS_TYPE
from weid.openid4vci.discovery import OfferPreview
from weid.openid4vci.message import Message
from weid.openid4vci.offer import AUTHORIZATION_CODE, AuthorizationCodeGrant
from weid.openid4vci.token import FORM
from weid.openid4vci.wallet_replies import JSON, read_reply
from weid.qr.content import display_text

_SECRET_BYTES: Final = 32
_REDIRECT_CHARACTERS: Final = 8192


class _Pushed(Message):
    request_uri: Annotated[str, Field(min_length=1, max_length=2048)]


@dataclass(frozen=True, slots=True)
class AppIdentity:
    """What a wallet calls itself at issuers' pages, and where a browser brings the answer."""

    client_id: str
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in that was begun: the person opens `url`, the answer comes to the redirect URI."""

    url: str
    identity: AppIdentity
    issuer: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)
    issuer_says_who: bool = False

    def token_form(self, answer: str) -> bytes:
        """Return the token request for the URL that the browser was sent back to.

        Raises:
            MalformedError: not the answer to this sign-in: another place, state or issuer.
            ProtocolError: the issuer's refusal.
        """
        found = self._parameters(answer)
        if not hmac.compare_digest(found.get("state", "").encode(), self.state.encode()):
            raise MalformedError("the answer is not that of this sign-in: state differs")
        # RFC 9207 section 2.4: another server's answer must not reach this server's token endpoint.
        if found.get("iss", None if self.issuer_says_who else self.issuer) != self.issuer:
            raise MalformedError("the answer comes from another authorization server")
        if "error" in found:
            words = display_text(found.get("error_description", ""))
            raise ProtocolError(_plain(found["error"]), words, hint="The issuer gives nothing.")
        if not found.get("code"):
            raise MalformedError("the answer has no code")
        fields = {
            "grant_type": AUTHORIZATION_CODE,
            "code": found["code"],
            "redirect_uri": self.identity.redirect_uri,
            "client_id": self.identity.client_id,
            "code_verifier": self.verifier,
        }
        return urlencode(fields).encode("ascii")

    def _parameters(self, answer: str) -> dict[str, str]:
        if len(answer) > _REDIRECT_CHARACTERS or not answer.isascii():
            raise MalformedError("the answer is not a short URL")
        place, _, query = answer.partition("?")
        if place != self.identity.redirect_uri.partition("?")[0]:
            raise MalformedError("the answer came to another place than was named")
        try:
            pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=16, errors="strict")
        except (ValueError, UnicodeError):
            raise MalformedError("the answer has no readable parameters") from None
        found = dict(pairs)
        if len(found) != len(pairs):
            raise MalformedError("the answer has a parameter twice")
        return found


def begin_sign_in(
    preview: OfferPreview, identity: AppIdentity, sender: AttestedSender, random: RandomBytes
) -> SignIn:
    """Begin a sign-in; the request is pushed where the server takes that.

    Raises:
        WalletError: the offer needs none, or the server's page is not one to use; or the wallet's
            attestation is of another client.
        ProtocolError: the server refuses the pushed request.
        TransportError: an address is refused or does not answer.
    """
    server = preview.server
    page = server.authorization_endpoint
    if not isinstance(preview.grant, AuthorizationCodeGrant) or page is None:
        raise WalletError("the offer needs no sign-in with the issuer")
    if METHOD not in (server.code_challenge_methods_supported or (METHOD,)):
        raise WalletError("the issuer's sign-in does not take PKCE with S256")
    state, verifier = (base64url_encode(random(_SECRET_BYTES)) for _ in range(2))
    fields = {
        "response_type": "code",
        "client_id": identity.client_id,
        "redirect_uri": identity.redirect_uri,
        "state": state,
        "code_challenge": challenge_of(verifier),
        "code_challenge_method": METHOD,
        "resource": preview.credential_issuer,
        **_wanted(preview),
    }
    if preview.grant.issuer_state is not None:
        fields["issuer_state"] = preview.grant.issuer_state
    attested = sender.attestation
    if attested is not None and attested.client_id != identity.client_id:
        raise WalletError(
            "the wallet's attestation is of another client",
            hint=f"Sign in as {display_text(attested.client_id)}.",
        )
    if sender.sender.signer is not None:
        fields["dpop_jkt"] = sender.sender.signer.public_key.thumbprint()
    if server.pushed_authorization_request_endpoint is not None:
        reply = sender.post(
            server.pushed_authorization_request_endpoint,
            urlencode(fields).encode("ascii"),
            content_type=FORM,
            accept=JSON,
        )
        # RFC 9126 section 2.2 says 201; some answer 200.
        pushed = read_reply(reply, _Pushed, "the answer to the pushed request", statuses=(201, 200))
        fields = {"client_id": identity.client_id, "request_uri": pushed.request_uri}
    url = f"{page}{'&' if urlsplit(page).query else '?'}{urlencode(fields)}"
    says_who = bool(server.authorization_response_iss_parameter_supported)
    return SignIn(url, identity, server.issuer, state, verifier, says_who)


def _wanted(preview: OfferPreview) -> dict[str, str]:
    """Return how the configurations are asked for: by scope where each has one (section 5.1)."""
    scopes = [one.configuration.scope for one in preview.credentials]
    named = [scope for scope in scopes if scope is not None]
    if len(named) == len(scopes):
        return {"scope": " ".join(dict.fromkeys(named))}
    details = [
        {"type": DETAILS_TYPE, "credential_configuration_id": one.id} for one in preview.credentials
    ]
    return {"authorization_details": json_dumps(details).decode("ascii")}


def _plain(code: str) -> str:
    return code if code.isascii() and code.isidentifier() and len(code) <= 64 else "invalid_request"
