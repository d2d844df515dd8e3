"""P-256 as bytes: points that we take, signing and verifying with raw 64-byte signatures.

`cryptography` does the arithmetic; DER never leaves this module (RFC 7518 clause 3.4 signatures
are r and s, 32 bytes each).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from weid.errors import InvalidSignatureError, MalformedError

COMPRESSED_BYTES: Final = 33
COORDINATE_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

_CURVE: Final = ec.SECP256R1()
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_VERIFY: Final = ec.ECDSA(hashes.SHA256())
_SIGN: Final = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)  # RFC 6979

PublicPoint = ec.EllipticCurvePublicKey
SecretScalar = ec.EllipticCurvePrivateKey


def parse_point(encoded: bytes, what: str) -> PublicPoint:
    """Read a compressed (33 bytes) or uncompressed (65 bytes) point of the curve.

    Raises:
        MalformedError: another form, a coordinate past the field, or not on the curve.
    """
    form = (len(encoded), encoded[:1])
    if form not in ((33, b"\x02"), (33, b"\x03"), (65, b"\x04")):
        raise MalformedError(f"{what} is not a P-256 point in a form that we take")
    try:
        return PublicPoint.from_encoded_point(_CURVE, encoded)
    except ValueError:
        raise MalformedError(f"{what} is not a point of P-256") from None


def compressed(point: PublicPoint) -> bytes:
    """Return the 33 bytes that name the point."""
    return point.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)


def coordinates(point: PublicPoint) -> tuple[bytes, bytes]:
    """Return x and y, 32 bytes each."""
    encoded = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return encoded[1:33], encoded[33:]


def verify(point: PublicPoint, signature: bytes, message: bytes) -> None:
    """Verify an ECDSA signature with SHA-256, given as r and s.

    Both s and n - s pass, as ES256 has it: never use a signature as an identity.

    Raises:
        InvalidSignatureError: it does not verify, is not 64 bytes long, or r or s is out of range.
    """
    if len(signature) != SIGNATURE_BYTES:
        raise InvalidSignatureError("the signature is not 64 bytes long")
    r = int.from_bytes(signature[:32], "big")
    s = int.from_bytes(signature[32:], "big")
    if not (0 < r < _ORDER and 0 < s < _ORDER):
        raise InvalidSignatureError("the ES256 signature has a part out of range")
    try:
        point.verify(encode_dss_signature(r, s), message, _VERIFY)
    except InvalidSignature:
        raise InvalidSignatureError("the ES256 signature does not verify") from None


def derive(secret: bytes, what: str) -> SecretScalar:
    """Return the key of a secret scalar of 32 bytes.

    Raises:
        MalformedError: not 32 bytes long, zero, or past the group order.
    """
    number = int.from_bytes(secret, "big")
    if len(secret) != COORDINATE_BYTES or not 0 < number < _ORDER:
        raise MalformedError(f"{what} is not a secret key of P-256")
    return ec.derive_private_key(number, _CURVE)


def draw_secret(random: Callable[[int], bytes]) -> bytes:
    """Draw a secret scalar by rejection, so that every scalar is equally likely."""
    while True:
        secret = random(COORDINATE_BYTES)
        if 0 < int.from_bytes(secret, "big") < _ORDER:
            return secret


def sign(key: SecretScalar, message: bytes) -> bytes:
    """Return r and s (64 bytes); the same message always gives the same signature (RFC 6979)."""
    r, s = decode_dss_signature(key.sign(message, _SIGN))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")
