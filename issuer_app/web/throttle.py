"""How often one peer may ask: counters in memory, one for each minute."""

from __future__ import annotations

import ipaddress

from issuer_app.errors import TooManyRequestsError
from weid.clock import Clock


class Throttle:
    """Counts what each peer asks in a minute, in memory, for at most `most_peers` peers."""

    def __init__(self, *, per_minute: int, clock: Clock, most_peers: int = 10_000) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._most_peers = most_peers
        self._minute = 0
        self._counts: dict[str, int] = {}

    def require(self, peer: str) -> None:
        """Count one request of the peer.

        Raises:
            TooManyRequestsError: more than allowed in this minute.
        """
        peer, now = _bucket(peer), self._clock.now()
        if now // 60 != self._minute or len(self._counts) > self._most_peers:
            self._minute, self._counts = now // 60, {}
        count = self._counts[peer] = self._counts.get(peer, 0) + 1
        if count > self._per_minute:
            raise TooManyRequestsError("too many requests", retry_after=60 - now % 60)


def _bucket(peer: str) -> str:
    """Return what is counted: an IPv4 address, or an IPv6 network of one subscriber."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
