"""A committed state in dictionaries: what storage does, in ten lines, for tests and replays."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from registry_chain.state_machine.block import BlockOutcome
from registry_chain.state_machine.state import StateSummary


class MemoryState:
    """Holds one chain's state in this process; `write` moves it on by one outcome."""

    def __init__(self, founding: BlockOutcome) -> None:
        self.records: dict[bytes, bytes] = {}
        self.superseded: dict[bytes, bytes] = {}
        self.pages: dict[bytes, bytes] = {}
        self.tiles: dict[bytes, bytes] = {}
        self.contents: dict[bytes, bytes] = {}
        self._summary = founding.summary
        self.write(founding)

    @property
    def summary(self) -> StateSummary:
        """Where this state stands."""
        return self._summary

    def get(self, state_key: bytes) -> bytes | None:
        """Return the bytes of the record under a state key."""
        return self.records.get(state_key)

    def get_many(self, state_keys: Collection[bytes]) -> Mapping[bytes, bytes | None]:
        """Return the bytes of each of many records."""
        return {key: self.records.get(key) for key in state_keys}

    def page(self, page_id: bytes) -> bytes | None:
        """Return a page of a tree."""
        return self.pages.get(page_id)

    def tile(self, tile_id: bytes) -> bytes | None:
        """Return a tile of the operation log."""
        return self.tiles.get(tile_id)

    def write(self, outcome: BlockOutcome) -> None:
        """Take over everything that a block changed."""
        self.records.update(outcome.records)
        self.superseded.update(outcome.superseded)
        self.pages.update(outcome.pages)
        self.tiles.update(outcome.tiles)
        self.contents.update(outcome.contents)
        self._summary = outcome.summary
