"""One webhook's deliveries: the next event, sent, and what its answer means (EV-11, EV-12)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from registry_chain.events import event_to_json
from registry_chain.node.webhooks.subscriptions import Subscription
from registry_chain.storage.stored_event import StoredEvent
from weid.clock import Clock, format_time
from weid.crypto.http_signature import HttpRequest, sign_request
from weid.crypto.signer import Signer
from weid.encoding import JsonObject, json_dumps
from weid.errors import TransportError
from weid.registry.event import RegistryEvent
from weid.registry.webhook import CONTENT_TYPE, cloud_event, cloud_event_of_trial
from weid.transport import HttpTransport

_ANSWER_BYTES: Final = 64 * 1024
_SECONDS: Final = 10.0
"""Longest time for one delivery; a receiver takes it and works later."""
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 3_600.0
_GONE: Final = 410


class Outcome(Enum):
    """What an answer means."""

    TAKEN = "taken"
    FAILED = "failed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one delivery; `problem` says in words what was wrong."""

    outcome: Outcome
    problem: str = ""


def pause_after(failures: int, *, chance: float) -> float:
    """Return the seconds until the next try after so many failures in a row.

    Doubled each time up to an hour, of which the later half is by chance (0 … 1): receivers that
    failed together are not tried together.
    """
    whole = min(_FIRST_PAUSE * (1 << min(failures - 1, 20)), _LONGEST_PAUSE)
    return whole * (0.5 + chance / 2)


@dataclass(frozen=True, slots=True)
class Sender:
    """Signs and sends.

    `key` gives the node's webhook key, `open_transport` the transport for a webhook, by `loopback`.
    """

    network: str
    chain_id: str
    key: Callable[[], Signer]
    clock: Clock
    open_transport: Callable[[bool], HttpTransport]

    def send(self, subscription: Subscription, stored: StoredEvent) -> Answer:
        """Send one event and return what became of it."""
        event = RegistryEvent.from_json(event_to_json(stored))
        body = cloud_event(event, network=self.network, chain_id=self.chain_id)
        return self._post(subscription, body)

    def try_out(self, subscription: Subscription, trial_id: str) -> Answer:
        """Send a delivery that tells of no event."""
        body = cloud_event_of_trial(
            trial_id,
            network=self.network,
            chain_id=self.chain_id,
            time=format_time(self.clock.now()),
        )
        return self._post(subscription, body)

    def _post(self, subscription: Subscription, members: JsonObject) -> Answer:
        body = json_dumps(members)
        request = HttpRequest("POST", subscription.url, CONTENT_TYPE, body)
        try:
            reply = self.open_transport(subscription.loopback).post(
                subscription.url,
                body,
                content_type=CONTENT_TYPE,
                headers=sign_request(request, self.key(), created=self.clock.now()),
                max_bytes=_ANSWER_BYTES,
                timeout=_SECONDS,
            )
        except TransportError as error:
            return Answer(Outcome.FAILED, error.message)
        if 200 <= reply.status < 300:
            return Answer(Outcome.TAKEN)
        if reply.status == _GONE:
            return Answer(Outcome.GONE, "its receiver says that it is gone (410)")
        return Answer(Outcome.FAILED, f"its receiver answered with status {reply.status}")
