"""The first governors as options: what every command that founds a registry asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from registry_chain.cli.counting import counted
from registry_chain.cli.folder import FOLDER
from registry_chain.cli.founding import Founder, key_files, require_names
from registry_chain.state_machine.parameters import (
    ALLOW_LOOPBACK_HTTP,
    GOVERNANCE_THRESHOLD,
    OPEN_DID_CREATION,
)
from weid.cli.passphrases import passphrase_option, read_passphrase

Command = Callable[..., Any]

_GOVERNORS = (
    click.option(
        "--governor",
        "named",
        multiple=True,
        metavar="NAME[=KEY]",
        help="A first governor; KEY (Multikey, z6Mk…) where it made its key itself.",
    ),
    click.option(
        "--governors", "count", type=click.IntRange(1, 64), help="Make so many governors here."
    ),
    click.option(
        "--threshold",
        type=click.IntRange(1, 64),
        default=None,
        help="Governors who must approve a proposal (default: more than half).",
    ),
    click.option(
        "--keys-out",
        type=FOLDER,
        default=None,
        help="Folder for the key files of governors made here; best on another disk.",
    ),
    passphrase_option,
)
_RULES = (
    click.option("--chain-id", default=None, help="Name of the chain in block headers."),
    click.option("--open-did-creation", is_flag=True, help="Let anybody register a DID."),
    click.option("--allow-loopback-http", is_flag=True, help="Let records name http://localhost."),
)


def governor_options(command: Command) -> Command:
    """Add the options for the governors and their keys."""
    for option in reversed(_GOVERNORS):
        command = option(command)
    return command


def rules_options(command: Command) -> Command:
    """Add the options for what the genesis fixes."""
    for option in reversed(_RULES):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class Council:
    """The founders, where their keys go, and the parameters that the options name."""

    founders: list[Founder]
    files: list[Path | None]
    passphrase: str
    parameters: dict[str, int]

    @property
    def made(self) -> list[Path]:
        """The key files that are made here."""
        return [path for path in self.files if path is not None]


def called_council(  # noqa: PLR0913 - the options of the commands
    *,
    named: tuple[str, ...],
    count: int | None,
    threshold: int | None,
    keys_out: Path | None,
    passphrase_file: Path | None,
    passphrase_anyway: bool = False,
    open_did_creation: bool,
    allow_loopback_http: bool,
) -> Council:
    """Return what the options say; `passphrase_anyway` asks for one though no key needs it.

    Raises:
        click.UsageError: they do not fit together.
        MalformedError: a name is too long, or that of two governors.
        KeyFileError: a key file exists already, or the passphrase cannot be had.
    """
    founders = [Founder.parse(text) for text in named]
    founders += [Founder(f"Governor {number}") for number in range(1, (count or 0) + 1)]
    founders = founders or [Founder("Governor 1")]
    require_names([founder.name for founder in founders])
    made_here = any(founder.public_key is None for founder in founders)
    if made_here and keys_out is None:
        raise click.UsageError(
            "--keys-out is missing: the governors' keys need a place. A governor who makes its "
            "key itself (weid key generate) is named with --governor NAME=KEY."
        )
    needed = made_here or passphrase_anyway
    passphrase = read_passphrase(passphrase_file, new=True) if needed else ""
    parameters = {GOVERNANCE_THRESHOLD: threshold or len(founders) // 2 + 1}
    if open_did_creation:
        parameters[OPEN_DID_CREATION] = 1
    if allow_loopback_http:
        parameters[ALLOW_LOOPBACK_HTTP] = 1
    if parameters[GOVERNANCE_THRESHOLD] > len(founders):
        raise click.UsageError(
            f"--threshold {threshold} is more than {counted(len(founders), 'governor')}"
        )
    return Council(founders, key_files(founders, keys_out or Path()), passphrase, parameters)
