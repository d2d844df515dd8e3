"""What is wrong with a claim: the field and the rule, never the value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from weid.credential.claim_path import ClaimPath
from weid.encoding import JsonObject, json_dumps
from weid.errors import MalformedError

MOST: Final = 100
"""Faults that are listed of one set of claims."""
_CHOICES: Final = 12
_FORMAT_WORDS: Final[Mapping[str, str]] = {
    "cn-resident-id": "an identification number whose check character is right",
    "date": "a date that exists, such as 2026-06-30",
    "date-time": "a date and time such as 2026-06-30T12:00:00Z",
    "email": "an e-mail address",
    "photo": "a PNG or JPEG picture of at most 36 kB",
    "uri": "a URI",
}


@dataclass(frozen=True, slots=True)
class ClaimFault:
    """A claim at `path` that breaks a rule: `rule` is a fixed word, `message` tells people.

    The path is empty where the fault is of the claims as a whole.
    """

    path: ClaimPath
    message: str
    rule: str

    @classmethod
    def of_whole(cls, message: str) -> ClaimFault:
        """Return a fault that has no single place."""
        return cls(ClaimPath(), message, "json")

    def __str__(self) -> str:
        return f"{self.path or 'the claims'} {self.message}"


def faults_of_writing(claims: JsonObject) -> tuple[ClaimFault, ...]:
    """Return a fault where claims cannot be written as JSON, such as half a character in a text."""
    try:
        json_dumps(claims)
    except MalformedError:
        return (ClaimFault.of_whole("hold something that JSON does not have"),)
    return ()


def describe_faults(errors: Iterable[Any]) -> tuple[ClaimFault, ...]:
    """Return the faults that schema errors tell of, each with its field."""
    return tuple(islice((fault for error in errors for fault in _describe(error)), MOST))


def _describe(error: Any) -> Iterator[ClaimFault]:
    place = tuple(error.instance_path)
    kind = error.kind.as_dict()
    rule = str(error.kind.name)
    if rule == "required":
        yield ClaimFault(ClaimPath((*place, kind["property"])), "is required", rule)
    elif rule in {"additionalProperties", "unevaluatedProperties"}:
        for name in kind["unexpected"]:
            yield ClaimFault(ClaimPath((*place, name)), "is no claim of this template", rule)
    else:
        words = _WORDS.get(rule, lambda _: f"breaks the rule '{rule}' of the template")
        yield ClaimFault(ClaimPath(place), words(error.kind.value), rule)


def _one_of(options: Any) -> str:
    if len(options) > _CHOICES:
        return f"is none of the {len(options)} values that the template lists"
    return "must be one of: " + ", ".join(str(option) for option in options)


def _types(types: Any) -> str:
    return "must be of type " + (types if isinstance(types, str) else " or ".join(types))


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


_WORDS: Final[Mapping[str, Callable[[Any], str]]] = {
    "const": lambda _: "must have the value that the template fixes",
    "enum": _one_of,
    "exclusiveMaximum": lambda limit: f"must be below {limit}",
    "exclusiveMinimum": lambda limit: f"must be above {limit}",
    "format": lambda name: f"must be {_FORMAT_WORDS.get(name, f'of the form {name}')}",
    "maxItems": lambda limit: f"must have at most {_counted(limit, 'element')}",
    "maxLength": lambda limit: f"must have at most {_counted(limit, 'character')}",
    "maximum": lambda limit: f"must be at most {limit}",
    "minItems": lambda limit: f"must have at least {_counted(limit, 'element')}",
    "minLength": lambda limit: f"must have at least {_counted(limit, 'character')}",
    "minimum": lambda limit: f"must be at least {limit}",
    "multipleOf": lambda step: f"must be a multiple of {step}",
    "pattern": lambda pattern: f"must match the pattern {pattern}",
    "type": _types,
    "uniqueItems": lambda _: "must not have an element twice",
}
