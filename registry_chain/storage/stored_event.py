"""Events as the store keeps them: in runs, each with its place in the feed and its block.

A run is up to 128 events of one block that follow on each other. It stands under the position of
its *last* event, so that the run that holds a position is the first one from there on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from registry_chain.state_machine.block import Event
from registry_chain.storage.errors import StoreDamagedError
from registry_chain.storage.sealed_block import height_key
from registry_chain.storage.store import StoreSnapshot, Table
from weid.cbor import CborValue, cbor_decode, cbor_encode
from weid.errors import MalformedError

EVENTS_BASE: Final = b"events_base"
"""Setting: position of the first event that is kept (8 bytes, big-endian); absent: 0."""
RUN: Final = 128
"""Events of one run at most."""
_VERSION: Final = 1
_MAX_BYTES: Final = 1024 * 1024
_CHECKSUM: Final = 8
_PORTION: Final = 16
"""Runs that are read at once."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """The event at a position of the feed (from 0), with its block's height and time (seconds)."""

    position: int
    height: int
    time: int
    event: Event


def encode_events(
    events: Sequence[Event], *, first: int, height: int, time: int
) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and value of each run of a block's events, of which the first is at `first`.

    A value is a checksum and the run: events are not under the app hash, so that nothing else
    would tell of a flipped byte.
    """
    for at in range(0, len(events), RUN):
        run: list[CborValue] = [
            [event.name, event.subject, event.author, event.transaction_id, event.operation]
            for event in events[at : at + RUN]
        ]
        body = cbor_encode([_VERSION, height, time, run])
        key = height_key(first + at + len(run) - 1)
        yield key, _checksum(key, body) + body


def _checksum(key: bytes, body: bytes) -> bytes:
    return hashlib.sha256(key + body).digest()[:_CHECKSUM]


def decode_events(key: bytes, value: bytes) -> list[StoredEvent]:
    """Read a run of events, at least one.

    Raises:
        StoreDamagedError: the bytes are not a run that ends at that position.
    """
    checksum, body = value[:_CHECKSUM], value[_CHECKSUM:]
    try:
        if checksum != _checksum(key, body):
            raise MalformedError("the checksum of a run of events is another")
        match cbor_decode(body, what="a run of events", max_bytes=_MAX_BYTES):
            case [1, int(height), int(time), [_, *_] as run]:
                first = int.from_bytes(key, "big") - len(run) + 1
                return [
                    StoredEvent(first + at, height, time, _event(found))
                    for at, found in enumerate(run)
                ]
    except MalformedError:
        pass
    raise StoreDamagedError("a run of events is damaged", table=Table.EVENTS, key=key)


def _event(found: CborValue) -> Event:
    match found:
        case [str(name), str(subject), str(author), bytes(transaction_id), int(operation)]:
            return Event(name, subject, author, transaction_id, operation)
    raise MalformedError("an event has another form")


def read_events_base(snapshot: StoreSnapshot) -> int:
    """Return the position of the first event that is kept here.

    It is above 0 in a store that did not begin at the genesis: the feed of what was before is not
    under the app hash, so nobody could prove it to this node (EV-05).

    Raises:
        StoreDamagedError: the setting is damaged.
    """
    value = snapshot.get(Table.SETTINGS, EVENTS_BASE)
    if value is None:
        return 0
    if len(value) != 8:
        raise StoreDamagedError(
            "the setting that says where the events begin is damaged",
            table=Table.SETTINGS,
            key=EVENTS_BASE,
        )
    return int.from_bytes(value, "big")


def read_events(snapshot: StoreSnapshot, *, first: int, limit: int) -> list[StoredEvent]:
    """Return up to `limit` events from a position on."""
    found: list[StoredEvent] = []
    start = first
    while len(found) < limit:
        runs = list(snapshot.items(Table.EVENTS, first=height_key(start), limit=_PORTION))
        for key, value in runs:
            found += [event for event in decode_events(key, value) if event.position >= first]
        if len(runs) < _PORTION:
            break
        start = int.from_bytes(runs[-1][0], "big") + 1
    return found[:limit]
