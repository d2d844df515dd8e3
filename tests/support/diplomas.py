"""A template with every kind of claim, and claims that conform to it. Nobody in it exists."""

from __future__ import annotations

import copy
import json
from typing import Any

from weid.credential.template import CredentialTemplate

SOURCE: dict[str, Any] = {
    "cpt_id": "diploma",
    "name": "Diploma",
    "display": [
        {"locale": "en", "name": "Diploma", "description": "A degree of a university."},
        {"locale": "zh-Hant", "name": "學位證書"},
        {"locale": "zh-Hans", "name": "学位证书"},
        {"locale": "pt", "name": "Diploma universitário", "description": "Um grau."},
    ],
    "claims": [
        {
            "path": ["name"],
            "sd": "always",
            "display": [
                {"locale": "en", "label": "Name"},
                {"locale": "zh-Hant", "label": "姓名"},
                {"locale": "pt", "label": "Nome"},
            ],
        },
        {"path": ["degree"], "sd": "never", "mandatory": True},
        {"path": ["born"], "sd": "allowed"},
        {"path": ["address"], "sd": "allowed", "display": [{"locale": "en", "label": "Address"}]},
        {"path": ["address", "city"], "sd": "allowed"},
        {"path": ["courses"], "sd": "allowed", "mandatory": False},
        {
            "path": ["courses", None, "title"],
            "sd": "never",
            "display": [{"locale": "en", "label": "Course"}],
        },
        {"path": ["number"], "sd": "never"},
    ],
    "schema": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": False,
        "required": ["name", "degree", "born"],
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 100},
            "degree": {"enum": ["BSc", "MSc", "PhD"]},
            "born": {"type": "string", "format": "date"},
            "address": {"$ref": "#/$defs/address"},
            "courses": {"type": "array", "maxItems": 20, "items": {"$ref": "#/$defs/course"}},
            "number": {"type": "string", "pattern": "^D-[0-9]{4}$"},
        },
        "$defs": {
            "address": {
                "type": "object",
                "additionalProperties": False,
                "required": ["country", "city"],
                "minProperties": 2,
                "properties": {
                    "country": {"type": "string", "pattern": "^[A-Z]{2}$"},
                    "city": {"type": "string"},
                },
            },
            "course": {
                "type": "object",
                "additionalProperties": False,
                "required": ["title"],
                "properties": {"title": {"type": "string"}, "credits": {"type": "integer"}},
            },
        },
    },
    "validity": {"default": "P5Y", "maximum": "P10Y"},
}
CLAIMS: dict[str, Any] = {
    "name": "歐陽曉彤",
    "degree": "MSc",
    "born": "1990-03-07",
    "address": {"country": "MO", "city": "Macao"},
    "courses": [{"title": "Algebra", "credits": 6}],
    "number": "D-0001",
}


def source(**members: Any) -> dict[str, Any]:
    """Return the author's source with members replaced; `...` takes one away."""
    changed = {**copy.deepcopy(SOURCE), **members}
    return {name: value for name, value in changed.items() if value is not ...}


def with_schema(**members: Any) -> dict[str, Any]:
    """Return the author's source with members of its schema replaced."""
    schema = {**copy.deepcopy(SOURCE["schema"]), **members}
    return source(schema={name: value for name, value in schema.items() if value is not ...})


def with_property(schema: Any, **definitions: Any) -> dict[str, Any]:
    """Return the author's source in which `number` has another schema."""
    changed = copy.deepcopy(SOURCE["schema"])
    changed["properties"]["number"] = schema
    changed["$defs"].update(definitions)
    return source(schema=changed)


def draft(value: dict[str, Any] | None = None) -> CredentialTemplate:
    """Return a draft, of the usual source or another."""
    return CredentialTemplate.from_source(json.dumps(value or SOURCE).encode())


def published(value: dict[str, Any] | None = None, version: int = 1) -> CredentialTemplate:
    """Return the template as published in the network `test`."""
    return draft(value).for_network("test", version)
