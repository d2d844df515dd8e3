"""Events of a node that is a process: its stream, its webhooks, and its end with both at work."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.e2e.test_node import get, governors_of, issuer_of, registry_at
from tests.support.clauses import clause
from tests.support.node_process import call, found, running
from weid.clock import SystemClock
from weid.crypto.keys import PublicKey
from weid.registry.operations import AnchorEvidence
from weid.registry.subscription import Following, Subscription
from weid.registry.webhook import WebhookReceiver
from weid.transport import GuardedTransport

pytestmark = pytest.mark.e2e
LONG = 120


class Receiver:
    """The other end of a webhook, on this machine."""

    def __init__(self):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.came.append((dict(self.headers), body))
                self.send_response(204)
                self.end_headers()
                outer.changed.set()

            def log_message(self, *_):
                pass

        self.came, self.changed = [], threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hooks"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait_for(self, number):
        while len(self.came) < number:
            self.changed.clear()
            if len(self.came) < number:
                assert self.changed.wait(LONG), self.came
        return self.came

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def follow(node):
    """Follow a node from the beginning, and say when evidence was anchored."""
    got, seen = [], threading.Event()

    def note(event):
        got.append(event)
        if event.name == "evidence_anchored":
            seen.set()

    subscription = Subscription(
        node.address,
        following=Following(note),
        transport=GuardedTransport(allow_loopback_http=True),
        after=-1,
    )
    return got, seen, subscription.start()


@pytest.fixture
def founded(tmp_path):
    facts = found(tmp_path, "--governors", "3", "--threshold", "2")
    return {**facts, "path": tmp_path / "node"}


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


@clause("EV-14")
def test_a_webhook_on_this_machine_has_to_be_allowed(founded, receiver):
    refused = call("webhooks", "add", founded["path"], receiver.url, check=False)
    assert refused.returncode == 1
    assert "--unsafe-loopback-http" in refused.stderr
    assert call("webhooks", "list", founded["path"]).stdout.strip() == "no webhooks"


@clause("EV-08", "EV-11", "EV-13", "EV-15", "D20")
def test_a_node_streams_and_sends_what_comes_about_and_stops_in_order(founded, receiver):
    folder = founded["path"]
    added = call(
        "webhooks", "add", folder, receiver.url, "--unsafe-loopback-http",
        "--event", "evidence_anchored",
    )  # fmt: skip
    name = added.stdout.strip()
    taker = WebhookReceiver(
        PublicKey.from_multikey(call("webhooks", "key", folder).stdout.strip()),
        network="example",
        target_uri=receiver.url,
        clock=SystemClock(),
    )
    with running(folder) as node:
        got, seen, subscription = follow(node)
        registry = registry_at(node, founded)
        author = issuer_of(founded, registry, governors_of(founded, registry))
        receipt = author.submit(AnchorEvidence(b"\x01" * 32))
        assert seen.wait(LONG)
        assert [event.position for event in got] == list(range(len(got)))
        assert got[-1].transaction == receipt.transaction_id
        ((headers, body),) = receiver.wait_for(1)
        taken = []
        assert taker.receive(headers, body, taken.append)
        assert taken == [got[-1]]
        # While it runs: paused, tried, listed; what comes meanwhile is sent when it goes on.
        call("webhooks", "pause", folder, name)
        call("webhooks", "test", folder, name)
        author.submit(AnchorEvidence(b"\x02" * 32))
        (listed,) = json.loads(call("--json", "webhooks", "list", folder).stdout)
        assert (listed["state"], listed["id"]) == ("paused", name)
        assert "weid_event_streams 1" in get(node.address + "/metrics")[1].decode()
        code, seconds = node.terminate()
        assert code == 0
        assert seconds < 10
        subscription.close()
    trial = receiver.wait_for(2)[1]
    assert taker.check(*trial).event is None
    call("webhooks", "resume", folder, name)
    with running(folder):
        headers, body = receiver.wait_for(3)[2]
        assert taker.check(headers, body).event.subject == ("02" * 32)
        newest = call("webhooks", "add", folder, "https://receiver.example/").stdout.strip()
        call("webhooks", "remove", folder, name)
    (left,) = json.loads(call("--json", "webhooks", "list", folder).stdout)
    assert left["id"] == newest
    assert left["position"] >= taker.check(headers, body).event.position
    assert len(receiver.came) == 3
