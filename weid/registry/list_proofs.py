"""Proofs of complete lists: these are all the records of a list, none is kept back (ST-07).

An index record holds a list's count and the root of a sparse Merkle tree of its own, whose keys
are the state keys of the listed records and whose values the SHA-256 of their bytes. A page of the
list is a contiguous range of keys: everything in the range is shown, everything outside is a hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, cast

from weid.cbor import cbor_decode, cbor_encode
from weid.errors import MalformedError, ProofError
from weid.registry.proofs import EMPTY, leaf_hash, node_hash
from weid.registry.records import IndexRecord

FIRST_KEY: Final = bytes(32)
"""Where the first page of a list begins."""

NODE_EMPTY: Final = b""
NODE_BRANCH: Final = b"\x01"
NODE_SHOWN: Final = b"\x02"
_HASH_BYTES: Final = 32
_LEAF_BYTES: Final = 64
_KEY_BITS: Final = 256
_ALL: Final = 1 << _KEY_BITS
_PROOF_BYTES: Final = 128 * 1024


@dataclass(frozen=True, slots=True)
class ListProof:
    """That a page shows all of a list's records with keys from `start` to before `end`.

    `end` is the first key of the next page, or empty on the last page. `nodes` describes the
    boundary of the range, walking from the root, left before right: the hash of a subtree outside
    the range (32 bytes); and for a node that the boundary cuts: nothing (an empty subtree), `01` (a
    branch, whose children follow), `02` (one of the shown records), or a leaf outside the range
    (64 bytes: key and value hash). A proof of a whole list has no nodes.
    """

    start: bytes
    end: bytes
    nodes: tuple[bytes, ...] = ()

    @property
    def last(self) -> bool:
        """Whether no page follows."""
        return not self.end

    def to_bytes(self) -> bytes:
        """Return the proof as CBOR."""
        return cbor_encode([1, self.start, self.end, list(self.nodes)])

    @classmethod
    def from_bytes(cls, data: bytes) -> ListProof:
        """Read a proof.

        Raises:
            MalformedError: not a proof in its only spelling.
        """
        value = cbor_decode(data, what="the list proof", max_bytes=_PROOF_BYTES)
        if type(value) is not list or len(value) != 4 or value[0] != 1:
            raise MalformedError("the list proof has another form or version")
        _, start, end, nodes = value
        if type(start) is not bytes or len(start) != _HASH_BYTES:
            raise MalformedError("the list proof has no proper start")
        if type(end) is not bytes or len(end) not in {0, _HASH_BYTES}:
            raise MalformedError("the list proof has no proper end")
        if type(nodes) is not list or any(type(node) is not bytes for node in nodes):
            raise MalformedError("the list proof has no proper nodes")
        return cls(start, end, tuple(cast("list[bytes]", nodes)))


@dataclass(frozen=True, slots=True)
class ListPage:
    """Some records of a list (state key and bytes, ascending by key) and the proof of the page."""

    entries: tuple[tuple[bytes, bytes], ...]
    proof: ListProof


def verify_list_page(index: IndexRecord, page: ListPage) -> None:
    """Require that a page shows every record of the list in its range of keys.

    Raises:
        ProofError: it does not.
    """
    start = int.from_bytes(page.proof.start, "big")
    end = _ALL if page.proof.last else int.from_bytes(page.proof.end, "big")
    keys = [int.from_bytes(key, "big") for key, _ in page.entries]
    if any(low >= high for low, high in zip([start - 1, *keys], [*keys, end], strict=True)):
        raise ProofError("the page's records are not in order, or not within its range")
    leaves = [
        (key, leaf_hash(raw, hashlib.sha256(value).digest()))
        for key, (raw, value) in zip(keys, page.entries, strict=True)
    ]
    walk = _Walk(start, end, page.proof.nodes)
    if walk.root(0, 0, leaves) != index.root:
        raise ProofError("the page does not lead to the root of its list")
    walk.require_all_used()


def verify_complete_list(index: IndexRecord, pages: Iterable[ListPage]) -> None:
    """Require that pages, in order, are the whole list.

    Raises:
        ProofError: one is wrong, missing, or too many.
    """
    expected = FIRST_KEY
    count = 0
    ended = False
    for page in pages:
        if ended or page.proof.start != expected:
            raise ProofError("the pages of the list do not follow each other")
        verify_list_page(index, page)
        count += len(page.entries)
        expected, ended = page.proof.end, page.proof.last
    if not ended or count != index.count:
        raise ProofError("the pages are not the whole list")


def verify_absent_list(record: IndexRecord | None, entries: Sequence[object]) -> None:
    """Require that a list that was never begun is answered by nothing.

    Raises:
        ProofError: there are entries, or there is an index record.
    """
    if record is not None or entries:
        raise ProofError("a list without index record has no records")


class _Walk:
    """Recomputes a root from shown leaves and boundary nodes, each used exactly once."""

    def __init__(self, start: int, end: int, nodes: Sequence[bytes]) -> None:
        self._start = start
        self._end = end
        self._nodes = iter(nodes)

    def root(self, low: int, depth: int, leaves: list[tuple[int, bytes]]) -> bytes:
        """Return the hash of the subtree of keys from `low` on, `depth` levels below the root."""
        high = low + (1 << _KEY_BITS - depth)
        if high <= self._start or low >= self._end:
            return self._outside()
        if self._start <= low and high <= self._end:
            return _subtree(low, depth, leaves)
        node = self._next()
        if node == NODE_BRANCH and depth < _KEY_BITS:
            middle = low + (1 << _KEY_BITS - depth - 1)
            left = self.root(low, depth + 1, [leaf for leaf in leaves if leaf[0] < middle])
            right = self.root(middle, depth + 1, [leaf for leaf in leaves if leaf[0] >= middle])
            return node_hash(left, right)
        if node == NODE_SHOWN and len(leaves) == 1:
            return leaves[0][1]
        if leaves:
            raise ProofError("the page's boundary leaves out a record that it shows")
        if node == NODE_EMPTY:
            return EMPTY
        return self._leaf_outside(node, low, high)

    def _next(self) -> bytes:
        node = next(self._nodes, None)
        if node is None:
            raise ProofError("the page's boundary has too few nodes")
        return node

    def _outside(self) -> bytes:
        node = self._next()
        if len(node) != _HASH_BYTES:
            raise ProofError("the page's boundary has something else than a hash")
        return node

    def _leaf_outside(self, node: bytes, low: int, high: int) -> bytes:
        key = int.from_bytes(node[:_HASH_BYTES], "big")
        if len(node) != _LEAF_BYTES or not low <= key < high or self._start <= key < self._end:
            raise ProofError("the page's boundary has a leaf that belongs elsewhere")
        return leaf_hash(node[:_HASH_BYTES], node[_HASH_BYTES:])

    def require_all_used(self) -> None:
        if next(self._nodes, None) is not None:
            raise ProofError("the page's boundary has too many nodes")


def _subtree(low: int, depth: int, leaves: list[tuple[int, bytes]]) -> bytes:
    """Return the hash of a subtree whose leaves (ascending) are all at hand."""
    if not leaves:
        return EMPTY
    if len(leaves) == 1:
        return leaves[0][1]
    middle = low + (1 << _KEY_BITS - depth - 1)
    at = sum(1 for key, _ in leaves if key < middle)
    left = _subtree(low, depth + 1, leaves[:at])
    return node_hash(left, _subtree(middle, depth + 1, leaves[at:]))
