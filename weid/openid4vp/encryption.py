"""Encrypted answers and requests (OpenID4VP section 8.3): what goes into the JWE, and for whom.

Clauses PP-44 … PP-46 of specs/presentation-profile.md.
"""

from __future__ import annotations

from typing import Final

from weid.crypto.jwe import decrypt_jwe, encrypt_jwe
from weid.crypto.keys import PrivateKey, PublicKey
from weid.encoding import JsonObject, base64url_encode, json_dumps, json_loads_object
from weid.errors import CryptoError, MalformedError, ProtocolError
from weid.openid4vp.response import MAX_BYTES
from weid.verification.client_metadata import ResponseEncryption

JWE_BYTES: Final = 2 * MAX_BYTES
"""An encrypted answer as text: a third more than its content, and its header."""
_WHAT: Final = "the encrypted response"


def encrypt(
    payload: bytes,
    to: ResponseEncryption,
    *,
    enc: str | None = None,
    more: JsonObject | None = None,
) -> str:
    """Return a payload as a compact JWE for a key; `more` are further members of its header."""
    return encrypt_jwe(payload, to.key, enc=enc or to.encs[0], kid=to.kid, more=more)


def encrypt_response(members: JsonObject, to: ResponseEncryption) -> str:
    """Return the value of the field `response`: the members of an answer, encrypted."""
    return encrypt(json_dumps(members), to, enc=to.encs[-1])


def decrypt_response(text: str, key: PrivateKey, *, kid: str) -> JsonObject:
    """Return the members of an answer that was encrypted to a key of ours.

    Raises:
        ProtocolError: not such a token, for another key, or of content that is no JSON object.
    """
    try:
        content = decrypt_jwe(text, key, kid=kid, what=_WHAT, max_bytes=JWE_BYTES)
        return json_loads_object(content, what=_WHAT, max_bytes=MAX_BYTES)
    except (MalformedError, CryptoError) as error:
        raise ProtocolError("invalid_request", error.message) from None


def decrypt_request_object(text: str, key: PrivateKey) -> str:
    """Return the signed request object that was encrypted to a wallet's key.

    Raises:
        ProtocolError: not such a token, or for another key.
    """
    try:
        content = decrypt_jwe(text, key, kid=None, what="the request", max_bytes=JWE_BYTES)
        return content.decode("ascii")
    except (MalformedError, CryptoError, UnicodeDecodeError):
        raise ProtocolError("invalid_request", "the request cannot be decrypted") from None


def key_id(key: PublicKey) -> str:
    """Return the id that a request gives its key: short, and of this key alone."""
    return base64url_encode(key.raw[-16:])
