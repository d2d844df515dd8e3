"""The stream of events: what it says, from where it goes on, what it takes and how it ends."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from dataclasses import replace

import pytest
from waitress.adjustments import Adjustments

from registry_chain.events import EVENT_PAGE
from registry_chain.node.app import create_app
from registry_chain.node.listening import Listening, listen
from registry_chain.node.settings import NodeSettings
from registry_chain.storage.store import Checkpoint, Table
from registry_chain.storage.stored_event import EVENTS_BASE
from tests.support.clauses import clause
from tests.support.node_world import URI, node_world
from weid.event_stream import WAIT_SECONDS, EventParser, open_stream
from weid.registry.event import RegistryEvent
from weid.registry.operations import AnchorEvidence
from weid.transport import GuardedTransport

ENDED = NodeSettings(stream_seconds=0.0)
"""A stream that gives what is there and ends."""


@pytest.fixture(scope="module")
def world():
    return node_world()


def read(client, query="", **headers):
    """Return the events of a stream that ends by itself, and its other frames' ids."""
    reply = client.get(f"/v1/events/stream{query}", headers=headers)
    assert reply.status_code == 200, reply.text
    frames = list(EventParser().feed(reply.data))
    events = [frame for frame in frames if frame.data]
    for frame in events:
        event = json.loads(frame.data)
        assert frame.id == str(event["position"])
        assert frame.name == event["name"]
    marks = [frame.id for frame in frames if not frame.data]
    return [RegistryEvent.from_json(json.loads(frame.data)) for frame in events], marks


@clause("EV-06")
def test_a_stream_has_every_event_in_order_as_the_pages_have_it(world):
    client = world.app(settings=ENDED).test_client()
    events, _ = read(client)
    assert [event.to_json() for event in events] == client.get("/events").json["events"]
    reply = client.get("/v1/events/stream")
    assert reply.content_type == "text/event-stream; charset=utf-8"
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.data.startswith(b"retry: 1000\n")


@clause("EV-06")
def test_it_goes_on_after_the_last_id_that_was_seen_whatever_the_address_says(world):
    client = world.app(settings=ENDED).test_client()
    whole, _ = read(client)
    for seen in (0, 3, whole[-1].position):
        again, marks = read(client, "?after=0", **{"Last-Event-ID": str(seen)})
        assert again == whole[seen + 1 :]
        assert marks[0] == str(seen)


@clause("EV-06")
def test_newest_leaves_out_what_there_is_already(world):
    client = world.app(settings=ENDED).test_client()
    last = client.get("/events").json["last"]
    assert read(client, "?after=newest") == ([], [str(last)])
    page = client.get("/events?after=newest").json
    assert (page["events"], page["last"]) == ([], last)


@clause("EV-07")
def test_a_filter_leaves_out_the_rest_and_steps_over_it_for_good(world):
    client = world.app(settings=ENDED).test_client()
    whole, _ = read(client)
    named, marks = read(client, "?names=status_list_published,issuer_recognized")
    assert [event.name for event in named] == ["issuer_recognized", "status_list_published"]
    assert marks[0] == ""
    about, _ = read(client, f"?subject={URI[:20]}")
    assert [event.subject for event in about] == [URI]
    nothing, marks = read(client, "?subject=nobody")
    assert nothing == []
    assert marks[-1] == str(whole[-1].position)


@pytest.mark.parametrize(
    "query",
    ["?names=no_such_event", f"?subject={'x' * 2501}", "?after=now", "?after=-2", "?after=1.5"],
)
@clause("EV-07")
def test_what_cannot_be_is_refused_and_not_waited_for(world, query):
    reply = world.app(settings=ENDED).test_client().get(f"/v1/events/stream{query}")
    assert reply.status_code == 400
    assert reply.json["code"] == "malformed"


@clause("EV-08")
def test_a_stream_ends_after_so_many_bytes_and_its_reader_misses_nothing(world):
    client = world.app(settings=replace(ENDED, stream_bytes=1)).test_client()
    assert read(client)[0]
    # Each frame that is sent is whole, so that whoever comes back with its id goes on after it.


@clause("EV-08")
def test_who_finds_no_place_is_told_to_come_later_and_places_come_back(world):
    taken = world.app(settings=replace(ENDED, streams=0)).test_client()
    reply = taken.get("/v1/events/stream")
    assert reply.status_code == 503
    assert int(reply.headers["Retry-After"]) > 0
    client = world.app(settings=replace(ENDED, streams=1)).test_client()
    for _ in range(3):
        read(client)
        assert client.head("/v1/events/stream").status_code == 200
    assert "weid_event_streams 0" in client.get("/metrics").text


@clause("EV-08", "D20")
def test_a_stream_waits_says_that_it_lives_and_ends_when_the_node_stops():
    world = node_world()
    parts = world.parts(settings=NodeSettings(heartbeat_seconds=0.01))
    client = create_app(parts, lambda: None).test_client()
    reply = client.get("/v1/events/stream?after=newest", buffered=False)
    frames, parser = iter(reply.response), EventParser()
    seen = []

    def next_frame():
        while not seen:
            seen.extend(parser.feed(next(frames)))
        return seen.pop(0)

    last = parts.feed.newest()
    assert next_frame().id == str(last)
    # Two signs of life, and then the event that came meanwhile.
    assert [next_frame().data, next_frame().data] == ["", ""]
    threading.Thread(target=world.issuer.submit, args=(AnchorEvidence(b"\x44" * 32),)).start()
    frame = next(frame for frame in iter(next_frame, None) if frame.data)
    assert (frame.id, frame.name) == (str(last + 1), "evidence_anchored")
    parts.closing.set()
    assert all(not left.data for chunk in frames for left in parser.feed(chunk))
    reply.close()
    assert "weid_event_streams 0" in client.get("/metrics").text
    refused = client.get("/v1/events/stream")
    assert refused.status_code == 503


@clause("EV-05")
def test_a_node_whose_events_begin_later_says_from_where():
    world = node_world()
    client = world.app(settings=ENDED).test_client()
    whole = client.get("/events").json["events"]
    store = world.registry.engine.application.store
    value = {Table.SETTINGS: {EVENTS_BASE: (3).to_bytes(8, "big")}}
    store.write(value, Checkpoint(0, b"", b""))
    for path in ("/events", "/events?after=1", "/v1/events/stream?after=1"):
        reply = client.get(path)
        assert reply.status_code == 410
        assert (reply.json["code"], reply.json["first"]) == ("events_not_kept", 3)
        assert "another node" in reply.json["hint"]
    assert client.get("/events?after=2").json["events"] == whole[3:]
    assert [event.position for event in read(client, "?after=2")[0]] == [
        event["position"] for event in whole[3:]
    ]


@clause("EV-08", "W28")
def test_streams_keep_no_request_waiting_and_one_too_many_is_refused():
    """Over sockets: every place for a stream is taken, and there is one thread for requests."""
    world = node_world()
    settings = NodeSettings(threads=1, streams=3, heartbeat_seconds=0.2)
    parts = world.parts(settings=settings)
    server, place = listen(create_app(parts, lambda: None), Listening("127.0.0.1", 0), settings)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    transport = GuardedTransport(allow_loopback_http=True)
    with ExitStack() as held:
        held.callback(thread.join, 60)
        held.callback(server.close)
        streams = [
            held.enter_context(open_stream(transport, f"{place.address}/v1/events/stream", wait=60))
            for _ in range(3)
        ]
        for stream in streams:
            assert stream.is_stream
            frames = stream.events()
            assert json.loads(next(frame for frame in frames if frame.data).data)["position"] == 0
        for _ in range(5):
            assert transport.get(f"{place.address}/healthz", timeout=60).status == 200
        with open_stream(transport, f"{place.address}/v1/events/stream", wait=60) as refused:
            assert refused.status == 503
            assert json.loads(refused.body)["code"] == "unavailable"
        parts.closing.set()
        for stream in streams:
            assert [frame for frame in stream.events() if frame.data] == []


@clause("EV-08")
def test_a_whole_stream_fits_the_buffer_of_its_connection():
    settings = NodeSettings()
    largest_page = EVENT_PAGE * 4 * 1024
    assert settings.stream_bytes + largest_page < Adjustments.outbuf_high_watermark
    assert 2 * settings.heartbeat_seconds < WAIT_SECONDS
