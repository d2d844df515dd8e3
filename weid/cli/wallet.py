"""`weid wallet …`: which commands there are, and opening the wallet for them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import click

from weid.cli.command import LazyNoun
from weid.cli.output import Session
from weid.cli.passphrases import passphrase_option, read_passphrase

DEFAULT_FILE = "wallet.weid"
NEW_FILE = click.Path(dir_okay=False, path_type=Path)
COMMANDS = {
    "create": ("weid.cli.wallet_keeping:create", "make a new, empty wallet"),
    "accept": ("weid.cli.wallet_receiving:accept", "take a certificate in that was offered"),
    "collect": ("weid.cli.wallet_receiving:collect", "take in what an issuer has decided by now"),
    "verify": ("weid.cli.wallet_showing:verify", "verify one that could not be verified before"),
    "list": ("weid.cli.wallet_keeping:list_held", "list the certificates"),
    "view": ("weid.cli.wallet_keeping:view", "read a certificate, and where it was used"),
    "present": ("weid.cli.wallet_showing:present", "make the answer to a request as a file"),
    "answer": ("weid.cli.wallet_answering:answer", "answer a request at the one who sent it"),
    "show": ("weid.cli.wallet_showing:show", "show fields without a request, for two minutes"),
    "anchor": ("weid.cli.wallet_keeping:anchor", "hand out the proof of when it was issued"),
    "new-key": ("weid.cli.wallet_keeping:new_key", "make a key for an issuer to bind to"),
    "add": ("weid.cli.wallet_keeping:add", "keep a certificate that came as a file"),
    "remove": ("weid.cli.wallet_keeping:remove", "forget a certificate and its key"),
    "passwd": ("weid.cli.wallet_keeping:passwd", "give the wallet another passphrase"),
    "backup": ("weid.cli.wallet_keeping:backup", "write everything to an encrypted file"),
    "restore": ("weid.cli.wallet_keeping:restore", "make a wallet from a backup"),
}


@click.group(cls=LazyNoun, commands_at=COMMANDS)
def wallet() -> None:
    """Keep certificates and show them.

    The wallet is one encrypted file (in the home folder, or --wallet FILE). Each certificate has
    a key of its own that never leaves it. Names of issuers are those that the trusted registries
    confirm, never those that a certificate gives itself.
    """


def wallet_file_option(command: Callable[..., object]) -> Callable[..., object]:
    """Add --wallet to a command, passed on as `wallet_file`."""
    return click.option(
        "--wallet",
        "wallet_file",
        type=NEW_FILE,
        help="The wallet file (default: wallet.weid in the home folder).",
    )(command)


def wallet_options(command: Callable[..., object]) -> Callable[..., object]:
    """Open the wallet and pass it on as `held`."""

    @wallet_file_option
    @passphrase_option
    @functools.wraps(command)
    def with_wallet(
        session: Session,
        *,
        wallet_file: Path | None,
        passphrase_file: Path | None,
        **given: object,
    ) -> object:
        from weid.cli.registries import NamesInRegistries  # noqa: PLC0415 - imported when used
        from weid.wallet.wallet import Wallet  # noqa: PLC0415 - imported when used

        file = wallet_file or session.home / DEFAULT_FILE
        passphrase = read_passphrase(passphrase_file)
        names = NamesInRegistries(session)
        with Wallet.open(file, passphrase=passphrase, clock=session.clock, names=names) as held:
            return command(session, held=held, **given)

    return with_wallet
