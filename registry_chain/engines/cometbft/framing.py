"""Frames of the ABCI socket: each message behind its length as an unsigned varint (clause CN-02).

A stream that breaks the rule is not read on: where one frame's length is wrong, there is no telling
where the next one begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from weid.errors import MalformedError
from weid.registry.comet_encoding import varint

FRAME_BYTES: Final = 100 * 2**20
"""Largest message: what CometBFT itself sends and takes at most (`maxMsgSize` of its client)."""


class BrokenFrameError(MalformedError):
    """A stream of frames breaks the rule: a length out of bounds, or an end within a frame."""


def encode_frame(payload: bytes, *, most: int = FRAME_BYTES) -> bytes:
    """Return the message with its length before it.

    Raises:
        BrokenFrameError: it is larger than `most` bytes, so that the other side would not take it.
    """
    if len(payload) > most:
        raise BrokenFrameError(f"a message of {len(payload)} bytes is larger than {most}")
    return varint(len(payload)) + payload


class FrameDecoder:
    """Finds frames in a stream that comes in pieces of any size."""

    def __init__(self, *, most: int = FRAME_BYTES) -> None:
        self._most = most
        self._most_digits = len(varint(most))
        self._buffer = bytearray()
        self._needed = 1

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Give every message that is whole with this piece; go through all of them before the next.

        Raises:
            BrokenFrameError: after the messages before the fault, which stays where it is: from
                then on always.
        """
        buffer = self._buffer
        buffer += piece
        # A large frame comes in many pieces: look again only when it can be whole.
        if len(buffer) < self._needed:
            return
        place = 0
        try:
            while (found := self._length(place)) is not None:
                length, begin = found
                end = begin + length
                self._needed = end - place
                if end > len(buffer):
                    break
                yield bytes(buffer[begin:end])
                place = end
                self._needed = 1
        finally:
            del buffer[:place]

    def finish(self) -> None:
        """Take note that the stream has ended.

        Raises:
            BrokenFrameError: within a frame, or after a fault.
        """
        if self._buffer:
            raise BrokenFrameError("the stream ends within a frame")

    def _length(self, place: int) -> tuple[int, int] | None:
        """Return the length that stands at a place and where it ends; None while it is not whole.

        Only the shortest spelling of a length counts: any other comes from no CometBFT.
        """
        value = 0
        for index, byte in enumerate(self._buffer[place : place + self._most_digits]):
            value |= (byte & 0x7F) << 7 * index
            if byte < 0x80:
                if index and not byte:
                    raise BrokenFrameError("a frame's length is not in its shortest form")
                if value > self._most:
                    raise BrokenFrameError(f"a frame of {value} bytes is larger than {self._most}")
                return value, place + index + 1
        if len(self._buffer) - place >= self._most_digits:
            raise BrokenFrameError(f"a frame's length is above {self._most}")
        return None
