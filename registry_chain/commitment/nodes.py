"""What trees and log read of a store, and nothing more: two protocols and the names of pages.

A *page* holds the sixteen slots of four levels of a sparse Merkle tree; a *tile* up to 256 hashes
of one level of the operation log. Both are opaque bytes to whoever stores them. Pages and tiles
are overwritten, never deleted; only their newest state is kept.
"""

from __future__ import annotations

from typing import Final, Protocol

STATE_TREE: Final = ""
"""Name of the state tree; every other tree is named by its list id."""

EMPTY_ROOT: Final = bytes(32)
"""Root of a tree, or of a log, without leaves."""


class PageReader(Protocol):
    """Reads pages of sparse Merkle trees."""

    def page(self, page_id: bytes) -> bytes | None:
        """Return the page's bytes, or None where it was never written."""
        ...


class TileReader(Protocol):
    """Reads tiles of the operation log."""

    def tile(self, tile_id: bytes) -> bytes | None:
        """Return a tile: up to 256 hashes of 32 bytes in a row; None where never written.

        Level 0 holds leaf hashes; a hash of level n+1 is the root over one full tile of level n.
        """
        ...


def page_id(tree: str, path: bytes) -> bytes:
    """Return the name of a page: its tree and the nibbles (one for each byte) that lead to it."""
    return tree.encode() + b"\0" + path


def tile_id(level: int, index: int) -> bytes:
    """Return the name of a tile: its level (one byte) and its index there (eight bytes)."""
    return level.to_bytes(1, "big") + index.to_bytes(8, "big")
