"""`weid policy …`: presentation policies: drafts, publishing, and what is published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weid.cli.authors import author_options
from weid.cli.command import SharedGroup
from weid.cli.output import Session, pass_session, table
from weid.cli.registries import trust_policy
from weid.cli.registry_options import RegistryOptions, registry_options
from weid.verification.presentation_policy import PresentationPolicy

if TYPE_CHECKING:
    from weid.registry.author import Author
    from weid.registry.http_client import HttpRegistry

DRAFT = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(cls=SharedGroup)
def policy() -> None:
    """Write, check and publish presentation policies.

    A policy says what a verifier asks for, why, of which issuers, what may not be shown, and how
    long what was shown is kept. A wallet tells its holder what the published policy says.
    """


@policy.command()
@click.argument("file", type=DRAFT)
@pass_session
def check(session: Session, *, file: Path) -> None:
    """Say whether the draft FILE can be published, and what it asks for."""
    found = PresentationPolicy.from_file(file)
    session.say("It can be published.")
    _show(session, found)


@policy.command()
@click.argument("name", metavar="POLICY")
@registry_options
@pass_session
def show(session: Session, *, name: str, options: RegistryOptions) -> None:
    """Show a published policy, such as library-card:1."""
    from weid.cli.published import published_policy  # noqa: PLC0415 - imported when used

    record, found = published_policy(trust_policy(session, options), name)
    session.say(f"Published by {record.publisher}.")
    if record.withdrawn_at is not None:
        session.say("It is withdrawn: nobody asks by it any more.")
    _show(session, found)


@policy.command(name="list")
@registry_options
@pass_session
def list_published(session: Session, *, options: RegistryOptions) -> None:
    """List the published policies of the trusted registries, proved to be complete."""
    found = [
        {
            "network": network,
            "policy_id": record.policy_id,
            "version": record.policy_version,
            "publisher": record.publisher,
            "withdrawn": record.withdrawn_at is not None,
        }
        for network, trusted in trust_policy(session, options).networks.items()
        for record in trusted.reader.policies()
    ]
    rows = [
        [
            str(one["network"]),
            f"{one['policy_id']}:{one['version']}",
            "withdrawn" if one["withdrawn"] else "in force",
            str(one["publisher"]),
        ]
        for one in found
    ]
    session.show(table(rows, header=["network", "policy", "state", "publisher"]), found)


@policy.command()
@click.argument("file", type=DRAFT)
@pass_session
@author_options
def publish(session: Session, *, registry: HttpRegistry, author: Author, file: Path) -> None:
    """Publish the draft FILE as the next version of its policy; it can never be changed."""
    from weid.registry.policy_operations import PublishPolicy  # noqa: PLC0415 - when used

    draft = PresentationPolicy.from_file(file)
    versions = [
        one.policy_version for one in registry.policies() if one.policy_id == draft.policy_id
    ]
    version = max(versions, default=0) + 1
    made = draft.for_network(registry.network, version)
    author.submit(PublishPolicy(made.policy_id, version, made.document))
    session.say(f"Published {made.policy_id} version {version}.")
    session.show(f"{made.policy_id}:{version}", made.reference.to_json())


@policy.command()
@click.argument("name", metavar="POLICY")
@pass_session
@author_options
def withdraw(session: Session, *, registry: HttpRegistry, author: Author, name: str) -> None:
    """Withdraw a published policy, such as library-card:1, for ever.

    Answers to requests by it are refused from then on. Its text stays in the registry.
    """
    from weid.cli.published import parse_policy_name  # noqa: PLC0415 - imported when used
    from weid.registry.policy_operations import WithdrawPolicy  # noqa: PLC0415 - when used

    del registry
    policy_id, version = parse_policy_name(name)
    author.submit(WithdrawPolicy(policy_id, version))
    session.say(f"Withdrawn {policy_id} version {version}.")


def _show(session: Session, found: PresentationPolicy) -> None:
    words = {"required": "needed", "optional": "as the holder likes", "forbidden": "refused"}
    rows = [
        [one.id, str(path), word]
        for one in found.credentials
        for member, word in words.items()
        for path in getattr(one, member)
    ]
    head = f"{found.name.name('en')} ({found.policy_id}): {found.purpose.name('en')}"
    kept = f"What was shown is kept for {found.retention.text}."
    issuers = "".join(
        f"\nAccepted for {one.id}: {', '.join(one.issuers)}"
        for one in found.credentials
        if one.issuers
    )
    session.show(
        f"{head}\n{table(rows, header=['credential', 'claim', 'is'])}\n{kept}{issuers}",
        json.loads(found.document),
    )
