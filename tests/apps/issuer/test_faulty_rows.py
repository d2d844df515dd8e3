"""Faulty rows: told all at once, handed out as a file, mended there and uploaded as it is."""

from __future__ import annotations

import csv
import io
import json

import openpyxl
import pytest

from issuer_app.errors import InputRefusedError
from issuer_app.rows.columns import Column
from issuer_app.rows.files import guard_cell, read_sheet, unguard_cell
from issuer_app.rows.report import report_columns, without_report
from issuer_app.services.batches import Upload
from tests.apps.issuer.support import TEMPLATE, people, rows_csv
from tests.support.clauses import clause
from weid.crypto.keys import PrivateKey

HEADER = ("name", "number", "born", "languages", "rooms", "owner", "holder_jwk")


def check(office, content, template_id=None, form="wallet"):
    """Return {row: {(column, code)}} of the faults of a file."""
    sent = Upload(template_id or office.template_id, form, "automatic", "x.csv", content)
    return {
        row["number"]: {(fault["column"], fault["code"]) for fault in row["faults"]}
        for row in office.services.batches.check(office.person, sent)
        if row["faults"]
    }


def uploaded(office, browser, content, **fields):
    answer = browser.upload(office.template_id, content, **fields)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def report(browser, location):
    return browser.get(f"{location}/errors.csv").get_data()


def table(content):
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def written(rows):
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows(rows)
    return stream.getvalue().encode("utf-8-sig")


# --- all of them at once ------------------------------------------------------------------------


def test_faults_of_every_kind_row_and_column_come_in_one_report(office):
    key = json.dumps(PrivateKey.generate().public.to_jwk())
    content = rows_csv(
        ("", "R-1", "1990-02-31", "pt;;zh", "3.5", "maybe", "no key"),
        ("Bell\x07", "R-2", "", "xx", "-1", "yes", ""),
        ("Good", "R-00001", "1990-02-28", "pt", "3", "no", key),
        ("", "R-1", "1990-02-31", "pt;;zh", "3.5", "maybe", "no key"),
        header=HEADER,
    )
    first = {
        ("name", "cell_required"),
        ("number", "claim_refused"),
        ("born", "claim_refused"),
        ("languages", "cell_list"),
        ("rooms", "cell_integer"),
        ("owner", "cell_boolean"),
        ("holder_jwk", "holder_key_refused"),
    }
    assert check(office, content) == {
        2: first,
        3: {
            ("name", "cell_control_character"),
            ("number", "claim_refused"),
            ("languages", "claim_refused"),
            ("rooms", "claim_refused"),
        },
        5: first | {("", "same_as_row")},
    }


@pytest.mark.parametrize(
    ("header", "row", "faults"),
    [
        pytest.param(
            ("name", "number"),
            ("", "R-00001"),
            {("name", "cell_required")},
            id="an empty cell is not told twice",
        ),
        pytest.param(
            ("name", "number", "address.city", "address.street"),
            ("Ada", "R-1", "Ma\x07cau", "Rua"),
            {("address.city", "cell_control_character"), ("number", "claim_refused")},
            id="nor is what stands below it",
        ),
        pytest.param(
            ("name", "number", "holder_jwk"),
            ("Ada", "R-00001", "\x07"),
            {("holder_jwk", "cell_control_character")},
            id="nor is a key",
        ),
    ],
)
def test_a_cell_that_cannot_be_read_is_told_once(office, header, row, faults):
    assert check(office, rows_csv(row, header=header)) == {2: faults}


def test_what_a_condition_demands_is_told_only_where_its_own_claims_are_good(office):
    """An owner needs a year of purchase; whether a row is an owner's must be readable first."""
    template = json.loads(TEMPLATE)
    template["cpt_id"] = "conditional-test"
    template["claims"].append({"path": ["since"], "sd": "allowed"})
    template["schema"]["properties"]["since"] = {"type": "integer"}
    template["schema"] |= {
        "if": {"properties": {"owner": {"const": True}}},
        "then": {"required": ["since"]},
    }
    template_id = office.services.templates.publish(office.person, json.dumps(template).encode())
    header = ("name", "number", "owner", "since")
    content = rows_csv(("Ada", "R-00001", "yes", ""), ("Bo", "R-00002", "maybe", ""), header=header)
    assert check(office, content, template_id) == {
        2: {("since", "claim_refused")},
        3: {("owner", "cell_boolean")},
    }


def test_every_fault_of_a_header_is_told_at_once(office):
    with pytest.raises(InputRefusedError) as refused:
        check(office, b"name,,name,,colour,row\nAda,1,2,3,4,5\n")
    assert [(one.code, dict(one.details)) for one in refused.value.problems] == [
        ("header_empty", {"column": 2}),
        ("header_twice", {"name": "name"}),
        ("header_empty", {"column": 4}),
        ("column_unknown", {"name": "colour"}),
        ("column_missing", {"name": "number"}),
    ]


def test_what_is_expected_is_said_in_the_readers_language(office):
    browser = office.browser("officer")
    browser.client.set_cookie("weid-language", "zh_Hant", domain="issuer.example")
    content = rows_csv(("A" * 101, "R-1", "1990-02-31", "xx"), header=HEADER[:4])
    location = uploaded(office, browser, content)
    for text in (browser.get(location).text, report(browser, location).decode()):
        assert "須符合格式 ^R-[0-9]{5}$" in text
        assert "例如 2026-06-30" in text
        assert "多於 100 個字元" in text
        assert "須為以下其中之一" in text
        assert "must" not in text


# --- there and back -----------------------------------------------------------------------------


def test_the_file_of_faulty_rows_is_mended_and_uploaded_as_it_is(office):
    browser = office.browser("officer")
    rows = [*people(2), ("陳大文", "R-3", "1990-02-31"), ("", "R-00004", "1990-02-28")]
    location = uploaded(office, browser, rows_csv(*rows))
    told = table(report(browser, location))
    assert told[0] == ["name", "number", "born", "row", "error"]
    assert [row[3] for row in told[1:]] == ["4", "5"]
    assert "number: does not follow the template (must match" in told[1][4]
    assert "born: does not follow the template (must be a date that exists" in told[1][4]
    told[1][1], told[1][2], told[2][0] = "R-00003", "1990-02-28", "Ada"
    second = uploaded(office, browser, written(told))
    page = browser.get(second).text
    assert "Issue 2 certificates" in page
    assert '<th scope="col"><bdi>error</bdi></th>' not in page
    browser.issue(second)
    office.job.run_once()
    claims = [json.loads(row["claims"]) for row in office.certificates()]
    assert claims == [
        {"name": "陳大文", "number": "R-00003", "born": "1990-02-28"},
        {"name": "Ada", "number": "R-00004", "born": "1990-02-28"},
    ]


def test_what_is_not_mended_comes_back_as_it_was(office):
    browser = office.browser("officer")
    first = report(browser, uploaded(office, browser, rows_csv(("Ada", "wrong", ""), *people(2))))
    second = report(browser, uploaded(office, browser, first))
    assert second == first


def test_a_mended_workbook_does_as_well(office):
    browser = office.browser("officer")
    location = uploaded(office, browser, rows_csv(("Ada", "wrong", "1990-02-28")))
    workbook = openpyxl.Workbook()
    for cells in table(report(browser, location)):
        workbook.active.append(cells)
    workbook.active["B2"] = "R-00001"
    stream = io.BytesIO()
    workbook.save(stream)
    again = uploaded(office, browser, stream.getvalue(), name="errors.xlsx")
    assert "Issue 1 certificate<" in browser.get(again).text


@clause("W10")
@pytest.mark.parametrize(
    "name",
    ["+853 6612 3456", "=cmd|' /C calc'!A0", "'-alert(1)-'", "''@x", "'quoted'", "-12.5", "@Ada"],
)
def test_the_guard_against_formulas_is_off_again_when_the_file_comes_back(office, name):
    browser = office.browser("officer")
    location = uploaded(office, browser, rows_csv((name, "wrong", "")))
    told = table(report(browser, location))
    assert not told[1][0].startswith(("=", "+8", "@"))
    told[1][1] = "R-00001"
    browser.issue(uploaded(office, browser, written(told)))
    office.job.run_once()
    assert json.loads(office.certificates()[0]["claims"])["name"] == name


@pytest.mark.parametrize(
    "text", ["", "'", "''", "a", "'a", "=a", "'=a", "''=a", "+1", "'+1", "+1 2", "'+1 2", "-", "'-"]
)
def test_a_guard_can_always_be_taken_off(text):
    assert unguard_cell(guard_cell(text)) == text


def test_values_right_of_the_last_column_are_not_lost_on_the_way(office):
    """Dropped silently, a row that a comma had shifted would pass the second time."""
    browser = office.browser("officer")
    content = b"name,number\nChan, Tai Man,R-00001\nAda,R-00002\n"
    location = uploaded(office, browser, content)
    told = table(report(browser, location))
    assert told[1][:3] == ["Chan", "Tai Man", "2"]
    assert told[1][4:] == ["R-00001"]
    again = browser.get(uploaded(office, browser, written(told))).text
    assert "values right of the last column name" in again


def test_only_the_two_report_columns_are_left_aside_and_only_in_their_spelling(office):
    assert check(office, b"name,number,row,error\nAda,R-00001,7,x\n") == {}
    for name in ("rows", "errors", "Error", "fault"):
        with pytest.raises(InputRefusedError) as refused:
            check(office, f"name,number,{name}\nAda,R-00001,x\n".encode())
        assert [problem.code for problem in refused.value.problems] == ["column_unknown"]


def test_a_template_that_has_such_a_field_keeps_it_and_the_report_takes_another_name():
    columns = (
        Column(("name",), "string", required=True),
        Column(("row",), "string", names=("Row",)),
        Column(("message",), "string", names=("Error", "錯誤")),
    )
    assert report_columns(columns) == ("row (report)", "error (report)")
    sheet = read_sheet(b"name,row,Error,row (report),error (report)\nAda,7,none,2,wrong\n")
    assert without_report(sheet, columns).rows[0].cells == ("Ada", "7", "none")
    assert without_report(sheet, columns).header == ("name", "row", "Error")


def test_a_row_of_which_only_the_report_is_left_is_no_row(office):
    assert check(office, b"name,number,row,error\nAda,R-00001,2,\n,,3,wrong\n") == {}
