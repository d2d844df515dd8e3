"""Encrypted credential requests and responses, on the wallet's side (OpenID4VCI 1.0 section 10).

The key for a response is made for that response and kept nowhere. Clause IP-75.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from weid.crypto.jwe import (
    CONTENT_ENCRYPTIONS,
    KEY_AGREEMENT,
    decrypt_jwe,
    encrypt_jwe,
    read_agreement_key,
)
from weid.crypto.keys import KeyKind, PrivateKey, PublicKey, RandomBytes
from weid.encoding import JsonObject, json_dumps
from weid.errors import CryptoError, MalformedError, WalletError
from weid.openid4vci.metadata import IssuerMetadata
from weid.openid4vci.wallet_replies import JSON
from weid.transport import HttpReply

JWT: Final = "application/jwt"
_MEMBER: Final = "credential_response_encryption"


@dataclass(frozen=True, slots=True)
class RequestKey:
    """The issuer's key that requests are encrypted to."""

    key: PublicKey
    enc: str
    kid: str | None


@dataclass(frozen=True, slots=True)
class MessageSecrecy:
    """How one request and its response travel.

    `request` encrypts the request, None where it goes as it is; `response` is the key that the
    response comes encrypted to, None where it comes as it is.
    """

    request: RequestKey | None
    response: PrivateKey | None = field(repr=False)
    enc: str = CONTENT_ENCRYPTIONS[-1]

    def seal(self, value: JsonObject) -> tuple[bytes, str]:
        """Return the body of a request and its content type."""
        if self.response is not None:
            members = {"alg": KEY_AGREEMENT, "use": "enc", "kid": self._kid}
            jwk: JsonObject = {**self.response.public.to_jwk(), **members}
            value = {**value, _MEMBER: {"jwk": jwk, "enc": self.enc}}
        body = json_dumps(value)
        if self.request is None:
            return body, JSON
        to = self.request
        return encrypt_jwe(body, to.key, enc=to.enc, kid=to.kid).encode("ascii"), JWT

    def open(self, reply: HttpReply, *, max_bytes: int) -> HttpReply:
        """Return an answer with its body decrypted; a refusal comes as it is (8.3.1.2).

        Raises:
            MalformedError: it came unencrypted although it was asked for otherwise, or it cannot
                be decrypted.
        """
        if self.response is None or reply.status not in (200, 202):
            return reply
        if reply.content_type != JWT:
            raise MalformedError("the issuer sent a response that is not encrypted")
        try:
            body = decrypt_jwe(
                reply.body.decode("ascii"),
                self.response,
                kid=self._kid,
                what="the credential response",
                max_bytes=max_bytes,
            )
        except (UnicodeDecodeError, CryptoError):
            raise MalformedError("the credential response cannot be decrypted") from None
        return HttpReply(reply.status, {**reply.headers, "content-type": JSON}, body)

    @property
    def _kid(self) -> str:
        return "" if self.response is None else self.response.public.thumbprint()


def secrecy_for(metadata: IssuerMetadata, random: RandomBytes) -> MessageSecrecy:
    """Return how a request to an issuer travels: encrypted in both directions where it takes that.

    Raises:
        WalletError: the issuer requires an encryption that we do not have.
        MalformedError: its key cannot be read.
    """
    wanted, given = metadata.credential_request_encryption, metadata.credential_response_encryption
    request = None if wanted is None else _request_key(wanted)
    enc = None if given is None else _response_encryption(given)
    # Section 8.2: who asks for an encrypted response encrypts the request.
    if enc is None or (request is None and not _required(given)):
        return MessageSecrecy(request if _required(wanted) else None, None)
    return MessageSecrecy(request, PrivateKey.generate(KeyKind.P256, random=random), enc)


def _request_key(members: dict[str, Any]) -> RequestKey | None:
    enc = _common(members.get("enc_values_supported"))
    jwks = members.get("jwks")
    keys = jwks.get("keys") if isinstance(jwks, dict) else None
    for jwk in keys if isinstance(keys, list) else ():
        try:
            key = read_agreement_key(jwk)
        except (CryptoError, MalformedError):
            continue
        kid = jwk.get("kid")
        if enc is not None and isinstance(kid, str | None):
            return RequestKey(key, enc, kid)
    _refuse_if_required(members)
    return None


def _response_encryption(members: dict[str, Any]) -> str | None:
    algorithms = members.get("alg_values_supported")
    enc = _common(members.get("enc_values_supported"))
    if enc is not None and isinstance(algorithms, list) and KEY_AGREEMENT in algorithms:
        return enc
    _refuse_if_required(members)
    return None


def _refuse_if_required(members: dict[str, Any]) -> None:
    if _required(members):
        raise WalletError("the issuer requires an encryption that this wallet does not have")


def _common(offered: object) -> str | None:
    values = offered if isinstance(offered, list) else []
    return next((enc for enc in reversed(CONTENT_ENCRYPTIONS) if enc in values), None)


def _required(members: dict[str, Any] | None) -> bool:
    return members is not None and members.get("encryption_required") is True
