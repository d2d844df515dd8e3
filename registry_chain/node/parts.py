"""What a node's face is made of, put together once and passed to everything that answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from registry_chain.engines.engine import Engine
from registry_chain.events import EventFeed
from registry_chain.node.chain_view import ChainView
from registry_chain.node.metrics import Metrics
from registry_chain.node.settings import NodeSettings
from registry_chain.node.webhooks.service import Webhooks
from weid.clock import Clock
from weid.encoding import JsonObject
from weid.registry.pinned_genesis import PinnedGenesis
from weid.registry.proof_source import ProofSource
from weid.registry.registry import RegistryReader


@dataclass(frozen=True, slots=True)
class NodeParts:
    """The engine that takes transactions, what answers with proof, what pages read, and caps.

    `monotonic` gives seconds that never go back, for rate limits and waits only.
    """

    engine: Engine
    genesis: PinnedGenesis
    source: ProofSource
    chain: ChainView
    feed: EventFeed
    clock: Clock
    settings: NodeSettings = field(default_factory=NodeSettings)
    metrics: Metrics = field(default_factory=Metrics)
    monotonic: Callable[[], float] = time.monotonic
    closing: threading.Event = field(default_factory=threading.Event)
    faults: list[str] = field(default_factory=list)
    """What is wrong with this node for good, such as a damaged store; empty when nothing is."""
    cometbft: Callable[[str, JsonObject], JsonObject] | None = None
    """Asks this node's CometBFT a method of its RPC; None where it has none."""
    webhooks: Webhooks | None = None
    """What this node sends to others; None where it has no folder for that."""
    records: RegistryReader | None = None
    """What DIDs are resolved from; None where this face resolves none."""

    def head_age(self) -> int:
        """Return the age of the newest sealed block in seconds, by its header time."""
        return max(0, self.clock.now() - self.engine.head().time)
