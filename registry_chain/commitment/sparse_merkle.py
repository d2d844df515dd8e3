"""The compact sparse Merkle tree over pages of a store (clause ST-04): updates and proofs.

A leaf stands at the first level where its key is alone. Leaves are set and never taken away, so the
tree depends on the set of keys and values only, and a batch of changes reads and writes each page
that it touches once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from registry_chain.commitment.nodes import PageReader, page_id
from registry_chain.commitment.tree_pages import (
    BUCKET_LEAVES,
    INLINE_LEAVES,
    SLOTS,
    Branch,
    bucket_leaves,
    by_nibble,
    leaves_root,
    merge_leaves,
    write_bucket,
)
from registry_chain.commitment.tree_view import TreeNode, open_tree
from weid.registry.proofs import StateProof, leaf_hash


class TreeUpdate(NamedTuple):
    """What a batch of changes gives: the new root, the pages to write, how many keys are new."""

    root: bytes
    pages: dict[bytes, bytes]
    inserted: int


def update_tree(pages: PageReader, tree: str, changes: Mapping[bytes, bytes]) -> TreeUpdate:
    """Set keys (32 bytes) of a tree to value hashes; the order of `changes` does not matter."""
    if not changes:
        return TreeUpdate(tree_root(pages, tree), {}, 0)
    batch = _Batch(pages, tree)
    leaves = sorted([key + leaf_hash(key, value) for key, value in changes.items()])
    root = batch.update(b"", leaves)
    return TreeUpdate(root, batch.written, batch.inserted)


def tree_root(pages: PageReader, tree: str) -> bytes:
    """Return the root of a tree as its pages stand."""
    return open_tree(pages, tree).hash


class _Batch:
    """One batch of changes on its way down and up the tree."""

    def __init__(self, pages: PageReader, tree: str) -> None:
        self._pages = pages
        self._tree = tree
        self.written: dict[bytes, bytes] = {}
        self.inserted = 0

    def update(self, path: bytes, changes: list[bytes]) -> bytes:
        """Set leaves (ascending, all under `path`) and return the root of the page."""
        name = page_id(self._tree, path)
        raw = self._pages.page(name)
        present = [] if raw is None else bucket_leaves(raw)
        if present is not None:
            return self.create(path, self._merge(present, changes))
        branch = Branch(raw)
        depth = len(path)
        changed = []
        for slot, group in by_nibble(changes, depth):
            changed.append(slot)
            below = path + bytes((slot,))
            if branch.is_page(slot):
                branch.set_page(slot, self.update(below, group))
            else:
                self._place(branch, below, self._merge(branch.leaves(slot), group))
        root = branch.recompute(changed)
        self.written[name] = branch.to_bytes()
        return root

    def _merge(self, present: list[bytes], changes: list[bytes]) -> list[bytes]:
        merged = merge_leaves(present, changes)
        self.inserted += len(merged) - len(present)
        return merged

    def _place(self, branch: Branch, path: bytes, leaves: list[bytes]) -> None:
        """Put leaves into the slot that ends `path`: themselves, or a page of them."""
        slot = path[-1]
        if len(leaves) <= INLINE_LEAVES:
            branch.set_leaves(slot, leaves, leaves_root(leaves, 4 * len(path)))
        else:
            branch.set_page(slot, self.create(path, leaves))

    def create(self, path: bytes, leaves: list[bytes]) -> bytes:
        """Write the page of a whole set of leaves and return its root."""
        name = page_id(self._tree, path)
        if len(leaves) <= BUCKET_LEAVES:
            self.written[name] = write_bucket(leaves)
            return leaves_root(leaves, 4 * len(path))
        branch = Branch()
        for slot, group in by_nibble(leaves, len(path)):
            self._place(branch, path + bytes((slot,)), group)
        root = branch.recompute(list(range(SLOTS)))
        self.written[name] = branch.to_bytes()
        return root


def prove_key(
    pages: PageReader, tree: str, key: bytes, value_hash: Callable[[bytes], bytes]
) -> StateProof:
    """Return the proof that a key is, or is not, in a tree.

    `value_hash` gives the SHA-256 of the record under another key: an absence is shown by the leaf
    that stands in the key's place, and pages keep leaf hashes only.
    """
    siblings: list[bytes] = []
    node: TreeNode = open_tree(pages, tree)
    path = int.from_bytes(key, "big")
    for depth in range(256):
        if node.is_empty or node.leaf is not None:
            break
        left, right = node.split()
        node, sibling = (right, left) if path >> (255 - depth) & 1 else (left, right)
        siblings.append(sibling.hash)
    if node.leaf is None or node.leaf[:32] == key:
        return StateProof(tuple(siblings))
    other = node.leaf[:32]
    return StateProof(tuple(siblings), (other, value_hash(other)))
