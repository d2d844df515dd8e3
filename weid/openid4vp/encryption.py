"""Encrypted answers and requests: JWE with ECDH-ES on P-256 and AES-GCM (OpenID4VP section 8.3).

jwcrypto does the work; what it is given was read strictly first: one algorithm, two content
encryptions, our own key id, no compression (which could inflate without end), no `crit`.
Clauses PP-44 … PP-46 of specs/presentation-profile.md.
"""

from __future__ import annotations

from typing import Final

from jwcrypto import jwe, jwk
from jwcrypto.common import JWException

from weid import limits
from weid.crypto.keys import KeyKind, PrivateKey, PublicKey
from weid.encoding import (
    JsonObject,
    base64url_decode,
    base64url_encode,
    json_dumps,
    json_loads_object,
)
from weid.errors import CryptoError, MalformedError, ProtocolError
from weid.openid4vp.response import MAX_BYTES
from weid.verification.client_metadata import (
    CONTENT_ENCRYPTIONS,
    KEY_AGREEMENT,
    ResponseEncryption,
)

JWE_BYTES: Final = 2 * MAX_BYTES
"""An encrypted answer as text: a third more than its content, and its header."""
_PARTY_CHARS: Final = 1024
"""`apu` and `apv`: nonces and the like, up to a few hundred characters in real wallets."""
_HEADER_BYTES: Final = 8192
_ALGORITHMS: Final = [KEY_AGREEMENT, *CONTENT_ENCRYPTIONS]
_WHAT: Final = "the encrypted response"


def encrypt(
    payload: bytes,
    to: ResponseEncryption,
    *,
    enc: str | None = None,
    more: JsonObject | None = None,
) -> str:
    """Return a payload as a compact JWE for a key; `more` are further members of its header."""
    header: JsonObject = {"alg": KEY_AGREEMENT, "enc": enc or to.encs[0], **(more or {})}
    if to.kid is not None:
        header["kid"] = to.kid
    token = jwe.JWE(payload, protected=json_dumps(header).decode("ascii"), algs=_ALGORITHMS)
    token.add_recipient(jwk.JWK(**to.key.to_jwk()))
    text: str = token.serialize(compact=True)
    return text


def encrypt_response(members: JsonObject, to: ResponseEncryption) -> str:
    """Return the value of the field `response`: the members of an answer, encrypted."""
    return encrypt(json_dumps(members), to, enc=to.encs[-1])


def decrypt_response(text: str, key: PrivateKey, *, kid: str) -> JsonObject:
    """Return the members of an answer that was encrypted to a key of ours.

    Raises:
        ProtocolError: not such a token, for another key, or of content that is no JSON object.
    """
    try:
        _check_header(text, kid)
        content = _decrypt(text, key)
        return json_loads_object(content, what=_WHAT, max_bytes=MAX_BYTES)
    except MalformedError as error:
        raise ProtocolError("invalid_request", error.message) from None


def decrypt_request_object(text: str, key: PrivateKey) -> str:
    """Return the signed request object that was encrypted to a wallet's key.

    Raises:
        ProtocolError: not such a token, or for another key.
    """
    try:
        _check_header(text, None)
        return _decrypt(text, key).decode("ascii")
    except (MalformedError, UnicodeDecodeError):
        raise ProtocolError("invalid_request", "the request cannot be decrypted") from None


def _check_header(text: str, kid: str | None) -> None:
    if len(text) > JWE_BYTES:
        raise MalformedError(f"{_WHAT} is larger than {JWE_BYTES} bytes")
    parts = text.split(".", 5)
    if len(parts) != 5 or parts[1] or not (parts[0] and parts[2] and parts[3] and parts[4]):
        raise MalformedError(f"{_WHAT} does not have the segments of a compact JWE")
    for part in parts:
        base64url_decode(part, what=_WHAT)
    header = json_loads_object(
        base64url_decode(parts[0], what=_WHAT),
        what=f"the header of {_WHAT}",
        max_bytes=_HEADER_BYTES,
        max_depth=limits.CBOR_DEPTH,
    )
    if header.get("alg") != KEY_AGREEMENT or header.get("enc") not in CONTENT_ENCRYPTIONS:
        raise MalformedError(f"{_WHAT} is not encrypted in a way that was asked for")
    if kid is not None and header.get("kid") != kid:
        raise MalformedError(f"{_WHAT} is for another key")
    for name in ("crit", "zip", "b64"):
        if name in header:
            raise MalformedError(f"the header of {_WHAT} has '{name}', which we do not take")
    _check_parties(header)


def _check_parties(header: JsonObject) -> None:
    for name in ("apu", "apv"):
        value = header.get(name, "")
        if not isinstance(value, str) or len(value) > _PARTY_CHARS:
            raise MalformedError(f"{name} of {_WHAT} is not a short text")
        base64url_decode(value, what=f"{name} of {_WHAT}")
    try:
        key = PublicKey.from_jwk(header.get("epk"))
    except CryptoError:
        key = None
    if key is None or key.kind is not KeyKind.P256:
        raise MalformedError(f"epk of {_WHAT} is not a P-256 key")


def _decrypt(text: str, key: PrivateKey) -> bytes:
    token = jwe.JWE(algs=_ALGORITHMS)
    try:
        token.deserialize(text, jwk.JWK(**key.to_private_jwk()))
    except (JWException, ValueError, TypeError):
        raise MalformedError(f"{_WHAT} cannot be decrypted with the key of this request") from None
    content: bytes = token.payload
    return content


def key_id(key: PublicKey) -> str:
    """Return the id that a request gives its key: short, and of this key alone."""
    return base64url_encode(key.raw[-16:])
