"""Nodes of a network by name: ids, keys, and validators for a genesis."""

from __future__ import annotations

import hashlib

from registry_chain.state_machine.genesis_nodes import GenesisNode
from tests.support.scripted_chain import raw_key
from weid.registry.node_operations import NodeRole


def node_id(name: str) -> bytes:
    """Return the node id of a named node."""
    return hashlib.sha256(raw_key(f"node {name}")).digest()[:20]


def key_of(name: str) -> bytes:
    """Return the validator key of a named node."""
    return raw_key(f"validator {name}")


def validator(name: str, power: int = 10, operator: str = "") -> GenesisNode:
    """Return a validator for a genesis."""
    return GenesisNode(
        node_id(name), NodeRole.VALIDATOR, f"Node {name}", operator, key_of(name), power
    )
