"""XLSX files: values only, bounded before unpacking, no entity is ever resolved."""

from __future__ import annotations

import datetime as dt
import io
import zipfile

import openpyxl
import pytest

from issuer_app.errors import InputRefusedError
from issuer_app.rows import xlsx_sheet
from issuer_app.rows.files import read_sheet, write_empty_xlsx
from tests.support.clauses import clause


def workbook(*rows: list[object]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def repacked(content: bytes, **parts: bytes) -> bytes:
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, parts.pop(name, None) or old.read(name))
        for name, body in parts.items():
            new.writestr(name, body)
    return stream.getvalue()


def test_values_become_the_text_that_a_person_would_type():
    sheet = read_sheet(
        workbook(
            ["name", "born", "points", "big", "yes"],
            ["陳大文", dt.date(1990, 2, 28), 12.0, 1234567890123, True],
            [None, None, None, None, None],
            [
                " João ",
                dt.datetime(2026, 6, 30),  # noqa: DTZ001 - spreadsheets have no zones
                1.5,
                "007",
                False,
            ],
        )
    )
    assert [row.number for row in sheet.rows] == [2, 4]
    assert sheet.rows[0].cells == ("陳大文", "1990-02-28", "12", "1234567890123", "true")
    assert sheet.rows[1].cells == ("João", "2026-06-30", "1.5", "007", "false")


@clause("W12")
def test_a_formula_is_named_and_never_becomes_a_value():
    sheet = read_sheet(workbook(["name", "sum"], ["Ada", "=1+1"]))
    assert sheet.rows[0].spoilt == ((1, "cell_formula"),)


@clause("W12")
def test_external_entities_are_refused():
    evil = (
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        b'<sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>&e;</t></is></c></row></sheetData>'
        b"</worksheet>"
    )
    content = repacked(workbook(["name"], ["Ada"]), **{"xl/worksheets/sheet1.xml": evil})
    with pytest.raises(InputRefusedError) as refused:
        read_sheet(content)
    assert refused.value.problems[0].code == "workbook_unreadable"


@clause("W12")
def test_a_bomb_is_refused_by_its_declared_size():
    bomb = repacked(workbook(["name"], ["Ada"]), **{"xl/media/zeros.bin": bytes(200 * 2**20)})
    assert len(bomb) < 2**20
    with pytest.raises(InputRefusedError) as refused:
        read_sheet(bomb)
    assert refused.value.problems[0].code == "workbook_too_large"


@clause("W12")
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"PK\x03\x04 and nothing more", id="not a ZIP file"),
        pytest.param(workbook(["name"], ["Ada"])[:-200], id="cut off"),
        pytest.param(repacked(workbook(["a"]), **{"xl/workbook.xml": b"<x"}), id="broken XML"),
    ],
)
def test_damaged_workbooks_are_refused_without_a_crash(content):
    with pytest.raises(InputRefusedError) as refused:
        read_sheet(content)
    assert refused.value.problems[0].code == "workbook_unreadable"


@clause("W12")
def test_a_zip_file_of_something_else_is_refused():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(InputRefusedError):
        read_sheet(stream.getvalue())


@clause("W12")
def test_macros_are_neither_kept_nor_run_the_values_are_read():
    content = repacked(workbook(["name"], ["Ada"]), **{"xl/vbaProject.bin": b"\xd0\xcf\x11\xe0"})
    assert read_sheet(content).rows[0].cells == ("Ada",)


@clause("W11")
def test_one_row_more_than_allowed_is_refused(monkeypatch):
    monkeypatch.setattr(xlsx_sheet, "ROWS", 2)
    assert len(read_sheet(workbook(["name"], ["a"], ["b"])).rows) == 2
    with pytest.raises(InputRefusedError):
        read_sheet(workbook(["name"], ["a"], ["b"], ["c"]))


@clause("W11")
def test_a_row_far_below_is_neither_lost_nor_waited_for():
    rows = b"".join(
        b'<row r="%d"><c r="A%d" t="inlineStr"><is><t>%s</t></is></c></row>' % (r, r, text)
        for r, text in ((1, b"name"), (2, b"Ada"), (5000, b"Bob"))
    )
    sheet = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        + rows
        + b"</sheetData></worksheet>"
    )
    content = repacked(workbook(["name"]), **{"xl/worksheets/sheet1.xml": sheet})
    assert [(row.number, row.cells) for row in read_sheet(content).rows] == [
        (2, ("Ada",)),
        (5000, ("Bob",)),
    ]


def test_the_empty_file_that_we_hand_out_can_be_filled_in_and_read():
    content = write_empty_xlsx(["name", "born"], [["name", "text", "=1"]])
    book = openpyxl.load_workbook(io.BytesIO(content))
    book.worksheets[0].append(["Ada", "1815-12-10"])
    stream = io.BytesIO()
    book.save(stream)
    assert read_sheet(stream.getvalue()).rows[0].cells == ("Ada", "1815-12-10")


def test_the_guarded_reader_of_xml_is_used_whatever_else_is_installed():
    import openpyxl

    assert openpyxl.DEFUSEDXML
    assert not openpyxl.LXML
