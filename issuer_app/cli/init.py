"""`issuer-app init`: make the data folder, register the agency, publish templates."""

from __future__ import annotations

import json
from pathlib import Path

import click

from issuer_app.cli.opened import FILE, close_to_others, with_settings
from issuer_app.errors import SettingsError
from issuer_app.settings import Settings
from issuer_app.setup import (
    POLICIES,
    Endorser,
    NewOffice,
    make_folder,
    open_registry,
    set_up,
)
from issuer_app.store.database import Database
from issuer_app.store.locked import Locked
from weid.crypto.keys import KeyKind


@click.command()
@click.option("--name", required=True, help="The agency's name, as people see it.")
@click.option(
    "--policy",
    type=click.Choice(POLICIES),
    default="one_person",
    show_default=True,
    help="Whether a second person approves each batch.",
)
@click.option("--endorser-did", help="DID of the registrar who co-signs the registration.")
@click.option("--endorser-key", type=FILE, help="The registrar's encrypted key file.")
@click.option("--endorser-passphrase-file", type=FILE, help="File with its passphrase.")
@click.option(
    "--endorser-key-id", default="control-1", show_default=True, help="Which key of the registrar."
)
@click.option("--template", "templates", type=FILE, multiple=True, help="Publish this template.")
@click.option(
    "--signing-key",
    type=click.Choice(["Ed25519", "P-256"]),
    default="Ed25519",
    show_default=True,
    help="Kind of the key that signs; wallets that ask for ES256 take P-256 only.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON.")
@with_settings
def init(  # noqa: PLR0913, PLR0917 - one argument for each option
    settings: Settings,
    name: str,
    policy: str,
    endorser_did: str | None,
    endorser_key: Path | None,
    endorser_passphrase_file: Path | None,
    endorser_key_id: str,
    templates: tuple[Path, ...],
    signing_key: str,
    as_json: bool,  # noqa: FBT001 - an option
) -> None:
    """Make the data folder, register the agency and publish templates; safe to run again."""
    endorser = None
    if endorser_did and endorser_key and endorser_passphrase_file:
        endorser = Endorser(endorser_did, endorser_key, endorser_passphrase_file, endorser_key_id)
    elif endorser_did or endorser_key or endorser_passphrase_file:
        raise SettingsError(
            "an endorser needs --endorser-did, --endorser-key and --endorser-passphrase-file",
            hint="give all three, or none where the registry is open.",
        )
    registry = open_registry(settings)
    close_to_others(settings)
    make_folder(settings)
    with Locked(settings.data_dir):
        database = Database(settings.database_path)
        try:
            made = set_up(
                settings,
                database,
                registry,
                name=name,
                policy=policy,
                endorser=endorser,
                templates=templates,
                signing=KeyKind(signing_key),
            )
        finally:
            database.close()
    _tell(made, as_json=as_json)


def _tell(made: NewOffice, *, as_json: bool) -> None:
    if as_json:
        templates = [
            {"cpt_id": one.cpt_id, "version": one.version, "vct": one.vct} for one in made.templates
        ]
        shown = {"organisation": made.organisation, "did": made.did, "templates": templates}
        click.echo(json.dumps(shown))
        return
    click.echo(f"The agency is registered as {made.did}")
    for template in made.templates:
        click.echo(f"Published {template.vct}")
    click.echo("Next: have governance recognize it, add users, then run: issuer-app serve")
