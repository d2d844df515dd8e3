# ruff: noqa: RUF001 - look-alike characters are what is tested
from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.support.clauses import clause
from weid.credential.duration import Duration
from weid.errors import MalformedError


def at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


AFTER = {
    "a year": ("P1Y", "2026-06-30T12:00:00", "2027-06-30T12:00:00"),
    "a year from a leap day": ("P1Y", "2024-02-29T00:00:00", "2025-02-28T00:00:00"),
    "a month from the 31st": ("P1M", "2026-01-31T01:02:03", "2026-02-28T01:02:03"),
    "over the end of a year": ("P14M", "2025-11-30T00:00:00", "2027-01-30T00:00:00"),
    "weeks and days": ("P2W3D", "2026-01-01T00:00:00", "2026-01-18T00:00:00"),
    "hours, minutes and seconds": ("PT1H2M3S", "2026-01-01T00:00:00", "2026-01-01T01:02:03"),
    "all of it": ("P1Y2M3DT4H5M6S", "2026-01-01T00:00:00", "2027-03-04T04:05:06"),
    "a century": ("P100Y", "2026-01-01T00:00:00", "2126-01-01T00:00:00"),
}  # fmt: skip


@clause("CP-39")
@pytest.mark.parametrize(("text", "start", "end"), AFTER.values(), ids=AFTER)
def test_a_duration_leads_from_one_time_to_another(text, start, end):
    assert Duration.parse(text, what="validity").after(at(start)) == at(end)


@clause("CP-39")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "P",
        "PT",
        "P0D",
        "P1",
        "1Y",
        "P1DT",
        "PT1D",
        "P-1Y",
        "P1.5Y",
        "p1y",
        "P1Y ",
        "P１Y",
        "P101Y",
        "P99999D",
        "P9999Y",
        "P1D1Y",
        None,
        1,
        ["P1Y"],
    ],
)
def test_what_is_no_usable_duration_is_refused(text):
    with pytest.raises(MalformedError, match="validity"):
        Duration.parse(text, what="validity")


def test_the_calendar_ends():
    with pytest.raises(MalformedError, match="9999"):
        Duration.parse("P1Y", what="validity").after(at("9999-06-01T00:00:00"))
