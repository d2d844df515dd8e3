"""`registry-chain migrate`: move a registry from one node to a network of many."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Final

import click

from registry_chain.cli.command import ChainCommand, ChainNoun, versioned
from registry_chain.cli.counting import counted
from registry_chain.cli.folder import FOLDER, NodeFolder
from registry_chain.cli.layout import Layout, layout_options
from registry_chain.cli.net import network_paths, write_network
from registry_chain.cli.node_proposals import admission_of, proposal_to_admit
from registry_chain.cli.undoing import leaving_nothing, require_empty
from registry_chain.engines.cometbft.founding import ChainEnd, comet_genesis, read_public_keys
from registry_chain.engines.cometbft.moving import moved_chain, node_records
from registry_chain.engines.cometbft.network import with_operators
from registry_chain.engines.cometbft.network_file import (
    COMET_GENESIS,
    NETWORK_FILE,
    NODES,
    read_network,
)
from registry_chain.snapshot import restore
from registry_chain.state_machine.genesis import Genesis
from registry_chain.storage.errors import StoreRefusedError
from weid.cli.output import Console, pass_console
from weid.errors import NotFoundError

_COMMANDS: Final = {
    "prepare": ("registry_chain.cli.migrate:prepare", "lay out the nodes that are to go on"),
    "finish": ("registry_chain.cli.migrate:finish", "give them the chain that was handed over"),
}
_WHERE: Final = "--as DID --key FILE --node URL --genesis HASH"


@click.group(cls=ChainNoun, commands_at=_COMMANDS)
@versioned
def migrate() -> None:
    """Move a registry from its one node to a network, with all its history.

    Identifiers, records, receipts and the genesis hash stay; clients follow by themselves. In
    between, the governors decide: they admit the nodes, and hand the registry over.
    """


@click.command(cls=ChainCommand)
@click.argument("source", metavar="DIR", type=FOLDER)
@click.argument("out", metavar="OUT", type=FOLDER)
@layout_options
@pass_console
def prepare(console: Console, *, source: Path, out: Path, layout: Layout) -> None:
    """Lay out in OUT the nodes to which the registry of the node in DIR is to move.

    DIR may go on running: only its genesis is read. What is printed are the proposals for the
    governors; after the last one, the hand-over, the old node makes no block any more.
    """
    genesis = _genesis_of_one(NodeFolder(source))
    require_empty(out, hint="name a new folder for the network")
    nodes = with_operators(layout.nodes(), ())
    with leaving_nothing(out, *network_paths(out)):
        listed = write_network(out, layout, nodes, genesis, comet=None)
    proposals = [proposal_to_admit(admission_of(node, genesis.network)) for node in nodes]
    proposals.append("registry-chain governance propose hand-over cometbft")
    console.show(
        "\n".join(proposals),
        {
            "network": genesis.network,
            "genesis_hash": genesis.genesis_hash.hex(),
            "nodes": [
                {
                    "name": node.plan.name,
                    "role": node.plan.role.value,
                    "folder": str(out / NODES / node.plan.name),
                    "node_id": node.node_id,
                    "validator_key": node.validator_key,
                    "power": node.plan.power,
                }
                for node in listed.nodes
            ],
            "proposals": proposals,
        },
    )
    console.say(
        f"{counted(len(nodes), 'node')} in {out}. Have the governors decide these, each with "
        f"{_WHERE}.\nThen stop the old node, and: registry-chain migrate finish "
        f"{quote(str(source))} {quote(str(out))}"
    )


@click.command(cls=ChainCommand)
@click.argument("source", metavar="DIR", type=FOLDER)
@click.argument("targets", metavar="OUT", type=FOLDER, nargs=-1, required=True)
@pass_console
def finish(console: Console, *, source: Path, targets: tuple[Path, ...]) -> None:
    """Give the chain of DIR, which was handed over, to the nodes in OUT.

    DIR is the stopped node or a backup of it. OUT is what `migrate prepare` laid out, or folders of
    single nodes, where each is carried out on its own host. Each node gets a verified copy of the
    chain, and CometBFT's genesis, which is the same whoever makes it.
    """
    old = NodeFolder(source)
    genesis = _genesis_of_one(old)
    store = old.open_store(reading=True)
    try:
        moved = moved_chain(store)
        names = {node.validator_key: node.name for node in node_records(store)}
        place = store.folder
    finally:
        store.close()
    comet = comet_genesis(genesis, names, moved=moved)
    folders = [folder for target in targets for folder in _folders(target)]
    votes = {folder: _votes(NodeFolder(folder), genesis, moved) for folder in folders}
    for folder in folders:
        node = NodeFolder(folder)
        node.genesis_file.write_bytes(genesis.to_json())
        restore(place, node.chain, expected_genesis_hash=genesis.genesis_hash)
        node.begun_file.touch()
        # Last: with it the node is complete.
        (node.comet / "config" / "genesis.json").write_bytes(comet)
        part = "votes" if votes[folder] else "does not vote: its key is no validator's"
        console.say(f"{folder} has the chain up to height {moved.height}; it {part}")
    for target in targets:
        if (target / NETWORK_FILE).exists():
            (target / COMET_GENESIS).write_bytes(comet)
    voting = moved.validators.validators
    console.show(
        f"last height   {moved.height}\nlast header   {moved.header_hash.hex()}\n"
        f"validators    {len(voting)}",
        {
            "height": moved.height,
            "header_hash": moved.header_hash.hex(),
            "app_hash": moved.app_hash.hex(),
            "validators": [validator.public_key.hex() for validator in voting],
            "nodes": [str(folder) for folder in folders],
        },
    )
    console.say(
        "Keep the old node's folder, and do not start it again: it would refuse.\n"
        "Next: registry-chain net start OUT, or registry-chain start on each node's host; more "
        "than two thirds of the votes must be there for a block."
    )


def _genesis_of_one(old: NodeFolder) -> Genesis:
    """Return the genesis of a registry that one node runs."""
    genesis = old.genesis()
    old.require_one_node()
    if old.comet.exists():
        raise StoreRefusedError(
            f"{old.path} is the folder of a node that runs on CometBFT already",
            hint="a new node joins by registry-chain net add-node",
        )
    return genesis


def _folders(target: Path) -> list[Path]:
    """Return the folders of nodes that a target means: all of a network, or itself."""
    if not (target / NETWORK_FILE).exists():
        return [target]
    listed = [target / NODES / node.plan.name for node in read_network(target).nodes]
    return [folder for folder in listed if folder.is_dir()]


def _votes(node: NodeFolder, genesis: Genesis, moved: ChainEnd) -> bool:
    """Require that a folder is of a node without a chain; return whether it is a validator's."""
    config = node.comet / "config"
    if not config.is_dir():
        raise NotFoundError(
            f"{node.path} is not the folder of a node of a network: it has no comet/config",
            hint="registry-chain migrate prepare makes it",
        )
    if node.chain.exists():
        raise StoreRefusedError(
            f"{node.path} has a chain already",
            hint="nothing was copied; if an earlier run was broken off, move its chain away first",
        )
    if node.genesis_file.exists() and node.genesis().genesis_hash != genesis.genesis_hash:
        raise StoreRefusedError(f"{node.path} is of another registry: its genesis.json says so")
    _, validator = read_public_keys(node.comet)
    return validator.raw in {one.public_key for one in moved.validators.validators}
