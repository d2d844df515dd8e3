"""`registry-chain net prove-keys`: the proposal to admit a node whose folder is there already."""

from __future__ import annotations

from pathlib import Path

import click

from registry_chain.cli.arguments import DID
from registry_chain.cli.command import ChainCommand
from registry_chain.cli.folder import FOLDER, NodeFolder
from registry_chain.cli.node_proposals import admission_of, proposal_to_admit
from registry_chain.engines.cometbft.founding import read_private_keys
from registry_chain.engines.cometbft.network import NetworkNode, PlannedNode
from weid import limits
from weid.cli.output import Console, pass_console
from weid.errors import NotFoundError
from weid.registry.node_operations import NodeRole


@click.command(name="prove-keys", cls=ChainCommand)
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.argument("name", metavar="NAME")
@click.option(
    "--role",
    type=click.Choice([role.value for role in NodeRole]),
    default=NodeRole.OBSERVER.value,
    show_default=True,
    help="What governors are to admit it as.",
)
@click.option("--operator", type=DID, metavar="DID", help="The DID that is to answer for it.")
@click.option(
    "--power",
    type=click.IntRange(1, limits.VALIDATOR_POWER),
    default=10,
    show_default=True,
    help="Voting power of a validator.",
)
@pass_console
def prove_keys(
    console: Console, *, folder: Path, name: str, role: str, operator: str | None, power: int
) -> None:
    """Print the proposal to admit the node in DIR under NAME, with the proofs of its keys.

    Its keys sign that they are to be admitted to this network with this role and operator; the
    registry takes neither another's keys nor these for anything else. Nothing is changed, and the
    node may be running.
    """
    node = NodeFolder(folder)
    node.require_one_node()
    if not node.comet.is_dir():
        raise NotFoundError(
            f"{folder} is not the folder of a node of a network",
            hint="registry-chain net add-node makes one",
        )
    plan = PlannedNode(
        name=name, role=NodeRole(role), address="127.0.0.1", operator=operator or "", power=power
    )
    admission = admission_of(
        NetworkNode(plan, read_private_keys(node.comet)), node.genesis().network
    )
    proposal = proposal_to_admit(admission)
    console.show(
        proposal,
        {
            "node_id": admission.node_id.hex(),
            "validator_key": admission.validator_key.hex(),
            "proposal": proposal,
        },
    )
    console.say("A governor proposes it, with --as DID --key FILE --node URL --genesis HASH.")
