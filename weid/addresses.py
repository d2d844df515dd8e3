"""Addresses in digits: of the open internet, of this machine, or of an inner network; in URLs."""

from __future__ import annotations

import ipaddress
from typing import Final, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

# IPv4 hidden in IPv6 beyond what `ipaddress` names itself: NAT64 (RFC 6052), IPv4-compatible.
_EMBEDDING: Final = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::/96"))


def host_and_port(host: str, port: int) -> str:
    """Return both as a URL has them: an IPv6 address stands in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_public_address(text: str) -> bool:
    """Tell whether an address in digits is one of the open internet, embedded IPv4 included."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None or address.is_site_local:
            return False
        return all(_is_open(inner) for inner in _embedded(address)) and (
            address in _EMBEDDING[0] or _is_open(address)
        )
    return _is_open(address)


def _is_open(address: Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _embedded(address: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if any(address in network for network in _EMBEDDING):
        inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [each for each in inner if each is not None]


def is_loopback_address(text: str) -> bool:
    """Tell whether an address in digits is this machine's own."""
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False
