"""Proof that a credential was issued before a block, kept by issuer and wallet, never inside it.

Each issuing run anchors one Merkle root; a leaf is a hash over 128 random bits and the credential's
JWS signing input, so that the chain tells nothing about what was issued. The proof counts once the
issuer's key is marked as compromised.
Clauses CP-50 … CP-52 of specs/credential-profile.md.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from weid.crypto.keys import RandomBytes
from weid.encoding import JsonObject, JsonValue, base64url_decode, base64url_encode
from weid.errors import MalformedError
from weid.registry.batch_tree import (
    BatchProof,
    build_batch,
    issuance_leaf,
    verify_batch_proof,
)

_SALT_BYTES: Final = 16
_ROOT_BYTES: Final = 32
_WHAT: Final = "the issuance anchor"


@dataclass(frozen=True, slots=True)
class IssuanceAnchor:
    """Salt and path from one credential to the batch root that the registry holds.

    When it was anchored is what the registry's record of `root` says, and nothing here.

    Raises:
        MalformedError: salt or root are not 16 and 32 bytes long.
    """

    salt: bytes
    root: bytes
    proof: BatchProof

    def __post_init__(self) -> None:
        if len(self.salt) != _SALT_BYTES or len(self.root) != _ROOT_BYTES:
            raise MalformedError(f"{_WHAT} does not have a salt of 16 and a root of 32 bytes")

    def verify(self, signing_input: bytes, *, expected_size: int) -> None:
        """Require that the credential with this JWS signing input is in the batch.

        `expected_size` is the count in the registry's record of the root.

        Raises:
            ProofError: it is not shown to be.
        """
        leaf = issuance_leaf(self.salt, signing_input)
        verify_batch_proof(self.root, leaf, self.proof, expected_size=expected_size)

    def to_json(self) -> JsonObject:
        """Return the anchor as a JSON object."""
        return {
            "salt": base64url_encode(self.salt),
            "root": base64url_encode(self.root),
            "proof": base64url_encode(self.proof.to_bytes()),
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> IssuanceAnchor:
        """Read an anchor.

        Raises:
            MalformedError: with what is missing or of another form.
        """
        if not isinstance(value, dict) or set(value) != {"salt", "root", "proof"}:
            raise MalformedError(f"{_WHAT} is not an object with salt, root and proof")
        salt, root, proof = (_octets(value, name) for name in ("salt", "root", "proof"))
        return cls(salt, root, BatchProof.from_bytes(proof))


def anchor_batch(
    signing_inputs: Sequence[bytes], *, random: RandomBytes = secrets.token_bytes
) -> tuple[IssuanceAnchor, ...]:
    """Return the anchors of the credentials of one issuing run, in order; all have one root.

    They count once the registry holds that root with this number of leaves.

    Raises:
        MalformedError: no credential, or more than a batch takes.
    """
    drawn = random(_SALT_BYTES * len(signing_inputs))
    salts = [drawn[at : at + _SALT_BYTES] for at in range(0, len(drawn), _SALT_BYTES)]
    leaves = [issuance_leaf(*pair) for pair in zip(salts, signing_inputs, strict=True)]
    batch = build_batch(leaves)
    return tuple(
        IssuanceAnchor(salt, batch.root, proof)
        for salt, proof in zip(salts, batch.proofs, strict=True)
    )


def _octets(value: JsonObject, name: str) -> bytes:
    text = value[name]
    if not isinstance(text, str):
        raise MalformedError(f"{name} of {_WHAT} is not text")
    return base64url_decode(text, what=f"{name} of {_WHAT}")
