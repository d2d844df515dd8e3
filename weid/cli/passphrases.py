"""Where a passphrase comes from: a file, the environment, or a person; never an argument."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import click

ENVIRONMENT = "WEID_PASSPHRASE"
PASSPHRASE_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def passphrase_option(command: Callable[..., object]) -> Callable[..., object]:
    """Add --passphrase-file to a command."""
    return click.option(
        "--passphrase-file",
        type=PASSPHRASE_FILE,
        default=None,
        help=f"File whose first line is the passphrase (else {ENVIRONMENT}, else you are asked).",
    )(command)


def read_passphrase(file: Path | None, *, new: bool = False, what: str = "passphrase") -> str:
    """Return the passphrase; a new one is asked for twice.

    Raises:
        click.UsageError: there is none, and nobody to ask.
        WeidError: others may read the file, or it is empty.
    """
    if file is not None:
        return _first_line(file, what)
    given = os.environ.get(ENVIRONMENT, "")
    if given:
        return given
    return ask_passphrase(what, option=f"--passphrase-file or {ENVIRONMENT}", new=new)


def ask_passphrase(what: str, *, option: str, new: bool = False) -> str:
    """Return what a person types, unseen; a new one is asked for twice.

    Raises:
        click.UsageError: nobody is there; `option` says what to give instead.
    """
    if not sys.stdin.isatty():
        raise click.UsageError(f"no {what}: give {option}, or run it in a terminal")
    typed: str = click.prompt(what.capitalize(), hide_input=True, confirmation_prompt=new, err=True)
    return typed


def _first_line(file: Path, what: str) -> str:
    from weid.cli.home import read_private  # noqa: PLC0415 - only with a file

    return read_private(file, what=f"the {what}").splitlines()[0]
