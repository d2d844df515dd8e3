"""Looking at what a proposal names before it is made: a typing error is found before the vote."""

from __future__ import annotations

from weid.registry.node_operations import (
    AdmitNode,
    AssignOperator,
    ChangeNode,
    HandOver,
    NodeRole,
    ReinstateNode,
    RemoveNode,
    RotateNodeKeys,
    SuspendNode,
)
from weid.registry.operations import (
    Accredit,
    DerecognizeIssuer,
    GovernedAction,
    GrantRole,
    RecognizeIssuer,
    RevokeRole,
)
from weid.registry.records import NodeStatus
from weid.registry.registry import RegistryReader


def what_is_unknown(registry: RegistryReader, action: GovernedAction) -> list[str]:
    """Return, in words, what an action names that the registry proves not to have."""
    match action:
        case RecognizeIssuer() | Accredit():
            return _did(registry, action.did) + _template(registry, action.cpt_id)
        case GrantRole():
            return _did(registry, action.did)
        case DerecognizeIssuer():
            return _recognition(registry, action)
        case RevokeRole():
            return _role(registry, action)
    return _unknown_of_nodes(registry, action)


def _unknown_of_nodes(registry: RegistryReader, action: GovernedAction) -> list[str]:
    match action:
        case AdmitNode(operator=operator) if operator:
            return _did(registry, operator)
        case ChangeNode() | SuspendNode() | ReinstateNode() | RemoveNode() | RotateNodeKeys():
            return _node(registry, action.node_id)
        case AssignOperator(node_id=node_id, operator=operator):
            return _node(registry, node_id) + (_did(registry, operator) if operator else [])
        case HandOver():
            return _validator(registry)
    return []


def _did(registry: RegistryReader, did: str) -> list[str]:
    record = registry.did(did)
    if record is None:
        return [f"the registry has no DID {did}"]
    return [] if record.deactivated_at is None else [f"{did} has ended for ever"]


def _template(registry: RegistryReader, cpt_id: str) -> list[str]:
    # Versions count from 1 without a gap.
    found = registry.template(cpt_id, 1)
    return [] if found is not None else [f"the registry has no template {cpt_id}"]


def _recognition(registry: RegistryReader, action: DerecognizeIssuer) -> list[str]:
    if registry.recognition(action.did, action.cpt_id) is not None:
        return []
    return [f"{action.did} was never recognized for the template {action.cpt_id}"]


def _role(registry: RegistryReader, action: RevokeRole) -> list[str]:
    record = registry.roles(action.did)
    if record is not None and action.role in record.roles:
        return []
    return [f"{action.did} does not have the role {action.role.value}"]


def _node(registry: RegistryReader, node_id: bytes) -> list[str]:
    record = registry.node(node_id)
    if record is None:
        return [f"the registry has no node {node_id.hex()}"]
    if record.status is NodeStatus.REMOVED:
        return [f"the node {node_id.hex()} was removed for ever"]
    return []


def _validator(registry: RegistryReader) -> list[str]:
    if any(
        node.role is NodeRole.VALIDATOR and node.status is NodeStatus.ACTIVE
        for node in registry.nodes()
    ):
        return []
    return ["the registry has no active validator among its nodes"]
