"""Merkle trees of batches: one root on the chain, one short proof for each credential or row.

Shaped as RFC 9162 clause 2.1 with tags of its own (4 for leaves, 5 for nodes). A leaf of an
issuing run is salted, so that nobody without the salt can find a credential in a root.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from weid import limits
from weid.cbor import cbor_decode, cbor_encode
from weid.errors import MalformedError, ProofError
from weid.registry.merkle_path import root_of_path

_BATCH_LEAF: Final = b"\x04"
_BATCH_NODE: Final = b"\x05"
_ISSUANCE_TAG: Final = b"weid/issuance/1"
_SALT_BYTES: Final = 16
_PROOF_BYTES: Final = 2048
_PATH: Final = limits.BATCH_ROWS.bit_length()


@dataclass(frozen=True, slots=True)
class BatchProof:
    """That a leaf is number `index` of a batch of `size`: sibling hashes, leaf first."""

    index: int
    size: int
    path: tuple[bytes, ...]

    def to_bytes(self) -> bytes:
        """Return the proof as CBOR."""
        return cbor_encode([1, self.index, self.size, list(self.path)])

    @classmethod
    def from_bytes(cls, data: bytes) -> BatchProof:
        """Read a proof.

        Raises:
            MalformedError: not a proof in its only spelling.
        """
        value = cbor_decode(data, what="the batch proof", max_bytes=_PROOF_BYTES)
        if type(value) is not list or len(value) != 4 or value[0] != 1:
            raise MalformedError("the batch proof has another form or version")
        _, index, size, path = value
        if type(index) is not int or type(size) is not int or type(path) is not list:
            raise MalformedError("the batch proof has no proper index, size and path")
        if not 0 <= index < size <= limits.BATCH_ROWS or len(path) > _PATH:
            raise MalformedError("the batch proof is past the size of a batch")
        if any(type(item) is not bytes or len(item) != 32 for item in path):
            raise MalformedError("the batch proof has something else than hashes")
        return cls(index, size, tuple(cast("list[bytes]", path)))


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch's root and, in the order of its leaves, their proofs."""

    root: bytes
    proofs: tuple[BatchProof, ...]

    @property
    def count(self) -> int:
        """How many leaves the batch has."""
        return len(self.proofs)


def issuance_leaf(salt: bytes, signing_input: bytes) -> bytes:
    """Return the leaf of an issued credential: a salt (16 bytes) over its JWS signing input."""
    if len(salt) != _SALT_BYTES:
        raise MalformedError(f"the salt of an issuance leaf is not {_SALT_BYTES} bytes long")
    digest = hashlib.sha256(signing_input).digest()
    return hashlib.sha256(_ISSUANCE_TAG + salt + digest).digest()


def build_batch(leaves: Sequence[bytes]) -> Batch:
    """Return root and proofs of a batch; each leaf is 32 bytes, such as an `issuance_leaf`.

    Raises:
        MalformedError: no leaf, too many, or one that is not 32 bytes long.
    """
    if not 1 <= len(leaves) <= limits.BATCH_ROWS:
        raise MalformedError(f"a batch has 1 to {limits.BATCH_ROWS} leaves")
    if any(len(leaf) != 32 for leaf in leaves):
        raise MalformedError("a leaf of a batch is 32 bytes long")
    sha256 = hashlib.sha256
    level = [sha256(_BATCH_LEAF + leaf).digest() for leaf in leaves]
    levels = [level]
    while len(level) > 1:
        pairs = [
            sha256(_BATCH_NODE + level[at] + level[at + 1]).digest()
            for at in range(0, len(level) - 1, 2)
        ]
        level = pairs + level[-1:] if len(level) & 1 else pairs
        levels.append(level)
    size = len(leaves)
    proofs = tuple([BatchProof(index, size, _path(levels, index)) for index in range(size)])
    return Batch(level[0], proofs)


def _path(levels: list[list[bytes]], index: int) -> tuple[bytes, ...]:
    path = []
    for level in levels[:-1]:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        index >>= 1
    return tuple(path)


def verify_batch_proof(root: bytes, leaf: bytes, proof: BatchProof, *, expected_size: int) -> None:
    """Require that a leaf is in the batch under `root`, whose record counts `expected_size`.

    Raises:
        ProofError: it is not shown to be.
    """
    if proof.size != expected_size:
        raise ProofError("the batch proof is for a batch of another size")
    start = hashlib.sha256(_BATCH_LEAF + leaf).digest()
    if root_of_path(start, proof.index, proof.size, proof.path, _BATCH_NODE) != root:
        raise ProofError("the batch proof does not lead to the anchored root")
