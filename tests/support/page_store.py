"""Pages and tiles in dictionaries, for trees and logs of their own."""

from __future__ import annotations

from registry_chain.commitment.operation_log import LogUpdate
from registry_chain.commitment.sparse_merkle import TreeUpdate


class PageStore:
    """Keeps what updates write, and counts what is read."""

    def __init__(self) -> None:
        self.pages: dict[bytes, bytes] = {}
        self.tiles: dict[bytes, bytes] = {}

    def page(self, page_id: bytes) -> bytes | None:
        return self.pages.get(page_id)

    def tile(self, tile_id: bytes) -> bytes | None:
        return self.tiles.get(tile_id)

    def apply(self, update: TreeUpdate | LogUpdate) -> bytes:
        """Write an update and return its root."""
        if isinstance(update, TreeUpdate):
            self.pages.update(update.pages)
        else:
            self.tiles.update(update.tiles)
        return update.root
