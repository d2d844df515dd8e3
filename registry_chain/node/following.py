"""Following the feed: the next page, waiting for it a while where there is none yet."""

from __future__ import annotations

from registry_chain.engines.engine import Engine
from registry_chain.events import EVENT_PAGE, EventFeed, EventPage


def next_page(
    engine: Engine, feed: EventFeed, *, after: int, seconds: float, limit: int = EVENT_PAGE
) -> EventPage:
    """Return the events after a position; where there are none, wait for a block and look again.

    Waits at most `seconds`. What is waited for is a block above the newest one *sealed* before the
    look: the state that was read may stand one below it for as long as nothing comes.

    Raises:
        EventsNotKeptError: the next event was, but is not kept here.
    """
    height = engine.head().height
    page = feed.read(after=after, limit=limit)
    if page.events or seconds <= 0:
        return page
    engine.wait_above(height, seconds)
    return feed.read(after=after, limit=limit)
