"""What the state machine reads: the committed state behind small protocols, and its summary."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from registry_chain.commitment.nodes import EMPTY_ROOT, PageReader, TileReader
from weid.registry.proofs import app_hash


class StateReader(Protocol):
    """Reads records of one committed state."""

    def get(self, state_key: bytes) -> bytes | None:
        """Return the bytes of the record under a state key, or None where there is none."""
        ...

    def get_many(self, state_keys: Collection[bytes]) -> Mapping[bytes, bytes | None]:
        """Return the bytes of each of many records; quicker than asking for each."""
        ...


@dataclass(frozen=True, slots=True)
class StateSummary:
    """Everything that the next block must know of the last one.

    `height` and `time` are those of the last block that was applied (genesis: the height before
    the first block, and the genesis time). Neither enters the app hash: an empty block leaves it.
    """

    network: str
    height: int
    time: int
    smt_root: bytes
    log_size: int
    log_root: bytes

    @property
    def app_hash(self) -> bytes:
        """What a block header commits to (clause ST-10)."""
        return app_hash(self.smt_root, self.log_size, self.log_root)


class CommittedState(StateReader, PageReader, TileReader, Protocol):
    """One committed state, which does not change while it is read."""

    @property
    def summary(self) -> StateSummary:
        """Where this state stands."""
        ...


class EmptyState:
    """The state before genesis: no record, no page, no tile."""

    def __init__(self, network: str, *, height: int, time: int) -> None:
        self._summary = StateSummary(network, height, time, EMPTY_ROOT, 0, EMPTY_ROOT)

    @property
    def summary(self) -> StateSummary:
        """Where this state stands."""
        return self._summary

    def get(self, state_key: bytes) -> bytes | None:  # noqa: ARG002 - there is nothing under any
        """Return None."""
        return None

    def get_many(self, state_keys: Collection[bytes]) -> Mapping[bytes, bytes | None]:
        """Return None for each."""
        return dict.fromkeys(state_keys)

    def page(self, page_id: bytes) -> bytes | None:  # noqa: ARG002 - there is nothing under any
        """Return None."""
        return None

    def tile(self, tile_id: bytes) -> bytes | None:  # noqa: ARG002 - there is nothing under any
        """Return None."""
        return None
