"""Token buckets by the true peer, and who that is."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from registry_chain.node.rate_limit import RateLimiter, true_peer
from registry_chain.node.settings import RateLimit
from tests.support.clauses import clause

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))

PEERS = {
    "a direct peer": ("192.0.2.1", "", "192.0.2.1"),
    "a stranger's header is ignored": ("192.0.2.1", "203.0.113.5", "192.0.2.1"),
    "a listed proxy's header is believed": ("10.0.0.1", "203.0.113.5", "203.0.113.5"),
    "only the right end is the proxy's word": (
        "10.0.0.1", "198.51.100.1, 203.0.113.5", "203.0.113.5",
    ),
    "two listed proxies in a row": ("10.0.0.1", "203.0.113.5, 10.0.0.2", "203.0.113.5"),
    "a proxy without a header": ("10.0.0.1", "", "10.0.0.1"),
    "a header that is no address": ("10.0.0.1", "unknown", "10.0.0.1"),
    "a header with a port": ("10.0.0.1", "203.0.113.5:80", "10.0.0.1"),
    "an IPv6 host is its /64": ("2001:db8::1:2:3:4", "", "2001:db8::/64"),
    "another address of the same /64": ("2001:db8::ffff", "", "2001:db8::/64"),
    "IPv4 in IPv6 is IPv4": ("::ffff:192.0.2.1", "", "192.0.2.1"),
    "a proxy over IPv6": ("fd00::1", "203.0.113.5", "203.0.113.5"),
    "no address at all": ("", "203.0.113.5", ""),
    "a header of ten thousand entries": ("192.0.2.1", ", ".join(["10.0.0.1"] * 10_000), "192.0.2.1"),
}  # fmt: skip


@clause("W29", "NA-15")
@pytest.mark.parametrize("what", PEERS)
def test_the_true_peer_is(what):
    remote, forwarded, expected = PEERS[what]
    assert true_peer(remote, forwarded, PROXIES) == expected


def test_a_bucket_empties_and_fills_again():
    now = [0.0]
    limiter = RateLimiter(RateLimit(rate=2, burst=2), peers=10, monotonic=lambda: now[0])
    assert [limiter.take("a") for _ in range(3)] == [0.0, 0.0, 0.5]
    assert limiter.take("b") == 0.0
    now[0] = 0.5
    assert limiter.take("a") == 0.0
    assert limiter.take("a") > 0
    now[0] = 1000.0
    assert [limiter.take("a") for _ in range(3)][:2] == [0.0, 0.0]


@clause("B21", "NA-15")
def test_no_more_peers_are_remembered_than_allowed():
    limiter = RateLimiter(RateLimit(rate=1, burst=1), peers=100, monotonic=lambda: 0.0)
    for number in range(10_000):
        limiter.take(str(number))
    assert len(limiter) == 100
