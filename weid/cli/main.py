"""The entry point of `weid`: the nouns, and where its settings are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from weid.cli.command import LazyNoun, run
from weid.cli.output import Session

COMMANDS = {
    "verify": ("weid.cli.verify:verify", "verify a certificate or presentation"),
    "inspect": ("weid.cli.inspect:inspect", "show what something holds, without judging it"),
    "wallet": ("weid.cli.wallet:wallet", "keep certificates and show them"),
    "verifier": ("weid.cli.verifier:verifier", "ask for certificates"),
    "issuer": ("weid.cli.issuer:issuer", "issue, offer and revoke certificates"),
    "template": ("weid.cli.template:template", "write, check and publish credential templates"),
    "policy": ("weid.cli.policy:policy", "write, check and publish presentation policies"),
    "did": ("weid.cli.did:did", "create, show and change DIDs"),
    "trust": ("weid.cli.trust:trust", "choose which registries to trust, also offline"),
    "key": ("weid.cli.key:key", "make and look after key files"),
    "doctor": ("weid.cli.doctor:doctor", "look for what is set up wrongly"),
    "completion": ("weid.cli.completion:completion", "print the completion of a shell"),
}


@click.group(
    cls=LazyNoun,
    commands_at=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="weid", prog_name="weid")
def weid() -> None:
    """Decentralized identity and selectively disclosable certificates.

    Data goes to stdout, everything else to stderr; `-` stands for stdin or stdout. The options
    below may stand anywhere in the line. Exit codes are listed by `weid verify --help`.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit with its code."""
    home = Path(os.environ.get("WEID_HOME") or Path.home() / ".weid")
    run(weid, arguments, Session(home=home), program="weid")


if __name__ == "__main__":
    main()
