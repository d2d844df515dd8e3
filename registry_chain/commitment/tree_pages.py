"""Pages of a sparse Merkle tree as bytes: leaf sets, and the two kinds of page.

A leaf is 64 bytes: key and leaf hash. A *bucket* is a few leaves in order. A *branch* stands for
four levels of the tree: sixteen slots, each empty, a few leaves, or a page of its own further down,
and the hashes of its 30 lower nodes, so that a change recomputes four of them and not fifteen.
Which form a set of leaves takes depends on the set only. None of this is part of any proof.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from typing import Final

from weid.registry.proofs import EMPTY

SLOTS: Final = 16
INLINE_LEAVES: Final = 4
"""Leaves that a slot holds itself; more become a page."""
BUCKET_LEAVES: Final = 12
"""Leaves that a page holds without being a branch."""

_BUCKET: Final = 0
_BRANCH: Final = 1
_LEAF: Final = 64
_HASH: Final = 32
_LEAF_BITS: Final = 8 * _LEAF
# A branch: its kind (1), inline leaves by slot (16), bitmap of pages (2), nodes 2 to 31, leaves.
_COUNTS: Final = 1
_BITMAP: Final = _COUNTS + SLOTS
_NODES: Final = _BITMAP + 2
_NODE_ROW: Final = struct.Struct("32s" * 30)
_LEAVES: Final = _NODES + _NODE_ROW.size
_NODE: Final = b"\x01"


def split_leaves(raw: bytes) -> list[bytes]:
    """Return the leaves that lie in a row of bytes."""
    return [raw[at : at + _LEAF] for at in range(0, len(raw), _LEAF)]


def leaves_root(leaves: list[bytes], depth: int) -> bytes:
    """Return the root over ascending leaves (one at least) that share their first `depth` bits."""
    first, last = leaves[0], leaves[-1]
    count = len(leaves)
    if count == 1:
        return first[_HASH:]
    # Down to where the first and the last part, all leaves are on one side: those levels are
    # nodes with an empty half, made after the fork below them.
    low = int.from_bytes(first, "big")
    fork = _LEAF_BITS - (low ^ int.from_bytes(last, "big")).bit_length()
    left, right = first[_HASH:], last[_HASH:]
    if count > 2:  # two is the usual case
        byte, mask = fork >> 3, 0x80 >> (fork & 7)
        at = 1
        while not leaves[at][byte] & mask:
            at += 1
        if at > 1:
            left = leaves_root(leaves[:at], fork + 1)
        if at < count - 1:
            right = leaves_root(leaves[at:], fork + 1)
    root = hashlib.sha256(_NODE + left + right).digest()
    for level in range(fork - 1, depth - 1, -1):
        pair = EMPTY + root if low >> _LEAF_BITS - 1 - level & 1 else root + EMPTY
        root = hashlib.sha256(_NODE + pair).digest()
    return root


def split_at(leaves: list[bytes], depth: int) -> int:
    """Return how many of ascending leaves have a 0 as the bit at `depth`."""
    byte, mask = depth >> 3, 0x80 >> (depth & 7)
    for at, leaf in enumerate(leaves):
        if leaf[byte] & mask:
            return at
    return len(leaves)


def merge_leaves(present: list[bytes], changes: list[bytes]) -> list[bytes]:
    """Return leaves with others set among them, ascending."""
    if not present:
        return changes
    by_key = {leaf[:_HASH]: leaf for leaf in present}
    for leaf in changes:
        by_key[leaf[:_HASH]] = leaf
    return sorted(by_key.values())


def by_nibble(leaves: list[bytes], depth: int) -> Iterable[tuple[int, list[bytes]]]:
    """Return leaves by the nibble number `depth` of their keys, ascending."""
    byte, shift = depth >> 1, 0 if depth & 1 else 4
    if len(leaves) == 1:
        return ((leaves[0][byte] >> shift & 15, leaves),)
    groups: dict[int, list[bytes]] = {}
    for leaf in leaves:
        groups.setdefault(leaf[byte] >> shift & 15, []).append(leaf)
    return groups.items()


def write_bucket(leaves: list[bytes]) -> bytes:
    """Return a bucket page."""
    return bytes((_BUCKET,)) + b"".join(leaves)


def bucket_leaves(raw: bytes) -> list[bytes] | None:
    """Return the leaves of a bucket page, or None where it is a branch."""
    return split_leaves(raw[1:]) if raw[0] == _BUCKET else None


class Branch:
    """A branch page, opened to be read or changed.

    Its nodes are numbered as in a heap: 1 is its own, `2i` and `2i + 1` are the children of `i`,
    and 16 to 31 are the slots.
    """

    __slots__ = ("_bitmap", "_counts", "_leaves", "_nodes")

    def __init__(self, raw: bytes | None = None) -> None:
        if raw is None:
            self._counts = bytearray(SLOTS)
            self._bitmap = 0
            self._nodes = [EMPTY] * (2 * SLOTS)
            self._leaves = b""
        else:
            self._counts = bytearray(raw[_COUNTS:_BITMAP])
            self._bitmap = raw[_BITMAP] << 8 | raw[_BITMAP + 1]
            self._nodes = [EMPTY, EMPTY, *_NODE_ROW.unpack_from(raw, _NODES)]
            self._leaves = raw[_LEAVES:]

    def to_bytes(self) -> bytes:
        """Return the page."""
        head = bytes((_BRANCH, *self._counts)) + self._bitmap.to_bytes(2, "big")
        return head + b"".join(self._nodes[2:]) + self._leaves

    def is_page(self, slot: int) -> bool:
        """Return whether a slot is a page further down."""
        return bool(self._bitmap & 0x8000 >> slot)

    def leaves(self, slot: int) -> list[bytes]:
        """Return the leaves that a slot holds itself."""
        count = self._counts[slot]
        at = _LEAF * sum(self._counts[:slot])
        return split_leaves(self._leaves[at : at + _LEAF * count])

    def set_leaves(self, slot: int, leaves: list[bytes], root: bytes) -> None:
        """Let a slot hold leaves with this root."""
        at = _LEAF * sum(self._counts[:slot])
        end = at + _LEAF * self._counts[slot]
        self._leaves = b"".join((self._leaves[:at], *leaves, self._leaves[end:]))
        self._counts[slot] = len(leaves)
        self._nodes[SLOTS + slot] = root

    def set_page(self, slot: int, root: bytes) -> None:
        """Let a slot be a page further down, which has this root."""
        if self._counts[slot]:
            self.set_leaves(slot, [], root)
        self._bitmap |= 0x8000 >> slot
        self._nodes[SLOTS + slot] = root

    def node(self, number: int) -> bytes:
        """Return the hash of a node from 2 to 31."""
        return self._nodes[number]

    def recompute(self, slots: list[int]) -> bytes:
        """Recompute the nodes above changed slots (ascending) and return the page's own."""
        nodes, sha256 = self._nodes, hashlib.sha256
        numbers = [SLOTS + slot >> 1 for slot in slots]
        while True:
            done = 0
            for number in numbers:
                if number == done:
                    continue
                done = number
                left, right = nodes[2 * number], nodes[2 * number + 1]
                if EMPTY in (left, right):
                    nodes[number] = self._sparse(number, left, right)
                else:
                    nodes[number] = sha256(_NODE + left + right).digest()
            if done == 1:
                return nodes[1]
            numbers = [number >> 1 for number in numbers]

    def _sparse(self, number: int, left: bytes, right: bytes) -> bytes:
        """Return the hash of a node one of whose halves is empty: a lone leaf rises."""
        count = self.count(number)
        if count == 0:
            return EMPTY
        if count == 1:
            return right if left == EMPTY else left
        return hashlib.sha256(_NODE + left + right).digest()

    def count(self, number: int) -> int:
        """Return how many leaves are below a node: 0, 1, or more (then any number above 1)."""
        width = SLOTS >> (number.bit_length() - 1)
        first = number * width - SLOTS
        if self._bitmap << first & 0xFFFF & ~(0xFFFF >> width):
            return 2
        return sum(self._counts[first : first + width])

    def lone_leaf(self, number: int) -> bytes:
        """Return the only leaf below a node whose count is 1."""
        width = SLOTS >> (number.bit_length() - 1)
        first = number * width - SLOTS
        return next(leaf for slot in range(first, first + width) for leaf in self.leaves(slot))
