"""Paths in a Merkle tree over an ordered list, shaped as in RFC 9162 clause 2.1, with any node tag.

The operation log and the batches have this shape; each passes its own tag, so that a path of one
never holds in the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from weid.errors import ProofError


def split_point(size: int) -> int:
    """Return the largest power of two below `size` (which is at least 2)."""
    return 1 << (size - 1).bit_length() - 1


def merkle_root(hashes: Sequence[bytes], tag: bytes) -> bytes:
    """Return the root over leaf hashes (at least one)."""
    level = list(hashes)
    sha256 = hashlib.sha256
    while len(level) > 1:
        odd = [level.pop()] if len(level) & 1 else []
        pairs = iter(level)
        # The last hash without a partner rises unchanged: that is RFC 9162's shape.
        level = [sha256(tag + a + b).digest() for a, b in zip(pairs, pairs, strict=True)] + odd
    return level[0]


def root_of_path(leaf: bytes, index: int, size: int, path: Sequence[bytes], tag: bytes) -> bytes:
    """Return the root that an inclusion path leads to (RFC 9162 clause 2.1.3.2).

    Raises:
        ProofError: the path does not fit the index and size.
    """
    if not 0 <= index < size:
        raise ProofError("the proof's index lies outside its tree")
    node, last, current = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise ProofError("the proof's path is too long for its tree")
        if node & 1 or node == last:
            current = hashlib.sha256(tag + sibling + current).digest()
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            current = hashlib.sha256(tag + current + sibling).digest()
        node >>= 1
        last >>= 1
    if last != 0:
        raise ProofError("the proof's path is too short for its tree")
    return current
