"""The issuer's endpoints of OpenID4VCI 1.0, as methods: a request's parts in, a `Reply` out.

A façade: the authorization server (`authorization_server`, `offering`) and the credential issuer
(`credential_issuer`) do the work. Pure over what it is given: stores, clock, randomness and one
callable that makes a credential. A web application translates HTTP to these calls and back, and
knows nothing else of the protocol. Clauses IP-01 to IP-14.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from weid.clock import Clock
from weid.crypto.keys import RandomBytes
from weid.encoding import JsonObject
from weid.oauth.reply import EndpointRequest, Reply
from weid.openid4vci.access import TokenAccess
from weid.openid4vci.authorization import Authorization
from weid.openid4vci.authorization_policy import AuthorizationPolicy
from weid.openid4vci.authorization_server import AuthorizationServer
from weid.openid4vci.circumstances import SECRET_BYTES, Circumstances
from weid.openid4vci.credential_issuer import CredentialIssuer
from weid.openid4vci.events import Observe, ObserveNotice
from weid.openid4vci.issuance_policy import IssuancePolicy
from weid.openid4vci.issuance_session import TokenIssued
from weid.openid4vci.metadata import (
    AuthorizationServerMetadata,
    CredentialConfiguration,
    Display,
    IssuerMetadata,
)
from weid.openid4vci.offer import OfferLink
from weid.openid4vci.offer_approval import OfferApproval
from weid.openid4vci.offering import OFFER_SECONDS, NewOffer, Offering, OfferTerms
from weid.openid4vci.redemption import IssueCredential
from weid.openid4vci.signed_metadata import MetadataSigner, wants_signed
from weid.sessions import SessionStore


@dataclass(kw_only=True)
class IssuerEndpoints:
    """The endpoints of one credential issuer.

    `credential_issuer` is its public https URL, the same everywhere; the endpoints live below it
    (`/offers/…`, `/token`, `/nonce`, `/credential`, `/deferred-credential`, `/notification`).
    `configurations` is asked each time, so that
    a template published later appears. `paused` true answers everything with 503.
    `nonce_secret` is shared by all processes of this issuer; by default each makes its own.
    `policy` says what is demanded of wallets and whether there is an authorization code flow
    (`/par`, `/authorize`), `issuance` what is demanded of credential requests. `observe_notice` is
    told what wallets tell of their credentials. With `metadata_signer` metadata is also given out
    signed.
    What is changed later is not seen: `dataclasses.replace` makes other endpoints.
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
    policy: AuthorizationPolicy = field(default_factory=AuthorizationPolicy)
    metadata_signer: MetadataSigner | None = None
    issuance: IssuancePolicy = field(default_factory=IssuancePolicy)
    observe_notice: ObserveNotice = lambda _notice: None

    def __post_init__(self) -> None:
        secret = self.nonce_secret or self.random(SECRET_BYTES)
        here = Circumstances(
            credential_issuer=self.credential_issuer,
            configurations=self.configurations,
            sessions=self.sessions,
            clock=self.clock,
            secret=secret,
            policy=self.policy,
            random=self.random,
            observe=self.observe,
            paused=self.paused,
        )
        self._circumstances = here
        self._offering = Offering(here)
        self._server = AuthorizationServer(here)
        self._issuer = CredentialIssuer(
            here,
            TokenAccess(here),
            self.issue,
            policy=self.issuance,
            display=self.display,
            nonce_secret=secret,
            observe_notice=self.observe_notice,
        )

    # --- What the issuer's own people do ---------------------------------------------------------

    def offer(  # noqa: PLR0913 - the terms of an offer
        self,
        configuration_id: str,
        approved: JsonObject,
        *,
        with_tx_code: bool = False,
        lifetime: int = OFFER_SECONDS,
        offer_id: str | None = None,
        tx_code: str | None = None,
        by_page: bool = False,
        beside: Mapping[str, JsonObject] | None = None,
        token_seconds: int = 0,
    ) -> NewOffer:
        """Offer a credential of what was approved: claims, or a reference to them.

        `beside` is what the same offer holds of other configurations, by their names; one token
        covers them all. `token_seconds` is how long that token lasts, where a credential may have
        to be waited for (`Pending`); by default a few minutes.

        With `with_tx_code` the wallet must also send six digits that travel by another way; an
        issuer that wants to show them again gives `tx_code`, derived like `offer_id`.
        `offer_id` is drawn unless it is given: 32 bytes in base64url that nobody can guess, for
        an issuer that derives them from a secret of its own, to show an offer again later
        (`offer_link`) although it is kept nowhere. With `by_page` the offer is for the
        authorization code flow: its holder is sent to the issuer's page.

        Raises:
            MalformedError: there is no such configuration or no such flow, or an offer of that id
                is open.
            ProtocolError: issuing is paused.
        """
        terms = OfferTerms(lifetime, offer_id, with_tx_code, tx_code, by_page, token_seconds)
        return self._offering.offer({configuration_id: approved, **(beside or {})}, terms)

    def offer_link(self, offer_id: str) -> OfferLink:
        """Return where the offer of an id is read."""
        return self._offering.link(offer_id)

    def withdraw(self, issuance_id: str) -> bool:
        """End an offer or a session that is under way; False where there is none."""
        stored = self._circumstances.issuances.load(issuance_id)
        removed = self._circumstances.issuances.remove(issuance_id)
        if stored is not None and isinstance(stored.session, TokenIssued):
            self._issuer.forget(issuance_id, stored.session)
        return removed

    def is_open(self, issuance_id: str) -> bool:
        """Return whether an offer, or what it led to, is neither withdrawn nor over.

        An issuer that withdraws offers asks this where it signs, under the same lock: a wallet
        whose token was judged a moment earlier may still be on its way.
        """
        return self._circumstances.issuances.load(issuance_id) is not None

    def issuer_metadata(self) -> IssuerMetadata:
        """Return the credential issuer's metadata."""
        return self._issuer.issuer_metadata()

    def authorization_server_metadata(self) -> AuthorizationServerMetadata:
        """Return the authorization server's metadata: it is the same server."""
        return self._server.server_metadata()

    # --- What the web asks -----------------------------------------------------------------------

    def metadata(self, request: EndpointRequest | None = None) -> Reply:
        """Answer `GET /.well-known/openid-credential-issuer{path}`, signed if that is wanted."""
        signer = self.metadata_signer
        if request is None or signer is None:
            return self._issuer.metadata()
        if not wants_signed(request.header("Accept")):
            plain = self._issuer.metadata()
            return replace(plain, headers={**plain.headers, "Vary": "Accept"})
        return self._circumstances.answer(
            lambda: signer.sign(self._issuer.issuer_metadata(), self.clock)
        )

    def authorization_server(self) -> Reply:
        """Answer `GET /.well-known/oauth-authorization-server{path}`."""
        return self._server.metadata()

    def credential_offer(self, offer_id: str) -> Reply:
        """Answer `GET /offers/{offer_id}`; reading an offer does not use it up."""
        return self._circumstances.answer(lambda: self._offering.read(offer_id))

    def token(self, request: EndpointRequest) -> Reply:
        """Answer `POST /token`."""
        return self._server.token(request)

    def push(self, request: EndpointRequest) -> Reply:
        """Answer `POST /par`."""
        return self._server.push(request)

    def challenge(self) -> Reply:
        """Answer `POST /challenge`."""
        return self._server.challenge()

    def authorize(self, query: str) -> Reply:
        """Answer `GET /authorize`; a redirect, or an error that has no trusted address."""
        return self._server.authorize(query)

    def nonce(self) -> Reply:
        """Answer `POST /nonce`, with any body."""
        return self._issuer.nonce()

    def credential(self, request: EndpointRequest) -> Reply:
        """Answer `POST /credential`."""
        return self._issuer.credential(request)

    def deferred_credential(self, request: EndpointRequest) -> Reply:
        """Answer `POST /deferred-credential`."""
        return self._issuer.deferred(request)

    def notification(self, request: EndpointRequest) -> Reply:
        """Answer `POST /notification`."""
        return self._issuer.notification(request)

    # --- What the authorization page asks --------------------------------------------------------

    @property
    def authorization(self) -> Authorization:
        """Return the authorization code flow, whose page is the application's."""
        return self._server.authorization

    @property
    def approve_by_offer(self) -> OfferApproval:
        """Return the `FindApproval` for agencies that have no sign-in of citizens."""
        return OfferApproval(self._circumstances)
