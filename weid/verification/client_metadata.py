"""What a verifier says of itself in a request: formats, and the key for an encrypted answer.

Written are the three members of OpenID4VP 1.0 section 5.1 and no others; read leniently.
Clauses PP-41 … PP-43 of specs/presentation-profile.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from weid.crypto.jwe import CONTENT_ENCRYPTIONS, KEY_AGREEMENT, read_agreement_key
from weid.crypto.jws import ALGORITHMS
from weid.crypto.keys import PublicKey
from weid.encoding import JsonObject, JsonValue
from weid.errors import CryptoError, MalformedError
from weid.verification.dcql import FORMAT

_DEFAULT_ENC: Final = "A128GCM"
_ENCS: Final = "encrypted_response_enc_values_supported"
_MAX_KEYS: Final = 16
_KID_CHARS: Final = 256


@dataclass(frozen=True, slots=True)
class ResponseEncryption:
    """The key that an answer is encrypted to, its id, and the content encryptions to choose from.

    `kid` is None only for a verifier who gave none.
    """

    key: PublicKey
    kid: str | None
    encs: tuple[str, ...] = CONTENT_ENCRYPTIONS

    def to_jwk(self) -> JsonObject:
        """Return the key as the JWK that a request carries."""
        jwk: JsonObject = {**self.key.to_jwk(), "use": "enc", "alg": KEY_AGREEMENT}
        return jwk if self.kid is None else {**jwk, "kid": self.kid}

    def to_json(self) -> JsonObject:
        """Return the members of client_metadata."""
        return {"jwks": {"keys": [self.to_jwk()]}, _ENCS: list(self.encs)}


def formats_json() -> JsonObject:
    """Return `vp_formats_supported`: what we verify."""
    algorithms: list[JsonValue] = [*sorted(ALGORITHMS)]
    return {FORMAT: {"sd-jwt_alg_values": algorithms, "kb-jwt_alg_values": algorithms}}


def parse_encryption(metadata: JsonObject) -> ResponseEncryption:
    """Return the first key of client_metadata that an answer can be encrypted to.

    Raises:
        MalformedError: there is none that we can use, or no content encryption that we have.
    """
    return choose_encryption(metadata, encs=metadata.get(_ENCS, [_DEFAULT_ENC]))


def choose_encryption(holder_of_jwks: JsonObject, *, encs: JsonValue) -> ResponseEncryption:
    """Return the first key of a `jwks` member that can be encrypted to, with usable encryptions.

    Raises:
        MalformedError: there is none.
    """
    offered = encs if isinstance(encs, list) else []
    usable = tuple(enc for enc in CONTENT_ENCRYPTIONS if enc in offered)
    if not usable:
        raise MalformedError("there is no content encryption that we have")
    jwks = holder_of_jwks.get("jwks")
    keys = jwks.get("keys") if isinstance(jwks, dict) else None
    for jwk in keys[:_MAX_KEYS] if isinstance(keys, list) else ():
        found = _usable(jwk)
        if found is not None:
            return ResponseEncryption(found[0], found[1], usable)
    raise MalformedError("there is no key that an answer can be encrypted to")


def _usable(jwk: JsonValue) -> tuple[PublicKey, str | None] | None:
    """Return key and id of a JWK for ECDH-ES on P-256; None for any other."""
    kid = jwk.get("kid") if isinstance(jwk, dict) else None
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= _KID_CHARS):
        return None
    try:
        return read_agreement_key(jwk), kid
    except (MalformedError, CryptoError):
        return None
