"""Where a request comes from, for limits alone: the true caller behind listed proxies."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection

from flask import current_app, request


def source_of(peer: str, forwarded: str, proxies: Collection[str]) -> str:
    """Return the address that counts as one source, or the network of one IPv6 subscriber.

    `forwarded` is X-Forwarded-For: read from its end, as far as listed proxies wrote it.
    """
    for hop in reversed(forwarded.split(",")):
        if peer not in proxies:
            break
        try:
            peer = str(ipaddress.ip_address(hop.strip()))
        except ValueError:
            break
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer
    if address.version == 6:
        return str(ipaddress.ip_network((int(address), 64), strict=False))
    return str(address)


def current_source() -> str:
    """Return the source of the current request."""
    return source_of(
        request.remote_addr or "",
        request.headers.get("X-Forwarded-For", ""),
        current_app.extensions["verifier_settings"].trusted_proxies,
    )
