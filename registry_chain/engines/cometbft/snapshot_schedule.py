"""When a node makes the snapshots that it gives to others: every so many blocks."""

from __future__ import annotations

import logging
import threading
from typing import Final

from registry_chain.application import RegistryApplication
from registry_chain.state_sync import SnapshotMaker
from registry_chain.storage.errors import StoreDamagedError, StoreRefusedError
from weid.errors import RegistryUnavailableError

EVERY: Final = 1_000
"""Blocks from one snapshot to the next, unless told otherwise: eight hours of heartbeats."""
_LOOK_SECONDS: Final = 0.5

_log = logging.getLogger(__name__)


class SnapshotSchedule:
    """A thread that makes a snapshot every so many blocks, from `start` to `stop`.

    All nodes choose the same heights where they can, so that a joining one may ask any of them for
    any piece.
    """

    def __init__(
        self,
        application: RegistryApplication,
        maker: SnapshotMaker,
        *,
        every: int = EVERY,
    ) -> None:
        self._application = application
        self._maker = maker
        self._closing = threading.Event()
        self._every = every
        self._thread = threading.Thread(target=self._run, name="snapshots", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; a snapshot in work is finished first."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        made = max((found.height for found in self._maker.manifests()), default=0)
        while not self._closing.wait(_LOOK_SECONDS):
            height = self._application.position.summary.height
            if height // self._every > made // self._every:
                made = self._make(height)

    def _make(self, height: int) -> int:
        try:
            return self._maker.make().height
        except (StoreRefusedError, StoreDamagedError, RegistryUnavailableError) as error:
            _log.warning("no snapshot at height %d: %s", height, error.message)
            return height
