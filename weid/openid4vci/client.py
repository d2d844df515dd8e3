"""The wallet's side of OpenID4VCI 1.0: from an offer URI to credentials (IP-15 to IP-21, IP-70 …).

What an issuer says of itself is shown to a person before anything is redeemed (`discovery`). A
received credential is checked before anybody keeps it (`delivery`).
"""

from __future__ import annotations

import secrets
from typing import Final

from weid.clock import Clock
from weid.crypto.keys import KeyKind, PrivateKey, RandomBytes
from weid.crypto.signer import InMemorySigner, Signer
from weid.errors import MalformedError, WalletError
from weid.oauth.attested_sender import AttestedSender, WalletAttestation
from weid.oauth.client_attestation import METHOD
from weid.oauth.dpop_sender import DpopSender
from weid.openid4vci.authorization_request import DETAILS_TYPE
from weid.openid4vci.delivery import (
    Access,
    Counter,
    Deferred,
    Delivery,
    ReceivedCredential,
    check_received,
)
from weid.openid4vci.discovery import IssuerDirectory, Offered, OfferPreview
from weid.openid4vci.metadata import AuthorizationServerMetadata
from weid.openid4vci.offer import PreAuthorizedGrant
from weid.openid4vci.token import FORM, TokenRequest, TokenResponse
from weid.openid4vci.wallet_authorization import AppIdentity, SignIn, begin_sign_in
from weid.openid4vci.wallet_replies import JSON, METADATA_BYTES, read_reply
from weid.transport import HttpTransport

__all__ = [
    "METADATA_BYTES",
    "Deferred",
    "Delivery",
    "OfferPreview",
    "Offered",
    "ReceivedCredential",
    "Redemption",
    "WalletClient",
    "check_received",
]

_DPOP_KINDS: Final = {"ES256": KeyKind.P256, "EdDSA": KeyKind.ED25519}
_PROOF_KINDS: Final = {"EdDSA": KeyKind.ED25519, "ES256": KeyKind.P256}


class WalletClient:
    """Talks to issuers.

    Plain http to this very machine is left to the transport: `GuardedTransport` refuses it unless
    it was made for development.
    """

    def __init__(
        self, transport: HttpTransport, *, clock: Clock, random: RandomBytes = secrets.token_bytes
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._random = random

    def read_offer(self, uri: str) -> OfferPreview:
        """Read an offer and ask its issuer who it is; nothing is redeemed.

        Raises:
            MalformedError: the offer or the metadata is not what it should be, or the issuer
                names another identifier than the offer.
            TransportError: an address is refused or does not answer.
            WalletError: the offer needs something that this wallet does not know.
        """
        return IssuerDirectory(self._transport).read_offer(uri)

    def begin(
        self, preview: OfferPreview, attestation: WalletAttestation | None = None
    ) -> Redemption:
        """Begin to redeem an offer; nothing is sent yet.

        `attestation` is what the maker of this wallet vouches with, sent where the issuer's server
        takes that.
        """
        kind = _dpop_kind(preview.server)
        key = None if kind is None else PrivateKey.generate(kind, random=self._random)
        return Redemption(preview, self._sender(key), self._random, key, attestation)

    def counter(self, credential_issuer: str, token: str, key: PrivateKey | None) -> Counter:
        """Return an issuer's endpoints for a token of an earlier redemption.

        Raises: as `read_offer`.
        """
        metadata = IssuerDirectory(self._transport).issuer(credential_issuer)
        return Counter(metadata, Access(token), self._sender(key))

    def redeem(
        self, preview: OfferPreview, *, signer: Signer, tx_code: str | None = None
    ) -> ReceivedCredential:
        """Redeem the code of an offer for its first credential, bound to the signer's key.

        Who made it is not verified here (`weid.verification.received`): the offer is used up, and
        what came for it must not be lost where that cannot be known now.

        Raises:
            WalletError: a transaction code or a sign-in is needed, or nothing is decided yet.
            ProtocolError: the issuer refuses; the code says why.
            MalformedError: what came is not a credential for this key and of the offered type.
            TransportError: an address is refused or does not answer.
        """
        counter = self.begin(preview).with_code(tx_code)
        found = counter.order(preview.credentials[0], [signer])
        if isinstance(found, Deferred):
            raise WalletError("the issuer has not decided yet")
        return found.copies[0]

    def _sender(self, key: PrivateKey | None) -> DpopSender:
        signer = None if key is None else InMemorySigner(key)
        return DpopSender(self._transport, self._clock, self._random, signer)


class Redemption:
    """One offer being redeemed: with its code, or after a sign-in.

    `key` is the one that the token is bound to, None where the issuer does not take DPoP.
    """

    def __init__(
        self,
        preview: OfferPreview,
        sender: DpopSender,
        random: RandomBytes,
        key: PrivateKey | None,
        attestation: WalletAttestation | None = None,
    ) -> None:
        self._preview = preview
        self._sender = sender
        server = preview.server
        wanted = METHOD in (server.token_endpoint_auth_methods_supported or ())
        self._server = AttestedSender(
            sender, server.issuer, server.challenge_endpoint, attestation if wanted else None
        )
        self._random = random
        self.key = key

    def with_code(self, tx_code: str | None = None) -> Counter:
        """Redeem the offer's own code.

        Raises:
            WalletError: a transaction code or a sign-in is needed.
            ProtocolError, MalformedError, TransportError: as `WalletClient.redeem`.
        """
        grant = self._preview.grant
        if not isinstance(grant, PreAuthorizedGrant):
            raise WalletError("the offer needs a sign-in with the issuer")
        if grant.tx_code is not None and not tx_code:
            raise WalletError(
                "the offer asks for a transaction code",
                hint="Type the code that the issuer sent you by another way.",
            )
        form = TokenRequest(grant.code, tx_code if grant.tx_code is not None else None)
        return self._open(form.to_form())

    def sign_in(self, identity: AppIdentity) -> SignIn:
        """Begin a sign-in: the person opens its URL.

        Raises: as `begin_sign_in`.
        """
        return begin_sign_in(self._preview, identity, self._server, self._random)

    def with_answer(self, sign_in: SignIn, answer: str) -> Counter:
        """Redeem what the browser brought back: the whole URL that it was sent to.

        Raises:
            ProtocolError, MalformedError, TransportError: as `WalletClient.redeem`.
        """
        return self._open(sign_in.token_form(answer))

    def _open(self, form: bytes) -> Counter:
        reply = self._server.post(
            self._preview.server.token_endpoint, form, content_type=FORM, accept=JSON
        )
        token = read_reply(reply, TokenResponse, "the token response")
        sender = self._sender
        if token.token_type.lower() == "bearer":
            # A server may know DPoP and still hand out a plain token (RFC 9449 section 5).
            sender = DpopSender(sender.transport, sender.clock, sender.random)
            self.key = None
        elif token.token_type.lower() != "dpop" or sender.signer is None:
            raise MalformedError("the token is of a type that we do not know")
        if not token.access_token.isascii() or not token.access_token.isprintable():
            raise MalformedError("the access token cannot be sent in a header")
        access = Access(token.access_token, _identifiers(token))
        return Counter(self._preview.metadata, access, sender)


def proof_kind(offered: Offered) -> KeyKind:
    """Return the kind of key that an issuer binds a credential of a configuration to.

    Raises:
        WalletError: none that this wallet makes.
    """
    types = offered.configuration.proof_types_supported
    if types is None:
        return KeyKind.ED25519
    algorithms = () if types.jwt is None else types.jwt.proof_signing_alg_values_supported
    found = next((kind for name, kind in _PROOF_KINDS.items() if name in algorithms), None)
    if found is None:
        raise WalletError("the issuer wants a proof of the key that this wallet cannot give")
    return found


def _dpop_kind(server: AuthorizationServerMetadata) -> KeyKind | None:
    algorithms = server.dpop_signing_alg_values_supported or ()
    return next((kind for name, kind in _DPOP_KINDS.items() if name in algorithms), None)


def _identifiers(token: TokenResponse) -> dict[str, str]:
    """Return the first identifier of each configuration that the server named some for (6.2)."""
    found: dict[str, str] = {}
    for entry in token.authorization_details or ():
        configuration = entry.get("credential_configuration_id")
        identifiers = entry.get("credential_identifiers")
        if (
            entry.get("type") == DETAILS_TYPE
            and isinstance(configuration, str)
            and isinstance(identifiers, list)
            and identifiers
            and isinstance(identifiers[0], str)
        ):
            found.setdefault(configuration, identifiers[0])
    return found
