"""What a wallet asks for with its access token: credentials, at once or later (IP-72 to IP-76).

OpenID4VCI 1.0 sections 7 to 11.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import Field

from weid.credential.issuance_anchor import IssuanceAnchor
from weid.credential.sd_jwt import SdJwt, reconstruct
from weid.crypto.keys import PublicKey
from weid.crypto.signer import Signer
from weid.encoding import JsonObject, json_dumps
from weid.errors import MalformedError, ProtocolError, TransportError, WeidError
from weid.oauth.dpop_sender import DpopSender
from weid.openid4vci.credential import ANCHOR_MEMBER
from weid.openid4vci.discovery import Offered
from weid.openid4vci.message import Message
from weid.openid4vci.metadata import FORMAT, IssuerMetadata
from weid.openid4vci.nonce import NonceResponse
from weid.openid4vci.proof import create_key_proof
from weid.openid4vci.token import FORM
from weid.openid4vci.wallet_encryption import secrecy_for
from weid.openid4vci.wallet_replies import JSON, read_reply
from weid.transport import HttpReply

RESPONSE_BYTES: Final = 1024 * 1024
"""Several copies of one credential, each with its chain and anchor."""
ATTEMPTS: Final = 3
"""How often the credential is asked for when answers get lost; the issuer repeats it."""
INTERVAL: Final = 5
"""Seconds to wait where the issuer does not say how long (section 9.2)."""
INTERVAL_MAX: Final = 86_400
_JWE_OVERHEAD: Final = 2

Event: TypeAlias = Literal["credential_accepted", "credential_failure", "credential_deleted"]
"""What a wallet tells of its credentials (section 11.1)."""


class _Entry(Message):
    credential: Annotated[str, Field(min_length=1)]
    anchor: dict[str, Any] | None = Field(
        default=None, validation_alias=ANCHOR_MEMBER, serialization_alias=ANCHOR_MEMBER
    )


class _Response(Message):
    """A credential response, or what stands for it while nothing is decided (8.3)."""

    credentials: Annotated[tuple[_Entry, ...], Field(min_length=1, max_length=64)] | None = None
    transaction_id: Annotated[str, Field(min_length=1, max_length=2048)] | None = None
    interval: Annotated[int, Field(ge=1)] | None = None
    notification_id: Annotated[str, Field(min_length=1, max_length=2048)] | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """What a token response gave: the token, and by which identifiers credentials are asked for.

    `identifiers` are those of configurations for which the server named some (section 6.2).
    """

    token: str = field(repr=False)
    identifiers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReceivedCredential:
    """A credential of the right form, type and key, and its anchor where it came with one."""

    text: str = field(repr=False)
    anchor: IssuanceAnchor | None
    credential_issuer: str
    configuration_id: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """The copies of one credential, and the name under which the issuer hears of them."""

    copies: tuple[ReceivedCredential, ...]
    notification_id: str | None = None


@dataclass(frozen=True, slots=True)
class Deferred:
    """Nothing is decided yet: ask again in `interval` seconds, for these keys."""

    transaction_id: str
    interval: int
    offered: Offered
    keys: tuple[PublicKey, ...]


@dataclass(frozen=True, slots=True)
class Counter:
    """One issuer's endpoints, with a token that opens them."""

    metadata: IssuerMetadata
    access: Access
    sender: DpopSender

    def order(self, offered: Offered, signers: Sequence[Signer]) -> Delivery | Deferred:
        """Ask for a credential, one copy for the key of each signer.

        A lost answer or a nonce grown old is asked for again.

        Raises:
            ProtocolError: the issuer refuses; the code says why.
            MalformedError: what came is not a credential for these keys and of the offered type.
            TransportError: an address is refused or does not answer.
            WalletError: the issuer requires an encryption that we do not have.
        """

        def ask() -> HttpReply:
            proofs: JsonObject = {"jwt": list(self._proofs(signers))}
            value: JsonObject = {**self._selector(offered), "proofs": proofs}
            return self._post(self.metadata.credential_endpoint, value)

        keys = tuple(signer.public_key for signer in signers)
        return _repeat(lambda: self._read(ask(), offered, keys))

    def collect(self, deferred: Deferred) -> Delivery | Deferred:
        """Ask again for what was not decided (section 9).

        Raises: as `order`.
        """
        place = self.metadata.deferred_credential_endpoint
        if place is None:
            raise MalformedError("the issuer has no endpoint to ask again for a credential")
        value: JsonObject = {"transaction_id": deferred.transaction_id}
        return _repeat(
            lambda: self._read(self._post(place, value), deferred.offered, deferred.keys)
        )

    def notify(self, delivery: Delivery, event: Event) -> None:
        """Tell the issuer what became of the credentials, where it wants to know (section 11).

        What the issuer answers changes nothing any more, so nothing is raised.
        """
        place = self.metadata.notification_endpoint
        if place is None or delivery.notification_id is None:
            return
        value: JsonObject = {"notification_id": delivery.notification_id, "event": event}
        try:
            self.sender.post(
                place,
                json_dumps(value),
                content_type=JSON,
                accept=JSON,
                access_token=self.access.token,
            )
        except TransportError:
            return

    # --- How -------------------------------------------------------------------------------------

    def _selector(self, offered: Offered) -> JsonObject:
        """Return how the credential is named: by identifier where the server gave one (8.2)."""
        identifier = self.access.identifiers.get(offered.id)
        if identifier is None:
            return {"credential_configuration_id": offered.id}
        return {"credential_identifier": identifier}

    def _proofs(self, signers: Sequence[Signer]) -> list[str]:
        nonce = self._nonce()
        issuer, clock = self.metadata.credential_issuer, self.sender.clock
        return [
            create_key_proof(credential_issuer=issuer, nonce=nonce, signer=signer, clock=clock)
            for signer in signers
        ]

    def _nonce(self) -> str | None:
        place = self.metadata.nonce_endpoint
        if place is None:
            return None
        reply = self.sender.post(place, b"", content_type=FORM, accept=JSON)
        return read_reply(reply, NonceResponse, "the nonce response").c_nonce

    def _post(self, place: str, value: JsonObject) -> HttpReply:
        secrecy = secrecy_for(self.metadata, self.sender.random)
        body, content_type = secrecy.seal(value)
        reply = self.sender.post(
            place,
            body,
            content_type=content_type,
            accept=JSON,
            access_token=self.access.token,
            max_bytes=RESPONSE_BYTES * _JWE_OVERHEAD,
        )
        return secrecy.open(reply, max_bytes=RESPONSE_BYTES * _JWE_OVERHEAD)

    def _read(
        self, reply: HttpReply, offered: Offered, keys: tuple[PublicKey, ...]
    ) -> Delivery | Deferred:
        what = "the credential response"
        response = read_reply(reply, _Response, what, statuses=(200, 202))
        if response.credentials is None:
            if response.transaction_id is None:
                raise MalformedError(f"{what} has neither credentials nor transaction_id")
            interval = min(response.interval or INTERVAL, INTERVAL_MAX)
            return Deferred(response.transaction_id, interval, offered, keys)
        issuer, vct = self.metadata.credential_issuer, offered.configuration.vct
        found = match_copies([one.credential for one in response.credentials], keys, vct=vct)
        copies = tuple(
            ReceivedCredential(
                text,
                None if entry.anchor is None else IssuanceAnchor.from_json(entry.anchor),
                issuer,
                offered.id,
            )
            for text, entry in zip(found, response.credentials, strict=True)
        )
        return Delivery(copies, response.notification_id)


def _repeat(ask: Callable[[], Delivery | Deferred]) -> Delivery | Deferred:
    attempt = 1
    while True:
        try:
            return ask()
        except TransportError as error:
            if error.refused or attempt == ATTEMPTS:
                raise
        except ProtocolError as error:
            if error.code != "invalid_nonce" or attempt == ATTEMPTS:
                raise
        attempt += 1


def match_copies(texts: Sequence[str], keys: Sequence[PublicKey], *, vct: str) -> tuple[str, ...]:
    """Return credentials of one response, once each is for another of the keys.

    An issuer may give fewer than were asked for (section 8.3), in any order.

    Raises:
        MalformedError: one is not a whole SD-JWT VC of that type, is bound to another key or to
            one that an earlier is bound to.
    """
    left = list(keys)
    for text in texts:
        if not left:
            raise MalformedError("the issuer sent several credentials for one key")
        bound = check_form(text, expected_vct=vct)
        if bound not in left:
            several = "several credentials for one key" if bound in keys else "one for another key"
            raise MalformedError(f"the issuer sent {several}: it is bound to no key of ours")
        left.remove(bound)
    return tuple(texts)


def check_received(text: str, key: PublicKey, *, expected_vct: str) -> None:
    """Check what a holder can check of a new credential without asking anybody.

    Raises:
        MalformedError: not a whole SD-JWT VC, of another type, or bound to another key.
    """
    if check_form(text, expected_vct=expected_vct) != key:
        raise MalformedError("the received credential is bound to another key")


def check_form(text: str, *, expected_vct: str) -> PublicKey:
    """Return the key that a new credential is bound to, once its form is right.

    Raises:
        MalformedError: not a whole SD-JWT VC, of another type, or bound to no key.
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
        return PublicKey.from_jwk(jwk)
    except WeidError:
        raise MalformedError(f"{what} is bound to no key") from None
