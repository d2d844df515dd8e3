# ruff: noqa: RUF001 - look-alike characters are what is tested
from __future__ import annotations

import copy
import time

import pytest

from tests.support.clauses import clause
from tests.support.diplomas import SOURCE, draft, source, with_property, with_schema
from weid.credential.claim_fault import MOST
from weid.credential.claim_path import ClaimPath, path_tree
from weid.credential.claim_schema import (
    EXPANDED_SCHEMAS,
    PATTERN_CHARS,
    ClaimSchema,
    find_schema,
    presentation_schema,
)
from weid.errors import MalformedError

TEXT = {"type": "string"}


def doubling(levels):
    """Return definitions of which each refers twice to the next."""
    found = {f"d{at}": {"allOf": [{"$ref": f"#/$defs/d{at + 1}"}] * 2} for at in range(levels)}
    return {**found, f"d{levels}": TEXT}


REFUSED = {
    # CP-33
    "an array": source(schema=[]), "true": source(schema=True), "of an array": with_schema(type="array"), "without a type": with_schema(type=...),
    "open to other claims": with_schema(additionalProperties=...), "open by a schema": with_schema(additionalProperties={}),
    "without properties": with_schema(properties={}), "properties that is an array": with_schema(properties=[]), "a reference at the top": with_schema(**{"$ref": "#/$defs/course"}),
    "another dialect": with_schema(**{"$schema": "http://json-schema.org/draft-07/schema#"}), "$defs that is an array": with_schema(**{"$defs": []}),
    "a base URI": with_schema(**{"$id": "https://example.org/schema"}), "an anchor": with_property({"$anchor": "a"}), "a dynamic reference": with_property({"$dynamicRef": "#a"}),
    "a dialect below the top": with_property({"$schema": "https://json-schema.org/draft/2020-12/schema"}), "definitions below the top": with_property({"$defs": {}}),
    "a vocabulary": with_schema(**{"$vocabulary": {}}), "a misspelt keyword": with_property({"maxlength": 5}), "a property that is a text": with_property("string"),
    "no type that there is": with_property({"type": "text"}), "a length that is a text": with_property({"maxLength": "5"}), "required that is a text": with_schema(required="name"),
    "allOf that is an object": with_property({"allOf": {}}), "properties inside that is an array": with_property({"properties": []}), "items that is an array": with_property({"items": [TEXT]}),
    "a reserved name inside": with_property({"properties": {"_sd": TEXT}}),
    # CP-34
    "a remote reference": with_property({"$ref": "https://example.org/x"}), "a file": with_property({"$ref": "file:///etc/passwd"}), "a reference to nothing": with_property({"$ref": "#/$defs/none"}),
    "a reference to a property": with_property({"$ref": "#/properties/name"}), "a reference to itself": with_property({"$ref": "#"}), "a reference deeper": with_property({"$ref": "#/$defs/address/properties/city"}),
    "a reference that is null": with_property({"$ref": None}), "a definition within itself": with_property(TEXT, loop={"items": {"$ref": "#/$defs/loop"}}),
    "two definitions within each other": with_property(TEXT, a={"$ref": "#/$defs/b"}, b={"not": {"$ref": "#/$defs/a"}}), "a definition that is a text": with_property(TEXT, a="x"),
    "doubling references": with_property({"$ref": "#/$defs/d0"}, **doubling(40)),
    # CP-35
    "an unknown format": with_property({"format": "colour"}), "a format of patterns": with_property({"format": "regex"}), "a format that is null": with_property({"format": None}),
    # CP-36
    "a long pattern": with_property({"pattern": "a" * (PATTERN_CHARS + 1)}), "a pattern that is a number": with_property({"pattern": 5}), "a broken pattern": with_property({"pattern": "["}),
    "look-ahead": with_property({"pattern": "(?=a)b"}), "a back reference": with_property({"pattern": "(a)\\1"}), "a huge repetition": with_property({"pattern": "(a{1000}){1000}"}),
    "a long pattern of names": with_property({"patternProperties": {"a" * (PATTERN_CHARS + 1): TEXT}}), "a broken pattern of names": with_property({"patternProperties": {"[": TEXT}}),
}  # fmt: skip


@clause("C39", "R34", "CP-33", "CP-34", "CP-35", "CP-36")
@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED)
def test_a_schema_that_we_do_not_take_is_refused(value):
    with pytest.raises(MalformedError):
        draft(value)


ACCEPTED = {
    "every way to combine": with_property({"allOf": [TEXT], "anyOf": [True], "oneOf": [TEXT, False], "not": {"const": "x"}, "if": TEXT, "then": TEXT, "else": TEXT}),
    "every way to look inside": with_property({
        "prefixItems": [TEXT], "items": TEXT, "contains": TEXT, "properties": {"a": True}, "patternProperties": {"^b": TEXT}, "additionalProperties": TEXT,
        "propertyNames": TEXT, "dependentSchemas": {"a": TEXT}, "unevaluatedItems": False, "unevaluatedProperties": False,
    }),
    "references that share": with_property({"allOf": [{"$ref": "#/$defs/d0"}]}, **doubling(5)),
    "a pattern at the limit": with_property({"pattern": "a" * PATTERN_CHARS}),
    "annotations": with_property({"title": "t", "description": "d", "default": {"$ref": 1}, "examples": [{"pattern": 1}], "deprecated": True, "$comment": "c"}),
    "a dialect that is left out": with_schema(**{"$schema": ...}),
}  # fmt: skip


@clause("CP-33", "CP-34", "CP-36")
@pytest.mark.parametrize("value", ACCEPTED.values(), ids=ACCEPTED)
def test_a_schema_that_we_take_is_compiled(value):
    assert draft(value).cpt_id == "diploma"


@clause("R34", "CP-36")
def test_no_text_makes_a_pattern_slow():
    template = draft(with_property({"type": "string", "pattern": "^(a+)+$"}))
    claims = {"name": "x", "degree": "MSc", "born": "1990-03-07", "number": "a" * 50_000 + "b"}
    start = time.process_time()
    assert [fault.rule for fault in template.check_claims(claims)] == ["pattern"]
    assert time.process_time() - start < 0.5


@clause("CP-34")
def test_the_limit_of_schemas_counts_references():
    wide = {f"p{at}": {"$ref": "#/$defs/d0"} for at in range(EXPANDED_SCHEMAS // 63)}
    with pytest.raises(MalformedError, match="expands"):
        draft(with_property({"properties": wide}, **doubling(5)))


def test_ascii_digits_are_the_only_digits():
    assert ClaimSchema({"properties": {"n": {"pattern": "^\\d+$"}}}).faults({"n": "１２"})
    assert not ClaimSchema({"properties": {"n": {"pattern": "^\\d+$"}}}).faults({"n": "12"})


def test_faults_are_listed_up_to_a_number():
    schema = ClaimSchema({"properties": {"l": {"items": {"type": "integer"}}}})
    assert len(schema.faults({"l": ["x"] * 300})) == MOST


def test_schemas_are_found_by_path():
    schema = copy.deepcopy(SOURCE["schema"])
    assert find_schema(schema, ("address", "city")) == TEXT
    assert find_schema(schema, ("courses", None, "title")) == TEXT
    assert find_schema(schema, ("courses", 3, "title")) == TEXT
    assert find_schema(schema, ("name", "x", "y")) is None
    assert find_schema(schema, ("zip",)) is None


WORDS = {
    "const": ({"const": 1}, 2, "must have the value that the template fixes"),
    "enum": ({"enum": ["a", 2]}, 3, "must be one of: a, 2"),
    "a long enum": ({"enum": list(range(20))}, 30, "is none of the 20 values that the template lists"),
    "exclusiveMaximum": ({"exclusiveMaximum": 4}, 4, "must be below 4"),
    "exclusiveMinimum": ({"exclusiveMinimum": 4}, 4, "must be above 4"),
    "maximum": ({"maximum": 4}, 5, "must be at most 4"),
    "minimum": ({"minimum": 4}, 3, "must be at least 4"),
    "multipleOf": ({"multipleOf": 5}, 3, "must be a multiple of 5"),
    "format": ({"format": "date"}, "x", "must be a date that exists, such as 2026-06-30"),
    "another format": ({"format": "uuid"}, "x", "must be of the form uuid"),
    "maxItems": ({"maxItems": 1}, [1, 2], "must have at most 1 element"),
    "minItems": ({"minItems": 1}, [], "must have at least 1 element"),
    "maxLength": ({"maxLength": 1}, "ab", "must have at most 1 character"),
    "minLength": ({"minLength": 1}, "", "must have at least 1 character"),
    "pattern": ({"pattern": "^a$"}, "b", "must match the pattern ^a$"),
    "type": ({"type": "string"}, 1, "must be of type string"),
    "types": ({"type": ["string", "null"]}, 1, "must be of type null or string"),
    "uniqueItems": ({"uniqueItems": True}, [1, 1], "must not have an element twice"),
    "anything else": ({"anyOf": [{"type": "string"}]}, 1, "breaks the rule 'anyOf' of the template"),
}  # fmt: skip


@clause("CP-37")
@pytest.mark.parametrize(("schema", "value", "message"), WORDS.values(), ids=WORDS)
def test_each_rule_has_its_words(schema, value, message):
    (fault,) = ClaimSchema({"properties": {"c": schema}}).faults({"c": value})
    assert str(fault) == f"c {message}"


def test_a_fault_of_the_whole_says_so():
    (fault,) = ClaimSchema({"properties": {"c": {"type": "string"}}}).faults({"c": b"x"})
    assert str(fault) == "the claims hold something that JSON does not have"


@clause("CP-38")
def test_an_open_object_keeps_only_what_holds_for_a_part():
    schema = {
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "required": ["a", "b"],
        "properties": {
            "a": {"type": "string"},
            "b": {"minProperties": 2},
            "c": {"type": "object", "minProperties": 1},
        },
    }
    withheld = path_tree((ClaimPath(("a",)), ClaimPath(("b", "x"))))
    assert presentation_schema(schema, withheld) == {
        "type": "object",
        "additionalProperties": False,
        "required": ["b"],
        "properties": {
            "a": {"type": "string"},
            "b": {},
            "c": {"type": "object", "minProperties": 1},
        },
    }
