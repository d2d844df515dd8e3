"""Lengths of time as people write them into templates: ISO 8601 durations such as P5Y or P90D."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from weid import limits
from weid.errors import MalformedError

_DURATION: Final = re.compile(
    r"P(?=[0-9T])(?:([0-9]{1,4})Y)?(?:([0-9]{1,4})M)?(?:([0-9]{1,4})W)?(?:([0-9]{1,5})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,5})H)?(?:([0-9]{1,6})M)?(?:([0-9]{1,8})S)?)?"
)
_DAY: Final = 86_400
_LAST_YEAR: Final = 9999


@dataclass(frozen=True, slots=True)
class Duration:
    """Calendar months (12 for a year), then seconds; `text` is how it was written."""

    text: str
    months: int
    seconds: int

    @classmethod
    def parse(cls, text: object, *, what: str) -> Duration:
        """Read a duration above zero and not above the longest life of a credential.

        Raises:
            MalformedError: something else.
        """
        match = _DURATION.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise MalformedError(f"{what} is not an ISO 8601 duration such as P5Y or P90D")
        years, months, weeks, days, hours, minutes, seconds = (
            int(part) if part else 0 for part in match.groups()
        )
        found = cls(
            match.group(),
            years * 12 + months,
            (weeks * 7 + days) * _DAY + hours * 3600 + minutes * 60 + seconds,
        )
        longest = limits.CREDENTIAL_LIFETIME
        if not 0 < found.months * 366 * _DAY // 12 + found.seconds <= longest:
            raise MalformedError(f"{what} is zero, or longer than 100 years")
        return found

    def after(self, start: int) -> int:
        """Return the time (seconds) that is this long after another, in UTC.

        The day of the month is kept; where the month has no such day, its last day counts.

        Raises:
            MalformedError: that lies past the year 9999.
        """
        moment = datetime.fromtimestamp(start, UTC)
        years, month = divmod(moment.month - 1 + self.months, 12)
        year = moment.year + years
        if year > _LAST_YEAR:
            raise MalformedError("the end of validity lies past the year 9999")
        day = min(moment.day, monthrange(year, month + 1)[1])
        shifted = moment.replace(year=year, month=month + 1, day=day)
        return int(shifted.timestamp()) + self.seconds
