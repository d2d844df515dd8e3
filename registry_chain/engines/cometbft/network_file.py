"""`network.json`: the public facts of a network that was laid out, for whoever runs or joins it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from shlex import quote
from typing import Final

from registry_chain.engines.cometbft.configuration import Peer
from registry_chain.engines.cometbft.network import NetworkNode, PlannedNode
from weid.did.syntax import Did
from weid.encoding import JsonObject, JsonValue, json_loads_object
from weid.errors import MalformedError, NotFoundError
from weid.registry.node_operations import NodeRole

NETWORK_FILE: Final = "network.json"
COMET_GENESIS: Final = "comet-genesis.json"
NODES: Final = "nodes"
_FORMAT: Final = "weid-network/1"
_MAX_BYTES: Final = 2 * 2**20
_NODE_ID_DIGITS: Final = 40


@dataclass(frozen=True, slots=True)
class ListedNode:
    """A node as everybody may know it: its place and its public keys, in hexadecimal."""

    plan: PlannedNode
    node_id: str
    validator_key: str

    @property
    def id(self) -> str:
        """The node id."""
        return self.node_id

    @property
    def peer(self) -> Peer:
        """How others name it."""
        return Peer(self.node_id, self.plan.reached_at)

    @classmethod
    def of(cls, node: NetworkNode) -> ListedNode:
        """Return what may be told of a node with keys."""
        return cls(node.plan, node.id, node.keys.validator.public.raw.hex())


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkFile:
    """A network: its names, and its nodes in the order in which they were listed."""

    network: str
    chain_id: str
    genesis_hash: str
    block_time: str
    nodes: tuple[ListedNode, ...]

    def to_json(self) -> bytes:
        """Return the file: the same network always gives the same bytes."""
        body: JsonObject = {
            "format": _FORMAT,
            "network": self.network,
            "chain_id": self.chain_id,
            "genesis_hash": self.genesis_hash,
            "block_time": self.block_time,
            "nodes": [_node_json(node) for node in self.nodes],
        }
        return json.dumps(body, indent=2).encode() + b"\n"

    @classmethod
    def from_json(cls, data: bytes) -> NetworkFile:
        """Read the file.

        Raises:
            MalformedError: a member missing, unknown or impossible.
        """
        body = json_loads_object(data, what="network.json", max_bytes=_MAX_BYTES)
        nodes = body.pop("nodes", None)
        texts = {name: _text(body, name) for name in sorted(body)}
        if texts.pop("format", "") != _FORMAT or not isinstance(nodes, list):
            raise MalformedError("network.json is not a list of nodes in a format that we know")
        if texts.keys() != {"network", "chain_id", "genesis_hash", "block_time"}:
            raise MalformedError("network.json has a member too many or too few")
        return cls(**texts, nodes=tuple(_node(node) for node in nodes))


def read_network(folder: Path) -> NetworkFile:
    """Read the file in a network's folder.

    Raises:
        NotFoundError: there is none, or it may not be read.
        MalformedError: it is damaged.
    """
    path = folder / NETWORK_FILE
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError(
            f"{folder} is not the folder of a network: it has no {NETWORK_FILE}",
            hint=f"registry-chain net init {quote(str(folder))} --network NAME lays out a new one",
        ) from None
    except OSError as error:
        raise NotFoundError(f"{path} cannot be read: {error.strerror}") from None
    try:
        return NetworkFile.from_json(data)
    except MalformedError as error:
        raise MalformedError(
            f"{path}: {error.message}", hint="get it again from where the network was laid out"
        ) from None


def _node_json(node: ListedNode) -> JsonObject:
    body: JsonObject = {"node_id": node.node_id, "validator_key": node.validator_key}
    for field in fields(PlannedNode):
        value = getattr(node.plan, field.name)
        body[field.name] = list(value) if isinstance(value, tuple) else value
    return body


def _node(body: JsonValue) -> ListedNode:
    names = {field.name for field in fields(PlannedNode)} | {"node_id", "validator_key"}
    if not isinstance(body, dict) or body.keys() != names:
        raise MalformedError("a node of network.json has a member too many or too few")
    sentries, one_machine, role = body["sentries"], body["one_machine"], body["role"]
    if not isinstance(sentries, list) or not all(isinstance(name, str) for name in sentries):
        raise MalformedError("a node of network.json has no proper member sentries")
    if not isinstance(one_machine, bool) or role not in list(NodeRole):
        raise MalformedError("a node of network.json has no proper role or one_machine")
    plan = PlannedNode(
        name=_text(body, "name"),
        role=NodeRole(_text(body, "role")),
        address=_text(body, "address"),
        operator=_text(body, "operator"),
        power=_number(body, "power"),
        sentries=tuple(str(name) for name in sentries),
        p2p_port=_number(body, "p2p_port"),
        rpc_port=_number(body, "rpc_port"),
        api_port=_number(body, "api_port"),
        api_host=_text(body, "api_host"),
        one_machine=one_machine,
    )
    if plan.operator:
        Did.parse(plan.operator)
    keys = _hex(_text(body, "node_id"), _NODE_ID_DIGITS), _hex(_text(body, "validator_key"), 64)
    return ListedNode(plan, *keys)


def _hex(text: str, digits: int) -> str:
    if len(text) != digits or set(text) - set("0123456789abcdef"):
        raise MalformedError(f"a node of network.json has no {digits} hexadecimal digits")
    return text


def _text(body: JsonObject, name: str) -> str:
    value = body[name]
    if not isinstance(value, str):
        raise MalformedError(f"network.json has no proper member {name}")
    return value


def _number(body: JsonObject, name: str) -> int:
    value = body[name]
    if type(value) is not int:
        raise MalformedError(f"network.json has no proper member {name}")
    return value


def same_machine(nodes: Sequence[ListedNode]) -> bool:
    """Return whether all nodes were laid out for one machine."""
    return all(node.plan.one_machine for node in nodes)
