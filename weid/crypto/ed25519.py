"""Ed25519 and X25519 as bytes: which encodings are points that we take, signing, verifying.

libsodium does the arithmetic (RFC 8032 with S < L, no small-order keys). Nothing here knows JWK.
"""

from __future__ import annotations

import hashlib
from typing import Final

from nacl import bindings
from nacl.exceptions import CryptoError as SodiumError

from weid.errors import InvalidSignatureError, MalformedError

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

_P: Final = 2**255 - 19
_L: Final = 2**252 + 27742317777372353535851937790883648493
_LOW_BITS: Final = (1 << 255) - 1
# y coordinates of the eight points whose order divides 8 (RFC 8032 curve): 0 has order 4, 1 is the
# identity, p-1 has order 2, the other two have order 8.
_ORDER_8_Y: Final = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER_Y: Final = frozenset({0, 1, _P - 1, _ORDER_8_Y, _P - _ORDER_8_Y})
# u coordinates of the points of small order on Curve25519 and its twist (RFC 7748 clause 7).
_SMALL_ORDER_U: Final = frozenset(
    {
        0,
        1,
        _P - 1,
        0x00B8495F16056286FDB1329CEB8D09DA6AC49FF1FAE35616AEB8413B7C7AEBE0,
        0x57119FD0DD4E22D8868E1C58C45C44045BEF839C55B1D0B1248C50A3BC959C5F,
    }
)


def check_public(raw: bytes, what: str) -> None:
    """Refuse encodings that are nobody's key: wrong length, not canonical, small order.

    Costs about a microsecond; `check_prime_order` is the whole test.

    Raises:
        MalformedError: with which of them it is.
    """
    if len(raw) != KEY_BYTES:
        raise MalformedError(f"{what} is not {KEY_BYTES} bytes long")
    y = int.from_bytes(raw, "little") & _LOW_BITS
    if y >= _P:
        raise MalformedError(f"{what} is not a canonical Ed25519 point")
    if y in _SMALL_ORDER_Y:
        raise MalformedError(f"{what} is an Ed25519 point of small order, a key that anybody has")


def check_prime_order(raw: bytes, what: str) -> None:
    """Refuse what is not a point of the prime-order subgroup (off the curve, mixed order).

    Raises:
        MalformedError: it is not.
    """
    if not bindings.crypto_core_ed25519_is_valid_point(raw):
        raise MalformedError(f"{what} is not in the prime-order group of Ed25519")


def check_agreement(raw: bytes, what: str) -> None:
    """Refuse X25519 keys of wrong length, second spelling or small order (RFC 7748 clause 6.1).

    Raises:
        MalformedError: with which of them it is.
    """
    if len(raw) != KEY_BYTES:
        raise MalformedError(f"{what} is not {KEY_BYTES} bytes long")
    u = int.from_bytes(raw, "little")
    if u >= _P:
        raise MalformedError(f"{what} is not a canonical X25519 key")
    if u in _SMALL_ORDER_U:
        raise MalformedError(f"{what} is an X25519 key of small order")


def verify(raw: bytes, signature: bytes, message: bytes) -> None:
    """Verify a signature (RFC 8032 clause 5.1.7, S below the group order).

    Raises:
        InvalidSignatureError: it does not verify, or is not 64 bytes long.
    """
    if len(signature) != SIGNATURE_BYTES:
        raise InvalidSignatureError("the signature is not 64 bytes long")
    try:
        bindings.crypto_sign_open(signature + message, raw)
    except SodiumError:
        raise InvalidSignatureError("the Ed25519 signature does not verify") from None


def verify_vote(raw: bytes, signature: bytes, message: bytes) -> None:
    """Verify a signature as CometBFT verifies votes: by ZIP 215, which takes a few more.

    A validator can make its vote so that the chain counts it and `verify` does not. Whoever follows
    the chain must count it too, or one validator alone keeps all of them from following. Never
    for anything else than votes: what is signed so has several valid forms.

    Raises:
        InvalidSignatureError: the vote does not verify.
    """
    try:
        verify(raw, signature, message)
    except InvalidSignatureError:
        if len(signature) != SIGNATURE_BYTES or not _holds_times_eight(raw, signature, message):
            raise


def _holds_times_eight(raw: bytes, signature: bytes, message: bytes) -> bool:
    """Return whether 8·R = 8·(s·B - k·A), for a key A in the prime-order group."""
    commitment, scalar = signature[:32], signature[32:]
    if int.from_bytes(scalar, "little") >= _L:
        return False
    challenge = hashlib.sha512(commitment + raw + message).digest()
    try:
        ours = bindings.crypto_core_ed25519_sub(
            bindings.crypto_scalarmult_ed25519_base_noclamp(scalar),
            bindings.crypto_scalarmult_ed25519_noclamp(
                bindings.crypto_core_ed25519_scalar_reduce(challenge), raw
            ),
        )
        for _ in range(3):
            ours = bindings.crypto_core_ed25519_add(ours, ours)
            commitment = bindings.crypto_core_ed25519_add(commitment, commitment)
    except SodiumError:
        return False
    return bool(ours == commitment)


def expand_seed(seed: bytes) -> tuple[bytes, bytes]:
    """Return the public key and the 64 bytes that libsodium signs with."""
    return bindings.crypto_sign_seed_keypair(seed)


def sign(expanded: bytes, message: bytes) -> bytes:
    """Return the 64-byte signature; the same message always gives the same one."""
    return bindings.crypto_sign(message, expanded)[:SIGNATURE_BYTES]


def agreement_public(secret: bytes) -> bytes:
    """Return the X25519 public key of 32 secret bytes."""
    return bindings.crypto_scalarmult_base(secret)
