"""The nodes that a genesis admits, and what of them must fit together (clause ST-11)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from registry_chain.state_machine.genesis_members import Members
from weid import limits
from weid.cbor import CborValue
from weid.did.syntax import Did
from weid.encoding import JsonObject
from weid.errors import MalformedError
from weid.registry.node_operations import NodeRole
from weid.registry.text import check_text

_ID_BYTES = 20
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class GenesisNode:
    """A first node; see `weid.registry.node_operations.AdmitNode` for its members.

    Raises:
        MalformedError: a member that cannot be, or that does not fit the role.
    """

    node_id: bytes
    role: NodeRole
    name: str
    operator: str = ""
    validator_key: bytes = b""
    power: int = 0

    def __post_init__(self) -> None:
        what = f"the node {self.node_id.hex()} of the genesis"
        if len(self.node_id) != _ID_BYTES:
            raise MalformedError(f"a node of the genesis has an id that is not {_ID_BYTES} bytes")
        if len(self.validator_key) not in {0, _KEY_BYTES}:
            raise MalformedError(f"{what} has no Ed25519 key")
        if not self.name or self.name.strip() != self.name:
            raise MalformedError(f"{what} has no name, or blanks at its ends")
        check_text(self.name, what=f"the name of {what}")
        if self.operator:
            Did.parse(self.operator)
        votes = self.role is NodeRole.VALIDATOR
        least, most = (1, limits.VALIDATOR_POWER) if votes else (0, 0)
        if not least <= self.power <= most or (votes and not self.validator_key):
            raise MalformedError(f"{what} has a key or a power that does not fit its role")

    def to_cbor(self) -> CborValue:
        """Return the node as it stands in the bytes that the genesis hash is of."""
        return [
            self.node_id,
            str(self.role.value),
            self.name,
            self.operator,
            self.validator_key,
            self.power,
        ]

    def to_json(self) -> JsonObject:
        """Return the node as it stands in the genesis file."""
        return {
            "node_id": self.node_id.hex(),
            "role": str(self.role.value),
            "name": self.name,
            "operator": self.operator,
            "validator_key": self.validator_key.hex(),
            "power": self.power,
        }

    @classmethod
    def from_json(cls, body: JsonObject) -> GenesisNode:
        """Read a node of the genesis file.

        Raises:
            MalformedError: a member missing, unknown or impossible.
        """
        reader = Members(body, "a node of the genesis")
        role = reader.text("role")
        if role not in set(NodeRole):
            raise MalformedError("a node of the genesis has a role that we do not know")
        node = cls(
            reader.hex("node_id"),
            NodeRole(role),
            reader.text("name"),
            reader.text("operator"),
            reader.hex("validator_key"),
            reader.integer("power"),
        )
        reader.require_no_other()
        return node


def check_nodes(
    nodes: Collection[GenesisNode], validators: Collection[tuple[bytes, int]], network: str
) -> None:
    """Require that nodes are distinct, of the network, and that they are who validates.

    `validators` are the genesis' keys and powers. A genesis without nodes leaves them alone.

    Raises:
        MalformedError: they do not fit.
    """
    if not nodes:
        return
    keys = [node.validator_key for node in nodes if node.validator_key]
    if len({node.node_id for node in nodes}) != len(nodes) or len(set(keys)) != len(keys):
        raise MalformedError("the genesis has a node id or a validator key twice")
    prefix = f"did:weid:{network}:"
    if any(node.operator and not node.operator.startswith(prefix) for node in nodes):
        raise MalformedError("the operator of a node of the genesis is of another network")
    voting = {(n.validator_key, n.power) for n in nodes if n.role is NodeRole.VALIDATOR}
    if voting != set(validators):
        raise MalformedError("the validators of the genesis are not those of its validator nodes")
    if len(voting) > limits.VALIDATORS:
        raise MalformedError(f"the genesis has more than {limits.VALIDATORS} validators")
