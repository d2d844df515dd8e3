"""A node that stays alone is started again: CometBFT gives up dialling peers that refuse it.

A node that was started before the governors admitted it is refused by every peer, and CometBFT
then dials no more, also when it has been admitted since (seen with 0.39.4). Nothing but a new
start helps; a node without peers and without blocks has nothing to lose by one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final, Protocol

from weid import limits
from weid.errors import MalformedError, RegistryUnavailableError

ALONE_SECONDS: Final = 5 * limits.HEARTBEAT
"""Longest time without a peer and without a block; a node that makes blocks alone is not alone.
Longer than what the supervisor takes for a crash."""
_LOOK_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)


class PeerSource(Protocol):
    """Where the peers are asked for: the node's own CometBFT."""

    def peers(self) -> tuple[str, ...]:
        """Return the ids of those that are connected."""
        ...


class Loneliness:
    """For how long a node has had neither a peer nor a new block; times in seconds."""

    def __init__(self, now: float) -> None:
        self._since = now
        self._height = -1

    def look(self, now: float, *, peers: int, height: int) -> float:
        """Take note of what there is; return the seconds since there was anything."""
        if peers or height != self._height:
            self._since, self._height = now, height
        return now - self._since


class PeerWatch:
    """A thread that tells `on_alone`, once, when a node was alone for too long.

    `height` gives the newest block's; `monotonic` seconds that never go back.
    """

    def __init__(
        self,
        source: PeerSource,
        height: Callable[[], int],
        *,
        on_alone: Callable[[str], None],
        monotonic: Callable[[], float],
        seconds: float = ALONE_SECONDS,
        look: float = _LOOK_SECONDS,
    ) -> None:
        self._source = source
        self._height = height
        self._on_alone = on_alone
        self._monotonic = monotonic
        self._seconds = seconds
        self._look = look
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="peers", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._closing.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        loneliness = Loneliness(self._monotonic())
        while not self._closing.wait(self._look):
            try:
                peers = len(self._source.peers())
            except RegistryUnavailableError:
                continue  # it does not answer yet: the supervisor looks after that
            except MalformedError as error:
                _log.warning("the peers are not known now: %s", error.message)
                continue
            alone = loneliness.look(self._monotonic(), peers=peers, height=self._height())
            if alone >= self._seconds:
                _log.warning("no peer and no block for %d s", alone)
                self._on_alone(
                    f"no peer was connected for {round(alone)} s, and CometBFT may dial no more"
                )
                return
