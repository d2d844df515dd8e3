"""Many answers at once: exactly one is accepted, whatever the store and however many race."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.clauses import clause
from tests.unit.openid4vp.asking import Desk, posted, world
from weid.openid4vp.presentation_endpoints import NewPresentation
from weid.openid4vp.response import PresentationResponse
from weid.sessions import MemorySessionStore, SessionStore, SqliteSessionStore

STORES = ["memory", "file"]


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path) -> SessionStore:
    clock = world().clock
    if request.param == "memory":
        return MemorySessionStore(clock)
    return SqliteSessionStore(tmp_path / "sessions", clock)


def forms(desk: Desk, begun: NewPresentation, count: int) -> list[dict[str, str]]:
    """Return good answers to one request: each bound anew, or one of them again and again."""
    request = desk.wallet.read_request(begun.link).request
    made = [desk.world.present(request) for _ in range(min(count, 4))]
    return [
        PresentationResponse({"diploma": (made[n % len(made)],)}, request.state).to_form()
        for n in range(count)
    ]


def race(desk: Desk, begun: NewPresentation, answers: list[dict[str, str]]) -> list[int]:
    def post(form: dict[str, str]) -> int:
        return desk.endpoints.response(begun.request_id, posted(form)).status

    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(post, answers))


@clause("P10", "P12", "PP-56", "PP-58", "V1", "V6")
def test_of_many_racing_answers_exactly_one_is_accepted(store: SessionStore):
    desk = Desk(store=store)
    begun = desk.begin(encrypted=False)
    statuses = race(desk, begun, forms(desk, begun, 48))
    assert statuses.count(200) == 1
    assert statuses.count(409) == 47
    assert desk.events.count("answered") == 1
    assert desk.endpoints.result(begun.session_id)["verdict"] == "accepted"


@clause("PP-58", "V8")
def test_of_racing_answers_and_refusals_exactly_one_answer_settles(store: SessionStore):
    desk = Desk(store=store)
    begun = desk.begin(encrypted=False)
    good = forms(desk, begun, 8)
    no = {"error": "access_denied", "state": good[0]["state"]}
    statuses = race(
        desk, begun, [form for pair in zip(good, [no] * 8, strict=True) for form in pair]
    )
    assert statuses.count(200) == 1 + desk.events.count("refused")
    assert statuses.count(409) == 16 - statuses.count(200)
    assert desk.events.count("answered") == 1
    assert desk.state(begun)["state"] == "answered"


@clause("PP-58", "PP-59")
def test_bad_answers_beside_a_good_one_do_not_keep_it_out(store: SessionStore):
    desk = Desk(store=store)
    begun = desk.begin(encrypted=False)
    (good,) = forms(desk, begun, 1)
    bad = {**good, "vp_token": '{"diploma":["a~b"]}'}
    statuses = race(desk, begun, [bad] * 10 + [good] + [bad] * 10)
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 400, 409}
    assert desk.state(begun)["state"] == "answered"


class Interrupting(MemorySessionStore):
    """A store in which somebody is quicker, just once."""

    interrupt = None

    def replace(self, key, old, new, *, expires_at=None):
        if self.interrupt is not None:
            act, self.interrupt = self.interrupt, None
            act()
        return super().replace(key, old, new, expires_at=expires_at)


@clause("PP-56", "PP-58")
def test_a_wallet_that_reads_while_another_answers_keeps_nobody_out():
    store = Interrupting(world().clock)
    desk = Desk(store=store)
    begun = desk.begin(encrypted=False)
    (good,) = forms(desk, begun, 1)
    bad = {**good, "vp_token": '{"diploma":["a~b"]}'}
    store.interrupt = lambda: desk.post(begun, bad)
    assert desk.post(begun, good).status == 200
    other = desk.begin(encrypted=False)
    (good,) = forms(desk, other, 1)
    store.interrupt = lambda: desk.endpoints.forget(other.session_id)
    assert desk.post(other, good).status == 409
    assert desk.state(other) == {"state": "expired"}


@clause("PP-58")
def test_a_bad_answer_is_noted_though_somebody_was_quicker():
    store = Interrupting(world().clock)
    desk = Desk(store=store)
    begun = desk.begin(encrypted=False)
    (good,) = forms(desk, begun, 1)
    bad = {**good, "vp_token": '{"diploma":["a~b"]}'}
    store.interrupt = lambda: desk.post(begun, bad)
    assert desk.post(begun, bad).status == 400
    stored = desk.endpoints._kept.of_browser(begun.session_id, now=world().clock.now())
    assert stored.session.attempts == 2  # type: ignore[union-attr]
    store.interrupt = lambda: desk.post(begun, good)
    assert desk.post(begun, bad).status == 400
    assert desk.state(begun)["state"] == "answered"
    assert desk.post(begun, bad).status == 409


@clause("P12", "PP-58")
def test_of_ten_thousand_racing_answers_exactly_one_is_accepted():
    desk = Desk()
    begun = desk.begin(encrypted=False)
    statuses = race(desk, begun, forms(desk, begun, 10_000))
    assert statuses.count(200) == 1
    assert statuses.count(409) == 9_999
