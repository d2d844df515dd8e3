"""How long a command waits for what goes on elsewhere: never without end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from weid.cli.output import Session
from weid.errors import WeidError

LONGEST = 86_400


class StillWaitingError(WeidError):
    """What was asked for goes on, but did not end within the time that was given for it."""


def wait_option(seconds: int, what: str) -> Callable[..., Any]:
    """Return the option that says how many seconds to wait for something."""
    return click.option(
        "--wait",
        metavar="SECONDS",
        type=click.IntRange(0, LONGEST),
        default=seconds,
        show_default=True,
        help=f"Wait at most this long until {what}.",
    )


class Patience:
    """Pauses between looks, longer and longer, until `seconds` are over.

    Both the pauses and the time that the looks take count.
    """

    def __init__(self, session: Session, seconds: int) -> None:
        self._session = session
        self._seconds = seconds
        self._end = session.clock.now() + seconds
        self._paused = 0.0
        self._attempt = 0

    def pause(self) -> bool:
        """Wait a little; False, and at once, when the time is over."""
        from weid.cli.issuer_api import retry_pause  # noqa: PLC0415 - imported when used

        left = self._seconds - self._paused
        if left <= 0 or self._session.clock.now() >= self._end:
            return False
        self._attempt += 1
        pause = min(retry_pause(self._attempt), left)
        self._paused += pause
        self._session.sleep(pause)
        return True
