"""From the cells of a row to claims, with a finding for each cell that cannot be taken."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from issuer_app.rows.columns import Column, ColumnPlan, Path
from issuer_app.rows.sheet import SheetRow, looks_like_formula
from weid.encoding import JsonObject, JsonValue

LIST_ITEMS: Final = 50
_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,14})\Z")
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,9})?\Z")
_YES: Final = frozenset({"true", "yes", "1", "是", "sim"})
_NO: Final = frozenset({"false", "no", "0", "否", "não"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about one row: a code of `web/sentences.py`, a column's header, and details.

    `detail` names what is expected or another row, never the cell's value.
    """

    code: str
    column: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RowClaims:
    """What became of a row's cells; `faulty` are the claims that faulty cells leave out."""

    claims: JsonObject
    holder_jwk: str | None
    faults: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    faulty: frozenset[Path] = frozenset()


class _CellError(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def read_row(row: SheetRow, plan: ColumnPlan, header: tuple[str, ...]) -> RowClaims:
    """Return the row's claims; empty cells are claims left out."""
    claims: JsonObject = {}
    faults = [Finding(code, _name(header, position)) for position, code in row.spoilt]
    warnings: list[Finding] = []
    spoilt = {position for position, _ in row.spoilt}
    faulty: set[Path] = set()
    for position, column in plan.columns:
        cell = unicodedata.normalize("NFC", row.cells[position])
        if position in spoilt:
            faulty.add(column.path)
            continue
        if not cell:
            if column.required:
                faulty.add(column.path)
                faults.append(Finding("cell_required", header[position]))
            continue
        if looks_like_formula(cell):
            warnings.append(Finding("cell_formula_like", header[position]))
        try:
            _place(claims, column.path, _value(cell, column))
        except _CellError as error:
            faulty.add(column.path)
            faults.append(Finding(error.code, header[position], column.example))
    key = ""
    if plan.holder_key is not None and plan.holder_key not in spoilt:
        key = row.cells[plan.holder_key]
    return RowClaims(claims, key or None, tuple(faults), tuple(warnings), frozenset(faulty))


def _name(header: tuple[str, ...], position: int) -> str:
    return header[position] if position < len(header) else ""


def _place(claims: JsonObject, path: tuple[str, ...], value: JsonValue) -> None:
    place = claims
    for step in path[:-1]:
        inner = place.setdefault(step, {})
        assert isinstance(inner, dict)  # noqa: S101 - columns come from one schema
        place = inner
    place[path[-1]] = value


def _value(cell: str, column: Column) -> JsonValue:
    if not column.is_list:
        return _single(cell, column.kind)
    items = [item.strip(" \u3000") for item in re.split("[;\uff1b]", cell)]
    if not all(items) or len(items) > LIST_ITEMS:
        raise _CellError("cell_list")
    return [_single(item, column.kind) for item in items]


def _single(cell: str, kind: str) -> JsonValue:
    if kind == "integer":
        if _INTEGER.match(cell) is None:
            raise _CellError("cell_integer")
        return int(cell)
    if kind == "number":
        if _NUMBER.match(cell) is None:
            raise _CellError("cell_number")
        return float(cell) if "." in cell else int(cell)
    if kind == "boolean":
        folded = cell.casefold()
        if folded not in _YES | _NO:
            raise _CellError("cell_boolean")
        return folded in _YES
    return cell
