"""The issuer's endpoints of OpenID4VCI 1.0, as methods: a request's parts in, a `Reply` out.

Pure over what it is given: stores, clock, randomness and one callable that makes a credential.
A web application translates HTTP to these calls and back, and knows nothing else of the protocol.
Clauses IP-01 to IP-14.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from weid.clock import Clock
from weid.crypto.keys import RandomBytes
from weid.encoding import JsonObject, base64url_decode, base64url_encode
from weid.errors import MalformedError, ProtocolError
from weid.openid4vci.credential import (
    CredentialResponse,
    IssuedCredentialEntry,
    parse_credential_request,
)
from weid.openid4vci.issuance_session import (
    IssuanceSessions,
    Offered,
    Redeemable,
    Stored,
    code_of_offer,
    hash_tx_code,
    issuance_of_code,
)
from weid.openid4vci.metadata import (
    AuthorizationServerMetadata,
    CredentialConfiguration,
    Display,
    IssuerMetadata,
)
from weid.openid4vci.nonce import NonceIssuer, NonceResponse
from weid.openid4vci.offer import (
    PRE_AUTHORIZED_CODE,
    CredentialOffer,
    Grants,
    OfferLink,
    PreAuthorizedGrant,
    TxCodeHint,
)
from weid.openid4vci.proof import check_key_proof
from weid.openid4vci.redemption import IssueCredential, Observe, Redemption
from weid.openid4vci.reply import (
    EndpointRequest,
    Reply,
    UnauthorizedError,
    error_reply,
    json_reply,
)
from weid.openid4vci.token import TokenResponse, parse_token_request
from weid.sessions import SessionStore

OFFER_SECONDS: Final = 600
"""How long an offer lasts unless the issuer says else."""
TOKEN_SECONDS: Final = 900
"""How long an access token lasts, and with it a lost credential can be asked for again."""
TX_CODE_DIGITS: Final = 6
_SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class NewOffer:
    """An offer to hand to one person.

    `uri` is short, for a QR code; `uri_by_value` needs no fetch. `tx_code` goes to the person by
    another way (letter, counter, telephone), None where none is asked for. `expires_at` seconds.
    """

    issuance_id: str
    uri: str = field(repr=False)
    uri_by_value: str = field(repr=False)
    tx_code: str | None = field(repr=False)
    expires_at: int


@dataclass(kw_only=True)
class IssuerEndpoints:
    """The endpoints of one credential issuer.

    `credential_issuer` is its public https URL, the same everywhere; the endpoints live below it
    (`/offers/…`, `/token`, `/nonce`, `/credential`). `configurations` is asked each time, so that
    a template published later appears. `paused` true answers everything with 503.
    `nonce_secret` is shared by all processes of this issuer; by default each makes its own.
    """

    credential_issuer: str
    configurations: Callable[[], Mapping[str, CredentialConfiguration]]
    sessions: SessionStore
    issue: IssueCredential
    clock: Clock
    display: tuple[Display, ...] = ()
    random: RandomBytes = secrets.token_bytes
    nonce_secret: bytes | None = field(default=None, repr=False)
    observe: Observe = lambda _event, _issuance_id: None
    paused: Callable[[], bool] = lambda: False

    def __post_init__(self) -> None:
        self._issuances = IssuanceSessions(self.sessions, credential_issuer=self.credential_issuer)
        self._redemption = Redemption(self._issuances, self.clock, self.observe)
        self._nonces = NonceIssuer(
            secret=self.nonce_secret or self.random(_SECRET_BYTES),
            sessions=self.sessions,
            clock=self.clock,
            random=self.random,
        )

    # --- What the issuer's own people do ---------------------------------------------------------

    def offer(
        self,
        configuration_id: str,
        approved: JsonObject,
        *,
        with_tx_code: bool = False,
        lifetime: int = OFFER_SECONDS,
        offer_id: str | None = None,
    ) -> NewOffer:
        """Offer a credential of what was approved: claims, or a reference to them.

        With `with_tx_code` the wallet must also send six digits that travel by another way.
        `offer_id` is drawn unless it is given: 32 bytes in base64url that nobody can guess, for
        an issuer that derives them from a secret of its own, to show an offer again later
        (`offer_link`) although it is kept nowhere.

        Raises:
            MalformedError: there is no such configuration, or an offer of that id is open.
            ProtocolError: issuing is paused.
        """
        self._require_running()
        if configuration_id not in self.configurations():
            raise MalformedError("there is no such credential configuration")
        if offer_id is None:
            offer_id = base64url_encode(self.random(_SECRET_BYTES))
        elif len(base64url_decode(offer_id, what="the offer's id")) != _SECRET_BYTES:
            raise MalformedError(f"the offer's id is not {_SECRET_BYTES} bytes in base64url")
        code = code_of_offer(offer_id)
        tx_code = self._draw_tx_code() if with_tx_code else None
        session = Offered(
            configuration_id,
            approved,
            self.clock.now() + lifetime,
            hash_tx_code(tx_code, code=code) if tx_code else "",
            TX_CODE_DIGITS if tx_code else 0,
        )
        issuance_id = issuance_of_code(code)
        self._issuances.create(issuance_id, session)
        self.observe("offered", issuance_id)
        uri = self.offer_link(offer_id).to_uri()
        by_value = self._offer_message(session, code).to_uri()
        return NewOffer(issuance_id, uri, by_value, tx_code, session.expires_at)

    def offer_link(self, offer_id: str) -> OfferLink:
        """Return where the offer of an id is read."""
        return OfferLink(f"{self._base}/offers/{offer_id}")

    def withdraw(self, issuance_id: str) -> bool:
        """End an offer or a session that is under way; False where there is none."""
        return self._issuances.remove(issuance_id)

    def issuer_metadata(self) -> IssuerMetadata:
        """Return the credential issuer's metadata."""
        configurations = {name: c.to_json() for name, c in self.configurations().items()}
        return IssuerMetadata(
            credential_issuer=self.credential_issuer,
            credential_endpoint=f"{self._base}/credential",
            nonce_endpoint=f"{self._base}/nonce",
            display=self.display or None,
            credential_configurations_supported=configurations,
        )

    def authorization_server_metadata(self) -> AuthorizationServerMetadata:
        """Return the authorization server's metadata: it is the same server."""
        return AuthorizationServerMetadata(
            issuer=self.credential_issuer,
            token_endpoint=f"{self._base}/token",
            grant_types_supported=(PRE_AUTHORIZED_CODE,),
            token_endpoint_auth_methods_supported=("none",),
            anonymous_access=True,
        )

    # --- What the web asks -----------------------------------------------------------------------

    def metadata(self) -> Reply:
        """Answer `GET /.well-known/openid-credential-issuer{path}`."""
        return self._answer(lambda: json_reply(self.issuer_metadata().to_json(), may_be_kept=True))

    def authorization_server(self) -> Reply:
        """Answer `GET /.well-known/oauth-authorization-server{path}`."""
        return self._answer(
            lambda: json_reply(self.authorization_server_metadata().to_json(), may_be_kept=True)
        )

    def credential_offer(self, offer_id: str) -> Reply:
        """Answer `GET /offers/{offer_id}`; reading an offer does not use it up."""
        return self._answer(lambda: self._read_offer(offer_id))

    def token(self, request: EndpointRequest) -> Reply:
        """Answer `POST /token`."""
        return self._answer(lambda: self._token(request))

    def nonce(self) -> Reply:
        """Answer `POST /nonce`, with any body."""
        return self._answer(
            lambda: json_reply(NonceResponse(c_nonce=self._nonces.create()).to_json())
        )

    def credential(self, request: EndpointRequest) -> Reply:
        """Answer `POST /credential`."""
        return self._answer(lambda: self._credential(request))

    # --- How -------------------------------------------------------------------------------------

    @property
    def _base(self) -> str:
        return self.credential_issuer.removesuffix("/")

    def _answer(self, make: Callable[[], Reply]) -> Reply:
        try:
            self._require_running()
            return make()
        except ProtocolError as error:
            return error_reply(error)

    def _require_running(self) -> None:
        if self.paused():
            raise ProtocolError("temporarily_unavailable", "issuing is paused", status=503)

    def _draw_tx_code(self) -> str:
        # 128 bits over a million outcomes: the bias is nothing.
        number = int.from_bytes(self.random(16), "big") % 10**TX_CODE_DIGITS
        return f"{number:0{TX_CODE_DIGITS}}"

    def _offer_message(self, session: Offered, code: str) -> CredentialOffer:
        hint = TxCodeHint(length=session.tx_code_length) if session.tx_code_hash else None
        grant = PreAuthorizedGrant(code=code, tx_code=hint)
        return CredentialOffer(
            credential_issuer=self.credential_issuer,
            credential_configuration_ids=(session.configuration_id,),
            grants=Grants(pre_authorized=grant),
        )

    def _read_offer(self, offer_id: str) -> Reply:
        code = code_of_offer(offer_id)
        stored = self._issuances.load(issuance_of_code(code))
        if stored is None or not isinstance(stored.session, Offered):
            raise ProtocolError("not_found", "there is no such offer, or not any more", status=404)
        return json_reply(self._offer_message(stored.session, code).to_json())

    def _token(self, request: EndpointRequest) -> Reply:
        wanted = parse_token_request(request.body, content_type=request.header("Content-Type"))
        secret = base64url_encode(self.random(_SECRET_BYTES))
        token = self._redemption.redeem_code(wanted, secret=secret, lifetime=TOKEN_SECONDS)
        response = TokenResponse(
            access_token=token,
            token_type="Bearer",  # noqa: S106 - the name of a scheme
            expires_in=TOKEN_SECONDS,
        )
        return json_reply(response.to_json())

    def _credential(self, request: EndpointRequest) -> Reply:
        stored = self._authorize(request)
        wanted = parse_credential_request(request.body, content_type=request.header("Content-Type"))
        self._check_configuration(stored, wanted.credential_configuration_id)
        proof = check_key_proof(
            wanted.proofs.jwt[0], expected_audience=self.credential_issuer, clock=self.clock
        )
        self._nonces.use(proof.nonce)
        issued = self._redemption.issue(stored, proof.key, self.issue)
        entry = IssuedCredentialEntry(credential=issued.credential, anchor=issued.anchor)
        return json_reply(CredentialResponse(credentials=(entry,)).to_json())

    def _authorize(self, request: EndpointRequest) -> Stored:
        names = [name for name, _ in parse_qsl(request.query, keep_blank_values=True)]
        if "access_token" in names:
            raise ProtocolError("invalid_request", "an access token has no place in a URL")
        scheme, _, token = request.header("Authorization").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise UnauthorizedError(given=False)
        return self._redemption.authorize(token.strip())

    def _check_configuration(self, stored: Stored, wanted: str) -> None:
        session = stored.session
        if wanted not in self.configurations():
            raise ProtocolError(
                "unknown_credential_configuration", "there is no such credential configuration"
            )
        if not isinstance(session, Redeemable) or session.configuration_id != wanted:
            raise ProtocolError(
                "insufficient_scope", "the access token is for another credential", status=403
            )
