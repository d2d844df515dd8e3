"""`issuer-app create-token`, `list-tokens`, `revoke-token`: API tokens of users."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import click

from issuer_app.cli.opened import opened_store, with_settings
from issuer_app.services.api_tokens import MOST_DAYS, ApiTokens
from issuer_app.services.people import Person, server_person
from issuer_app.settings import Settings
from issuer_app.setup import find_organisation, open_audit
from weid.clock import SystemClock, format_time


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[ApiTokens, Person]]:
    clock = SystemClock()
    with opened_store(settings) as database:
        organisation = find_organisation(settings, database)["organisation"]
        tokens = ApiTokens(database, open_audit(settings, database, clock), clock=clock)
        yield tokens, server_person(organisation)


@click.command("create-token")
@click.argument("login")
@click.option("--name", required=True, help="What the token is for; it stands in the audit log.")
@click.option(
    "--days", type=click.IntRange(1, MOST_DAYS), default=90, show_default=True, help="It ends then."
)
@with_settings
def create_token(settings: Settings, login: str, name: str, days: int) -> None:
    """Make an API token for the user LOGIN and print it, once.

    Whoever has it may do what LOGIN may. Keep it in a file of mode 0600 for
    `weid issuer login --token-file`.
    """
    with _opened(settings) as (tokens, person):
        made = tokens.create(person, login, name=name, days=days)
    click.echo(made.text)
    click.echo(
        f"Token {made.id} of {login}, until {format_time(made.expires_at)}. It is not shown again.",
        err=True,
    )


@click.command("list-tokens")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@with_settings
def list_tokens(settings: Settings, *, as_json: bool) -> None:
    """List the API tokens; their texts are kept nowhere."""
    with _opened(settings) as (tokens, person):
        rows = tokens.list_all(person.organisation)
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for row in rows:
        used = format_time(row["used_at"]) if row["used_at"] else "never"
        end = "revoked" if row["revoked_at"] else f"until {format_time(row['expires_at'])}"
        click.echo(f"{row['id']}  {row['login']}  {row['name']}  {end}  last used: {used}")
    if not rows:
        click.echo("There is no token. Try: issuer-app create-token LOGIN --name …", err=True)


@click.command("revoke-token")
@click.argument("token_id")
@with_settings
def revoke_token(settings: Settings, token_id: str) -> None:
    """End the API token TOKEN_ID at once."""
    with _opened(settings) as (tokens, person):
        tokens.revoke(person, token_id)
    click.echo(f"revoked {token_id}")
