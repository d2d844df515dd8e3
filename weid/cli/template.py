"""`weid template …`: drafts of credential templates, their files for rows, and publishing."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weid.cli.authors import author_options
from weid.cli.command import SharedGroup
from weid.cli.output import Session, pass_session, table
from weid.cli.registries import trust_policy
from weid.cli.registry_options import RegistryOptions, registry_options
from weid.credential.template import CredentialTemplate

if TYPE_CHECKING:
    from weid.registry.author import Author
    from weid.registry.http_client import HttpRegistry

DRAFT = click.Path(exists=True, dir_okay=False, path_type=Path)
BEGINNING = {
    "cpt_id": "my-certificate",
    "display": [
        {"locale": "en", "name": "My certificate", "description": "What it says, in a sentence."}
    ],
    "validity": {"default": "P1Y", "maximum": "P5Y"},
    "claims": [
        {"path": ["number"], "sd": "never", "display": [{"locale": "en", "label": "Number"}]},
        {"path": ["name"], "sd": "allowed", "display": [{"locale": "en", "label": "Name"}]},
    ],
    "schema": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": False,
        "required": ["number", "name"],
        "properties": {
            "number": {"type": "string", "minLength": 1, "maxLength": 40},
            "name": {"type": "string", "minLength": 1, "maxLength": 80},
        },
    },
}


@click.group(cls=SharedGroup)
def template() -> None:
    """Write, check and publish credential templates.

    A template says which claims a certificate has, which of them its holder may keep back, what
    people call them, and how long it is valid.
    """


@template.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@pass_session
def init(session: Session, *, file: Path) -> None:
    """Write a small draft to FILE, to start from."""
    if file.exists():
        raise click.UsageError(f"{file} exists; a draft is never overwritten")
    file.write_text(json.dumps(BEGINNING, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    session.say(f"Draft written to {file}. Change it, then: weid template check {file}")


@template.command()
@click.argument("file", type=DRAFT)
@pass_session
def check(session: Session, *, file: Path) -> None:
    """Say whether the draft FILE can be published, and what it holds."""
    found = CredentialTemplate.from_file(file)
    session.say("It can be published.")
    _show(session, found)


@template.command()
@click.argument("name", metavar="TEMPLATE")
@registry_options
@pass_session
def show(session: Session, *, name: str, options: RegistryOptions) -> None:
    """Show a published template, such as diploma:1."""
    from weid.cli.published import published_template  # noqa: PLC0415 - imported when used

    _show(session, published_template(trust_policy(session, options), name))


@template.command(name="csv")
@click.argument("file", type=DRAFT)
def empty_csv(file: Path) -> None:
    """Print the header of a CSV file with rows for the template in FILE."""
    found = CredentialTemplate.from_file(file)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(str(claim.path) for claim in found.given)
    click.echo(text.getvalue(), nl=False)


@template.command(name="list")
@registry_options
@pass_session
def list_published(session: Session, *, options: RegistryOptions) -> None:
    """List the published templates of the trusted registries, proved to be complete."""
    found = [
        {
            "network": network,
            "cpt_id": record.cpt_id,
            "version": record.template_version,
            "publisher": record.publisher,
            "digest": record.digest.hex(),
            "deactivated": record.deactivated_at is not None,
        }
        for network, trusted in trust_policy(session, options).networks.items()
        for record in trusted.reader.templates()
    ]
    rows = [
        [str(one["network"]), f"{one['cpt_id']}:{one['version']}", str(one["publisher"])]
        for one in found
    ]
    session.show(table(rows, header=["network", "template", "publisher"]), found)


@template.command()
@click.argument("file", type=DRAFT)
@pass_session
@author_options
def publish(session: Session, *, registry: HttpRegistry, author: Author, file: Path) -> None:
    """Publish the draft FILE as the next version of its template; it can never be changed."""
    from weid.registry.operations import PublishTemplate  # noqa: PLC0415 - imported when used

    draft = CredentialTemplate.from_file(file)
    versions = [one.template_version for one in registry.templates() if one.cpt_id == draft.cpt_id]
    made = draft.for_network(registry.network, max(versions, default=0) + 1)
    author.submit(PublishTemplate(made.cpt_id, made.version, made.document))
    session.say(f"Published {made.cpt_id} version {made.version}.")
    session.show(made.vct, {"vct": made.vct, "integrity": made.integrity})


def _show(session: Session, found: CredentialTemplate) -> None:
    withholdable = set(found.withholdable)
    rows = [
        [
            str(claim.path),
            "may be kept back" if claim.path in withholdable else "always shown",
            claim.label("en"),
        ]
        for claim in found.claims
    ]
    head = f"{found.name()} ({found.cpt_id}), in {', '.join(found.languages)}"
    session.show(
        f"{head}\n{table(rows, header=['claim', 'disclosure', 'called'])}",
        json.loads(found.document),
    )
