"""`issuer-app create-user`, `set-password`: who may sign in."""

from __future__ import annotations

import secrets
from pathlib import Path

import click

from issuer_app.cli.opened import FILE, opened_store, with_settings
from issuer_app.services.people import Role, server_person
from issuer_app.settings import Settings, read_text_secret
from issuer_app.setup import find_organisation, open_accounts

_RANDOM_BYTES = 18
_password_option = click.option(
    "--password-file", type=FILE, help="File with the password, mode 0600."
)


def _password(path: Path | None) -> str:
    """Return the password of a file, or a random one; never one of the command line."""
    if path is None:
        return secrets.token_urlsafe(_RANDOM_BYTES)
    return read_text_secret(path, least=1)


@click.command("create-user")
@click.argument("login")
@click.option("--name", help="The person's name; by default the sign-in name.")
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice([role.value for role in Role]),
    help="What the user may do; give it once for each role.",
)
@_password_option
@with_settings
def create_user(
    settings: Settings,
    login: str,
    name: str | None,
    roles: tuple[str, ...],
    password_file: Path | None,
) -> None:
    """Add the user LOGIN. Without --password-file a random password is made and printed, once."""
    with opened_store(settings) as database:
        person = server_person(find_organisation(settings, database)["organisation"])
        password = _password(password_file)
        open_accounts(settings, database).add_user(
            person, login=login, name=name or login, password=password, roles=roles
        )
    click.echo(password if password_file is None else f"added {login}")


@click.command("set-password")
@click.argument("login")
@_password_option
@with_settings
def set_password(settings: Settings, login: str, password_file: Path | None) -> None:
    """Give the user LOGIN another password and end the user's sessions.

    Without --password-file a random password is made and printed, once. The user's API tokens
    stay as they are: revoke-token ends one.
    """
    with opened_store(settings) as database:
        person = server_person(find_organisation(settings, database)["organisation"])
        password = _password(password_file)
        open_accounts(settings, database).set_password(person, login=login, password=password)
    if password_file is None:
        click.echo(password)
    click.echo(f"The password of {login} is changed; every session has ended.", err=True)
