"""Compact JWE (RFC 7516): ECDH-ES on P-256 with AES-GCM, read strictly.

jwcrypto does the work; what it is given was read here first: one key agreement, two content
encryptions, the one recipient that the caller means, no compression (which could inflate without
end), no `crit`.
"""

from __future__ import annotations

from typing import Final

from weid.crypto.keys import KeyKind, PrivateKey, PublicKey
from weid.encoding import JsonObject, base64url_decode, json_dumps, json_loads_object
from weid.errors import CryptoError, MalformedError, UnsupportedAlgorithmError

KEY_AGREEMENT: Final = "ECDH-ES"
CONTENT_ENCRYPTIONS: Final = ("A128GCM", "A256GCM")
"""What we encrypt with, the default of OpenID4VP first (HAIP 1.0 wants both)."""
HEADER_BYTES: Final = 8 * 1024
_PARTY_CHARACTERS: Final = 1024
"""`apu` and `apv`: nonces and the like, up to a few hundred characters in real wallets."""
_ALGORITHMS: Final = [KEY_AGREEMENT, *CONTENT_ENCRYPTIONS]
_KEY_MEMBERS: Final = ("crv", "kty", "x", "y", "d")


def encrypt_jwe(
    payload: bytes,
    key: PublicKey,
    *,
    enc: str,
    kid: str | None = None,
    more: JsonObject | None = None,
) -> str:
    """Encrypt a payload for a P-256 key; `kid` goes into the header, where the key has one.

    `more` are further members of the header, such as `cty`.

    Raises:
        UnsupportedAlgorithmError: another content encryption, or another kind of key.
    """
    if enc not in CONTENT_ENCRYPTIONS or key.kind is not KeyKind.P256:
        raise UnsupportedAlgorithmError("the new JWE is not of a kind that we make")
    from jwcrypto import jwe, jwk  # noqa: PLC0415 - with the first message: it takes a while

    header: JsonObject = {"alg": KEY_AGREEMENT, "enc": enc, **(more or {})}
    if kid is not None:
        header["kid"] = kid
    token = jwe.JWE(payload, protected=json_dumps(header).decode("utf-8"), algs=_ALGORITHMS)
    token.add_recipient(jwk.JWK(**key.to_jwk()))
    text: str = token.serialize(compact=True)
    return text


def decrypt_jwe(text: str, key: PrivateKey, *, kid: str | None, what: str, max_bytes: int) -> bytes:
    """Return the payload of a JWE for our key `kid`; `what` names it in errors.

    With None as `kid` the header may name any key or none: whoever has one key needs no name.

    Raises:
        MalformedError: larger than `max_bytes`, not a compact JWE, a member that we do not take,
            for another key, or it does not decrypt.
        UnsupportedAlgorithmError: another key agreement or content encryption.
    """
    from jwcrypto import jwe, jwk  # noqa: PLC0415 - as above
    from jwcrypto.common import JWException  # noqa: PLC0415 - as above

    _check(_header(text, what, max_bytes), kid, what)
    token = jwe.JWE(algs=_ALGORITHMS)
    try:
        token.deserialize(text, jwk.JWK(**key.to_private_jwk()))
    except (JWException, ValueError, TypeError):
        raise MalformedError(f"{what} cannot be decrypted with our key") from None
    payload: bytes = token.payload
    return payload


def read_agreement_key(members: object) -> PublicKey:
    """Read a public JWK that messages shall be encrypted to: P-256, `alg` ECDH-ES.

    Raises:
        MalformedError: no such key, no `alg`, another `use`, or a private member.
        UnsupportedAlgorithmError: another kind of key or another algorithm.
    """
    if not isinstance(members, dict):
        raise MalformedError("the JWK is not a JSON object")
    if members.get("alg") != KEY_AGREEMENT:
        raise UnsupportedAlgorithmError(f"the JWK does not have the alg {KEY_AGREEMENT}")
    if members.get("use", "enc") != "enc":
        raise MalformedError("the JWK is not for encryption")
    key = PublicKey.from_jwk({name: members[name] for name in _KEY_MEMBERS if name in members})
    if key.kind is not KeyKind.P256:
        raise UnsupportedAlgorithmError("the JWK is not on P-256")
    return key


def _header(text: str, what: str, max_bytes: int) -> JsonObject:
    if len(text) > max_bytes:
        raise MalformedError(f"{what} is larger than {max_bytes} bytes")
    parts = text.split(".", 5)
    # The second segment, an encrypted key, is empty where the agreed key is used directly.
    if len(parts) != 5 or parts[1] or not (parts[0] and parts[2] and parts[3] and parts[4]):
        raise MalformedError(f"{what} does not have the segments of a compact JWE")
    head, *others = (base64url_decode(part, what=what) for part in parts)
    del others
    return json_loads_object(head, what=f"the header of {what}", max_bytes=HEADER_BYTES)


def _check(header: JsonObject, kid: str | None, what: str) -> None:
    if header.get("alg") != KEY_AGREEMENT or header.get("enc") not in CONTENT_ENCRYPTIONS:
        raise UnsupportedAlgorithmError(f"{what} is not encrypted in a way that we take")
    for name in ("crit", "zip", "b64"):
        if name in header:
            raise MalformedError(f"the header of {what} has '{name}', which we do not take")
    if kid is not None and header.get("kid") != kid:
        raise MalformedError(f"{what} is for another key")
    for name in ("apu", "apv"):
        value = header.get(name, "")
        if not isinstance(value, str) or len(value) > _PARTY_CHARACTERS:
            raise MalformedError(f"{name} of {what} is not a short text")
        base64url_decode(value, what=f"{name} of {what}")
    try:
        sender = PublicKey.from_jwk(header.get("epk"))
    except CryptoError:
        sender = None
    if sender is None or sender.kind is not KeyKind.P256:
        raise MalformedError(f"epk of {what} is not a P-256 key")
