"""The webhooks of a running node: a thread for each, which neither the chain nor another waits for.

A thread reads the feed from where its webhook has come to and sends what is wanted, one after the
other; a failure is tried again later and holds up this webhook only.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from registry_chain.events import EventFeed, EventPage, EventsNotKeptError
from registry_chain.node.following import next_page
from registry_chain.node.metrics import (
    WEBHOOK_DELIVERIES,
    WEBHOOK_FAILURES,
    WEBHOOK_LAG,
    Labels,
    Metric,
    Metrics,
)
from registry_chain.node.webhooks.delivery import Answer, Outcome, Sender, pause_after
from registry_chain.node.webhooks.key_file import KeyFile
from registry_chain.node.webhooks.subscriptions import SqliteSubscriptions, State, Subscription
from weid.errors import RegistryUnavailableError, WeidError

if TYPE_CHECKING:
    from registry_chain.engines.engine import Engine

_STOPPING_SECONDS: Final = 2.0
_SLICE: Final = 1.0
"""Seconds after which a thread looks whether something was changed or the node is stopping."""

_log = logging.getLogger(__name__)


def chance() -> float:
    """Return a number from 0 to 1 that nobody can foresee."""
    return secrets.randbelow(1_000_001) / 1_000_000


@dataclass(frozen=True, slots=True)
class Source:
    """Where the events of a node come from."""

    engine: Engine
    feed: EventFeed


@dataclass(slots=True)
class Webhooks:
    """Serves the webhooks of a node until `closing` is set.

    `chance` gives numbers from 0 to 1 for the pauses between tries.
    """

    kept: SqliteSubscriptions
    source: Source
    sender: Sender
    metrics: Metrics
    closing: threading.Event
    keys: KeyFile
    chance: Callable[[], float] = chance
    _threads: dict[str, threading.Thread] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Begin to serve, in threads; also those webhooks that come later."""
        threading.Thread(target=self._look_around, name="webhooks", daemon=True).start()

    def stop(self) -> None:
        """Wait a moment for the threads, which `closing` ends; who waits for a receiver is left."""
        end = time.monotonic() + _STOPPING_SECONDS
        with self._lock:
            threads = list(self._threads.values())
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))

    def lags(self) -> dict[tuple[Metric, Labels], float]:
        """Return how many events each webhook has not come to yet; nothing where none is known."""
        newest = self.source.feed.newest()
        try:
            kept = self.kept.all()
        except RegistryUnavailableError as error:
            _log.error("%s", error.message)
            return {}
        return {
            (WEBHOOK_LAG, (("subscription", each.id),)): float(max(0, newest - each.position))
            for each in kept
            if each.state is not State.ENDED
        }

    # --- the threads -----------------------------------------------------------------------------

    def _look_around(self) -> None:
        """Give each webhook that has none its thread, again and again."""
        while not self.closing.is_set():
            try:
                self._give_threads()
            except RegistryUnavailableError as error:
                _log.error("%s", error.message)
            self.closing.wait(_SLICE)

    def _give_threads(self) -> None:
        for each in self.kept.all():
            with self._lock:
                thread = self._threads.get(each.id)
                if each.state is not State.ACTIVE or (thread is not None and thread.is_alive()):
                    continue
                thread = threading.Thread(
                    target=self._serve, args=(each.id,), name=f"webhook {each.id}", daemon=True
                )
                self._threads[each.id] = thread
            thread.start()

    def _serve(self, subscription_id: str) -> None:
        """Serve one webhook until it is removed, paused or ended, or the node stops."""
        while not self.closing.is_set():
            try:
                if not self.serve_once(subscription_id, seconds=_SLICE):
                    return
            except WeidError as error:
                if self.closing.is_set():
                    return
                # The store or the file cannot be read now; nothing of the webhook is lost.
                _log.error("webhook %s: %s", subscription_id, error.message)
                self.closing.wait(_SLICE)

    def serve_once(self, subscription_id: str, *, seconds: float) -> bool:
        """Send what is there, or wait at most `seconds` for it; return whether to go on."""
        found = self.kept.find(subscription_id)
        if found is None or found.state is not State.ACTIVE:
            return False
        left = found.next_try - self.sender.clock.now()
        if left > 0:
            self.closing.wait(min(float(left), seconds))
            return True
        try:
            page = next_page(
                self.source.engine, self.source.feed, after=found.position, seconds=seconds
            )
        except EventsNotKeptError as error:
            # To step over what cannot be sent is for the operator to decide.
            self.kept.end(found.id, error.message)
            return False
        return self._send(found, page)

    def _send(self, found: Subscription, page: EventPage) -> bool:
        passed = found.position
        for stored in page.events:
            if self.closing.is_set():
                break
            if found.wanted.takes(stored):
                if not self._is_active(found.id):
                    return False
                answer = self.sender.send(found, stored)
                if answer.outcome is not Outcome.TAKEN:
                    if passed > found.position:
                        self.kept.came_to(found.id, passed)
                    return self._failed(found.id, answer)
                self.metrics.count(WEBHOOK_DELIVERIES, subscription=found.id)
                self.kept.came_to(found.id, stored.position)
            passed = stored.position
        if passed > found.position:
            self.kept.came_to(found.id, passed)
        return True

    def _is_active(self, subscription_id: str) -> bool:
        now = self.kept.find(subscription_id)
        return now is not None and now.state is State.ACTIVE

    def _failed(self, subscription_id: str, answer: Answer) -> bool:
        self.metrics.count(WEBHOOK_FAILURES, subscription=subscription_id)
        if answer.outcome is Outcome.GONE:
            self.kept.end(subscription_id, answer.problem)
            return False
        now = self.kept.find(subscription_id)
        failures = 1 if now is None else now.failures + 1
        pause = pause_after(failures, chance=self.chance())
        # Up, so that a pause is never nothing: the clock shows whole seconds.
        next_try = self.sender.clock.now() + max(1, round(pause))
        self.kept.failed(subscription_id, problem=answer.problem, next_try=next_try)
        return True
