"""The page between a citizen's wallet and its certificate, in a real browser on desk and phone."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import pytest

from tests.apps.issuer.support import Office, people, rows_csv
from tests.browser.test_issuer_pages import DESK, PHONE, SMALL_TARGETS, watch
from tests.support.chromium import chromium, needs_chromium
from tests.support.clauses import clause
from tests.support.served import served
from weid.oauth.pkce import challenge_of
from weid.transport import GuardedTransport

pytestmark = [pytest.mark.browser, needs_chromium]
REDIRECT = "https://wallet.example/cb"
WALLETS = {
    "known": [{"client_id": "wallet.example", "redirect_uris": [REDIRECT]}],
    "offer_grant": "authorization_code",
}


@pytest.fixture
def town(tmp_path):
    made = {}

    def make(url):
        made["office"] = Office(tmp_path, public_url=url, wallets=WALLETS)
        return made["office"].app

    with served(make) as url:
        yield made["office"], url
    made["office"].close()


def begin(url, issuer_state):
    """Push a wallet's request and return where its browser goes."""
    fields = {
        "response_type": "code",
        "client_id": "wallet.example",
        "redirect_uri": REDIRECT,
        "scope": "residence-test_1",
        "state": "s-1",
        "issuer_state": issuer_state,
        "code_challenge": challenge_of("v" * 43),
        "code_challenge_method": "S256",
    }
    reply = GuardedTransport(allow_loopback_http=True).post(
        f"{url}/par", urlencode(fields).encode(), content_type="application/x-www-form-urlencoded"
    )
    query = {"client_id": "wallet.example", "request_uri": json.loads(reply.body)["request_uri"]}
    return f"{url}/authorize?{urlencode(query)}"


@clause("IP-41")
@pytest.mark.parametrize("screen", [DESK, PHONE], ids=["desk", "phone"])
def test_the_code_leads_back_to_the_wallet(town, screen):
    office, url = town
    office.issue(rows_csv(*people(1)))
    (row,) = office.certificates()
    offer = office.services.offers.shown(office.person, row["id"])
    link = unquote(offer.uri.split("=", 1)[1])
    grants = json.loads(GuardedTransport(allow_loopback_http=True).get(link).body)["grants"]
    with chromium() as browser:
        page = browser.new_page(viewport=screen)
        faults = watch(page)
        page.goto(begin(url, grants["authorization_code"]["issuer_state"]))
        assert "Residence certificate" in page.text_content("main")
        assert page.evaluate(SMALL_TARGETS) == []
        assert page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )
        page.fill("#tx_code", "nope")
        page.click("text=Send the certificate to the wallet")
        page.wait_for_selector("text=There is a problem")
        assert faults == []
        # The content policy lets the form lead to this wallet, and to nowhere else.
        arrived = []
        page.route("https://wallet.example/**", lambda route: _arrive(route, arrived))
        page.fill("#tx_code", offer.tx_code)
        page.click("text=Send the certificate to the wallet")
        page.wait_for_selector("text=arrived")
    answer = dict(parse_qsl(urlsplit(arrived[0]).query))
    assert (answer["state"], answer["iss"]) == ("s-1", url)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", answer["code"])


def _arrive(route, arrived):
    arrived.append(route.request.url)
    route.fulfill(status=200, content_type="text/html", body="<p>arrived</p>")
