"""Public and private keys as values: Ed25519 and P-256 to sign with, X25519 to agree with.

A `PublicKey` that exists has passed the refusals of its kind; there is no unchecked one. Its
spellings as JWK (RFC 7517, RFC 8037), Multikey and multicodec bytes are written here and read in
one strict form each.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

from weid.crypto import ed25519, jwk, p256
from weid.encoding import JsonObject, base58_decode, base58_encode, base64url_encode
from weid.errors import MalformedError, UnsupportedAlgorithmError

RandomBytes: TypeAlias = Callable[[int], bytes]
"""A source of random bytes: count → that many; `secrets.token_bytes` unless a test says else."""


class KeyKind(StrEnum):
    """The kinds of key that we know, by their JWK curve names."""

    ED25519 = "Ed25519"
    P256 = "P-256"
    X25519 = "X25519"


_ALGORITHMS: Final = {KeyKind.ED25519: "EdDSA", KeyKind.P256: "ES256"}
# Multicodec table: ed25519-pub 0xed, p256-pub 0x1200, x25519-pub 0xec, each as a varint.
_PREFIXES: Final = {
    KeyKind.ED25519: b"\xed\x01",
    KeyKind.P256: b"\x80\x24",
    KeyKind.X25519: b"\xec\x01",
}
_KINDS_BY_PREFIX: Final = {prefix: kind for kind, prefix in _PREFIXES.items()}
_MULTIKEY_CHARS: Final = 50  # 35 bytes need at most 48, and the prefix letter


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key; equal when kind and bytes are equal.

    `raw` is 32 bytes, for P-256 the 33 of the compressed point.

    Raises:
        MalformedError: not a key of that kind, or one that nobody alone can have (small order).
    """

    kind: KeyKind
    raw: bytes
    _point: p256.PublicPoint | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        what = f"the {self.kind} public key"
        if self.kind is KeyKind.ED25519:
            ed25519.check_public(self.raw, what)
        elif self.kind is KeyKind.X25519:
            ed25519.check_agreement(self.raw, what)
        else:
            if len(self.raw) != p256.COMPRESSED_BYTES:
                raise MalformedError(f"{what} is not a compressed point")
            object.__setattr__(self, "_point", p256.parse_point(self.raw, what))

    @property
    def algorithm(self) -> str:
        """The one JOSE algorithm that this key verifies: EdDSA or ES256.

        Raises:
            UnsupportedAlgorithmError: an X25519 key, which cannot sign.
        """
        try:
            return _ALGORITHMS[self.kind]
        except KeyError:
            raise UnsupportedAlgorithmError(f"a key of kind {self.kind} does not sign") from None

    def verify(self, signature: bytes, message: bytes) -> None:
        """Verify a raw 64-byte signature over a message.

        Raises:
            InvalidSignatureError: it does not verify, or has another form.
            UnsupportedAlgorithmError: an X25519 key, which cannot sign.
        """
        if self.kind is KeyKind.ED25519:
            ed25519.verify(self.raw, signature, message)
        elif self._point is not None:
            p256.verify(self._point, signature, message)
        else:
            raise UnsupportedAlgorithmError(f"a key of kind {self.kind} does not sign")

    def check_subgroup(self) -> None:
        """Require the full test of the group, where a key is registered or issued to.

        P-256 has prime order, so that being on the curve is enough; X25519 is made for any u.

        Raises:
            MalformedError: an Ed25519 key that is off the curve or of mixed order.
        """
        if self.kind is KeyKind.ED25519:
            ed25519.check_prime_order(self.raw, "the Ed25519 public key")

    def __reduce__(self) -> tuple[type[PublicKey], tuple[KeyKind, bytes]]:
        # The handle cannot be copied or sent to a worker process; kind and bytes can.
        return PublicKey, (self.kind, self.raw)

    @classmethod
    def from_jwk(cls, members: object) -> PublicKey:
        """Read a public JWK, a JSON object.

        `kid`, `use`, `key_ops` and `alg` may stand there when they agree with the key; other
        members are ignored.

        Raises:
            MalformedError: members missing, of wrong form or at odds with the key; a private
                member, whose hint says that the key is burnt.
            UnsupportedAlgorithmError: RSA, oct, another curve.
        """
        curve, raw, point = jwk.parse_public(members)
        if point is None:
            return cls(KeyKind(curve), raw)
        # Reading a compressed point costs a square root, and this one was read with its y.
        key = object.__new__(cls)
        for name, value in (("kind", KeyKind.P256), ("raw", raw), ("_point", point)):
            object.__setattr__(key, name, value)
        return key

    def to_jwk(self) -> JsonObject:
        """Return the public JWK with its required members only."""
        return jwk.public_members(self.kind, self.raw, self._point)

    def thumbprint(self) -> str:
        """Return the JWK thumbprint (RFC 7638, SHA-256) as base64url."""
        members = self.to_jwk()
        body = ",".join(f'"{name}":"{members[name]}"' for name in sorted(members))
        return base64url_encode(hashlib.sha256(f"{{{body}}}".encode("ascii")).digest())

    @classmethod
    def from_multicodec(cls, data: bytes) -> PublicKey:
        """Read multicodec prefix and raw key, as registry records hold them.

        Raises:
            MalformedError: not a key of the kind that the prefix names.
            UnsupportedAlgorithmError: the prefix of another kind of key.
        """
        kind = _KINDS_BY_PREFIX.get(data[:2])
        if kind is None:
            raise UnsupportedAlgorithmError("the multicodec prefix is not of a key that we use")
        return cls(kind, data[2:])

    def to_multicodec(self) -> bytes:
        """Return multicodec prefix and raw key."""
        return _PREFIXES[self.kind] + self.raw

    @classmethod
    def from_multikey(cls, text: str) -> PublicKey:
        """Read a Multikey, such as z6Mk… (base58btc over the multicodec bytes).

        Raises:
            MalformedError: another multibase, a wrong character, or not a key.
            UnsupportedAlgorithmError: another kind of key.
        """
        if not text.startswith("z"):
            raise MalformedError("the multikey does not start with the base58btc prefix 'z'")
        data = base58_decode(text[1:], what="the multikey", max_chars=_MULTIKEY_CHARS)
        return cls.from_multicodec(data)

    def to_multikey(self) -> str:
        """Return the Multikey text, such as z6Mk…."""
        return "z" + base58_encode(self.to_multicodec())


class PrivateKey:
    """A private key. It never prints itself and equals only itself.

    `secret` is the 32 bytes of an Ed25519 seed, a P-256 scalar or an X25519 scalar.
    """

    __slots__ = ("_expanded", "_scalar", "_secret", "kind", "public")

    kind: KeyKind
    public: PublicKey

    def __init__(self, kind: KeyKind, secret: bytes) -> None:
        what = f"the {kind} private key"
        if len(secret) != 32:
            raise MalformedError(f"{what} is not 32 bytes long")
        self.kind = kind
        self._secret = secret
        self._expanded = b""
        self._scalar: p256.SecretScalar | None = None
        if kind is KeyKind.ED25519:
            raw, self._expanded = ed25519.expand_seed(secret)
        elif kind is KeyKind.P256:
            self._scalar = p256.derive(secret, what)
            raw = p256.compressed(self._scalar.public_key())
        else:
            raw = ed25519.agreement_public(secret)
        self.public = PublicKey(kind, raw)

    @classmethod
    def generate(
        cls, kind: KeyKind = KeyKind.ED25519, *, random: RandomBytes = secrets.token_bytes
    ) -> PrivateKey:
        """Make a new key from a source of random bytes."""
        return cls(kind, p256.draw_secret(random) if kind is KeyKind.P256 else random(32))

    @classmethod
    def from_seed(cls, seed: bytes, kind: KeyKind = KeyKind.ED25519) -> PrivateKey:
        """Return the key of 32 secret bytes.

        Raises:
            MalformedError: another length, or no scalar of P-256.
        """
        return cls(kind, seed)

    @classmethod
    def from_jwk(cls, members: object) -> PrivateKey:
        """Read a private JWK, whose public members must be those of its `d`.

        Raises:
            MalformedError: `d` missing or of wrong form, or of another key than the rest.
            UnsupportedAlgorithmError: RSA, oct, another curve.
        """
        curve, raw, secret = jwk.parse_private(members)
        key = cls(KeyKind(curve), secret)
        if key.public.raw != raw:
            raise MalformedError("the private JWK has the public part of another key")
        return key

    def to_private_jwk(self) -> JsonObject:
        """Return the JWK with its secret `d`: whoever reads it has the key."""
        return {**self.public.to_jwk(), "d": base64url_encode(self._secret)}

    def secret_bytes(self) -> bytes:
        """Return the 32 secret bytes, to be written encrypted and nowhere else."""
        return self._secret

    def sign(self, message: bytes) -> bytes:
        """Return the raw 64-byte signature; the same message always gives the same one.

        Raises:
            UnsupportedAlgorithmError: an X25519 key, which cannot sign.
        """
        if self.kind is KeyKind.ED25519:
            return ed25519.sign(self._expanded, message)
        if self._scalar is not None:
            return p256.sign(self._scalar, message)
        raise UnsupportedAlgorithmError(f"a key of kind {self.kind} does not sign")

    def __repr__(self) -> str:
        return f"<PrivateKey of {self.public.to_multikey()}>"

    def __reduce__(self) -> tuple[type[PrivateKey], tuple[KeyKind, bytes]]:
        # Signing in worker processes is a real use; the bytes go where the caller sends them.
        return PrivateKey, (self.kind, self._secret)
