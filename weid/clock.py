"""Time as an argument: the Clock protocol, the system's clock, and one that stands still."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from weid.errors import MalformedError

_INSTANT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


class Clock(Protocol):
    """What tells the time to everything that asks."""

    def now(self) -> int:
        """Return seconds since 1970-01-01T00:00:00Z, whole."""
        ...


class SystemClock:
    """The machine's wall clock."""

    def now(self) -> int:
        """Return the current time in whole seconds."""
        return int(time.time())


class FixedClock:
    """A clock that shows what it was set to, for tests and reproducible output."""

    def __init__(self, at: int | datetime) -> None:
        self._at = int(at.timestamp()) if isinstance(at, datetime) else at

    def now(self) -> int:
        """Return the set time in whole seconds."""
        return self._at

    def advance(self, by: int | timedelta) -> None:
        """Move the clock on (or back, when negative) by seconds or a timedelta."""
        self._at += int(by.total_seconds()) if isinstance(by, timedelta) else by


def format_time(seconds: int) -> str:
    """Return the instant as RFC 3339 in UTC, such as 2026-06-30T12:00:00Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str, *, what: str) -> int:
    """Return the seconds of an instant in the one spelling that `format_time` writes.

    Raises:
        MalformedError: another spelling (offset, fraction, lower case), or no such instant.
    """
    if _INSTANT.fullmatch(text) is None:
        raise MalformedError(f"{what} is not a time in UTC such as 2026-06-30T12:00:00Z")
    try:
        instant = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise MalformedError(f"{what} is not an instant of the calendar") from None
    return int(instant.timestamp())
