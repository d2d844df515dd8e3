"""Asking a wallet online, in a real browser: the page that waits sees the answer by itself."""

from __future__ import annotations

import pytest

from tests.apps.verifier.online import Wallet, build
from tests.browser.test_verifier_pages import PHONE, watch
from tests.support.chromium import chromium, needs_chromium
from tests.support.cli_world import Server
from tests.support.world import World
from weid.errors import ProtocolError
from weid.qr.image import read_image
from weid.transport import GuardedTransport

pytestmark = [pytest.mark.browser, needs_chromium]
LONG = 60_000
"""Milliseconds: the box may be slow."""


@pytest.fixture
def world():
    return World.begin()


@pytest.fixture
def counter(world, tmp_path):
    server = Server(lambda url: build(world, tmp_path, url))
    yield server.url
    server.close()


@pytest.fixture
def wallet(world):
    return Wallet(world, transport=GuardedTransport(allow_loopback_http=True))


def begin(page, counter: str) -> None:
    page.goto(f"{counter}/wallets/")
    page.click("button[value=other] >> nth=0")
    page.wait_for_selector("#live", timeout=LONG)


def test_the_result_appears_by_itself_in_the_browser_that_asked_and_no_other(counter, wallet):
    with chromium() as browser:
        page = browser.new_page()
        faults = watch(page)
        begin(page, counter)
        link = read_image(page.locator(".code img").screenshot())
        assert link == page.text_content("#request-link")
        asked = wallet.read(link)
        page.wait_for_selector("text=A wallet has read the request", timeout=LONG)
        with pytest.raises(ProtocolError):
            wallet.client.answer(asked, {"credential": ["a.b.c~"]})
        page.wait_for_selector("#attempt[data-outcome=not_valid]", timeout=LONG)
        wallet.client.answer(asked, wallet.texts(asked))
        page.wait_for_selector("#result", timeout=LONG)
        assert page.get_attribute("#result", "data-outcome") == "valid"
        assert page.inner_text(".large") == "Ada Lovelace"
        other = browser.new_context().new_page()
        assert other.goto(page.url).status == 404
        page.click("#auto-clear-hold")
        place = page.url
        page.click("#done")
        page.wait_for_url(f"{counter}/wallets/", timeout=LONG)
        assert page.goto(place).status == 404
        assert [fault for fault in faults if "404" not in fault] == []


@pytest.mark.parametrize("language", ["en", "zh-Hant"])
def test_no_page_is_wider_than_a_phone(counter, wallet, language):
    with chromium() as browser:
        page = browser.new_context(locale=language, viewport=PHONE).new_page()
        faults = watch(page)
        page.goto(f"{counter}/wallets/")
        for summary in page.query_selector_all("summary"):
            summary.click()
        narrow(page)
        begin(page, counter)
        page.click("details summary")
        narrow(page)
        wallet.answer(page.text_content("#request-link"))
        page.wait_for_selector("#result", timeout=LONG)
        narrow(page)
        assert faults == []


def narrow(page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    small = page.evaluate(
        """[...document.querySelectorAll('main button, main .button, nav a, .ticks label')]
           .filter(e => e.offsetParent && e.getBoundingClientRect().height < 44)
           .map(e => e.textContent)"""
    )
    assert small == []


def test_on_the_same_device_the_browser_is_brought_back(counter, wallet):
    with chromium() as browser:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{counter}/wallets/")
        page.click("button[value=same] >> nth=0")
        link = page.get_attribute("#open-wallet", "href")
        # A wallet gives the address to the browser, which opens it beside the page that waits (and
        # that loads itself again when it hears of the answer).
        back = context.new_page()
        back.goto(wallet.answer(link))
        assert back.get_attribute("#result", "data-outcome") == "valid"
        assert "response_code" not in back.url


def test_without_javascript_the_page_asks_again_by_itself(counter, wallet):
    with chromium() as browser:
        page = browser.new_context(java_script_enabled=False).new_page()
        begin(page, counter)
        wallet.answer(page.text_content("#request-link"))
        page.wait_for_selector("#result", timeout=LONG)


def test_an_answer_leaves_the_screen_by_itself_and_is_forgotten(world, wallet, tmp_path):
    server = Server(lambda url: build(world, tmp_path, url, clear_after=1))
    with chromium() as browser:
        page = browser.new_page()
        begin(page, server.url)
        place = page.url
        wallet.answer(page.text_content("#request-link"))
        page.wait_for_url(f"{server.url}/wallets/", timeout=LONG)
        assert page.goto(f"{place}/result").status == 404
    server.close()
