"""Encrypted credential requests and responses (OpenID4VCI 1.0 section 10).

Both directions: ECDH-ES on P-256 with AES-GCM, never compressed. A refusal is never encrypted
(section 8.3.1.2). Clauses IP-60 to IP-63.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field, replace
from typing import Any, Final

from weid.crypto.jwe import (
    CONTENT_ENCRYPTIONS,
    KEY_AGREEMENT,
    decrypt_jwe,
    encrypt_jwe,
    read_agreement_key,
)
from weid.crypto.keys import KeyKind, PrivateKey, PublicKey
from weid.encoding import JsonObject, json_loads_object
from weid.errors import CryptoError, MalformedError, ProtocolError
from weid.oauth.reply import EndpointRequest, Reply

REQUEST_BYTES: Final = 64 * 1024
JWT: Final = "application/jwt"
_JSON: Final = "application/json"
_MEMBER: Final = "credential_response_encryption"
_KID_CHARACTERS: Final = 512
_DOMAIN: Final = b"weid/credential-request-key/1"


@dataclass(frozen=True, slots=True)
class ResponseEncryption:
    """How a wallet wants its response."""

    key: PublicKey
    enc: str
    kid: str | None = None

    def seal(self, reply: Reply) -> Reply:
        """Return a reply with its body encrypted."""
        text = encrypt_jwe(reply.body, self.key, enc=self.enc, kid=self.kid)
        headers = {**reply.headers, "Content-Type": JWT}
        return replace(reply, headers=headers, body=text.encode("ascii"))


@dataclass(frozen=True, slots=True)
class OpenedRequest:
    """The JSON object of a request, and how its response is to be encrypted, if at all."""

    value: JsonObject = field(repr=False)
    encryption: ResponseEncryption | None

    def seal(self, reply: Reply) -> Reply:
        """Return a reply as the wallet wants it."""
        return reply if self.encryption is None else self.encryption.seal(reply)


@dataclass(frozen=True, slots=True)
class MessageEncryption:
    """The encryption of one issuer; requests are encrypted to `key`, a P-256 key.

    With `required` both directions must be encrypted.
    """

    key: PrivateKey = field(repr=False)
    required: bool = False

    @classmethod
    def derive(cls, secret: bytes, *, required: bool = False) -> MessageEncryption:
        """Return the encryption whose key follows from a secret that all processes share."""
        for attempt in range(256):
            # One in 2^32 is no scalar of P-256.
            scalar = hmac.digest(secret, _DOMAIN + bytes([attempt]), hashlib.sha256)
            try:
                return cls(PrivateKey.from_seed(scalar, KeyKind.P256), required)
            except MalformedError:
                continue
        raise MalformedError("no key follows from the secret")

    @property
    def kid(self) -> str:
        """The name of the key: its thumbprint."""
        return self.key.public.thumbprint()

    def request_metadata(self) -> dict[str, Any]:
        """Return `credential_request_encryption` of the metadata (section 12.2.4)."""
        members = {"kid": self.kid, "use": "enc", "alg": KEY_AGREEMENT}
        return {
            "jwks": {"keys": [{**self.key.public.to_jwk(), **members}]},
            "enc_values_supported": list(CONTENT_ENCRYPTIONS),
            "encryption_required": self.required,
        }

    def response_metadata(self) -> dict[str, Any]:
        """Return `credential_response_encryption` of the metadata (section 12.2.4)."""
        return {
            "alg_values_supported": [KEY_AGREEMENT],
            "enc_values_supported": list(CONTENT_ENCRYPTIONS),
            "encryption_required": self.required,
        }

    def open(self, request: EndpointRequest) -> OpenedRequest:
        """Read the body of a request to the credential or the deferred credential endpoint.

        Raises:
            ProtocolError: invalid_credential_request, or invalid_encryption_parameters.
        """
        content_type = request.header("Content-Type").partition(";")[0].strip().lower()
        encrypted = content_type == JWT
        if not encrypted and content_type != _JSON:
            raise _refused("the request is not JSON (application/json)")
        if self.required and not encrypted:
            raise _wrong_encryption("the request must be encrypted")
        value = _object(self._decrypt(request.body) if encrypted else request.body)
        encryption = read_response_encryption(value[_MEMBER]) if _MEMBER in value else None
        if encryption is None and self.required:
            raise _wrong_encryption(f"{_MEMBER} is missing")
        # Section 8.2 wants a request encrypted that asks for an encrypted response. Wallets that
        # cannot do so are known, and are safer with half of it; `required` refuses them.
        return OpenedRequest(value, encryption)

    def _decrypt(self, body: bytes) -> bytes:
        try:
            return decrypt_jwe(
                body.decode("ascii"),
                self.key,
                kid=self.kid,
                what="the request",
                max_bytes=REQUEST_BYTES,
            )
        except UnicodeDecodeError:
            raise _wrong_encryption("the request is not a JWE") from None
        except (MalformedError, CryptoError) as error:
            raise _wrong_encryption(error.message) from None


def read_response_encryption(value: object) -> ResponseEncryption:
    """Read `credential_response_encryption` (section 8.2).

    Raises:
        ProtocolError: invalid_encryption_parameters.
    """
    if not isinstance(value, dict):
        raise _wrong_encryption(f"{_MEMBER} is not an object")
    if "zip" in value:
        raise _wrong_encryption("nothing is compressed here (zip)")
    enc, members = value.get("enc"), value.get("jwk")
    if not isinstance(enc, str) or enc not in CONTENT_ENCRYPTIONS:
        raise _wrong_encryption(f"enc is not one of {', '.join(CONTENT_ENCRYPTIONS)}")
    try:
        key = read_agreement_key(members)
    except (MalformedError, CryptoError) as error:
        raise _wrong_encryption(error.message) from None
    kid = members.get("kid") if isinstance(members, dict) else None
    if kid is not None and (not isinstance(kid, str) or len(kid) > _KID_CHARACTERS):
        raise _wrong_encryption("kid is not a short text")
    return ResponseEncryption(key, enc, kid)


def _object(data: bytes) -> JsonObject:
    try:
        return json_loads_object(data, what="the request", max_bytes=REQUEST_BYTES)
    except MalformedError as error:
        raise _refused(error.message) from None


def _refused(why: str) -> ProtocolError:
    return ProtocolError("invalid_credential_request", why)


def _wrong_encryption(why: str) -> ProtocolError:
    return ProtocolError("invalid_encryption_parameters", why)
