"""The event feed: what came about, in order, to be read on from any position (clauses EV-…).

An event is a hint for programs that follow the chain, not a proof: each names its transaction,
whose receipt can be proved. Events are kept for ever, so that a reader that was away misses none;
a node whose store begins later than the chain says so instead of leaving a gap (EV-05).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from registry_chain.storage.committed import SnapshotState, read_position
from registry_chain.storage.store import ChainStore
from registry_chain.storage.stored_event import StoredEvent, read_events, read_events_base
from weid.clock import format_time
from weid.encoding import JsonObject
from weid.errors import NotFoundError

EVENT_PAGE: Final = 200
"""Most events of one page."""


class EventsNotKeptError(NotFoundError):
    """Events were asked for that lie before the first one kept here, which is `first`."""

    def __init__(self, first: int) -> None:
        super().__init__(
            f"this node keeps the events from position {first} on",
            hint=f"ask another node for those before, or begin after position {first - 1}",
        )
        self.first = first


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events in order.

    `last` is the position to ask after next time; `height` is that of the newest block there was;
    `more` tells whether further events were there already.
    """

    events: tuple[StoredEvent, ...]
    last: int
    height: int
    more: bool

    def to_json(self) -> JsonObject:
        """Return the JSON form (EV-01)."""
        return {
            "events": [event_to_json(event) for event in self.events],
            "last": self.last,
            "height": self.height,
            "more": self.more,
        }


def event_to_json(stored: StoredEvent) -> JsonObject:
    """Return one event's JSON form (EV-02)."""
    event = stored.event
    return {
        "position": stored.position,
        "height": stored.height,
        "time": format_time(stored.time),
        "name": event.name,
        "subject": event.subject,
        "author": event.author,
        "transaction": event.transaction_id.hex(),
        "operation": event.operation,
    }


class EventFeed:
    """Reads events of a store; any number of threads may."""

    def __init__(self, store: ChainStore) -> None:
        self._store = store

    def read(self, *, after: int = -1, limit: int = EVENT_PAGE) -> EventPage:
        """Return the events that follow a position, at most `limit` and `EVENT_PAGE`.

        `after` is -1 for the beginning; a position that does not exist yet gives no events, and
        `last` is what was asked for, so that no event is stepped over (EV-03).

        Raises:
            EventsNotKeptError: the next event was, but is not kept here (EV-05).
        """
        limit = max(1, min(limit, EVENT_PAGE))
        with self._store.snapshot() as snapshot:
            position = read_position(snapshot)
            first = read_events_base(snapshot)
            if after + 1 < first:
                raise EventsNotKeptError(first)
            found = read_events(snapshot, first=after + 1, limit=limit + 1)
            height = 0 if position is None else SnapshotState(snapshot).header_height
        events = tuple(found[:limit])
        return EventPage(
            events,
            last=events[-1].position if events else after,
            height=height,
            more=len(found) > limit,
        )

    def newest(self) -> int:
        """Return the position of the newest event, -1 when there is none yet."""
        with self._store.snapshot() as snapshot:
            position = read_position(snapshot)
        return -1 if position is None else position.events - 1
