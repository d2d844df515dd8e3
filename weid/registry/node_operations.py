"""What governance decides of a network's nodes, of the rules and of the engine, as frozen values.

Kinds of operation like those in `weid.registry.operations`, whose table gives them their numbers.
A node id is the first 20 bytes of the SHA-256 of the node's Ed25519 public key; a validator key is
the raw Ed25519 key (32 bytes) with which a node votes for blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class NodeRole(StrEnum):
    """What a node is in the network."""

    VALIDATOR = "validator"
    """Votes for blocks, with the power that governance gives it."""
    OBSERVER = "observer"
    """Follows the chain and serves it: an auditor, a regulator."""
    SENTRY = "sentry"
    """Stands before a validator, which is not reached directly."""


class ConsensusEngine(StrEnum):
    """An engine to which a chain can be handed over."""

    COMETBFT = "cometbft"


@dataclass(frozen=True, slots=True)
class AdmitNode:
    """Admit a node to the network.

    `operator` is the DID that answers for it, or empty; `validator_key` is empty for a node that
    never votes. `power` is above zero for a validator and 0 for every other. `node_key` is the raw
    Ed25519 key behind the node id; in `proofs` that key, and then the validator key if there is
    one, sign that they are to enter in this way: see `weid.registry.node_possession`.
    """

    node_id: bytes
    role: NodeRole
    name: str
    operator: str = ""
    validator_key: bytes = b""
    power: int = 0
    node_key: bytes = b""
    proofs: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class ChangeNode:
    """Change a node's role, power or name; None leaves what is there.

    A node that is a validator no longer loses its power, also where `power` is None. Its operator
    is changed by `AssignOperator`.
    """

    node_id: bytes
    role: NodeRole | None = None
    power: int | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class SuspendNode:
    """Shut an active node out until it is reinstated."""

    node_id: bytes


@dataclass(frozen=True, slots=True)
class ReinstateNode:
    """Let a suspended node in again."""

    node_id: bytes


@dataclass(frozen=True, slots=True)
class RemoveNode:
    """Shut a node out for ever; its id and its keys are not admitted again."""

    node_id: bytes


@dataclass(frozen=True, slots=True)
class RotateNodeKeys:
    """Give a node another id, another validator key, or both; empty leaves what is there.

    By governance, or by the controllers of the node's operator. `new_node_key` is the raw Ed25519
    key behind the new id, empty without one; in `proofs` that key, and then the new validator key,
    each where it is given, sign that they follow: see `weid.registry.node_possession`.
    """

    node_id: bytes
    new_node_id: bytes = b""
    new_validator_key: bytes = b""
    new_node_key: bytes = b""
    proofs: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class AssignOperator:
    """Name the DID that answers for a node, such as for one of the founding; empty: nobody."""

    node_id: bytes
    operator: str


@dataclass(frozen=True, slots=True)
class ScheduleRules:
    """Put a version of the rules in force from a height on.

    It takes the place of what was scheduled before. The version that is in force, with height 0,
    takes back what was scheduled.
    """

    rules_version: int
    height: int


@dataclass(frozen=True, slots=True)
class HandOver:
    """Hand the chain over to another engine after this block; it happens once."""

    engine: ConsensusEngine = ConsensusEngine.COMETBFT


NodeAction: TypeAlias = (
    AdmitNode
    | ChangeNode
    | SuspendNode
    | ReinstateNode
    | RemoveNode
    | RotateNodeKeys
    | AssignOperator
    | ScheduleRules
    | HandOver
)
"""What governance decides of nodes, rules and engine."""
