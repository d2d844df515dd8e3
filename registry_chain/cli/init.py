"""`registry-chain init`: found a registry."""

from __future__ import annotations

from pathlib import Path

import click

from registry_chain.cli.command import ChainCommand
from registry_chain.cli.counting import counted
from registry_chain.cli.folder import FOLDER, NodeFolder
from registry_chain.cli.founding import (
    FoundedGovernor,
    Founder,
    create_governors,
    found_registry,
    key_files,
)
from registry_chain.cli.undoing import leaving_nothing
from registry_chain.state_machine.genesis import Genesis
from registry_chain.state_machine.parameters import (
    ALLOW_LOOPBACK_HTTP,
    GOVERNANCE_THRESHOLD,
    OPEN_DID_CREATION,
)
from weid.cli.output import Console, pass_console
from weid.cli.passphrases import passphrase_option, read_passphrase
from weid.clock import SystemClock
from weid.did.syntax import check_network
from weid.errors import MalformedError


@click.command(cls=ChainCommand)
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--network", required=True, help="Name of the network, part of every DID.")
@click.option(
    "--governor",
    "named",
    multiple=True,
    metavar="NAME[=KEY]",
    help="A first governor; KEY (Multikey, z6Mk…) where it made its key itself.",
)
@click.option(
    "--governors", "count", type=click.IntRange(1, 64), help="Make so many governors here."
)
@click.option(
    "--threshold",
    type=click.IntRange(1, 64),
    default=None,
    help="Governors who must approve a proposal (default: more than half).",
)
@click.option(
    "--keys-out",
    type=FOLDER,
    default=None,
    help="Folder for the key files of governors made here; best on another disk.",
)
@passphrase_option
@click.option("--encrypt-sealing-key", is_flag=True, help="Encrypt it with the same passphrase.")
@click.option("--chain-id", default=None, help="Name of the chain in block headers.")
@click.option("--open-did-creation", is_flag=True, help="Let anybody register a DID.")
@click.option("--allow-loopback-http", is_flag=True, help="Let records name http://localhost.")
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
    if folder.exists() and any(folder.iterdir()):
        raise MalformedError(
            f"{folder} is not empty", hint="name a new folder: a registry is founded once"
        )
    founders = [Founder.parse(text) for text in named]
    founders += [Founder(f"Governor {number}") for number in range(1, (count or 0) + 1)]
    founders = founders or [Founder("Governor 1")]
    made_here = any(founder.public_key is None for founder in founders)
    if made_here and keys_out is None:
        raise click.UsageError(
            "--keys-out is missing: the governors' keys need a place. A governor who makes its "
            "key itself (weid key generate) is named with --governor NAME=KEY."
        )
    needed = made_here or encrypt_sealing_key
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
    node = NodeFolder(folder)
    files = key_files(founders, keys_out or Path())
    made = [path for path in files if path is not None]
    with leaving_nothing(folder, node.sealing_key, node.genesis_file, *made):
        governors = create_governors(founders, files, network=network, passphrase=passphrase)
        genesis = found_registry(
            node,
            governors,
            network=network,
            chain_id=chain_id,
            parameters=parameters,
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
        f"and keep it nowhere else.\nNext: registry-chain start {folder}"
    )
