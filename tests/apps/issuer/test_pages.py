"""Pages: everything escaped, in every language, without script, for every reader."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest

import issuer_app
from issuer_app import catalogs
from issuer_app.web.sentences import ACTIONS
from tests.apps.issuer.support import TEMPLATE, people, rows_csv
from tests.support.clauses import clause

XSS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "</textarea><script>alert(1)</script>",
    "javascript:alert(1)",
    "{{7*7}}",
    "{% print(7*7) %}",
    "${7*7}",
    "%(name)s %s",
    "&lt;script&gt;",
    "陳<b>大</b>文",
]
HOME = Path(issuer_app.__file__).parent


@clause("W8", "W9", "C37", "W33")
@pytest.mark.parametrize("evil", XSS)
def test_whatever_stands_in_a_row_stays_text(office, evil):
    content = rows_csv((evil, "R-00001", ""), (evil, evil, evil))
    browser = office.browser("officer")
    location = browser.upload(
        office.template_id, content, name=f"{evil}.csv".replace('"', "'")
    ).headers["Location"]
    batch_id = location.rsplit("/", 1)[1]
    pages = [browser.get(location).text, browser.get("/batches").text]
    browser.post(f"/batches/{batch_id}/leave-out", faulty="1", **browser.version_of(batch_id))
    browser.issue(location)
    office.job.run_once()
    certificate_id = office.certificates()[0]["id"]
    here = f"/certificates/{certificate_id}"
    paths = ("/certificates", here, f"{here}/revoke", f"{here}/offer", "/")
    pages.extend(browser.get(path).text for path in paths)
    pages.append(browser.get("/certificates", query_string={"q": evil}).text)
    pages.append(browser.post("/batches", template=evil, form=evil, encoding=evil).text)
    for page in pages:
        assert not re.search(r"<script(?! src=)", page)
        assert "<img" not in page
        assert "<b>" not in page
        assert ">49<" not in page
        assert " onerror=alert" not in re.sub(r'"[^"]*"|&[^;]+;[^<]*', "", page)
    assert json_name(office) == evil.strip()


def json_name(office):
    return json.loads(office.certificates()[0]["claims"])["name"]


@clause("W8")
def test_error_parameters_and_notices_are_codes_and_not_texts(office):
    browser = office.browser("officer")
    page = browser.get("/?notice=<script>alert(1)</script>").text
    assert not re.search(r"<script(?! src=)", page)
    page = browser.get("/sign-in?next=%22%3E%3Cscript%3Ealert(1)").text
    assert not re.search(r"<script(?! src=)", page)
    answer = browser.post("/sign-in", login='"><script>alert(1)</script>', password="x")
    assert "<script>alert" not in answer.text


@clause("W8", "W9", "W33")
def test_texts_of_a_template_are_escaped_too(office):
    evil = TEMPLATE.replace(b"residence-test", b"evil-template").replace(
        b"Residence certificate", b"<script>alert(1)</script>{{7*7}}"
    )
    browser = office.browser("admin")
    answer = browser.post("/templates", file=(io.BytesIO(evil), "evil.json"))
    assert answer.status_code == 303
    page = browser.get(answer.headers["Location"]).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{7*7}}" in page


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"cpt_id": "x"}', TEMPLATE[:-3], b"\xff\xfe"])
def test_a_template_that_is_none_is_refused_with_the_reason(office, content):
    browser = office.browser("admin")
    answer = browser.post("/templates", file=(io.BytesIO(content), "t.json"))
    assert answer.status_code == 422
    assert "not a usable template file" in answer.text


@pytest.mark.parametrize("language", ["en", "zh_Hant"])
def test_every_page_in_every_language(office, language):
    office.issue(rows_csv(*people(2)), form="both")
    wallet, paper = office.certificates()[1], office.certificates()[0]
    browser = office.browser("officer")
    browser.client.set_cookie("weid-language", language, domain="issuer.example")
    office.add_user("all", "officer", "approver", "auditor", "admin")
    browser.sign_in("all")
    tag = {"en": "en", "zh_Hant": "zh-Hant"}[language]
    for path in (
        "/",
        "/sign-in",
        "/batches",
        "/batches/new",
        f"/batches/{wallet['batch_id']}",
        "/certificates",
        f"/certificates/{wallet['id']}",
        f"/certificates/{wallet['id']}/offer",
        f"/certificates/{paper['id']}/paper",
        f"/certificates/{wallet['id']}/suspend",
        "/templates",
        f"/templates/{office.template_id}",
        "/audit",
        "/users",
        "/nothing",
    ):
        page = browser.get(path).text
        assert f'<html lang="{tag}">' in page, path
        assert page.count("<h1") == 1, path
        assert 'href="#content"' in page
        assert " style=" not in page
        assert not re.search(r"<script(?! src=)", page)
        assert "%(" not in page
        for field in re.findall(r"<(?:input|select|textarea) [^>]*>", page):
            if 'type="hidden"' in field:
                continue
            identifier = re.search(r' id="([^"]+)"', field)[1]
            assert f'for="{identifier}"' in page, (path, field)


@pytest.mark.parametrize(
    ("language", "offer_label", "paper_label"),
    [
        ("en", "Code of the offer, to be scanned with the wallet", "Code of the certificate"),
        ("zh_Hant", "領取二維碼\uff0c請以錢包掃描", "證明的二維碼"),
    ],
)
def test_a_code_is_named_once_and_in_the_language_of_the_page(
    office, language, offer_label, paper_label
):
    office.issue(rows_csv(*people(1)), form="both")
    browser = office.browser("officer")
    browser.client.set_cookie("weid-language", language, domain="issuer.example")
    for certificate in office.certificates():
        paper = certificate["form"] == "paper"
        path = f"/certificates/{certificate['id']}/{'paper' if paper else 'offer'}"
        page = browser.get(path).text
        assert page.count('role="img"') == 1
        assert f' role="img" aria-label="{paper_label if paper else offer_label}"' in page
        assert "QR code" not in page
    assert {one["form"] for one in office.certificates()} == {"paper", "wallet"}


@pytest.mark.parametrize("path", list(catalogs.po_files()), ids=lambda path: path.parts[-3])
def test_every_sentence_has_its_translation_and_the_catalog_is_compiled(path):
    assert catalogs.missing(path) == []
    assert path.with_suffix(".mo").read_bytes() == catalogs.compiled(path)
    for message in catalogs.read_catalog(path):
        if message.id:
            # Of the English forms the last one is for many, and names the number.
            wanted = names_in(message.id[-1] if message.pluralizable else message.id)
            for translation in catalogs.translations(message):
                assert names_in(translation) == wanted, message.id


def names_in(sentence):
    return sorted(re.findall(r"%\(\w+\)s", sentence))


def test_the_language_follows_the_choice_then_the_browser(office):
    browser = office.browser()
    assert "Sign in" in browser.get("/sign-in").text
    headers = {"Accept-Language": "zh-TW,zh;q=0.9"}
    assert "登入" in browser.get("/sign-in", headers=headers).text
    answer = browser.get("/language/zh_Hant?next=/sign-in")
    assert answer.headers["Location"] == "/sign-in"
    assert "登入" in browser.get("/sign-in").text
    assert browser.get("/language/xx").status_code == 404


@pytest.mark.parametrize(("language", "label"), [("en", "Sign-in name"), ("zh_Hant", "登入名稱")])
def test_the_field_to_sign_in_is_called_what_it_is(office, language, label):
    browser = office.browser()
    browser.client.set_cookie("weid-language", language, domain="issuer.example")
    assert f'<label for="login">{label}</label>' in browser.get("/sign-in").text


PLURALS = {
    "en": (
        ["Leave out the faulty row<"],
        ["Leave out the 2 faulty rows<", "</strong>rows in the file"],
        ["Issue 1 certificate<", "first certificate will", "</strong>row in the file"],
        ["Issue 2 certificates<", "first certificates will", "</strong>rows in the file"],
    ),
    "zh_Hant": (
        ["略去 1 行有錯誤的資料<"],
        ["略去 2 行有錯誤的資料<", "</strong>檔案行數"],
        ["簽發 1 份證明<", "首幾份證明的內容", "</strong>檔案行數"],
        ["簽發 2 份證明<", "首幾份證明的內容", "</strong>檔案行數"],
    ),
}
"""What a batch says with one and two faulty rows, then with one and two rows in all."""


@pytest.mark.parametrize("language", PLURALS)
def test_one_thing_reads_as_one_and_several_as_several(office, language):
    browser = office.browser("officer")
    browser.client.set_cookie("weid-language", language, domain="issuer.example")
    bad = [("Bad", "wrong 1", ""), ("Bad", "wrong 2", "")]
    files = [[bad[0], *people(1)], [*bad, *people(1)], people(1), people(2)]
    for rows, sentences in zip(files, PLURALS[language], strict=True):
        location = browser.upload(office.template_id, rows_csv(*rows)).headers["Location"]
        page = browser.get(location).text
        assert [sentence for sentence in sentences if sentence not in page] == []


def test_a_single_minute_and_a_single_certificate_read_as_one(new_office):
    office = new_office(idle_minutes=1)
    office.issue(rows_csv(*people(1)))
    page = office.browser("officer").get("/").text
    assert "after 1 minute without use" in page
    assert "<strong>1</strong>certificate prepared" in page
    location = office.certificates()[0]["batch_id"]
    assert (
        "<strong>1</strong>certificate<"
        in office.browser("officer").get(f"/batches/{location}").text
    )


def test_every_deed_has_its_words():
    recorded = set()
    for path in HOME.rglob("*.py"):
        recorded |= set(re.findall(r'\.record\(\s*[^"f]*?"([a-z_]+)",?\s', path.read_text()))
    assert recorded
    assert recorded <= set(ACTIONS)


def test_no_page_style_or_script_asks_another_site():
    for path in [*HOME.rglob("*.html"), *HOME.rglob("*.css"), *HOME.rglob("*.js")]:
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text, path
        assert "https://" not in text, path


def test_empty_files_can_be_filled_in_and_come_back(office):
    browser = office.browser("officer")
    for kind in ("csv", "xlsx"):
        answer = browser.get(f"/templates/{office.template_id}/empty.{kind}")
        assert answer.status_code == 200
        name = f"residence-test-1.{kind}"
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    header = browser.get(f"/templates/{office.template_id}/empty.csv").get_data()
    filled = header + "陳大文,1990-02-28,R-00001,澳門,,zh,3,是\r\n".encode()
    answer = browser.upload(office.template_id, filled)
    assert "without faults" in browser.get(answer.headers["Location"]).text


def test_users_are_added_and_their_access_ended_on_the_page(office):
    browser = office.browser("admin")
    added = browser.post(
        "/users", name="Neu", login="neu", password="correct horse battery", roles=["officer"]
    )
    assert added.status_code == 303
    wrong = browser.post("/users", name="", login="x", password="short")
    assert wrong.status_code == 422
    assert wrong.text.count('class="fault"') == 4
    user = next(u for u in office.services.accounts.users(office.person) if u["login"] == "neu")
    ended = browser.post(f"/users/{user['id']}/disable", version="1")
    assert ended.status_code == 303
    assert office.browser().sign_in("neu").status_code == 401


@clause("W32")
@pytest.mark.parametrize(
    ("zone", "seconds", "shown"),
    [
        ("UTC", 2_147_483_648, "Jan 19, 2038, 3:14:08"),
        ("Asia/Macau", 1_798_732_800, "Jan 1, 2027, 12:00:00"),
        ("Europe/Lisbon", 1_774_746_000, "Mar 29, 2026, 2:00:00"),
        ("Europe/Lisbon", 1_774_745_999, "Mar 29, 2026, 12:59:59"),
        ("UTC", 951_782_399, "Feb 28, 2000, 11:59:59"),
        ("UTC", 4_102_444_800, "Jan 1, 2100, 12:00:00"),
    ],
)
def test_moments_are_shown_in_the_offices_zone_and_kept_in_utc(new_office, zone, seconds, shown):
    office = new_office(time_zone=zone, recognized=False)
    with office.app.test_request_context("/"):
        text = office.app.jinja_env.filters["moment"](seconds).replace("\u202f", " ")
    assert text.startswith(shown)


@clause("W32")
def test_a_moment_reads_chinese_for_a_chinese_reader(office):
    with office.app.test_request_context("/", headers={"Accept-Language": "zh-HK"}):
        assert office.app.jinja_env.filters["day"](1_800_000_000) == "2027年1月15日"
