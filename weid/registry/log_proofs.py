"""Proofs of the operation log: what was done stays done (clause ST-08).

The log has one leaf for each recorded transaction, in order. It is shaped as RFC 9162 has it, with
tags of its own (2 for leaves, 3 for nodes).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from weid.cbor import cbor_encode
from weid.errors import ProofError
from weid.registry.merkle_path import root_of_path
from weid.registry.proofs import EMPTY
from weid.registry.records import Receipt

LOG_NODE: Final = b"\x03"
_LOG_LEAF: Final = b"\x02"


def log_leaf(transaction_id: bytes, height: int, code: int, data: bytes) -> bytes:
    """Return the leaf hash of a recorded transaction: its receipt but for the leaf's own place."""
    return hashlib.sha256(_LOG_LEAF + cbor_encode([transaction_id, height, code, data])).digest()


@dataclass(frozen=True, slots=True)
class LogInclusionProof:
    """That a leaf stands at `index` of the log of `size` leaves: sibling hashes, leaf first."""

    index: int
    size: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class LogConsistencyProof:
    """That the log of `first` leaves is the beginning of the log of `second` leaves."""

    first: int
    second: int
    path: tuple[bytes, ...]


def verify_receipt(root: bytes, receipt: Receipt, proof: LogInclusionProof) -> None:
    """Require that the log under `root` has this receipt, with all its members, at its position.

    Raises:
        ProofError: it does not.
    """
    if proof.index != receipt.position:
        raise ProofError("the proof is of another position than the receipt")
    leaf = log_leaf(receipt.transaction_id, receipt.height, receipt.code, receipt.data)
    verify_log_inclusion(root, leaf, proof)


def verify_log_inclusion(root: bytes, leaf: bytes, proof: LogInclusionProof) -> None:
    """Require that a leaf hash stands in the log under `root`.

    Raises:
        ProofError: it does not.
    """
    if root_of_path(leaf, proof.index, proof.size, proof.path, LOG_NODE) != root:
        raise ProofError("the log proof does not lead to the trusted root")


def verify_log_consistency(
    first_root: bytes, second_root: bytes, proof: LogConsistencyProof
) -> None:
    """Require that one log root is an earlier state of another (RFC 9162 clause 2.1.4.2).

    Raises:
        ProofError: it is not shown to be.
    """
    first, second = proof.first, proof.second
    if not 0 <= first <= second:
        raise ProofError("the log proof's sizes are in the wrong order")
    if first in {0, second}:
        same = first_root == (EMPTY if first == 0 else second_root)
        if proof.path or not same:
            raise ProofError("the log proof does not connect the two roots")
        return
    if _connect(first, second, first_root, proof.path) != (first_root, second_root):
        raise ProofError("the log proof does not connect the two roots")


def _connect(
    first: int, second: int, first_root: bytes, path: Sequence[bytes]
) -> tuple[bytes, bytes]:
    """Return the roots of both sizes as the path gives them (0 < first < second)."""
    nodes = list(path)
    if first & (first - 1) == 0:
        nodes.insert(0, first_root)
    if not nodes:
        raise ProofError("the log proof's path is too short")
    node, last = first - 1, second - 1
    while node & 1:
        node >>= 1
        last >>= 1
    older = newer = nodes[0]
    for sibling in nodes[1:]:
        if last == 0:
            raise ProofError("the log proof's path is too long")
        if node & 1 or node == last:
            older = _node(sibling, older)
            newer = _node(sibling, newer)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            newer = _node(newer, sibling)
        node >>= 1
        last >>= 1
    if last != 0:
        raise ProofError("the log proof's path is too short")
    return older, newer


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(LOG_NODE + left + right).digest()
