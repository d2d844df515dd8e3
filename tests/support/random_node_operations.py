"""Operations on nodes, rules and engine, mostly such that the rules carry them out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, TypeVar

from tests.support.random_world import Maker, Member, RandomWorld
from tests.support.scripted_chain import NETWORK
from weid.registry.headers import address
from weid.registry.node_operations import (
    AdmitNode,
    AssignOperator,
    ChangeNode,
    HandOver,
    NodeRole,
    ReinstateNode,
    RemoveNode,
    RotateNodeKeys,
    ScheduleRules,
    SuspendNode,
)
from weid.registry.node_possession import entering_keys, node_keys_message
from weid.registry.records import DidRecord

_Entering = TypeVar("_Entering", AdmitNode, RotateNodeKeys)
FAR: Final = 10**9
"""A height that no history reaches: the software of today has no newer rules."""


NODES: Final = 40


def _node_key(world: RandomWorld) -> bytes:
    """Return the key of one of a few nodes, so that they are often met again."""
    if not world.nodes:
        world.nodes.extend(world.key() for _ in range(NODES))
    return world.random.choice(world.nodes)


def _node_id(world: RandomWorld) -> bytes:
    return address(_node_key(world))


def _proved(world: RandomWorld, operation: _Entering) -> _Entering:
    """Return an operation with the proofs of its keys, mostly in order."""
    message = node_keys_message(NETWORK, operation)
    if world.chance(0.03):
        message += b"?"
    return replace(
        operation, proofs=tuple(world.sign(key, message) for key in entering_keys(operation))
    )


def _validator(world: RandomWorld, role: NodeRole | None) -> tuple[bytes, int]:
    """Return a validator key and a power, mostly as a role has them."""
    votes = role is NodeRole.VALIDATOR
    if world.chance(0.05):
        votes = not votes
    return (_voting_key(world), world.random.randrange(1, 20)) if votes else (b"", 0)


def _voting_key(world: RandomWorld) -> bytes:
    """Return a new validator key, or one that another node has or had."""
    if not world.voting or world.chance(0.8):
        world.voting.append(world.key())
    return world.random.choice(world.voting[-3:])


def admit_node(world: RandomWorld, _: Member, __: DidRecord | None) -> AdmitNode:
    role = world.random.choice((NodeRole.VALIDATOR, *NodeRole))
    operator = world.random.choice((*world.governing, world.somebody())).did
    key, power = _validator(world, role)
    node_name = world.random.choice(("North", "南"))
    node_key = _node_key(world)
    operator = operator if world.chance(0.8) else ""
    return _proved(
        world, AdmitNode(address(node_key), role, node_name, operator, key, power, node_key)
    )


def change_node(world: RandomWorld, _: Member, __: DidRecord | None) -> ChangeNode:
    role = world.random.choice((None, *NodeRole))
    power = world.random.randrange(1, 20) if world.chance(0.5) else None
    if role is NodeRole.VALIDATOR:
        power = world.random.randrange(1, 20)
    node_name = world.random.choice((None, "East", "West"))
    return ChangeNode(_node_id(world), role, power, node_name)


def suspend_node(world: RandomWorld, _: Member, __: DidRecord | None) -> SuspendNode:
    return SuspendNode(_node_id(world))


def reinstate_node(world: RandomWorld, _: Member, __: DidRecord | None) -> ReinstateNode:
    return ReinstateNode(_node_id(world))


def remove_node(world: RandomWorld, _: Member, __: DidRecord | None) -> RemoveNode:
    return RemoveNode(_node_id(world))


def rotate_node(world: RandomWorld, _: Member, __: DidRecord | None) -> RotateNodeKeys:
    node_key = _node_key(world) if world.chance(0.3) else b""
    new_id = address(node_key) if node_key else b""
    voting = _voting_key(world) if world.chance(0.6) else b""
    return _proved(world, RotateNodeKeys(_node_id(world), new_id, voting, node_key))


def assign_operator(world: RandomWorld, _: Member, __: DidRecord | None) -> AssignOperator:
    operator = world.random.choice((*world.governing, world.somebody())).did
    return AssignOperator(_node_id(world), operator if world.chance(0.8) else "")


def schedule_rules(world: RandomWorld, _: Member, __: DidRecord | None) -> ScheduleRules:
    version = world.random.randrange(1, 4)
    return ScheduleRules(version, world.random.choice((0, 5, FAR + world.random.randrange(9))))


def hand_over(_: RandomWorld, __: Member, ___: DidRecord | None) -> HandOver:
    return HandOver()


NODE_MAKERS: Final[dict[type[Any], Maker]] = {
    AdmitNode: admit_node,
    ChangeNode: change_node,
    SuspendNode: suspend_node,
    ReinstateNode: reinstate_node,
    RemoveNode: remove_node,
    RotateNodeKeys: rotate_node,
    AssignOperator: assign_operator,
    ScheduleRules: schedule_rules,
    HandOver: hand_over,
}
"""Maker of each kind; see `random_operations.MAKERS`."""
