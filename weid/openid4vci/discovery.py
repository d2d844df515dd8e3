"""From an offer URI to who offers what: nothing is redeemed here (clauses IP-15 to IP-17).

An offer is a stranger's text. Its addresses are https links with a name (`weid.qr.content`), the
transport judges where they lead, no redirect is followed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeVar

from weid import limits
from weid.errors import MalformedError, ProtocolError, WalletError
from weid.openid4vci.message import Message
from weid.openid4vci.metadata import (
    AUTHORIZATION_SERVER,
    CREDENTIAL_ISSUER,
    OPENID_CONFIGURATION,
    AuthorizationServerMetadata,
    CredentialConfiguration,
    IssuerMetadata,
    pick_name,
    well_known_urls,
)
from weid.openid4vci.offer import (
    OFFER_BYTES,
    AuthorizationCodeGrant,
    CredentialOffer,
    OfferLink,
    PreAuthorizedGrant,
    TxCodeHint,
    parse_offer,
    parse_offer_uri,
)
from weid.openid4vci.wallet_replies import JSON, METADATA_BYTES, check_endpoint, read_reply
from weid.transport import HttpReply, HttpTransport

_MessageT = TypeVar("_MessageT", bound=Message)
_ISSUER_ENDPOINTS: Final = ("credential", "nonce", "deferred_credential", "notification")
_SERVER_ENDPOINTS: Final = ("token", "authorization", "pushed_authorization_request")


@dataclass(frozen=True, slots=True)
class Offered:
    """One credential of an offer that we know how to take."""

    id: str
    configuration: CredentialConfiguration

    def name(self, language: str = "en") -> str:
        """Return what the issuer calls the credential."""
        described = self.configuration.credential_metadata
        return pick_name(described.display if described else None, language) or (
            self.configuration.vct
        )


@dataclass(frozen=True, slots=True)
class OfferPreview:
    """An offer with what its issuer says of itself: what a person sees before agreeing.

    Names come from the issuer and prove nothing. `grant` is the way that the offer is redeemed:
    with its code, or through the issuer's page.
    """

    offer: CredentialOffer
    grant: PreAuthorizedGrant | AuthorizationCodeGrant
    metadata: IssuerMetadata
    server: AuthorizationServerMetadata
    credentials: tuple[Offered, ...]

    @property
    def credential_issuer(self) -> str:
        """The issuer's URL, whose host is certain because the answers came from there."""
        return self.offer.credential_issuer

    @property
    def by_page(self) -> bool:
        """Whether a person signs in with the issuer, in a browser."""
        return isinstance(self.grant, AuthorizationCodeGrant)

    @property
    def tx_code(self) -> TxCodeHint | None:
        """What is to be typed beside the offer; None where nothing is."""
        return self.grant.tx_code if isinstance(self.grant, PreAuthorizedGrant) else None

    @property
    def configuration_id(self) -> str:
        """The first offered configuration that we know."""
        return self.credentials[0].id

    @property
    def configuration(self) -> CredentialConfiguration:
        """What the first offered configuration is."""
        return self.credentials[0].configuration

    @property
    def copies(self) -> int:
        """How many copies of a credential one request may ask for."""
        batch = self.metadata.batch_credential_issuance
        return 1 if batch is None else batch.batch_size

    def issuer_name(self, language: str = "en") -> str:
        """Return what the issuer calls itself."""
        return self.metadata.name(language)

    def credential_name(self, language: str = "en") -> str:
        """Return what the issuer calls the first credential."""
        return self.credentials[0].name(language)


class IssuerDirectory:
    """Asks issuers who they are."""

    def __init__(self, transport: HttpTransport) -> None:
        self._transport = transport

    def read_offer(self, uri: str) -> OfferPreview:
        """Read an offer and ask its issuer who it is.

        Raises:
            MalformedError: the offer or the metadata is not what it should be, or the issuer
                names another identifier than the offer.
            TransportError: an address is refused or does not answer.
            WalletError: the offer needs something that this wallet does not know.
        """
        offer = self._offer(uri)
        metadata = self.issuer(offer.credential_issuer)
        grant = _grant(offer)
        server = self.server(metadata, grant.authorization_server)
        if isinstance(grant, PreAuthorizedGrant) and not server.takes_codes:
            raise MalformedError("the token server does not take pre-authorized codes")
        if isinstance(grant, AuthorizationCodeGrant) and server.authorization_endpoint is None:
            raise WalletError("the offer needs a sign-in with the issuer, who has no page for it")
        return OfferPreview(offer, grant, metadata, server, _known(offer, metadata))

    def issuer(self, credential_issuer: str) -> IssuerMetadata:
        """Return the metadata of a credential issuer.

        Raises: as `read_offer`.
        """
        urls = well_known_urls(credential_issuer, CREDENTIAL_ISSUER)
        metadata = self._first(urls, IssuerMetadata, "the issuer's metadata")
        if metadata.credential_issuer != credential_issuer:
            raise MalformedError("the issuer's metadata is of another credential issuer")
        for name in _ISSUER_ENDPOINTS:
            url = getattr(metadata, f"{name}_endpoint")
            check_endpoint(url, f"the {name.replace('_', ' ')} endpoint")
        return metadata

    def server(
        self, metadata: IssuerMetadata, named: str | None = None
    ) -> AuthorizationServerMetadata:
        """Return the metadata of the issuer's authorization server, of that `named` by an offer.

        Raises: as `read_offer`.
        """
        servers = metadata.authorization_servers or (metadata.credential_issuer,)
        server = named or servers[0]
        if server not in servers:
            raise MalformedError("the offer names an authorization server that is not the issuer's")
        check_endpoint(server, "the authorization server")
        urls = (
            *well_known_urls(server, AUTHORIZATION_SERVER),
            # As OpenID Connect Discovery writes it: behind the path.
            well_known_urls(server, OPENID_CONFIGURATION)[-1],
        )
        found = self._first(urls, AuthorizationServerMetadata, "the token server's metadata")
        if found.issuer != server:
            raise MalformedError("the token server's metadata is of another server")
        for name in _SERVER_ENDPOINTS:
            url = getattr(found, f"{name}_endpoint")
            check_endpoint(url, f"the {name.replace('_', ' ')} endpoint")
        return found

    def _offer(self, uri: str) -> CredentialOffer:
        found = parse_offer_uri(uri, allow_loopback_http=True)
        if isinstance(found, OfferLink):
            reply = self._ask(found.url, OFFER_BYTES)
            if reply.status != 200:
                raise MalformedError(
                    "the offer is not there, or not any more",
                    hint="Ask the issuer for a new offer.",
                )
            return parse_offer(reply.body, allow_loopback_http=True)
        return found

    def _ask(self, url: str, max_bytes: int) -> HttpReply:
        return self._transport.get(
            url, accept=JSON, max_bytes=max_bytes, timeout=limits.EXCHANGE_SECONDS
        )

    def _first(self, urls: tuple[str, ...], message: type[_MessageT], what: str) -> _MessageT:
        """Return what the first of the places has; nothing is looked up behind one that answers."""
        refusal: MalformedError | ProtocolError | None = None
        for url in urls:
            reply = self._ask(url, METADATA_BYTES)
            try:
                return read_reply(reply, message, what)
            except (MalformedError, ProtocolError) as error:
                refusal = refusal or error
                if reply.status == 200 and reply.content_type == JSON:
                    break
        raise refusal or MalformedError(f"{what} is nowhere")


def _grant(offer: CredentialOffer) -> PreAuthorizedGrant | AuthorizationCodeGrant:
    """Return the grant to use: a code that is approved already before a sign-in (4.1.1)."""
    grants = offer.grants
    if grants is None:
        return AuthorizationCodeGrant()
    found = grants.pre_authorized or grants.authorization_code
    if found is None:
        raise WalletError("the offer is redeemed in a way that this wallet does not know")
    return found


def _known(offer: CredentialOffer, metadata: IssuerMetadata) -> tuple[Offered, ...]:
    """Return the offered configurations that we know."""
    refusal: MalformedError | None = None
    known: list[Offered] = []
    for configuration_id in offer.credential_configuration_ids:
        try:
            known.append(Offered(configuration_id, metadata.configuration(configuration_id)))
        except MalformedError as error:
            refusal = refusal or error
    if not known:
        raise refusal or MalformedError("the offer names no configuration")
    return tuple(known)
