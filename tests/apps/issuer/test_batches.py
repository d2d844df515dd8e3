"""Uploaded files: checked as a whole, issued once, never a row for another."""

from __future__ import annotations

import json
import threading

import pytest

from issuer_app.errors import ConflictError, ForbiddenError, StoreFullError
from issuer_app.services.batches import Upload
from tests.apps.issuer.support import people, rows_csv
from tests.support.clauses import clause
from weid.crypto.keys import PrivateKey


def upload(office, content, *, form="wallet", encoding="automatic", name="rows.csv"):
    officer = person_of(office, "officer")
    return office.services.batches.upload(
        officer, Upload(office.template_id, form, encoding, name, content)
    )


def person_of(office, login):
    accounts = office.services.accounts
    return accounts.person_of(accounts.sign_in(login, "correct horse battery"))


def batch(office, batch_id):
    return office.database.query("SELECT * FROM batches WHERE id = ?", (batch_id,))[0]


def findings(office, batch_id):
    return {
        row["row_number"]: [fault["code"] for fault in json.loads(row["faults"])]
        for row in office.database.query("SELECT * FROM batch_rows ORDER BY row_number")
    }


@clause("W11")
def test_nothing_is_issued_while_a_row_is_faulty_until_it_is_left_out_by_name(office):
    rows = people(4)
    rows[1] = ("Person 2", "R-2", "1990-02-31")
    browser = office.browser("officer")
    location = browser.upload(office.template_id, rows_csv(*rows)).headers["Location"]
    batch_id = location.rsplit("/", 1)[1]
    page = browser.get(location).text
    assert "Nothing is issued while rows have faults" in page
    assert "must match the pattern" in page
    assert "a date that exists" in page
    assert browser.issue(location).status_code == 409
    office.job.run_once()
    assert office.certificates() == []
    version = browser.version_of(batch_id)
    wrong = browser.post(f"/batches/{batch_id}/leave-out", faulty="2", **version)
    assert wrong.status_code == 409
    browser.post(f"/batches/{batch_id}/leave-out", faulty="1", **version)
    assert browser.issue(location).status_code == 303
    office.job.run_once()
    issued = office.certificates(batch_id)
    assert [row["row_number"] for row in issued] == [2, 4, 5]
    assert [json.loads(row["claims"])["number"] for row in issued] == [
        "R-00001",
        "R-00003",
        "R-00004",
    ]


@clause("W14")
@pytest.mark.parametrize("bad", range(6))
def test_one_bad_row_at_every_place_moves_no_other_row(office, bad):
    rows = people(6)
    rows[bad] = (rows[bad][0], "wrong", rows[bad][2])
    batch_id = upload(office, rows_csv(*rows))
    assert [number for number, codes in findings(office, batch_id).items() if codes] == [bad + 2]
    officer = person_of(office, "officer")
    office.services.batches.leave_out(officer, batch_id, expected_version=1, expected_faulty=1)
    office.services.batches.send(officer, batch_id, expected_version=2)
    office.job.run_once()
    for row in office.certificates(batch_id):
        number = f"{row['row_number'] - 1:05}"
        assert json.loads(row["claims"]) == {
            "name": f"Person {number}",
            "number": f"R-{number}",
            "born": "1990-02-28",
        }


@clause("W14")
def test_a_row_changed_in_the_store_after_its_check_is_not_issued(office):
    batch_id = upload(office, rows_csv(*people(3)))
    office.services.batches.send(person_of(office, "officer"), batch_id, expected_version=1)
    with office.database.write():
        office.database.execute(
            "UPDATE batch_rows SET claims = replace(claims, 'Person 00002', 'Person 00009')"
        )
    office.job.run_once()
    assert office.certificates() == []
    assert batch(office, batch_id)["trouble"] == "DamagedRowError"


@clause("W13")
def test_the_same_file_twice_is_one_batch_also_from_two_browsers_at_once(office):
    content = rows_csv(*people(50))
    found, begin = [], threading.Barrier(4)

    def send():
        begin.wait()
        found.append(upload(office, content))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert office.database.value("SELECT count(*) FROM batch_rows") == 50
    assert upload(office, content, form="paper") != found[0]


@clause("W13")
def test_a_double_click_on_issue_issues_once(office):
    browser = office.browser("officer")
    location = browser.upload(office.template_id, rows_csv(*people(3))).headers["Location"]
    batch_id = location.rsplit("/", 1)[1]
    version = browser.version_of(batch_id)
    statuses = [browser.post(f"/batches/{batch_id}/send", **version).status_code for _ in range(2)]
    assert statuses == [303, 409]
    office.job.run_once()
    office.job.run_once()
    assert len(office.certificates()) == 3


def test_a_discarded_file_may_come_again(office):
    content = rows_csv(*people(2))
    first = upload(office, content)
    office.services.batches.discard(person_of(office, "officer"), first, expected_version=1)
    assert office.database.value("SELECT count(*) FROM batch_rows") == 0
    assert upload(office, content) != first


def test_duplicates_within_the_file_are_faults_and_issued_ones_are_warnings(office):
    office.issue(rows_csv(*people(2)))
    rows = [*people(3), people(1, start=3)[0]]
    upload(office, rows_csv(*rows), name="second.csv")
    stored = office.database.query(
        "SELECT row_number, faults, warnings FROM batch_rows"
        " WHERE batch_id = (SELECT id FROM batches WHERE file_name = 'second.csv')"
        " ORDER BY row_number"
    )
    codes = [
        (
            [f["code"] for f in json.loads(r["faults"])],
            [f["code"] for f in json.loads(r["warnings"])],
        )
        for r in stored
    ]
    assert codes == [
        ([], ["issued_before"]),
        ([], ["issued_before"]),
        ([], []),
        (["same_as_row"], []),
    ]


@clause("C29", "C39", "C40")
@pytest.mark.parametrize(
    ("header", "row", "code"),
    [
        pytest.param("name,number", ",R-00001", "cell_required", id="a required cell empty"),
        pytest.param("name,number", "Ada,R-1", "claim_refused", id="a pattern not met"),
        pytest.param(
            "name,number",
            "Ada,R-\uff11\uff12\uff13\uff14\uff15",
            "claim_refused",
            id="full-width digits",
        ),
        pytest.param(
            "name,number,born", "Ada,R-00001,1990-02-31", "claim_refused", id="31 February"
        ),
        pytest.param(
            "name,number,born", "Ada,R-00001,90-02-28", "claim_refused", id="a year of two digits"
        ),
        pytest.param("name,number,rooms", "Ada,R-00001,3.5", "cell_integer", id="half a room"),
        pytest.param("name,number,rooms", "Ada,R-00001,-1", "claim_refused", id="fewer than none"),
        pytest.param("name,number,owner", "Ada,R-00001,maybe", "cell_boolean", id="maybe"),
        pytest.param(
            "name,number,languages", "Ada,R-00001,pt;;zh", "cell_list", id="an empty list item"
        ),
        pytest.param(
            "name,number,languages", "Ada,R-00001,xx", "claim_refused", id="not of the choice"
        ),
        pytest.param(
            "name,number,address.street", "Ada,R-00001,Rua", "claim_refused", id="half an address"
        ),
        pytest.param(
            "name,number,holder_jwk", 'Ada,R-00001,{"kty":"x"}', "holder_key_refused", id="no key"
        ),
    ],
)
def test_rows_that_do_not_follow_the_template(office, header, row, code):
    batch_id = upload(office, f"{header}\n{row}\n".encode())
    assert findings(office, batch_id)[2] == [code]


@clause("R13", "R16")
@pytest.mark.parametrize("spoil", ["private", "small order", "X25519"])
def test_a_holders_key_that_is_not_one_is_refused(office, spoil):
    jwk = PrivateKey.generate().public.to_jwk()
    if spoil == "private":
        jwk = PrivateKey.generate().to_private_jwk()
    elif spoil == "small order":
        jwk["x"] = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    else:
        jwk["crv"] = "X25519"
    batch_id = upload(
        office,
        rows_csv((*people(1)[0], json.dumps(jwk)), header=("name", "number", "born", "holder_jwk")),
    )
    assert findings(office, batch_id)[2] == ["holder_key_refused"]


def test_values_of_every_kind_become_claims(office):
    content = (
        "姓名,number,address.city,address.street,languages,rooms,owner\n"
        "陳大文,R-00001,澳門,新馬路,zh; pt,3,是\n"
    ).encode()
    upload(office, content)
    claims = json.loads(office.database.value("SELECT claims FROM batch_rows"))
    assert claims == {
        "name": "陳大文",
        "number": "R-00001",
        "address": {"city": "澳門", "street": "新馬路"},
        "languages": ["zh", "pt"],
        "rooms": 3,
        "owner": True,
    }


@clause("W10")
def test_a_name_like_a_formula_is_kept_flagged_and_guarded_when_it_goes_out(office):
    content = rows_csv(("=cmd|'/C calc'!A0", "R-00001", ""), ("Ada", "wrong", ""))
    browser = office.browser("officer")
    location = browser.upload(office.template_id, content).headers["Location"]
    batch_id = location.rsplit("/", 1)[1]
    assert "begins like a formula" in browser.get(location).text
    errors = browser.get(f"/batches/{batch_id}/errors.csv").get_data().decode("utf-8-sig")
    assert errors.splitlines()[0] == "name,number,born,row,error"
    assert errors.splitlines()[1].startswith("Ada,wrong,,3,")
    browser.post(f"/batches/{batch_id}/leave-out", faulty="1", **browser.version_of(batch_id))
    browser.issue(location)
    office.job.run_once()
    offers = browser.get(f"/batches/{batch_id}/offers.csv").get_data().decode("utf-8-sig")
    assert "'=cmd" in offers
    assert json.loads(office.certificates()[0]["claims"])["name"].startswith("=cmd")


@clause("W11", "W12", "W15")
@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param("name,number\n陳大文,R-00001".encode("gbk"), "not in UTF-8", id="GBK"),
        pytest.param(b"name,number\nAda\0,R-00001", "NUL character", id="NUL"),
        pytest.param(b'name,number\n"Ada,R-00001', "does not close", id="a quotation mark"),
        pytest.param(b"name,name\nAda,Ada", "there twice", id="a header twice"),
        pytest.param(b"name,number,colour\nAda,R-1,x", "no column", id="an unknown column"),
        pytest.param(b"name\nAda", "is missing", id="a column missing"),
        pytest.param(b"name,number\n", "no rows", id="no rows"),
        pytest.param(b"PK\x03\x04xx", "cannot be read", id="a broken workbook"),
        pytest.param(b"%PDF-1.4", "neither a CSV nor", id="a PDF"),
        pytest.param(b"", "is empty", id="nothing"),
    ],
)
def test_a_file_that_cannot_be_used_says_why_on_the_page(office, content, says):
    answer = office.browser("officer").upload(office.template_id, content, name="x.csv")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert says in answer.text
    assert office.database.value("SELECT count(*) FROM batches") == 0


@clause("I24")
def test_two_people_decide_where_the_policy_says_so(new_office):
    office = new_office(policy="two_person")
    office.add_user("both", "officer", "approver")
    officer, approver = office.browser("officer"), office.browser("approver")
    location = officer.upload(office.template_id, rows_csv(*people(2))).headers["Location"]
    batch_id = location.rsplit("/", 1)[1]
    assert approver.post(f"/batches/{batch_id}/approve", version="1").status_code == 409
    officer.issue(location)
    assert "Waits for the approval" in officer.get(location).text
    assert officer.post(f"/batches/{batch_id}/approve", version="2").status_code == 403
    assert "Approve 2 certificates" in approver.get(location).text
    returned = approver.post(f"/batches/{batch_id}/return", version="2", note="look again")
    assert returned.status_code == 303
    told = officer.get(location).text
    assert "Returned by Approver" in told
    assert "<bdi>look again</bdi>" in told
    officer.post(f"/batches/{batch_id}/send", version="3")
    assert "Returned by" not in officer.get(location).text
    assert approver.post(f"/batches/{batch_id}/approve", version="4").status_code == 303
    office.job.run_once()
    assert len(office.certificates()) == 2
    own = office.services.batches
    person = person_of(office, "both")
    mine = own.upload(
        person, Upload(office.template_id, "paper", "automatic", "x.csv", rows_csv(*people(1)))
    )
    own.send(person, mine, expected_version=1)
    with pytest.raises(ForbiddenError):
        own.approve(person, mine, expected_version=2)


@clause("W27")
def test_what_changed_meanwhile_is_not_overwritten(office):
    batch_id = upload(office, rows_csv(*people(1)))
    officer = person_of(office, "officer")
    office.services.batches.send(officer, batch_id, expected_version=1)
    with pytest.raises(ConflictError):
        office.services.batches.discard(officer, batch_id, expected_version=1)


def test_before_the_recognition_nothing_is_issued_and_afterwards_it_goes_on(new_office):
    office = new_office(recognized=False)
    batch_id = upload(office, rows_csv(*people(2)))
    office.services.batches.send(person_of(office, "officer"), batch_id, expected_version=1)
    office.job.run_once()
    assert office.certificates() == []
    trouble = batch(office, batch_id)["trouble"]
    assert "not a recognized issuer" in trouble
    page = office.browser("officer").get(f"/batches/{batch_id}").text
    assert "goes on by itself" in page
    # The script looks on, and shows the page anew once the trouble is another or over.
    assert f'data-progress="/batches/{batch_id}/progress.json" data-trouble="{trouble}"' in page
    office.registry.governor.recognize(office.issuer.did, office.template)
    office.job.run_once()
    assert len(office.certificates()) == 2
    assert batch(office, batch_id)["state"] == "issued"


@clause("D4")
def test_a_full_disk_refuses_keeps_reading_and_recovers(office):
    pages = office.database.value("PRAGMA page_count")
    office.database.query(f"PRAGMA max_page_count = {pages + 2}")
    browser = office.browser
    officer = person_of(office, "officer")
    content = rows_csv(*people(3000))
    with pytest.raises(StoreFullError):
        office.services.batches.upload(
            officer, Upload(office.template_id, "wallet", "automatic", "x.csv", content)
        )
    assert office.services.batch_pages.list_all(officer) == []
    office.database.query("PRAGMA max_page_count = 1000000")
    assert upload(office, content)
    assert browser("officer").get("/batches").status_code == 200


@clause("W11")
def test_progress_is_told_to_the_script_and_without_it(office):
    browser = office.browser("officer")
    location = browser.upload(office.template_id, rows_csv(*people(3))).headers["Location"]
    browser.issue(location)
    page = browser.get(location).text
    assert '<noscript><meta http-equiv="refresh"' in page
    assert "0 / 3" in page
    office.job.run_once()
    numbers = browser.get(f"{location}/progress.json").json
    assert numbers == {
        "state": "issued",
        "total": 3,
        "done": 3,
        "signed": 0,
        "offered": 3,
        "trouble": "",
    }
