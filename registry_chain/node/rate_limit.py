"""Rate limits by the true peer, bounded in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network
from ipaddress import ip_address as parse_address

from registry_chain.node.settings import RateLimit

_IPV6_PREFIX = 64


class RateLimiter:
    """One token bucket for each peer.

    `monotonic` returns seconds that never go back; it is not a clock of the chain. At most
    `peers` buckets are kept; a peer that was forgotten begins with a full one.
    """

    def __init__(self, limit: RateLimit, *, peers: int, monotonic: Callable[[], float]) -> None:
        self._limit = limit
        self._peers = peers
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, peer: str) -> float:
        """Take one token; return 0 when there was one, else the seconds until there is."""
        now = self._monotonic()
        limit = self._limit
        with self._lock:
            tokens, seen = self._buckets.pop(peer, (float(limit.burst), now))
            tokens = min(float(limit.burst), tokens + (now - seen) * limit.rate)
            wait = 0.0 if tokens >= 1 else (1 - tokens) / limit.rate
            self._buckets[peer] = (tokens - 1 if wait == 0 else tokens, now)
            while len(self._buckets) > self._peers:
                self._buckets.popitem(last=False)
        return wait

    def __len__(self) -> int:
        """Return how many peers are remembered."""
        return len(self._buckets)


def true_peer(remote: str, forwarded: str, trusted: tuple[IPv4Network | IPv6Network, ...]) -> str:
    """Return who is asking: the connection's other end, or whom a listed proxy names.

    `forwarded` is X-Forwarded-For. It is read from its right end, and only as long as the address
    to the right of an entry is a listed proxy: what a stranger wrote is never believed (W29).
    IPv6 peers are counted by their /64, since one host has all of it.
    """
    peer = _address(remote)
    for entry in reversed([part.strip() for part in forwarded.split(",") if part.strip()]):
        if peer is None or not any(peer in network for network in trusted):
            break
        named = _address(entry)
        if named is None:
            break
        peer = named
    if peer is None:
        return remote
    if isinstance(peer, IPv6Address):
        return str(IPv6Network((peer, _IPV6_PREFIX), strict=False))
    return str(peer)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = parse_address(text)
    except (AddressValueError, ValueError):
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
