"""How the demonstration speaks: numbered chapters, what was done, what came of it."""

from __future__ import annotations

import sys
import time

_COLOURS = {"bold": "1", "green": "32", "red": "31", "soft": "2"}


class Teller:
    """Prints the story; plain text where nobody watches."""

    def __init__(self) -> None:
        self._coloured = sys.stdout.isatty()
        self._chapter = 0
        self._begun = time.monotonic()

    def chapter(self, title: str) -> None:
        """Begin a numbered chapter."""
        self._chapter += 1
        print(f"\n{self._paint('bold', f'{self._chapter}. {title}')}", flush=True)

    def did(self, text: str) -> None:
        """Say what was done."""
        print(f"   {text}", flush=True)

    def good(self, text: str) -> None:
        """Say what turned out as it must."""
        print(f"   {self._paint('green', '✓')} {text}", flush=True)

    def refused(self, text: str, reason: str) -> None:
        """Say what was refused, as it must be, and why."""
        print(f"   {self._paint('red', '✗')} {text}: {reason}", flush=True)

    def quote(self, text: str) -> None:
        """Print the output of a program."""
        for line in text.rstrip().splitlines():
            print(f"     {self._paint('soft', '│')} {line}", flush=True)

    def elapsed(self) -> float:
        """Return the seconds since the beginning."""
        return time.monotonic() - self._begun

    def _paint(self, colour: str, text: str) -> str:
        return f"\033[{_COLOURS[colour]}m{text}\033[0m" if self._coloured else text
