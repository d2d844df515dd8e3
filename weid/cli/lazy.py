"""A command group whose commands are imported when they are called, so that starting is quick."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """A group that knows where each command lives and one line about it.

    `commands_at` maps a name to (`module:attribute`, the line of the help page); a group's help
    needs no import at all. A command without a line is not for people: no help lists it.
    """

    def __init__(self, *, commands_at: Mapping[str, tuple[str, str]], **settings: Any) -> None:
        super().__init__(**settings)
        self._commands_at = commands_at

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        shown = [name for name, (_, line) in self._commands_at.items() if line]
        return [*shown, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        if cmd_name not in self._commands_at:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self._commands_at[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with their lines, without importing them."""
        with formatter.section("Commands"):
            rows = [(name, line) for name, (_, line) in self._commands_at.items() if line]
            formatter.write_dl(rows)
        del ctx

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown one is told with the nearest name that exists."""
        if args and args[0] not in self._commands_at and not args[0].startswith("-"):
            import difflib  # noqa: PLC0415 - only for a mistyped word

            near = difflib.get_close_matches(args[0], list(self._commands_at), n=1)
            if near:
                raise click.UsageError(
                    f"No such command {args[0]!r}. Did you mean {near[0]!r}?", ctx=ctx
                )
        return super().resolve_command(ctx, args)
