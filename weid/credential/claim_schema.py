"""JSON Schema of a template's claims: what of it we take, and judging claims by it.

JSON Schema 2020-12, compiled once, regular expressions on an engine that is linear in its input.
Refused at publication: anything remote, recursion, unknown keywords and formats, long or costly
patterns. Clauses CP-33 … CP-38 of specs/credential-profile.md.
"""

from __future__ import annotations

import re
from typing import Final

import jsonschema_rs

from weid.credential.claim_fault import ClaimFault, describe_faults
from weid.credential.claim_formats import FORMATS, STANDARD_FORMATS
from weid.credential.claim_path import PathTree
from weid.credential.disclosure import RESERVED_NAMES
from weid.encoding import JsonObject, JsonValue
from weid.errors import MalformedError

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
PATTERN_CHARS: Final = 256
EXPANDED_SCHEMAS: Final = 2000
"""Schemas that judging one value may visit, each `$ref` counted as what it refers to."""
_PATTERN_BYTES: Final = 1 << 20

_ONE: Final = frozenset(
    {
        "additionalProperties",
        "contains",
        "else",
        "if",
        "items",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    }
)
_NAMED: Final = frozenset({"dependentSchemas", "patternProperties", "properties"})
_SEVERAL: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_PLAIN: Final = frozenset(
    {
        "$comment",
        "$ref",
        "const",
        "default",
        "dependentRequired",
        "deprecated",
        "description",
        "enum",
        "examples",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "format",
        "maxContains",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minContains",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "multipleOf",
        "pattern",
        "required",
        "title",
        "type",
        "uniqueItems",
    }
)
_REFERENCE: Final = re.compile(r"#/\$defs/([A-Za-z0-9_.-]{1,64})")
# What an object with withheld members can still be judged by: each holds for a part if it holds
# for the whole (clause CP-38).
_PARTIAL: Final = (
    "additionalProperties",
    "maxProperties",
    "patternProperties",
    "properties",
    "propertyNames",
    "type",
)


class ClaimSchema:
    """A compiled schema of claims.

    Raises:
        MalformedError: it is no JSON Schema 2020-12, or one that we do not take.
    """

    __slots__ = ("_validator",)

    def __init__(self, schema: JsonObject) -> None:
        try:
            self._validator = jsonschema_rs.Draft202012Validator(
                schema,
                formats=dict(FORMATS),
                validate_formats=True,
                ignore_unknown_formats=False,
                pattern_options=jsonschema_rs.RegexOptions(
                    size_limit=_PATTERN_BYTES, dfa_size_limit=_PATTERN_BYTES
                ),
                offline=True,
            )
        except jsonschema_rs.ValidationError as error:
            place = "/".join(str(step) for step in ("schema", *error.instance_path))
            raise MalformedError(
                f"the template's {place} is not JSON Schema: {_why(error)}"
            ) from None

    def faults(self, claims: JsonObject) -> tuple[ClaimFault, ...]:
        """Return what is wrong with claims; nothing if they conform."""
        try:
            if self._validator.is_valid(claims):
                return ()
            return describe_faults(self._validator.iter_errors(claims))
        except (ValueError, RecursionError):
            return (ClaimFault.of_whole("hold something that JSON does not have"),)


def _why(error: jsonschema_rs.ValidationError) -> str:
    if error.kind.name == "format":
        return "a pattern that the linear-time engine does not take"
    return str(error.message)[:200]


def check_schema(schema: JsonValue) -> JsonObject:
    """Return a template's schema if it is one that we take.

    Raises:
        MalformedError: with the place and what is wrong there.
    """
    if not isinstance(schema, dict):
        raise MalformedError("the template's schema is not an object")
    if schema.get("$schema", DIALECT) != DIALECT:
        raise MalformedError(f"the template's schema is not of {DIALECT}")
    if schema.get("type") != "object" or schema.get("additionalProperties") is not False:
        raise MalformedError(
            "the template's schema is not of an object without additionalProperties",
            hint='Write "type": "object" and "additionalProperties": false at its top.',
        )
    properties = schema.get("properties")
    if not isinstance(properties, dict) or not properties or "$ref" in schema:
        raise MalformedError("the template's schema names no properties of its own")
    if _Survey(schema).cost() > EXPANDED_SCHEMAS:
        raise MalformedError(f"the template's schema expands past {EXPANDED_SCHEMAS} schemas")
    return schema


class _Survey:
    """One walk through a schema: every keyword known, every reference local and not circular."""

    def __init__(self, schema: JsonObject) -> None:
        definitions = schema.get("$defs", {})
        if not isinstance(definitions, dict):
            raise MalformedError("$defs of the template's schema is not an object")
        self._root = {name: schema[name] for name in schema if name not in {"$defs", "$schema"}}
        self._definitions = definitions
        self._costs: dict[str, int] = {}
        self._open: set[str] = set()

    def cost(self) -> int:
        for name in self._definitions:
            self._of_definition(name)
        return self._of(self._root, "schema")

    def _of_definition(self, name: str) -> int:
        if name not in self._definitions:
            raise MalformedError(f"$ref of the template's schema leads to no $defs entry {name}")
        if name in self._open:
            raise MalformedError(
                f"the template's schema refers to $defs entry {name} within itself"
            )
        if name not in self._costs:
            self._open.add(name)
            self._costs[name] = self._of(self._definitions[name], f"schema/$defs/{name}")
            self._open.discard(name)
        return self._costs[name]

    def _of(self, schema: JsonValue, place: str) -> int:
        if isinstance(schema, bool):
            return 1
        if not isinstance(schema, dict):
            raise MalformedError(f"the template's {place} is not a schema")
        cost = 1
        for keyword, value in schema.items():
            here = f"{place}/{keyword}"
            if keyword in _ONE:
                cost += self._of(value, here)
            elif keyword in _NAMED:
                cost += self._of_named(keyword, value, here)
            elif keyword in _SEVERAL:
                items = value if isinstance(value, list) else [None]
                cost += sum(self._of(item, f"{here}/{at}") for at, item in enumerate(items))
            elif keyword == "$ref":
                cost += self._of_reference(value, here)
            else:
                _check_plain(keyword, value, here)
        return cost

    def _of_named(self, keyword: str, value: JsonValue, place: str) -> int:
        if not isinstance(value, dict):
            raise MalformedError(f"the template's {place} is not an object")
        for name in value:
            if keyword == "patternProperties":
                _check_pattern(name, place)
            elif name in RESERVED_NAMES:
                raise MalformedError(f"the template's {place} has the reserved name {name}")
        return sum(self._of(item, f"{place}/{name}") for name, item in value.items())

    def _of_reference(self, value: JsonValue, place: str) -> int:
        match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise MalformedError(f"the template's {place} does not lead to an entry of its $defs")
        return self._of_definition(match[1])


def _check_plain(keyword: str, value: JsonValue, place: str) -> None:
    if keyword not in _PLAIN:
        raise MalformedError(f"the template's {place} is not a keyword that we take")
    if keyword == "pattern":
        _check_pattern(value, place)
    if keyword == "format" and value not in STANDARD_FORMATS | set(FORMATS):
        raise MalformedError(f"the template's {place} is not a format that we take")


def _check_pattern(pattern: JsonValue, place: str) -> None:
    if not isinstance(pattern, str) or len(pattern) > PATTERN_CHARS:
        raise MalformedError(f"the template's {place} is longer than {PATTERN_CHARS} characters")


def find_schema(schema: JsonObject, path: tuple[str | int | None, ...]) -> JsonObject | None:
    """Return the schema of the claim at a path, following $ref, or None where there is none."""
    found: JsonValue = schema
    for step in path:
        parent = _dereference(found, schema)
        if parent is None:
            return None
        if isinstance(step, str):
            properties = parent.get("properties")
            found = properties.get(step) if isinstance(properties, dict) else None
        else:
            found = parent.get("items")
    return _dereference(found, schema)


def _dereference(schema: JsonValue, root: JsonObject) -> JsonObject | None:
    while isinstance(schema, dict) and isinstance(schema.get("$ref"), str):
        definitions = root["$defs"]
        schema = definitions[str(schema["$ref"])[8:]] if isinstance(definitions, dict) else None
    return schema if isinstance(schema, dict) else None


def presentation_schema(schema: JsonObject, withholdable: PathTree) -> JsonObject:
    """Return what presented claims must conform to when some are withheld (clause CP-38).

    In an object that holds claims which may be withheld, these are not required any more, and only
    the keywords that hold for a part of an object are kept; everything else stays as it is.
    """
    partial = _open(schema, withholdable, schema)
    if "$defs" in schema:
        partial["$defs"] = schema["$defs"]
    return partial


def _open(schema: JsonValue, tree: PathTree, root: JsonObject) -> JsonObject:
    whole = _dereference(schema, root) or {}
    partial: JsonObject = {name: whole[name] for name in _PARTIAL if name in whole}
    properties = whole.get("properties")
    if isinstance(properties, dict):
        partial["properties"] = {
            name: _open(value, tree[name], root) if tree.get(name) else value
            for name, value in properties.items()
        }
    required = whole.get("required")
    if isinstance(required, list):
        partial["required"] = [
            name
            for name in required
            if isinstance(name, str) and not (name in tree and tree[name].ends)
        ]
    return partial
