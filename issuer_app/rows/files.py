"""One door for uploaded files (type by content, never by name) and one for files we hand out."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

import openpyxl
from openpyxl.utils import get_column_letter

from issuer_app.rows.csv_sheet import read_csv
from issuer_app.rows.sheet import Sheet, looks_like_formula, refuse_file
from issuer_app.rows.xlsx_sheet import looks_like_xlsx, read_xlsx

XLSX_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_OTHER_KINDS: Final = (b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"\xd0\xcf\x11\xe0", b"\x1f\x8b", b"<")
_UNWANTED: Final = re.compile(r"[^\w .()\-]")


def read_sheet(content: bytes, *, encoding: str = "automatic") -> Sheet:
    """Read an uploaded CSV or XLSX file.

    Raises:
        InputRefusedError: with what is wrong with the file and where.
    """
    if not content:
        raise refuse_file("file_empty")
    if looks_like_xlsx(content):
        return read_xlsx(content)
    if content.startswith(_OTHER_KINDS):
        raise refuse_file("file_kind")
    return read_csv(content, encoding=encoding)


def shown_file_name(name: str) -> str:
    """Return an uploaded file's name as it may be shown: its last part, plain characters, short."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    return _UNWANTED.sub("_", last).strip(" .")[:80] or "file"


def guard_cell(text: str) -> str:
    """Return a cell for a file that we hand out: no spreadsheet takes it for a formula.

    A text that looks guarded already is guarded once more, so that `unguard_cell` gives it back.
    """
    return f"'{text}" if _needs_guard(text) else text


def unguard_cell(text: str) -> str:
    """Return the text that `guard_cell` guarded."""
    return text[1:] if text.startswith("'") and _needs_guard(text) else text


def _needs_guard(text: str) -> bool:
    return looks_like_formula(text.lstrip("'"))


def write_csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return a CSV file that spreadsheets open in any language (UTF-8 with its mark)."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow([guard_cell(cell) for cell in header])
    for row in rows:
        writer.writerow([guard_cell(cell) for cell in row])
    return b"\xef\xbb\xbf" + stream.getvalue().encode("utf-8")


def write_empty_xlsx(header: Sequence[str], notes: Iterable[Sequence[str]]) -> bytes:
    """Return an empty workbook: the header on the first sheet, what to write on the second."""
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert sheet is not None  # noqa: S101 - a new workbook has one
    sheet.title = "Rows"
    sheet.append(list(header))
    for position in range(1, len(header) + 1):
        letter = get_column_letter(position)
        sheet.column_dimensions[letter].width = 24
        # Text format keeps leading zeros of numbers that are names.
        sheet.column_dimensions[letter].number_format = "@"
    explained = workbook.create_sheet("Notes")
    for note in notes:
        explained.append([guard_cell(cell) for cell in note])
    stream = io.BytesIO()
    workbook.save(stream)
    return stream.getvalue()
