"""The wallet's side of OpenID4VCI 1.0: from an offer URI to a credential (clauses IP-15 to IP-21).

An offer is a stranger's text. Its addresses are https links with a name (`weid.qr.content`), the
transport judges where they lead, no redirect is followed, and what the issuer says of itself is
shown to a person before anything is redeemed. A received credential is checked before anybody
keeps it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, TypeVar

from weid.clock import Clock
from weid.credential.issuance_anchor import IssuanceAnchor
from weid.credential.sd_jwt import SdJwt, reconstruct
from weid.crypto.keys import PublicKey
from weid.crypto.signer import Signer
from weid.encoding import json_loads_object
from weid.errors import MalformedError, ProtocolError, TransportError, WalletError, WeidError
from weid.openid4vci.credential import CredentialRequest, CredentialResponse, Proofs
from weid.openid4vci.message import Message
from weid.openid4vci.metadata import (
    AUTHORIZATION_SERVER,
    CREDENTIAL_ISSUER,
    FORMAT,
    AuthorizationServerMetadata,
    CredentialConfiguration,
    IssuerMetadata,
    pick_name,
    well_known_url,
)
from weid.openid4vci.nonce import NonceResponse
from weid.openid4vci.offer import (
    OFFER_BYTES,
    CredentialOffer,
    OfferLink,
    PreAuthorizedGrant,
    TxCodeHint,
    parse_offer,
    parse_offer_uri,
)
from weid.openid4vci.proof import create_key_proof
from weid.openid4vci.token import FORM, TokenRequest, TokenResponse
from weid.qr.content import display_text, parse_link
from weid.transport import HttpReply, HttpTransport

METADATA_BYTES: Final = 1024 * 1024
RESPONSE_BYTES: Final = 256 * 1024
ATTEMPTS: Final = 3
"""How often the credential is asked for when answers get lost; the issuer repeats it."""

_JSON: Final = "application/json"
_CODE: Final = re.compile(r"[a-z][a-z_]{0,63}\Z")
_MessageT = TypeVar("_MessageT", bound=Message)


@dataclass(frozen=True, slots=True)
class OfferPreview:
    """An offer with what its issuer says of itself: what a person sees before agreeing.

    Names come from the issuer and prove nothing.
    """

    offer: CredentialOffer
    grant: PreAuthorizedGrant
    metadata: IssuerMetadata
    token_endpoint: str
    configuration_id: str
    configuration: CredentialConfiguration

    @property
    def credential_issuer(self) -> str:
        """The issuer's URL, whose host is certain because the answers came from there."""
        return self.offer.credential_issuer

    @property
    def tx_code(self) -> TxCodeHint | None:
        """What is to be typed beside the offer; None where nothing is."""
        return self.grant.tx_code

    def issuer_name(self, language: str = "en") -> str:
        """Return what the issuer calls itself."""
        return self.metadata.name(language)

    def credential_name(self, language: str = "en") -> str:
        """Return what the issuer calls the credential."""
        described = self.configuration.credential_metadata
        return pick_name(described.display if described else None, language) or (
            self.configuration.vct
        )


@dataclass(frozen=True, slots=True)
class ReceivedCredential:
    """A credential of the right form, type and key, and its anchor where it came with one."""

    text: str
    anchor: IssuanceAnchor | None
    credential_issuer: str
    configuration_id: str


class WalletClient:
    """Talks to issuers.

    Plain http to this very machine is left to the transport: `GuardedTransport` refuses it unless
    it was made for development.
    """

    def __init__(self, transport: HttpTransport, *, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock

    def read_offer(self, uri: str) -> OfferPreview:
        """Read an offer and ask its issuer who it is; nothing is redeemed.

        Raises:
            MalformedError: the offer or the metadata is not what it should be, or the issuer
                names another identifier than the offer.
            TransportError: an address is refused or does not answer.
            WalletError: the offer needs something that this wallet does not know.
        """
        offer = self._offer(uri)
        grant = offer.grants.pre_authorized if offer.grants else None
        if grant is None:
            raise WalletError("the offer needs a sign-in with the issuer, which is not supported")
        metadata = self._fetch(
            well_known_url(offer.credential_issuer, CREDENTIAL_ISSUER),
            IssuerMetadata,
            "the issuer's metadata",
        )
        if metadata.credential_issuer != offer.credential_issuer:
            raise MalformedError("the issuer's metadata is of another credential issuer")
        _check_link(metadata.credential_endpoint, "the credential endpoint")
        if metadata.nonce_endpoint is not None:
            _check_link(metadata.nonce_endpoint, "the nonce endpoint")
        configuration_id, configuration = _choose_configuration(offer, metadata)
        return OfferPreview(
            offer,
            grant,
            metadata,
            self._token_endpoint(grant, metadata),
            configuration_id,
            configuration,
        )

    def redeem(
        self,
        preview: OfferPreview,
        *,
        signer: Signer,
        tx_code: str | None = None,
    ) -> ReceivedCredential:
        """Redeem an offer for a credential that is bound to the signer's key.

        Who made it is not verified here (`weid.verification.received`): the offer is used up, and
        what came for it must not be lost where that cannot be known now.

        Raises:
            WalletError: a transaction code is needed.
            ProtocolError: the issuer refuses; the code says why.
            MalformedError: what came is not a credential for this key and of the offered type.
            TransportError: an address is refused or does not answer.
        """
        if preview.tx_code is not None and not tx_code:
            raise WalletError(
                "the offer asks for a transaction code",
                hint="Type the code that the issuer sent you by another way.",
            )
        token = self._token(preview, tx_code if preview.tx_code is not None else None)
        response = self._credential(preview, token, signer)
        entry = response.credentials[0]
        if len(response.credentials) != 1:
            raise MalformedError("the issuer sent several credentials for one key")
        check_received(entry.credential, signer.public_key, expected_vct=preview.configuration.vct)
        anchor = None if entry.anchor is None else IssuanceAnchor.from_json(entry.anchor)
        return ReceivedCredential(
            entry.credential, anchor, preview.credential_issuer, preview.configuration_id
        )

    # --- Steps -----------------------------------------------------------------------------------

    def _offer(self, uri: str) -> CredentialOffer:
        found = parse_offer_uri(uri, allow_loopback_http=True)
        if isinstance(found, OfferLink):
            reply = self._transport.get(found.url, accept=_JSON, max_bytes=OFFER_BYTES)
            if reply.status != 200:
                raise MalformedError(
                    "the offer is not there, or not any more",
                    hint="Ask the issuer for a new offer.",
                )
            return parse_offer(reply.body, allow_loopback_http=True)
        return found

    def _token_endpoint(self, grant: PreAuthorizedGrant, metadata: IssuerMetadata) -> str:
        servers = metadata.authorization_servers or (metadata.credential_issuer,)
        server = grant.authorization_server or servers[0]
        if server not in servers:
            raise MalformedError("the offer names an authorization server that is not the issuer's")
        _check_link(server, "the authorization server")
        url = well_known_url(server, AUTHORIZATION_SERVER)
        found = self._fetch(url, AuthorizationServerMetadata, "the token server's metadata")
        if found.issuer != server:
            raise MalformedError("the token server's metadata is of another server")
        if not found.takes_codes:
            raise MalformedError("the token server does not take pre-authorized codes")
        _check_link(found.token_endpoint, "the token endpoint")
        return found.token_endpoint

    def _token(self, preview: OfferPreview, tx_code: str | None) -> str:
        request = TokenRequest(preview.grant.code, tx_code)
        reply = self._transport.post(
            preview.token_endpoint, request.to_form(), content_type=FORM, accept=_JSON
        )
        token = _read(reply, TokenResponse, "the token response")
        if token.token_type.lower() != "bearer":
            raise MalformedError("the token is of a type that we do not know")
        if not token.access_token.isascii() or not token.access_token.isprintable():
            raise MalformedError("the access token cannot be sent in a header")
        return token.access_token

    def _nonce(self, preview: OfferPreview) -> str | None:
        if preview.metadata.nonce_endpoint is None:
            return None
        reply = self._transport.post(
            preview.metadata.nonce_endpoint, b"", content_type=FORM, accept=_JSON
        )
        return _read(reply, NonceResponse, "the nonce response").c_nonce

    def _credential(self, preview: OfferPreview, token: str, signer: Signer) -> CredentialResponse:
        """Ask for the credential; a lost answer or a nonce grown old is asked for again."""
        attempt = 1
        while True:
            try:
                return self._ask_credential(preview, token, signer)
            except TransportError as error:
                if error.refused or attempt == ATTEMPTS:
                    raise
            except ProtocolError as error:
                if error.code != "invalid_nonce" or attempt == ATTEMPTS:
                    raise
            attempt += 1

    def _ask_credential(
        self, preview: OfferPreview, token: str, signer: Signer
    ) -> CredentialResponse:
        proof = create_key_proof(
            credential_issuer=preview.credential_issuer,
            nonce=self._nonce(preview),
            signer=signer,
            clock=self._clock,
        )
        request = CredentialRequest(
            credential_configuration_id=preview.configuration_id, proofs=Proofs(jwt=(proof,))
        )
        reply = self._transport.post(
            preview.metadata.credential_endpoint,
            request.to_bytes(),
            content_type=_JSON,
            accept=_JSON,
            headers={"Authorization": f"Bearer {token}"},
            max_bytes=RESPONSE_BYTES,
        )
        if reply.status == 202:
            raise WalletError("the issuer has not decided yet, and waiting is not supported")
        return _read(reply, CredentialResponse, "the credential response")

    # --- Reading answers -------------------------------------------------------------------------

    def _fetch(self, url: str, message: type[_MessageT], what: str) -> _MessageT:
        reply = self._transport.get(url, accept=_JSON, max_bytes=METADATA_BYTES)
        return _read(reply, message, what)


def check_received(text: str, key: PublicKey, *, expected_vct: str) -> None:
    """Check what a holder can check of a new credential without asking anybody.

    Raises:
        MalformedError: not a whole SD-JWT VC, of another type, or bound to another key.
    """
    what = "the received credential"
    sd_jwt = SdJwt.parse(text)
    if sd_jwt.key_binding is not None:
        raise MalformedError(f"{what} comes with a key binding")
    if sd_jwt.issuer_jws.header["typ"] != FORMAT:
        raise MalformedError(f"{what} is not of typ {FORMAT}")
    reconstruct(sd_jwt)
    payload = sd_jwt.payload()
    if payload.get("vct") != expected_vct:
        raise MalformedError(f"{what} is of another type than was offered")
    confirmation = payload.get("cnf")
    jwk = confirmation.get("jwk") if isinstance(confirmation, dict) else None
    try:
        bound = PublicKey.from_jwk(jwk)
    except WeidError:
        raise MalformedError(f"{what} is bound to no key") from None
    if bound != key:
        raise MalformedError(f"{what} is bound to another key")


def _check_link(url: str, what: str) -> None:
    parse_link(url, what=what, allow_loopback_http=True)


def _choose_configuration(
    offer: CredentialOffer, metadata: IssuerMetadata
) -> tuple[str, CredentialConfiguration]:
    """Return the first offered configuration that we know."""
    refusal: MalformedError | None = None
    for configuration_id in offer.credential_configuration_ids:
        try:
            return configuration_id, metadata.configuration(configuration_id)
        except MalformedError as error:
            refusal = refusal or error
    raise refusal or MalformedError("the offer names no configuration")


def _read(reply: HttpReply, message: type[_MessageT], what: str) -> _MessageT:
    if reply.status != 200:
        raise _refusal(reply, what)
    if reply.content_type != _JSON:
        raise MalformedError(f"{what} is not JSON")
    return message.from_bytes(reply.body, what=what, max_bytes=METADATA_BYTES)


def _refusal(reply: HttpReply, what: str) -> WeidError:
    """Return the issuer's refusal as an error; its words are a stranger's."""
    try:
        members = json_loads_object(reply.body, what=what)
    except MalformedError:
        members = {}
    code, description = members.get("error"), members.get("error_description")
    if not isinstance(code, str) or _CODE.match(code) is None:
        return MalformedError(f"{what} did not come: the issuer answers {reply.status}")
    words = display_text(description) if isinstance(description, str) else ""
    return ProtocolError(code, words, status=reply.status)
