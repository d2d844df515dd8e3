"""A node's webhooks: in order, at least once, each by itself, and where it was after a restart."""

from __future__ import annotations

import json
import stat
import threading

import pytest

from registry_chain.node.app import create_app
from registry_chain.node.filtering import NAMES, EventFilter
from registry_chain.node.webhooks.delivery import Sender, pause_after
from registry_chain.node.webhooks.key_file import KeyFile
from registry_chain.node.webhooks.opening import open_transport, with_webhooks
from registry_chain.node.webhooks.subscriptions import (
    MOST,
    SqliteSubscriptions,
    State,
    Subscription,
    require_url,
)
from registry_chain.storage.store import Checkpoint, Table
from registry_chain.storage.stored_event import EVENTS_BASE
from tests.support.clauses import clause
from tests.support.node_world import URI, node_world
from weid.crypto.keys import PublicKey
from weid.errors import MalformedError, NotFoundError, RegistryUnavailableError, TransportError
from weid.registry.operations import AnchorEvidence
from weid.registry.subscription import STALE_MAKING
from weid.registry.webhook import CONTENT_TYPE, WebhookReceiver
from weid.transport import GuardedTransport, HttpReply

URL = "https://receiver.example/hooks"
OTHER = "https://other.example/hooks"


class Receivers:
    """The other ends, as a transport: what each URL answers, and what came."""

    def __init__(self, world, folder):
        self.answers, self.came, self.world = {}, [], world
        self.key = KeyFile(folder / "webhooks.key").signer().public_key
        self.receivers = {
            url: WebhookReceiver(self.key, network="local", target_uri=url, clock=world.clock)
            for url in (URL, OTHER)
        }

    def post(self, url, body, *, content_type, headers, max_bytes, timeout):
        answer = self.answers.get(url, 204)
        if isinstance(answer, list):
            answer = answer.pop(0) if answer else 204
        if isinstance(answer, Exception):
            raise answer
        sent = {**headers, "Content-Type": content_type}
        delivery = self.receivers[url].check(sent, body)
        self.came.append((url, delivery.event.position if delivery.event else None))
        return HttpReply(answer, {}, b"")

    def at(self, url):
        return [position for came, position in self.came if came == url]


class Scene:
    def __init__(self, folder):
        self.folder = folder
        self.world = node_world()
        self.receivers = Receivers(self.world, folder)
        self.open()

    def open(self):
        """Open the node's webhooks, as a node does that starts."""
        parts = with_webhooks(self.world.parts(), self.folder)
        self.webhooks = parts.webhooks
        self.webhooks.chance = lambda: 1.0
        self.webhooks.sender = Sender(
            "local", self.world.parts().genesis.root.chain_id, KeyFile(self.folder / "webhooks.key").signer,
            self.world.clock, lambda _: self.receivers,
        )  # fmt: skip
        self.parts = parts
        self.kept = self.webhooks.kept
        return self

    def close(self):
        self.kept.close()

    def add(self, name="one", url=URL, wanted=None, position=-1, **more):
        self.kept.add(Subscription(name, url, wanted or EventFilter(), position, **more))

    def serve(self, name="one"):
        return self.webhooks.serve_once(name, seconds=0)

    @property
    def positions(self):
        return list(range(self.parts.feed.newest() + 1))


@pytest.fixture
def scene(tmp_path):
    made = Scene(tmp_path)
    yield made
    made.close()


@clause("EV-10", "EV-11")
def test_every_event_is_delivered_in_order_signed_and_once(scene):
    scene.add()
    assert scene.serve()
    assert scene.receivers.at(URL) == scene.positions
    assert scene.serve()
    assert scene.receivers.at(URL) == scene.positions
    assert scene.kept.find("one").position == scene.positions[-1]
    scene.world.issuer.submit(AnchorEvidence(b"\x55" * 32))
    scene.serve()
    assert scene.receivers.at(URL) == scene.positions


@clause("EV-11")
def test_a_filter_leaves_out_the_rest_and_the_lag_is_nothing_all_the_same(scene):
    scene.add(wanted=EventFilter.of(["status_list_published"], URI))
    scene.serve()
    assert len(scene.receivers.at(URL)) == 1
    assert list(scene.webhooks.lags().values()) == [0.0]


@clause("EV-11")
def test_after_a_failure_the_same_event_is_tried_again_later_and_then_the_next(scene):
    scene.add()
    scene.receivers.answers[URL] = [204, 204, 500, TransportError("cannot be reached"), 302, 204]
    scene.serve()
    assert scene.receivers.at(URL) == [0, 1, 2]
    found = scene.kept.find("one")
    assert (found.position, found.failures) == (1, 1)
    assert found.problem == "its receiver answered with status 500"
    scene.serve()
    assert scene.receivers.at(URL) == [0, 1, 2]
    scene.world.clock.advance(1)
    scene.serve()
    assert scene.kept.find("one").problem == "cannot be reached"
    scene.world.clock.advance(2)
    scene.serve()
    assert scene.kept.find("one").failures == 3
    scene.world.clock.advance(4)
    scene.serve()
    assert scene.receivers.at(URL) == [0, 1, 2, 2, *scene.positions[2:]]
    found = scene.kept.find("one")
    assert (found.position, found.failures, found.problem) == (scene.positions[-1], 0, "")


@clause("EV-11")
def test_pauses_double_up_to_an_hour_and_half_of_each_is_chance():
    assert [pause_after(n, chance=1.0) for n in (1, 2, 3, 10)] == [1, 2, 4, 512]
    assert pause_after(60, chance=1.0) == 3600
    assert pause_after(60, chance=0.0) == 1800
    assert pause_after(5, chance=0.5) == 12


@clause("EV-11")
def test_a_receiver_that_is_gone_ends_its_webhook(scene):
    scene.add()
    scene.receivers.answers[URL] = [204, 410]
    assert not scene.serve()
    found = scene.kept.find("one")
    assert (found.state, found.position) == (State.ENDED, 0)
    assert "gone" in found.problem
    assert not scene.serve()
    assert scene.receivers.at(URL) == [0, 1]
    assert scene.webhooks.lags() == {}


@clause("EV-11")
def test_a_webhook_goes_on_where_it_was_after_a_restart_and_after_a_pause(scene):
    scene.add()
    scene.receivers.answers[URL] = [204, 204, 500]
    scene.serve()
    scene.close()
    scene.open()
    scene.world.clock.advance(1)
    scene.kept.switch("one", State.PAUSED)
    assert not scene.serve()
    scene.kept.switch("one", State.ACTIVE)
    scene.serve()
    assert scene.receivers.at(URL) == [0, 1, 2, *scene.positions[2:]]


@clause("EV-11")
def test_what_was_taken_but_not_noted_comes_again_and_the_receiver_knows_it(scene):
    scene.add()
    scene.kept.came_to = lambda *_: (_ for _ in ()).throw(RegistryUnavailableError("no space"))
    with pytest.raises(RegistryUnavailableError):
        scene.serve()
    del scene.kept.came_to
    scene.serve()
    assert scene.receivers.at(URL) == [0, *scene.positions]


@clause("EV-11")
def test_a_receiver_that_hangs_holds_up_nobody_else(scene):
    scene.add("slow")
    scene.add("quick", OTHER)
    reached, let_go, done = threading.Event(), threading.Event(), threading.Event()
    quick = scene.receivers.post

    def post(url, body, **options):
        if url == URL:
            reached.set()
            assert let_go.wait(60)
        reply = quick(url, body, **options)
        if scene.receivers.at(OTHER) == scene.positions:
            done.set()
        return reply

    scene.receivers.post = post
    scene.webhooks.start()
    assert reached.wait(60)
    assert done.wait(60)
    receipt = scene.world.issuer.submit(AnchorEvidence(b"\x66" * 32))
    assert receipt.height > 0
    scene.parts.closing.set()
    let_go.set()
    scene.webhooks.stop()
    for thread in scene.webhooks._threads.values():
        thread.join(60)
        assert not thread.is_alive()


@clause("EV-05", "EV-11")
def test_what_is_not_kept_here_ends_a_webhook_instead_of_leaving_a_gap(scene):
    scene.add(position=0)
    value = {Table.SETTINGS: {EVENTS_BASE: (3).to_bytes(8, "big")}}
    scene.world.registry.engine.application.store.write(value, Checkpoint(0, b"", b""))
    assert not scene.serve()
    found = scene.kept.find("one")
    assert (found.state, found.problem) == (
        State.ENDED, "this node keeps the events from position 3 on"
    )  # fmt: skip
    assert scene.receivers.came == []


@clause("EV-14")
def test_metrics_tell_deliveries_failures_and_lag_of_each(scene):
    scene.add()
    scene.add("two", OTHER)
    scene.receivers.answers[URL] = [204, 500]
    scene.serve()
    text = create_app(scene.parts, lambda: None).test_client().get("/metrics").text
    assert 'weid_webhook_deliveries_total{subscription="one"} 1' in text
    assert 'weid_webhook_failures_total{subscription="one"} 1' in text
    assert f'weid_webhook_lag_events{{subscription="one"}} {len(scene.positions) - 1}' in text
    assert f'weid_webhook_lag_events{{subscription="two"}} {len(scene.positions)}' in text
    assert "receiver.example" not in text


@clause("EV-12")
def test_the_key_is_its_owner_s_alone_and_the_public_one_is_shown(scene, tmp_path):
    client = create_app(scene.parts, lambda: None).test_client()
    reply = client.get("/.well-known/weid-webhooks")
    (jwk,) = reply.json["keys"]
    assert PublicKey.from_jwk(jwk) == scene.receivers.key
    assert jwk["kid"] == scene.receivers.key.thumbprint()
    assert "d" not in jwk
    for name in ("webhooks.key", "webhooks.db"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


@clause("EV-12")
def test_a_node_without_webhooks_shows_no_key(tmp_path):
    world = node_world()
    parts = with_webhooks(world.parts(), tmp_path)
    for each in (parts, world.parts()):
        reply = create_app(each, lambda: None).test_client().get("/.well-known/weid-webhooks")
        assert (reply.status_code, reply.json["code"]) == (404, "not_found")
    assert not (tmp_path / "webhooks.key").exists()
    parts.webhooks.kept.close()


URLS = {
    "http://receiver.example/": False,
    "https://user@receiver.example/": False,
    "https://receiver.example/#part": False,
    "https:///hooks": False,
    "ftp://receiver.example/": False,
    "http://127.0.0.1:8000/": False,
    "https://[::1": False,
    "https://receiver.example/" + "x" * 2048: False,
    "https://receiver.example/hooks?a=b": True,
}


@pytest.mark.parametrize(("url", "good"), URLS.items())
@clause("EV-14")
def test_a_webhook_is_https_unless_this_machine_is_allowed(url, good):
    if good:
        require_url(url, loopback=False)
        return
    with pytest.raises(MalformedError, match="https"):
        require_url(url, loopback=False)


@clause("EV-14")
def test_http_on_this_machine_is_for_demonstrations_only():
    require_url("http://127.0.0.1:8000/", loopback=True)
    with pytest.raises(MalformedError):
        require_url("http://receiver.example/", loopback=True)
    assert isinstance(open_transport(False), GuardedTransport)
    for url in ("https://127.0.0.1:1/", "https://localhost:1/", "http://127.0.0.1:1/"):
        with pytest.raises(TransportError) as refused:
            open_transport(False).post(url, b"", content_type=CONTENT_TYPE)
        assert refused.value.refused


@clause("EV-14")
def test_webhooks_are_bounded_and_an_unknown_one_is_told(tmp_path):
    kept = SqliteSubscriptions(tmp_path / "webhooks.db")
    for number in range(MOST):
        kept.add(Subscription(f"{number:04}", URL, EventFilter(), -1))
    with pytest.raises(MalformedError, match="already"):
        kept.add(Subscription("more", URL, EventFilter(), -1))
    for act in (kept.remove, lambda name: kept.switch(name, State.PAUSED)):
        with pytest.raises(NotFoundError, match="more"):
            act("more")
    kept.close()
    for wrong in ("no_such_event", ""):
        with pytest.raises(MalformedError):
            EventFilter.of([wrong], "")


def test_what_a_verifier_follows_are_names_that_events_have():
    assert STALE_MAKING < NAMES


def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "webhooks.db").write_bytes(b"nothing of ours" * 100)
    with pytest.raises(RegistryUnavailableError, match="cannot be read or written"):
        SqliteSubscriptions(tmp_path / "webhooks.db")


@clause("EV-11")
def test_a_node_goes_on_without_its_webhooks_where_they_cannot_be_read(scene, tmp_path, caplog):
    folder = tmp_path / "damaged"
    folder.mkdir()
    (folder / "webhooks.db").write_bytes(b"nothing of ours" * 100)
    assert with_webhooks(scene.world.parts(), folder).webhooks is None
    assert "no webhooks are served" in caplog.text
    scene.add()
    scene.close()
    text = create_app(scene.parts, lambda: None).test_client().get("/metrics").text
    assert "weid_webhook_lag_events" not in text
    assert "weid_height" in text
    scene.open()


def test_what_is_shown_of_a_webhook_is_json(scene):
    scene.add(wanted=EventFilter.of(["did_created"], "did:"))
    shown = json.loads(json.dumps(scene.kept.find("one").to_json()))
    assert shown["names"] == ["did_created"]
    assert shown["url"] == URL
