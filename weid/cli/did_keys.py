"""Commands that change the keys of a DID."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weid.cli.authors import KEY_FILE, author_options, endorser_options, load_signer, own_record
from weid.cli.command import SharedCommand
from weid.cli.output import Session, pass_session
from weid.errors import MalformedError

if TYPE_CHECKING:
    from weid.registry.author import Author
    from weid.registry.http_client import HttpRegistry

NEXT_KEY = click.option(
    "--next-key",
    metavar="MULTIKEY",
    help="Public key that will control it after that: nobody can rotate to another one.",
)
NEW_KEY = click.option(
    "--new-key", required=True, type=KEY_FILE, help="Key file of the new controlling key."
)
NEW_PASSPHRASE = click.option(
    "--new-passphrase-file", type=KEY_FILE, help="Passphrase of the new key file."
)


def raw_key(multikey: str) -> bytes:
    """Return the raw Ed25519 key of a Multikey text.

    Raises:
        MalformedError: it is none, or of another kind.
    """
    from weid.crypto.keys import KeyKind, PublicKey  # noqa: PLC0415 - imported when used

    key = PublicKey.from_multikey(multikey)
    if key.kind is not KeyKind.ED25519:
        raise MalformedError(
            "a DID is controlled and recovered by Ed25519 keys",
            hint="weid key generate FILE --kind Ed25519",
        )
    return key.raw


def commitment(next_key: str | None) -> bytes:
    """Return the commitment to the one key that will control a DID next; empty for None."""
    from weid.registry.transaction import next_keys_commitment  # noqa: PLC0415 - when used

    return b"" if next_key is None else next_keys_commitment((raw_key(next_key),), 1)


@click.command(cls=SharedCommand, name="add-key")
@click.argument("file", type=KEY_FILE)
@click.argument("key_name", metavar="KEY_ID")
@NEW_PASSPHRASE
@pass_session
@author_options
def add_key(
    session: Session,
    *,
    registry: HttpRegistry,
    author: Author,
    file: Path,
    key_name: str,
    new_passphrase_file: Path | None,
) -> None:
    """Add the key in FILE to your DID under KEY_ID, to sign certificates with."""
    from weid.registry.operations import KeyPurpose, UpdateDid  # noqa: PLC0415 - when used
    from weid.registry.signing import new_key  # noqa: PLC0415 - imported when used

    signer = load_signer(file, new_passphrase_file)
    entry = new_key(author.did, key_name, signer, (KeyPurpose.ASSERTION,))
    version = own_record(registry, author).version.number
    author.submit(UpdateDid(author.did, version, add_keys=(entry,)))
    session.say(f"{author.did}#{key_name} may sign certificates from now on.")


@click.command(cls=SharedCommand, name="retire-key")
@click.argument("key_name", metavar="KEY_ID")
@pass_session
@author_options
def retire_key(session: Session, *, registry: HttpRegistry, author: Author, key_name: str) -> None:
    """Retire a key of your DID: what it signed so far stays good."""
    from weid.registry.operations import UpdateDid  # noqa: PLC0415 - imported when used

    version = own_record(registry, author).version.number
    author.submit(UpdateDid(author.did, version, retire_keys=(key_name,)))
    session.say(f"{author.did}#{key_name} is retired.")


@click.command(cls=SharedCommand, name="compromise-key")
@click.argument("key_name", metavar="KEY_ID")
@click.option(
    "--since",
    required=True,
    metavar="TIME",
    help="Since when, such as 2026-06-30T12:00:00Z; it can only be moved back later.",
)
@click.option("-y", "--yes", is_flag=True, help="Do it without being asked.")
@pass_session
@author_options
def compromise_key(
    session: Session,
    *,
    registry: HttpRegistry,
    author: Author,
    key_name: str,
    since: str,
    yes: bool,
) -> None:
    """State that the key KEY_ID may be in other hands since TIME.

    Every certificate that it signed is refused from then on, unless it comes with its issuance
    anchor of before that time (`weid verify --anchor`).
    """
    from weid.clock import parse_time  # noqa: PLC0415 - imported when used
    from weid.registry.operations import MarkKeyCompromised  # noqa: PLC0415 - when used

    del registry
    time = parse_time(since, what="--since")
    session.confirm(f"Mark {author.did}#{key_name} as compromised for ever?", yes=yes)
    author.submit(MarkKeyCompromised(author.did, key_name, time))
    session.say(f"{author.did}#{key_name} is marked as compromised since {since}.")


@click.command(cls=SharedCommand, name="rotate-key")
@NEW_KEY
@NEW_PASSPHRASE
@NEXT_KEY
@pass_session
@author_options
def rotate_key(
    session: Session,
    *,
    registry: HttpRegistry,
    author: Author,
    new_key: Path,
    new_passphrase_file: Path | None,
    next_key: str | None,
) -> None:
    """Replace the key that controls your DID.

    Where a next key was committed to, --new-key must be that one: it signs, and --key says only
    which DID and key are meant.
    """
    from weid.registry.operations import RotateControllers  # noqa: PLC0415 - imported when used
    from weid.registry.signing import prove_possession  # noqa: PLC0415 - imported when used

    record = own_record(registry, author)
    signer = load_signer(new_key, new_passphrase_file)
    proofs: tuple[bytes, ...] = ()
    if record.next_keys:
        if commitment(signer.public_key.to_multikey()) != record.next_keys:
            raise MalformedError(
                f"{author.did} has committed to another next key than the one in {new_key}",
                hint="take the key that --next-key named; without it, `weid did recover`.",
            )
        author = author.with_signers({"next-1": signer})
    else:
        proofs = (prove_possession(author.did, signer),)
    controllers = (signer.public_key.raw,)
    version = record.version.number
    author.submit(
        RotateControllers(author.did, version, controllers, 1, commitment(next_key), proofs)
    )
    session.say(f"{author.did} is controlled by {new_key} from now on.")


@click.command(cls=SharedCommand)
@click.argument("identifier", metavar="DID")
@click.option("--recovery-key", required=True, type=KEY_FILE, help="Key file of the recovery key.")
@click.option("--recovery-passphrase-file", type=KEY_FILE, help="Its passphrase.")
@NEW_KEY
@NEW_PASSPHRASE
@NEXT_KEY
@pass_session
@endorser_options
def recover(  # noqa: PLR0913 - each is one option
    session: Session,
    *,
    registry: HttpRegistry,
    endorser: Author | None,
    identifier: str,
    recovery_key: Path,
    recovery_passphrase_file: Path | None,
    new_key: Path,
    new_passphrase_file: Path | None,
    next_key: str | None,
) -> None:
    """Take DID back with its recovery key: --new-key controls it from then on.

    The recovery key stays the same.
    """
    from weid.registry.author import Author  # noqa: PLC0415 - imported when used
    from weid.registry.operations import RecoverDid  # noqa: PLC0415 - imported when used
    from weid.registry.signing import prove_possession  # noqa: PLC0415 - imported when used

    recoverer = load_signer(recovery_key, recovery_passphrase_file)
    signer = load_signer(new_key, new_passphrase_file)
    author = Author(identifier, {}, registry, session.clock, endorser=endorser)
    record = own_record(registry, author)
    if recoverer.public_key.raw not in record.recovery_keys:
        raise MalformedError(
            f"the key in {recovery_key} is no recovery key of {identifier}",
            hint="`weid did show` lists the keys of a DID.",
        )
    number = record.recovery_keys.index(recoverer.public_key.raw) + 1
    author.with_signers({f"recovery-{number}": recoverer}).submit(
        RecoverDid(
            identifier,
            record.version.number,
            (signer.public_key.raw,),
            1,
            commitment(next_key),
            record.recovery_keys,
            (prove_possession(identifier, signer),),
        )
    )
    session.say(f"{identifier} is controlled by {new_key} from now on.")
