"""What every command of `registry-chain` has: the shared options, at any place in the line."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import click

from weid.cli.command import SPEAKING, SharedCommand, SharedGroup
from weid.cli.lazy import LazyGroup

PROGRAM = "registry-chain"


class ChainCommand(SharedCommand):
    """A command with the shared options; nothing of it is kept in a home folder."""

    shared: ClassVar[list[click.Parameter]] = SPEAKING


class ChainGroup(SharedGroup):
    """A group with the shared options, whose commands have them too."""

    command_class = ChainCommand
    shared: ClassVar[list[click.Parameter]] = SPEAKING


ChainGroup.group_class = ChainGroup


class ChainNoun(LazyGroup, ChainGroup):
    """A group with the shared options whose commands are imported when they are called."""


def versioned(group: Callable[..., object]) -> Callable[..., object]:
    """Add --version to a group."""
    return click.version_option(package_name="weid", prog_name=PROGRAM)(group)
