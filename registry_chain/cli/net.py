"""`registry-chain net`: lay out a network of several nodes, and run one on this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

import click

from registry_chain.cli.command import ChainCommand, ChainNoun, versioned
from registry_chain.cli.council import called_council, governor_options, rules_options
from registry_chain.cli.counting import counted
from registry_chain.cli.folder import FOLDER
from registry_chain.cli.founding import FoundedGovernor, create_governors, new_chain_id
from registry_chain.cli.layout import Layout, layout_options
from registry_chain.cli.undoing import leaving_nothing, require_empty
from registry_chain.engines.cometbft.deployment import COMPOSE_FILE, can_compose, write_deployment
from registry_chain.engines.cometbft.founding import comet_genesis
from registry_chain.engines.cometbft.network import (
    NetworkNode,
    lay_out_node,
    settings_of,
    with_operators,
)
from registry_chain.engines.cometbft.network_file import (
    COMET_GENESIS,
    NETWORK_FILE,
    NODES,
    ListedNode,
    NetworkFile,
)
from registry_chain.state_machine.genesis import Genesis, GenesisValidator
from registry_chain.state_machine.genesis_nodes import GenesisNode
from registry_chain.state_machine.parameters import GOVERNANCE_THRESHOLD
from weid.cli.output import Console, pass_console
from weid.clock import Clock, SystemClock
from weid.did.syntax import check_network
from weid.registry.node_operations import NodeRole

_COMMANDS = {
    "init": ("registry_chain.cli.net:init", "lay out a network: genesis, a folder for each node"),
    "add-node": ("registry_chain.cli.net_joining:add_node", "make the folder of one more node"),
    "prove-keys": ("registry_chain.cli.net_proving:prove_keys", "print a node's proposal again"),
    "rotate-keys": ("registry_chain.cli.net_keys:rotate_keys", "give a node new keys"),
    "rejoin": ("registry_chain.cli.net_rejoining:rejoin", "set a node up anew from the network"),
    "start": ("registry_chain.cli.net_running:start", "run all nodes on this machine"),
    "stop": ("registry_chain.cli.net_running:stop", "stop them in order"),
    "status": ("registry_chain.cli.net_running:status", "say where each node stands"),
}


@click.group(cls=ChainNoun, commands_at=_COMMANDS)
@versioned
def net() -> None:
    """Lay out and run a registry of several nodes.

    Each node has a folder of its own with its own keys; they agree on blocks through CometBFT.
    """


@click.command(cls=ChainCommand)
@click.argument("out", metavar="OUT", type=FOLDER)
@click.option("--network", required=True, help="Name of the network, part of every DID.")
@layout_options
@governor_options
@rules_options
@pass_console
def init(  # noqa: PLR0913 - the options of the command
    console: Console,
    *,
    out: Path,
    network: str,
    layout: Layout,
    named: tuple[str, ...],
    count: int | None,
    threshold: int | None,
    keys_out: Path | None,
    passphrase_file: Path | None,
    chain_id: str | None,
    open_did_creation: bool,
    allow_loopback_http: bool,
) -> None:
    """Lay out a network in OUT, which must be new or empty.

    Makes one genesis and a complete folder for each node, with its keys, to be carried to its host
    whole; a systemd unit for each, and a compose file unless they are on several hosts. Example,
    four nodes on this machine:

    \b
      registry-chain net init net --network example --validators 4 --governors 3 \\
          --keys-out governors --passphrase-file secret.txt
      registry-chain net start net

    A list of hosts has a table for each node, with name, role and address, and may have operator,
    power, sentries, p2p_port, rpc_port, api_port and api_host. An operator is a DID or the name of
    a governor, and may give the node other keys without asking the governors:

    \b
      [[node]]
      name = "north"
      role = "validator"
      address = "10.0.0.1"
      operator = "Governor 1"
    """  # noqa: D301 - click's mark for text that keeps its lines
    check_network(network)
    require_empty(out, hint="name a new folder for the network")
    nodes = layout.nodes()
    council = called_council(
        named=named,
        count=count,
        threshold=threshold,
        keys_out=keys_out,
        passphrase_file=passphrase_file,
        open_did_creation=open_did_creation,
        allow_loopback_http=allow_loopback_http,
    )
    with leaving_nothing(out, *network_paths(out), *council.made):
        governors = create_governors(
            council.founders, council.files, network=network, passphrase=council.passphrase
        )
        nodes = with_operators(
            nodes, [(each.governor.name, each.governor.did) for each in governors]
        )
        genesis = found_genesis(
            nodes,
            governors,
            network=network,
            chain_id=chain_id or new_chain_id(network),
            parameters=council.parameters,
            clock=SystemClock(),
        )
        names = {node.keys.validator.public.raw: node.plan.name for node in nodes}
        listed = write_network(out, layout, nodes, genesis, comet=comet_genesis(genesis, names))
    _show(console, out, listed, governors, genesis)


def network_paths(out: Path) -> list[Path]:
    """Return what `write_network` writes."""
    names = (NETWORK_FILE, "genesis.json", COMET_GENESIS, NODES, "systemd", COMPOSE_FILE)
    return [out / name for name in names]


def write_network(
    out: Path,
    layout: Layout,
    nodes: Sequence[NetworkNode],
    genesis: Genesis,
    *,
    comet: bytes | None,
) -> NetworkFile:
    """Write the folder of each node, and what is public of the network; return the list of nodes.

    `comet` is CometBFT's genesis; None where it is not known yet.
    """
    listed = NetworkFile(
        network=genesis.network,
        chain_id=genesis.chain_id,
        genesis_hash=genesis.genesis_hash.hex(),
        block_time=layout.block_time,
        nodes=tuple(ListedNode.of(node) for node in nodes),
    )
    public = {"genesis.json": genesis.to_json()}
    if comet is not None:
        public["comet/config/genesis.json"] = comet
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    for node in nodes:
        settings = settings_of(
            node, nodes, block_time=layout.block_time, prometheus=layout.prometheus
        )
        lay_out_node(out / NODES / node.plan.name, node.keys, settings, public)
    write_deployment(out, [node.plan for node in nodes])
    if comet is not None:
        (out / COMET_GENESIS).write_bytes(comet)
    (out / "genesis.json").write_bytes(genesis.to_json())
    (out / NETWORK_FILE).write_bytes(listed.to_json())
    return listed


def found_genesis(
    nodes: Sequence[NetworkNode],
    governors: Sequence[FoundedGovernor],
    *,
    network: str,
    chain_id: str,
    parameters: dict[str, int],
    clock: Clock,
) -> Genesis:
    """Return the genesis that admits these nodes, of whom the validators vote.

    Raises:
        MalformedError: the genesis cannot be, with the member that is wrong.
    """
    admitted = tuple(_genesis_node(node) for node in nodes)
    return Genesis(
        network=network,
        chain_id=chain_id,
        genesis_time=clock.now(),
        governors=tuple(founded.governor for founded in governors),
        validators=tuple(
            GenesisValidator(node.validator_key, node.power)
            for node in admitted
            if node.role is NodeRole.VALIDATOR
        ),
        parameters=parameters,
        nodes=admitted,
    )


def _genesis_node(node: NetworkNode) -> GenesisNode:
    votes = node.plan.role is NodeRole.VALIDATOR
    # An observer's key is listed too: governance can give it a vote without asking for it again.
    listed = node.plan.role is not NodeRole.SENTRY
    return GenesisNode(
        node_id=bytes.fromhex(node.id),
        role=node.plan.role,
        name=node.plan.name,
        operator=node.plan.operator,
        validator_key=node.keys.validator.public.raw if listed else b"",
        power=node.plan.power if votes else 0,
    )


def _show(
    console: Console,
    out: Path,
    network: NetworkFile,
    governors: Sequence[FoundedGovernor],
    genesis: Genesis,
) -> None:
    lines = [f"genesis hash  {network.genesis_hash}"]
    lines += [f"governor      {each.governor.did}  {each.governor.name}" for each in governors]
    lines += [
        f"node          {node.node_id}  {node.plan.name}, {node.plan.role.value}, "
        f"{node.plan.reached_at}"
        for node in network.nodes
    ]
    console.show(
        "\n".join(lines),
        {
            "folder": str(out),
            "network": network.network,
            "chain_id": network.chain_id,
            "genesis_hash": network.genesis_hash,
            "threshold": genesis.parameter(GOVERNANCE_THRESHOLD),
            "governors": [
                {
                    "did": each.governor.did,
                    "name": each.governor.name,
                    "key_file": None if each.key_file is None else str(each.key_file),
                }
                for each in governors
            ],
            "nodes": [
                {
                    "name": node.plan.name,
                    "role": node.plan.role.value,
                    "folder": os.fspath(out / NODES / node.plan.name),
                    "node_id": node.node_id,
                    "validator_key": node.validator_key,
                    "p2p": node.plan.reached_at,
                    "api": node.plan.api,
                }
                for node in network.nodes
            ],
        },
    )
    for each in governors:
        if each.key_file is not None:
            console.say(f"{each.governor.name}: key in {each.key_file}")
    console.say(
        "Readers need the genesis hash to know this registry. Give each governor its key file "
        "and keep it nowhere else."
    )
    plans = [node.plan for node in network.nodes]
    console.say("APIs will be at:")
    for plan in plans:
        console.say(f"  {plan.name}: {plan.api}")
    here = all(plan.one_machine for plan in plans)
    if not can_compose(plans):
        console.say(
            f"No {COMPOSE_FILE}: one file does not run several hosts; units are in {out}/systemd."
        )
    console.say(
        f"{counted(len(network.nodes), 'node')}. "
        + (
            f"Run them: registry-chain net start {quote(str(out))}"
            if here
            else f"Carry each folder in {out / NODES} whole to its host, by a way that nobody else "
            "reads, and delete it here: its keys must be in one place only."
        )
    )
