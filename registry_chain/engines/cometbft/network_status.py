"""Where the nodes of a network stand, compared with each other (clause NT-14)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from registry_chain.engines.cometbft.network_file import ListedNode
from registry_chain.engines.cometbft.rpc import DecidedBlock, NodeStatus
from weid.encoding import JsonObject
from weid.errors import RegistryUnavailableError

LAGS_BEHIND: Final = 2
"""Blocks behind the highest from which a node is said to lag: one is the way of the votes."""
_NANOSECONDS: Final = 10**9
_ALONE: Final = "no peer lets it in: has the registry admitted it?"


class StatusSource(Protocol):
    """What is asked of a node's CometBFT."""

    def status(self) -> NodeStatus:
        """Return where the node stands."""
        ...

    def peers(self) -> tuple[str, ...]:
        """Return the ids of its peers."""
        ...

    def block(self, height: int) -> DecidedBlock:
        """Return a block."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStanding:
    """What one node says of itself, and how that fits to the others.

    `state` is `ok`, `down`, `alone`, `catching up`, `lags` or `differs`; `head_age` is in seconds;
    `agrees` says whether its app hash at the height that all have is the others' (None: unknown).
    """

    name: str
    role: str
    state: str
    height: int | None = None
    head_age: int | None = None
    peers: int | None = None
    app_hash: str = ""
    agrees: bool | None = None
    reason: str = ""

    def to_json(self) -> JsonObject:
        """Return it as JSON."""
        return {
            "name": self.name,
            "role": self.role,
            "state": self.state,
            "height": self.height,
            "head_age": self.head_age,
            "peers": self.peers,
            "app_hash": self.app_hash,
            "agrees": self.agrees,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class NetworkStanding:
    """All nodes, and the height at which their app hashes were compared (None: none was)."""

    nodes: tuple[NodeStanding, ...]
    compared_at: int | None

    @property
    def good(self) -> bool:
        """Whether every node is there, up to date and of one state."""
        return all(node.state == "ok" for node in self.nodes)


def network_standing(
    nodes: Sequence[ListedNode],
    source_of: Callable[[ListedNode], StatusSource],
    *,
    now: int,
    reason_of: Callable[[ListedNode], str] = lambda _: "",
) -> NetworkStanding:
    """Ask every node and compare; `now` in seconds; `reason_of` says why one is down."""
    sources = {node.id: source_of(node) for node in nodes}
    try:
        return _standing(nodes, sources, now, reason_of)
    finally:
        for source in sources.values():
            source.close()


def _standing(
    nodes: Sequence[ListedNode],
    sources: dict[str, StatusSource],
    now: int,
    reason_of: Callable[[ListedNode], str],
) -> NetworkStanding:
    said: dict[str, NodeStatus] = {}
    standings = {}
    for node in nodes:
        standings[node.id] = _ask(node, sources[node.id], said, reason_of)
    heights = [status.latest for status in said.values() if status.latest]
    highest = max(heights, default=0)
    for node_id, status in said.items():
        state = _state(status, highest)
        standings[node_id] = replace(
            _with_head(standings[node_id], sources[node_id], status, now), state=state
        )
        if standings[node_id].peers == 0 and len(nodes) > 1:
            standings[node_id] = replace(standings[node_id], state="alone", reason=_ALONE)
    # Every node keeps the last blocks, so the lowest of those that follow is compared.
    following = [said[each].latest for each in said if standings[each].state == "ok"]
    at = min(following, default=0)
    if at:
        standings = _compared(standings, sources, said, at)
    return NetworkStanding(tuple(standings[node.id] for node in nodes), at or None)


def _ask(
    node: ListedNode,
    source: StatusSource,
    said: dict[str, NodeStatus],
    reason_of: Callable[[ListedNode], str],
) -> NodeStanding:
    standing = NodeStanding(name=node.plan.name, role=str(node.plan.role.value), state="down")
    try:
        status = source.status()
        peers = len(source.peers())
    except RegistryUnavailableError as error:
        return replace(standing, reason=reason_of(node) or error.message)
    if status.node_id != node.id:
        return replace(standing, reason=f"another node answers there: {status.node_id}")
    said[node.id] = status
    return replace(standing, state="ok", height=status.latest, peers=peers)


def _state(status: NodeStatus, highest: int) -> str:
    if status.catching_up:
        return "catching up"
    return "lags" if highest - status.latest >= LAGS_BEHIND else "ok"


def _with_head(
    standing: NodeStanding, source: StatusSource, status: NodeStatus, now: int
) -> NodeStanding:
    if not status.latest:
        return standing
    try:
        header = source.block(status.latest).sealed.header
    except RegistryUnavailableError as error:
        return replace(standing, reason=error.message)
    return replace(standing, head_age=max(0, now - header.time_ns // _NANOSECONDS))


def _compared(
    standings: dict[str, NodeStanding],
    sources: dict[str, StatusSource],
    said: dict[str, NodeStatus],
    at: int,
) -> dict[str, NodeStanding]:
    hashes: dict[str, str] = {}
    for node_id, status in said.items():
        if status.earliest <= at <= status.latest:
            try:
                hashes[node_id] = sources[node_id].block(at).sealed.header.app_hash.hex()
            except RegistryUnavailableError:
                continue
    found = list(hashes.values())
    # With as many on each side nobody can say who is right, and all are told to differ.
    common = max(sorted(set(found)), key=found.count, default="")
    clear = found.count(common) * 2 > len(found)
    compared = dict(standings)
    for node_id, app_hash in hashes.items():
        agrees = clear and app_hash == common
        standing = replace(standings[node_id], app_hash=app_hash, agrees=agrees)
        compared[node_id] = standing if agrees else replace(standing, state="differs")
    return compared
