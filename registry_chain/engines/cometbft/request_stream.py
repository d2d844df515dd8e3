"""The requests of one ABCI connection, taken out of its socket before the socket is full.

CometBFT's client writes its requests without waiting for replies, and asks for a flush after
almost each of them: its timer for that is set to 20 nanoseconds (`flushThrottleMS` of
`abci/client/socket_client.go`). While the socket takes no more, that timer fires again and again
and uses up a core. So what has come is taken out between two requests, and quick requests are
answered together (clause CN-04).
"""

from __future__ import annotations

import socket
from collections import deque
from typing import Final

from registry_chain.engines.cometbft.framing import BrokenFrameError, FrameDecoder

READ_BYTES: Final = 256 * 1024
"""Most bytes of one read."""
WAITING_BYTES: Final = 2 * 2**20
"""Most bytes of requests that wait here; the others wait in the socket."""
TAKEN_EVERY: Final = 8
"""Requests after which the socket is looked at although others wait: it holds some 200."""
QUICK_TOGETHER: Final = 32
"""Quick requests that are answered together at most."""

# The first byte of a `Request` names its kind: these are Flush (field 2) and CheckTx (field 8).
_QUICK: Final = frozenset({b"\x12", b"\x42"})


class RequestStream:
    """Reads requests from a connected socket; one thread's own."""

    def __init__(self, connection: socket.socket, *, frame_bytes: int) -> None:
        self._connection = connection
        self._decoder = FrameDecoder(most=frame_bytes)
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._given = 0
        self._ended = False
        self._broken: BrokenFrameError | None = None

    def next(self) -> bytes | None:
        """Return the next request, waiting for it; None at the end of the stream.

        Raises:
            BrokenFrameError: the stream breaks the rule of frames, after the requests before.
            OSError: the connection broke.
        """
        while not self._waiting:
            if self._broken is not None:
                raise self._broken
            if self._ended:
                self._decoder.finish()
                return None
            self._feed(self._connection.recv(READ_BYTES))
        payload = self._waiting.popleft()
        self._waiting_bytes -= len(payload)
        self._given += 1
        if not self._given % TAKEN_EVERY:
            self._take_what_is_there()
        return payload

    def has_another(self) -> bool:
        """Whether another request has come."""
        if not self._waiting:
            self._take_what_is_there()
        return bool(self._waiting)

    @property
    def next_is_quick(self) -> bool:
        """Whether the next request is there already, and is answered at once."""
        return bool(self._waiting) and self._waiting[0][:1] in _QUICK

    def _take_what_is_there(self) -> None:
        if self._ended or self._broken is not None or self._waiting_bytes > WAITING_BYTES:
            return
        try:
            piece = self._connection.recv(READ_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        self._feed(piece)

    def _feed(self, piece: bytes) -> None:
        if not piece:
            self._ended = True
            return
        try:
            for payload in self._decoder.feed(piece):
                self._waiting.append(payload)
                self._waiting_bytes += len(payload)
        except BrokenFrameError as error:
            self._broken = error
