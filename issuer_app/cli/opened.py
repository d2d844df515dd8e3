"""What commands begin with: the settings, and the store of an office that is set up."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from issuer_app.settings import Settings, load_settings
from issuer_app.setup import require_set_up
from issuer_app.store.database import Database
from issuer_app.store.private_folder import keep_private

FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


def with_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command its settings as first argument, read once it is called rightly."""

    @click.pass_context
    @functools.wraps(command)
    def called(context: click.Context, /, *arguments: Any, **options: Any) -> Any:
        settings = load_settings(context.obj, os.environ)
        return context.invoke(command, settings, *arguments, **options)

    return called


@contextmanager
def opened_store(settings: Settings) -> Iterator[Database]:
    """Open the store of an office that is set up, and close it.

    Raises:
        SettingsError: `issuer-app init` was not run yet, and nothing is made; or its folder is
            open to other users and cannot be closed to them.
    """
    require_set_up(settings)
    close_to_others(settings)
    database = Database(settings.database_path)
    try:
        yield database
    finally:
        database.close()


def close_to_others(settings: Settings) -> None:
    """Make the data folder this user's alone, and say so where it was not.

    Raises:
        SettingsError: it is another user's, or a folder that is shared by its nature.
    """
    changed = keep_private(settings.data_dir)
    if changed:
        click.echo(f"issuer-app: {changed}", err=True)
