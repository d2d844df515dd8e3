"""`registry-chain init`: found a registry."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

import click

from registry_chain.cli.command import ChainCommand
from registry_chain.cli.council import called_council, governor_options, rules_options
from registry_chain.cli.folder import FOLDER, NodeFolder
from registry_chain.cli.founding import FoundedGovernor, create_governors, found_registry
from registry_chain.cli.undoing import leaving_nothing, require_empty
from registry_chain.state_machine.genesis import Genesis
from registry_chain.state_machine.parameters import GOVERNANCE_THRESHOLD
from weid.cli.output import Console, pass_console
from weid.clock import SystemClock
from weid.did.syntax import check_network


@click.command(cls=ChainCommand)
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--network", required=True, help="Name of the network, part of every DID.")
@governor_options
@click.option("--encrypt-sealing-key", is_flag=True, help="Encrypt it with the same passphrase.")
@rules_options
@pass_console
def init(  # noqa: PLR0913 - the options of the command
    console: Console,
    *,
    folder: Path,
    network: str,
    named: tuple[str, ...],
    count: int | None,
    threshold: int | None,
    keys_out: Path | None,
    passphrase_file: Path | None,
    encrypt_sealing_key: bool,
    chain_id: str | None,
    open_did_creation: bool,
    allow_loopback_http: bool,
) -> None:
    """Found a registry in DIR, which must be new or empty.

    Makes the genesis, the key that seals blocks, and an encrypted key file for each governor who
    brings no key. Example, three governors of whom two decide:

    \b
      registry-chain init node --network example --governors 3 --threshold 2 \\
          --keys-out governors --passphrase-file secret.txt
    """  # noqa: D301 - click's mark for text that keeps its lines
    check_network(network)
    require_empty(folder, hint="name a new folder: a registry is founded once")
    council = called_council(
        named=named,
        count=count,
        threshold=threshold,
        keys_out=keys_out,
        passphrase_file=passphrase_file,
        passphrase_anyway=encrypt_sealing_key,
        open_did_creation=open_did_creation,
        allow_loopback_http=allow_loopback_http,
    )
    node = NodeFolder(folder)
    passphrase = council.passphrase
    with leaving_nothing(folder, node.sealing_key, node.genesis_file, *council.made):
        governors = create_governors(
            council.founders, council.files, network=network, passphrase=passphrase
        )
        genesis = found_registry(
            node,
            governors,
            network=network,
            chain_id=chain_id,
            parameters=council.parameters,
            sealing_passphrase=passphrase if encrypt_sealing_key else None,
            clock=SystemClock(),
        )
    _show(console, folder, genesis, governors)


def _show(
    console: Console, folder: Path, genesis: Genesis, governors: list[FoundedGovernor]
) -> None:
    lines = [f"genesis hash  {genesis.genesis_hash.hex()}"]
    lines += [f"governor      {g.governor.did}  {g.governor.name}" for g in governors]
    listed = [
        {
            "did": founded.governor.did,
            "name": founded.governor.name,
            "key_file": None if founded.key_file is None else str(founded.key_file),
        }
        for founded in governors
    ]
    console.show(
        "\n".join(lines),
        {
            "folder": str(folder),
            "network": genesis.network,
            "chain_id": genesis.chain_id,
            "genesis_hash": genesis.genesis_hash.hex(),
            "threshold": genesis.parameter(GOVERNANCE_THRESHOLD),
            "governors": listed,
        },
    )
    for founded in governors:
        if founded.key_file is not None:
            console.say(f"{founded.governor.name}: key in {founded.key_file}")
    console.say(
        "Readers need the genesis hash to know this registry. Give each governor its key file "
        f"and keep it nowhere else.\nNext: registry-chain start {quote(str(folder))}"
    )
