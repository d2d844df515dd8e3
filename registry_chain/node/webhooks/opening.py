"""Where a node's webhooks lie in its folder, and what serves and sends them put together."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Final

from registry_chain.node.parts import NodeParts
from registry_chain.node.webhooks.delivery import Sender
from registry_chain.node.webhooks.key_file import KeyFile
from registry_chain.node.webhooks.service import Source, Webhooks
from registry_chain.node.webhooks.subscriptions import SqliteSubscriptions
from weid.clock import Clock
from weid.errors import RegistryUnavailableError
from weid.transport import GuardedTransport, HttpTransport

_log = logging.getLogger(__name__)
_SUBSCRIPTIONS: Final = "webhooks.db"
_KEY: Final = "webhooks.key"


def open_transport(loopback: bool) -> HttpTransport:  # noqa: FBT001 - the whole question
    """Return what sends: to public addresses, and to this machine where that was allowed."""
    return GuardedTransport(allow_loopback_http=loopback)


def open_subscriptions(folder: Path) -> SqliteSubscriptions:
    """Return the webhooks that are kept in a node's folder; the caller closes them."""
    return SqliteSubscriptions(folder / _SUBSCRIPTIONS)


def open_key(folder: Path) -> KeyFile:
    """Return the key that signs the webhooks of a node's folder."""
    return KeyFile(folder / _KEY)


def make_sender(keys: KeyFile, *, network: str, chain_id: str, clock: Clock) -> Sender:
    """Return what signs and sends the webhooks of a chain."""
    return Sender(network, chain_id, keys.signer, clock, open_transport)


def with_webhooks(parts: NodeParts, folder: Path) -> NodeParts:
    """Return a node's parts with the webhooks of its folder, which are not served yet.

    Where they cannot be read the log says so, and the node serves its chain without them.
    """
    try:
        kept = open_subscriptions(folder)
    except RegistryUnavailableError as error:
        _log.error("no webhooks are served: %s", error.message)
        return parts
    keys = open_key(folder)
    genesis = parts.genesis
    webhooks = Webhooks(
        kept=kept,
        source=Source(parts.engine, parts.feed),
        sender=make_sender(
            keys, network=genesis.network, chain_id=genesis.root.chain_id, clock=parts.clock
        ),
        metrics=parts.metrics,
        closing=parts.closing,
        keys=keys,
    )
    return replace(parts, webhooks=webhooks)
