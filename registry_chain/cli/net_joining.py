"""`registry-chain net add-node`: the folder of a node that joins a network."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import click

from registry_chain.cli.arguments import DID
from registry_chain.cli.command import ChainCommand
from registry_chain.cli.folder import FOLDER
from registry_chain.cli.node_proposals import admission_of, proposal_to_admit
from registry_chain.cli.undoing import leaving_nothing
from registry_chain.engines.cometbft.configuration import StateSync
from registry_chain.engines.cometbft.deployment import systemd_unit, write_deployment
from registry_chain.engines.cometbft.founding import NodeKeys
from registry_chain.engines.cometbft.network import (
    API_PORT,
    P2P_PORT,
    PORTS_FOR_EACH,
    RPC_PORT,
    NetworkNode,
    PlannedNode,
    check_plan,
    lay_out_node,
    settings_of,
)
from registry_chain.engines.cometbft.network_file import (
    COMET_GENESIS,
    NETWORK_FILE,
    NODES,
    ListedNode,
    NetworkFile,
    read_network,
    same_machine,
)
from registry_chain.storage.whole_file import replace_file
from weid.cli.output import Console, pass_console
from weid.errors import MalformedError
from weid.registry.node_operations import NodeRole

_PORT = click.IntRange(1, 65535)


_Command = TypeVar("_Command", bound=Callable[..., object])


def state_sync_options(command: _Command) -> _Command:
    """Add the options by which a node begins with a snapshot; see `to_state_sync`."""
    height = click.option(
        "--trust-height", type=click.IntRange(1), default=None, help="Begin with a snapshot."
    )
    block_hash = click.option(
        "--trust-hash", default=None, metavar="HEX", help="Hash of the header there."
    )
    servers = click.option(
        "--rpc-server", "servers", multiple=True, help="Who gives headers; twice at least."
    )
    return height(block_hash(servers(command)))


@click.command(name="add-node", cls=ChainCommand)
@click.argument("network", metavar="NETWORK", type=FOLDER)
@click.argument("name", metavar="NAME")
@click.option(
    "--role",
    type=click.Choice([NodeRole.VALIDATOR.value, NodeRole.OBSERVER.value]),
    default=NodeRole.OBSERVER.value,
    show_default=True,
    help="What governors are to admit it as.",
)
@click.option(
    "--out", type=FOLDER, default=None, help="Its folder (default: nodes/NAME in NETWORK)."
)
@click.option("--address", default=None, help="Where peers reach it; not needed on one machine.")
@click.option("--p2p-port", type=_PORT, default=P2P_PORT, show_default=True, help="Same.")
@click.option("--operator", type=DID, metavar="DID", help="The DID that is to answer for it.")
@state_sync_options
@pass_console
def add_node(  # noqa: PLR0913 - the options of the command
    console: Console,
    *,
    network: Path,
    name: str,
    role: str,
    out: Path | None,
    address: str | None,
    p2p_port: int,
    operator: str | None,
    trust_height: int | None,
    trust_hash: str | None,
    servers: tuple[str, ...],
) -> None:
    """Make the folder of the node NAME, which joins the network in NETWORK.

    Run it where the node is to be, with the public files of the network (network.json,
    genesis.json, comet-genesis.json): its private keys are made there and never leave. Peers let it
    in once governors have admitted its node id, which is printed with the proposal to make. Its
    keys sign for role and operator; for others, `net prove-keys` prints another proposal.
    """
    listed = read_network(network)
    sync = to_state_sync(trust_height, trust_hash, servers)
    plan = _plan(listed, name, NodeRole(role), address, p2p_port)
    plan = replace(plan, operator=operator or "")
    check_plan([*(node.plan for node in listed.nodes), plan])
    folder = out or network / NODES / name
    node = NetworkNode(plan, NodeKeys.generate(secrets.token_bytes))
    settings = settings_of(
        node, [*listed.nodes, node], block_time=listed.block_time, state_sync=sync
    )
    public = {
        "genesis.json": _read(network / "genesis.json"),
        "comet/config/genesis.json": _read(network / COMET_GENESIS),
    }
    with leaving_nothing(folder):
        lay_out_node(folder, node.keys, settings, public)
        (folder / f"weid-{name}.service").write_text(systemd_unit(plan), encoding="ascii")
        if plan.one_machine and out is None:
            _enter(network, listed, ListedNode.of(node))
    _show(console, folder, node, listed)


def _plan(
    listed: NetworkFile, name: str, role: NodeRole, address: str | None, p2p_port: int
) -> PlannedNode:
    if address is not None:
        return PlannedNode(
            name=name,
            role=role,
            address=address,
            p2p_port=p2p_port,
            rpc_port=RPC_PORT,
            api_port=API_PORT,
        )
    if not same_machine(listed.nodes):
        raise click.UsageError("--address is missing: where do peers reach the node?")
    last = max((node.plan for node in listed.nodes), key=lambda plan: plan.p2p_port)
    return replace(
        last,
        name=name,
        role=role,
        address="127.0.0.1",
        operator="",
        sentries=(),
        p2p_port=last.p2p_port + PORTS_FOR_EACH,
        rpc_port=last.rpc_port + PORTS_FOR_EACH,
        api_port=last.api_port + PORTS_FOR_EACH,
    )


def to_state_sync(
    height: int | None, block_hash: str | None, servers: tuple[str, ...]
) -> StateSync | None:
    """Return what the options of `state_sync_options` say, None where none was given."""
    if height is None and block_hash is None and not servers:
        return None
    if height is None or block_hash is None:
        raise click.UsageError("--trust-height, --trust-hash and --rpc-server belong together")
    return StateSync(height=height, block_hash=block_hash, rpc_servers=servers)


def _enter(network: Path, listed: NetworkFile, node: ListedNode) -> None:
    """Add a node of this machine to the list, so that `net start` runs it too."""
    entered = replace(listed, nodes=(*listed.nodes, node))
    write_deployment(network, [each.plan for each in entered.nodes])
    replace_file(network / NETWORK_FILE, entered.to_json(), durable=True)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MalformedError(
            f"{path} cannot be read: {error.strerror}",
            hint="get it from where the network was laid out; it is public",
        ) from None


def _show(console: Console, folder: Path, node: NetworkNode, listed: NetworkFile) -> None:
    role, validator_key = node.plan.role, node.keys.validator.public.raw.hex()
    proposal = proposal_to_admit(admission_of(node, listed.network))
    lines = [f"node id        {node.id}", f"validator key  {validator_key}"]
    console.show(
        "\n".join([*lines, f"folder         {folder}"]),
        {
            "name": node.plan.name,
            "role": role.value,
            "folder": str(folder),
            "node_id": node.id,
            "validator_key": validator_key,
            "p2p": node.plan.reached_at,
            "proposal": proposal,
        },
    )
    where = "--node URL"
    if same_machine(listed.nodes):
        where = f"--node {listed.nodes[0].plan.api} --unsafe-loopback-http"
    console.say(
        f"A governor proposes it: {proposal} --as DID --key FILE {where} "
        f"--genesis {listed.genesis_hash}"
    )
    _warn(console, node.plan, listed)


def _warn(console: Console, plan: PlannedNode, listed: NetworkFile) -> None:
    """Say what stands in the way of a node at an address of its own."""
    if plan.one_machine:
        return
    if same_machine(listed.nodes):
        console.say(
            f"Warning: the other nodes listen at {listed.nodes[0].plan.address} only: on another "
            "host this one reaches none of them. Leave out --address for a node on this machine; "
            "for several hosts lay out a network with net init --hosts."
        )
        return
    beside = [n.plan.name for n in listed.nodes if n.plan.address == plan.address]
    if beside:
        console.say(
            f"Warning: {', '.join(beside)} is at {plan.address} too: peers let both in only with "
            "allow_duplicate_ip = true in comet/config/config.toml of every node."
        )
