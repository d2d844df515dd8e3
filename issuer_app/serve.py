"""The command `issuer-app`: set up, add users, serve."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import IO, Final

import click
from waitress.server import create_server

from issuer_app.app import create_app, quiet_logs
from issuer_app.errors import SettingsError
from issuer_app.services.people import Role, server_person
from issuer_app.settings import Settings, load_settings, read_secret
from issuer_app.setup import (
    POLICIES,
    Endorser,
    find_organisation,
    make_folder,
    open_accounts,
    open_agency,
    open_registry,
    set_up,
)
from issuer_app.store.database import Database
from issuer_app.token_commands import add_token_commands
from issuer_app.wiring import KEY
from weid.errors import WeidError

_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
@click.option("--settings", "settings_file", type=_FILE, help="TOML or JSON file of settings.")
@click.pass_context
def cli(context: click.Context, settings_file: Path | None) -> None:
    """Run the web application of an issuing agency.

    Every setting can also be given as a variable, such as WEID_PUBLIC_URL.
    """
    # Whoever asks for help has no settings yet.
    if not {"-h", "--help"} & set(sys.argv[1:]):
        context.obj = load_settings(settings_file, os.environ)


@cli.command()
@click.option("--name", required=True, help="The agency's name, as people see it.")
@click.option("--policy", type=click.Choice(POLICIES), default="one_person", show_default=True)
@click.option("--endorser-did", help="DID of the registrar who co-signs the registration.")
@click.option("--endorser-key", type=_FILE, help="The registrar's encrypted key file.")
@click.option("--endorser-passphrase-file", type=_FILE, help="File with its passphrase.")
@click.option("--endorser-key-id", default="control-1", show_default=True)
@click.option("--template", "templates", type=_FILE, multiple=True, help="Publish this template.")
@click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON.")
@click.pass_obj
def init(  # noqa: PLR0913, PLR0917 - one argument for each option
    settings: Settings,
    name: str,
    policy: str,
    endorser_did: str | None,
    endorser_key: Path | None,
    endorser_passphrase_file: Path | None,
    endorser_key_id: str,
    templates: tuple[Path, ...],
    as_json: bool,  # noqa: FBT001 - an option
) -> None:
    """Make the data folder, register the agency and publish templates; safe to run again."""
    make_folder(settings)
    endorser = None
    if endorser_did and endorser_key and endorser_passphrase_file:
        endorser = Endorser(endorser_did, endorser_key, endorser_passphrase_file, endorser_key_id)
    elif endorser_did or endorser_key or endorser_passphrase_file:
        raise SettingsError("an endorser needs --endorser-did, -key and -passphrase-file")
    with _Locked(settings):
        database = Database(settings.database_path)
        made = set_up(
            settings,
            database,
            open_registry(settings),
            name=name,
            policy=policy,
            endorser=endorser,
            templates=templates,
        )
        database.close()
    if as_json:
        click.echo(
            json.dumps(
                {
                    "organisation": made.organisation,
                    "did": made.did,
                    "templates": [
                        {"cpt_id": one.cpt_id, "version": one.version, "vct": one.vct}
                        for one in made.templates
                    ],
                }
            )
        )
        return
    click.echo(f"The agency is registered as {made.did}")
    for template in made.templates:
        click.echo(f"Published {template.vct}")
    click.echo("Next: have governance recognize it, add users, then run: issuer-app serve")


@cli.command("create-user")
@click.argument("login")
@click.option("--name", help="The person's name; by default the sign-in name.")
@click.option("--role", "roles", multiple=True, type=click.Choice([role.value for role in Role]))
@click.option("--password-file", type=_FILE, help="File with the password, mode 0600.")
@click.pass_obj
def create_user(
    settings: Settings,
    login: str,
    name: str | None,
    roles: tuple[str, ...],
    password_file: Path | None,
) -> None:
    """Add a user. Without --password-file a random password is made and printed, once."""
    password = secrets.token_urlsafe(18)
    if password_file is not None:
        password = read_secret(password_file, least=1).decode("utf-8").strip()
    database = Database(settings.database_path)
    organisation = find_organisation(settings, database)["organisation"]
    open_accounts(settings, database).add_user(
        server_person(organisation),
        login=login,
        name=name or login,
        password=password,
        roles=roles,
    )
    database.close()
    click.echo(password if password_file is None else f"added {login}")


add_token_commands(cli)


@cli.command()
@click.pass_obj
def serve(settings: Settings) -> None:
    """Serve the pages and do the background work, until SIGTERM or Ctrl-C."""
    quiet_logs()
    with _Locked(settings):
        database = Database(settings.database_path)
        agency = open_agency(settings, database, open_registry(settings))
        app = create_app(settings, agency=agency, database=database, start_job=False)
        job = app.extensions[f"{KEY}.job"]
        host, _, port = settings.listen.rpartition(":")
        server = create_server(
            app,
            host=host,
            port=int(port),
            threads=settings.threads,
            ident=None,
            max_request_body_size=settings.max_upload_bytes + 2**20,
            max_request_header_size=32 * 1024,
            channel_timeout=60,
            connection_limit=500,
            clear_untrusted_proxy_headers=False,
        )
        signal.signal(signal.SIGTERM, _end)
        job.start()
        click.echo(f"listening on http://{host}:{server.effective_port}")
        try:
            server.run()
        finally:
            job.stop()
            server.close()
            database.close()


def _end(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


class _Locked:
    """Keeps a second server away from the same data folder."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.data_dir / "lock"
        self._file: IO[bytes] | None = None

    def __enter__(self) -> None:
        try:
            self._file = self._path.open("ab")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.__exit__()
            raise SettingsError(
                f"{self._path} cannot be locked: is another server running?",
                hint="Stop it first; or run: issuer-app init",
            ) from error

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


def main() -> None:
    """Run the command; an error says what and what next, in one line each."""
    try:
        cli(prog_name="issuer-app")
    except WeidError as error:
        click.echo(f"error: {error.message}", err=True)
        if error.hint:
            click.echo(f"Try: {error.hint}", err=True)
        sys.exit(2 if isinstance(error, SettingsError) else 1)


if __name__ == "__main__":
    main()
