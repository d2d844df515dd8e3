"""Asking wallets online: what a clerk does, and what somebody hostile tries."""

from __future__ import annotations

import html
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from urllib.parse import urlsplit

import pytest

from tests.apps.verifier.online import (
    FORM,
    QUERY,
    Clerk,
    Wallet,
    build,
    post,
)
from tests.apps.verifier.support import Browser
from tests.apps.verifier.support import build as build_without
from tests.support.clauses import clause
from tests.support.world import AUDIENCE, CLAIMS, World, seeded
from tests.unit.openid4vp.asking import STRANGER, read
from verifier_app import presentations as presentations_module
from verifier_app.answer_view import AnswerView
from verifier_app.presentations import KNOWN_SESSIONS
from verifier_app.sources import source_of
from verifier_app.tidying import Tidying
from weid.crypto.signer import InMemorySigner
from weid.errors import ProtocolError, RegistryUnavailableError
from weid.openid4vp.presentation_session import TRIES
from weid.openid4vp.request_object import RequestTrust
from weid.openid4vp.response import PresentationResponse

OUTCOME = re.compile(r'data-outcome="(\w+)"')
KEEP = 900


@pytest.fixture
def world():
    return World.begin()


@pytest.fixture
def app(world, tmp_path):
    return build(world, tmp_path)


@pytest.fixture
def clerk(app):
    return Clerk(app)


@pytest.fixture
def wallet(world, app):
    return Wallet(world, app)


def outcome(text: str) -> str:
    found = OUTCOME.search(text)
    assert found is not None, text
    return found.group(1)


def refused(reply, status: int = 400, code: str = "invalid_request") -> None:
    assert (reply.status_code, reply.content_type) == (status, "application/json"), reply.data
    assert reply.json["error"] == code
    assert reply.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in reply.headers


# --- The whole way -------------------------------------------------------------------------------


@clause("PP-57", "PP-60", "PP-61")
@pytest.mark.parametrize("identity", ["x509_hash", "x509_san_dns", "redirect_uri"])
@pytest.mark.parametrize("mode", ["direct_post.jwt", "direct_post"])
def test_a_clerk_shows_a_code_and_sees_the_result(world, tmp_path, identity, mode):
    app = build(world, tmp_path, identity=identity, response_mode=mode)
    clerk, wallet = Clerk(app), Wallet(world, app)
    path = clerk.begin()
    page = clerk.get(path).text
    assert "Name and degree" in page
    assert "To confirm a degree." in page
    assert "Only for the person before you." in page
    link = clerk.link(path)
    assert clerk.state(path)["state"] == "requested"
    assert wallet.answer(link) is None
    assert clerk.state(path)["state"] == "answered"
    assert clerk.get(path).headers["Location"] == f"{path}/result"
    result = clerk.get(f"{path}/result").text
    assert outcome(result) == "valid"
    for shown in ("Ada Lovelace", "Mathematics", "Test University", "Genuine and in force"):
        assert shown in result
    assert CLAIMS["born"] not in result


@clause("PP-79")
def test_the_wallet_is_told_what_a_saved_request_is_for(clerk, wallet):
    purpose = wallet.read(clerk.link(clerk.begin())).request.purpose
    assert purpose.texts.names == {"en": "To confirm a degree.", "zh-Hant": "核實學位。"}


def test_the_code_is_a_picture_of_the_link(clerk):
    path = clerk.begin()
    reply = clerk.get(f"{path}/code.svg")
    assert reply.mimetype == "image/svg+xml"
    assert reply.text.startswith("<svg")


def test_a_link_that_is_too_long_for_a_code_is_a_link(world, tmp_path):
    app = build(world, tmp_path, identity="redirect_uri")
    clerk = Clerk(app)
    path = clerk.begin(wish=None, query=json.dumps(wide_query()))
    page = clerk.get(path).text
    assert "code.svg" not in page
    assert 'href="openid4vp://' in page
    assert clerk.get(f"{path}/code.svg").status_code == 404


def wide_query():
    (asked,) = QUERY["credentials"]
    return {"credentials": [{**asked, "id": f"diploma-{number}"} for number in range(6)]}


def test_a_clerk_ticks_fields_of_a_published_template(world, clerk, wallet):
    page = clerk.get("/wallets/").text
    boxes = dict(re.findall(r'name="field" value="(\d+)"> <bdi>([^<]+)</bdi>', page))
    assert "born" in boxes.values()
    (born,) = [place for place, label in boxes.items() if label == "born"]
    path = clerk.begin(wish=None, network="test", cpt_id="diploma", version="1", field=born)
    assert "<bdi>born</bdi>" in clerk.get(path).text
    wallet.answer(clerk.link(path))
    result = clerk.get(f"{path}/result").text
    assert CLAIMS["born"] in result
    assert "Lovelace" not in result
    assert world.template.name() in result


@pytest.mark.parametrize("form", ["text", "file", "wrapped"])
def test_a_technician_asks_in_dcql(clerk, wallet, form):
    text = json.dumps({"dcql_query": QUERY} if form == "wrapped" else QUERY)
    sent = {"query": text}
    if form == "file":
        sent = {"query": "", "file": (BytesIO(text.encode()), "query.json")}
    path = clerk.begin(wish=None, **sent)
    wallet.answer(clerk.link(path))
    assert "Ada Lovelace" in clerk.get(f"{path}/result").text


WRONG = {
    "nothing": {},
    "no field": {"network": "test", "cpt_id": "diploma", "version": "1"},
    "a field that is not there": {
        "network": "test", "cpt_id": "diploma", "version": "1", "field": "99"},
    "a field that is no number": {
        "network": "test", "cpt_id": "diploma", "version": "1", "field": "name"},
    "no JSON": {"query": "{"},
    "no query": {"query": "{}"},
    "a format that is not verified here": {
        "query": json.dumps(
            {"credentials": [{**QUERY["credentials"][0], "format": "mso_mdoc", "meta": {}}]})},
}  # fmt: skip


@pytest.mark.parametrize("form", WRONG.values(), ids=WRONG)
def test_what_cannot_be_asked_is_told_with_what_is_wrong(clerk, form):
    reply = clerk.post("/wallets/", **form)
    assert reply.status_code == 400
    assert 'id="fault"' in reply.text


@pytest.mark.parametrize(
    "form",
    [
        {"wish": "nonsense"},
        {"network": "elsewhere", "cpt_id": "diploma", "version": "1", "field": "0"},
        {"network": "test", "cpt_id": "diploma", "version": "x", "field": "0"},
    ],
)
def test_what_is_not_there_cannot_be_asked_for(clerk, form):
    assert clerk.post("/wallets/", **form).status_code in {400, 404}


def test_in_chinese(clerk, wallet):
    clerk.post("/language", language="zh-Hant")
    assert "證書的欄位" in clerk.get("/wallets/").text
    path = clerk.begin()
    assert "姓名及學位" in clerk.get(path).text
    assert "只供您面前的人士使用" in clerk.get(path).text
    wallet.answer(clerk.link(path))
    assert "否則會在 15 分鐘後刪除。" in clerk.get(f"{path}/result").text


# --- The same device -----------------------------------------------------------------------------


@clause("V4", "PP-55")
def test_on_the_same_device_only_the_browser_that_began_is_brought_back(app, clerk, wallet):
    path = clerk.begin(device="same")
    page = clerk.get(path).text
    assert "code.svg" not in page
    place = wallet.answer(clerk.link(path))
    assert place.startswith(f"{AUDIENCE}/wallets/return?response_code=")
    # Before the wallet has brought it back not even this browser sees the result.
    assert clerk.get(f"{path}/result").status_code == 403
    assert "Lovelace" not in clerk.get(path).text
    back = place.removeprefix(AUDIENCE)
    stranger = Clerk(app)
    stranger.begin(device="same")
    assert stranger.get(back).status_code == 403
    assert clerk.get("/wallets/return?response_code=wrong").status_code == 403
    reply = clerk.get(back)
    assert (reply.status_code, reply.headers["Location"]) == (303, f"{path}/result")
    assert "Ada Lovelace" in clerk.get(f"{path}/result").text
    assert clerk.get(path).headers["Location"] == f"{path}/result"


@clause("V4")
def test_who_sent_his_own_link_to_another_person_gets_nothing(app, clerk, wallet):
    """The attacker began, the victim answered: the victim's browser has the code and no session."""
    path = clerk.begin(device="same")
    place = wallet.answer(clerk.link(path)).removeprefix(AUDIENCE)
    victim = Clerk(app)
    assert victim.get(place).status_code == 403
    assert clerk.get(f"{path}/result").status_code == 403


def test_a_cross_device_answer_is_not_taken_for_one_that_was_brought_back(clerk, wallet):
    path = clerk.begin()
    wallet.answer(clerk.link(path))
    assert clerk.get("/wallets/return?response_code=").status_code == 403


def test_a_refusal_on_the_same_device_comes_back_too(clerk, wallet):
    path = clerk.begin(device="same")
    place = wallet.client.refuse(wallet.read(clerk.link(path)))
    reply = clerk.get(place.removeprefix(AUDIENCE))
    assert reply.status_code == 303
    page = clerk.get(clerk.get(reply.headers["Location"]).headers["Location"]).text
    assert 'id="refused"' in page


@clause("PP-47", "PP-55")
def test_after_a_no_on_the_same_device_the_wallet_may_still_answer(clerk, wallet):
    path = clerk.begin(device="same")
    asked = wallet.read(clerk.link(path))
    back = urlsplit(wallet.client.refuse(asked))
    assert clerk.get(f"{back.path}?{back.query}").status_code == 303
    assert 'id="open-wallet"' in clerk.get(path).text
    back = urlsplit(wallet.client.answer(asked, wallet.texts(asked)))
    # Before the wallet has brought the browser back, no code stands in the way.
    assert 'id="elsewhere"' in clerk.get(path).text
    assert clerk.get(f"{back.path}?{back.query}").status_code == 303
    assert "Ada Lovelace" in clerk.get(f"{path}/result").text


# --- What strangers try --------------------------------------------------------------------------


@clause("V1")
def test_an_answer_is_good_once(world, clerk, wallet, app):
    path = clerk.begin()
    place, form = wallet.form(clerk.link(path))
    assert post(app, place, form).json == {}
    refused(post(app, place, form), 409)
    assert "Ada Lovelace" in clerk.get(f"{path}/result").text
    refused(post(app, place, form), 409)
    world.clock.advance(KEEP + 1)
    refused(post(app, place, form))


@clause("V1")
def test_an_answer_that_comes_too_late_is_refused(world, clerk, wallet, app):
    path = clerk.begin()
    place, form = wallet.form(clerk.link(path))
    world.clock.advance(301)
    refused(post(app, place, form))
    assert clerk.state(path)["state"] == "expired"
    assert 'id="over"' in clerk.get(path).text


@clause("V2")
def test_the_answer_to_one_request_is_none_to_another(world, tmp_path):
    app = build(world, tmp_path, response_mode="direct_post")
    clerk, wallet = Clerk(app), Wallet(world, app)
    one, other = clerk.begin(), clerk.begin()
    _, form = wallet.form(clerk.link(one))
    place, own = wallet.form(clerk.link(other))
    refused(post(app, place, form))
    refused(post(app, place, {**form, "state": own["state"]}))
    assert clerk.state(other)["state"] == "not_accepted"
    page = clerk.get(other).text
    assert outcome(page) == "not_valid"
    assert "Lovelace" not in page
    assert post(app, place, own).status_code == 200


@clause("V3")
def test_ids_cannot_be_guessed_and_the_browsers_own_is_never_sent_to_a_wallet(clerk, wallet):
    path = clerk.begin()
    asked = wallet.read(clerk.link(path))
    with clerk.client.session_transaction(base_url=AUDIENCE) as kept:
        ((request_id, mine, _),) = kept["presentations"]
    values = {request_id, mine, asked.request.state, asked.request.nonce}
    assert len(values) == 4
    assert all(len(value) >= 43 for value in values)
    assert mine not in json.dumps(asked.request.to_json()) + clerk.link(path)
    assert mine not in clerk.get(path).text


@clause("V5", "W2", "PP-57")
@pytest.mark.parametrize("rest", ["", "/status", "/result", "/code.svg"])
def test_another_browser_sees_nothing_of_a_request(app, clerk, wallet, rest):
    path = clerk.begin()
    wallet.answer(clerk.link(path))
    for stranger in (app.test_client(), Clerk(app).client):
        reply = stranger.get(path + rest, base_url=AUDIENCE)
        assert reply.status_code == 404
        assert "Lovelace" not in reply.text
    other = Clerk(app)
    other.begin()
    assert other.get(path + rest).status_code == 404
    assert other.post(f"{path}/forget").status_code == 404
    assert clerk.get(f"{path}/result").status_code == 200


@clause("V6", "PP-58")
def test_of_two_answers_the_first_counts_and_staff_see_that_there_was_another(clerk, wallet, app):
    path = clerk.begin()
    place, form = wallet.form(clerk.link(path))
    _, second = wallet.form(clerk.link(path))
    assert post(app, place, form).status_code == 200
    assert 'id="again"' not in clerk.get(f"{path}/result").text
    refused(post(app, place, second), 409)
    assert 'id="again"' in clerk.get(f"{path}/result").text


@clause("V1", "V6", "PP-58")
def test_of_many_that_post_at_once_one_succeeds(clerk, wallet, app):
    path = clerk.begin()
    place, form = wallet.form(clerk.link(path))
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: post(app, place, form), range(64)))
    assert sorted(reply.status_code for reply in replies) == [200] + [409] * 63
    assert clerk.state(path)["answered_again"] is True
    assert "Ada Lovelace" in clerk.get(f"{path}/result").text


MALFORMED = {
    "nothing": ("", FORM),
    "no state": ("vp_token=%7B%7D", FORM),
    "two vp_tokens": ("vp_token=%7B%7D&vp_token=%7B%7D&state=x", FORM),
    "tokens in an array": ("vp_token=%5B%22a%22%5D&state=x", FORM),
    "JSON": ("{}", "application/json"),
    "multipart": ("--x\r\n\r\n--x--", "multipart/form-data; boundary=x"),
    "half a percent": ("vp_token=%", FORM),
    "not ASCII": ("vp_token=é".encode(), FORM),
    "no media type": ("vp_token=1", ""),
    "an encrypted one that is none": ("response=a.b.c.d.e", FORM),
}


@clause("V7")
@pytest.mark.parametrize(("body", "kind"), MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize("mode", ["direct_post.jwt", "direct_post"])
def test_what_is_no_answer_is_refused_with_a_code(world, tmp_path, body, kind, mode):
    app = build(world, tmp_path, response_mode=mode)
    clerk, wallet = Clerk(app), Wallet(world, app)
    path = clerk.begin()
    place = wallet.read(clerk.link(path)).place
    refused(post(app, place, body, kind))
    assert clerk.state(path)["state"] == "fetched"


@clause("V7")
@pytest.mark.parametrize("size", [900_000, 5_000_000])
def test_a_large_body_is_refused(clerk, wallet, app, size):
    place = wallet.read(clerk.link(clerk.begin())).place
    refused(post(app, place, "response=" + "a" * size), 413)
    request_place = place.replace("responses", "requests")
    refused(post(app, request_place, "wallet_nonce=" + "a" * size), 413)


@pytest.mark.parametrize("kind", ["requests", "responses"])
def test_what_is_not_there_is_refused_as_json(app, kind):
    refused(post(app, f"/openid4vp/{kind}/nothing", "x=y"))
    reply = app.test_client().delete(f"/openid4vp/{kind}/nothing", base_url=AUDIENCE)
    refused(reply, 405)
    refused(app.test_client().get("/openid4vp/other", base_url=AUDIENCE), 404)


@clause("V8")
def test_only_who_knows_the_state_can_say_no_and_never_after_a_success(world, tmp_path):
    app = build(world, tmp_path, response_mode="direct_post")
    clerk, wallet = Clerk(app), Wallet(world, app)
    path = clerk.begin()
    place, form = wallet.form(clerk.link(path))
    refused(post(app, place, {"error": "access_denied"}))
    refused(post(app, place, {"error": "access_denied", "state": "guessed"}))
    assert clerk.state(path)["state"] == "fetched"
    assert post(app, place, form).status_code == 200
    refused(post(app, place, {"error": "access_denied", "state": form["state"]}), 409)
    assert clerk.state(path)["state"] == "answered"


def test_a_refusal_of_the_person_is_told(clerk, wallet):
    path = clerk.begin()
    assert wallet.client.refuse(wallet.read(clerk.link(path))) is None
    page = clerk.get(path).text
    assert "A wallet declined" in page
    assert "Whoever sees the code can send this" in page
    assert "The request stays open" in page
    assert 'id="live"' in page
    assert clerk.get(f"{path}/result").status_code == 303
    asked = wallet.read(clerk.link(path))
    wallet.client.answer(asked, wallet.texts(asked))
    assert clerk.state(path)["state"] == "answered"


def test_the_page_shows_what_was_wrong_with_an_answer_beside_a_wallets_no(world, tmp_path):
    app = build(world, tmp_path, response_mode="direct_post")
    clerk, wallet = Clerk(app), Wallet(world, app)
    path = clerk.begin()
    place, form = wallet.form(clerk.link(path))
    refused(post(app, place, {**form, "vp_token": '{"diploma":["a~b"]}'}))
    no = {"error": "invalid_request", "state": form["state"]}
    assert post(app, place, no).status_code == 200
    page = clerk.get(path).text
    assert "A wallet cannot answer" in page
    assert 'id="attempt"' in page


# --- From where it comes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peer", "forwarded", "source"),
    [
        ("198.51.100.7", "", "198.51.100.7"),
        ("198.51.100.7", "203.0.113.9", "198.51.100.7"),
        ("192.0.2.1", "203.0.113.9", "203.0.113.9"),
        ("192.0.2.1", "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("192.0.2.1", "203.0.113.9, 192.0.2.2", "203.0.113.9"),
        ("192.0.2.1", "nonsense", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "", "2001:db8:1:2::/64"),
        ("", "", ""),
    ],
)
@clause("PP-59", "W29")
def test_limits_count_the_true_caller(peer, forwarded, source):
    assert source_of(peer, forwarded, ("192.0.2.1", "192.0.2.2")) == source


@clause("PP-59", "W29")
def test_a_stranger_elsewhere_does_not_slow_down_the_right_wallet(world, tmp_path):
    app = build(world, tmp_path, response_mode="direct_post")
    clerk, wallet = Clerk(app), Wallet(world, app)
    place, form = wallet.form(clerk.link(clerk.begin()))
    bad = {**form, "vp_token": '{"diploma":["a~b"]}'}
    client = app.test_client()

    def send(fields, address):
        return client.post(
            place, data=fields, base_url=AUDIENCE, environ_base={"REMOTE_ADDR": address}
        ).status_code

    assert {send(bad, "192.0.2.1") for _ in range(TRIES)} == {400}
    assert send(bad, "192.0.2.1") == 429
    assert send(form, "198.51.100.1") == 200


# --- What is kept --------------------------------------------------------------------------------


@clause("V16", "PP-61")
def test_an_answer_is_gone_when_its_purpose_is_over(world, clerk, wallet, app):
    path = clerk.begin()
    wallet.answer(clerk.link(path))
    world.clock.advance(KEEP - 1)
    assert "Ada Lovelace" in clerk.get(f"{path}/result").text
    world.clock.advance(1)
    assert "Lovelace" not in clerk.get(f"{path}/result", follow_redirects=True).text
    service = app.extensions["presentations"]
    service.tidy()
    assert b"Lovelace" not in repr(vars(service.endpoints.sessions)).encode()


@clause("V16")
def test_the_clerk_can_forget_an_answer_at_once(clerk, wallet, app):
    path = clerk.begin()
    wallet.answer(clerk.link(path))
    store = app.extensions["presentations"].endpoints.sessions
    assert "Lovelace" in repr(vars(store))
    assert clerk.post(f"{path}/forget").status_code == 303
    assert "Lovelace" not in repr(vars(store))
    assert clerk.get(f"{path}/result").status_code == 404


@clause("V16")
def test_old_answers_are_removed_also_when_nobody_asks():
    done = threading.Event()
    calls = []

    def tidy():
        calls.append(1)
        if len(calls) > 1:
            done.set()
        raise OSError("one that fails is no end")

    work = Tidying(tidy, every=0.001)
    work.start()
    assert done.wait(60)
    work.close()


def test_nothing_of_an_answer_is_logged(clerk, wallet, caplog):
    caplog.set_level("DEBUG")
    path = clerk.begin()
    wallet.answer(clerk.link(path))
    clerk.get(f"{path}/result")
    said = caplog.text
    assert "presentation" in said
    assert "Lovelace" not in said
    assert path.rsplit("/", 1)[1] not in said


def test_a_browser_keeps_its_newest_requests(clerk):
    paths = [clerk.begin() for _ in range(9)]
    assert clerk.get(paths[0]).status_code == 404
    assert all(clerk.get(path).status_code == 200 for path in paths[1:])


def test_a_flood_of_requests_cannot_fill_the_memory(world, clerk, monkeypatch):
    assert KNOWN_SESSIONS == 50_000
    monkeypatch.setattr(presentations_module, "KNOWN_SESSIONS", 2)
    clerk.begin()
    path = clerk.begin()
    reply = clerk.post("/wallets/", wish="degree")
    assert reply.status_code == 503
    assert "Too many requests are open now." in reply.text
    assert clerk.get(path).status_code == 200
    world.clock.advance(300 + KEEP + 3600)
    clerk.begin()


# --- What the pages show -------------------------------------------------------------------------


@clause("V17")
def test_values_with_html_are_shown_as_text(world, clerk, wallet):
    script = "<script>alert(1)</script>"
    evil = world.issue({**CLAIMS, "name": script, "degree": f'"{script}'})
    wallet.texts = lambda asked: {"credential": [world.present(asked.request, evil)]}
    path = clerk.begin()
    wallet.answer(clerk.link(path))
    reply = clerk.get(f"{path}/result")
    assert script not in reply.text
    assert html.escape(script) in reply.text
    assert "script-src 'self'" in reply.headers["Content-Security-Policy"]


@clause("V17")
def test_no_page_has_inline_script_or_style(clerk, wallet):
    path = clerk.begin()
    pages = [clerk.get("/wallets/").text, clerk.get(path).text]
    wallet.answer(clerk.link(path))
    pages.append(clerk.get(f"{path}/result").text)
    for page in pages:
        assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*src=)|javascript:", page)


@clause("V19", "PP-49")
@pytest.mark.parametrize("error", [ValueError("boom"), RecursionError()], ids=repr)
def test_what_breaks_while_checking_is_never_accepted(clerk, wallet, app, monkeypatch, error):
    path = clerk.begin()
    place, form = wallet.form(clerk.link(path))

    def broken(*_args, **_options):
        raise error

    monkeypatch.setattr("weid.verifier.Verifier.verify_answer", broken)
    reply = post(app, place, form)
    refused(reply, code="server_error")
    assert "boom" not in reply.text
    page = clerk.get(path).text
    assert outcome(page) == "could_not_check"
    monkeypatch.undo()
    assert post(app, place, form).status_code == 200


@clause("V19")
def test_a_fault_of_ours_reaches_a_wallet_as_a_code_and_no_more(clerk, wallet, app, monkeypatch):
    place, form = wallet.form(clerk.link(clerk.begin()))

    def broken(*_args, **_options):
        raise ValueError("a secret")

    monkeypatch.setattr("weid.sessions.MemorySessionStore.load", broken)
    reply = post(app, place, form)
    refused(reply, code="server_error")
    assert "secret" not in reply.text


@clause("V20")
def test_an_answer_while_the_registry_is_away_is_undecided_and_may_come_again(
    world, clerk, wallet, app, monkeypatch
):
    path = clerk.begin()
    place, form = wallet.form(clerk.link(path))

    def away(*_args, **_options):
        raise RegistryUnavailableError("away")

    monkeypatch.setattr(type(world.registry), "head", away)
    refused(post(app, place, form), code="temporarily_unavailable")
    page = clerk.get(path).text
    assert outcome(page) == "could_not_check"
    assert "The request stays open" in page
    assert "Lovelace" not in page
    monkeypatch.undo()
    assert post(app, place, form).status_code == 200
    assert outcome(clerk.get(f"{path}/result").text) == "valid"


def test_an_outcome_that_is_not_known_reads_as_not_checked(app):
    templates = app.extensions["presentations"]._templates
    words = type("Words", (), {"text": staticmethod(str), "plural": None})
    for report in ({}, {"conclusion": "splendid"}, {"conclusion": "Could not check"}):
        assert AnswerView(report, templates).in_language(words, "en").outcome == "could_not_check"


# --- Requests ------------------------------------------------------------------------------------


@clause("PP-39", "PP-40")
def test_a_request_can_be_read_again_and_by_post(world, tmp_path):
    app = build(world, tmp_path, post_requests=True)
    clerk, wallet = Clerk(app), Wallet(world, app)
    path = clerk.begin()
    link = clerk.link(path)
    assert "request_uri_method=post" in link
    wallet.answer(link)
    methods = [method for method, url in wallet.transport.asked if "/requests/" in url]
    assert methods == ["POST"]
    other = build(world, tmp_path)
    clerk, wallet = Clerk(other), Wallet(world, other)
    link = clerk.link(clerk.begin())
    wallet.read(link)
    wallet.answer(link)
    assert {method for method, url in wallet.transport.asked if "/requests/" in url} == {"GET"}


def test_the_request_is_what_peers_demand(clerk, app):
    path = clerk.begin()
    place = f"/openid4vp/requests/{path.rsplit('/', 1)[1]}"
    reply = app.test_client().get(place, base_url=AUDIENCE)
    assert reply.content_type == "application/oauth-authz-req+jwt"
    assert reply.headers["Cache-Control"] == "no-store"


def test_a_wallet_that_trusts_others_does_not_answer(clerk, wallet):
    link = clerk.link(clerk.begin())
    wallet.client._trust = RequestTrust(anchors=(read(STRANGER.certificate),))
    with pytest.raises(ProtocolError):
        wallet.read(link)


def test_a_presentation_of_somebody_elses_key_is_not_valid(world, tmp_path):
    app = build(world, tmp_path, response_mode="direct_post")
    clerk, wallet = Clerk(app), Wallet(world, app)
    path = clerk.begin()
    asked = wallet.read(clerk.link(path))
    thief = InMemorySigner(seeded(99))
    text = world.bind(
        world.present(asked.request).rpartition("~")[0] + "~", asked.request, signer=thief
    )
    answer = PresentationResponse({"credential": (text,)}, asked.request.state)
    refused(post(app, asked.place, answer.to_form()))
    page = clerk.get(path).text
    assert outcome(page) == "not_valid"
    assert "Lovelace" not in page


def test_without_the_setting_there_is_nothing_to_ask_online(world, tmp_path):
    browser = Browser(build_without(world, tmp_path))
    assert "Ask online" not in browser.get("/").text
    assert browser.get("/wallets/").status_code == 404
    assert browser.get("/openid4vp/requests/x").status_code == 404
    assert browser.get("/api/v1/presentations/x").status_code == 404


@clause("W3")
@pytest.mark.parametrize("path", ["/wallets/", "/wallets/x/forget"])
def test_a_form_from_elsewhere_is_refused(clerk, path):
    assert clerk.client.post(path, base_url=AUDIENCE, data={"wish": "degree"}).status_code == 403
