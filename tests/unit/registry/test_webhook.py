"""Receiving webhooks: what is taken, what is refused, and that each is taken once."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest

from tests.support.clauses import clause
from weid.clock import FixedClock
from weid.crypto.http_signature import HttpRequest, sign_request
from weid.crypto.keys import PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.encoding import json_dumps
from weid.errors import InvalidSignatureError, MalformedError
from weid.registry.event import RegistryEvent
from weid.registry.webhook import (
    BODY_BYTES,
    CONTENT_TYPE,
    DeliveryInWorkError,
    WebhookReceiver,
    cloud_event,
    cloud_event_of_trial,
)

NOW = 1_780_000_000
KEY = PrivateKey.from_seed(b"\x07" * 32)
URL = "https://receiver.example/hooks"
EVENT = RegistryEvent(
    position=17,
    height=9,
    time="2026-05-28T20:26:40Z",
    name="issuer_derecognized",
    subject="did:weid:test:abc/diploma",
    author="did:weid:test:gov",
    transaction=b"\x11" * 32,
    operation=0,
)
SENT = cloud_event(EVENT, network="test", chain_id="test-1")


def ignore(_event):
    """Do nothing with an event."""


def signed(members, *, key=KEY, url=URL, created=NOW, content_type=CONTENT_TYPE):
    body = members if isinstance(members, bytes) else json_dumps(members)
    request = HttpRequest("POST", url, content_type, body)
    headers = sign_request(request, InMemorySigner(key), created=created)
    return {**headers, "Content-Type": content_type}, body


@pytest.fixture
def clock():
    return FixedClock(NOW)


@pytest.fixture
def receiver(clock):
    return WebhookReceiver(KEY.public, network="test", target_uri=URL, clock=clock)


@clause("EV-10")
def test_an_event_is_a_cloud_event_in_structured_mode():
    assert {
        "specversion": "1.0",
        "id": "test-1/17",
        "source": "urn:weid:test",
        "type": "weid.registry.issuer_derecognized",
        "subject": "did:weid:test:abc/diploma",
        "time": "2026-05-28T20:26:40Z",
        "datacontenttype": "application/json",
        "data": EVENT.to_json(),
    } == SENT
    assert SENT["data"]["height"] == 9
    assert SENT["data"]["transaction"] == "11" * 32


@clause("EV-13")
def test_a_delivery_is_handed_on_once(receiver):
    got = []
    assert receiver.receive(*signed(SENT), got.append)
    assert got == [EVENT]
    # The same request again, and the same event signed anew: a node that was not sure sends again.
    assert not receiver.receive(*signed(SENT), got.append)
    assert not receiver.receive(*signed(SENT, created=NOW + 1), got.append)
    assert got == [EVENT]


@clause("EV-13")
def test_a_repetition_that_comes_while_it_is_handled_does_nothing_a_second_time(receiver):
    """A node does not wait longer than 10 s for an answer, and sends again."""
    got, begun, go_on, answers = [], threading.Event(), threading.Event(), []

    def slow(event):
        got.append(event)
        begun.set()
        assert go_on.wait(60)

    def deliver():
        answers.append(receiver.receive(*signed(SENT), slow))

    threads = [threading.Thread(target=deliver, daemon=True) for _ in range(2)]
    threads[0].start()
    assert begun.wait(60)
    threads[1].start()
    threads[1].join(0.05)
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == [False, True]
    assert got == [EVENT]


@clause("EV-13")
def test_a_repetition_does_not_wait_for_ever_for_what_handles_it(clock):
    receiver = WebhookReceiver(KEY.public, network="test", target_uri=URL, clock=clock, patience=0)

    def again(_event):
        with pytest.raises(DeliveryInWorkError, match="still being handled"):
            receiver.receive(*signed(SENT), lambda _: None)

    assert receiver.receive(*signed(SENT), again)
    assert not receiver.receive(*signed(SENT), again)


@clause("EV-13")
def test_what_the_receiver_could_not_do_counts_as_not_taken(receiver):
    def broken(_event):
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        receiver.receive(*signed(SENT), broken)
    got = []
    assert receiver.receive(*signed(SENT), got.append)
    assert got == [EVENT]


@clause("EV-13")
def test_a_recorded_request_does_nothing_when_its_id_is_forgotten(receiver, clock):
    old = signed(SENT)
    assert receiver.receive(*old, ignore)
    clock.advance(301)
    with pytest.raises(InvalidSignatureError):
        receiver.receive(*old, ignore)
    clock.advance(60)
    for position in range(5):
        event = replace(EVENT, position=position)
        other = cloud_event(event, network="test", chain_id="test-1")
        receiver.receive(*signed(other, created=clock.now()), ignore)
    assert len(receiver._until) == 5


@clause("EV-13")
def test_a_trial_is_taken_and_tells_of_nothing(receiver):
    trial = cloud_event_of_trial("ab", network="test", chain_id="test-1", time=EVENT.time)
    got = []
    assert not receiver.receive(*signed(trial), got.append)
    assert got == []
    assert receiver.check(*signed(trial)).event is None


def changed(**members):
    return {**SENT, **members}


FAULTS = {
    "another registry": (changed(source="urn:weid:other"), InvalidSignatureError),
    "another version": (changed(specversion="0.3"), MalformedError),
    "an id of another event": (changed(id="test-1/18"), MalformedError),
    "an id that is too long": (changed(id="x" * 126 + "/17"), MalformedError),
    "a type of another event": (changed(type="weid.registry.issuer_recognized"), MalformedError),
    "no event": ({n: v for n, v in SENT.items() if n != "data"}, MalformedError),
    "an event with a part missing": (changed(data={"position": 17}), MalformedError),
    "a transaction that is none": (
        changed(data={**EVENT.to_json(), "transaction": "1" * 63}), MalformedError
    ),
    "a transaction in capitals": (
        changed(data={**EVENT.to_json(), "transaction": "AB" * 32}), MalformedError
    ),
    "a subject that is too long": (
        changed(data={**EVENT.to_json(), "subject": "x" * 3000}), MalformedError
    ),
    "not JSON": (b"{", MalformedError),
    "too much": (b" " * (BODY_BYTES + 1), MalformedError),
}  # fmt: skip


@pytest.mark.parametrize(("body", "error"), FAULTS.values(), ids=FAULTS)
@clause("EV-13")
def test_what_is_no_delivery_is_refused_although_it_is_signed(receiver, body, error):
    with pytest.raises(error):
        receiver.receive(*signed(body), pytest.fail)


@clause("EV-13")
def test_a_delivery_by_another_key_for_another_place_or_of_another_type_is_refused(receiver):
    other = PrivateKey.from_seed(b"\x09" * 32)
    for sent in (signed(SENT, key=other), signed(SENT, url="https://other.example/hooks")):
        with pytest.raises(InvalidSignatureError):
            receiver.receive(*sent, pytest.fail)
    with pytest.raises(MalformedError):
        receiver.receive(*signed(SENT, content_type="application/json"), pytest.fail)
    headers, body = signed(SENT)
    with pytest.raises(MalformedError):
        receiver.receive({"Content-Type": headers["Content-Type"]}, body, pytest.fail)
    with pytest.raises(InvalidSignatureError):
        receiver.receive(headers, body.replace(b"diploma", b"diplomb"), pytest.fail)


@pytest.mark.parametrize("event", [EVENT, replace(EVENT, author="", transaction=b"")])
@clause("EV-02")
def test_an_event_survives_the_way_through_json_also_that_of_a_block_itself(event):
    assert RegistryEvent.from_json(json.loads(json_dumps(event.to_json()))) == event
