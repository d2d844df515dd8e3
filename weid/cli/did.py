"""`weid did …`: creating, showing and ending DIDs; keys are in `did_keys`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weid.cli.authors import KEY_FILE, author_options, endorser_options, load_signer, own_record
from weid.cli.command import LazyNoun, SharedCommand
from weid.cli.output import Session, json_text, pass_session
from weid.cli.registries import open_transport, trust_policy
from weid.cli.registry_options import RegistryOptions, registry_options
from weid.errors import MalformedError, NotFoundError

if TYPE_CHECKING:
    from weid.registry.author import Author
    from weid.registry.http_client import HttpRegistry

ASSERTION_KEY = "assertion-1"
COMMANDS = {
    "create": ("weid.cli.did:create", "register a DID that a key controls"),
    "show": ("weid.cli.did:show", "resolve a DID, now or as it was"),
    "add-key": ("weid.cli.did_keys:add_key", "add a key to sign certificates with"),
    "retire-key": ("weid.cli.did_keys:retire_key", "stop using a key; what it signed stays good"),
    "compromise-key": ("weid.cli.did_keys:compromise_key", "state that a key is in other hands"),
    "rotate-key": ("weid.cli.did_keys:rotate_key", "replace the key that controls your DID"),
    "recover": ("weid.cli.did_keys:recover", "take your DID back with its recovery key"),
    "deactivate": ("weid.cli.did:deactivate", "end your DID for ever"),
}


@click.group(cls=LazyNoun, commands_at=COMMANDS)
def did() -> None:
    """Create, show and change DIDs.

    A did:weid is controlled by keys of its own; the registry keeps its history.
    """


@click.command(cls=SharedCommand)
@click.option("--key", "key_file", required=True, type=KEY_FILE, help="The key that controls it.")
@click.option("--assertion-key", type=KEY_FILE, help="A key to sign certificates with.")
@click.option("--passphrase-file", type=KEY_FILE, help="Passphrase of the key files.")
@click.option(
    "--next-key",
    metavar="MULTIKEY",
    help="Public key that will control it next: nobody can rotate to another one.",
)
@click.option(
    "--recovery-key", metavar="MULTIKEY", help="Public key that can take it back when all is lost."
)
@click.option("--name", help="Name of the organisation, as the endorser confirms it.")
@pass_session
@endorser_options
def create(  # noqa: PLR0913 - each is one option
    session: Session,
    *,
    registry: HttpRegistry,
    endorser: Author | None,
    key_file: Path,
    assertion_key: Path | None,
    passphrase_file: Path | None,
    next_key: str | None,
    recovery_key: str | None,
    name: str | None,
) -> None:
    """Register a DID that a key controls.

    Keep the next key and the recovery key away from this machine: `weid key public` prints what
    is needed of them here.
    """
    from weid.cli.did_keys import commitment, raw_key  # noqa: PLC0415 - imported when used
    from weid.registry.author import KeyToAdd, create_did  # noqa: PLC0415 - imported when used
    from weid.registry.operations import NameOrganisation  # noqa: PLC0415 - imported when used

    controller = load_signer(key_file, passphrase_file)
    keys = []
    if assertion_key is not None:
        keys.append(KeyToAdd(ASSERTION_KEY, load_signer(assertion_key, passphrase_file)))
    made, author = create_did(
        registry,
        [controller],
        clock=session.clock,
        next_keys=commitment(next_key),
        recovery_keys=[raw_key(recovery_key)] if recovery_key else [],
        keys=keys,
        endorser=endorser,
    )
    if name is not None:
        author.submit(NameOrganisation(made, name))
    session.say(f"Registered. Its controlling key is {key_file}: keep it, and its passphrase.")
    session.show(made, {"did": made})


@click.command(cls=SharedCommand)
@click.argument("identifier", metavar="DID")
@click.option("--version", type=click.IntRange(1), help="The version to show (versionId).")
@click.option(
    "--at", "at_time", metavar="TIME", help="The version in force at this time (versionTime)."
)
@registry_options
@pass_session
def show(
    session: Session,
    *,
    identifier: str,
    version: int | None,
    at_time: str | None,
    options: RegistryOptions,
) -> None:
    """Resolve a DID: its document with metadata, as DID Resolution has it."""
    from weid.did.methods import all_methods  # noqa: PLC0415 - imported when used
    from weid.did.resolver import UniversalResolver  # noqa: PLC0415 - imported when used
    from weid.did.syntax import Did, DidUrl  # noqa: PLC0415 - imported when used

    if "?" in identifier or "#" in identifier:
        raise MalformedError(
            "give the DID alone", hint="--version and --at choose which of its versions."
        )
    asked = {"versionId": version, "versionTime": at_time}
    query = tuple((name, str(value)) for name, value in asked.items() if value is not None)
    url = str(DidUrl(Did.parse(identifier), query)) if query else identifier
    sources = []
    if identifier.startswith("did:weid:"):
        policy = trust_policy(session, options)
        sources = [network.reader for network in policy.networks.values()]
    resolver = UniversalResolver(
        all_methods(sources, transport=open_transport(options), clock=session.clock)
    )
    found = resolver.resolve(url)
    session.show(json_text(found.to_json()), found.to_json())
    problem = found.resolution_metadata.error
    if problem is not None:
        raise NotFoundError(
            f"{identifier} cannot be resolved: {problem}",
            hint="check the DID; `weid trust show` lists the networks that are asked.",
        )


@click.command(cls=SharedCommand)
@click.option("-y", "--yes", is_flag=True, help="Do it without being asked.")
@pass_session
@author_options
def deactivate(session: Session, *, registry: HttpRegistry, author: Author, yes: bool) -> None:
    """End your DID for ever: nothing more can be signed with it, and no one can bring it back."""
    from weid.registry.operations import DeactivateDid  # noqa: PLC0415 - imported when used

    session.confirm(f"End {author.did} for ever?", yes=yes)
    author.submit(DeactivateDid(author.did, own_record(registry, author).version.number))
    session.say(f"{author.did} is deactivated.")
