"""Following a registry's events: a thread that calls back, and what a reader drops because of them.

Events are hints (EV-16). They cause earlier asking and nothing else: a node that invents some costs
questions, one that keeps some back costs no more than the seconds for which a head is used again.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, Protocol

from weid import limits
from weid.encoding import json_loads_object
from weid.errors import MalformedError, TransportError
from weid.event_stream import EventStream, ServerEvent, open_stream
from weid.registry.answers import Fields
from weid.registry.event import RegistryEvent
from weid.transport import GuardedTransport

_PAGE_BYTES: Final = 4 * limits.FETCH_BYTES
_POLL_SECONDS: Final = 20
_POLLS: Final = 6
"""Polls of a node that has no place for a stream before the stream is asked for again."""
_CLOSING_SECONDS: Final = 2
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
_BEHIND: Final = 1000
"""Events by which an honest node may be behind another; what lies further ahead was a lie."""
_REASONS: Final = 64
"""Reasons of failures that are told, so that a node that invents them fills no log."""
STALE_MAKING: Final = frozenset(
    {
        "did_updated", "did_controllers_rotated", "did_recovered", "did_deactivated",
        "key_marked_compromised", "template_deactivated", "status_list_published",
        "issuer_recognized", "issuer_derecognized", "accredited", "accreditation_ended",
        "organisation_named", "role_granted", "role_revoked", "parameter_set",
    }
)  # fmt: skip
"""Events after which a verifier's answer may be another."""
REUSE: Final = limits.HEARTBEAT
"""Seconds for which a head is used again while events are followed: one comes so often anyway."""


_log = logging.getLogger(__name__)


class EventsLostError(TransportError):
    """A node does not keep the events that come next, only those from position `first` on."""

    def __init__(self, first: int) -> None:
        super().__init__(f"the node keeps the events from position {first} on only")
        self.first = first


class HeadReader(Protocol):
    """What `keep_fresh` needs of a registry: `HttpRegistry` and every `ProvedReader` have it."""

    def reuse_heads(self, seconds: int) -> None:
        """Set for how many seconds a head is used again without asking."""
        ...

    def ask_again(self, height: int = 0) -> None:
        """Have the next head asked for."""
        ...


@dataclass(frozen=True, slots=True)
class Following:
    """Which events are followed, and what is called with them, each in the following thread.

    `names` are those wanted (empty: all). `on_event` gets each event once, in order, and must not
    raise. `on_live(True)` says that from now on nothing is missed,
    `on_live(False)` that something may be.
    """

    on_event: Callable[[RegistryEvent], None]
    on_live: Callable[[bool], None] = lambda live: None  # noqa: ARG005 - nobody asks
    names: Collection[str] = ()


class Subscription:
    """Follows the events of a registry at one of its nodes, the next one when that fails.

    `urls` are addresses of nodes of one registry; positions are the same at each. It begins with
    what comes from now on, or after position `after`. A node is asked for a stream, and for pages
    (`/events`) where it has no place for one. Between attempts it pauses, longer each time, by
    `wait` (seconds → whether it was closed meanwhile) and with a part of chance from `chance`
    (0 … 1).
    """

    def __init__(
        self,
        *urls: str,
        following: Following,
        transport: GuardedTransport | None = None,
        after: int | None = None,
        wait: Callable[[float], bool] | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        if not urls:
            raise ValueError("a subscription needs at least one node")
        self._urls = [url.rstrip("/") for url in urls]
        self._following = following
        self._transport = transport or GuardedTransport()
        self._closed = threading.Event()
        self._wait = wait or self._closed.wait
        self._chance = chance
        self._lock = threading.Lock()
        self._stream: EventStream | None = None
        self._live = False
        self._gone: dict[str, int] = {}
        self._reached: dict[str, int] = {}
        self._at = self._teller = ""
        self._told: set[tuple[str, str]] = set()
        self.position = after
        """Position of the last event that was seen or stepped over; None: nobody answered yet."""
        self._thread = threading.Thread(target=self.run, name="registry events", daemon=True)

    def start(self) -> Subscription:
        """Begin to follow, in a thread of its own."""
        self._thread.start()
        return self

    def close(self) -> None:
        """End the following; a thread that waits for a node's answer ends by itself after it."""
        self._closed.set()
        with self._lock:
            if self._stream is not None:
                self._stream.close()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(_CLOSING_SECONDS)

    def run(self) -> None:
        """Follow in this thread until `close`."""
        failures = node = 0
        while not self._closed.is_set():
            url = self._urls[node % len(self._urls)]
            try:
                self._follow(url)
            except EventsLostError as lost:
                self._gone[url] = lost.first
                self._step_over()
                self._tell(url, "it does not keep what comes next")
            except (TransportError, MalformedError) as error:
                self._tell(url, error.message)
            else:
                # It ended in order: come back to the same node, after the shortest pause.
                node, failures = node - 1, -1
                self._gone.clear()
            finally:
                self._say_live(live=False)
            pause = min(_FIRST_PAUSE * 2.0 ** max(0, min(failures, 10)), _LONGEST_PAUSE)
            node, failures = node + 1, failures + 1
            if self._wait(pause * (0.5 + self._chance() / 2)):
                return

    # --- within ----------------------------------------------------------------------------------

    def _step_over(self) -> None:
        """Where no node keeps what comes next, go on with the first that any does."""
        if all(url in self._gone for url in self._urls):
            self._step_to(min(self._gone.values()) - 1)
            self._teller = ""  # they all say so
            self._gone.clear()

    def _follow(self, url: str) -> None:
        """Follow at one node until its stream ends in order."""
        self._enter(url)
        query = f"after={self.position}"
        if self._following.names:
            query += "&names=" + ",".join(sorted(self._following.names))
        with open_stream(self._transport, f"{url}/v1/events/stream?{query}") as stream:
            if stream.is_stream:
                self._read(stream)
                return
            if stream.status == 410:
                raise EventsLostError(_first_kept(stream.body))
        self._poll(url)

    def _enter(self, url: str) -> None:
        """Have a position that this node can be asked from, whoever told the one that we have."""
        self._at = url
        if self.position is None or self._teller not in {"", url}:
            newest = self._page(url, "newest", 0)[1]
            self._come_to(self._position_at(url, newest))

    def _position_at(self, url: str, newest: int) -> int:
        """Return where to go on at a node that stands at `newest`, after another one was asked."""
        if self.position is None:
            return newest
        own = min(self._reached.get(url, newest), newest)
        if self.position > newest + _BEHIND:
            self._tell(self._teller, "its position is far above that of another node")
            return own
        # Of what this node has told already nothing comes again because another one told less.
        return max(self.position, own) if url in self._reached else self.position

    def _come_to(self, position: int) -> None:
        """Take a position that the node that is asked has told."""
        if position != self.position:
            self.position = self._reached[self._at] = position
            self._teller = self._at

    def _tell(self, url: str, reason: str) -> None:
        """Log why a node is left, each reason once."""
        if (url, reason) not in self._told and len(self._told) < _REASONS:
            self._told.add((url, reason))
            _log.warning("the events of the registry at %s: %s", url, reason)

    def _read(self, stream: EventStream) -> None:
        with self._lock:
            self._stream = stream
        try:
            # Whoever closes sets the mark before looking for a stream, we do it the other way.
            if not self._closed.is_set():
                self._take(stream)
        finally:
            with self._lock:
                self._stream = None

    def _take(self, stream: EventStream) -> None:
        for sent in stream.events():
            if self._closed.is_set():
                return
            if sent.data:
                self._hand_on(_event_of(sent))
            elif sent.id:
                self._move_on(sent.id)
            self._say_live(live=True)

    def _poll(self, url: str) -> None:
        for _ in range(_POLLS):
            if self._closed.is_set():
                return
            events, last = self._page(url, str(self.position), _POLL_SECONDS)
            for event in events:
                self._hand_on(event)
            self._step_to(last)
            self._say_live(live=True)

    def _page(self, url: str, after: str, wait: int) -> tuple[list[RegistryEvent], int]:
        reply = self._transport.get(
            f"{url}/events?after={after}&wait={wait}",
            accept="application/json",
            max_bytes=_PAGE_BYTES,
            timeout=wait + 4 * limits.FETCH_SECONDS,
        )
        if reply.status == 410:
            raise EventsLostError(_first_kept(reply.body))
        if reply.status != 200:
            raise TransportError(f"the node answered with status {reply.status}")
        what = "the page of events"
        page = Fields(json_loads_object(reply.body, what=what, max_bytes=_PAGE_BYTES), what)
        events = [RegistryEvent.from_json(event) for event in page.items("events", most=200)]
        last = page.member("last")
        if not isinstance(last, int) or isinstance(last, bool) or last < -1:
            raise MalformedError(f"{what} has no position")
        return events, last

    def _hand_on(self, event: RegistryEvent) -> None:
        if self.position is not None and event.position <= self.position:
            raise MalformedError("the node tells events twice, or in another order")
        if not self._following.names or event.name in self._following.names:
            self._following.on_event(event)
        self._come_to(event.position)

    def _move_on(self, text: str) -> None:
        if not (text.isascii() and text.isdecimal() and len(text) <= 19):
            raise MalformedError("the node names a position that is none")
        self._step_to(int(text))

    def _step_to(self, position: int) -> None:
        """Take a position as come to, unless that would be a step back."""
        self._come_to(max(position, -1 if self.position is None else self.position))

    def _say_live(self, *, live: bool) -> None:
        if live != self._live:
            self._live = live
            self._following.on_live(live)


def keep_fresh(
    registry: HeadReader,
    *urls: str,
    transport: GuardedTransport | None = None,
    reuse: int = REUSE,
    on_event: Callable[[RegistryEvent], None] = lambda event: None,  # noqa: ARG005 - nobody asks
) -> Subscription:
    """Return a subscription, not yet begun, that keeps a registry's reader as fresh as its events.

    As long as it follows, heads are used again for `reuse` seconds, until an event says that there
    is something new; otherwise each is asked for. `on_event` is called after that.
    """

    def take(event: RegistryEvent) -> None:
        registry.ask_again(event.height)
        on_event(event)

    def turn(live: bool) -> None:  # noqa: FBT001 - as `on_live` calls it
        registry.ask_again()
        registry.reuse_heads(reuse if live else 0)

    following = Following(on_event=take, on_live=turn, names=STALE_MAKING)
    return Subscription(*urls, following=following, transport=transport)


def _event_of(sent: ServerEvent) -> RegistryEvent:
    event = RegistryEvent.from_json(json_loads_object(sent.data, what="the event"))
    if sent.name != event.name or sent.id != str(event.position):
        raise MalformedError("the node names an event otherwise than it stands in it")
    return event


def _first_kept(body: bytes) -> int:
    what = "the node's refusal"
    return Fields(json_loads_object(body, what=what), what).integer("first")
