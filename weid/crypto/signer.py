"""Who signs: the Signer protocol, where a hardware module plugs in, and the one in memory."""

from __future__ import annotations

from typing import Protocol

from weid.crypto.keys import PrivateKey, PublicKey


class Signer(Protocol):
    """Something that signs with one key, which it need not give away."""

    @property
    def public_key(self) -> PublicKey:
        """The key that verifies what this signs."""
        ...

    @property
    def algorithm(self) -> str:
        """EdDSA or ES256, by the key."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the raw 64-byte signature over the message."""
        ...


class InMemorySigner:
    """A signer whose private key is in this process.

    Raises:
        UnsupportedAlgorithmError: the key is for agreement and cannot sign.
    """

    __slots__ = ("_key", "algorithm", "public_key")

    def __init__(self, private_key: PrivateKey) -> None:
        self._key = private_key
        self.public_key: PublicKey = private_key.public
        self.algorithm: str = private_key.public.algorithm

    def sign(self, message: bytes) -> bytes:
        """Return the raw 64-byte signature over the message."""
        return self._key.sign(message)
