"""The authorization server of an issuer: its metadata and the token endpoint.

Clauses IP-03 to IP-06, IP-12.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from weid.openid4vci.circumstances import Circumstances
from weid.openid4vci.code_redemption import CodeRedemption
from weid.openid4vci.metadata import AuthorizationServerMetadata
from weid.openid4vci.offer import PRE_AUTHORIZED_CODE
from weid.openid4vci.reply import EndpointRequest, Reply, json_reply
from weid.openid4vci.token import TokenResponse, parse_token_request

TOKEN_SECONDS: Final = 900
"""How long an access token lasts, and with it a lost credential can be asked for again."""


@dataclass(frozen=True, slots=True)
class AuthorizationServer:
    """Turns codes into access tokens."""

    circumstances: Circumstances

    def server_metadata(self) -> AuthorizationServerMetadata:
        """Return the metadata of RFC 8414; the issuer is the credential issuer itself."""
        return AuthorizationServerMetadata(
            issuer=self.circumstances.credential_issuer,
            token_endpoint=self.circumstances.url("/token"),
            grant_types_supported=(PRE_AUTHORIZED_CODE,),
            token_endpoint_auth_methods_supported=("none",),
            anonymous_access=True,
        )

    def metadata(self) -> Reply:
        """Answer `GET /.well-known/oauth-authorization-server{path}`."""
        return self.circumstances.answer(
            lambda: json_reply(self.server_metadata().to_json(), may_be_kept=True)
        )

    def token(self, request: EndpointRequest) -> Reply:
        """Answer `POST /token`."""
        return self.circumstances.answer(lambda: self._token(request))

    def _token(self, request: EndpointRequest) -> Reply:
        here = self.circumstances
        wanted = parse_token_request(request.body, content_type=request.header("Content-Type"))
        redemption = CodeRedemption(here.issuances, here.clock, here.observe)
        token = redemption.redeem_code(wanted, secret=here.draw_secret(), lifetime=TOKEN_SECONDS)
        response = TokenResponse(
            access_token=token,
            token_type="Bearer",  # noqa: S106 - the name of a scheme
            expires_in=TOKEN_SECONDS,
        )
        return json_reply(response.to_json())
