"""Reading server-sent events (the WHATWG's HTML standard, clause 9.2) through GuardedTransport.

The format is read as the standard has it, with bounds: a line, an event and the whole stream have
a most, and a stream on which nothing comes for a while is broken off.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPResponse
from typing import Final

from weid.errors import TransportError
from weid.transport import GuardedTransport

CONTENT_TYPE: Final = "text/event-stream"
LINE_BYTES: Final = 64 * 1024
"""Longest line, and most bytes of one event's data."""
STREAM_BYTES: Final = 64 * 1024 * 1024
STREAM_SECONDS: Final = 3_600.0
WAIT_SECONDS: Final = 25.0
"""Without a byte for so long a stream counts as broken: nodes give a sign of life every 10 s."""
_CHUNK: Final = 64 * 1024
_ANSWER_BYTES: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """What was dispatched, or, where `data` is empty, a sign of life that may carry an id."""

    id: str
    name: str
    data: str


class EventParser:
    """Turns the bytes of a stream into events; whatever else stands there is let pass."""

    def __init__(self) -> None:
        self._rest = b""
        self._last_id = ""
        self._name = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[ServerEvent]:
        """Yield what is whole with this chunk.

        Raises:
            TransportError: a line or an event is larger than allowed, or not UTF-8.
        """
        # A line ends with LF or CR LF; nodes write no CR alone, and it could end a chunk.
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            _require_short(len(line))
            event = self._line(line.removesuffix(b"\r"))
            if event is not None:
                yield event
        _require_short(len(self._rest))

    def _line(self, line: bytes) -> ServerEvent | None:
        if not line:
            return self._dispatch()
        try:
            name, _, value = line.decode("utf-8").partition(":")
        except UnicodeDecodeError:
            raise TransportError("the event stream is not UTF-8", refused=True) from None
        value = value.removeprefix(" ")
        if name == "data":
            self._size += len(line)
            _require_short(self._size)
            self._data.append(value)
        elif name == "event":
            self._name = value
        elif name == "id" and "\0" not in value:
            self._last_id = value
        return None

    def _dispatch(self) -> ServerEvent:
        event = ServerEvent(self._last_id, self._name or "message", "\n".join(self._data))
        self._name, self._data, self._size = "", [], 0
        return event


@dataclass(slots=True)
class EventStream:
    """The answer to a request for a stream: its status, then its events.

    `body` is the answer's text where it is no stream (at most 16 kB). `close`, from any thread,
    ends it.
    """

    status: int
    content_type: str
    _response: HTTPResponse
    _socket: socket.socket
    body: bytes = b""
    _parser: EventParser = field(default_factory=EventParser)

    @property
    def is_stream(self) -> bool:
        """Whether events follow."""
        return self.status == 200 and self.content_type == CONTENT_TYPE

    def events(self) -> Iterator[ServerEvent]:
        """Yield events, and signs of life (without data), until the stream ends."""
        while chunk := self._response.read1(_CHUNK):
            yield from self._parser.feed(chunk)

    def close(self) -> None:
        """End the stream: whoever waits for an event gets a TransportError or its end."""
        with suppress(OSError):
            # Of the socket beneath TLS, which may be in use by the reading thread.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


@contextmanager
def open_stream(
    transport: GuardedTransport,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    wait: float = WAIT_SECONDS,
    seconds: float = STREAM_SECONDS,
) -> Iterator[EventStream]:
    """Ask for a stream of events and give it, whatever its status.

    `wait` is the longest time without a byte, `seconds` that of the whole.

    Raises:
        TransportError: the URL is refused, nobody answers, or the stream breaks off.
    """
    sent = {**(headers or {}), "Accept": CONTENT_TYPE, "Cache-Control": "no-store"}
    asked = transport.exchange(
        "GET", url, None, sent, max_bytes=STREAM_BYTES, timeout=seconds, wait=wait
    )
    with asked as (response, connected):
        kind = (response.getheader("content-type") or "").partition(";")[0].strip().lower()
        stream = EventStream(response.status, kind, response, connected)
        if not stream.is_stream:
            stream.body = response.read(_ANSWER_BYTES)
        yield stream


def _require_short(size: int) -> None:
    if size > LINE_BYTES:
        raise TransportError("the event stream has an event that is too large", refused=True)
