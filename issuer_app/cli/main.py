"""The entry point of `issuer-app`: the commands, and the last word on errors."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import click

from issuer_app.cli.failures import tell
from issuer_app.cli.init import init
from issuer_app.cli.opened import FILE
from issuer_app.cli.serve import serve
from issuer_app.cli.tokens import create_token, list_tokens, revoke_token
from issuer_app.cli.users import create_user, set_password
from weid.errors import WeidError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--settings", "settings_file", type=FILE, help="TOML or JSON file of settings.")
@click.version_option(package_name="weid", prog_name="issuer-app")
@click.pass_context
def cli(context: click.Context, settings_file: Path | None) -> None:
    """Run the web application of an issuing agency.

    Every setting can also be given as a variable, such as WEID_PUBLIC_URL.
    """
    # Read by the command itself: whoever asks for help has no settings yet.
    context.obj = settings_file


for _command in (init, create_user, set_password, create_token, list_tokens, revoke_token, serve):
    cli.add_command(_command)


def run() -> None:
    """Run the command; an error says what and what next, in one line each."""
    try:
        cli(prog_name="issuer-app")
    except (WeidError, OSError, sqlite3.Error) as error:
        sys.exit(tell(error))


if __name__ == "__main__":
    run()
