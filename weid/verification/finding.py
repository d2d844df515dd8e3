"""How a check answers: it returns what it found good, or raises what stopped it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from weid.verification.reasons import Reason, reason


@dataclass(frozen=True, slots=True)
class Finding:
    """A check that passed: why, and what to look at nevertheless."""

    reason: Reason
    warnings: tuple[Reason, ...] = ()


class NotPassedError(Exception):
    """What a check raises when it does not pass; it never leaves `weid.verification.examine`."""

    def __init__(self, why: Reason, *, known: bool) -> None:
        super().__init__(why.code)
        self.reason = why
        self.known = known
        """True: the check failed. False: nobody can say now."""


def good(code: str, *warnings: Reason, **parameters: object) -> Finding:
    """Return a finding with a reason of the table and warnings."""
    if warnings or parameters:
        return Finding(reason(code, **parameters), warnings)
    return _plain(code)


@lru_cache(maxsize=256)
def _plain(code: str) -> Finding:
    return Finding(reason(code))


def failed(code: str, **parameters: object) -> NotPassedError:
    """Return the error of a check that failed, to be raised."""
    return NotPassedError(reason(code, **parameters), known=True)


def undetermined(code: str, **parameters: object) -> NotPassedError:
    """Return the error of a check that cannot be made now, to be raised."""
    return NotPassedError(reason(code, **parameters), known=False)
