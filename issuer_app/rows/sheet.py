"""What a file of rows is once read: a header and rows that keep the numbers the person sees."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from issuer_app.errors import InputRefusedError, Problem
from weid import limits

CELL_CHARACTERS: Final = 48 * 1024
"""One cell: room for a small photo as text, which is the longest that a template takes."""
COLUMNS: Final = 200
ROWS: Final = limits.BATCH_ROWS
FILE_PROBLEMS: Final = 20
"""Problems of a whole file that are told at once."""
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "|", "%")
"""First characters that a spreadsheet may take for a formula."""


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row: `number` as the spreadsheet shows it (the header is 1), cells as text.

    `spoilt` names cells by position that cannot be used at all, with the reason's code. `surplus`
    are the cells right of the last column, where one of them has a value.
    """

    number: int
    cells: tuple[str, ...]
    spoilt: tuple[tuple[int, str], ...] = ()
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file's header and its rows, empty rows left out."""

    header: tuple[str, ...]
    rows: tuple[SheetRow, ...]


class HeaderRefusedError(InputRefusedError):
    """A header with empty or repeated names; `header` has them, so that more can be told."""

    def __init__(self, header: tuple[str, ...], *problems: Problem) -> None:
        super().__init__(*problems)
        self.header = header


def refuse_file(code: str, **details: str | int) -> InputRefusedError:
    """Return the refusal of a whole file."""
    return InputRefusedError(Problem(code, "file", details))


def require_header(cells: tuple[str, ...]) -> tuple[str, ...]:
    """Return the header without empty columns at its end.

    Raises:
        InputRefusedError: no header, or too many columns.
        HeaderRefusedError: names that are empty or there twice, all of them.
    """
    names = [clean_header(cell) for cell in cells]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise refuse_file("header_missing")
    if len(names) > COLUMNS:
        raise refuse_file("too_many_columns", most=COLUMNS)
    problems: list[Problem] = []
    seen: set[str] = set()
    for position, name in enumerate(names, start=1):
        if not name:
            problems.append(Problem("header_empty", "file", {"column": position}))
        elif name.casefold() in seen:
            problems.append(Problem("header_twice", "file", {"name": name[:100]}))
        seen.add(name.casefold())
    if problems:
        raise HeaderRefusedError(tuple(names), *problems[:FILE_PROBLEMS])
    return tuple(names)


def clean_header(cell: str) -> str:
    """Return a header cell in one spelling: NFC, single spaces."""
    return " ".join(unicodedata.normalize("NFC", cell).split())


def surplus_cells(cells: Sequence[str]) -> tuple[str, ...]:
    """Return cells right of the last column up to the last one with a value, bounded."""
    found = [cell[:CELL_CHARACTERS] for cell in cells[:COLUMNS]]
    while found and not found[-1].strip():
        found.pop()
    return tuple(found)


def spoilt_cells(cells: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
    """Return the positions of cells with control characters or of too great length."""
    found = []
    for position, cell in enumerate(cells):
        if len(cell) > CELL_CHARACTERS:
            found.append((position, "cell_too_long"))
        elif not cell.isprintable() and any(_unwanted(character) for character in cell):
            found.append((position, "cell_control_character"))
    return tuple(found)


def _unwanted(character: str) -> bool:
    # Zero-width joiners (Cf) belong to names in some scripts; what turns text round does not.
    category = unicodedata.category(character)
    return (
        category in {"Cc", "Cs", "Zl", "Zp"}
        or character in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    )


def looks_like_formula(cell: str) -> bool:
    """Return whether a spreadsheet might run this text; numbers with a sign are left in peace."""
    if not cell.startswith(FORMULA_STARTS):
        return False
    return not cell[1:].replace(".", "", 1).isdigit()
