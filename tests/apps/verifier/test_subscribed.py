"""A verifier that follows its registry's events, over sockets: it sees a change when it happens.

The clock stands still, so that a head that was once asked for would be used for ever: whatever is
seen here was seen because an event told of it.
"""

from __future__ import annotations

import threading
import time

import pytest
from flask import request

from registry_chain.node.settings import NodeSettings, RateLimit
from tests.support.clauses import clause
from tests.support.node_world import NodeWorld
from tests.support.served import served
from tests.support.world import AUDIENCE, World
from weid.issuer import ASSERTION_KEY
from weid.registry.http_client import HttpRegistry
from weid.registry.subscription import keep_fresh
from weid.transport import GuardedTransport
from weid.verification.policy import TrustedNetwork, TrustPolicy
from weid.verifier import Verifier

LONG = 120.0
"""Seconds that a step may take on a machine that is busy; five are promised on one that is not."""
SETTINGS = NodeSettings(read_limit=RateLimit(rate=1e6, burst=1_000_000))


class Watched:
    """A registry's reader that says when it is told something."""

    def __init__(self, registry):
        self._registry = registry
        self.live = threading.Event()

    def ask_again(self, height=0):
        self._registry.ask_again(height)

    def reuse_heads(self, seconds):
        self._registry.reuse_heads(seconds)
        if seconds:
            self.live.set()


@pytest.fixture
def scene():
    """A world, its node behind a socket, and a verifier that reads and follows it."""
    world = World.begin()
    world.clock.advance(10)
    world.registry.head()
    asked, closing = [], threading.Event()

    def make(_url):
        app = NodeWorld(world.registry, world.clock, None, "", None).app(
            settings=SETTINGS, closing=closing
        )
        app.before_request(lambda: asked.append(request.path))
        return app

    with served(make) as url:
        transport = GuardedTransport(allow_loopback_http=True)
        genesis_hash = world.registry.genesis_hash
        registry = HttpRegistry(
            url, genesis_hash=genesis_hash, transport=transport, clock=world.clock
        )
        network = TrustedNetwork(
            reader=registry, genesis_hash=genesis_hash, status_tokens=world.registry
        )
        verifier = Verifier(
            AUDIENCE, policy=TrustPolicy(networks={"test": network}), clock=world.clock
        )
        watched, seen = Watched(registry), threading.Event()
        subscription = keep_fresh(
            watched, url, transport=transport, on_event=lambda _: seen.set()
        ).start()
        assert watched.live.wait(LONG)
        yield world, registry, verifier, seen, asked
        subscription.close()
        closing.set()


def accepts(world, verifier):
    asked = verifier.request(world.template, "name")
    return verifier.verify(world.present(asked), asked).accepted


CHANGES = {
    "issuer derecognized": (
        lambda world: world.registry.governor.derecognize(world.issuer.did, world.template),
        lambda world, registry, _: (
            registry.recognition(world.issuer.did, "diploma").ended_at is not None
        ),
    ),
    "key compromised": (
        lambda world: world.registry.governor.mark_key_compromised(
            world.issuer.did, ASSERTION_KEY, since=world.clock.now() - 1_000
        ),
        lambda world, _, verifier: not accepts(world, verifier),
    ),
    "template deactivated": (
        lambda world: world.registry.governor.deactivate_template(world.template, 1),
        lambda _, registry, __: registry.template("diploma", 1).deactivated_at is not None,
    ),
    "status list changed": (
        lambda world: world.issuer.revoke(world.credential),
        lambda world, _, verifier: not accepts(world, verifier),
    ),
}


@pytest.mark.parametrize(("change", "is_seen"), CHANGES.values(), ids=CHANGES)
@clause("EV-16")
def test_a_subscribed_verifier_sees_a_change_without_asking_each_time(scene, change, is_seen):
    world, registry, verifier, seen, asked = scene
    assert accepts(world, verifier)
    assert not is_seen(world, registry, verifier)
    before = len(asked)
    assert accepts(world, verifier)
    assert len(asked) == before
    seen.clear()
    change(world)
    world.clock.advance(1)
    world.registry.head()
    begun = time.monotonic()
    assert seen.wait(LONG)
    while not is_seen(world, registry, verifier):
        assert time.monotonic() - begun < LONG
    assert len(asked) > before
