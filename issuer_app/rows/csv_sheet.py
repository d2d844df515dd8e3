"""CSV files: the encoding is known or asked for, never guessed; then strict RFC 4180 rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Final

from issuer_app.rows.sheet import (
    CELL_CHARACTERS,
    COLUMNS,
    ROWS,
    Sheet,
    SheetRow,
    refuse_file,
    require_header,
    spoilt_cells,
    surplus_cells,
)

ENCODINGS: Final = {
    "automatic": "",
    "utf-8": "utf-8",
    "gb18030": "gb18030",
    "big5": "big5hkscs",
    "latin-1": "cp1252",
}
"""What the officer may choose; GBK is read as its superset GB18030."""

_RECORD_CHARACTERS: Final = CELL_CHARACTERS * COLUMNS


def decode_text(content: bytes, encoding: str) -> str:
    """Return the file's text.

    A byte order mark decides; else UTF-8, or what the officer chose. A file that is not UTF-8 is
    refused rather than guessed: GBK and Big5 read each other's bytes as other people's names.

    Raises:
        InputRefusedError: not in that encoding, or holding NUL characters.
    """
    try:
        if content.startswith(b"\xef\xbb\xbf"):
            text = content[3:].decode("utf-8")
        elif content.startswith((b"\xff\xfe", b"\xfe\xff")):
            text = content.decode("utf-16")
        else:
            text = content.decode(ENCODINGS.get(encoding) or "utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        code = "encoding_unknown" if encoding == "automatic" else "encoding_wrong"
        raise refuse_file(code, line=line) from None
    if "\0" in text:
        raise refuse_file("nul_character", line=text.count("\n", 0, text.index("\0")) + 1)
    return text


def _delimiter(text: str) -> str:
    first_line = text.split("\n", 1)[0]
    return max(",;\t", key=first_line.count)


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (row number as a spreadsheet counts, cells); bounded before csv sees a cell."""
    csv.field_size_limit(_RECORD_CHARACTERS)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    number = 0
    while True:
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            code = "cell_too_large" if "field limit" in str(error) else "quotes_unbalanced"
            raise refuse_file(code, row=number) from None
        yield number, cells


def read_csv(content: bytes, *, encoding: str = "automatic") -> Sheet:
    """Read a CSV file (comma, semicolon or tab).

    Raises:
        InputRefusedError: the file as a whole cannot be used; says where.
    """
    records = _records(decode_text(content, encoding))
    header: tuple[str, ...] = ()
    rows: list[SheetRow] = []
    for number, cells in records:
        if not header:
            header = require_header(tuple(cells))
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if len(rows) == ROWS:
            raise refuse_file("too_many_rows", most=ROWS)
        rows.append(_row(number, cells, len(header)))
    if not header:
        raise refuse_file("header_missing")
    return Sheet(header, tuple(rows))


def _row(number: int, cells: list[str], width: int) -> SheetRow:
    surplus = any(cell.strip() for cell in cells[width:])
    fitted = tuple(cell.strip(" \u3000") for cell in cells[:width]) + ("",) * (width - len(cells))
    spoilt = spoilt_cells(fitted)
    if surplus:
        spoilt += ((width, "cells_past_header"),)
    if len(cells) < width:
        spoilt += ((len(cells), "cells_missing"),)
    return SheetRow(number, fitted, spoilt, surplus_cells(cells[width:]) if surplus else ())
