"""Who has photographed a code can post what a wallet can, and ends nothing by it."""

from __future__ import annotations

import pytest

from tests.support.clauses import clause
from tests.support.world import World
from tests.unit.openid4vp.asking import FORM, Desk, posted
from tests.unit.openid4vp.test_presentation_endpoints import body, refused
from weid.encoding import json_dumps
from weid.errors import ProtocolError
from weid.oauth.reply import EndpointRequest, Reply
from weid.openid4vp.presentation_answer import REPORT_BYTES
from weid.openid4vp.presentation_endpoints import NewPresentation
from weid.openid4vp.presentation_session import SOURCES, TRIES, TRIES_SECONDS
from weid.openid4vp.response import PresentationResponse
from weid.verification.dcql import DcqlQuery

RETURN = "https://verifier.example/wallets/return"


@pytest.fixture
def desk() -> Desk:
    """A desk in a world of its own, whose clock a test may advance."""
    return Desk(World.begin())


def good_form(desk: Desk, begun: NewPresentation) -> dict[str, str]:
    request = desk.wallet.read_request(begun.link).request
    answer = PresentationResponse({"diploma": (desk.world.present(request),)}, request.state)
    return answer.to_form()


def bad_form(form: dict[str, str]) -> dict[str, str]:
    return {**form, "vp_token": '{"diploma":["a~b"]}'}


def post_from(desk: Desk, begun: NewPresentation, form: dict[str, str], source: str) -> Reply:
    sent = posted(form)
    request = EndpointRequest(sent.body, {"Content-Type": FORM}, source=source)
    return desk.endpoints.response(begun.request_id, request)


# --- A wallet says no -----------------------------------------------------------------------------


@clause("PP-47", "PP-48", "PP-59", "V8")
@pytest.mark.parametrize("return_to", [None, RETURN])
@pytest.mark.parametrize("encrypted", [True, False])
@pytest.mark.parametrize("error", ["access_denied", "wallet_unavailable", "server_error"])
def test_a_wallets_error_is_taken_and_told_and_ends_nothing(desk, error, encrypted, return_to):
    begun = desk.begin(encrypted=encrypted, return_to=return_to)
    asked = desk.wallet.read_request(begun.link)
    said = {"error": error, "error_description": "Nein", "state": str(asked.request.state)}
    reply = desk.post(begun, said)
    assert reply.status == 200
    assert list(body(reply)) == (["redirect_uri"] if return_to else [])
    known = "other" if error == "server_error" else error
    state = desk.state(begun)
    assert (state["state"], state["error"]) == ("refused", known)
    assert state["expires_at"] == begun.expires_at
    with pytest.raises(ProtocolError) as none:
        desk.endpoints.result(begun.session_id)
    assert none.value.status == 409
    assert desk.events[-1] == "refused"
    place = desk.wallet.answer(asked, {"diploma": [desk.world.present(asked.request)]})
    assert (place is None) == (return_to is None)
    assert desk.state(begun)["state"] == "answered"


@clause("PP-47", "V8")
def test_a_stranger_without_the_state_cannot_say_no(desk):
    begun = desk.begin(encrypted=False)
    for said in ({"error": "access_denied"}, {"error": "access_denied", "state": "x"}):
        refused(desk.post(begun, said))
    assert desk.state(begun)["state"] == "requested"


@clause("PP-47", "PP-63")
def test_a_wallet_tells_that_it_will_not_answer(desk):
    begun = desk.begin()
    assert desk.wallet.refuse(desk.wallet.read_request(begun.link)) is None
    assert desk.state(begun)["error"] == "access_denied"
    desk.world.clock.advance(300)
    assert desk.state(begun) == {"state": "expired"}


@clause("PP-55", "PP-59", "V4")
def test_on_the_same_device_the_code_of_a_no_opens_no_later_answer(desk):
    begun = desk.begin(encrypted=False, return_to=RETURN)
    form = good_form(desk, begun)
    sent = body(desk.post(begun, {"error": "access_denied", "state": form["state"]}))
    code = str(sent["redirect_uri"]).rpartition("=")[2]
    assert desk.post(begun, form).status == 200
    with pytest.raises(ProtocolError) as without:
        desk.endpoints.result(begun.session_id, response_code=code)
    assert without.value.status == 403


@clause("PP-59", "PP-60")
def test_the_state_tells_what_came_last_and_still_what_was_wrong(desk):
    begun = desk.begin(encrypted=False)
    form = good_form(desk, begun)
    no = {"error": "access_denied", "state": form["state"]}
    refused(desk.post(begun, bad_form(form)))
    report = desk.state(begun)["report"]
    assert desk.post(begun, no).status == 200
    state = desk.state(begun)
    assert (state["state"], state["report"]) == ("refused", report)
    refused(desk.post(begun, bad_form(form)))
    state = desk.state(begun)
    assert state["state"] == "not_accepted"
    assert "error" not in state


# --- Many posts -----------------------------------------------------------------------------------


@clause("PP-59", "V8")
@pytest.mark.parametrize("what", ["answers", "errors"])
def test_one_source_is_slowed_down_and_keeps_no_other_out(desk, what):
    begun = desk.begin(encrypted=False)
    good = good_form(desk, begun)
    no = {"error": "access_denied", "state": good["state"]}
    posting = bad_form(good) if what == "answers" else no
    expected = 400 if what == "answers" else 200
    assert {post_from(desk, begun, posting, "bad").status for _ in range(TRIES)} == {expected}
    slow = post_from(desk, begun, good, "bad")
    refused(slow, 429, "slow_down")
    assert int(slow.headers["Retry-After"]) == TRIES_SECONDS
    assert post_from(desk, begun, good, "good").status == 200
    assert desk.state(begun)["state"] == "answered"


@clause("PP-59")
def test_after_a_minute_a_source_is_heard_again(desk):
    begun = desk.begin(encrypted=False)
    good = good_form(desk, begun)
    for _ in range(TRIES):
        refused(desk.post(begun, bad_form(good)))
    desk.world.clock.advance(TRIES_SECONDS - 1)
    refused(desk.post(begun, good), 429, "slow_down")
    desk.world.clock.advance(1)
    assert desk.post(begun, good).status == 200


@clause("PP-59")
def test_what_is_kept_of_sources_is_bounded_and_is_no_address(desk):
    begun = desk.begin(encrypted=False)
    good = good_form(desk, begun)
    for number in range(SOURCES):
        refused(post_from(desk, begun, bad_form(good), f"192.0.2.{number}"))
    refused(post_from(desk, begun, bad_form(good), "198.51.100.1"), 429, "slow_down")
    refused(post_from(desk, begun, bad_form(good), "192.0.2.0"))
    stored = desk.endpoints._kept.load(begun.request_id, now=desk.world.clock.now())
    assert len(stored.session.tries) == SOURCES
    assert b"192.0.2" not in stored.raw
    assert post_from(desk, begun, good, "192.0.2.1").status == 200


@clause("PP-59", "PP-60")
def test_a_report_of_any_size_does_not_spoil_the_session(desk):
    """Sixteen queries with sixteen bad presentations each: what is kept stays small."""
    asked = [desk.asked(id=f"q{number}", multiple=True) for number in range(16)]
    begun = desk.endpoints.begin(DcqlQuery.from_json({"credentials": asked}), encrypted=False)
    state = str(desk.wallet.read_request(begun.link).request.state)
    answers = {f"q{number}": [f"a~{n}" for n in range(16)] for number in range(16)}
    form = {"vp_token": json_dumps(answers).decode(), "state": state}
    refused(desk.post(begun, form))
    stored = desk.endpoints._kept.load(begun.request_id, now=desk.world.clock.now())
    assert len(stored.raw) < REPORT_BYTES
    shown = desk.state(begun)
    assert shown["state"] == "not_accepted"
    assert shown["report"]["verdict"] == "rejected"


@clause("PP-58", "V6")
def test_who_reads_an_answered_request_is_no_second_answer(desk):
    begun = desk.begin(encrypted=False)
    good = good_form(desk, begun)
    assert desk.post(begun, good).status == 200
    for post in (None, EndpointRequest(b"", {"Content-Type": FORM})):
        refused(desk.endpoints.request_object(begun.request_id, post), 409)
    assert desk.state(begun)["answered_again"] is False
    refused(desk.post(begun, good), 409)
    assert desk.state(begun)["answered_again"] is True
