"""The feed in the store: runs of events, read from any position."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_chain.state_machine.block import Event
from registry_chain.storage.errors import StoreDamagedError
from registry_chain.storage.memory import MemoryChainStore
from registry_chain.storage.store import Checkpoint, Table
from registry_chain.storage.stored_event import RUN, decode_events, encode_events, read_events

POINT = Checkpoint(0, bytes(32), bytes(32))


def event(number: int) -> Event:
    return Event("batch_anchored", f"{number:064x}", "did:weid:test:a", bytes(32), number % 100)


def feed(blocks: list[int]) -> MemoryChainStore:
    """Return a store whose block at each height has so many events."""
    store, first = MemoryChainStore(), 0
    for height, count in enumerate(blocks, start=1):
        events = [event(first + n) for n in range(count)]
        runs = dict(encode_events(events, first=first, height=height, time=1000 + height))
        store.write({Table.EVENTS: runs}, POINT)
        first += count
    return store


@given(
    st.lists(st.sampled_from([0, 1, 2, RUN - 1, RUN, RUN + 1, 3 * RUN]), min_size=1, max_size=12),
    st.integers(0, 40 * RUN),
    st.integers(1, 300),
)
def test_a_feed_is_read_from_any_position_as_it_was_written(blocks, first, limit):
    heights = [height for height, count in enumerate(blocks, start=1) for _ in range(count)]
    with feed(blocks).snapshot() as snapshot:
        found = read_events(snapshot, first=first, limit=limit)
    places = range(first, min(first + limit, sum(blocks)))
    assert [one.position for one in found] == list(places)
    assert [one.event.subject for one in found] == [f"{at:064x}" for at in places]
    assert [(one.height, one.time) for one in found] == [
        (heights[at], 1000 + heights[at]) for at in places
    ]


def test_a_flipped_byte_or_another_place_is_damage():
    ((key, value),) = encode_events([event(0), event(1)], first=5, height=2, time=9)
    assert [one.position for one in decode_events(key, value)] == [5, 6]
    for at in range(len(value)):
        broken = value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :]
        with pytest.raises(StoreDamagedError, match="run of events"):
            decode_events(key, broken)
    with pytest.raises(StoreDamagedError):
        decode_events((7).to_bytes(8, "big"), value)
