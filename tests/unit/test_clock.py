"""Time: clocks as arguments, instants in one spelling."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clauses import clause
from weid.clock import FixedClock, SystemClock, format_time, parse_time
from weid.errors import MalformedError


def test_the_system_clock_shows_whole_seconds_of_now():
    before = int(time.time())
    now = SystemClock().now()
    assert isinstance(now, int)
    assert before <= now <= time.time()


def test_a_fixed_clock_stands_still_until_it_is_moved():
    clock = FixedClock(datetime(2026, 6, 30, 12, tzinfo=UTC))
    assert clock.now() == clock.now() == 1_782_820_800
    clock.advance(60)
    clock.advance(timedelta(hours=-1))
    assert clock.now() == 1_782_820_800 + 60 - 3600


@given(st.integers(0, 253_402_300_799))
def test_an_instant_reads_back(seconds):
    assert parse_time(format_time(seconds), what="t") == seconds


@clause("W32")
def test_times_past_2038_are_right():
    assert format_time(2**31) == "2038-01-19T03:14:08Z"
    assert parse_time("2038-01-19T03:14:08Z", what="t") == 2**31


@clause("W32")
@pytest.mark.parametrize(
    "text",
    ["", "2026-06-30", "2026-06-30T12:00:00", "2026-06-30T12:00:00+00:00", "2026-06-30t12:00:00z",
     "2026-06-30T12:00:00.5Z", "2026-06-30 12:00:00Z", "2026-02-31T12:00:00Z",
     "2026-13-01T12:00:00Z", "2026-06-30T24:00:00Z", "2026-12-31T23:59:60Z",
     "2026-06-30T12:00:00Z\n", " 2026-06-30T12:00:00Z", "\uff12026-06-30T12:00:00Z",
     "0000-01-01T00:00:00Z", "26-06-30T12:00:00Z"],
)  # fmt: skip
def test_other_spellings_and_days_that_are_none_are_refused(text):
    with pytest.raises(MalformedError):
        parse_time(text, what="t")
