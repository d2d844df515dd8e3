"""Removes answers whose purpose is over also where nobody asks any more."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

EVERY_SECONDS: Final = 20.0
_LOG: Final = logging.getLogger("verifier_app")


class Tidying:
    """Calls `tidy` now and then, in a thread, between `start` and `close`."""

    def __init__(self, tidy: Callable[[], int], *, every: float = EVERY_SECONDS) -> None:
        self._tidy = tidy
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tidying", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End, and wait for the end."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._every):
            try:
                self._tidy()
            except Exception as error:  # noqa: BLE001 - the next round may succeed
                _LOG.error("tidying failed: %s", type(error).__name__)
