"""What a template says of each claim beside its schema: labels, and whether it may be withheld.

The members of SD-JWT VC type metadata (`claims[]`, `display[]`), read strictly.
Clauses CP-31 and CP-32 of specs/credential-profile.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from weid.credential.claim_path import ClaimPath
from weid.credential.claim_schema import find_schema
from weid.credential.registered_claims import REGISTERED_CLAIMS
from weid.encoding import JsonObject, JsonValue
from weid.errors import MalformedError
from weid.registry.text import check_text

DEFAULT_LANGUAGE: Final = "en"
_LOCALE: Final = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?")
_MOST: Final = 256


class Withholding(StrEnum):
    """Whether a claim goes behind a disclosure (type metadata member `sd`)."""

    ALWAYS = "always"
    """It must be possible to withhold it."""
    ALLOWED = "allowed"
    """It may be possible; we make it so."""
    NEVER = "never"
    """It is always shown."""


@dataclass(frozen=True, slots=True)
class DisplayText:
    """A name and perhaps a description, in several languages by locale."""

    names: Mapping[str, str]
    descriptions: Mapping[str, str]

    def name(self, language: str) -> str:
        """Return the name in the nearest language there is."""
        return _nearest(self.names, language)

    def description(self, language: str) -> str:
        """Return the description in the nearest language there is, or nothing."""
        return _nearest(self.descriptions, language) if self.descriptions else ""

    @classmethod
    def parse(cls, value: JsonValue, *, what: str, name_member: str) -> DisplayText:
        """Read a `display` array; `name_member` is how its entries call the name.

        Raises:
            MalformedError: with which entry is wrong.
        """
        if not isinstance(value, list) or not 0 < len(value) <= _MOST:
            raise MalformedError(f"display of {what} is not an array with entries")
        names: dict[str, str] = {}
        descriptions: dict[str, str] = {}
        for entry in value:
            members = require_members(
                entry, {"locale", name_member}, {"description"}, what=f"display of {what}"
            )
            locale = members["locale"]
            if not isinstance(locale, str) or _LOCALE.fullmatch(locale) is None:
                raise MalformedError(f"display of {what} has a locale that is not one, such as pt")
            if locale in names:
                raise MalformedError(f"display of {what} has the locale {locale} twice")
            names[locale] = require_text(members[name_member], what=f"{name_member} of {what}")
            if "description" in members:
                descriptions[locale] = require_text(
                    members["description"], what=f"description of {what}"
                )
        return cls(MappingProxyType(names), MappingProxyType(descriptions))


def _nearest(texts: Mapping[str, str], language: str) -> str:
    """Return a text by RFC 4647 look-up, then of the same language, then English, then any."""
    wanted = language.replace("_", "-")
    parts = wanted.split("-")
    for length in range(len(parts), 0, -1):
        found = texts.get("-".join(parts[:length]))
        if found is not None:
            return found
    for locale, text in texts.items():
        if locale.split("-")[0] == parts[0]:
            return text
    return texts.get(DEFAULT_LANGUAGE) or next(iter(texts.values()))


@dataclass(frozen=True, slots=True)
class ClaimMetadata:
    """One entry of a template's `claims`."""

    path: ClaimPath
    withholding: Withholding
    display: DisplayText | None
    mandatory: bool | None

    def label(self, language: str) -> str:
        """Return what people call the claim; without a label, its path."""
        return self.display.name(language) if self.display else str(self.path)

    @classmethod
    def parse(cls, value: JsonValue, *, what: str) -> ClaimMetadata:
        """Read an entry.

        Raises:
            MalformedError: with what is missing or of another kind.
        """
        members = require_members(value, {"path", "sd"}, {"display", "mandatory"}, what=what)
        path = ClaimPath.from_json(members["path"], what=f"path of {what}")
        named = f"the claim {path}"
        sd, mandatory = members["sd"], members.get("mandatory")
        if sd not in tuple(Withholding):
            raise MalformedError(f"sd of {named} is not always, allowed or never")
        if mandatory is not None and not isinstance(mandatory, bool):
            raise MalformedError(f"mandatory of {named} is neither true nor false")
        display = None
        if "display" in members:
            display = DisplayText.parse(members["display"], what=named, name_member="label")
        return cls(path, Withholding(str(sd)), display, mandatory)


def require_members(
    value: JsonValue, required: set[str], optional: set[str], *, what: str
) -> JsonObject:
    """Return an object that has these members and no others.

    Raises:
        MalformedError: another value, a member missing, or one too many.
    """
    if not isinstance(value, dict):
        raise MalformedError(f"{what} is not an object")
    for name in sorted(required - set(value)):
        raise MalformedError(f"{what} has no {name}")
    for name in sorted(set(value) - required - optional):
        raise MalformedError(f"{what} has {name}, which is not a member that we know")
    return value


def require_text(value: JsonValue, *, what: str) -> str:
    """Return text for people: not empty, one line, nothing invisible.

    Raises:
        MalformedError: something else.
    """
    if not isinstance(value, str) or not value.strip():
        raise MalformedError(f"{what} is missing or not text")
    return check_text(value, what=what)


def parse_claims(value: JsonValue, schema: JsonObject) -> tuple[ClaimMetadata, ...]:
    """Read `claims`, which names every property at the top of the schema and nothing beside it.

    Raises:
        MalformedError: with which entry is wrong, missing or one too many.
    """
    if not isinstance(value, list) or not value:
        raise MalformedError("claims of the template is not an array with entries")
    claims = tuple(
        ClaimMetadata.parse(item, what=f"entry {at} of the claims of the template")
        for at, item in enumerate(value)
    )
    paths = {claim.path for claim in claims}
    if len(paths) != len(claims):
        raise MalformedError("claims of the template has a path twice")
    for claim in claims:
        _check_place(claim, schema)
    properties = schema["properties"]
    for name in properties if isinstance(properties, dict) else ():
        if name in REGISTERED_CLAIMS:
            raise MalformedError(
                f"the template has a claim {name}, which the credential itself uses"
            )
        if (name,) not in paths:
            raise MalformedError(
                f"claims of the template has no entry for {name}",
                hint='Every property needs one, with "sd": "allowed" or "sd": "never".',
            )
    return claims


def _check_place(claim: ClaimMetadata, schema: JsonObject) -> None:
    parent = find_schema(schema, claim.path[:-1])
    if find_schema(schema, claim.path) is None or parent is None:
        raise MalformedError(f"the schema of the template has no claim {claim.path}")
    plain = all(isinstance(step, str) for step in claim.path)
    if claim.withholding is not Withholding.NEVER and not plain:
        raise MalformedError(
            f"the claim {claim.path} lies in an array, which is withheld as a whole or not at all"
        )
    required = parent.get("required", [])
    listed = isinstance(required, list) and claim.path[-1] in required
    if claim.mandatory is not None and claim.mandatory != listed:
        raise MalformedError(f"mandatory of the claim {claim.path} contradicts the schema")
