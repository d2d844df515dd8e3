"""XLSX files: bounds before unpacking, no external entity, values only, first sheet."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from collections.abc import Iterator
from typing import Any, Final
from xml.etree.ElementTree import ParseError

import defusedxml
import openpyxl

from issuer_app.rows.sheet import (
    COLUMNS,
    ROWS,
    Sheet,
    SheetRow,
    refuse_file,
    require_header,
    spoilt_cells,
    surplus_cells,
)

UNPACKED_BYTES: Final = 160 * 2**20
"""All parts of a workbook together, unpacked."""
PARTS: Final = 2000
RATIO: Final = 400
"""Most unpacked bytes for a packed byte, for parts past 1 MiB; spreadsheets reach about 50."""
LAST_ROW: Final = 1_048_576
"""The last row that a spreadsheet can have; formatting often reaches there without any value."""

_UNREADABLE: Final = (
    KeyError,
    ValueError,
    TypeError,
    IndexError,
    AttributeError,
    OSError,
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    ParseError,
    defusedxml.DefusedXmlException,
)


def looks_like_xlsx(content: bytes) -> bool:
    """Return whether the content, whatever its name, is a ZIP file."""
    return content.startswith(b"PK\x03\x04")


def _require_bounds(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = archive.infolist()
        if len(parts) > PARTS or sum(part.file_size for part in parts) > UNPACKED_BYTES:
            raise refuse_file("workbook_too_large")
        for part in parts:
            if part.file_size > 2**20 and part.file_size > RATIO * max(part.compress_size, 1):
                raise refuse_file("workbook_too_large")
            if part.flag_bits & 1:
                raise refuse_file("workbook_unreadable")
        if not any(part.filename == "xl/workbook.xml" for part in parts):
            raise refuse_file("workbook_unreadable")


def read_xlsx(content: bytes) -> Sheet:
    """Read the first sheet of a workbook; what its parts say about size is not believed.

    Raises:
        InputRefusedError: the file as a whole cannot be used.
    """
    try:
        _require_bounds(content)
        workbook = openpyxl.load_workbook(
            io.BytesIO(content), read_only=True, data_only=False, keep_links=False, keep_vba=False
        )
        try:
            return _read_sheet(workbook)
        finally:
            workbook.close()
    except _UNREADABLE as error:
        raise refuse_file("workbook_unreadable") from error


def _read_sheet(workbook: openpyxl.Workbook) -> Sheet:
    sheet = workbook.worksheets[0]
    sheet.reset_dimensions()
    records = _records(sheet)
    header: tuple[str, ...] = ()
    rows: list[SheetRow] = []
    for number, cells, formulas in records:
        if not header:
            header = require_header(cells)
            continue
        if len(rows) == ROWS:
            raise refuse_file("too_many_rows", most=ROWS)
        rows.append(_row(number, cells, formulas, len(header)))
    if not header:
        raise refuse_file("header_missing")
    return Sheet(header, tuple(rows))


def _records(sheet: Any) -> Iterator[tuple[int, tuple[str, ...], frozenset[int]]]:
    """Yield (row number, cells as text, positions of formulas) of rows that are not empty."""
    for number, cells in enumerate(sheet.iter_rows(max_col=COLUMNS + 1), start=1):
        if number > LAST_ROW:
            raise refuse_file("too_many_rows", most=ROWS)
        texts = tuple(_text(cell.value) for cell in cells)
        if not any(texts):
            continue
        formulas = frozenset(i for i, cell in enumerate(cells) if cell.data_type in {"f", "e"})
        yield number, texts, formulas


def _text(value: object) -> str:
    """Return a cell's value as the text that a person would have typed."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.datetime):
        midnight = value.time() == dt.time(0)
        return value.date().isoformat() if midnight else value.isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).strip(" \u3000")


def _row(number: int, cells: tuple[str, ...], formulas: frozenset[int], width: int) -> SheetRow:
    fitted = cells[:width] + ("",) * (width - len(cells))
    spoilt = spoilt_cells(fitted)
    spoilt += tuple((position, "cell_formula") for position in sorted(formulas) if position < width)
    surplus = surplus_cells(cells[width:])
    if surplus:
        spoilt += ((width, "cells_past_header"),)
    return SheetRow(number, fitted, spoilt, surplus)
