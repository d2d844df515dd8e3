"""The authorization server of an issuer: its metadata and its endpoints.

Clauses IP-03 to IP-06, IP-12, IP-37 to IP-46.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from weid.encoding import JsonObject
from weid.oauth import client_attestation, dpop, pkce
from weid.oauth.form import Parameters, parse_form
from weid.oauth.reply import EndpointRequest, Reply, json_reply
from weid.openid4vci.authorization import Authorization
from weid.openid4vci.authorization_request import (
    DETAILS_TYPE,
    read_details,
    require_resources,
)
from weid.openid4vci.circumstances import Circumstances
from weid.openid4vci.code_redemption import CodeRedemption, GivenToken, NewToken
from weid.openid4vci.metadata import AuthorizationServerMetadata
from weid.openid4vci.offer import AUTHORIZATION_CODE, PRE_AUTHORIZED_CODE
from weid.openid4vci.token import (
    CodeTokenRequest,
    TokenRequest,
    TokenResponse,
    read_token_request,
)
from weid.openid4vci.wallet_checks import WalletChecks

TOKEN_SECONDS: Final = 900
"""How long an access token lasts, and with it a lost credential can be asked for again."""


@dataclass(frozen=True, slots=True)
class AuthorizationServer:
    """Turns codes into access tokens."""

    circumstances: Circumstances

    @property
    def authorization(self) -> Authorization:
        """Return the authorization code flow."""
        return Authorization(self.circumstances)

    def server_metadata(self) -> AuthorizationServerMetadata:
        """Return the metadata of RFC 8414; the issuer is the credential issuer itself."""
        here, policy = self.circumstances, self.circumstances.policy
        methods: tuple[str, ...] = () if policy.attestation_required else ("none",)
        if policy.attesters:
            methods += (client_attestation.METHOD,)
        flow = policy.find_approval is not None
        challenged = bool(policy.attesters)
        return AuthorizationServerMetadata(
            issuer=here.credential_issuer,
            token_endpoint=here.url("/token"),
            authorization_endpoint=here.url("/authorize") if flow else None,
            pushed_authorization_request_endpoint=here.url("/par") if flow else None,
            require_pushed_authorization_requests=(
                (policy.pushed_required or policy.attestation_required) if flow else None
            ),
            response_types_supported=("code",) if flow else (),
            response_modes_supported=("query",) if flow else None,
            grant_types_supported=((AUTHORIZATION_CODE,) if flow else ()) + (PRE_AUTHORIZED_CODE,),
            code_challenge_methods_supported=(pkce.METHOD,) if flow else None,
            authorization_details_types_supported=(DETAILS_TYPE,),
            scopes_supported=self._scopes() if flow else None,
            authorization_response_iss_parameter_supported=True if flow else None,
            token_endpoint_auth_methods_supported=methods,
            dpop_signing_alg_values_supported=dpop.ALGORITHMS,
            challenge_endpoint=here.url("/challenge") if challenged else None,
            client_attestation_signing_alg_values_supported=(
                client_attestation.ALGORITHMS if challenged else None
            ),
            client_attestation_pop_signing_alg_values_supported=(
                client_attestation.ALGORITHMS if challenged else None
            ),
            anonymous_access=not policy.attestation_required,
        )

    def _scopes(self) -> tuple[str, ...]:
        known = self.circumstances.configurations().values()
        return tuple(sorted({found.scope for found in known if found.scope}))

    def metadata(self) -> Reply:
        """Answer `GET /.well-known/oauth-authorization-server{path}`."""
        return self.circumstances.answer(
            lambda: json_reply(self.server_metadata().to_json(), may_be_kept=True)
        )

    def push(self, request: EndpointRequest) -> Reply:
        """Answer `POST /par`."""
        return self.circumstances.answer(lambda: self.authorization.push(request))

    def authorize(self, query: str) -> Reply:
        """Answer `GET /authorize` with a query."""
        return self.circumstances.answer(lambda: self.authorization.begin(query))

    def challenge(self) -> Reply:
        """Answer `POST /challenge`: a challenge for the proof beside an attestation."""
        here = self.circumstances
        return here.answer(lambda: json_reply({"attestation_challenge": here.challenges.create()}))

    def token(self, request: EndpointRequest) -> Reply:
        """Answer `POST /token`."""
        return self.circumstances.answer(lambda: self._token(request))

    def _token(self, request: EndpointRequest) -> Reply:
        form = parse_form(request.body, content_type=request.header("Content-Type"))
        wanted = read_token_request(form)
        require_resources(form, self.circumstances.credential_issuer)
        checks = WalletChecks(self.circumstances)
        client = checks.client(request, form.get("client_id"))
        key = checks.key(request, "/token")
        if isinstance(wanted, CodeTokenRequest):
            attested = None if client is None else client.client_id
            response = self._token_of_page(form, wanted, attested=attested, key=key)
        else:
            response = self._token_of_offer(form, wanted, key=key)
        return json_reply(response.to_json())

    def _token_of_offer(self, form: Parameters, wanted: TokenRequest, *, key: str) -> TokenResponse:
        detailed = self._details(form)
        given = self._redemption.redeem_code(wanted, self._new_token(key, detailed))
        return _response(given, key=key, detailed=bool(detailed))

    def _token_of_page(
        self, form: Parameters, wanted: CodeTokenRequest, *, attested: str | None, key: str
    ) -> TokenResponse:
        detailed = self._details(form)
        grant = self.authorization.use_code(wanted, attested=attested, key=key)
        given = self._redemption.redeem_approval(
            grant.issuance_id, self._new_token(key, detailed or grant.request.configuration_ids)
        )
        known = self.circumstances.configurations()
        given_to = (known[name].scope for name in given.configuration_ids if name in known)
        scopes = dict.fromkeys(scope for scope in given_to if scope)
        return _response(
            given,
            key=key,
            detailed=bool(detailed) or grant.request.detailed,
            scope=" ".join(scopes) if grant.request.scope else None,
        )

    def _details(self, form: Parameters) -> tuple[str, ...]:
        text = form.get("authorization_details")
        return read_details(text, self.circumstances.configurations()) if text else ()

    def _new_token(self, key: str, configuration_ids: tuple[str, ...]) -> NewToken:
        secret = self.circumstances.draw_secret()
        return NewToken(secret, TOKEN_SECONDS, key, configuration_ids)

    @property
    def _redemption(self) -> CodeRedemption:
        here = self.circumstances
        return CodeRedemption(here.issuances, here.clock, here.observe)


def _response(
    given: GivenToken, *, key: str, detailed: bool, scope: str | None = None
) -> TokenResponse:
    """Return the token response; each configuration has one identifier, its name."""
    details: tuple[JsonObject, ...] = tuple(
        {
            "type": DETAILS_TYPE,
            "credential_configuration_id": name,
            "credential_identifiers": [name],
        }
        for name in given.configuration_ids
    )
    return TokenResponse(
        access_token=given.text,
        token_type="DPoP" if key else "Bearer",
        expires_in=given.lifetime,
        scope=scope or None,
        authorization_details=details if detailed else None,
    )
