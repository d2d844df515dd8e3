"""The columns of a template's file: one for each single value that a certificate can hold.

An object's members are columns of their own ("address.city"); a list of plain values is one column
whose cells separate the items by semicolons. A header is the claim's path or its display name in
any of the template's languages.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from issuer_app.errors import InputRefusedError, Problem
from issuer_app.rows.sheet import FILE_PROBLEMS, HeaderRefusedError, clean_header
from weid.credential.claim_schema import find_schema
from weid.encoding import JsonObject, JsonValue

HOLDER_KEY: Final = "holder_jwk"
"""A column that no template may use for a claim: the holder's public key as a JWK."""

Path: TypeAlias = tuple[str, ...]
_KINDS: Final = {"string", "integer", "number", "boolean"}
_DEPTH: Final = 4


@dataclass(frozen=True, slots=True)
class Column:
    """One column: the claim path, the kind of its value, and the names a header may have."""

    path: Path
    kind: str
    required: bool = False
    is_list: bool = False
    names: tuple[str, ...] = ()
    example: str = ""

    @property
    def header(self) -> str:
        """The name that we write into empty files: the path."""
        return ".".join(self.path)


def columns_of(schema: JsonObject, names: Mapping[Path, Iterable[str]]) -> tuple[Column, ...]:
    """Return the columns of a claims schema; `names` holds display names by path."""
    return tuple(_members(schema, (), names, required=True))


def _members(
    schema: JsonObject, above: Path, names: Mapping[Path, Iterable[str]], *, required: bool
) -> Iterator[Column]:
    here = find_schema(schema, above) or {}
    properties = here.get("properties")
    if not isinstance(properties, dict) or len(above) >= _DEPTH:
        return
    needed = here.get("required")
    needed = needed if isinstance(needed, list) else []
    for name in properties:
        path = (*above, name)
        member = find_schema(schema, path) or {}
        must = required and name in needed
        if member.get("type") == "object":
            yield from _members(schema, path, names, required=must)
            continue
        is_list = member.get("type") == "array"
        single = (find_schema(schema, (*path, None)) or {}) if is_list else member
        yield Column(
            path=path,
            kind=_kind(single),
            required=must,
            is_list=is_list,
            names=tuple(names.get(path, ())),
            example=_example(single),
        )


def _kind(schema: JsonObject) -> str:
    kind = schema.get("type", "string")
    return kind if isinstance(kind, str) and kind in _KINDS else "string"


def _example(schema: JsonObject) -> str:
    choices: JsonValue = schema.get("enum")
    if isinstance(choices, list):
        return " | ".join(str(choice) for choice in choices[:12])
    if schema.get("format") == "date":
        return "2026-06-30"
    examples: JsonValue = schema.get("examples")
    return str(examples[0]) if isinstance(examples, list) and examples else ""


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """Which cell of a row is which claim; `holder_key` is that column's position, if there."""

    columns: tuple[tuple[int, Column], ...]
    holder_key: int | None


def match_header(header: tuple[str, ...], columns: tuple[Column, ...]) -> ColumnPlan:
    """Return where each column stands in a file.

    Raises:
        InputRefusedError: a name that the template does not have, one claim twice, or a required
            column that is missing; all of them at once.
    """
    plan, problems = _matched(header, columns)
    if problems:
        raise InputRefusedError(*problems[:FILE_PROBLEMS])
    return plan


def header_problems(
    refused: HeaderRefusedError, columns: tuple[Column, ...], leave: Collection[str]
) -> InputRefusedError:
    """Return the refusal of a header with what the template says of it too, but for `leave`."""
    names = dict.fromkeys(name for name in refused.header if name and name not in leave)
    _, problems = _matched(tuple({fold(name): name for name in names}.values()), columns)
    return InputRefusedError(*[*refused.problems, *problems][:FILE_PROBLEMS])


def _matched(
    header: tuple[str, ...], columns: tuple[Column, ...]
) -> tuple[ColumnPlan, list[Problem]]:
    known = _known_names(columns)
    problems: list[Problem] = []
    placed: dict[Path, int] = {}
    holder_key = None
    for position, name in enumerate(header):
        column = known.get(fold(name))
        if fold(name) == HOLDER_KEY:
            holder_key = position
        elif column is None:
            problems.append(Problem("column_unknown", "file", {"name": name[:100]}))
        elif column.path in placed:
            problems.append(Problem("column_twice", "file", {"name": name[:100]}))
        else:
            placed[column.path] = position
    problems += [
        Problem("column_missing", "file", {"name": column.header})
        for column in columns
        if column.required and column.path not in placed
    ]
    found = tuple((placed[column.path], column) for column in columns if column.path in placed)
    return ColumnPlan(found, holder_key), problems


def _known_names(columns: tuple[Column, ...]) -> dict[str, Column]:
    """Return header name → column; a display name that two claims share means neither."""
    shown: dict[str, Column | None] = {}
    for column in columns:
        for name in {fold(name) for name in column.names}:
            shown[name] = None if name in shown else column
    known = {name: column for name, column in shown.items() if column is not None}
    known.update({fold(column.header): column for column in columns})
    return known


def fold(name: str) -> str:
    """Return a column's name as it is compared: one spelling, one case."""
    return clean_header(name).casefold()
