"""The verifier's pages: what a clerk does, and what somebody hostile tries."""

from __future__ import annotations

import io
import re

import pytest

from tests.apps.verifier.support import Browser, build
from tests.support.clauses import clause
from tests.support.world import AUDIENCE, World, seeded
from weid.crypto.signer import InMemorySigner
from weid.encoding import base64url_encode, json_dumps
from weid.holder import Holder
from weid.qr.envelope import decode_envelope, encode_envelope
from weid.qr.image import draw_png
from weid.verification.request import PresentationRequest

OUTCOME = re.compile(r'data-outcome="(\w+)"')
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def world():
    return World.begin()


@pytest.fixture
def app(world, tmp_path):
    return build(world, tmp_path)


@pytest.fixture
def browser(app):
    return Browser(app)


def outcome(reply) -> str:
    found = OUTCOME.search(reply.text)
    assert found is not None, reply.text
    return found.group(1)


def open_request(browser: Browser) -> tuple[str, PresentationRequest]:
    path = browser.ask()
    page = browser.get(path).text
    text = re.search(r'id="request-text">([^<]+)<', page).group(1)
    return path, PresentationRequest.from_text(decode_envelope(text))


def shown(world: World, *paths: str) -> str:
    return Holder.show(
        world.credential,
        disclose=paths,
        signer=InMemorySigner(world.holder),
        clock=world.clock,
    )


def test_an_answer_to_the_counters_request_is_valid_and_shows_what_was_asked(browser, world):
    path, request = open_request(browser)
    reply = browser.post(f"{path}/answer", text=encode_envelope(world.present(request)))
    assert outcome(reply) == "valid"
    assert "Ada Lovelace" in reply.text
    assert "Mathematics" in reply.text
    assert "Test University" in reply.text
    assert "1815" not in reply.text


@pytest.mark.parametrize(
    ("language", "seconds", "said"),
    [
        ("en", 0, "Good for one answer in the next 5 minutes."),
        ("en", 250, "Good for one answer in the next 1 minute."),
        ("zh-Hant", 0, "5 分鐘內有效"),
    ],
)
def test_how_long_a_request_is_open_is_told_in_minutes(tmp_path, language, seconds, said):
    world = World.begin()
    browser = Browser(build(world, tmp_path))
    browser.post("/language", language=language)
    path = browser.ask()
    world.clock.advance(seconds)
    assert said in browser.get(path).text


def test_the_last_second_before_a_result_is_cleared_reads_as_one(browser, world):
    page = browser.post("/check", text=shown(world, "name")).text
    assert 'data-one="Cleared in %d second" data-many="Cleared in %d seconds"' in page
    browser.post("/language", language="zh-Hant")
    page = browser.post("/check", text=shown(world, "name", "degree")).text
    assert 'data-one="%d 秒後清除" data-many="%d 秒後清除"' in page


def test_a_code_that_was_broken_into_lines_is_whole_again(browser, world):
    path, request = open_request(browser)
    code = encode_envelope(world.present(request))
    broken = "\r\n".join(code[at : at + 70] for at in range(0, len(code), 70))
    assert outcome(browser.post(f"{path}/answer", text=f"\r\n{broken}\r\n")) == "valid"


def test_what_is_no_answer_is_told_on_the_page_of_the_request(browser, world):
    path, request = open_request(browser)
    reply = browser.post(f"{path}/answer", text="hello")
    assert reply.status_code == 400
    assert "This is not a certificate code." in reply.text
    assert f'src="{path}/code.svg"' in reply.text
    assert outcome(browser.post(f"{path}/answer", text=world.present(request))) == "valid"


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "not checked, because “Issuer&#39;s key” did not pass"),
        ("zh-Hant", "“發證機構的密鑰”"),
    ],
)
def test_a_check_that_was_left_out_names_the_other_as_the_page_does(
    world, tmp_path, language, said
):
    other = World.begin()
    browser = Browser(build(world, tmp_path))
    browser.post("/language", language=language)
    reply = browser.post("/check", text=shown(other, "name"))
    assert outcome(reply) == "not_valid"
    assert said in reply.text
    assert "issuer_key did not pass" not in reply.text


def unreferenced(world: World) -> str:
    """Return a certificate with a claim that its issuer did not sign."""
    added = base64url_encode(json_dumps(["c2FsdHNhbHRzYWx0c2FsdA", "name", "Eve"]))
    return f"{world.credential.text}{added}~"


def with_a_claim_left_out(world: World) -> str:
    """Return a shown code of which somebody took a claim away afterwards."""
    jws, *disclosures, binding = shown(world, "name", "degree").split("~")
    return "~".join([jws, *disclosures[1:], binding])


CHANGED = {
    "unreferenced": (
        unreferenced,
        "a disclosure belongs to no digest of the credential",
        ("the certificate was changed or is damaged", "證書內容曾被更改或已損壞"),
    ),
    "claim left out": (
        with_a_claim_left_out,
        "sd_hash of the key binding is of other content",
        ("the wallet&#39;s proof of the holder&#39;s key does not hold", "錢包對持有人密鑰的證明"),
    ),
    "no token": (
        lambda _world: "a.b.c~",
        None,
        ("the certificate is damaged, not whole, or of an unknown form", "證書已損壞"),
    ),
}


@pytest.mark.parametrize("language", ["en", "zh-Hant"])
@pytest.mark.parametrize("what", CHANGED)
def test_what_is_wrong_is_one_sentence_and_the_precise_text_is_for_the_technician(
    browser, world, what, language
):
    change, precise, sentences = CHANGED[what]
    browser.post("/language", language=language)
    page = browser.post("/check", text=change(world)).text
    head, rest = page.split('<div class="clear" id="auto-clear"')
    checks, technical = rest.split("<details>")
    assert sentences[language != "en"] in head
    found = re.search(r'<bdi lang="en">([^<]+)</bdi>', technical)
    assert found is not None
    assert precise is None or found[1] == precise
    assert found[1] not in head
    assert (found[1] in checks) == (language == "en")


def test_the_lines_for_the_technician_are_named_in_the_language_of_the_page(browser, world):
    path, request = open_request(browser)
    browser.post("/language", language="zh-Hant")
    page = browser.post(f"{path}/answer", text=world.present(request)).text
    technical = page.split("<details>")[1]
    labels = re.findall(r"<dt>([^<]+)</dt>", technical)
    assert labels[:4] == ["查驗時間", "登記網絡", "發證機構", "種類"]
    assert all(re.fullmatch(r"[^A-Za-z]+", label) for label in labels), labels
    assert "區塊" in technical
    assert "format: 通過 (format_good)" in technical


@pytest.mark.parametrize(
    ("language", "label"), [("en", "Code of this request"), ("zh-Hant", "此要求的二維碼")]
)
def test_the_code_of_a_request_is_named_in_the_language_of_the_page(browser, language, label):
    browser.post("/language", language=language)
    assert f'aria-label="{label}"' in browser.get(f"{browser.ask()}/code.svg").text


def test_a_picture_of_the_answer_is_read_and_checked(browser, world):
    path, request = open_request(browser)
    picture = draw_png(encode_envelope(world.present(request)))
    reply = browser.post(f"{path}/answer", picture=(io.BytesIO(picture), "answer.png"))
    assert outcome(reply) == "valid"


@clause("P10", "V1", "V6")
def test_a_request_takes_one_answer(browser, world):
    path, request = open_request(browser)
    answer = world.present(request)
    assert outcome(browser.post(f"{path}/answer", text=answer)) == "valid"
    again = browser.post(f"{path}/answer", text=answer)
    assert again.status_code == 400
    assert "no longer open" in again.text


@clause("V4", "V5")
def test_an_open_request_belongs_to_the_browser_that_opened_it(app, browser, world):
    path, request = open_request(browser)
    stranger = Browser(app)
    assert stranger.get(path).status_code == 400
    assert stranger.get(f"{path}/code.svg").status_code == 400
    assert stranger.post(f"{path}/answer", text=world.present(request)).status_code == 400
    assert outcome(browser.post(f"{path}/answer", text=world.present(request))) == "valid"


@clause("V3")
def test_the_id_of_a_request_is_128_random_bits_and_not_in_the_code(browser):
    path, request = open_request(browser)
    identifier = path.rsplit("/", 1)[1]
    assert re.fullmatch(r"[0-9a-f]{32}", identifier)
    assert identifier not in request.to_text()


@clause("P13")
def test_an_answer_after_the_end_of_the_request_is_refused(world, tmp_path):
    world = World.begin()
    browser = Browser(build(world, tmp_path))
    path, request = open_request(browser)
    answer = world.present(request)
    world.wait(301)
    assert browser.post(f"{path}/answer", text=answer).status_code == 400


@clause("V2")
def test_the_answer_to_another_request_is_not_valid(browser, world):
    _, request = open_request(browser)
    second, _ = open_request(browser)
    reply = browser.post(f"{second}/answer", text=world.present(request))
    assert outcome(reply) == "not_valid"
    assert "another request" in reply.text


def test_a_shown_code_is_valid_but_to_be_checked(browser, world):
    reply = browser.post("/check", text=encode_envelope(shown(world, "name")))
    assert outcome(reply) == "valid_but"
    assert "did not answer a request of yours" in reply.text


def test_a_shown_code_is_refused_where_the_counter_takes_none(world, tmp_path):
    browser = Browser(build(world, tmp_path, allow_shown=False))
    assert outcome(browser.post("/check", text=shown(world, "name"))) == "not_valid"


@clause("P14")
def test_a_copied_code_is_refused_the_second_time(browser, world):
    code = shown(world, "name")
    assert outcome(browser.post("/check", text=code)) == "valid_but"
    assert outcome(browser.post("/check", text=code)) == "not_valid"


def test_a_stolen_certificate_is_not_valid(browser, world):
    path, request = open_request(browser)
    text = world.bind(world.credential.text, request, signer=InMemorySigner(seeded(9)))
    reply = browser.post(f"{path}/answer", text=text)
    assert outcome(reply) == "not_valid"
    assert "Ada" not in reply.text


@pytest.mark.parametrize(
    ("what", "text"),
    {
        "nothing": "",
        "plain words": "hello",
        "a link": "https://example.org/x?y~z",
        "a script": SCRIPT,
        "a broken code": "WI1:ABC",
        "a request": '{"response_type":"vp_token"}',
    }.items(),
)
def test_what_is_no_certificate_is_told_so(browser, what, text):
    reply = browser.post("/check", text=text)
    assert reply.status_code == 400, what
    assert SCRIPT not in reply.text


@clause("Q3", "W30")
@pytest.mark.parametrize(
    "picture", [b"", b"<html>", b"\x89PNG\r\n\x1a\n", b"<svg/>", b"\x89PNG\r\n\x1a\n" + b"\0" * 500]
)
def test_what_is_no_picture_is_refused_on_the_page(browser, picture):
    reply = browser.post("/check", picture=(io.BytesIO(picture), "x.png"))
    assert reply.status_code == 400


@clause("V17", "W8", "C37")
def test_hostile_claims_are_shown_as_text(browser, world):
    nasty = {
        "name": f"{SCRIPT}\u202eadA",
        "degree": "{{7*7}}",
        "number": "=cmd|' /C calc'!A0",
    }
    credential = world.issue(nasty)
    path, request = open_request(browser)
    reply = browser.post(f"{path}/answer", text=world.present(request, credential))
    assert outcome(reply) == "valid"
    assert SCRIPT not in reply.text
    assert "&lt;script&gt;" in reply.text
    assert "{{7*7}}" in reply.text
    assert re.search(r"<bdi>&lt;script", reply.text)


ROUTES = [
    ("GET", "/"), ("GET", "/requests/"), ("GET", "/trust/"), ("GET", "/privacy"),
    ("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/nowhere"), ("GET", "/static/style.css"),
    ("GET", "/wallets/"), ("GET", "/openid4vp/requests/x"), ("POST", "/openid4vp/requests/x"),
    ("POST", "/openid4vp/responses/x"), ("PUT", "/openid4vp/responses/x"),
    ("POST", "/api/v1/presentations"), ("GET", "/api/v1/presentations/x"),
]  # fmt: skip


@clause("W20", "W6")
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_has_the_security_headers(browser, method, path):
    reply = browser.client.open(path, method=method, base_url=AUDIENCE, buffered=True)
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Referrer-Policy"] == "same-origin"
    assert reply.headers["X-Frame-Options"] == "DENY"
    assert "Server" not in reply.headers or "Werkzeug" not in reply.headers["Server"]
    if not path.startswith("/static"):
        assert reply.headers["Cache-Control"] == "no-store"
    for cookie in reply.headers.getlist("Set-Cookie"):
        assert cookie.startswith("__Host-")
        assert all(flag in cookie for flag in ("Secure", "HttpOnly", "SameSite=Lax"))


def test_the_table_of_routes_is_complete(app):
    rules = {rule.rule for rule in app.url_map.iter_rules()}
    assert rules == {
        "/static/<path:filename>", "/", "/check", "/privacy", "/language", "/requests/",
        "/requests/<request_id>", "/requests/<request_id>/code.svg",
        "/requests/<request_id>/answer", "/trust/", "/healthz", "/readyz", "/hooks/<network>",
        "/wallets/", "/wallets/<request_id>", "/wallets/<request_id>/code.svg",
        "/wallets/<request_id>/status", "/wallets/<request_id>/result",
        "/wallets/<request_id>/forget", "/wallets/return",
        "/openid4vp/requests/<request_id>", "/openid4vp/responses/<request_id>",
        "/api/v1/presentations", "/api/v1/presentations/<given_id>",
    }  # fmt: skip


@clause("W3")
@pytest.mark.parametrize("path", ["/check", "/language", "/requests/", "/requests/x/answer"])
@pytest.mark.parametrize(
    "request_parts",
    [
        {"data": {}},
        {"data": {"csrf": "0" * 32}},
        {"data": "{}", "content_type": "text/plain"},
        {"data": {"csrf": "own"}, "headers": {"Origin": "https://evil.example"}},
    ],
)
def test_a_form_of_another_site_is_refused(browser, path, request_parts):
    parts = dict(request_parts)
    if isinstance(parts["data"], dict) and parts["data"].get("csrf") == "own":
        parts["data"] = {"csrf": browser.token()}
    assert browser.client.post(path, base_url=AUDIENCE, **parts).status_code == 403


@clause("W19")
@pytest.mark.parametrize(
    "back", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", ""]
)
def test_choosing_a_language_leads_only_to_pages_of_ours(browser, back):
    reply = browser.post("/language", language="zh-Hant", back=back)
    assert reply.headers["Location"] == "/"


def test_the_chosen_language_stays(browser):
    browser.post("/language", language="zh-Hant", back="/privacy")
    assert '<html lang="zh-Hant">' in browser.get("/").text
    assert "查驗證書" in browser.get("/").text


def test_a_result_is_told_in_the_chosen_language(browser, world):
    browser.post("/language", language="zh-Hant", back="/")
    reply = browser.post("/check", text=shown(world, "name"))
    assert "但請核對" in reply.text
    assert "持有人並非回應您的要求" in reply.text


def test_the_trust_page_names_the_recognized_issuers(browser):
    page = browser.get("/trust/").text
    assert "Test University" in page
    assert "in force" in page
    assert page.count('<th scope="col">') == page.count("<th") - page.count("<thead") == 3


@clause("W16")
@pytest.mark.parametrize(("size", "status"), [(70_000, 400), (12_000_000, 413)])
def test_what_is_too_large_is_refused(browser, size, status):
    reply = browser.post("/check", text="x" * size)
    assert reply.status_code == status
    assert "too large" in reply.text


@clause("W24")
@pytest.mark.parametrize("path", ["/nowhere", "/requests/%00", "/static/../app.py"])
def test_faults_tell_nothing_of_the_inside(browser, path):
    reply = browser.get(path)
    assert reply.status_code in {400, 404}
    assert "Traceback" not in reply.text
    assert "werkzeug" not in reply.text.lower()


@clause("W18")
def test_a_foreign_host_header_changes_no_link(app):
    page = app.test_client().get("/", base_url="https://evil.example").text
    assert "evil.example" not in page


def test_nothing_of_what_was_scanned_is_kept_or_logged(browser, world, caplog, tmp_path, app):
    caplog.set_level("DEBUG")
    path, request = open_request(browser)
    reply = browser.post(f"{path}/answer", text=world.present(request))
    assert outcome(reply) == "valid"
    assert "Ada" not in caplog.text
    assert not any(b"Ada" in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert "Ada" not in repr(app.extensions["counter"].__dict__)
