"""Webhooks that this counter takes from the nodes of its registries, where it is set up to.

What they say is a hint: the registry is asked earlier, and nothing is believed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from verifier_app.settings import Settings
from weid.clock import Clock
from weid.crypto.keys import PublicKey
from weid.errors import CryptoError, MalformedError
from weid.registry.event import RegistryEvent
from weid.registry.webhook import WebhookReceiver

PATH: Final = "/hooks/"
"""Before the network's name in the path at which its webhooks are taken."""
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

    def take(self, network: str, headers: Mapping[str, str], body: bytes) -> int:
        """Take one request and return the HTTP status that answers it."""
        hook = self._hooks.get(network)
        if hook is None:
            return 404
        try:
            hook.receiver.receive(headers, body, hook.notice)
        except MalformedError as error:
            _LOG.warning("a webhook of %s was refused: %s", network, error.message)
            return 400
        except CryptoError as error:
            _LOG.warning("a webhook of %s was refused: %s", network, error.message)
            return 401
        return 204
