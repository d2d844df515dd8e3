"""What a node's face may cost: every cap of the HTTP side, with its reason, in one value."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from weid import limits


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A token bucket: `rate` requests a second, and `burst` at once."""

    rate: float
    burst: int


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """Caps and names of one node's HTTP side; times in seconds, sizes in bytes."""

    operator: str = ""
    """Who runs the node, shown on its pages."""
    folder: Path | None = None
    """Where the node's webhooks and the key that signs them are kept; None: it has none."""
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    """Peers whose X-Forwarded-For is believed; from anybody else it is ignored."""
    read_limit: RateLimit = field(default_factory=lambda: RateLimit(rate=200.0, burst=400))
    """Of one peer (an IPv4 address or an IPv6 /64). A verifier needs about five for a check."""
    submit_limit: RateLimit = field(default_factory=lambda: RateLimit(rate=50.0, burst=200))
    """Of one peer; issuers put up to a thousand operations into one transaction."""
    peers: int = 10_000
    """Peers remembered by the rate limits; the one seen longest ago leaves first."""
    threads: int = 16
    """Requests in work at once."""
    waiting: int = 8
    """Long polls held at once: fewer than threads, so that they never starve the others."""
    streams: int = 64
    """Event streams held at once. Each has a server thread of its own beside `threads`."""
    stream_seconds: float = 300.0
    """After which a stream ends and its reader comes back: a node can move readers on, and a
    reader that has gone without a word holds its place no longer."""
    stream_bytes: int = 1024 * 1024
    """After which a stream ends too: less than the server buffers for a connection (16 MiB), so
    that a reader that does not read never holds a thread in the middle of writing."""
    heartbeat_seconds: float = 10.0
    """Between two signs of life on a stream; below the usual 30 s of proxies."""
    wait_seconds: float = 20.0
    """Longest wait of one poll; below the usual 30 s of proxies."""
    submit_seconds: float = 15.0
    """Longest wait for a receipt; after it the client asks again with the same transaction."""
    sockets: int = 2_000
    """Open connections; a thousand idle ones must not keep others out."""
    idle_seconds: int = 30
    """After which a connection that moves no byte is closed."""
    body_bytes: int = 2 * limits.TRANSACTION_BYTES
    """Largest request body: a transaction with its signatures fits twice."""
    page: int = 200
    """Entries of one page of events or of a list."""
