"""The issuer's pages in a real browser: each main action to its stored effect, on desk and phone."""

from __future__ import annotations

import pytest

from tests.apps.issuer.support import PASSWORD, Office, people, rows_csv
from tests.apps.issuer.wallets import trust_of
from tests.support.chromium import chromium, needs_chromium
from tests.support.clauses import clause
from tests.support.served import served
from weid.errors import RegistryUnavailableError
from weid.transport import GuardedTransport
from weid.verification.report import Verdict
from weid.verifier import Verifier
from weid.wallet.wallet import Wallet

pytestmark = [pytest.mark.browser, needs_chromium]
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
SMALL_TARGETS = """() => [...document.querySelectorAll('button, .button, input, select, summary')]
  .filter(e => e.type !== 'hidden' && e.offsetParent !== null)
  .filter(e => (e.closest('.choice') || e).getBoundingClientRect().height < 44)
  .map(e => e.outerHTML.slice(0, 100))"""


@pytest.fixture
def town(tmp_path):
    """An office served over HTTP with its job running, and its address."""
    made = {}

    def make(url):
        made["office"] = Office(tmp_path, public_url=url)
        made["office"].add_user("maria", "officer", "approver", "auditor", "admin")
        made["office"].job.start()
        return made["office"].app

    with served(make) as url:
        yield made["office"], url
        made["office"].job.stop()
    made["office"].close()


def watch(page):
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(f"script: {error}"))
    page.on(
        "console",
        lambda message: (
            faults.append(message.text)
            if message.type in {"error", "warning"} and "status of 4" not in message.text
            else None
        ),
    )
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith("http://127.0.0.1")
            else faults.append(f"elsewhere: {request.url}")
        ),
    )
    return faults


def sign_in(page, url):
    page.goto(url)
    page.fill("#login", "maria")
    page.fill("#password", PASSWORD)
    page.click("main button")
    page.wait_for_selector("text=Good day, Maria")


def upload(page, url, path):
    page.goto(f"{url}/batches/new")
    page.set_input_files("#file", path)
    page.click("text=Check the file")
    page.wait_for_selector("text=rows in the file")


class Counter:
    """A verifier that finds registry and status lists where anybody would."""

    def __init__(self, office):
        self.office = office
        self.transport = GuardedTransport(allow_loopback_http=True)
        self.verifier = Verifier(
            "https://employer.example",
            registry=office.registry,
            status_tokens=self,
            clock=office.clock,
        )

    def status_token(self, uri):
        return self.transport.get(uri).body.decode()

    def check(self, wallet):
        request = self.verifier.request(self.office.template, "name")
        return self.verifier.verify(wallet.present(request, disclose=["name"]), request)


@clause("S18")
def test_from_a_file_to_a_verified_certificate_and_its_revocation(town, tmp_path):
    office, url = town
    rows = tmp_path / "rows.csv"
    rows.write_bytes(rows_csv(*people(12)))
    with chromium() as browser:
        page = browser.new_page(viewport=DESK)
        faults = watch(page)
        sign_in(page, url)
        upload(page, url, rows)
        page.click("text=Issue 12 certificates")
        page.wait_for_selector("text=Show the certificates", timeout=30_000)
        assert len(office.certificates()) == 12
        page.click("text=Show the certificates")
        page.click("text=Person 00003")
        page.click("text=Show the offer")
        offer = page.text_content("#offer-uri").strip()
        counter = Counter(office)
        with Wallet.create(
            tmp_path / "citizen.wallet", passphrase="a passphrase", clock=office.clock
        ) as wallet:
            wallet.accept(offer, transport=counter.transport, trust=trust_of(office))
            report = counter.check(wallet)
            assert report.accepted, str(report)
            assert report.require().claims["name"] == "Person 00003"
            page.goto(f"{url}/certificates?q=R-00003")
            page.click("text=Person 00003")
            page.click("a:has-text('Revoke')")
            page.check("#reason-key_lost")
            page.click("main form button")
            page.wait_for_selector("text=Done. Within a minute")
            office.job.wake()
            for _ in range(100):
                report = counter.check(wallet)
                if report.verdict is Verdict.REJECTED:
                    break
                page.wait_for_timeout(100)
            assert report.verdict is Verdict.REJECTED
        assert faults == []


def test_a_faulty_file_is_shown_row_by_row_and_cut_down(town, tmp_path):
    office, url = town
    rows = people(5)
    rows[2] = ("Person 3", "wrong", "1990-02-31")
    path = tmp_path / "rows.csv"
    path.write_bytes(rows_csv(*rows))
    with chromium() as browser:
        page = browser.new_page(viewport=PHONE)
        faults = watch(page)
        sign_in(page, url)
        upload(page, url, path)
        assert page.locator("td.faulty").count() == 2
        ends = page.evaluate(
            "[...document.querySelectorAll('.findings li span')]"
            ".map(e => e.getBoundingClientRect().right)"
        )
        assert len(ends) == 2
        assert max(ends) <= PHONE["width"]
        with page.expect_download() as download:
            page.click("text=Download the faulty rows")
        assert "Person 3" in download.value.path().read_text()
        page.click("text=Leave out the faulty row")
        page.click("text=Issue 4 certificates")
        page.wait_for_selector("text=Show the certificates", timeout=30_000)
        assert [row["row_number"] for row in office.certificates()] == [2, 3, 5, 6]
        assert faults == []


def test_a_page_that_tells_of_trouble_goes_on_by_itself_when_the_trouble_is_over(
    town, tmp_path, monkeypatch
):
    office, url = town
    path = tmp_path / "rows.csv"
    path.write_bytes(rows_csv(*people(1)))

    def away(*_):
        raise RegistryUnavailableError("away")

    with chromium() as browser:
        page = browser.new_page(viewport=PHONE)
        faults = watch(page)
        sign_in(page, url)
        page.goto(f"{url}/batches/new")
        page.set_input_files("#file", path)
        page.check("#form-paper")
        page.click("text=Check the file")
        with monkeypatch.context() as patched:
            patched.setattr(office.agency, "anchor", away)
            page.click("text=Issue 1 certificate")
            page.wait_for_selector("text=The work pauses", timeout=30_000)
        office.job.wake()
        page.wait_for_selector("text=Show the certificates", timeout=60_000)
        assert faults == []


def test_everything_works_without_script(town, tmp_path):
    office, url = town
    path = tmp_path / "rows.csv"
    path.write_bytes(rows_csv(*people(3)))
    with chromium() as browser:
        page = browser.new_context(java_script_enabled=False).new_page()
        sign_in(page, url)
        upload(page, url, path)
        page.click("text=Issue 3 certificates")
        page.wait_for_selector("text=Show the certificates", timeout=30_000)
        assert len(office.certificates()) == 3


def test_the_keyboard_is_enough_and_mistakes_are_told_first(town):
    _, url = town
    with chromium() as browser:
        page = browser.new_page(viewport=DESK)
        page.goto(url)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "login"
        page.keyboard.type("maria")
        page.keyboard.press("Tab")
        page.keyboard.type("not the password")
        page.keyboard.press("Enter")
        page.wait_for_selector(".summary")
        assert page.evaluate("document.activeElement.className") == "summary"
        assert page.title().startswith("Problem: ")
        outline = page.evaluate(
            "() => { document.getElementById('login').focus();"
            " return getComputedStyle(document.getElementById('login')).outlineWidth }"
        )
        assert outline == "3px"


@pytest.mark.parametrize("language", ["en", "zh_Hant"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_every_screen(town, tmp_path, language, scheme):
    office, url = town
    office.issue(rows_csv(*people(3)), form="both", login="maria")
    bad = rows_csv(("x" * 200, "wrong", ""), *people(2))
    browser_client = office.browser("maria")
    faulty = browser_client.upload(office.template_id, bad).headers["Location"]
    by_form = {row["form"]: row["id"] for row in office.certificates()}
    wallet, paper = by_form["wallet"], by_form["paper"]
    paths = [
        "/",
        "/batches",
        "/batches/new",
        faulty,
        "/certificates",
        f"/certificates/{wallet}",
        f"/certificates/{wallet}/offer",
        f"/certificates/{wallet}/revoke",
        f"/certificates/{paper}/paper",
        "/templates",
        f"/templates/{office.template_id}",
        "/audit",
        "/users",
        "/nothing-here",
    ]
    with chromium() as browser:
        page = browser.new_context(color_scheme=scheme).new_page()
        faults = watch(page)
        sign_in(page, url)
        page.goto(f"{url}/language/{language}")
        for path in paths:
            page.goto(url + path)
            for size in (DESK, PHONE):
                page.set_viewport_size(size)
                wider = page.evaluate(
                    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                )
                assert wider <= 0, (path, size, wider)
                assert page.evaluate(SMALL_TARGETS) == [], (path, size)
        assert faults == []
