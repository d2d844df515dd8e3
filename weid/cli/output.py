"""How the command speaks: data on stdout, talk on stderr, and what to do next after an error.

1. What was asked for goes to stdout, as text or (with --json) as one JSON value.
2. Everything said beside it goes to stderr, and not at all with --quiet.
3. An error is one line that starts with the command's name, and one that says what to do next.
4. Private keys are never printed.
5. A stranger's text cannot steer the terminal: what is invisible is written as an escape.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import click

from weid.clock import Clock, SystemClock

_NOT_PLAIN = re.compile(r"[^\n -~]")
_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})


@dataclass(slots=True, kw_only=True)
class Console:
    """How a command was told to speak; lives as long as the command runs."""

    as_json: bool = False
    quiet: bool = False
    debug: bool = False

    def show(self, text: str, value: object) -> None:
        """Print the result: `text` for people, or `value` as JSON."""
        if self.as_json:
            click.echo(json_text(value))
        elif text:
            click.echo(text)

    def say(self, text: str) -> None:
        """Say something beside the result."""
        if not self.quiet:
            click.echo(text, err=True)

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask before something that cannot be undone.

        Raises:
            click.UsageError: nobody is there to ask and --yes was not given.
        """
        if yes:
            return
        if not sys.stdin.isatty():
            raise click.UsageError(f"{question} Nobody is here to answer: add --yes.")
        click.confirm(question, abort=True, err=True)


@dataclass(slots=True, kw_only=True)
class Session(Console):
    """What every command of `weid` knows.

    `home` is where trust settings, remembered heads and the wallet are kept; `sleep` waits seconds.
    """

    home: Path
    clock: Clock = field(default_factory=SystemClock)
    sleep: Callable[[float], None] = time.sleep


def json_text(value: object) -> str:
    """Return a value as JSON that is safe on a terminal: invisible characters are escapes."""
    return visible(json.dumps(value, ensure_ascii=False, indent=1))


def visible(text: str) -> str:
    r"""Return a text with every invisible character but line ends as `\u202e` or a pair of these.

    That is JSON's own way of writing them, so a JSON text stays the same value.
    """
    return _NOT_PLAIN.sub(lambda found: _escaped(found[0]), text)


def _escaped(character: str) -> str:
    import unicodedata  # noqa: PLC0415 - only with such characters

    if unicodedata.category(character) not in _INVISIBLE:
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, such as `1 row` or `2 rows`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def table(rows: list[list[str]], *, header: list[str]) -> str:
    """Return rows as aligned columns; wide characters count as two."""
    everything = [header, *([visible(cell).replace("\n", " ") for cell in row] for row in rows)]
    widths = [max(_width(row[column]) for row in everything) for column in range(len(header))]
    return "\n".join(
        "  ".join(
            cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in everything
    )


def _width(text: str) -> int:
    import unicodedata  # noqa: PLC0415 - only tables need it

    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


pass_session = click.make_pass_decorator(Session)
pass_console = click.make_pass_decorator(Console)
