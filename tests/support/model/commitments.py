"""Roots by their definitions: recursion over all leaves (clauses ST-04, ST-08, ST-10)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

EMPTY = bytes(32)


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def tree_root(values: Mapping[bytes, bytes]) -> bytes:
    """Return the root of the sparse Merkle tree of keys (32 bytes) and values."""
    leaves = {key: sha256(b"\0", key, sha256(value)) for key, value in values.items()}
    return _subtree(leaves, 0)


def _subtree(leaves: Mapping[bytes, bytes], depth: int) -> bytes:
    if not leaves:
        return EMPTY
    if len(leaves) == 1:
        return next(iter(leaves.values()))
    sides: tuple[dict[bytes, bytes], dict[bytes, bytes]] = ({}, {})
    for key, leaf in leaves.items():
        bit = key[depth // 8] >> (7 - depth % 8) & 1
        sides[bit][key] = leaf
    return sha256(b"\1", _subtree(sides[0], depth + 1), _subtree(sides[1], depth + 1))


def log_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root of an append-only log as RFC 9162 clause 2.1.1 defines it."""
    if not leaves:
        return EMPTY
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while 2 * half < len(leaves):
        half *= 2
    return sha256(b"\3", log_root(leaves[:half]), log_root(leaves[half:]))


def app_hash(state_root: bytes, leaves: Sequence[bytes]) -> bytes:
    """Return what a header carries."""
    return sha256(b"weid/app/1", state_root, len(leaves).to_bytes(8, "big"), log_root(leaves))
