"""Server-sent events: read as the standard has them, however they are cut up, with bounds."""

from __future__ import annotations

import socket
import threading

import pytest

from weid.errors import TransportError
from weid.event_stream import LINE_BYTES, EventParser, ServerEvent, open_stream
from weid.transport import GuardedTransport

TEXT = (
    b"retry: 1000\nid: 4\n: alive\n\n"
    b'id: 5\nevent: did_created\ndata: {"a":1}\n\n'
    b"event: two\r\ndata: one\r\ndata:two\r\n\r\n"
    b": only a comment\n\nunknown: x\ndata\nid: with\0zero\n\n"
    b"data: not whole"
)
EVENTS = [
    ServerEvent("4", "message", ""),
    ServerEvent("5", "did_created", '{"a":1}'),
    ServerEvent("5", "two", "one\ntwo"),
    ServerEvent("5", "message", ""),
    ServerEvent("5", "message", ""),
]


def read(parser, chunks):
    return [event for chunk in chunks for event in parser.feed(chunk)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, len(TEXT)])
def test_a_stream_is_the_same_however_it_is_cut(size):
    parser = EventParser()
    cuts = (TEXT[at : at + size] for at in range(0, len(TEXT), size))
    assert read(parser, cuts) == EVENTS


HOSTILE = {
    "a line without end": [b"data: " + b"x" * LINE_BYTES],
    "a line without end in parts": [b"x" * 1024] * 65,
    "an event without end": [b"data: 12345678\n"] * 8192,
    "not UTF-8": [b"data: \xff\n"],
}


@pytest.mark.parametrize("chunks", HOSTILE.values(), ids=HOSTILE)
def test_what_would_fill_the_memory_or_is_no_text_is_refused(chunks):
    parser = EventParser()
    with pytest.raises(TransportError) as refused:
        read(parser, chunks)
    assert refused.value.refused


def test_a_stream_is_asked_for_only_where_every_request_may_go():
    dialled = []
    transport = GuardedTransport(
        look_up=lambda *_: ["10.0.0.1"], dial=lambda *place: dialled.append(place)
    )
    for url in ("https://inner.example/", "http://127.0.0.1/", "file:///etc/passwd"):
        with pytest.raises(TransportError) as refused, open_stream(transport, url):
            pass
        assert refused.value.refused
    assert dialled == []


def test_a_stream_on_which_nothing_comes_is_broken_off_and_a_closed_one_ends():
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        transport = GuardedTransport(allow_loopback_http=True)
        with (
            pytest.raises(TransportError, match="did not answer"),
            open_stream(transport, url, wait=0.05),
        ):
            pass
        answers = []

        def answer():
            # The first connection is the one that was given up.
            server.accept()[0].close()
            connected, _ = server.accept()
            connected.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nid: 1\n: alive\n\n"
            )
            answers.append(connected)

        thread = threading.Thread(target=answer)
        thread.start()
        with open_stream(transport, url, wait=60) as stream:
            events = stream.events()
            assert next(events) == ServerEvent("1", "message", "")
            stream.close()
            assert list(events) == []
        thread.join(60)
        answers[0].close()
