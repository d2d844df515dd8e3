"""What every command has: the shared options, accepted at any place in the line, and its end.

`weid` and `registry-chain` are both made of these.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, NoReturn

import click

from weid.cli.lazy import LazyGroup
from weid.cli.output import Console
from weid.errors import WeidError


def _remember(ctx: click.Context, option: click.Parameter, value: object) -> None:
    """Write a shared option into the console; one that was not given changes nothing."""
    console = ctx.find_object(Console)
    if console is not None and value and option.name is not None:
        setattr(console, option.name, value)


def _shared_options() -> list[click.Parameter]:
    return [
        click.Option(
            ["--json", "as_json"],
            is_flag=True,
            expose_value=False,
            callback=_remember,
            help="Print the result as one JSON value.",
        ),
        click.Option(
            ["-q", "--quiet", "quiet"],
            is_flag=True,
            expose_value=False,
            callback=_remember,
            help="Say nothing beside the result.",
        ),
        click.Option(
            ["--home"],
            type=click.Path(file_okay=False, path_type=Path),
            expose_value=False,
            callback=_remember,
            help="Folder of settings and wallet (default: WEID_HOME, else ~/.weid).",
        ),
        click.Option(
            ["--debug"],
            is_flag=True,
            expose_value=False,
            callback=_remember,
            help="Show the trace of an error.",
        ),
    ]


SHARED: list[click.Parameter] = _shared_options()
SPEAKING: list[click.Parameter] = [option for option in SHARED if option.name != "home"]
"""Those of a command that keeps nothing in a home folder."""


class SharedCommand(click.Command):
    """A command that takes the shared options too."""

    shared: ClassVar[list[click.Parameter]] = SHARED

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's own parameters, then the shared ones, then --help."""
        own = super().get_params(ctx)
        return [*own[: len(self.params)], *self.shared, *own[len(self.params) :]]


class SharedGroup(click.Group):
    """A group that takes the shared options too, and whose commands do."""

    command_class = SharedCommand
    shared: ClassVar[list[click.Parameter]] = SHARED

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the group's own parameters, then the shared ones, then --help."""
        own = super().get_params(ctx)
        return [*own[: len(self.params)], *self.shared, *own[len(self.params) :]]


SharedGroup.group_class = SharedGroup


class LazyNoun(LazyGroup, SharedGroup):
    """A group with the shared options whose commands are imported when they are called."""


def run(
    group: click.Group,
    arguments: Sequence[str] | None,
    console: Console,
    *,
    program: str,
    hint_of: Callable[[WeidError], str] | None = None,
) -> NoReturn:
    """Run a command and exit with its code; an error says what is wrong and what to do next.

    `hint_of` says what to do about an error that brings no hint of its own.
    """
    try:
        code = group.main(
            None if arguments is None else list(arguments),
            prog_name=program,
            standalone_mode=False,
            obj=console,
        )
    except BrokenPipeError:
        # The reader of our output went away (`weid … | head`): nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        # Outside of what click takes care of: before a command runs, or after it.
        click.echo(f"{program}: stopped", err=True)
        sys.exit(1)
    except (WeidError, click.ClickException, click.Abort, OSError) as error:
        from weid.cli.failures import tell  # noqa: PLC0415 - most runs end well

        sys.exit(tell(error, console, program=program, hint_of=hint_of))
    # An unexpected exception is ours to mend: Python shows its trace and exits with 1.
    sys.exit(code if isinstance(code, int) else 0)
