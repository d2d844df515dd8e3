"""The socket that the server listens on, bound before the server is built.

The server's own binding leaves sockets behind when the address is taken, and a name with several
addresses gives it no one address to announce.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping
from typing import Any, Final

from issuer_app.errors import SettingsError
from weid.addresses import host_and_port

_HINTS: Final[Mapping[int | None, str]] = {
    errno.EADDRINUSE: "stop what listens there (this server, started twice?),"
    " or set another listen in the settings.",
    errno.EACCES: "set listen to a port above 1023.",
}
_OTHER: Final = "set listen to an address of this machine, such as 127.0.0.1:8480."


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of `host:port` or `[host]:port`; port 0 takes any free one.

    Raises:
        ValueError: it is not of that form.
    """
    host, _, port = address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("an IPv6 address stands in brackets, such as [::1]:8480")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ValueError("must be host:port, such as 127.0.0.1:8480")
    return host, int(port)


def bind(address: str) -> socket.socket:
    """Return a socket bound to an address; the caller closes it.

    A name that has several addresses means its first one, IPv4 before IPv6.

    Raises:
        SettingsError: it is taken, not this machine's, or not allowed.
    """
    host, port = split_address(address)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, *_, place = min(found, key=lambda one: one[0] != socket.AF_INET)
        return _bound(family, place)
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {address}: {error.strerror}", hint=_HINTS.get(error.errno, _OTHER)
        ) from error


def _bound(family: int, place: Any) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(place)
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening


def url_of(listening: socket.socket) -> str:
    """Return where a bound socket is reached from this machine."""
    host, port = listening.getsockname()[:2]
    return f"http://{host_and_port(host, port)}"
