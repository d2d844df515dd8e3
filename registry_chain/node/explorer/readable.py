"""Operations and records as readable JSON values, for the technical part of a page."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Final

from weid.encoding import JsonValue
from weid.registry.operations import Operation

_SHOWN_BYTES: Final = 256
"""Longer byte strings are shown as their length: a template's document has a page of its own."""


def operation_facts(operation: Operation) -> dict[str, object]:
    """Return an operation with its kind and fields."""
    return {"kind": type(operation).__name__, **_fields(operation)}


def _fields(value: object) -> dict[str, object]:
    return {
        field.name: readable(getattr(value, field.name))
        for field in fields(value)  # type: ignore[arg-type]  # only called for dataclasses
    }


def readable(value: object) -> JsonValue:  # noqa: PLR0911 - one line for each kind
    """Return a value of the registry as JSON: bytes in hexadecimal."""
    match value:
        case None | bool() | int():
            return value
        case Enum():
            return str(value.value)
        case str():
            return value
        case bytes() if len(value) > _SHOWN_BYTES:
            return f"{len(value)} bytes"
        case bytes():
            return value.hex()
        case tuple() | list():
            return [readable(item) for item in value]
    if is_dataclass(value):
        return {
            "kind": type(value).__name__,
            **{name: readable(item) for name, item in _fields(value).items()},
        }
    raise TypeError(f"a page cannot show a {type(value).__name__}")
