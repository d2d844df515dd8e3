"""The socket that the server listens on, bound before the server is built.

The server's own binding leaves sockets behind when the address is taken, and a name with several
addresses gives it no one address to announce.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping
from typing import Any, Final

from weid.addresses import host_and_port
from weid.errors import WeidError

_HINTS: Final[Mapping[int | None, str]] = {
    errno.EADDRINUSE: "stop what listens there (this counter, started twice?),"
    " or set another port in the settings.",
    errno.EACCES: "set port to one above 1023.",
}
_OTHER: Final = "set host and port to an address of this machine, such as 127.0.0.1 and 8002."


class ListeningError(WeidError):
    """The address of the settings cannot be listened on."""


def bind(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address; the caller closes it. Port 0 takes any free one.

    A name that has several addresses means its first one, IPv4 before IPv6.

    Raises:
        ListeningError: it is taken, not this machine's, or not allowed.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, *_, place = min(found, key=lambda one: one[0] != socket.AF_INET)
        return _bound(family, place)
    except OSError as error:
        raise ListeningError(
            f"cannot listen on {host} port {port}: {error.strerror}",
            hint=_HINTS.get(error.errno, _OTHER),
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
