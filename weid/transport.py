"""The one place of the library that opens sockets to a URL, and what it refuses.

`GuardedTransport` fetches https URLs of hosts with public addresses and nothing else: a URL may
come out of a credential, a QR code or a DID, and whoever wrote it must not make us talk to a
machine of the inner network. The host's addresses are looked up once, all of them are judged, and
the connection goes to a judged one; the certificate is checked against the host's name. One
deadline covers looking up, connecting, headers and body, however slowly the bytes drip.
"""

from __future__ import annotations

import http.client
import io
import math
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias
from urllib.parse import urlsplit

from weid import limits
from weid.addresses import is_loopback_address, is_public_address
from weid.errors import TransportError

_URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?(?P<target>(?:[/?][!$&'()*+,;=:@/?A-Za-z0-9._~%-]*)?)"
)
_URL_CHARS: Final = 8192
_HEADER_BYTES: Final = 64 * 1024
_ADDRESSES_TRIED: Final = 3
_CHUNK: Final = 64 * 1024

_HTTPS_ELSEWHERE: Final = "use its https address: plain http never leaves this machine"
_HTTP_HERE: Final = (
    "give its https address; for development, --unsafe-loopback-http allows http to this machine"
)

LookUp: TypeAlias = Callable[[str, int], list[str]]
"""Host and port → addresses in digits."""
Dial: TypeAlias = Callable[[str, int, float], socket.socket]
"""Address in digits, port, seconds → connected socket."""


@dataclass(frozen=True, slots=True)
class HttpReply:
    """An answer: status, headers by lower-case name, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """The media type in lower case without parameters; empty where none was sent."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class HttpTransport(Protocol):
    """Sends one request and returns the answer, whatever its status below 300 or from 400 on.

    Every method may raise `TransportError`.
    """

    def get(
        self,
        url: str,
        *,
        accept: str = "*/*",
        headers: Mapping[str, str] | None = None,
        max_bytes: int = limits.FETCH_BYTES,
        timeout: float = limits.FETCH_SECONDS,
    ) -> HttpReply:
        """Ask for a URL; the body is at most `max_bytes`, the whole takes at most `timeout` s."""
        ...

    def post(  # noqa: PLR0913 - the parts of a request
        self,
        url: str,
        body: bytes,
        *,
        content_type: str,
        accept: str = "*/*",
        headers: Mapping[str, str] | None = None,
        max_bytes: int = limits.FETCH_BYTES,
        timeout: float = limits.FETCH_SECONDS,
    ) -> HttpReply:
        """Send a body to a URL; the bounds are those of the answer."""
        ...


def look_up_addresses(host: str, port: int) -> list[str]:
    """Return the addresses of a host from the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def dial_address(address: str, port: int, timeout: float) -> socket.socket:
    """Connect to an address in digits."""
    return socket.create_connection((address, port), timeout)


@dataclass(frozen=True, slots=True)
class _Target:
    """A URL taken apart."""

    secure: bool
    host: str
    port: int
    path: str


def _parse_url(url: str, *, allow_http: bool) -> _Target:
    match = _URL.fullmatch(url) if len(url) <= _URL_CHARS else None
    if match is None or (match["scheme"] == "http" and not allow_http):
        # Scheme and host alone: what else stands in a URL may be a secret.
        named = "" if match is None else f" {match['scheme']}://{match['host']}"
        hint = None if match is None else _hint_of_http(match["host"])
        raise TransportError(f"the URL{named} is not a plain https URL", refused=True, hint=hint)
    secure = match["scheme"] == "https"
    port = int(match["port"] or (443 if secure else 80))
    if port > 65535:
        raise TransportError("the URL has a port past 65535", refused=True)
    target = match["target"]
    path = target if target.startswith("/") else f"/{target}"
    return _Target(secure, match["host"].strip("[]").lower(), port, path)


def _hint_of_http(host: str) -> str:
    if host.lower() == "localhost" or is_loopback_address(host.strip("[]")):
        return _HTTP_HERE
    return _HTTPS_ELSEWHERE


class _Deadline:
    """What is left of the time that a request may take; `most` bounds each single wait."""

    def __init__(
        self, seconds: float, monotonic: Callable[[], float], most: float = math.inf
    ) -> None:
        self._monotonic = monotonic
        self._end = monotonic() + seconds
        self._most = most

    def left(self) -> float:
        """Return the seconds left, or raise TimeoutError."""
        left = self._end - self._monotonic()
        if left <= 0:
            raise TimeoutError
        return min(left, self._most)


class _BoundedReader(io.RawIOBase):
    """What a socket receives, every read bounded by the one deadline and by a count of bytes."""

    def __init__(self, connected: socket.socket, deadline: _Deadline, max_bytes: int) -> None:
        super().__init__()
        self._socket = connected
        self._deadline = deadline
        self._left = max_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        self._socket.settimeout(self._deadline.left())
        count = self._socket.recv_into(memoryview(buffer))  # type: ignore[arg-type]  # io's buffer
        self._left -= count
        if self._left < 0:
            raise TransportError("the answer is larger than allowed", refused=True)
        return count


class _BoundedSocket:
    """What http.client asks of a socket; who made the real one closes it."""

    def __init__(self, connected: socket.socket, deadline: _Deadline, max_bytes: int) -> None:
        self._socket = connected
        self._deadline = deadline
        self._reader = _BoundedReader(connected, deadline, max_bytes)

    def makefile(self, mode: str) -> io.BufferedReader:  # noqa: ARG002 - always "rb"
        return io.BufferedReader(self._reader)

    def sendall(self, data: bytes) -> None:
        self._socket.settimeout(self._deadline.left())
        self._socket.sendall(data)

    def close(self) -> None:
        """Leave the socket open: http.client closes before the body is read."""


class GuardedTransport:
    """HTTP over checked addresses only; see the module's text.

    `private_hosts` are host names that the operator set and that may have private addresses (a
    registry node of the same agency); never fill it from input. `allow_loopback_http` lets plain
    http and loopback addresses pass, for development on one machine. `tls` is the context to use
    instead of the system's certificates. The other arguments are for tests.
    """

    def __init__(
        self,
        *,
        private_hosts: Collection[str] = (),
        allow_loopback_http: bool = False,
        tls: ssl.SSLContext | None = None,
        look_up: LookUp = look_up_addresses,
        dial: Dial = dial_address,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._private_hosts = frozenset(private_hosts)
        self._allow_loopback_http = allow_loopback_http
        self._tls = tls
        self._look_up = look_up
        self._dial = dial
        self._monotonic = monotonic

    def get(
        self,
        url: str,
        *,
        accept: str = "*/*",
        headers: Mapping[str, str] | None = None,
        max_bytes: int = limits.FETCH_BYTES,
        timeout: float = limits.FETCH_SECONDS,
    ) -> HttpReply:
        """Ask for a URL; see `HttpTransport`."""
        sent = {**(headers or {}), "Accept": accept}
        return self._ask("GET", url, None, sent, max_bytes, timeout)

    def post(  # noqa: PLR0913 - the parts of a request
        self,
        url: str,
        body: bytes,
        *,
        content_type: str,
        accept: str = "*/*",
        headers: Mapping[str, str] | None = None,
        max_bytes: int = limits.FETCH_BYTES,
        timeout: float = limits.FETCH_SECONDS,
    ) -> HttpReply:
        """Send a body to a URL; see `HttpTransport`."""
        sent = {**(headers or {}), "Accept": accept, "Content-Type": content_type}
        return self._ask("POST", url, body, sent, max_bytes, timeout)

    def _ask(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str],
        max_bytes: int,
        timeout: float,
    ) -> HttpReply:
        asked = self.exchange(method, url, body, headers, max_bytes=max_bytes, timeout=timeout)
        with asked as (response, _):
            return _read_reply(response, urlsplit(url).hostname or "", max_bytes)

    @contextmanager
    def exchange(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str],
        *,
        max_bytes: int,
        timeout: float,
        wait: float = math.inf,
    ) -> Iterator[tuple[http.client.HTTPResponse, socket.socket]]:
        """Send a request; give the answer, whose body is not read yet, and its socket.

        The whole takes at most `timeout` seconds, each wait for bytes at most `wait`.
        """
        target = _parse_url(url, allow_http=self._allow_loopback_http)
        deadline = _Deadline(timeout, self._monotonic, wait)
        try:
            with self._connect(target, deadline) as connected:
                connection = http.client.HTTPConnection(target.host, target.port)
                connection.default_port = 443 if target.secure else 80
                # Our socket is connected already, to the address that was judged.
                connection.sock = _BoundedSocket(connected, deadline, max_bytes + _HEADER_BYTES)
                # One request for each connection; a compressed body would escape the size bound.
                fixed = {"Accept-Encoding": "identity", "Connection": "close"}
                connection.request(method, target.path, body, {**headers, **fixed})
                with connection.getresponse() as response:
                    _require_plain(response, target.host)
                    yield response, connected
        except TimeoutError:
            raise TransportError(f"{target.host} did not answer in {timeout:g} s") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            kind = type(error).__name__
            raise TransportError(f"{target.host} gave no usable answer ({kind})") from None

    def _connect(self, target: _Target, deadline: _Deadline) -> socket.socket:
        addresses = self._judged_addresses(target, deadline)
        for address in addresses[:_ADDRESSES_TRIED]:
            try:
                connected = self._dial(address, target.port, deadline.left())
            except TimeoutError:
                raise
            except OSError:
                continue
            if not target.secure:
                return connected
            return self._start_tls(connected, target, deadline)
        raise TransportError(f"{target.host} cannot be reached")

    def _start_tls(
        self, connected: socket.socket, target: _Target, deadline: _Deadline
    ) -> socket.socket:
        try:
            connected.settimeout(deadline.left())
            context = self._tls or ssl.create_default_context()
            return context.wrap_socket(connected, server_hostname=target.host)
        except BaseException:
            connected.close()
            raise

    def _judged_addresses(self, target: _Target, deadline: _Deadline) -> list[str]:
        addresses = self._look_up_in_time(target, deadline)
        if not addresses:
            raise TransportError(f"{target.host} has no address")
        if self._allow_loopback_http and all(map(is_loopback_address, addresses)):
            return addresses
        if not target.secure:
            raise TransportError(
                "plain http is for this machine only", refused=True, hint=_HTTPS_ELSEWHERE
            )
        # All of them: a name with one inner address among public ones is an attempt.
        if target.host not in self._private_hosts and not all(map(is_public_address, addresses)):
            raise TransportError(f"{target.host} has an address that is not public", refused=True)
        return addresses

    def _look_up_in_time(self, target: _Target, deadline: _Deadline) -> list[str]:
        # The system's resolver knows no deadline, so it works in a thread that may be left behind.
        found: list[list[str]] = []

        def work() -> None:
            try:
                found.append(self._look_up(target.host, target.port))
            except (OSError, UnicodeError):
                found.append([])

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(deadline.left())
        if not found:
            raise TimeoutError
        return found[0]


def _require_plain(response: http.client.HTTPResponse, host: str) -> None:
    if 300 <= response.status < 400:
        raise TransportError(
            f"{host} answers with a redirect, which we do not follow", refused=True
        )
    if (response.getheader("content-encoding") or "identity").lower() != "identity":
        raise TransportError(f"{host} answers in an encoding that was not asked for", refused=True)


def _read_reply(response: http.client.HTTPResponse, host: str, max_bytes: int) -> HttpReply:
    headers = {name.lower(): value for name, value in response.getheaders()}
    chunks = []
    left = max_bytes
    while chunk := response.read1(_CHUNK):
        left -= len(chunk)
        if left < 0:
            raise TransportError(
                f"the answer of {host} is larger than {max_bytes} bytes", refused=True
            )
        chunks.append(chunk)
    if response.length:
        raise TransportError(f"the answer of {host} ends too early")
    return HttpReply(response.status, headers, b"".join(chunks))
