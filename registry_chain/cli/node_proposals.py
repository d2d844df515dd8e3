"""`registry-chain governance propose …`: what governance decides of nodes, rules and the engine."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote
from typing import TYPE_CHECKING, Final

import click

from registry_chain.cli.arguments import DID, HASH, NODE_ID, PROOF
from registry_chain.cli.command import ChainCommand
from registry_chain.cli.proposing import proposing
from weid import limits
from weid.crypto.signer import InMemorySigner
from weid.registry.headers import address
from weid.registry.node_operations import (
    AdmitNode,
    AssignOperator,
    ChangeNode,
    ConsensusEngine,
    HandOver,
    NodeRole,
    ReinstateNode,
    RemoveNode,
    RotateNodeKeys,
    ScheduleRules,
    SuspendNode,
)
from weid.registry.node_possession import with_proofs

if TYPE_CHECKING:
    from registry_chain.engines.cometbft.network import NetworkNode
    from weid.registry.operations import GovernedAction

_ROLE: Final = click.Choice([role.value for role in NodeRole])
_POWER: Final = click.IntRange(0, limits.VALIDATOR_POWER)
_DEFAULT_POWER: Final = 10
_NODE: Final = click.argument("node_id", metavar="NODE", type=NODE_ID)
_PROOFS: Final = click.option(
    "--proof",
    "proofs",
    type=PROOF,
    metavar="HEX",
    multiple=True,
    help="What its new keys signed, the node key first: as add-node and rotate-keys print it.",
)


def admission_of(node: NetworkNode, network: str) -> AdmitNode:
    """Return the operation that admits a node, with the proofs of its keys."""
    plan, keys = node.plan, node.keys
    votes = plan.role is NodeRole.VALIDATOR
    admission = AdmitNode(
        address(keys.node.public.raw),
        plan.role,
        plan.name,
        plan.operator,
        # An observer's key too: governance can give it a vote without asking for it again.
        b"" if plan.role is NodeRole.SENTRY else keys.validator.public.raw,
        plan.power if votes else 0,
        keys.node.public.raw,
    )
    signers = [InMemorySigner(keys.node), InMemorySigner(keys.validator)]
    return with_proofs(network, admission, signers)


def proposal_to_admit(admission: AdmitNode) -> str:
    """Return the command that proposes a node, but for who proposes it."""
    words = ["registry-chain governance propose admit-node", admission.node_id.hex()]
    words += [admission.role.value, quote(admission.name)]
    if admission.validator_key:
        words += ["--validator-key", admission.validator_key.hex()]
    if admission.power:
        words += ["--power", str(admission.power)]
    if admission.operator:
        words += ["--operator", admission.operator]
    words += ["--node-key", admission.node_key.hex()]
    return " ".join([*words, *proof_words(admission.proofs)])


def proof_words(proofs: Sequence[bytes]) -> list[str]:
    """Return the options by which a command is given proofs."""
    return [word for proof in proofs for word in ("--proof", proof.hex())]


@click.command(name="admit-node", cls=ChainCommand)
@_NODE
@click.argument("role", type=_ROLE)
@click.argument("name")
@click.option("--operator", type=DID, metavar="DID", help="The DID that answers for the node.")
@click.option("--validator-key", type=HASH, metavar="HEX", help="Its Ed25519 key for votes.")
@click.option("--power", type=_POWER, help="Voting power.  [default: 10 for a validator]")
@click.option("--node-key", type=HASH, metavar="HEX", required=True, help="The key behind NODE.")
@_PROOFS
@proposing
def admit_node(  # noqa: PLR0913 - the options of the command
    *,
    node_id: bytes,
    role: str,
    name: str,
    operator: str | None,
    validator_key: bytes | None,
    power: int | None,
    node_key: bytes,
    proofs: tuple[bytes, ...],
) -> GovernedAction:
    """Admit the node NODE (its node id) as ROLE, under the name NAME.

    The node's keys have signed for this id, validator key, role and operator, and the registry
    refuses others: `net add-node` prints the whole proposal, and `net prove-keys` one for another
    role or operator. Name and power may be changed.
    """
    votes = role == NodeRole.VALIDATOR
    if votes and validator_key is None:
        raise click.UsageError("a validator votes with a key: --validator-key is missing")
    if not votes and power:
        raise click.UsageError("only a validator has voting power")
    if power is None:
        power = _DEFAULT_POWER if votes else 0
    _require_power(NodeRole(role), power)
    _require_name(name)
    return AdmitNode(
        node_id,
        NodeRole(role),
        name,
        operator or "",
        validator_key or b"",
        power,
        node_key,
        proofs,
    )


@click.command(name="change-node", cls=ChainCommand)
@_NODE
@click.option("--role", type=_ROLE, help="What it is from now on.")
@click.option("--power", type=_POWER, help="Voting power of a validator.")
@click.option("--name", help="Its name.")
@click.option("--operator", type=DID, metavar="DID", help="The DID that answers for it.")
@click.option("--no-operator", is_flag=True, help="Nobody but the governors answers for it.")
@proposing
def change_node(
    *,
    node_id: bytes,
    role: str | None,
    power: int | None,
    name: str | None,
    operator: str | None,
    no_operator: bool,
) -> GovernedAction:
    """Change role, power or name of a node, or its operator; the rest stays.

    Its operator may give a node other keys without the governors, as for a node that was admitted
    with one. It is a proposal of its own.
    """
    others = any(given is not None for given in (role, power, name))
    if operator is not None or no_operator:
        if others or (operator is not None and no_operator):
            raise click.UsageError(
                "one proposal changes the operator, another one the rest: "
                "give --operator or --no-operator alone"
            )
        return AssignOperator(node_id, operator or "")
    if not others:
        raise click.UsageError("nothing to change: give --role, --power, --name or --operator")
    if role is not None and power is not None:
        _require_power(NodeRole(role), power)
    if name is not None:
        _require_name(name)
    return ChangeNode(node_id, None if role is None else NodeRole(role), power, name)


def _require_power(role: NodeRole, power: int) -> None:
    if (role is NodeRole.VALIDATOR) != (power > 0):
        raise click.UsageError("a validator has a power above 0, and no other node has any")


def _require_name(name: str) -> None:
    # The chain would refuse it only when the last governor approves.
    if not name or name.strip() != name:
        raise click.UsageError("a node has a name, without blanks at its ends")


@click.command(name="suspend-node", cls=ChainCommand)
@_NODE
@proposing
def suspend_node(*, node_id: bytes) -> GovernedAction:
    """Shut a node out until it is reinstated."""
    return SuspendNode(node_id)


@click.command(name="reinstate-node", cls=ChainCommand)
@_NODE
@proposing
def reinstate_node(*, node_id: bytes) -> GovernedAction:
    """Let a suspended node in again."""
    return ReinstateNode(node_id)


@click.command(name="remove-node", cls=ChainCommand)
@_NODE
@proposing
def remove_node(*, node_id: bytes) -> GovernedAction:
    """Shut a node out for ever; its id and keys cannot come back."""
    return RemoveNode(node_id)


@click.command(name="rotate-node-keys", cls=ChainCommand)
@_NODE
@click.option("--new-id", type=NODE_ID, metavar="NODE", help="The node id of its new node key.")
@click.option("--validator-key", type=HASH, metavar="HEX", help="Its new Ed25519 key for votes.")
@click.option("--node-key", type=HASH, metavar="HEX", help="The new key behind --new-id.")
@_PROOFS
@proposing
def rotate_node_keys(
    *,
    node_id: bytes,
    new_id: bytes | None,
    validator_key: bytes | None,
    node_key: bytes | None,
    proofs: tuple[bytes, ...],
) -> GovernedAction:
    """Give a node another id, another validator key, or both.

    The new keys have signed for this node, and the registry refuses others: `net rotate-keys`
    prints the whole proposal.
    """
    if new_id is None and validator_key is None:
        raise click.UsageError("nothing to change: give --new-id or --validator-key")
    if (new_id is None) != (node_key is None):
        raise click.UsageError("--new-id and --node-key belong together")
    return RotateNodeKeys(node_id, new_id or b"", validator_key or b"", node_key or b"", proofs)


@click.command(name="schedule-rules", cls=ChainCommand)
@click.argument("version", type=click.IntRange(1))
@click.argument("height", type=click.IntRange(0))
@proposing
def schedule_rules(*, version: int, height: int) -> GovernedAction:
    """Put VERSION of the rules in force from block HEIGHT on, in place of what was scheduled.

    Every node must have software with that version before then: one that does not stops at that
    height. HEIGHT is at least 20 blocks ahead, also at the last approval. The version that is in
    force, with height 0, takes back what was scheduled.
    """
    return ScheduleRules(version, height)


@click.command(name="hand-over", cls=ChainCommand)
@click.argument("engine", type=click.Choice([engine.value for engine in ConsensusEngine]))
@proposing
def hand_over(*, engine: str) -> GovernedAction:
    """Hand the chain over to ENGINE, run by the validators among the nodes; it cannot be undone."""
    return HandOver(ConsensusEngine(engine))


NODE_PROPOSALS: Final = (
    admit_node,
    change_node,
    suspend_node,
    reinstate_node,
    remove_node,
    rotate_node_keys,
    schedule_rules,
    hand_over,
)
"""The commands, in the order of a node's life."""
