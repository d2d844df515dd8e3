"""Webhooks of a registry's node: CloudEvents 1.0 that a node sends, signed (EV-10 … EV-14).

`cloud_event` is what a node sends, `WebhookReceiver` what takes it: one call checks signature, age,
form and repetition. What it gives is a hint from that node, as every event is.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from weid.clock import Clock
from weid.crypto.http_signature import FUTURE, HttpRequest, verify_request
from weid.crypto.keys import PublicKey
from weid.encoding import JsonObject, json_loads_object
from weid.errors import InvalidSignatureError, MalformedError, WeidError
from weid.registry.answers import Fields
from weid.registry.event import RegistryEvent

CONTENT_TYPE: Final = "application/cloudevents+json"
TYPE_PREFIX: Final = "weid.registry."
"""Before an event's name in the CloudEvents type."""
TRIAL: Final = "webhook_tried"
"""In place of an event's name where the operator tries a webhook."""
MAX_AGE: Final = 300
"""Seconds for which a signature is taken."""
BODY_BYTES: Final = 64 * 1024
PATIENCE: Final = 30.0
"""Seconds for which a repetition waits for the delivery that is handled: three times a node's."""
_REMEMBERED: Final = 65_536
"""Ids remembered at most: six minutes of 180 events a second."""
_ID_CHARS: Final = 128
"""Longest id: a chain's has at most 50 characters, a position 19."""


def source_of(network: str) -> str:
    """Return the CloudEvents source of a registry's events."""
    return f"urn:weid:{network}"


def cloud_event(event: RegistryEvent, *, network: str, chain_id: str) -> JsonObject:
    """Return an event in CloudEvents' JSON format (structured mode)."""
    return {
        "specversion": "1.0",
        "id": f"{chain_id}/{event.position}",
        "source": source_of(network),
        "type": TYPE_PREFIX + event.name,
        "subject": event.subject,
        "time": event.time,
        "datacontenttype": "application/json",
        "data": event.to_json(),
    }


def cloud_event_of_trial(trial_id: str, *, network: str, chain_id: str, time: str) -> JsonObject:
    """Return what is sent to try a webhook; it tells of no event."""
    return {
        "specversion": "1.0",
        "id": f"{chain_id}/trial-{trial_id}",
        "source": source_of(network),
        "type": TYPE_PREFIX + TRIAL,
        "time": time,
    }


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery whose signature holds: its CloudEvents id, and its event; None: a trial."""

    id: str
    event: RegistryEvent | None


class DeliveryInWorkError(WeidError):
    """The same delivery is still being handled: whether it was taken cannot be said yet."""


class WebhookReceiver:
    """Takes the webhooks of one registry at one URL.

    `keys` are the public keys of the nodes that may send (ask their operators; a node shows its
    own at `/.well-known/weid-webhooks`); `target_uri` is this receiver's URL as the node was given
    it. A repetition is known for as long as its signature could be taken, so a request that
    somebody recorded does nothing a second time. Many threads may use it. `patience` is for how
    many seconds a repetition waits for the delivery that is at work.
    """

    def __init__(
        self,
        *keys: PublicKey,
        network: str,
        target_uri: str,
        clock: Clock,
        max_age: int = MAX_AGE,
        patience: float = PATIENCE,
    ) -> None:
        self._keys = {key.thumbprint(): key for key in keys}
        self._network = network
        self._target_uri = target_uri
        self._clock = clock
        self._max_age = max_age
        self._patience = patience
        self._until: OrderedDict[str, int] = OrderedDict()
        self._changed = threading.Condition()
        self._in_work: set[str] = set()

    def receive(
        self, headers: Mapping[str, str], body: bytes, handle: Callable[[RegistryEvent], None]
    ) -> bool:
        """Check one POST and hand its event on; return whether it was new.

        Header names may be in any case. When `handle` raises, the delivery counts as not taken:
        answer with a 5xx status then, and it comes again. Otherwise answer 204. A repetition that
        comes while `handle` is at work waits for it: a node tries again after 10 s.

        Raises:
            MalformedError: not a delivery of the form that nodes send; answer 400.
            InvalidSignatureError: not signed by one of the keys, too old, or for another place;
                answer 401.
            DeliveryInWorkError: the same delivery was not done in time; answer 503.
        """
        delivery = self.check(headers, body)
        if not self._begin(delivery.id):
            return False
        try:
            if delivery.event is not None:
                handle(delivery.event)
        except BaseException:
            self._end(delivery.id, taken=False)
            raise
        self._end(delivery.id, taken=True)
        return delivery.event is not None

    def _begin(self, delivery_id: str) -> bool:
        """Return whether a delivery is new, once nobody else is at it."""
        with self._changed:
            # Not for ever: what handles it may hang, and with it every thread that waits here.
            if not self._changed.wait_for(
                lambda: delivery_id not in self._in_work, timeout=self._patience
            ):
                raise DeliveryInWorkError(
                    "the same delivery is still being handled", hint="send it again later"
                )
            now = self._clock.now()
            while self._until and next(iter(self._until.values())) < now:
                self._until.popitem(last=False)
            if delivery_id in self._until:
                return False
            self._in_work.add(delivery_id)
            return True

    def _end(self, delivery_id: str, *, taken: bool) -> None:
        with self._changed:
            self._in_work.discard(delivery_id)
            if taken:
                self._until[delivery_id] = self._clock.now() + self._max_age + FUTURE
            while len(self._until) > _REMEMBERED:
                self._until.popitem(last=False)
            self._changed.notify_all()

    def check(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        """Check one POST without remembering it; see `receive`."""
        if len(body) > BODY_BYTES:
            raise MalformedError("the delivery is too large")
        named = {name.lower(): value for name, value in headers.items()}
        content_type = named.get("content-type", "")
        if content_type != CONTENT_TYPE:
            raise MalformedError(f"the delivery is not {CONTENT_TYPE}")
        request = HttpRequest("POST", self._target_uri, content_type, body)
        verify_request(
            request, named, keys=self._keys, now=self._clock.now(), max_age=self._max_age
        )
        return self._read(body)

    def _read(self, body: bytes) -> Delivery:
        members = json_loads_object(body, what="the delivery", max_bytes=BODY_BYTES)
        fields = Fields(members, "the delivery")
        if fields.text("specversion") != "1.0":
            raise MalformedError("the delivery is not of CloudEvents 1.0")
        if fields.text("source") != source_of(self._network):
            raise InvalidSignatureError("the delivery tells of another registry")
        found, kind = fields.text("id"), fields.text("type")
        if len(found) > _ID_CHARS:
            raise MalformedError("the delivery's id is too long")
        if kind == TYPE_PREFIX + TRIAL:
            return Delivery(found, None)
        event = RegistryEvent.from_json(fields.member("data"))
        agrees = kind == TYPE_PREFIX + event.name and found.endswith(f"/{event.position}")
        if not agrees:
            raise MalformedError("the delivery's id or type is not that of its event")
        return Delivery(found, event)
