"""A page as values: the same facts become HTML for people and JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from registry_chain.node.explorer.labels import Sentence, Term
from weid.clock import format_time
from weid.encoding import JsonObject, JsonValue


class Instant(int):
    """A time in seconds: a long date on the page, RFC 3339 in JSON."""


@dataclass(frozen=True, slots=True)
class Page:
    """A template's name, what it shows, the path of its JSON twin, and its place in the menu."""

    template: str
    facts: Mapping[str, object]
    twin: str | None = None
    here: str = ""
    query: str = ""
    status: int = 200


def to_json(facts: Mapping[str, object]) -> JsonObject:
    """Return a page's facts as JSON: sentences in English, links as paths on this node."""
    return {name: _value(value) for name, value in facts.items()}


def _value(value: object) -> JsonValue:  # noqa: PLR0911 - one line for each kind
    match value:
        case None | bool():
            return value
        case str():
            return str(value)  # a role or a purpose of a key, too, is its name
        case Instant():
            return format_time(value)
        case int():
            return int(value)
        case bytes():
            return value.hex()
        case Term(text, href):
            return text if href is None else {"text": text, "href": href}
        case Sentence():
            return value.plain()
        case Mapping():
            return {str(name): _value(item) for name, item in value.items()}
        case list() | tuple():
            return [_value(item) for item in value]
    raise TypeError(f"a page cannot show a {type(value).__name__}")
