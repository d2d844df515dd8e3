"""Checking a CSV file of rows against a template alone, on this machine.

Columns are claim paths (`address.city`), as `weid template csv` prints them; a list is one cell
with semicolons. An empty cell is a claim left out.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from weid.cli.output import counted
from weid.credential.claim_path import ClaimPath
from weid.credential.claim_schema import find_schema
from weid.credential.template import CredentialTemplate
from weid.encoding import JsonObject, JsonValue
from weid.errors import MalformedError

HOLDER_KEY = "holder_jwk"
CELL_CHARACTERS = 48 * 1024
MOST_FINDINGS = 10_000
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,14})\Z")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,9})?\Z")
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def check_rows(content: bytes, template: CredentialTemplate) -> JsonObject:
    """Return how many rows there are, how many are faulty, and each finding by row and column.

    Rows are numbered as a spreadsheet shows them: the header is 1.

    Raises:
        MalformedError: the file as a whole cannot be used.
    """
    records = _records(content)
    header = [name.strip() for name in next(records, (1, []))[1]]
    columns = _columns(header, template)
    count = faulty = 0
    findings: list[JsonValue] = []
    for number, cells in records:
        if not any(cell.strip() for cell in cells):
            continue
        count += 1
        found = [_finding(number, *one) for one in _row_faults(cells, columns, template)]
        faulty += bool(found)
        findings += found[: MOST_FINDINGS - len(findings)]
    if not count:
        raise MalformedError("there are no rows below the column names")
    return {"rows": count, "faulty": faulty, "findings": findings}


def _finding(row: int, column: str, sentence: str) -> JsonObject:
    return {
        "row": row,
        "column": column,
        "severity": "fault",
        "code": "claim_refused",
        "sentence": sentence,
        "expected": "",
    }


def _records(content: bytes) -> Iterator[tuple[int, list[str]]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise MalformedError(
            f"the file is not in UTF-8 (line {line})",
            hint="save it as “CSV UTF-8”; the application's check (--template) knows XLSX too.",
        ) from None
    first_line = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first_line.count)
    csv.field_size_limit(CELL_CHARACTERS)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 0
    while True:
        number += 1
        try:
            yield number, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise MalformedError(f"row {number} is no CSV: {error}") from None


def _columns(header: list[str], template: CredentialTemplate) -> list[tuple[str, ClaimPath | None]]:
    """Return name and path of each column; None for the holder's key.

    Raises:
        MalformedError: a column that the template does not have, or one twice.
    """
    if not any(header):
        raise MalformedError("the first row must hold the names of the columns")
    columns: list[tuple[str, ClaimPath | None]] = []
    for name in header:
        if name == HOLDER_KEY:
            columns.append((name, None))
            continue
        path = ClaimPath.parse(name)
        computed = any(path == one.path for one in template.derived)
        if computed or find_schema(template.schema, path) is None:
            raise MalformedError(
                f"the template has no column {name}",
                hint="`weid template csv FILE` prints the columns that it has.",
            )
        columns.append((name, path))
    if len({name for name, _ in columns}) != len(columns):
        raise MalformedError("a column is there twice")
    return columns


def _row_faults(
    cells: list[str],
    columns: list[tuple[str, ClaimPath | None]],
    template: CredentialTemplate,
) -> Iterator[tuple[str, str]]:
    if len(cells) != len(columns):
        yield "", f"has {counted(len(cells), 'cell')} for {counted(len(columns), 'column')}"
        return
    claims: JsonObject = {}
    unreadable = False
    for (name, path), cell in zip(columns, cells, strict=True):
        text = cell.strip()
        if path is None or not text:
            continue
        value = _value(text, path, template)
        if value is None:
            unreadable = True
            yield name, "is not of the kind that the template asks for"
        else:
            _place(claims, path, value)
    if not unreadable:
        for fault in template.check_claims(claims):
            yield str(fault.path), fault.message


def _value(text: str, path: ClaimPath, template: CredentialTemplate) -> JsonValue:
    schema = find_schema(template.schema, path) or {}
    if schema.get("type") != "array":
        return _single(text, str(schema.get("type", "string")))
    kind = str((find_schema(template.schema, (*path, None)) or {}).get("type", "string"))
    items: list[JsonValue] = [_single(item.strip(), kind) for item in text.split(";")]
    return None if any(item is None or item == "" for item in items) else items


def _single(text: str, kind: str) -> str | int | float | bool | None:
    if kind == "integer":
        return int(text) if _WHOLE.match(text) else None
    if kind == "number":
        if _DECIMAL.match(text) is None:
            return None
        return float(text) if "." in text else int(text)
    if kind == "boolean":
        return _TRUTH.get(text.casefold())
    return text


def _place(claims: JsonObject, path: ClaimPath, value: JsonValue) -> None:
    place = claims
    for step in path[:-1]:
        inner = place.setdefault(str(step), {})
        if not isinstance(inner, dict):
            raise MalformedError(f"the columns of {path} contradict each other")
        place = inner
    place[str(path[-1])] = value
