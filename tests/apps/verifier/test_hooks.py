"""Webhooks at a counter: taken when the registry's node signed them, and only then."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tests.apps.verifier.support import settings
from tests.support.clauses import clause
from tests.support.world import AUDIENCE, World
from verifier_app.app import create_app
from verifier_app.hooks import Hooks
from weid.clock import FixedClock
from weid.crypto.http_signature import HttpRequest, sign_request
from weid.crypto.keys import KeyKind, PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.encoding import json_dumps
from weid.registry.event import RegistryEvent
from weid.registry.webhook import CONTENT_TYPE, cloud_event

KEY = PrivateKey.from_seed(b"\x07" * 32)
OTHER = PrivateKey.from_seed(b"\x08" * 32)
EVENT = RegistryEvent(
    3, 9, "2026-05-28T20:26:40Z", "issuer_derecognized", "subject", "author", b"\x11" * 32, 0
)


@pytest.fixture(scope="module")
def world():
    return World.begin()


def network(world, **more):
    return {
        "name": "test",
        "genesis_hash": world.registry.genesis_hash.hex(),
        "nodes": ["https://node.example"],
        **more,
    }


@pytest.fixture
def counter(world, tmp_path):
    """A counter that takes webhooks, and what it was told by them."""
    keys = [KEY.public.to_multikey()]
    chosen = settings(world, tmp_path, networks=[network(world, webhook_keys=keys)])
    told = []
    hooks = Hooks(chosen, {"test": told.append}, world.clock)
    app = create_app(chosen, counter=None, trust_view=None, taken_hooks=hooks)
    return app.test_client(), told


def post(client, world, *, key=KEY, name="test", body=None, **headers):
    body = body or json_dumps(cloud_event(EVENT, network="test", chain_id="test-1"))
    request = HttpRequest("POST", f"{AUDIENCE}/hooks/{name}", CONTENT_TYPE, body)
    signed = sign_request(request, InMemorySigner(key), created=world.clock.now())
    sent = {**signed, "Content-Type": CONTENT_TYPE, **headers}
    return client.post(f"/hooks/{name}", base_url=AUDIENCE, data=body, headers=sent)


@clause("EV-13", "EV-16")
def test_a_signed_webhook_is_taken_once_without_a_session(counter, world):
    client, told = counter
    reply = post(client, world)
    assert (reply.status_code, reply.data) == (204, b"")
    assert "Set-Cookie" not in reply.headers
    assert post(client, world).status_code == 204
    assert told == [EVENT]


@clause("EV-13")
def test_what_is_not_signed_by_the_node_is_refused(counter, world):
    client, told = counter
    assert post(client, world, key=OTHER).status_code == 401
    assert post(client, world, body=b"{}").status_code == 400
    assert post(client, world, Signature="weid=:AAAA:").status_code in (400, 401)
    assert post(client, world, name="other").status_code == 404
    assert client.post("/hooks/test", base_url=AUDIENCE).status_code == 400
    assert client.get("/hooks/test", base_url=AUDIENCE).status_code == 405
    assert told == []


class Unread:
    """A body that must not be read."""

    def read(self, *_size):
        raise AssertionError("the body was read")


@clause("EV-13")
@pytest.mark.parametrize(
    ("name", "size", "status"),
    [("test", 64 * 1024 + 1, 413), ("test", 10**9, 413), ("other", 100, 404)],
)
def test_what_is_too_large_or_for_nobody_is_refused_before_it_is_read(counter, name, size, status):
    client, told = counter
    reply = client.post(
        f"/hooks/{name}", base_url=AUDIENCE, content_type=CONTENT_TYPE,
        environ_overrides={"wsgi.input": Unread(), "CONTENT_LENGTH": str(size)},
    )  # fmt: skip
    assert reply.status_code == status
    assert told == []


def test_refusals_are_told_once_a_minute_and_counted(world, tmp_path, caplog):
    keys = [KEY.public.to_multikey()]
    chosen = settings(world, tmp_path, networks=[network(world, webhook_keys=keys)])
    clock = FixedClock(world.clock.now())
    hooks = Hooks(chosen, {"test": lambda _: None}, clock)
    for _ in range(100):
        assert hooks.take("test", {}, b"") == 400
    assert len(caplog.records) == 1
    clock.advance(60)
    assert hooks.take("test", {}, b"") == 400
    assert len(caplog.records) == 2
    assert "(99 others before)" in caplog.text


@clause("EV-13")
def test_a_counter_without_a_key_takes_none(world, tmp_path):
    chosen = settings(world, tmp_path)
    hooks = Hooks(chosen, {}, world.clock)
    for taken in (hooks, None):
        app = create_app(chosen, counter=None, trust_view=None, taken_hooks=taken)
        assert post(app.test_client(), world).status_code == 404


@pytest.mark.parametrize(
    "more",
    [
        {"webhook_keys": ["z6Mk"]},
        {"webhook_keys": [PrivateKey.from_seed(b"\x05" * 32, KeyKind.P256).public.to_multikey()]},
        {"webhook_keys": [KEY.public.to_multikey()], "nodes": [], "bundle": "trust.bundle"},
    ],
)
def test_a_key_that_cannot_be_one_is_told_at_start(world, tmp_path, more):
    with pytest.raises(ValidationError):
        settings(world, tmp_path, networks=[network(world, **more)])
