"""Derived claims: whether somebody is of an age, on the day of issuing where the issuer is."""

from __future__ import annotations

import copy
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.support.clauses import clause
from tests.support.world import World
from weid.credential.claim_path import ClaimPath
from weid.credential.derived_claims import DerivedClaim, LeapDay, derive
from weid.credential.template import CredentialTemplate
from weid.encoding import JsonObject, json_dumps
from weid.errors import MalformedError, RowsRefusedError
from weid.issuer import Issuer
from weid.issuing.issuance import IssueRow

EAST = timezone(timedelta(hours=8))
WEST = timezone(timedelta(hours=-10))
SOURCE: dict[str, Any] = {
    "cpt_id": "resident-card",
    "name": "Resident card",
    "claims": [
        {"path": ["name"], "sd": "allowed"},
        {"path": ["birthdate"], "sd": "allowed"},
        {"path": ["age_over_18"], "sd": "allowed"},
        {"path": ["age_over_65"], "sd": "allowed"},
    ],
    "schema": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": False,
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "maxLength": 80},
            "birthdate": {"type": "string", "format": "date"},
            "age_over_18": {"type": "boolean"},
            "age_over_65": {"type": "boolean"},
        },
    },
    "derived": [
        {"path": ["age_over_18"], "from": ["birthdate"], "age_over": 18},
        {"path": ["age_over_65"], "from": ["birthdate"], "age_over": 65},
    ],
}


def template(change: Any = None) -> CredentialTemplate:
    source = copy.deepcopy(SOURCE)
    if change is not None:
        change(source)
    return CredentialTemplate.from_source(json_dumps(source))


def at(text: str, zone: timezone = UTC) -> int:  # type: ignore[assignment]  # UTC is one
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp())


def of_age(born: str, when: int, *, zone: Any = UTC, leap: LeapDay = LeapDay.MARCH_1) -> Any:
    one = DerivedClaim(ClaimPath(["age_over_18"]), ClaimPath(["birthdate"]), 18, leap)
    return derive([one], {"birthdate": born}, issued_at=when, zone=zone)


# --- The day -------------------------------------------------------------------------------------


@clause("CP-61")
@pytest.mark.parametrize(
    ("born", "day", "over"),
    [
        ("2008-06-15", "2026-06-14T23:59:59", False),
        ("2008-06-15", "2026-06-15T00:00:00", True),
        ("2008-06-15", "2027-01-01T00:00:00", True),
        ("2008-12-31", "2026-12-31T00:00:00", True),
        ("2009-01-01", "2026-12-31T23:59:59", False),
        ("1900-03-01", "2026-06-15T00:00:00", True),
        ("2026-06-15", "2026-06-15T00:00:00", False),
    ],
)
def test_an_age_is_reached_on_the_birthday(born: str, day: str, over: bool) -> None:  # noqa: FBT001
    assert of_age(born, at(day)).claims["age_over_18"] is over


@clause("CP-62")
@pytest.mark.parametrize(
    ("leap", "day", "over"),
    [
        (LeapDay.MARCH_1, "2026-02-28T23:59:59", False),
        (LeapDay.MARCH_1, "2026-03-01T00:00:00", True),
        (LeapDay.FEBRUARY_28, "2026-02-27T23:59:59", False),
        (LeapDay.FEBRUARY_28, "2026-02-28T00:00:00", True),
    ],
)
def test_a_leap_day_birth_counts_from_the_day_that_the_template_names(
    leap: LeapDay,
    day: str,
    over: bool,  # noqa: FBT001
) -> None:
    assert of_age("2008-02-29", at(day), leap=leap).claims["age_over_18"] is over


@clause("CP-62")
def test_in_a_leap_year_the_birthday_is_the_day_itself() -> None:
    for leap in LeapDay:
        one = DerivedClaim(ClaimPath(["x"]), ClaimPath(["b"]), 20, leap)
        assert one.birthday(date(2008, 2, 29)) == date(2028, 2, 29)
        century = DerivedClaim(ClaimPath(["x"]), ClaimPath(["b"]), 100, leap)
        assert century.birthday(date(2000, 2, 29)) in {date(2100, 3, 1), date(2100, 2, 28)}


@clause("CP-61")
def test_the_zone_of_the_issuer_decides_what_day_it_is() -> None:
    # One moment: 00:30 on the birthday in the east, the day before in the west.
    moment = at("2026-06-15T00:30:00", EAST)
    assert of_age("2008-06-15", moment, zone=EAST).claims["age_over_18"] is True
    assert of_age("2008-06-15", moment, zone=UTC).claims["age_over_18"] is False
    assert of_age("2008-06-15", moment, zone=WEST).claims["age_over_18"] is False


@clause("CP-61")
def test_a_leap_day_birth_in_another_zone() -> None:
    moment = at("2026-02-28T20:00:00", UTC)
    assert of_age("2008-02-29", moment, zone=EAST).claims["age_over_18"] is True
    assert of_age("2008-02-29", moment, zone=UTC).claims["age_over_18"] is False


@clause("CP-63")
def test_true_never_changes_and_false_says_when_it_does() -> None:
    true = of_age("1990-01-01", at("2026-06-15T12:00:00"))
    assert true.changes_at is None
    false = of_age("2010-06-15", at("2026-06-15T12:00:00"), zone=EAST)
    assert false.changes_at == at("2028-06-15T00:00:00", EAST)
    both = template().derive(
        {"name": "A", "birthdate": "2010-06-15"}, issued_at=at("2026-06-15T12:00:00")
    )
    assert both.claims["age_over_18"] is both.claims["age_over_65"] is False
    assert both.changes_at == at("2028-06-15T00:00:00")


@clause("CP-63")
def test_what_changes_at_a_time_has_changed_then_and_not_a_second_before() -> None:
    for zone in (EAST, UTC, WEST):
        first = of_age("2008-02-29", at("2020-01-01T00:00:00"), zone=zone)
        assert of_age("2008-02-29", first.changes_at - 1, zone=zone).claims["age_over_18"] is False
        assert of_age("2008-02-29", first.changes_at, zone=zone).claims["age_over_18"] is True


@clause("CP-61")
def test_an_age_past_the_last_year_there_is_is_not_reached() -> None:
    one = DerivedClaim(ClaimPath(["x"]), ClaimPath(["b"]), 150)
    assert one.birthday(date(9900, 1, 1)) is None
    made = derive([one], {"b": "9900-01-01"}, issued_at=at("9901-01-01T00:00:00"), zone=UTC)
    assert made.claims["x"] is False
    assert made.changes_at is None


@clause("CP-61")
def test_without_a_date_of_birth_nothing_is_said_of_the_age() -> None:
    made = template().derive({"name": "A"}, issued_at=at("2026-06-15T12:00:00"))
    assert made.claims == {"name": "A"}


@clause("CP-61")
def test_a_birth_tomorrow_is_refused() -> None:
    with pytest.raises(MalformedError, match="future"):
        of_age("2026-06-16", at("2026-06-15T12:00:00"))
    assert of_age("2026-06-16", at("2026-06-15T20:00:00"), zone=EAST).claims["age_over_18"] is False


# --- Templates -----------------------------------------------------------------------------------


def entry(**members: Any) -> Any:
    return lambda source: source["derived"][0].update(members)


def without_rule(source: dict[str, Any]) -> None:
    source["claims"][2]["sd"] = "never"


def open_source(source: dict[str, Any]) -> None:
    source["claims"][1]["sd"] = "never"


FAULTS = {
    "no entries": lambda s: s.update(derived=[]),
    "no list": lambda s: s.update(derived={}),
    "an unknown member": entry(older=1),
    "no age": lambda s: s["derived"][0].pop("age_over"),
    "an age of nothing": entry(age_over=0),
    "an age that is true": entry(age_over=True),
    "an age that nobody reaches": entry(age_over=151),
    "a leap day in June": entry(leap_day="06-01"),
    "a path that is not in the schema": entry(path=["age_over_21"]),
    "a path that is no boolean": entry(path=["name"]),
    "a path below the top": entry(path=["name", "age"]),
    "a source that is no date": entry(**{"from": ["name"]}),
    "a source that is not there": entry(**{"from": ["born"]}),
    "a path twice": entry(path=["age_over_65"]),
    "a required derived claim": lambda s: s["schema"]["required"].append("age_over_18"),
    "a derived claim that is always shown": without_rule,
    "a date of birth that is always shown": open_source,
}


@clause("CP-60")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_template_is_refused_with(fault: str) -> None:
    with pytest.raises(MalformedError):
        template(FAULTS[fault])


@clause("CP-60")
def test_a_template_with_derived_claims_is_published_and_read_again() -> None:
    published = template(entry(leap_day="02-28")).for_network("test", 1)
    again = CredentialTemplate.from_json(published.document)
    assert again.derived == published.derived
    assert again.derived[0].leap_day is LeapDay.FEBRUARY_28
    assert [str(claim.path) for claim in again.given] == ["name", "birthdate"]


@clause("CP-64")
def test_a_row_cannot_say_itself_that_somebody_is_of_age() -> None:
    row: JsonObject = {"name": "A", "birthdate": "2015-01-01", "age_over_18": True}
    (fault,) = template().check_claims(row)
    assert fault.rule == "derived"
    with pytest.raises(MalformedError, match="cannot be given"):
        template().derive(row, issued_at=at("2026-06-15T12:00:00"))


@clause("CP-64")
def test_what_is_computed_has_to_conform_to_the_schema_too() -> None:
    def only_adults(source: dict[str, Any]) -> None:
        source["schema"]["properties"]["age_over_18"] = {"type": "boolean", "const": True}

    adults, when = template(only_adults), at("2026-06-15T12:00:00")
    assert adults.derive({"name": "A", "birthdate": "2000-01-01"}, issued_at=when).claims
    with pytest.raises(MalformedError, match="does not conform"):
        adults.derive({"name": "A", "birthdate": "2015-01-01"}, issued_at=when)


# --- Issuing -------------------------------------------------------------------------------------


def office(world: World, zone: timezone) -> tuple[Issuer, CredentialTemplate]:
    issuer = Issuer.register("City", registry=world.registry, clock=world.clock, zone=zone)
    published = issuer.publish(template())
    world.registry.governor.recognize(issuer.did, published)
    return issuer, published


@clause("CP-60", "CP-61", "CP-64")
def test_an_issued_credential_proves_an_age_and_keeps_the_birthday_back() -> None:
    # 23:00 on 14 June in UTC is the 15th in the issuer's zone.
    world = World.begin(at=at("2026-06-14T23:00:00"))
    issuer, published = office(world, EAST)
    credential = issuer.issue(
        published, {"name": "Ada", "birthdate": "2008-06-15"}, holder_key=world.holder.public
    )
    verifier = world.verifier()
    request = verifier.request(published, "age_over_18")
    claims = verifier.verify(world.present(request, credential), request).require().claims
    assert claims == {"age_over_18": True}


@clause("CP-61")
def test_the_end_of_a_credential_does_not_tell_the_birthday() -> None:
    world = World.begin(at=at("2026-06-14T12:00:00"))
    issuer, published = office(world, EAST)
    ends = {
        issuer.issue(published, claims, holder_key=world.holder.public).expires_at
        for claims in ({"name": "A", "birthdate": "2008-07-01"}, {"name": "B"})
    }
    assert len(ends) == 1


@clause("CP-64")
def test_a_batch_with_a_birth_in_the_future_is_refused_whole_and_names_the_row() -> None:
    world = World.begin(at=at("2026-06-14T12:00:00"))
    issuer, published = office(world, EAST)
    rows = [
        IssueRow(claims={"name": name, "birthdate": born}, holder_key=world.holder.public)
        for name, born in (("A", "2000-01-01"), ("B", "2026-06-15"))
    ]
    with pytest.raises(RowsRefusedError) as refused:
        issuer.issue_batch(published, rows)
    assert list(refused.value.faults) == [1]
