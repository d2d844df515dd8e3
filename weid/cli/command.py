"""What every command of `weid` has: the shared options, accepted at any place in the line."""

from __future__ import annotations

from pathlib import Path

import click

from weid.cli.lazy import LazyGroup
from weid.cli.output import Session


def _remember(ctx: click.Context, option: click.Parameter, value: object) -> None:
    """Write a shared option into the session; one that was not given changes nothing."""
    session = ctx.find_object(Session)
    if session is not None and value and option.name is not None:
        setattr(session, option.name, value)


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


class SharedCommand(click.Command):
    """A command that takes the shared options too."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's own parameters, then the shared ones, then --help."""
        own = super().get_params(ctx)
        return [*own[: len(self.params)], *SHARED, *own[len(self.params) :]]


class SharedGroup(click.Group):
    """A group that takes the shared options too, and whose commands do."""

    command_class = SharedCommand

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the group's own parameters, then the shared ones, then --help."""
        own = super().get_params(ctx)
        return [*own[: len(self.params)], *SHARED, *own[len(self.params) :]]


SharedGroup.group_class = SharedGroup


class LazyNoun(LazyGroup, SharedGroup):
    """A group with the shared options whose commands are imported when they are called."""
