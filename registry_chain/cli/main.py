"""The entry point of `registry-chain`: the commands, and the last word on errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from registry_chain.cli.command import PROGRAM, ChainNoun, versioned
from registry_chain.storage.errors import StoreRefusedError
from weid.cli.command import run
from weid.cli.output import Console
from weid.errors import (
    KeyFileError,
    MalformedError,
    RegistryUnavailableError,
    TransactionRejectedError,
    WeidError,
)

COMMANDS: Final = {
    "init": ("registry_chain.cli.init:init", "found a registry: genesis, sealing key, governors"),
    "start": ("registry_chain.cli.start:start", "run a node: API, explorer, blocks"),
    "net": ("registry_chain.cli.net:net", "lay out a network of several nodes, and run it here"),
    "governance": (
        "registry_chain.cli.governance:governance",
        "propose, approve and list what the governors decide",
    ),
    "status": ("registry_chain.cli.status:status", "say where a registry stands, with proof"),
    "nodes": ("registry_chain.cli.nodes:nodes", "list the network's nodes, with proof"),
    "rotate-sealing-key": (
        "registry_chain.cli.sealing:rotate_sealing_key",
        "have the one node of a registry seal with a new key",
    ),
    "webhooks": ("registry_chain.cli.webhooks:webhooks", "tell others of events, signed"),
    "verify": ("registry_chain.cli.verify:verify", "look at every byte of a stopped node's chain"),
    "backup": ("registry_chain.cli.backup:backup", "copy the chain of a running or stopped node"),
    "restore": ("registry_chain.cli.backup:restore", "bring a backup back"),
    "export": ("registry_chain.cli.export:export", "write the whole chain as lines of JSON"),
    "archive": ("registry_chain.cli.archive:archive", "move old blocks of a chain into a file"),
    "verify-archive": (
        "registry_chain.cli.archive:verify_archive",
        "look at every byte of archived blocks",
    ),
    "replay": ("registry_chain.cli.replay:replay", "apply every block again and compare"),
    "migrate": (
        "registry_chain.cli.migrate:migrate",
        "move a registry from one node to a network of many",
    ),
    "application": ("registry_chain.cli.application:application", ""),
}
_NEXT_STEP: Final = f"{PROGRAM} --help lists the commands; each has a --help of its own."
_HINTS: Final[dict[type[WeidError], str]] = {
    RegistryUnavailableError: "look whether the node runs and answers, then run it again.",
    TransactionRejectedError: "nothing was changed; the pages of the node show roles, proposals "
    "and what is in force.",
    StoreRefusedError: "look whether these are the folder and the registry that you mean.",
    KeyFileError: "look whether the file is there, whole, and its owner's alone (chmod 600).",
    MalformedError: "look at the named place, mend it and run this again.",
}
"""What to do about an error that brings no hint of its own."""


@click.group(
    cls=ChainNoun,
    commands_at=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@versioned
def registry_chain() -> None:
    """Run a permissioned registry that proves its answers.

    Data goes to stdout, everything else to stderr; the options below but --version may stand
    anywhere in the line. Exit codes: 0 done, 1 failed, 2 called wrongly, 4 refused by the
    registry, 20 cannot be known now.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit with its code."""
    run(registry_chain, arguments, Console(), program=PROGRAM, hint_of=_hint_of)


def _hint_of(error: WeidError) -> str:
    return next((hint for kind, hint in _HINTS.items() if isinstance(error, kind)), _NEXT_STEP)


if __name__ == "__main__":
    main()
