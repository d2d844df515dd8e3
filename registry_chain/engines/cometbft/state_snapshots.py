"""State sync as CometBFT asks for it: our snapshots given to others, and one of theirs taken.

What is believed of a snapshot is decided in `registry_chain.state_sync`, in ABCI's words.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from registry_chain.application import RegistryApplication
from registry_chain.state_machine.genesis import Genesis
from registry_chain.state_sync import (
    ChunkAnswer,
    ChunkResult,
    OfferResult,
    SnapshotMaker,
    SnapshotTaker,
    StateSnapshot,
    take_offer,
)

_log = logging.getLogger(__name__)


class StateSnapshots:
    """Gives the snapshots of a maker, and takes one into the application's empty store.

    `on_taken` is told once the chain stands in the store and the application over it.
    """

    def __init__(
        self,
        application: RegistryApplication,
        genesis: Genesis,
        maker: SnapshotMaker,
        *,
        on_taken: Callable[[], None] = lambda: None,
    ) -> None:
        self._application = application
        self._genesis = genesis
        self._maker = maker
        self._on_taken = on_taken
        self._taker: SnapshotTaker | None = None

    def list_snapshots(self) -> Sequence[StateSnapshot]:
        """Return the snapshots that are kept, newest first."""
        return self._maker.offers()

    def load_chunk(self, height: int, format_: int, chunk: int) -> bytes:
        """Return a chunk of a snapshot, empty where it is not kept."""
        return self._maker.chunk(height, format_, chunk) or b""

    def offer_snapshot(self, snapshot: StateSnapshot, app_hash: bytes) -> OfferResult:
        """Say whether to take a snapshot; `app_hash` is the proved one of its height."""
        answer, self._taker = take_offer(
            snapshot, app_hash=app_hash, genesis=self._genesis, store=self._application.store
        )
        if answer.reason:
            _log.warning("snapshot of height %d: %s", snapshot.height, answer.reason)
        return answer.result

    def apply_chunk(self, index: int, chunk: bytes, sender: str) -> ChunkAnswer:
        """Take the next chunk; with the last one the application stands at the snapshot's height.

        Raises:
            StoreFullError, StoreStoppedError: it cannot be written.
        """
        if self._taker is None:
            return ChunkAnswer(ChunkResult.ABORT)
        answer = self._taker.apply(index, chunk, sender)
        if answer.reason:
            _log.warning("snapshot, chunk %d of %s: %s", index, sender, answer.reason)
        if self._taker.finished and not self._application.begun:
            self._application.take_over()
            self._on_taken()
        return answer
