"""Claims that the issuer computes when it issues: whether a person is of an age (`age_over_18`).

A verifier that must know only that somebody is of age asks for the derived claim, and the date of
birth stays with the holder. The claim says what held on the day of `iat`, in the zone of the
issuer: true never changes, false may, on the day that `Derivation.changes_at` gives.
Clauses CP-60 … CP-64 of specs/credential-profile.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from enum import StrEnum
from typing import Final

from weid.credential.claim_fault import ClaimFault
from weid.credential.claim_metadata import ClaimMetadata, Withholding, require_members
from weid.credential.claim_path import ClaimPath
from weid.credential.claim_schema import find_schema
from weid.encoding import JsonObject, JsonValue
from weid.errors import MalformedError

MOST: Final = 16
"""Derived claims of one template."""
_OLDEST: Final = 150
_LAST_YEAR: Final = 9999
_WHAT: Final = "derived claims of the template"


class LeapDay(StrEnum):
    """When somebody born on 29 February is a year older in a year that has no such day."""

    MARCH_1 = "03-01"
    """The day after 28 February: nobody is said to be of age too early."""
    FEBRUARY_28 = "02-28"
    """The law of some places."""


@dataclass(frozen=True, slots=True)
class DerivedClaim:
    """Whether the person whose date of birth is the claim at `source` is `age_over` years old."""

    path: ClaimPath
    source: ClaimPath
    age_over: int
    leap_day: LeapDay = LeapDay.MARCH_1

    def birthday(self, born: date) -> date | None:
        """Return the day on which that age is reached; None past the year 9999."""
        year = born.year + self.age_over
        if year > _LAST_YEAR:
            return None
        try:
            return born.replace(year=year)
        except ValueError:
            march = self.leap_day is LeapDay.MARCH_1
            return date(year, 3, 1) if march else date(year, 2, 28)


@dataclass(frozen=True, slots=True)
class Derivation:
    """Claims with the derived ones among them, and until when these hold.

    `changes_at` (seconds) is the earliest time at which a derived claim would be another, None
    where that is never. It is a hint for the issuer, to offer a new copy then: a credential that
    ended there would tell everybody the birthday.
    """

    claims: JsonObject
    changes_at: int | None = None


def derive(
    derived: Sequence[DerivedClaim], claims: JsonObject, *, issued_at: int, zone: tzinfo
) -> Derivation:
    """Return the claims with every derived claim whose source is there.

    `issued_at` in seconds; `zone` is the issuer's: it decides which day that is.

    Raises:
        MalformedError: a derived claim is there already, or a source is no date of the past.
    """
    today = datetime.fromtimestamp(issued_at, zone).date()
    made = dict(claims)
    changes: list[date] = []
    for one in derived:
        name = one.path[0]
        if isinstance(name, str) and name in claims:
            raise MalformedError(
                f"the claim {one.path} is computed when issuing and cannot be given",
                hint="Leave it out of the row.",
            )
        born = _date_at(claims, one)
        if born is None or not isinstance(name, str):
            continue
        if born > today:
            raise MalformedError(f"the claim {one.source} is a date in the future")
        reached = one.birthday(born)
        made[name] = reached is not None and today >= reached
        if reached is not None and today < reached:
            changes.append(reached)
    if not changes:
        return Derivation(made)
    return Derivation(made, int(datetime.combine(min(changes), time(), zone).timestamp()))


def _date_at(claims: JsonObject, one: DerivedClaim) -> date | None:
    value: JsonValue = claims
    for step in one.source:
        value = value.get(step) if isinstance(value, dict) and isinstance(step, str) else None
    if value is None:
        return None
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        raise MalformedError(f"the claim {one.source} is not a date") from None


def given_faults(derived: Sequence[DerivedClaim], claims: JsonObject) -> tuple[ClaimFault, ...]:
    """Return a fault for each derived claim that a row gives itself."""
    return tuple(
        ClaimFault(one.path, "is computed when issuing and cannot be given", "derived")
        for one in derived
        if one.path[0] in claims
    )


# --- Reading -------------------------------------------------------------------------------------


def parse_derived(
    value: JsonValue, claims: Sequence[ClaimMetadata], schema: JsonObject
) -> tuple[DerivedClaim, ...]:
    """Read `derived`: each entry computes a claim at the top of the template from another one.

    Raises:
        MalformedError: with which entry is wrong.
    """
    if not isinstance(value, list) or not 0 < len(value) <= MOST:
        raise MalformedError(f"{_WHAT} is not an array of 1 to {MOST} entries")
    known = {claim.path: claim for claim in claims}
    found = tuple(_entry(item, known, schema) for item in value)
    paths = {one.path for one in found}
    if len(paths) != len(found):
        raise MalformedError(f"{_WHAT} has a path twice")
    return found


def _entry(
    value: JsonValue, known: dict[ClaimPath, ClaimMetadata], schema: JsonObject
) -> DerivedClaim:
    members = require_members(value, {"path", "from", "age_over"}, {"leap_day"}, what=_WHAT)
    path = ClaimPath.from_json(members["path"], what=f"path of {_WHAT}")
    source = ClaimPath.from_json(members["from"], what=f"from of {_WHAT}")
    age, leap = members["age_over"], members.get("leap_day", LeapDay.MARCH_1.value)
    if type(age) is not int or not 0 < age <= _OLDEST:
        raise MalformedError(f"age_over of {path} is not a number of years from 1 to {_OLDEST}")
    if leap not in tuple(LeapDay):
        raise MalformedError(f"leap_day of {path} is neither 03-01 nor 02-28")
    if len(path) != 1 or not _is_kind(schema, path, "boolean"):
        raise MalformedError(f"the derived claim {path} is not a boolean at the top of the schema")
    if not _is_kind(schema, source, "string") or _format(schema, source) != "date":
        raise MalformedError(f"the derived claim {path} is not computed from a date")
    required = schema.get("required", [])
    if isinstance(required, list) and path[0] in required:
        raise MalformedError(
            f"the derived claim {path} is required",
            hint="Leave it out of required: no row has it, and issuing adds it.",
        )
    for one in (path, source):
        entry = known.get(one)
        if entry is None or entry.withholding is Withholding.NEVER:
            raise MalformedError(
                f"the claim {one} cannot be kept back, so that nothing is gained by deriving",
                hint='Give it an entry in claims with "sd": "allowed".',
            )
    return DerivedClaim(path, source, age, LeapDay(str(leap)))


def _is_kind(schema: JsonObject, path: ClaimPath, kind: str) -> bool:
    found = find_schema(schema, path)
    return found is not None and found.get("type") == kind


def _format(schema: JsonObject, path: ClaimPath) -> JsonValue:
    found = find_schema(schema, path)
    return None if found is None else found.get("format")
