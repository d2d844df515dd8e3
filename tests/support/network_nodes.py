"""Nodes of a network by name: ids, keys, proofs of both, and validators for a genesis."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from registry_chain.state_machine.genesis_nodes import GenesisNode
from tests.support.scripted_chain import NETWORK, signer
from weid.crypto.signer import Signer
from weid.registry.headers import address
from weid.registry.node_operations import AdmitNode, NodeRole, RotateNodeKeys
from weid.registry.node_possession import entering_keys, with_proofs

_Entering = TypeVar("_Entering", AdmitNode, RotateNodeKeys)
_HOLDERS: dict[bytes, Signer] = {}
"""Who signs for each node id and each validator key that was asked for."""


def node_id(name: str) -> bytes:
    """Return the node id of a named node."""
    holder = signer(f"node {name}")
    identity = address(holder.public_key.raw)
    _HOLDERS[identity] = holder
    return identity


def key_of(name: str) -> bytes:
    """Return the validator key of a named node."""
    return holds(signer(f"validator {name}"))


def holds(holder: Signer) -> bytes:
    """Return a signer's raw key, for which it signs from now on."""
    raw = holder.public_key.raw
    _HOLDERS[raw] = holder
    return raw


def proved(operation: _Entering, network: str = NETWORK) -> _Entering:
    """Return an operation whose keys prove that they are held, those of which we know the holder."""
    entering = operation.node_id if isinstance(operation, AdmitNode) else operation.new_node_id
    member = "node_key" if isinstance(operation, AdmitNode) else "new_node_key"
    node = [_HOLDERS[entering]] if entering in _HOLDERS else []
    shown = replace(operation, **{member: node[0].public_key.raw if node else b""})  # type: ignore[arg-type]
    others = [_HOLDERS[key] for key in entering_keys(shown) if key in _HOLDERS]
    return with_proofs(network, shown, [*node, *others])


def validator(name: str, power: int = 10, operator: str = "") -> GenesisNode:
    """Return a validator for a genesis."""
    return GenesisNode(
        node_id(name), NodeRole.VALIDATOR, f"Node {name}", operator, key_of(name), power
    )


def admission(*fields: Any, network: str = NETWORK, **more: Any) -> AdmitNode:
    """Return an `AdmitNode` of these fields, proved."""
    return proved(AdmitNode(*fields, **more), network)


def rotation(*fields: Any, network: str = NETWORK) -> RotateNodeKeys:
    """Return a `RotateNodeKeys` of these fields, proved."""
    return proved(RotateNodeKeys(*fields), network)
