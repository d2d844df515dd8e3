"""Commands that keep a wallet: its file, its keys, its certificates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weid.cli.command import SharedCommand
from weid.cli.home import make_folder, write_private
from weid.cli.inputs import INPUT, read_input
from weid.cli.output import Session, counted, json_text, pass_session, table
from weid.cli.passphrases import (
    PASSPHRASE_FILE,
    ask_passphrase,
    passphrase_option,
    read_passphrase,
)
from weid.cli.wallet import DEFAULT_FILE, NEW_FILE, wallet_file_option, wallet_options
from weid.cli.wallet_trust import trust_in_issuer, unverified_option
from weid.clock import format_time
from weid.errors import CredentialNotHeldError

if TYPE_CHECKING:
    from weid.encoding import JsonObject
    from weid.wallet.contents import HeldCredential
    from weid.wallet.wallet import Wallet


@click.command(cls=SharedCommand)
@wallet_file_option
@passphrase_option
@pass_session
def create(session: Session, *, wallet_file: Path | None, passphrase_file: Path | None) -> None:
    """Make a new, empty wallet; one that exists is never overwritten."""
    from weid.wallet.wallet import Wallet  # noqa: PLC0415 - imported when used

    file = wallet_file or session.home / DEFAULT_FILE
    make_folder(file.parent)
    passphrase = read_passphrase(passphrase_file, new=True)
    with Wallet.create(file, passphrase=passphrase, clock=session.clock):
        session.say(f"Wallet made: {file}. Without the passphrase it cannot be opened.")


@click.command(cls=SharedCommand, name="list")
@pass_session
@wallet_options
def list_held(session: Session, *, held: Wallet) -> None:
    """List the certificates in the wallet; one that is held in copies is there once."""
    found = [_certificate(held, one) for one in held.credentials()]
    rows = [
        [str(one["id"]), str(one["type"]), str(one["expires"] or "-"), str(one["used"])]
        for one in found
    ]
    session.show(table(rows, header=["id", "type", "until", "used"]) if rows else "", found)
    if not rows:
        session.say("The wallet is empty. `weid wallet accept OFFER` takes a certificate in.")


def _certificate(held: Wallet, one: HeldCredential) -> JsonObject:
    """Return a certificate in short, whichever of its copies was used."""
    from weid.credential.issuer_chain import said_issuer  # noqa: PLC0415 - imported when used

    credential, copies = one.credential, held.copies(one.id)
    times = sum(len(copy.uses) for copy in copies)
    used = counted(times, "time") if times else "never"
    if any(copy.restored_at is not None for copy in copies):
        used += ", or before it was restored"
    if one.unverified:
        used = "not verified yet"
    return {
        "id": one.id,
        "type": credential.vct,
        "issuer": said_issuer(credential.sd_jwt.issuer_jws.header, credential.stated_issuer),
        "expires": format_time(credential.expires_at) if credential.expires_at else None,
        "used": used,
        "anchored": one.anchor is not None,
        "unverified": one.unverified,
        "copies": len(copies),
        "copies_not_used": sum(not copy.used for copy in copies),
    }


@click.command(cls=SharedCommand)
@click.argument("credential_id", metavar="ID")
@pass_session
@wallet_options
def view(session: Session, *, held: Wallet, credential_id: str) -> None:
    """Read the certificate ID: its fields, which may be kept back, and where it was used.

    Nothing leaves the wallet. The beginning of an id is enough.
    """
    from weid.credential.registered_claims import REGISTERED_CLAIMS  # noqa: PLC0415 - when used

    one = held.credential(credential_id)
    opened = one.credential.reconstruct()
    claims = opened.claims.items()
    uses = [(copy, use) for copy in held.copies(one.id) for use in copy.uses]
    value = _certificate(held, one) | {
        "claims": {name: claim for name, claim in claims if name not in REGISTERED_CLAIMS},
        "may_be_kept_back": sorted(str(path) for path in opened.disclosed),
        "uses": [
            {
                "at": format_time(use.at),
                "kind": use.kind.value,
                "verifier": use.audience or None,
                "fields": list(use.claims),
                "copy": copy.id,
            }
            for copy, use in sorted(uses, key=lambda pair: pair[1].at)
        ],
    }
    session.show(json_text(value), value)


@click.command(cls=SharedCommand)
@click.argument("credential_id", metavar="ID")
@click.option("--out", type=NEW_FILE, help="Write it here.")
@pass_session
@wallet_options
def anchor(session: Session, *, held: Wallet, credential_id: str, out: Path | None) -> None:
    """Print the issuance anchor of the certificate ID: the proof of when it was issued.

    A verifier asks for it (`weid verify --anchor`) once the issuer's key was compromised. Of a
    certificate in copies each has its own: `weid wallet view` says which copy was shown.
    """
    found = held.credential(credential_id).anchor
    if found is None:
        raise CredentialNotHeldError(
            "the wallet has no issuance anchor for this certificate",
            hint="ask the issuer for it; it is kept there too.",
        )
    text = json.dumps(found.to_json(), indent=1)
    if out is not None:
        write_private(out, text + "\n")
        session.say(f"Anchor written to {out}.")
    else:
        session.show(text, found.to_json())


@click.command(cls=SharedCommand, name="new-key")
@click.option(
    "--kind", type=click.Choice(["Ed25519", "P-256"]), default="Ed25519", show_default=True
)
@pass_session
@wallet_options
def new_key(session: Session, *, held: Wallet, kind: str) -> None:
    """Make a key for one certificate and print its public half as a JWK.

    An issuer that takes a `holder_jwk` binds the certificate to it; `weid wallet add` then keeps
    what comes back.
    """
    from weid.crypto.keys import KeyKind  # noqa: PLC0415 - imported when used

    jwk = held.new_key(KeyKind(kind)).to_jwk()
    session.show(json.dumps(jwk), jwk)


@click.command(cls=SharedCommand)
@click.argument("source", metavar="FILE|-", type=INPUT)
@click.option("--anchor", "anchor_file", type=INPUT, help="Its issuance anchor, if there is one.")
@click.option("-y", "--yes", is_flag=True, help="Keep it without being asked.")
@unverified_option
@pass_session
@wallet_options
def add(
    session: Session,
    *,
    held: Wallet,
    source: Path,
    anchor_file: Path | None,
    yes: bool,
    unverified: bool,
) -> None:
    """Keep the certificate in FILE, which must be bound to a key of this wallet.

    The trusted registry of its network must say that its issuer made it and may.
    """
    from weid.cli.consents import ask  # noqa: PLC0415 - imported when used
    from weid.cli.registries import NamesInRegistries  # noqa: PLC0415 - imported when used
    from weid.cli.verify import read_anchor  # noqa: PLC0415 - imported when used
    from weid.credential.credential import Credential  # noqa: PLC0415 - imported when used
    from weid.verification.received import require_issued  # noqa: PLC0415 - imported when used
    from weid.wallet.consent import consent_to_keep  # noqa: PLC0415 - imported when used

    text = read_input(source)
    anchor = read_anchor(anchor_file)
    if not unverified:
        trust = trust_in_issuer(session, Credential.parse(text).vct)
        require_issued(text, trust, now=session.clock.now(), anchor=anchor)
    names = NamesInRegistries(session)
    if not ask(session, consent_to_keep(text, names=names, unverified=unverified), yes=yes):
        raise click.Abort
    kept = held.add(text, anchor=anchor)
    session.say("Kept.")
    session.show(kept.id, {"id": kept.id})


@click.command(cls=SharedCommand)
@click.argument("credential_id", metavar="ID")
@click.option("-y", "--yes", is_flag=True, help="Do it without being asked.")
@pass_session
@wallet_options
def remove(session: Session, *, held: Wallet, credential_id: str, yes: bool) -> None:
    """Forget the certificate ID with all its copies and their keys, for ever."""
    found = held.credential(credential_id)
    session.confirm(f"Forget {found.id} ({found.credential.vct}) for ever?", yes=yes)
    held.remove(found.id)
    session.say("Forgotten.")


@click.command(cls=SharedCommand)
@click.option(
    "--new-passphrase-file",
    type=PASSPHRASE_FILE,
    help="File with the new one (else you are asked).",
)
@pass_session
@wallet_options
def passwd(session: Session, *, held: Wallet, new_passphrase_file: Path | None) -> None:
    """Give the wallet another passphrase; older backups keep theirs."""
    fresh = (
        read_passphrase(new_passphrase_file)
        if new_passphrase_file is not None
        else ask_passphrase("new passphrase", option="--new-passphrase-file", new=True)
    )
    held.change_passphrase(fresh)
    session.say("The wallet has a new passphrase.")


@click.command(cls=SharedCommand)
@click.argument("file", type=NEW_FILE)
@click.option(
    "--backup-passphrase-file",
    type=PASSPHRASE_FILE,
    help="File with the passphrase of the backup (else you are asked).",
)
@pass_session
@wallet_options
def backup(
    session: Session, *, held: Wallet, file: Path, backup_passphrase_file: Path | None
) -> None:
    """Write everything to FILE, encrypted with a passphrase of its own."""
    held.backup(file, passphrase=_backup_passphrase(backup_passphrase_file, new=True))
    session.say(f"Backup written: {file}. Try `weid wallet restore` with it before you need it.")


@click.command(cls=SharedCommand)
@click.argument("file", type=INPUT)
@click.option(
    "--backup-passphrase-file",
    type=PASSPHRASE_FILE,
    help="File with the passphrase of the backup (else you are asked).",
)
@wallet_file_option
@passphrase_option
@pass_session
def restore(
    session: Session,
    *,
    file: Path,
    backup_passphrase_file: Path | None,
    wallet_file: Path | None,
    passphrase_file: Path | None,
) -> None:
    """Make a wallet from the backup FILE; one that exists is never overwritten."""
    from weid.wallet.wallet import Wallet  # noqa: PLC0415 - imported when used

    target = wallet_file or session.home / DEFAULT_FILE
    make_folder(target.parent)
    with Wallet.restore(
        file,
        target,
        backup_passphrase=_backup_passphrase(backup_passphrase_file),
        passphrase=read_passphrase(passphrase_file, new=True),
        clock=session.clock,
    ) as held:
        session.say(f"Restored to {target}: {counted(len(held.credentials()), 'certificate')}.")


def _backup_passphrase(file: Path | None, *, new: bool = False) -> str:
    what = "passphrase of the backup"
    if file is not None:
        return read_passphrase(file, what=what)
    return ask_passphrase(what, option="--backup-passphrase-file", new=new)
