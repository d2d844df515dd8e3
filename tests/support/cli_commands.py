"""Every command of `weid` that does something, by its words."""

from __future__ import annotations

import click

from weid.cli.main import weid


def commands(group=weid, path=("weid",)):
    """Yield each command with its words."""
    context = click.Context(group, info_name=path[-1])
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


ALL = dict(commands())
