"""`weid key …`: key files, encrypted with a passphrase."""

from __future__ import annotations

from pathlib import Path

import click

from weid.cli.command import LazyNoun, SharedCommand
from weid.cli.output import Session, pass_session
from weid.cli.passphrases import ask_passphrase, passphrase_option, read_passphrase

KINDS = ("Ed25519", "P-256", "X25519")
NEW_FILE = click.Path(dir_okay=False, path_type=Path)
OLD_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


COMMANDS = {
    "generate": ("weid.cli.key:generate", "make a key"),
    "public": ("weid.cli.key:public", "print the public key of a file"),
    "passwd": ("weid.cli.key:passwd", "give a file another passphrase"),
    "import": ("weid.cli.key:import_key", "take in a private key from a JWK"),
    "request": ("weid.cli.key_certificates:request", "ask an authority for a certificate"),
    "ca": ("weid.cli.key_certificates:ca", "make a certificate authority for development"),
    "certificate": ("weid.cli.key_certificates:certificate", "certify a key for development"),
}


@click.group(cls=LazyNoun, commands_at=COMMANDS)
def key() -> None:
    """Make and look after key files.

    A key file is encrypted with a passphrase and readable by its owner only. No command prints a
    private key.
    """


@click.command(cls=SharedCommand)
@click.argument("file", type=NEW_FILE)
@click.option("--kind", type=click.Choice(KINDS), default="Ed25519", show_default=True)
@passphrase_option
@pass_session
def generate(session: Session, *, file: Path, kind: str, passphrase_file: Path | None) -> None:
    """Make a key and write it to FILE, which must not exist."""
    from weid.crypto.key_file import save_key_file  # noqa: PLC0415 - imported when used
    from weid.crypto.keys import KeyKind, PrivateKey  # noqa: PLC0415 - imported when used

    if file.exists():
        raise click.UsageError(f"{file} exists; a key file is never overwritten")
    made = PrivateKey.generate(KeyKind(kind))
    save_key_file(file, made, read_passphrase(passphrase_file, new=True))
    session.say(f"Key written to {file}. Without the passphrase it is lost.")
    session.show(made.public.to_multikey(), _described(made.public))


@click.command(cls=SharedCommand)
@click.argument("file", type=OLD_FILE)
@passphrase_option
@pass_session
def public(session: Session, *, file: Path, passphrase_file: Path | None) -> None:
    """Print the public key of FILE as Multikey (with --json also as JWK)."""
    from weid.crypto.key_file import load_key_file  # noqa: PLC0415 - imported when used

    opened = load_key_file(file, read_passphrase(passphrase_file))
    session.show(opened.public.to_multikey(), _described(opened.public))


@click.command(cls=SharedCommand)
@click.argument("file", type=OLD_FILE)
@passphrase_option
@click.option(
    "--new-passphrase-file",
    type=OLD_FILE,
    help="File whose first line is the new passphrase (else you are asked).",
)
@pass_session
def passwd(
    session: Session, *, file: Path, passphrase_file: Path | None, new_passphrase_file: Path | None
) -> None:
    """Give FILE another passphrase."""
    from weid.crypto.key_file import load_key_file, save_key_file  # noqa: PLC0415 - when used

    opened = load_key_file(file, read_passphrase(passphrase_file))
    fresh = (
        read_passphrase(new_passphrase_file)
        if new_passphrase_file is not None
        else ask_passphrase("new passphrase", option="--new-passphrase-file", new=True)
    )
    save_key_file(file, opened, fresh)
    session.say(f"{file} has a new passphrase.")


@click.command(cls=SharedCommand, name="import")
@click.argument("jwk", type=click.File("rb"))
@click.argument("file", type=NEW_FILE)
@passphrase_option
@pass_session
def import_key(
    session: Session, *, jwk: click.File, file: Path, passphrase_file: Path | None
) -> None:
    """Read a private key from JWK (a file, or - for stdin) and write it to FILE, encrypted."""
    from weid.crypto.key_file import save_key_file  # noqa: PLC0415 - imported when used
    from weid.crypto.keys import PrivateKey  # noqa: PLC0415 - imported when used
    from weid.encoding import json_loads_object  # noqa: PLC0415 - imported when used

    if file.exists():
        raise click.UsageError(f"{file} exists; a key file is never overwritten")
    read = jwk.read()  # type: ignore[attr-defined]  # click passes an open file
    opened = PrivateKey.from_jwk(json_loads_object(read, what="the JWK"))
    save_key_file(file, opened, read_passphrase(passphrase_file, new=True))
    session.say(f"Key written to {file}. Delete the unencrypted JWK.")
    session.show(opened.public.to_multikey(), _described(opened.public))


def _described(public_key: object) -> dict[str, object]:
    from weid.crypto.keys import PublicKey  # noqa: PLC0415 - imported when used

    assert isinstance(public_key, PublicKey)  # noqa: S101 - the callers above pass nothing else
    return {
        "kind": str(public_key.kind),
        "multikey": public_key.to_multikey(),
        "jwk": public_key.to_jwk(),
        "thumbprint": public_key.thumbprint(),
    }
