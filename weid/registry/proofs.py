"""Proofs of the state tree: a record is there with these bytes, or is not there (clause ST-04).

A compact sparse Merkle tree over SHA-256. A leaf stands at the first level where its key is alone,
so a path is about log2(n) long. Tags keep leaves and nodes, and the trees of different purposes,
apart: 0 and 1 here, 2 and 3 in the operation log, 4 and 5 in batches.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final, cast

from weid.cbor import CborValue, cbor_decode, cbor_encode
from weid.errors import MalformedError, ProofError

EMPTY: Final = bytes(32)
"""Hash of a subtree without leaves."""

_KEY_BITS: Final = 256
_PROOF_BYTES: Final = 12 * 1024
_APP_TAG: Final = b"weid/app/1"


def leaf_hash(key: bytes, value_hash: bytes) -> bytes:
    """Return the hash of a leaf: a record's key and the SHA-256 of its bytes."""
    return hashlib.sha256(b"\x00" + key + value_hash).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash over two children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def app_hash(smt_root: bytes, log_size: int, log_root: bytes) -> bytes:
    """Return what a block header commits to (clause ST-10)."""
    return hashlib.sha256(_APP_TAG + smt_root + log_size.to_bytes(8, "big") + log_root).digest()


@dataclass(frozen=True, slots=True)
class StateProof:
    """The path from a key's place to the root: sibling hashes, root first.

    `other` is the leaf (key, value hash) that stands where an absent key would be, if one does.
    """

    siblings: tuple[bytes, ...]
    other: tuple[bytes, bytes] | None = None

    def to_bytes(self) -> bytes:
        """Return the proof as CBOR: empty siblings cost one bit."""
        bitmap = bytearray((len(self.siblings) + 7) // 8)
        for depth, sibling in enumerate(self.siblings):
            if sibling != EMPTY:
                bitmap[depth // 8] |= 0x80 >> depth % 8
        present: list[CborValue] = [sibling for sibling in self.siblings if sibling != EMPTY]
        other: CborValue = None if self.other is None else list(self.other)
        return cbor_encode([1, len(self.siblings), bytes(bitmap), present, other])

    @classmethod
    def from_bytes(cls, data: bytes) -> StateProof:
        """Read a proof.

        Raises:
            MalformedError: not a proof in its only spelling.
        """
        value = cbor_decode(data, what="the state proof", max_bytes=_PROOF_BYTES)
        if type(value) is not list or len(value) != 5 or value[0] != 1:
            raise MalformedError("the state proof has another form or version")
        _, depth, bitmap, present, other = value
        if type(depth) is not int or not 0 <= depth <= _KEY_BITS or type(bitmap) is not bytes:
            raise MalformedError("the state proof has no proper path")
        if type(present) is not list or not all(_is_hash(item) for item in present):
            raise MalformedError("the state proof has something else than hashes")
        siblings = _spread(depth, bitmap, cast("list[bytes]", present))
        if other is None:
            return cls(siblings)
        if type(other) is not list or len(other) != 2 or not all(_is_hash(o) for o in other):
            raise MalformedError("the state proof has no proper other leaf")
        return cls(siblings, (cast("bytes", other[0]), cast("bytes", other[1])))


def _is_hash(value: CborValue) -> bool:
    return type(value) is bytes and len(value) == 32


def _spread(depth: int, bitmap: bytes, present: list[bytes]) -> tuple[bytes, ...]:
    marks = "".join(f"{byte:08b}" for byte in bitmap)
    fits = len(bitmap) == (depth + 7) // 8 and "1" not in marks[depth:]
    if not fits or marks.count("1") != len(present) or EMPTY in present:
        raise MalformedError("the state proof's bitmap does not fit its hashes")
    hashes = iter(present)
    return tuple([next(hashes) if mark == "1" else EMPTY for mark in marks[:depth]])


def verify_state_proof(root: bytes, key: bytes, value: bytes | None, proof: StateProof) -> None:
    """Require that under `root` the key holds these record bytes, or None: no record.

    Raises:
        ProofError: the proof does not show that.
    """
    depth = len(proof.siblings)
    if len(key) != 32 or depth > _KEY_BITS:
        raise ProofError("the proof is not for a key of this tree")
    if depth and value is None and proof.other is None and proof.siblings[-1] == EMPTY:
        raise ProofError("the proof ends below the place where the tree does")
    path = int.from_bytes(key, "big")
    if value is not None:
        if proof.other is not None:
            raise ProofError("a proof that the record is there cannot show another in its place")
        current = leaf_hash(key, hashlib.sha256(value).digest())
    elif proof.other is not None:
        current = _other_leaf(path, depth, key, proof.other)
    else:
        current = EMPTY
    sha256 = hashlib.sha256
    bit = _KEY_BITS - depth
    for sibling in reversed(proof.siblings):
        if path >> bit & 1:
            current = sha256(b"\x01" + sibling + current).digest()
        else:
            current = sha256(b"\x01" + current + sibling).digest()
        bit += 1
    if current != root:
        raise ProofError("the proof does not lead to the trusted root")


def _other_leaf(path: int, depth: int, key: bytes, other: tuple[bytes, bytes]) -> bytes:
    other_key, other_value_hash = other
    shift = _KEY_BITS - depth
    if other_key == key or int.from_bytes(other_key, "big") >> shift != path >> shift:
        raise ProofError("the other leaf of the proof does not stand in the key's place")
    return leaf_hash(other_key, other_value_hash)
