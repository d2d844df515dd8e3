"""The explorer in a real browser: check my file, search by keyboard, a phone, two languages."""

from __future__ import annotations

import pytest

from tests.support.chromium import chromium, needs_chromium
from tests.support.clauses import clause
from tests.support.network_nodes import admission, node_id
from tests.support.node_world import CPT, node_world, template_document
from tests.support.served import served
from weid.registry.node_operations import NodeRole

pytestmark = [pytest.mark.browser, needs_chromium]
PHONE = {"width": 360, "height": 740}


@pytest.fixture
def world():
    return node_world()


@pytest.fixture
def node(world):
    with served(lambda _: world.app()) as url:
        yield url


def watch(page) -> list[str]:
    """Collect what must not happen: script errors and refused resources."""
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "console",
        lambda message: faults.append(message.text) if message.type == "error" else None,
    )
    return faults


@clause("NA-19", "W8")
def test_check_my_file_tells_the_published_document_from_any_other(node):
    with chromium() as browser:
        page = browser.new_page()
        faults = watch(page)
        page.goto(f"{node}/templates/{CPT}/1")
        sent = []
        page.on("request", lambda request: sent.append(request.url))
        file = page.get_by_label("Choose the file.")
        file.set_input_files(
            {"name": "a.json", "mimeType": "application/json", "buffer": template_document()}
        )
        page.get_by_text("this is the published document").wait_for(state="visible")
        file.set_input_files({"name": "b.json", "mimeType": "text/plain", "buffer": b"{}"})
        page.get_by_text("this file is another document").wait_for(state="visible")
        assert page.get_by_text("this is the published document").is_hidden()
        assert sent == []
        assert faults == []


def test_the_search_is_used_by_keyboard_alone(node):
    with chromium() as browser:
        page = browser.new_page()
        faults = watch(page)
        page.goto(node)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to content"
        page.get_by_role("searchbox").focus()
        page.keyboard.type("university")
        page.keyboard.press("Enter")
        page.get_by_role("link", name="University of Examples").focus()
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="University of Examples").wait_for()
        assert faults == []


@pytest.mark.parametrize("language", ["en", "zh-Hant"])
def test_no_page_is_wider_than_a_phone_and_targets_are_large_enough(world, node, language):
    for number, name in enumerate(("Harbour office", "N" * 200, "示例節點" * 20)):
        admit = admission(
            node_id(str(number)), NodeRole.OBSERVER, name, world.issuer_did, network="local"
        )
        world.registry.governor.decide(admit)
    paths = [
        "/", "/blocks", "/blocks/10", f"/dids/{world.issuer_did}", "/templates", "/policies",
        f"/templates/{CPT}/1", "/governance", "/nodes", "/search?q=d",
        f"/transactions/{world.receipt.transaction_id.hex()}",
    ]  # fmt: skip
    with chromium() as browser:
        page = browser.new_page(viewport=PHONE)
        faults = watch(page)
        page.goto(f"{node}/?lang={language}")
        for path in paths:
            page.goto(node + path)
            assert page.evaluate("document.documentElement.lang") == language
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= PHONE["width"], path
            for control in page.locator("header a, button, input").all():
                if control.is_visible():
                    assert control.bounding_box()["height"] >= 44, path
        assert faults == []
