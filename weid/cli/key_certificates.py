"""`weid key ca`, `certificate` and `request`: certificates for wallets that want a chain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weid.cli.command import SharedCommand
from weid.cli.home import write_private
from weid.cli.output import Session, pass_session
from weid.cli.passphrases import PASSPHRASE_FILE, passphrase_option, read_passphrase
from weid.clock import format_time
from weid.errors import MalformedError

if TYPE_CHECKING:
    from weid.crypto.certificate_making import LeafNames, Validity

NEW_FILE = click.Path(dir_okay=False, path_type=Path)
OLD_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
DAY = 86_400
BACKDATED = 60
"""Seconds by which a certificate begins before now: other machines' clocks are behind."""
DAYS = click.IntRange(1, 20 * 366)


def name_options(command: Callable[..., object]) -> Callable[..., object]:
    """Add what a leaf is called: the key's DID URL, DNS names, a name to show."""
    for option in (
        click.option(
            "--dns", "dns_names", multiple=True, metavar="HOST", help="A DNS name beside it."
        ),
        click.option("--name", default="Issuer", show_default=True, help="The name to show."),
        click.option(
            "--for",
            "key_url",
            required=True,
            metavar="DID#KEY",
            help="The key as the registry has it, such as did:weid:…#assertion-1.",
        ),
    ):
        command = option(command)
    return command


@click.command(cls=SharedCommand)
@click.argument("key_file", metavar="KEY", type=NEW_FILE)
@click.argument("file", metavar="CERTIFICATE", type=NEW_FILE)
@click.option("--name", required=True, help="Its name; '(development only)' is added to it.")
@click.option("--days", type=DAYS, default=365, show_default=True, help="How long it is in force.")
@passphrase_option
@pass_session
def ca(
    session: Session,
    *,
    key_file: Path,
    file: Path,
    name: str,
    days: int,
    passphrase_file: Path | None,
) -> None:
    """Make a certificate authority for development: its KEY and its CERTIFICATE.

    Only who takes up CERTIFICATE by hand trusts it. For the public, have a real authority sign
    what `weid key request` writes.
    """
    from weid.crypto.certificate_making import create_development_authority  # noqa: PLC0415
    from weid.crypto.key_file import save_key_file  # noqa: PLC0415 - imported when used
    from weid.crypto.keys import KeyKind, PrivateKey  # noqa: PLC0415 - imported when used

    _require_new(key_file)
    _require_new(file)
    key = PrivateKey.generate(KeyKind.P256)
    made = create_development_authority(key, name, _validity(session, days))
    save_key_file(key_file, key, read_passphrase(passphrase_file, new=True))
    write_private(file, made.to_pem())
    session.say(f"Authority for development only: its key is in {key_file}; {file} is public.")
    session.show("", {"certificate": str(file), "in_force_until": format_time(made.not_after)})


@click.command(cls=SharedCommand)
@click.argument("key_file", metavar="KEY", type=OLD_FILE)
@click.argument("file", metavar="CHAIN", type=NEW_FILE)
@click.option(
    "--ca", "authority", type=OLD_FILE, required=True, help="The authority's CERTIFICATE."
)
@click.option("--ca-key", type=OLD_FILE, required=True, help="The authority's KEY.")
@click.option("--ca-passphrase-file", type=PASSPHRASE_FILE, help="Its passphrase.")
@name_options
@click.option("--days", type=DAYS, default=90, show_default=True, help="How long it is in force.")
@passphrase_option
@pass_session
def certificate(  # noqa: PLR0913 - each is one option
    session: Session,
    *,
    key_file: Path,
    file: Path,
    authority: Path,
    ca_key: Path,
    ca_passphrase_file: Path | None,
    key_url: str,
    name: str,
    dns_names: tuple[str, ...],
    days: int,
    passphrase_file: Path | None,
) -> None:
    """Have a development authority certify the key in KEY; write the chain to CHAIN.

    CHAIN is for the issuer's setting `certificate_chain_file`. It holds no private key.
    """
    from weid.crypto.certificate_making import create_leaf  # noqa: PLC0415 - imported when used
    from weid.crypto.certificates import certificates_from_pem  # noqa: PLC0415 - when used
    from weid.crypto.key_file import load_key_file  # noqa: PLC0415 - imported when used

    _require_new(file)
    names = _names(key_url, name, dns_names)
    found = certificates_from_pem(authority.read_bytes(), what=str(authority))
    if len(found) != 1:
        raise MalformedError(f"{authority} does not hold one certificate")
    key = load_key_file(key_file, read_passphrase(passphrase_file))
    signing = load_key_file(
        ca_key,
        read_passphrase(ca_passphrase_file or passphrase_file, what="passphrase of the authority"),
    )
    chain = create_leaf(
        key.public,
        names,
        _validity(session, days),
        authority=found[0],
        authority_key=signing,
    )
    write_private(file, chain.to_pem())
    until = format_time(chain.leaf.not_after)
    session.say(f"Chain written to {file}; in force until {until}.")
    session.show("", {"chain": str(file), "key": key_url, "in_force_until": until})


@click.command(cls=SharedCommand)
@click.argument("key_file", metavar="KEY", type=OLD_FILE)
@click.argument("file", metavar="REQUEST", type=NEW_FILE)
@name_options
@passphrase_option
@pass_session
def request(  # noqa: PLR0913 - each is one option
    session: Session,
    *,
    key_file: Path,
    file: Path,
    key_url: str,
    name: str,
    dns_names: tuple[str, ...],
    passphrase_file: Path | None,
) -> None:
    """Write a request (PKCS #10) by which a real authority certifies the key in KEY.

    Have it keep the URI among the subject alternative names: by it a verifier finds the key in the
    registry. What comes back, without the authority's root, is `certificate_chain_file`.
    """
    from weid.crypto.certificate_making import create_request  # noqa: PLC0415 - imported when used
    from weid.crypto.key_file import load_key_file  # noqa: PLC0415 - imported when used

    _require_new(file)
    names = _names(key_url, name, dns_names)
    key = load_key_file(key_file, read_passphrase(passphrase_file))
    write_private(file, create_request(key, names))
    session.say(f"Request written to {file}; it is public.")
    session.show("", {"request": str(file), "key": key_url})


def _require_new(file: Path) -> None:
    if file.exists():
        raise click.UsageError(f"{file} exists; a file is never overwritten")


def _names(key_url: str, name: str, dns_names: tuple[str, ...]) -> LeafNames:
    from weid.crypto.certificate_making import LeafNames  # noqa: PLC0415 - imported when used
    from weid.did.syntax import DidUrl  # noqa: PLC0415 - imported when used

    url = DidUrl.parse(key_url)
    if not url.fragment or url.query:
        raise MalformedError(
            f"{key_url} does not name a key of a DID",
            hint="`weid did show` lists the keys of a DID, such as did:weid:…#assertion-1.",
        )
    return LeafNames(key_url, name, dns_names)


def _validity(session: Session, days: int) -> Validity:
    from weid.crypto.certificate_making import Validity  # noqa: PLC0415 - imported when used

    now = session.clock.now()
    return Validity(now - BACKDATED, now + days * DAY)
