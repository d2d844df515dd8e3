"""Times of W3C credentials: XML Schema dateTimeStamp, with any offset and fraction (VCDM 2.0)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from weid.encoding import JsonValue
from weid.errors import MalformedError

_STAMP: Final = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})T(?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?:\.[0-9]{1,12})?(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})"
)


def parse_stamp(value: JsonValue, *, what: str) -> int:
    """Return the seconds of a dateTimeStamp; a fraction of a second is dropped.

    Raises:
        MalformedError: not text of that form, without an offset, or no such instant.
    """
    match = _STAMP.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise MalformedError(f"{what} is not a time with its offset, such as 2026-06-30T12:00:00Z")
    try:
        zone = _zone(match["zone"])
        local = datetime.strptime(f"{match['date']}T{match['time']}", "%Y-%m-%dT%H:%M:%S")  # noqa: DTZ007 - the offset follows
        return int((local.replace(tzinfo=zone) - _EPOCH).total_seconds())
    except (ValueError, OverflowError):
        raise MalformedError(f"{what} is not an instant of the calendar") from None


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _zone(text: str) -> timezone:
    if text == "Z":
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 14 or minutes > 59 or (hours == 14 and minutes):
        raise ValueError
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)
