"""The recorded ABCI connections of real CometBFT nodes, frame by frame."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from registry_chain.engines.cometbft.framing import FrameDecoder

FIXTURES = Path(__file__).parents[1] / "fixtures" / "cometbft"
CONNECTIONS = [
    f"{version}.abci.conn{number}" for version in ("cometbft", "cometbft39") for number in (1, 3, 4)
]
CONSENSUS = ["cometbft.abci.conn4", "cometbft39.abci.conn4"]


class Recorded(NamedTuple):
    """One message of a connection."""

    request: bool
    payload: bytes


def recorded(name: str) -> list[Recorded]:
    """Return the messages of a recording in order."""
    raw = (FIXTURES / name).read_bytes()
    found = []
    place = 0
    while place < len(raw):
        length = int.from_bytes(raw[place + 1 : place + 5], "big")
        payload = raw[place + 5 : place + 5 + length]
        assert len(payload) == length
        request = raw[place : place + 1] == b"Q"
        if not request:
            # Replies were recorded with the length that stood before them on the socket.
            (payload,) = FrameDecoder().feed(payload)
        found.append(Recorded(request, payload))
        place += 5 + length
    return found
