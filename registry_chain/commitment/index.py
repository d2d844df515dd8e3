"""Proving lists: pages of a list's own tree, as `weid.registry.list_proofs` checks them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from registry_chain.commitment.nodes import PageReader
from registry_chain.commitment.tree_view import TreeNode, open_tree
from weid.registry.list_proofs import (
    FIRST_KEY,
    NODE_BRANCH,
    NODE_EMPTY,
    NODE_SHOWN,
    ListPage,
    ListProof,
)

_KEY_BITS: Final = 256
_ALL: Final = 1 << _KEY_BITS
_HASH_BYTES: Final = 32


def list_keys(
    pages: PageReader, list_id: str, start: bytes = FIRST_KEY, limit: int = -1
) -> list[bytes]:
    """Return state keys of a list from `start` on, ascending; at most `limit`, unless negative."""
    found: list[bytes] = []
    _collect(open_tree(pages, list_id), 0, 0, int.from_bytes(start, "big"), limit, found)
    return found


def _collect(
    node: TreeNode, low: int, depth: int, start: int, limit: int, found: list[bytes]
) -> None:
    size = 1 << _KEY_BITS - depth
    if node.is_empty or low + size <= start or 0 <= limit <= len(found):
        return
    leaf = node.leaf
    if leaf is None:
        left, right = node.split()
        _collect(left, low, depth + 1, start, limit, found)
        _collect(right, low + size // 2, depth + 1, start, limit, found)
    elif int.from_bytes(leaf[:_HASH_BYTES], "big") >= start:
        found.append(leaf[:_HASH_BYTES])


def prove_list_page(
    pages: PageReader,
    list_id: str,
    value: Callable[[bytes], bytes],
    value_hash: Callable[[bytes], bytes],
    *,
    start: bytes = FIRST_KEY,
    limit: int,
) -> ListPage:
    """Return the page of at most `limit` (at least 1) records from the key `start` on.

    `value` gives the record bytes under a state key, `value_hash` their SHA-256.
    """
    keys = list_keys(pages, list_id, start, limit + 1)
    end = keys[limit] if len(keys) > limit else b""
    entries = tuple([(key, value(key)) for key in keys[:limit]])
    boundary = _Boundary(start, end, value_hash)
    boundary.walk(open_tree(pages, list_id), 0, 0)
    return ListPage(entries, ListProof(start, end, tuple(boundary.nodes)))


def prove_range(
    pages: PageReader,
    tree: str,
    value_hash: Callable[[bytes], bytes],
    *,
    start: bytes,
    end: bytes,
) -> ListProof:
    """Return the proof of the records with keys from `start` to before `end` (empty: to the last).

    For whoever has the records at hand: only the boundary is read.
    """
    boundary = _Boundary(start, end, value_hash)
    boundary.walk(open_tree(pages, tree), 0, 0)
    return ListProof(start, end, tuple(boundary.nodes))


class _Boundary:
    """Walks a list's tree along the two ends of a range and notes what lies there."""

    def __init__(self, start: bytes, end: bytes, value_hash: Callable[[bytes], bytes]) -> None:
        self._start = int.from_bytes(start, "big")
        self._end = int.from_bytes(end, "big") if end else _ALL
        self._value_hash = value_hash
        self.nodes: list[bytes] = []

    def walk(self, node: TreeNode, low: int, depth: int) -> None:
        """Note what the verifier asks for of a node, in its order: left before right."""
        size = 1 << _KEY_BITS - depth
        high = low + size
        if high <= self._start or low >= self._end:
            self.nodes.append(node.hash)
        elif self._start <= low and high <= self._end:
            return
        elif node.is_empty:
            self.nodes.append(NODE_EMPTY)
        elif node.leaf is not None:
            key = node.leaf[:_HASH_BYTES]
            inside = self._start <= int.from_bytes(key, "big") < self._end
            self.nodes.append(NODE_SHOWN if inside else key + self._value_hash(key))
        else:
            self.nodes.append(NODE_BRANCH)
            left, right = node.split()
            self.walk(left, low, depth + 1)
            self.walk(right, low + size // 2, depth + 1)
