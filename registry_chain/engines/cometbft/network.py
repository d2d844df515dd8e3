"""Laying out a network: which nodes there are, who knows whom, and a complete folder for each.

Topology (clause NT-06): validators know each other; one behind sentries knows only these, and they
know it and each other; an observer knows whoever faces the network: sentries, and validators that
have none. Nobody else learns where a node is, since no addresses are exchanged.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from registry_chain.engines.cometbft.configuration import (
    NodeSettings,
    Peer,
    StateSync,
    config_toml,
)
from registry_chain.engines.cometbft.founding import NodeKeys, node_id, write_keys
from weid import limits
from weid.addresses import host_and_port
from weid.did.syntax import Did
from weid.errors import MalformedError
from weid.registry.node_operations import NodeRole

P2P_PORT: Final = 26656
RPC_PORT: Final = 26657
API_PORT: Final = 8700
MEASURES_BEHIND_RPC: Final = 3
EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 - who may come in is decided by the registry
PORTS_FOR_EACH: Final = 10
"""Ports that one node takes of one machine's: P2P, RPC, API, measures, and room."""
MEMBERS: Final = frozenset(
    {"name", "address", "role", "operator", "power", "sentries", "p2p_port", "rpc_port",
     "api_port", "api_host"}
)  # fmt: skip
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_HOST_NAME: Final = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_DID: Final = "did:"
_FILE_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedNode:
    """A node before it has keys: where it is, what it is for and who runs it.

    `address` is where peers reach it; `sentries` are the names of those that a validator is
    behind; `operator` is a DID, empty, or in a list of hosts the name of a governor of the founding
    (`with_operators` gives the DID). With `one_machine` it listens on its own address only.
    """

    name: str
    role: NodeRole
    address: str
    operator: str = ""
    power: int = 10
    sentries: tuple[str, ...] = ()
    p2p_port: int = P2P_PORT
    rpc_port: int = RPC_PORT
    api_port: int = API_PORT
    api_host: str = "127.0.0.1"
    one_machine: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise MalformedError(
                f"{self.name!r} is no name of a node",
                hint="lower-case letters, digits and hyphens, at most 40: it names a folder",
            )
        _check_address(self.name, self.address)
        _check_address(self.name, self.api_host)
        if self.operator.startswith(_DID):
            Did.parse(self.operator)
        if not all(1 <= port <= 65535 for port in self.ports):
            raise MalformedError(f"node {self.name} has a port that is none")
        if not 1 <= self.power <= limits.VALIDATOR_POWER or (
            self.sentries and self.role != NodeRole.VALIDATOR
        ):
            raise MalformedError(
                f"node {self.name} has no proper power, or sentries although it is no validator"
            )

    @property
    def ports(self) -> tuple[int, ...]:
        """P2P, RPC and API."""
        return self.p2p_port, self.rpc_port, self.api_port

    @property
    def reached_at(self) -> str:
        """Where peers connect: `host:port`."""
        return host_and_port(self.address, self.p2p_port)

    @property
    def api(self) -> str:
        """Where the API listens, as a URL."""
        return f"http://{host_and_port(self.api_host, self.api_port)}"


@dataclass(frozen=True, slots=True)
class NetworkNode:
    """A node with its keys."""

    plan: PlannedNode
    keys: NodeKeys

    @property
    def id(self) -> str:
        """The node id, as people see it."""
        return node_id(self.keys.node.public).hex()

    @property
    def peer(self) -> Peer:
        """How others name it."""
        return Peer(self.id, self.plan.reached_at)


def plan_one_machine(
    *, validators: int, observers: int, sentries: int, base_port: int, first_address: str
) -> list[PlannedNode]:
    """Plan a network for one machine; `sentries` are for each validator.

    From 127.0.0.1 on the nodes differ by port only; from another address on, by address too.

    Raises:
        MalformedError: no validator, too many nodes, or ports or addresses that there are not.
    """
    if not 1 <= validators <= limits.VALIDATORS:
        raise MalformedError(f"a network has 1 to {limits.VALIDATORS} validators")
    plans: list[PlannedNode] = []

    def add(name: str, role: NodeRole, behind: tuple[str, ...] = ()) -> None:
        at = len(plans)
        first = base_port + PORTS_FOR_EACH * at
        address = str(ipaddress.ip_address(first_address))
        if address != "127.0.0.1":
            address = str(ipaddress.ip_address(address) + at)
        plans.append(
            PlannedNode(
                name=name,
                role=role,
                address=address,
                sentries=behind,
                p2p_port=first,
                rpc_port=first + 1,
                api_port=first + 2,
                one_machine=True,
            )
        )

    try:
        for number in range(1, validators + 1):
            names = tuple(f"sentry-{number}-{each}" for each in range(1, sentries + 1))
            add(f"validator-{number}", NodeRole.VALIDATOR, names)
            for name in names:
                add(name, NodeRole.SENTRY)
        for number in range(1, observers + 1):
            add(f"observer-{number}", NodeRole.OBSERVER)
    except ValueError:
        raise MalformedError(f"{first_address} does not begin a row of addresses") from None
    return plans


def plan_containers(plans: Sequence[PlannedNode]) -> list[PlannedNode]:
    """Return the same nodes for containers, each reached by its name at the usual ports."""
    return [
        replace(
            plan,
            address=plan.name,
            api_host=EVERYWHERE,
            one_machine=False,
            p2p_port=P2P_PORT,
            rpc_port=RPC_PORT,
            api_port=API_PORT,
        )
        for plan in plans
    ]


def plan_from_file(text: str) -> list[PlannedNode]:
    """Read a list of hosts: TOML, one table `[[node]]` for each.

    Raises:
        MalformedError: not TOML, a member missing, unknown or impossible, or a name twice.
    """
    hint = '[[node]]\nname = "north"\nrole = "validator"\naddress = "10.0.0.1"'
    try:
        if len(text.encode()) > _FILE_BYTES:
            raise MalformedError("the list of hosts is too long")
        body = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeEncodeError) as error:
        raise MalformedError(f"the list of hosts is not TOML: {error}", hint=hint) from None
    nodes = body.get("node")
    if body.keys() != {"node"} or not isinstance(nodes, list) or not nodes:
        raise MalformedError("the list of hosts has something else than [[node]]", hint=hint)
    return [_planned(number, node) for number, node in enumerate(nodes, 1)]


def _planned(number: int, body: object) -> PlannedNode:
    if not isinstance(body, dict) or not {"name", "role", "address"} <= body.keys():
        raise MalformedError(f"host {number} of the list has no name, role or address")
    unknown = sorted(body.keys() - MEMBERS)
    if unknown:
        raise MalformedError(
            f"host {number} of the list has an unknown member: {unknown[0]}",
            hint="members are " + ", ".join(sorted(MEMBERS)),
        )
    for name, value in body.items():
        kind = (
            list if name == "sentries" else int if name.endswith("port") or name == "power" else str
        )
        items = value if kind is list and isinstance(value, list) else ()
        if type(value) is not kind or not all(isinstance(item, str) for item in items):
            raise MalformedError(f"host {number} of the list has no proper member {name}")
    if body["role"] not in set(NodeRole):
        raise MalformedError(
            f"host {number} of the list has the role {body['role']!r}",
            hint="a role is one of " + ", ".join(NodeRole),
        )
    role = NodeRole(body["role"])
    return PlannedNode(**{**body, "role": role, "sentries": tuple(body.get("sentries", ()))})


def with_operators(
    nodes: Sequence[NetworkNode], governors: Sequence[tuple[str, str]]
) -> list[NetworkNode]:
    """Return the nodes, each with the DID of its operator where it names a governor.

    `governors` are name and DID of each governor of the founding.

    Raises:
        MalformedError: an operator is neither a DID nor the name of exactly one of them.
    """
    return [
        replace(node, plan=replace(node.plan, operator=_operator_of(node.plan, governors)))
        for node in nodes
    ]


def _operator_of(plan: PlannedNode, governors: Sequence[tuple[str, str]]) -> str:
    if not plan.operator or plan.operator.startswith(_DID):
        return plan.operator
    dids = [did for name, did in governors if name == plan.operator]
    if len(dids) != 1:
        raise MalformedError(
            f"the operator of node {plan.name}, {plan.operator!r}, is neither a DID nor the name "
            "of one governor of the founding",
            hint="governors are: " + (", ".join(name for name, _ in governors) or "not made here"),
        )
    return dids[0]


def check_plan(plans: Sequence[PlannedNode]) -> None:
    """Refuse a plan that cannot run: names or addresses twice, sentries that are none.

    Raises:
        MalformedError: with the node that is wrong.
    """
    by_name: dict[str, PlannedNode] = {}
    taken: dict[str, str] = {}
    for plan in plans:
        if plan.name in by_name:
            raise MalformedError(f"there are two nodes of the name {plan.name}")
        by_name[plan.name] = plan
        other = taken.setdefault(plan.reached_at, plan.name)
        if other != plan.name:
            raise MalformedError(f"{other} and {plan.name} are both at {plan.reached_at}")
    if not any(plan.role == NodeRole.VALIDATOR for plan in plans):
        raise MalformedError("the network has no validator", hint='give a node role = "validator"')
    guarded = [name for plan in plans for name in plan.sentries]
    for name in guarded:
        if name not in by_name or by_name[name].role != NodeRole.SENTRY:
            raise MalformedError(f"{name} is named as a sentry and is none")
    alone = [
        plan.name for plan in plans if plan.role == NodeRole.SENTRY and plan.name not in guarded
    ]
    if alone:
        raise MalformedError(
            f"{alone[0]} is a sentry of nobody",
            hint='name it in its validator: sentries = ["…"]; or make it an observer',
        )


class KnownNode(Protocol):
    """A node by its public facts: one with its keys, or one of a list."""

    @property
    def plan(self) -> PlannedNode:
        """Where it is and what it is for."""
        ...

    @property
    def id(self) -> str:
        """Its node id."""
        ...

    @property
    def peer(self) -> Peer:
        """How others name it."""
        ...


def settings_of(
    node: KnownNode,
    nodes: Sequence[KnownNode],
    *,
    block_time: str,
    prometheus: bool = False,
    state_sync: StateSync | None = None,
) -> NodeSettings:
    """Return the settings of one node among all of its network.

    `prometheus` lets CometBFT offer its measures on this machine, `MEASURES_BEHIND_RPC` ports
    behind the RPC.
    """
    plan = node.plan
    by_name = {each.plan.name: each for each in nodes}
    guarded = [each for each in nodes if plan.name in each.plan.sentries]
    facing = [each for each in nodes if each is not node and not each.plan.sentries]
    if plan.sentries:
        known = [by_name[name] for name in plan.sentries]
    elif plan.role == NodeRole.OBSERVER:
        # Observers hang on those that serve them; among themselves they would only repeat it.
        known = [each for each in facing if each.plan.role != NodeRole.OBSERVER] or facing
    else:
        known = guarded + [each for each in facing if each.plan.role != NodeRole.OBSERVER]
    anywhere = "::" if ":" in plan.address else EVERYWHERE
    listen = host_and_port(plan.address if plan.one_machine else anywhere, plan.p2p_port)
    private = tuple(each.id for each in guarded)
    return NodeSettings(
        name=plan.name,
        role=plan.role,
        p2p_address=f"tcp://{listen}",
        rpc_address=f"tcp://127.0.0.1:{plan.rpc_port}",
        external_address="" if plan.one_machine else plan.reached_at,
        peers=tuple(each.peer for each in known),
        private=private,
        # Whoever guards a validator, and every validator, keeps a place for those it must hear.
        unconditional=tuple(each.id for each in known) if plan.role != NodeRole.OBSERVER else (),
        shared_addresses=plan.one_machine or _share_addresses(nodes),
        block_time=block_time,
        prometheus=f"127.0.0.1:{plan.rpc_port + MEASURES_BEHIND_RPC}" if prometheus else "",
        state_sync=state_sync,
    )


def lay_out_node(
    folder: Path, keys: NodeKeys, settings: NodeSettings, files: Mapping[str, bytes]
) -> None:
    """Write one node's folder, which must be new.

    `files` are the public ones by their path in it (`genesis.json`, `comet/config/genesis.json`).

    Raises:
        MalformedError: something is there already.
        KeyFileError: a key file cannot be written.
    """
    if folder.exists() and any(folder.iterdir()):
        raise MalformedError(f"{folder} is not empty", hint="name a new folder for the node")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    home = folder / "comet"
    write_keys(home, keys)
    contents = {**files, "comet/config/config.toml": config_toml(settings).encode()}
    for path, data in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / path).write_bytes(data)


def _share_addresses(nodes: Sequence[KnownNode]) -> bool:
    # Sentries beside their validator, or hosts behind one translated address, come from it too.
    addresses = [_same_address(node.plan.address) for node in nodes]
    return len(set(addresses)) < len(addresses)


def _same_address(address: str) -> str:
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return address.lower()


def _check_address(name: str, address: str) -> None:
    try:
        ipaddress.ip_address(address.replace("%", " "))  # a zone means something here only
    except ValueError:
        # Digits and dots that are no address would be taken for a name by some and not by others.
        if not _HOST_NAME.fullmatch(address) or address.rsplit(".", 1)[-1].isdigit():
            raise MalformedError(
                f"node {name} has no proper address: {address!r}",
                hint="an IP address or a host name, without port",
            ) from None
