"""Acting as a DID in a registry: whose DID, which key files, and who endorses."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weid.cli.output import Session
from weid.cli.passphrases import read_passphrase
from weid.cli.registries import one_node
from weid.cli.registry_options import RegistryOptions, registry_options
from weid.errors import NotFoundError

if TYPE_CHECKING:
    from weid.crypto.signer import Signer
    from weid.registry.author import Author
    from weid.registry.http_client import HttpRegistry
    from weid.registry.records import DidRecord

KEY_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def load_signer(file: Path, passphrase_file: Path | None) -> Signer:
    """Return the signer of a key file."""
    from weid.crypto.key_file import load_key_file  # noqa: PLC0415 - imported when used
    from weid.crypto.signer import InMemorySigner  # noqa: PLC0415 - imported when used

    return InMemorySigner(load_key_file(file, read_passphrase(passphrase_file)))


def endorser_options(command: Callable[..., object]) -> Callable[..., object]:
    """Add the options of an endorser and the registry; pass on `registry` and `endorser`."""

    @registry_options
    @click.option("--endorser", metavar="DID", help="Who co-signs, where you have no role yet.")
    @click.option("--endorser-key", type=KEY_FILE, help="Key file of the endorser.")
    @click.option("--endorser-key-id", help="Which key it is (else it is looked up).")
    @click.option("--endorser-passphrase-file", type=KEY_FILE, help="Its passphrase.")
    @functools.wraps(command)
    def with_endorser(
        session: Session,
        *,
        options: RegistryOptions,
        endorser: str | None,
        endorser_key: Path | None,
        endorser_key_id: str | None,
        endorser_passphrase_file: Path | None,
        **given: object,
    ) -> object:
        from weid.registry.author import Author  # noqa: PLC0415 - imported when used

        if (endorser is None) != (endorser_key is None):
            raise click.UsageError("--endorser and --endorser-key go together")
        registry = one_node(session, options)
        co_signer = None
        if endorser is not None and endorser_key is not None:
            signer = load_signer(endorser_key, endorser_passphrase_file)
            key_id = endorser_key_id or find_key_id(registry, endorser, signer)
            co_signer = Author(endorser, {key_id: signer}, registry, session.clock)
        return command(session, registry=registry, endorser=co_signer, **given)

    return with_endorser


def author_options(command: Callable[..., object]) -> Callable[..., object]:
    """Add the options of an acting DID (and its endorser); pass on `registry` and `author`."""

    @endorser_options
    @click.option("--as", "did", required=True, metavar="DID", help="The DID that acts.")
    @click.option("--key", "key_file", required=True, type=KEY_FILE, help="Its key file.")
    @click.option("--key-id", help="Which key of the DID it is (else it is looked up).")
    @click.option("--passphrase-file", type=KEY_FILE, help="Passphrase of the key file.")
    @functools.wraps(command)
    def with_author(  # noqa: PLR0913 - each is one option
        session: Session,
        *,
        registry: HttpRegistry,
        endorser: Author | None,
        did: str,
        key_file: Path,
        key_id: str | None,
        passphrase_file: Path | None,
        **given: object,
    ) -> object:
        from weid.registry.author import Author  # noqa: PLC0415 - imported when used

        signer = load_signer(key_file, passphrase_file)
        signers = {key_id or find_key_id(registry, did, signer): signer}
        author = Author(did, signers, registry, session.clock, endorser=endorser)
        return command(session, registry=registry, author=author, **given)

    return with_author


def find_key_id(registry: HttpRegistry, did: str, signer: Signer) -> str:
    """Return the id under which a DID has a signer's key.

    Raises:
        NotFoundError: there is no such DID, or it has no such key.
    """
    multikey = signer.public_key.to_multicodec()
    record = registry.did(did)
    if record is None:
        raise _unknown(did)
    for key in record.keys:
        if key.multikey == multikey:
            return key.id
    if record.next_keys:
        # Not in the document yet: it may be the one that the record commits to.
        return "next-1"
    raise NotFoundError(
        f"{did} has no such key", hint="`weid did show` lists its keys; choose another key file."
    )


def own_record(registry: HttpRegistry, author: Author) -> DidRecord:
    """Return the record of the acting DID.

    Raises:
        NotFoundError: there is none.
    """
    record = registry.did(author.did)
    if record is None:
        raise _unknown(author.did)
    return record


def _unknown(did: str) -> NotFoundError:
    return NotFoundError(f"the registry has no {did}", hint="`weid did create` makes one.")
