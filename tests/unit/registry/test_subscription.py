"""Following events: resuming, other nodes, pages where there is no stream, and nodes that lie."""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest

from tests.support.clauses import clause
from weid.errors import TransportError
from weid.registry.event import RegistryEvent
from weid.registry.subscription import Following, Subscription, keep_fresh
from weid.transport import HttpReply

A, B = "https://a.example", "https://b.example"


def event(position, name="issuer_derecognized"):
    return RegistryEvent(
        position, position + 2, "2026-05-28T20:26:40Z", name, "subject", "author", b"\x11" * 32, 0
    )


def frames(*positions, name="issuer_derecognized"):
    """Return a whole stream of these events, which ends in order."""
    text = "retry: 1000\n: alive\n\n"
    for position in positions:
        data = json.dumps(event(position, name).to_json())
        text += f"id: {position}\nevent: {name}\ndata: {data}\n\n"
    return (200, "text/event-stream", text.encode())


def page(*positions, last=None):
    last = positions[-1] if last is None else last
    members = {"events": [event(p).to_json() for p in positions], "last": last}
    return (200, "application/json", json.dumps({**members, "height": 9, "more": False}).encode())


def refusal(status, **members):
    return (status, "application/json", json.dumps({"code": "no", **members}).encode())


BROKEN = TransportError("a.example cannot be reached")


class _Response:
    def __init__(self, status, kind, body):
        self.status, self._kind, self._chunks = status, kind, [body]

    def getheader(self, name):
        return {"content-type": self._kind}.get(name)

    def read1(self, _size):
        return self._chunks.pop() if self._chunks else b""

    def read(self, _size):
        return self._chunks.pop() if self._chunks else b""


class Script:
    """A transport that answers by a script, one answer for each request.

    With `newest`, nodes that can be reached say without a step that they stand there.
    """

    def __init__(self, *steps, newest=None):
        self.steps, self.asked, self.newest = list(steps), [], newest

    def _next(self, url):
        reached = self.steps and not isinstance(self.steps[0], Exception)
        if self.newest is not None and reached and "after=newest" in url:
            return page(last=self.newest)
        self.asked.append(url)
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    @contextmanager
    def exchange(self, method, url, body, headers, *, max_bytes, timeout, wait):
        yield _Response(*self._next(url)), None

    def get(self, url, *, accept, max_bytes, timeout):
        status, kind, body = self._next(url)
        return HttpReply(status, {"content-type": kind}, body)


def follow(script, *urls, after=-1, names=()):
    """Follow until the script is at its end; return positions, what was said of being live, pauses."""
    got, live, pauses = [], [], []
    late = []

    def wait(seconds):
        pauses.append(seconds)
        if not script.steps:
            late[0].close()
            return True
        return False

    following = Following(lambda e: got.append(e.position), live.append, names)
    late.append(
        Subscription(
            *(urls or (A,)), following=following, transport=script, after=after, wait=wait,
            chance=lambda: 1.0,
        )
    )  # fmt: skip
    late[0].run()
    return got, live, pauses, late[0]


@clause("EV-15")
def test_it_goes_on_where_it_was_when_a_stream_ends():
    script = Script(frames(0, 1), frames(2, 3))
    got, live, pauses, _ = follow(script)
    assert got == [0, 1, 2, 3]
    assert live == [True, False, True, False]
    assert [url.partition("?")[2] for url in script.asked] == ["after=-1", "after=1"]
    assert max(pauses) <= 0.5


@clause("EV-15")
def test_it_begins_with_what_comes_from_now_on_and_learns_where_that_is_at_once():
    script = Script(page(last=41), frames(42), frames(43))
    got, _, _, _ = follow(script, after=None)
    assert got == [42, 43]
    assert script.asked[0] == f"{A}/events?after=newest&wait=0"
    assert [url.partition("?")[2] for url in script.asked[1:]] == ["after=41", "after=42"]


@clause("EV-15")
def test_another_node_is_asked_when_one_fails_from_the_same_position():
    script = Script(frames(0, 1), BROKEN, BROKEN, frames(2))
    got, _, pauses, _ = follow(script, A, B)
    assert got == [0, 1, 2]
    assert [url[: len(A)] for url in script.asked] == [A, A, B, A]
    # Longer each time that nobody answers, and short again afterwards.
    assert pauses == [0.5, 0.5, 1.0, 0.5]


@clause("EV-15")
def test_pauses_grow_to_a_most_and_have_a_part_of_chance():
    script = Script(*[BROKEN] * 12)
    _, _, pauses, _ = follow(script)
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, *[30.0] * 6]


@clause("EV-15")
def test_pages_are_read_where_there_is_no_place_for_a_stream():
    polls = [page(0), page(1, 2), page(last=2), page(last=2), page(3), page(last=3)]
    script = Script(refusal(503), *polls, frames(4))
    got, live, _, _ = follow(script)
    assert got == [0, 1, 2, 3, 4]
    assert live == [True, False, True, False]
    assert script.asked[2] == f"{A}/events?after=0&wait=20"


@clause("EV-15")
def test_a_page_that_goes_back_brings_no_event_a_second_time():
    script = Script(refusal(503), page(0), page(last=-1), page(0), BROKEN)
    got, _, _, subscription = follow(script)
    assert got == [0]
    assert subscription.position == 0


@clause("EV-05", "EV-15")
def test_a_node_that_does_not_keep_what_comes_next_is_left_for_another():
    script = Script(refusal(410, first=50), frames(11, 12))
    got, _, _, _ = follow(script, A, B, after=10)
    assert got == [11, 12]
    assert script.asked[1].startswith(f"{B}/v1/events/stream?after=10")


@clause("EV-05", "EV-15")
def test_where_no_node_keeps_it_the_first_that_is_kept_comes_next():
    script = Script(refusal(410, first=50), refusal(410, first=40), frames(40))
    got, live, _, _ = follow(script, A, B, after=10)
    assert got == [40]
    assert script.asked[2].startswith(f"{A}/v1/events/stream?after=39")
    assert live == [True, False]


LIES = {
    "an event again": frames(0, 1, 1),
    "another order": frames(1, 0),
    "an id of another event": (
        200, "text/event-stream", frames(1)[2].replace(b"id: 1", b"id: 7")
    ),
    "a name of another event": (
        200, "text/event-stream", frames(1)[2].replace(b"event: issuer_de", b"event: issuer_")
    ),
    "a position that is none": (200, "text/event-stream", b"id: many\n: alive\n\n"),
    "no event": (200, "text/event-stream", b"id: 1\ndata: {}\n\n"),
    "no JSON": (200, "text/event-stream", b"id: 1\ndata: {\n\n"),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
@clause("EV-15")
def test_a_node_that_cannot_be_right_is_left_for_another(lie):
    script = Script(lie, frames(5), newest=5)
    got, _, _, _ = follow(script, A, B)
    assert got[-1] == 5
    assert got == sorted(set(got))
    assert script.asked[1].startswith(B)


HUGE = 10**18


def positions(script):
    """Return each question for a stream: the node's letter and the position."""
    asked = [url.partition("/v1/events/stream?after=") for url in script.asked]
    return [(url[8], int(after)) for url, _, after in asked if after]


@pytest.mark.parametrize(
    "lie",
    [
        (200, "text/event-stream", f"id: {HUGE}\n: alive\n\nid: no\n\n".encode()),
        (200, "text/event-stream", frames(HUGE)[2] + b"id: no\n\n"),
    ],
    ids=["a heartbeat", "an event"],
)
@clause("EV-15")
def test_a_position_far_above_another_node_s_is_not_kept(lie, caplog):
    # A, which fails, then B, which lies, then A again: it goes on where it was at A.
    script = Script(frames(0, 1), BROKEN, lie, frames(2, 3), newest=3)
    got, _, _, subscription = follow(script, A, B)
    assert [position for position in got if position < HUGE] == [0, 1, 2, 3]
    assert positions(script) == [("a", -1), ("a", 1), ("b", 1), ("a", 1)]
    assert subscription.position == 3
    assert f"{B}: its position is far above that of another node" in caplog.text


@clause("EV-15")
def test_a_first_node_that_lies_of_where_it_stands_poisons_nothing():
    script = Script(page(last=HUGE), BROKEN, page(last=41), frames(42))
    got, _, _, _ = follow(script, A, B, after=None)
    assert got == [42]
    assert positions(script) == [("a", HUGE), ("b", 41)]


@clause("EV-15")
def test_a_node_that_is_a_little_behind_is_asked_from_where_the_other_one_was():
    script = Script(frames(998, 999), BROKEN, frames(1000), newest=0)
    got, _, _, _ = follow(script, A, B)
    assert got == [998, 999, 1000]
    assert positions(script)[-1] == ("b", 999)


@clause("EV-15")
def test_a_node_that_says_it_stands_at_the_beginning_has_nothing_told_again():
    lie = (page(last=-1), frames(0), BROKEN)
    script = Script(frames(4000, 4001), BROKEN, *lie, page(last=5000), frames(4002))
    got, _, _, _ = follow(script, A, B)
    assert got == [4000, 4001, 0, 4002]
    assert positions(script) == [("a", -1), ("a", 4001), ("b", -1), ("b", 0), ("a", 4001)]


def test_why_a_node_is_left_is_told_once(caplog):
    other = TransportError("a.example answers nonsense")
    follow(Script(BROKEN, BROKEN, other, BROKEN, refusal(410, first=50)))
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        f"the events of the registry at {A}: a.example cannot be reached",
        f"the events of the registry at {A}: a.example answers nonsense",
        f"the events of the registry at {A}: it does not keep what comes next",
    ]


@clause("EV-15")
def test_only_the_names_that_are_wanted_are_handed_on_whatever_the_node_sends():
    script = Script(frames(0, name="did_created"), refusal(503), page(1), *[page(last=1)] * 5)
    got, _, _, subscription = follow(script, names=("issuer_derecognized",))
    assert got == [1]
    assert subscription.position == 1
    assert script.asked[0].endswith("&names=issuer_derecognized")


class Told:
    """A reader that notes what it is told."""

    def __init__(self):
        self.said = []

    def reuse_heads(self, seconds):
        self.said.append(("reuse", seconds))

    def ask_again(self, height=0):
        self.said.append(("ask", height))


@clause("EV-16")
def test_a_reader_asks_again_with_each_event_and_each_time_while_nothing_is_followed():
    told = Told()
    script = Script(page(last=0), frames(1, 2))
    subscription = keep_fresh(told, A, transport=script)
    subscription._wait = lambda _seconds: True
    subscription.run()
    assert told.said == [
        ("ask", 0), ("reuse", 30), ("ask", 3), ("ask", 4), ("ask", 0), ("reuse", 0),
    ]  # fmt: skip


def test_a_subscription_needs_a_node():
    with pytest.raises(ValueError, match="node"):
        Subscription(following=Following(lambda _: None))
