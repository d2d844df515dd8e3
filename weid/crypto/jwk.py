"""JSON Web Keys (RFC 7517, RFC 7518 clause 6.2, RFC 8037): members to bytes and back, strictly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from weid.crypto import ed25519, p256
from weid.encoding import JsonObject, base64url_decode, base64url_encode
from weid.errors import MalformedError, UnsupportedAlgorithmError

_KEY_TYPES: Final = {"Ed25519": "OKP", "X25519": "OKP", "P-256": "EC"}
# RFC 9864 names Ed25519 in full; both spellings agree with the key.
_ALGORITHMS: Final = {"Ed25519": ("EdDSA", "Ed25519"), "P-256": ("ES256",)}
_AGREEMENT_PREFIX: Final = "ECDH-ES"
_PRIVATE_MEMBERS: Final = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")


def parse_public(members: object) -> tuple[str, bytes, p256.PublicPoint | None]:
    """Return curve name, raw public key (P-256: compressed) and P-256 point of a public JWK.

    The point itself is judged by `PublicKey`.

    Raises:
        MalformedError: members missing, of wrong form or at odds with the key, a private member.
        UnsupportedAlgorithmError: RSA, oct, another curve.
    """
    if not isinstance(members, Mapping):
        raise MalformedError("the JWK is not a JSON object")
    for name in _PRIVATE_MEMBERS:
        if name in members:
            raise MalformedError(
                f"the public JWK has the private member '{name}'",
                hint="This key has been shown to others and is burnt: replace it and "
                "mark it as compromised wherever it is registered.",
            )
    return _parse(members)


def parse_private(members: object) -> tuple[str, bytes, bytes]:
    """Return curve name, raw public key and the 32 secret bytes of a private JWK.

    Raises:
        MalformedError: members missing, of wrong form or at odds with the key.
        UnsupportedAlgorithmError: RSA, oct, another curve.
    """
    if not isinstance(members, Mapping):
        raise MalformedError("the JWK is not a JSON object")
    curve, raw, _ = _parse(members)
    return curve, raw, _octets(members, "d")


def public_members(curve: str, raw: bytes, point: p256.PublicPoint | None) -> JsonObject:
    """Return the required members of the public JWK, in the order of RFC 7638."""
    if point is None:
        return {"crv": str(curve), "kty": "OKP", "x": base64url_encode(raw)}
    x, y = p256.coordinates(point)
    return {"crv": str(curve), "kty": "EC", "x": base64url_encode(x), "y": base64url_encode(y)}


def _parse(members: Mapping[str, object]) -> tuple[str, bytes, p256.PublicPoint | None]:
    curve = members.get("crv")
    key_type = members.get("kty")
    if not isinstance(key_type, str):
        raise MalformedError("the JWK has no kty")
    if not isinstance(curve, str) or _KEY_TYPES.get(curve) != key_type:
        raise UnsupportedAlgorithmError("the JWK is not of a kind that we use")
    if len(members) > (3 if key_type == "OKP" else 4):
        _check_optional(members, curve)
    x = _octets(members, "x")
    if key_type == "OKP":
        return curve, x, None
    y = _octets(members, "y")
    # Both coordinates must lie on the curve together; only then does the parity of y name it.
    point = p256.parse_point(b"\x04" + x + y, "the JWK")
    return curve, (b"\x03" if y[-1] & 1 else b"\x02") + x, point


def _octets(members: Mapping[str, object], name: str) -> bytes:
    value = members.get(name)
    if not isinstance(value, str):
        raise MalformedError(f"the JWK has no text member '{name}'")
    data = base64url_decode(value, what=f"the JWK member '{name}'")
    if len(data) != ed25519.KEY_BYTES:
        raise MalformedError(f"the JWK member '{name}' is not 32 bytes long")
    return data


def _check_optional(members: Mapping[str, object], curve: str) -> None:
    """Refuse an algorithm, use or operation that says something else than the key."""
    signs = curve in _ALGORITHMS
    if "kid" in members and not isinstance(members["kid"], str):
        raise MalformedError("the JWK member 'kid' is not text")
    if "alg" in members and not _algorithm_agrees(members["alg"], curve):
        raise MalformedError("the JWK member 'alg' is of another kind of key")
    if "use" in members and members["use"] != ("sig" if signs else "enc"):
        raise MalformedError("the JWK member 'use' is of another kind of key")
    if "key_ops" in members:
        operations = members["key_ops"]
        if not isinstance(operations, list) or not all(isinstance(o, str) for o in operations):
            raise MalformedError("the JWK member 'key_ops' is not a list of texts")
        if signs and not {"verify", "sign"} & set(operations):
            raise MalformedError("the JWK member 'key_ops' does not let the key sign or verify")


def _algorithm_agrees(algorithm: object, curve: str) -> bool:
    if curve in _ALGORITHMS:
        return algorithm in _ALGORITHMS[curve]
    return isinstance(algorithm, str) and algorithm.startswith(_AGREEMENT_PREFIX)
