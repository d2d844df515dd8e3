"""The event feed as a stream of server-sent events (clauses EV-06 … EV-08).

A stream holds a thread of the server for as long as it is open. So that streams never take one
from requests, the server has a thread for each stream beyond those for requests, streams have
places of their own, and each ends after a time and a number of bytes; the reader comes back with
the position that it has come to. Nothing waits for a reader: what it does not read lies in the
connection's buffer, which a whole stream cannot fill.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Final

from flask import Response, request

from registry_chain.events import EventFeed, EventPage, EventsNotKeptError, event_to_json
from registry_chain.node.api.problems import NOT_KEPT, Problem, malformed
from registry_chain.node.api.problems import unavailable as unavailable_now
from registry_chain.node.api.reading import whole_number
from registry_chain.node.filtering import EventFilter
from registry_chain.node.following import next_page
from registry_chain.node.gate import Gate
from registry_chain.node.parts import NodeParts
from registry_chain.storage.stored_event import StoredEvent
from weid.encoding import json_dumps
from weid.errors import MalformedError, WeidError

CONTENT_TYPE: Final = "text/event-stream; charset=utf-8"
NEWEST: Final = "newest"
"""In place of a position: only what comes from now on."""
SLICE: Final = 1.0
"""Seconds after which whoever waits looks whether the node is stopping."""
_RETRY_MS: Final = 1_000
"""How long a reader should wait before it comes back (milliseconds)."""
_NO_PLACE_SECONDS: Final = 10

_log = logging.getLogger(__name__)


def position_asked(text: str | None, what: str, feed: EventFeed) -> int:
    """Return the position after which to read: a number from -1 on, or `newest`."""
    if text == NEWEST:
        return feed.newest()
    return whole_number(text, what, default=-1)


def read_page(feed: EventFeed, *, after: int, limit: int = 200) -> EventPage:
    """Return events after a position, or the refusal that they are not kept here (EV-05)."""
    try:
        return feed.read(after=after, limit=limit)
    except EventsNotKeptError as error:
        raise Problem(
            410, NOT_KEPT, error.message, error.hint or "ask another node", first=error.first
        ) from None


def filter_asked() -> EventFilter:
    """Return the filter of a request; a name that no event has is refused, not waited for."""
    names = [name for name in request.args.get("names", "").split(",") if name]
    try:
        return EventFilter.of(names, request.args.get("subject", ""))
    except MalformedError as error:
        raise malformed(error.message) from None


class Streaming:
    """The endpoint of streams, with the places that they share."""

    def __init__(self, node: NodeParts) -> None:
        self._gate = Gate(node.settings.streams)

    @property
    def open(self) -> int:
        """How many streams are open now."""
        return self._gate.taken

    def stream_events(self, node: NodeParts) -> Response:
        """Return events after a position as they come about, until the stream's time is over.

        Last-Event-ID goes before `after`: a browser that comes back repeats the address.
        """
        asked = request.headers.get("Last-Event-ID") or request.args.get("after")
        after = position_asked(asked, "the position", node.feed)
        wanted = filter_asked()
        page = read_page(node.feed, after=after)
        if node.closing.is_set():
            raise unavailable_now("the node is stopping")
        if request.method == "HEAD":
            # Its body would never be asked for, so nobody would give a place back.
            return Response(content_type=CONTENT_TYPE)
        stack = ExitStack()
        if not stack.enter_context(self._gate.place()):
            stack.close()
            raise unavailable_now(
                "every place for an event stream is taken", retry_after=_NO_PLACE_SECONDS
            )
        stream = _Stream(node, page, wanted, after, stack.close)
        reply = Response(stream, content_type=CONTENT_TYPE)
        reply.headers["Cache-Control"] = "no-store"
        # Proxies that gather answers before they pass them on are asked not to.
        reply.headers["X-Accel-Buffering"] = "no"
        return reply


class _Stream:
    """The frames of one stream; the server calls `close` however it ends."""

    def __init__(
        self,
        node: NodeParts,
        page: EventPage,
        wanted: EventFilter,
        after: int,
        release: Callable[[], None],
    ) -> None:
        self._node = node
        self._page = page
        self._wanted = wanted
        self._position = after
        self._release = release
        self._frames = self._bounded()

    def __iter__(self) -> Iterator[bytes]:
        return self._frames

    def close(self) -> None:
        """Give the place back; closing twice is harmless."""
        self._release()

    def _bounded(self) -> Iterator[bytes]:
        left = self._node.settings.stream_bytes
        yield b"retry: %d\n" % _RETRY_MS + _mark(self._position)
        try:
            for frames in self._flow():
                yield frames
                left -= len(frames)
                if left <= 0:
                    break
        except WeidError as error:
            # The status line has gone long ago: the stream ends, and the reader asks again.
            _log.warning("an event stream was broken off: %s", error.message)

    def _flow(self) -> Iterator[bytes]:
        """Yield what there is and what comes, a mark wherever nothing was said for a while."""
        node, page = self._node, self._page
        every = node.settings.heartbeat_seconds
        end, told = node.monotonic() + node.settings.stream_seconds, node.monotonic()
        while True:
            frames = b"".join(_frame(event) for event in page.events if self._wanted.takes(event))
            self._position = page.last
            now = node.monotonic()
            if not frames and (page.events or now - told >= every):
                # What the filter left out is stepped over for good, also by who comes back.
                frames = _mark(self._position)
            if frames:
                yield frames
                told = now
            if node.closing.is_set() or now >= end:
                return
            page = next_page(
                node.engine, node.feed, after=self._position, seconds=min(SLICE, every)
            )


def _frame(stored: StoredEvent) -> bytes:
    """Return one event's frame. JSON has no line break in it, and a name is a fixed word."""
    data = json_dumps(event_to_json(stored))
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (
        stored.position,
        stored.event.name.encode("ascii"),
        data,
    )


def _mark(position: int) -> bytes:
    """Return a sign of life that says how far the stream has come; it is no event."""
    return b"id: %d\n: alive\n\n" % position if position >= 0 else b": alive\n\n"
