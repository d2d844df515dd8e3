"""The verifier's pages in a real browser: camera, picture, text, keyboard, phone."""

from __future__ import annotations

import re

import pytest

from tests.apps.verifier.support import build
from tests.support.chromium import chromium, needs_chromium
from tests.support.fake_camera import write_video
from tests.support.served import served
from tests.support.world import World
from weid.crypto.signer import InMemorySigner
from weid.holder import Holder
from weid.qr.envelope import decode_envelope, encode_envelope
from weid.qr.image import draw_png
from weid.verification.request import PresentationRequest
from weid.verifier import Verifier

pytestmark = [pytest.mark.browser, needs_chromium]
PHONE = {"width": 360, "height": 740}


@pytest.fixture
def world():
    return World.begin()


@pytest.fixture
def counter(world, tmp_path):
    """The address of a counter whose audience is that address."""

    def make(url: str):
        made = build(world, tmp_path, public_url=url)
        desk = made.extensions["counter"]
        desk._verifier = Verifier(
            url,
            policy=world.policy(accept_shown_codes=True, accept_unbound_credentials=True),
            clock=world.clock,
        )
        return made

    with served(make) as url:
        yield url


def shown(world: World) -> str:
    text = Holder.show(
        world.credential,
        disclose=["name", "degree"],
        signer=InMemorySigner(world.holder),
        clock=world.clock,
    )
    return encode_envelope(text)


def watch(page) -> list[str]:
    """Collect what must not happen: script errors, refused resources, requests elsewhere."""
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(f"error: {error}"))
    page.on(
        "console",
        lambda message: faults.append(message.text) if message.type == "error" else None,
    )
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith(("http://127.0.0.1", "blob:", "data:"))
            else faults.append(f"elsewhere: {request.url}")
        ),
    )
    return faults


def test_the_camera_reads_a_code_and_the_result_appears(world, counter, tmp_path):
    film = tmp_path / "camera.y4m"
    write_video(draw_png(shown(world)), film)
    flags = (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    )
    with chromium(*flags) as browser:
        page = browser.new_page()
        faults = watch(page)
        page.goto(counter)
        page.click("#camera-start")
        page.wait_for_selector("#result", timeout=30_000)
        assert page.get_attribute("#result", "data-outcome") == "valid_but"
        assert page.inner_text(".large") == "Ada Lovelace"
        assert faults == []


def test_a_request_is_answered_by_a_picture(world, counter, tmp_path):
    with chromium() as browser:
        page = browser.new_page(viewport=PHONE)
        faults = watch(page)
        page.goto(f"{counter}/requests/")
        page.click("button[name=wish]")
        page.click("summary")
        text = page.inner_text("#request-text")
        request = PresentationRequest.from_text(decode_envelope(text))
        answer = draw_png(encode_envelope(world.present(request)))
        (tmp_path / "answer.png").write_bytes(answer)
        page.set_input_files("#picture", tmp_path / "answer.png")
        page.click("text=Check the picture")
        page.wait_for_selector("#result")
        assert page.get_attribute("#result", "data-outcome") == "valid"
        assert page.inner_text(".large") == "Ada Lovelace"
        page.click("#next")
        assert page.url == f"{counter}/requests/"
        assert faults == []


def test_spaces_in_the_text_of_a_request_are_there_to_be_copied(counter):
    """Base45 has a space in its alphabet, and a page shows several as one unless it is told not to."""
    with chromium() as browser:
        page = browser.new_page(viewport=PHONE)
        page.goto(f"{counter}/requests/")
        page.click("button[name=wish]")
        page.click("summary")
        text = page.text_content("#request-text")
        assert page.inner_text("#request-text") == text
        page.evaluate("document.getElementById('request-text').textContent = 'WI1:A  B   C'")
        assert page.inner_text("#request-text") == "WI1:A  B   C"


def test_the_result_leaves_the_screen_by_itself_unless_it_is_held(world, counter):
    with chromium() as browser:
        page = browser.new_page()
        page.goto(counter)
        page.fill("#text", shown(world))
        page.click("text=Check the text")
        page.wait_for_selector("#auto-clear:not([hidden])")
        assert re.fullmatch(r"Cleared in [0-9]+ seconds?", page.inner_text("#auto-clear-left"))
        page.click("#auto-clear-hold")
        assert not page.is_visible("#auto-clear")


@pytest.mark.parametrize("path", ["/", "/requests/", "/trust/", "/privacy"])
@pytest.mark.parametrize("language", ["en", "zh-Hant"])
def test_no_page_is_wider_than_a_phone_and_the_keyboard_reaches_everything(counter, path, language):
    with chromium() as browser:
        page = browser.new_context(locale=language, viewport=PHONE).new_page()
        faults = watch(page)
        page.goto(counter + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert page.get_attribute("html", "lang") == language
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        small = page.evaluate(
            """[...document.querySelectorAll('main button, main .button, nav a')]
               .filter(e => e.offsetParent && e.getBoundingClientRect().height < 44)
               .map(e => e.textContent)"""
        )
        assert small == []
        assert faults == []


def test_without_javascript_text_and_picture_still_work(world, counter):
    with chromium() as browser:
        page = browser.new_context(java_script_enabled=False).new_page()
        page.goto(counter)
        page.fill("#text", shown(world))
        page.click("text=Check the text")
        assert page.get_attribute("#result", "data-outcome") == "valid_but"
