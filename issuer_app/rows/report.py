"""The file of faulty rows: two report columns more, and the way back of the mended file.

`errors.csv` is the officer's own file cut down to its faulty rows. Beside each row it has the
row's number in the file that was uploaded (`row`) and what is wrong (`error`). Exactly these two
are left aside when the mended file is uploaded, so that it can be sent as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from issuer_app.rows.columns import Column, fold
from issuer_app.rows.files import unguard_cell, write_csv
from issuer_app.rows.sheet import Sheet, SheetRow, clean_header

REPORT_COLUMNS: Final = ("row", "error")


@dataclass(frozen=True, slots=True)
class FaultyRow:
    """A row as it came, with its number and what is wrong with it."""

    number: int
    cells: Sequence[str]
    error: str


def report_columns(columns: Iterable[Column]) -> tuple[str, ...]:
    """Return the names of the two report columns; another one where the template has the name."""
    taken = {fold(name) for column in columns for name in (column.header, *column.names)}
    return tuple(name if name not in taken else f"{name} (report)" for name in REPORT_COLUMNS)


def write_report(
    header: Sequence[str], rows: Iterable[FaultyRow], columns: Iterable[Column]
) -> bytes:
    """Return the file of faulty rows.

    Values right of the last column, which are a fault, stay right of the report columns.
    """
    width = len(header)
    return write_csv(
        [*header, *report_columns(columns)],
        ([*row.cells[:width], str(row.number), row.error, *row.cells[width:]] for row in rows),
    )


def without_report(sheet: Sheet, columns: Iterable[Column]) -> Sheet:
    """Return a sheet without report columns; one that has none is returned as it is.

    In a file that comes back, the guards that we put before texts like formulas are taken off.
    """
    report = report_columns(columns)
    kept = [at for at, name in enumerate(sheet.header) if clean_header(name) not in report]
    if len(kept) == len(sheet.header):
        return sheet
    places = {old: new for new, old in enumerate(kept)} | {len(sheet.header): len(kept)}
    return Sheet(
        tuple(sheet.header[at] for at in kept), tuple(_came_back(sheet.rows, kept, places))
    )


def _came_back(
    rows: Iterable[SheetRow], kept: Sequence[int], places: dict[int, int]
) -> Iterator[SheetRow]:
    for row in rows:
        cells = tuple(unguard_cell(row.cells[at]) for at in kept)
        spoilt = tuple((places[at], code) for at, code in row.spoilt if at in places)
        if any(cells) or row.surplus:
            yield SheetRow(row.number, cells, spoilt, tuple(map(unguard_cell, row.surplus)))
