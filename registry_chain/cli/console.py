"""How the command speaks: data on stdout, talk on stderr, and after an error what to do next."""

from __future__ import annotations

import json
import traceback
from dataclasses import dataclass

import click

from weid.errors import WeidError

NEXT_STEP = "registry-chain --help lists the commands; each has a --help of its own."


@dataclass(slots=True)
class Console:
    """The options that every command knows."""

    as_json: bool = False
    quiet: bool = False
    debug: bool = False

    def show(self, text: str, value: object) -> None:
        """Print the result: `text` for people, or `value` as JSON."""
        click.echo(json.dumps(value, ensure_ascii=False, indent=1) if self.as_json else text)

    def say(self, text: str) -> None:
        """Say something beside the result."""
        if not self.quiet:
            click.echo(text, err=True)

    def tell(self, error: WeidError) -> None:
        """Print an error with what to do next."""
        if self.debug:
            click.echo("".join(traceback.format_exception(error)), err=True)
        click.echo(f"registry-chain: {error.message}", err=True)
        click.echo(f"Try: {error.hint or NEXT_STEP}", err=True)


pass_console = click.make_pass_decorator(Console)
