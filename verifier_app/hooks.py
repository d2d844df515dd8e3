"""Webhooks that this counter takes from the nodes of its registries, where it is set up to.

What they say is a hint: the registry is asked earlier, and nothing is believed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from verifier_app.settings import Settings
from weid.clock import Clock
from weid.crypto.keys import PublicKey
from weid.errors import CryptoError, MalformedError
from weid.registry.event import RegistryEvent
from weid.registry.webhook import BODY_BYTES, DeliveryInWorkError, WebhookReceiver

MOST_BYTES: Final = BODY_BYTES
"""Bytes of a webhook: what announces more is refused before it is read."""
PATH: Final = "/hooks/"
"""Before the network's name in the path at which its webhooks are taken."""
_TOLD_EVERY: Final = 60
"""Seconds between two warnings of refusals: whoever finds the address can send any number."""
_LOG: Final = logging.getLogger("verifier_app")


@dataclass(frozen=True, slots=True)
class _Hook:
    receiver: WebhookReceiver
    notice: Callable[[RegistryEvent], None]


class Hooks:
    """The webhooks of a counter; `notice` is, by network, what is told of an event."""

    def __init__(
        self,
        settings: Settings,
        notice: Mapping[str, Callable[[RegistryEvent], None]],
        clock: Clock,
    ) -> None:
        self._hooks = {
            network.name: _Hook(
                WebhookReceiver(
                    *(PublicKey.from_multikey(key) for key in network.webhook_keys),
                    network=network.name,
                    target_uri=f"{settings.public_url}{PATH}{network.name}",
                    clock=clock,
                ),
                notice[network.name],
            )
            for network in settings.networks
            if network.webhook_keys
        }
        self._refusals = _Refusals(clock)

    def takes(self, network: str) -> bool:
        """Return whether webhooks of a network are taken."""
        return network in self._hooks

    def take(self, network: str, headers: Mapping[str, str], body: bytes) -> int:
        """Take one request and return the HTTP status that answers it."""
        hook = self._hooks.get(network)
        if hook is None:
            return 404
        try:
            hook.receiver.receive(headers, body, hook.notice)
        except MalformedError as error:
            self._refusals.tell(network, error.message)
            return 400
        except CryptoError as error:
            self._refusals.tell(network, error.message)
            return 401
        except DeliveryInWorkError as error:
            self._refusals.tell(network, error.message)
            return 503
        return 204


class _Refusals:
    """Warns of refusals, once in a while and with how many were not told."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._next = 0
        self._untold = 0

    def tell(self, network: str, why: str) -> None:
        """Warn of one, or count it."""
        with self._lock:
            now = self._clock.now()
            if now < self._next:
                self._untold += 1
                return
            untold, self._untold = self._untold, 0
            self._next = now + _TOLD_EVERY
        more = f" ({untold} others before)" if untold else ""
        _LOG.warning("a webhook of %s was refused: %s%s", network, why, more)
