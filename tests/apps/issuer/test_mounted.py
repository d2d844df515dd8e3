"""An issuer below a path of its host, behind a proxy that passes the path on or strips it."""

from __future__ import annotations

import json
import re
from urllib.parse import urlsplit

import pytest

from issuer_app.errors import SettingsError
from issuer_app.web.mount import inside
from tests.apps.issuer.support import Browser, people, rows_csv
from tests.apps.issuer.wallets import AppTransport, new_wallet, offer_uri, trust_of
from tests.support.clauses import clause
from weid.transport import HttpReply

HOST = "https://gov.example"
PATH = "/office/issuer"
PUBLIC = HOST + PATH


class Proxy(AppTransport):
    """The way of a wallet's request through a proxy."""

    strips = False

    def _reply(self, method, url, **options):
        parts = urlsplit(url)
        assert f"{parts.scheme}://{parts.netloc}" == HOST
        path = parts.path
        if self.strips and path.startswith(f"{PATH}/"):
            path = path.removeprefix(PATH)
        self.log.append((method, parts.path))
        answer = self.office.app.test_client().open(
            path, method=method, base_url=HOST, buffered=True, **options
        )
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return HttpReply(answer.status_code, headers, answer.data)


class Stripping(Proxy):
    strips = True


class PassedOn(Browser):
    """A browser that asks below the path, as links of our pages have it."""

    def get(self, path, **options):
        return super().get(path if path.startswith(PATH) else PATH + path, **options)

    def post(self, path, **fields):
        return super().post(path if path.startswith(PATH) else PATH + path, **fields)


@pytest.fixture
def mounted(new_office, monkeypatch):
    office = new_office(public_url=PUBLIC)
    monkeypatch.setattr(
        office,
        "browser",
        lambda login=None: signed_in(PassedOn(office.app.test_client(), HOST), login),
    )
    office.issue(rows_csv(*people(2)))
    return office


def signed_in(browser, login):
    if login:
        assert browser.sign_in(login).status_code == 303
    return browser


@clause("IP-12", "IP-79")
@pytest.mark.parametrize("proxy", [Proxy, Stripping])
@pytest.mark.parametrize(
    ("kind", "member"),
    [
        ("openid-credential-issuer", "credential_issuer"),
        ("oauth-authorization-server", "issuer"),
        ("openid-configuration", "issuer"),
        ("jwt-vc-issuer", "issuer"),
    ],
)
def test_metadata_is_before_the_path_and_behind_it(mounted, proxy, kind, member):
    transport = proxy(mounted)
    before = transport.get(f"{HOST}/.well-known/{kind}{PATH}")
    behind = transport.get(f"{PUBLIC}/.well-known/{kind}")
    for reply in (before, behind):
        assert reply.status == 200
        found = json.loads(reply.body)
        assert found[member] == PUBLIC
        places = [each for name, each in found.items() if name.endswith("_endpoint")]
        assert all(place.startswith(f"{PUBLIC}/") for place in places)


@clause("IP-79")
@pytest.mark.parametrize("proxy", [Proxy, Stripping])
def test_a_wallet_gets_its_certificate_below_the_path(mounted, proxy):
    transport = proxy(mounted)
    certificate_id = mounted.certificates()[0]["id"]
    uri = offer_uri(mounted, certificate_id)
    wallet = new_wallet(mounted)
    held = wallet.accept(uri, transport=transport, trust=trust_of(mounted))
    assert ("GET", f"/.well-known/openid-credential-issuer{PATH}") in transport.log
    status = held.credential.sd_jwt.payload()["status"]["status_list"]["uri"]
    assert transport.get(status).content_type == "application/statuslist+jwt"
    wallet.close()


@clause("IP-79", "W19")
def test_pages_links_and_forms_stay_below_the_path(mounted):
    browser = mounted.browser()
    away = browser.get("/certificates?q=Ada")
    assert away.headers["Location"] == f"{PATH}/sign-in?next={PATH}/certificates?q%3DAda"
    there = browser.post(
        "/sign-in", login="officer", password="correct horse battery", next=f"{PATH}/certificates"
    )
    assert there.headers["Location"] == f"{PATH}/certificates"
    page = browser.get("/certificates").text
    links = re.findall(r'(?:href|src|action)="(/[^"]*)"', page)
    assert links
    assert all(link.startswith(f"{PATH}/") for link in links)
    for link in ("/elsewhere", "/", f"{PATH}/../elsewhere", f"{PATH}evil/", "https://a.example/"):
        sent = browser.get(f"/language/en?next={link}")
        assert sent.headers["Location"] == f"{PATH}/"
    cookies = {cookie.key for cookie in browser.client._cookies.values()}
    assert "__Host-weid-issuer-office-issuer" in cookies


@clause("IP-79", "W3")
def test_a_form_from_another_host_is_refused_and_from_ours_is_not(mounted):
    browser = mounted.browser()
    sent = {"login": "officer", "password": "correct horse battery", "next": "/"}
    assert browser.post("/sign-in", origin="https://evil.example", **sent).status_code == 403
    assert browser.post("/sign-in", **sent).status_code == 303


@clause("IP-79")
@pytest.mark.parametrize("path", ["/offers", "/token/x", "/.well-known", "/static", "/api"])
def test_a_path_that_is_one_of_ours_stops_the_start(new_office, path):
    with pytest.raises((SettingsError, ValueError)) as refused:
        new_office(public_url=HOST + path)
    assert "public_url" in str(refused.value)


@clause("IP-79")
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("/i/x/token", "/token"),
        ("/token", "/token"),
        ("/i/x", "/"),
        ("/i/x/", "/"),
        ("/i/xy", "/i/xy"),
        ("/.well-known/a/i/x", "/.well-known/a"),
        ("/i/x/.well-known/a", "/.well-known/a"),
        ("/.well-known/a", "/.well-known/a"),
        ("/i/x/i/x/token", "/i/x/token"),
        ("", ""),
    ],
)
def test_what_is_asked_for_within(asked, found):
    assert inside(asked, "/i/x") == found
