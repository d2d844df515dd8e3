"""Where a node listens: opening its socket, and what to do where it does not open."""

from __future__ import annotations

import errno
import resource
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from waitress.server import create_server

from registry_chain.node.settings import NodeSettings
from weid.addresses import host_and_port
from weid.errors import RegistryUnavailableError
from weid.server_log import guard_server_log

_SPARE_FILES: Final = 128
"""File descriptors that are left to the store and the log."""
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - names, not bound here
"""Host that stands for every address of the machine → the one that the machine asks itself at."""
_HINTS: Final = {
    errno.EADDRINUSE: "stop the program that listens there, or name another --port (0: any free)",
    errno.EADDRNOTAVAIL: "name an address of this machine with --host: 127.0.0.1 is for itself "
    "alone, 0.0.0.0 stands for all that it has",
    errno.EACCES: "name a --port from 1024 on; a proxy before the node can have the other",
}


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a node listens; port 0 takes any free one."""

    host: str
    port: int

    @property
    def address(self) -> str:
        """The place as a URL."""
        return f"http://{host_and_port(self.host, self.port)}"

    @property
    def from_here(self) -> str:
        """The place as a URL that works on this machine."""
        return f"http://{host_and_port(_EVERYWHERE.get(self.host, self.host), self.port)}"


def listen(
    app: Callable[..., object], place: Listening, settings: NodeSettings
) -> tuple[Any, Listening]:
    """Return a server that accepts connections for the app, and the place with its true port.

    Raises:
        RegistryUnavailableError: it cannot listen there; the message names the address.
    """
    guard_server_log()
    sockets: dict[int, Any] = {}
    try:
        server = create_server(
            app,
            map=sockets,
            host=place.host,
            port=place.port,
            # Streams never take a thread from requests: see api/streaming.
            threads=settings.threads + settings.streams,
            connection_limit=_connection_limit(settings.sockets),
            channel_timeout=settings.idle_seconds,
            cleanup_interval=5,
            max_request_body_size=settings.body_bytes,
            max_request_header_size=16 * 1024,
            asyncore_use_poll=True,
            ident=None,
            clear_untrusted_proxy_headers=False,
        )
    except OSError as error:
        for opened in list(sockets.values()):
            opened.close()
        raise _refused(place, error) from None
    except ValueError:
        # The server's word for a host that the resolver does not know.
        raise _unknown(place) from None
    # A host with several addresses, such as localhost, has a socket for each.
    several = getattr(server, "effective_listen", None)
    port = several[0][1] if several else server.effective_port
    return server, Listening(place.host, int(port))


def require_free(place: Listening) -> None:
    """Require that a node could listen there now.

    A supervisor asks this before it begins: it would start an application that cannot listen
    again and again, for ever.

    Raises:
        RegistryUnavailableError: it could not; as `listen` says it.
    """
    try:
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except OSError:
        raise _unknown(place) from None
    try:
        for family, kind, protocol, _, address in found:
            with socket.socket(family, kind, protocol) as tried:
                # As the server does it: connections that have just ended are in nobody's way.
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    tried.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                tried.bind(address)
    except OSError as error:
        raise _refused(place, error) from None


def _refused(place: Listening, error: OSError) -> RegistryUnavailableError:
    return RegistryUnavailableError(
        f"the node cannot listen on {place.address}: {error.strerror}",
        hint=_HINTS.get(error.errno or 0, "name another --host or --port"),
    )


def _unknown(place: Listening) -> RegistryUnavailableError:
    return RegistryUnavailableError(
        f"the node cannot listen on {place.address}: there is no such host",
        hint=_HINTS[errno.EADDRNOTAVAIL],
    )


def _connection_limit(wanted: int) -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if soft == resource.RLIM_INFINITY else max(16, min(wanted, soft - _SPARE_FILES))
