"""The background scrubber: looks at every stored byte again, now and then (D7).

What it finds makes the node not ready and is told in the log; reading goes on, since every answer
is proved and a damaged one is refused by its reader.
"""

from __future__ import annotations

import logging
import threading
from typing import Final

from registry_chain.storage.errors import StoreDamagedError
from registry_chain.storage.integrity import find_damage
from registry_chain.storage.store import ChainStore
from weid.errors import RegistryUnavailableError

EVERY: Final = 6 * 3600.0
"""Seconds between two looks at everything."""
_TOLD: Final = 10

_log = logging.getLogger(__name__)


class Scrubber:
    """A thread that runs until `closing` is set; what it finds goes into `faults`.

    `sealed` as False says that the newest blocks may follow their state, as under CometBFT.
    """

    def __init__(
        self,
        store: ChainStore,
        faults: list[str],
        closing: threading.Event,
        *,
        every: float = EVERY,
        sealed: bool = True,
    ) -> None:
        self._store = store
        self._faults = faults
        self._closing = closing
        self._every = every
        self._sealed = sealed
        self._thread = threading.Thread(target=self._run, name="scrubber", daemon=True)

    def start(self) -> None:
        """Begin; the first look is after the first interval."""
        self._thread.start()

    def look(self) -> None:
        """Look at everything once."""
        try:
            for damage in find_damage(self._store, sealed=self._sealed):
                if self._closing.is_set() or len(self._faults) >= _TOLD:
                    return
                self._tell(str(damage))
        except StoreDamagedError as error:
            self._tell(error.message)
        except RegistryUnavailableError as error:
            # The snapshot was taken back because writers needed it; next time.
            _log.warning("the look at the store was broken off: %s", error.message)

    def _tell(self, fault: str) -> None:
        if fault not in self._faults:
            self._faults.append(fault)
            _log.critical("the store is damaged: %s", fault)

    def _run(self) -> None:
        while not self._closing.wait(self._every):
            self.look()
