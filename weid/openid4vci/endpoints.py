"""The issuer's endpoints of OpenID4VCI 1.0, as methods: a request's parts in, a `Reply` out.

A façade: the authorization server (`authorization_server`, `offering`) and the credential issuer
(`credential_issuer`) do the work. Pure over what it is given: stores, clock, randomness and one
callable that makes a credential. A web application translates HTTP to these calls and back, and
knows nothing else of the protocol. Clauses IP-01 to IP-14.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from weid.clock import Clock
from weid.crypto.keys import RandomBytes
from weid.encoding import JsonObject
from weid.openid4vci.access import TokenAccess
from weid.openid4vci.authorization_server import AuthorizationServer
from weid.openid4vci.circumstances import Circumstances
from weid.openid4vci.credential_issuer import CredentialIssuer
from weid.openid4vci.events import Observe
from weid.openid4vci.metadata import (
    AuthorizationServerMetadata,
    CredentialConfiguration,
    Display,
    IssuerMetadata,
)
from weid.openid4vci.offer import OfferLink
from weid.openid4vci.offering import OFFER_SECONDS, NewOffer, Offering
from weid.openid4vci.redemption import IssueCredential
from weid.openid4vci.reply import EndpointRequest, Reply
from weid.sessions import SessionStore


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
        here = Circumstances(
            credential_issuer=self.credential_issuer,
            configurations=self.configurations,
            sessions=self.sessions,
            clock=self.clock,
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
            display=self.display,
            nonce_secret=self.nonce_secret,
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
        return self._offering.offer(
            configuration_id,
            approved,
            with_tx_code=with_tx_code,
            lifetime=lifetime,
            offer_id=offer_id,
        )

    def offer_link(self, offer_id: str) -> OfferLink:
        """Return where the offer of an id is read."""
        return self._offering.link(offer_id)

    def withdraw(self, issuance_id: str) -> bool:
        """End an offer or a session that is under way; False where there is none."""
        return self._circumstances.issuances.remove(issuance_id)

    def issuer_metadata(self) -> IssuerMetadata:
        """Return the credential issuer's metadata."""
        return self._issuer.issuer_metadata()

    def authorization_server_metadata(self) -> AuthorizationServerMetadata:
        """Return the authorization server's metadata: it is the same server."""
        return self._server.server_metadata()

    # --- What the web asks -----------------------------------------------------------------------

    def metadata(self) -> Reply:
        """Answer `GET /.well-known/openid-credential-issuer{path}`."""
        return self._issuer.metadata()

    def authorization_server(self) -> Reply:
        """Answer `GET /.well-known/oauth-authorization-server{path}`."""
        return self._server.metadata()

    def credential_offer(self, offer_id: str) -> Reply:
        """Answer `GET /offers/{offer_id}`; reading an offer does not use it up."""
        return self._circumstances.answer(lambda: self._offering.read(offer_id))

    def token(self, request: EndpointRequest) -> Reply:
        """Answer `POST /token`."""
        return self._server.token(request)

    def nonce(self) -> Reply:
        """Answer `POST /nonce`, with any body."""
        return self._issuer.nonce()

    def credential(self, request: EndpointRequest) -> Reply:
        """Answer `POST /credential`."""
        return self._issuer.credential(request)
