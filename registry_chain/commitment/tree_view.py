"""A sparse Merkle tree as its verifier thinks of it: nodes that are empty, a leaf, or split in two.

Whatever pages look like, proofs are made over this view.
"""

from __future__ import annotations

from typing import Protocol

from registry_chain.commitment.nodes import EMPTY_ROOT, PageReader, page_id
from registry_chain.commitment.tree_pages import (
    SLOTS,
    Branch,
    bucket_leaves,
    leaves_root,
    split_at,
)


class TreeNode(Protocol):
    """A node of a tree."""

    @property
    def hash(self) -> bytes:
        """The hash that its parent holds of it."""
        ...

    @property
    def is_empty(self) -> bool:
        """Whether there is no leaf below it."""
        ...

    @property
    def leaf(self) -> bytes | None:
        """The only leaf (64 bytes: key and leaf hash) below it, if it has just one."""
        ...

    def split(self) -> tuple[TreeNode, TreeNode]:
        """Return its two halves; for a node with at least two leaves."""
        ...


def open_tree(pages: PageReader, tree: str) -> TreeNode:
    """Return the root of a tree."""
    return _open_page(pages, tree, b"")


def _open_page(pages: PageReader, tree: str, path: bytes) -> TreeNode:
    raw = pages.page(page_id(tree, path))
    leaves = [] if raw is None else bucket_leaves(raw)
    if leaves is not None:
        return _LeafSet(leaves, 4 * len(path))
    return _BranchNode(pages, tree, path, Branch(raw), 1)


class _LeafSet:
    """A node whose leaves are all at hand."""

    def __init__(self, leaves: list[bytes], depth: int) -> None:
        self._leaves = leaves
        self._depth = depth

    @property
    def hash(self) -> bytes:
        return leaves_root(self._leaves, self._depth) if self._leaves else EMPTY_ROOT

    @property
    def is_empty(self) -> bool:
        return not self._leaves

    @property
    def leaf(self) -> bytes | None:
        return self._leaves[0] if len(self._leaves) == 1 else None

    def split(self) -> tuple[TreeNode, TreeNode]:
        at = split_at(self._leaves, self._depth)
        below = self._depth + 1
        return _LeafSet(self._leaves[:at], below), _LeafSet(self._leaves[at:], below)


class _BranchNode:
    """A node of a branch page, by its number there (1 to 15)."""

    def __init__(
        self, pages: PageReader, tree: str, path: bytes, branch: Branch, number: int
    ) -> None:
        self._pages = pages
        self._tree = tree
        self._path = path
        self._branch = branch
        self._number = number

    @property
    def hash(self) -> bytes:
        if self._number > 1:
            return self._branch.node(self._number)
        return self._branch.recompute([0])

    @property
    def is_empty(self) -> bool:
        return self._branch.count(self._number) == 0

    @property
    def leaf(self) -> bytes | None:
        if self._branch.count(self._number) != 1:
            return None
        return self._branch.lone_leaf(self._number)

    def split(self) -> tuple[TreeNode, TreeNode]:
        return self._below(2 * self._number), self._below(2 * self._number + 1)

    def _below(self, number: int) -> TreeNode:
        if number < SLOTS:
            return _BranchNode(self._pages, self._tree, self._path, self._branch, number)
        slot = number - SLOTS
        if self._branch.is_page(slot):
            return _PageNode(self._pages, self._tree, self._path + bytes((slot,)), self._branch)
        return _LeafSet(self._branch.leaves(slot), 4 * len(self._path) + 4)


class _PageNode:
    """A node that is a page of its own, opened only when it is asked for more than its hash."""

    def __init__(self, pages: PageReader, tree: str, path: bytes, above: Branch) -> None:
        self._pages = pages
        self._tree = tree
        self._path = path
        self._above = above

    @property
    def hash(self) -> bytes:
        return self._above.node(SLOTS + self._path[-1])

    @property
    def is_empty(self) -> bool:
        return False

    @property
    def leaf(self) -> bytes | None:
        return None

    def split(self) -> tuple[TreeNode, TreeNode]:
        return _open_page(self._pages, self._tree, self._path).split()
