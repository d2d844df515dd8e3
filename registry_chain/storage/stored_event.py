"""An event as the store keeps it: with its place in the feed and the block that it came with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from registry_chain.state_machine.block import Event
from registry_chain.storage.errors import StoreDamagedError
from registry_chain.storage.sealed_block import height_key
from registry_chain.storage.store import StoreSnapshot, Table
from weid.encoding import cbor_decode, cbor_encode
from weid.errors import MalformedError

_VERSION: Final = 1
_MAX_BYTES: Final = 64 * 1024
_CHECKSUM: Final = 8


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """The event at a position of the feed (from 0), with its block's height and time (seconds)."""

    position: int
    height: int
    time: int
    event: Event


def encode_event(stored: StoredEvent) -> bytes:
    """Return the value under the event's position: a checksum and the event.

    Events are not under the app hash, so that nothing else would tell of a flipped byte.
    """
    event = stored.event
    body = cbor_encode(
        [
            _VERSION,
            stored.height,
            stored.time,
            event.name,
            event.subject,
            event.author,
            event.transaction_id,
            event.operation,
        ]
    )
    return _checksum(height_key(stored.position), body) + body


def _checksum(key: bytes, body: bytes) -> bytes:
    return hashlib.sha256(key + body).digest()[:_CHECKSUM]


def decode_event(key: bytes, value: bytes) -> StoredEvent:
    """Read an event.

    Raises:
        StoreDamagedError: the bytes are not an event.
    """
    checksum, body = value[:_CHECKSUM], value[_CHECKSUM:]
    try:
        if checksum != _checksum(key, body):
            raise MalformedError("the checksum of an event is another")
        match cbor_decode(body, what="an event", max_bytes=_MAX_BYTES):
            case [
                1,
                int(height),
                int(time),
                str(name),
                str(subject),
                str(author),
                bytes(tx),
                int(at),
            ]:
                event = Event(name, subject, author, tx, at)
                return StoredEvent(int.from_bytes(key, "big"), height, time, event)
    except MalformedError:
        pass
    raise StoreDamagedError("an event is damaged", table=Table.EVENTS, key=key)


def read_events(snapshot: StoreSnapshot, *, first: int, limit: int) -> list[StoredEvent]:
    """Return up to `limit` events from a position on."""
    found = snapshot.items(Table.EVENTS, first=height_key(first), limit=limit)
    return [decode_event(key, value) for key, value in found]
