"""CSV files from anybody: read in a known encoding, with the person's row numbers, or refused."""

from __future__ import annotations

import csv
import io

import pytest

from issuer_app.errors import InputRefusedError
from issuer_app.rows import csv_sheet
from issuer_app.rows.files import read_sheet, shown_file_name, write_csv
from issuer_app.rows.sheet import CELL_CHARACTERS, COLUMNS
from tests.support.clauses import clause

TABLE = "name,degree\n陳大文,Mathematics\nJoão Não,Law\n"


@clause("W11")
@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        pytest.param(TABLE.encode(), "automatic", id="plain UTF-8"),
        pytest.param(b"\xef\xbb\xbf" + TABLE.encode(), "automatic", id="UTF-8 with its mark"),
        pytest.param(TABLE.encode("utf-16"), "automatic", id="UTF-16 little endian with its mark"),
        pytest.param(b"\xfe\xff" + TABLE.encode("utf-16-be"), "automatic", id="UTF-16 big endian"),
        pytest.param(TABLE.encode("gb18030"), "gb18030", id="GBK, said so"),
        pytest.param(TABLE.replace("ã", "a").encode("big5hkscs"), "big5", id="Big5, said so"),
        pytest.param(TABLE.replace(",", ";").encode(), "automatic", id="semicolons"),
        pytest.param(TABLE.replace(",", "\t").encode(), "automatic", id="tabs"),
        pytest.param(TABLE.replace("\n", "\r\n").encode(), "automatic", id="CRLF"),
    ],
)
def test_the_same_table_in_every_spelling(content, encoding):
    sheet = read_sheet(content, encoding=encoding)
    assert sheet.header == ("name", "degree")
    assert sheet.rows[0].cells == ("陳大文", "Mathematics")
    assert [row.number for row in sheet.rows] == [2, 3]


@clause("W11", "W15")
@pytest.mark.parametrize(
    ("content", "code"),
    [
        pytest.param(b"", "file_empty", id="nothing"),
        pytest.param(TABLE.encode("gb18030"), "encoding_unknown", id="GBK is not guessed"),
        pytest.param(b"name\nA\xff\xfeB", "encoding_unknown", id="broken UTF-8"),
        pytest.param(b"name,degree\nAda\0,x", "nul_character", id="NUL"),
        pytest.param(b'name,degree\n"Ada,x\nBob,y', "quotes_unbalanced", id="open quotation mark"),
        pytest.param(b"name,Name\nAda,x", "header_twice", id="a header twice"),
        pytest.param(b"name,,x\nAda,1,2", "header_empty", id="a header without a name"),
        pytest.param(b"\n\n", "header_missing", id="blank lines only"),
        pytest.param(
            ",".join(f"c{i}" for i in range(COLUMNS + 1)).encode(),
            "too_many_columns",
            id="too many columns",
        ),
        pytest.param(
            b"name\n" + b"x" * (50 * 2**20), "cell_too_large", id="one row of 50 megabytes"
        ),
        pytest.param(b"%PDF-1.7 ...", "file_kind", id="a PDF named .csv"),
        pytest.param(b"\x89PNG\r\n\x1a\n", "file_kind", id="a picture named .csv"),
        pytest.param(b"<html><script>", "file_kind", id="HTML named .csv"),
    ],
)
def test_files_that_are_refused_as_a_whole(content, code):
    with pytest.raises(InputRefusedError) as refused:
        read_sheet(content)
    assert [problem.code for problem in refused.value.problems] == [code]


@clause("W11")
def test_one_row_more_than_allowed_is_refused(monkeypatch):
    monkeypatch.setattr(csv_sheet, "ROWS", 3)
    assert len(read_sheet(b"name\na\nb\nc\n").rows) == 3
    with pytest.raises(InputRefusedError):
        read_sheet(b"name\na\nb\nc\nd\n")


@clause("W11")
def test_row_numbers_are_those_of_the_spreadsheet_also_after_blank_and_broken_lines():
    sheet = read_sheet(b'name,x\nAda,1\n\n"Bo\nb",2\n,\nCid,3\n')
    assert [(row.number, row.cells[0]) for row in sheet.rows] == [
        (2, "Ada"),
        (4, "Bo\nb"),
        (6, "Cid"),
    ]
    assert sheet.rows[1].spoilt == ((0, "cell_control_character"),)


@clause("W11")
@pytest.mark.parametrize(
    ("line", "spoilt"),
    [
        pytest.param("Ada,1,2", ((2, "cells_past_header"),), id="a value right of the header"),
        pytest.param("Ada", ((1, "cells_missing"),), id="a row that ends early"),
        pytest.param("Ada\x07,1", ((0, "cell_control_character"),), id="a bell"),
        pytest.param("Ada\u202e,1", ((0, "cell_control_character"),), id="text turned round"),
        pytest.param("x" * (CELL_CHARACTERS + 1) + ",1", ((0, "cell_too_long"),), id="too long"),
        pytest.param("x" * CELL_CHARACTERS + ",1", (), id="just short enough"),
        pytest.param("Ada,1,,,", (), id="empty cells right of the header are nothing"),
    ],
)
def test_cells_that_cannot_be_used(line, spoilt):
    assert read_sheet(f"name,x\n{line}\n".encode()).rows[0].spoilt == spoilt


@clause("W15")
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\rows.csv", "rows.csv"),
        ("/absolute/名單.xlsx", "名單.xlsx"),
        ("x" * 300, "x" * 80),
        ("a\0b\r\nSet-Cookie: x", "a_b__Set-Cookie_ x"),
        ("..", "file"),
        ("<script>alert(1)</script>", "script_"),
    ],
)
def test_names_of_files_are_only_shown_and_only_plain(name, shown):
    assert shown_file_name(name) == shown


@clause("W10")
@pytest.mark.parametrize(
    "cell",
    ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\tx", "\rx", "|x", "%0a"],
)
def test_files_that_we_hand_out_hold_no_formula(cell):
    text = write_csv([cell], [[cell]]).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows == [[f"'{cell}"], [f"'{cell}"]]


@clause("W10")
@pytest.mark.parametrize("cell", ["-12.5", "+853", "陳", "a=b"])
def test_numbers_and_words_are_left_as_they_are(cell):
    assert write_csv(["name"], [[cell]]).decode("utf-8-sig").splitlines()[1] == cell
