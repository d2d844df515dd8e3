"""Where the nodes of a network stand, compared with each other (clause NT-14)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from registry_chain.engines.cometbft.network_file import ListedNode
from registry_chain.engines.cometbft.rpc import KeptBlock, SyncStatus
from weid import limits
from weid.clock import format_time
from weid.encoding import JsonObject
from weid.errors import MalformedError, RegistryUnavailableError
from weid.registry.node_operations import NodeRole
from weid.registry.validators import ValidatorSet

LAGS_BEHIND: Final = 2
"""Blocks behind the highest from which a node is said to lag: one is the way of the votes."""
STANDS_AFTER: Final = 4 * limits.HEARTBEAT
"""Seconds without a block after which a network stands: even without news it makes some."""
_NANOSECONDS: Final = 10**9
_NO_ANSWER: Final = (RegistryUnavailableError, MalformedError)
"""Nothing came, or something that is none: another program may answer at the port."""
_ALONE: Final = (
    "no peer lets it in: has the registry admitted it? If so, it needs a restart: net stop and "
    "net start with its name"
)
_UNGUARDED: Final = "none of its sentries answers"
_STRANGERS: Final = (
    "connected until one of the two starts again, although the registry admits it no more"
)
_ADMITTED: Final = (
    "no peer lets it in although its key votes: it needs a restart: net stop and net start with "
    "its name"
)


class StatusSource(Protocol):
    """What is asked of a node's CometBFT."""

    def status(self) -> SyncStatus:
        """Return where the node stands."""
        ...

    def peers(self) -> tuple[str, ...]:
        """Return the ids of its peers."""
        ...

    def admits(self, node_id: str) -> bool:
        """Return whether the registry admits a node, as this one has it."""
        ...

    def block(self, height: int) -> KeptBlock:
        """Return a block."""
        ...

    def validators(self, height: int) -> ValidatorSet:
        """Return the validators that seal a height."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStanding:
    """What one node says of itself, and how that fits to the others.

    `state` is `ok`, `standing` (no node has a new block), `stopped` (in order; with a reason: was
    killed), `down`, `alone`, `catching up`, `lags` or `differs`; `head_age` is in seconds; `api` is
    the URL of its API; `agrees` says whether its app hash at the height that all have is the
    others' (None: unknown).
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
    api: str = ""

    @property
    def runs(self) -> bool:
        """Whether it answers, and to others too."""
        return self.state not in {"down", "stopped", "alone"}

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
            "api": self.api,
        }


@dataclass(frozen=True, slots=True)
class VotingPower:
    """Whose votes are there: how many of how many, and the powers of the nodes that do not run."""

    running: int
    total: int
    missing: tuple[tuple[str, int], ...] = ()

    @property
    def enough(self) -> bool:
        """Whether those that run can decide a block: more than two thirds."""
        return self._decide(self.running)

    def _decide(self, power: int) -> bool:
        return power * 3 > self.total * 2

    def __str__(self) -> str:
        said = f"{self.running} of {self.total} voting power runs"
        return said if self.enough else f"{said}; more than two thirds must{self._cure()}"

    def _cure(self) -> str:
        names = [name for name, _ in self.missing]
        if not names:
            return ""
        if all(self._decide(self.running + power) for _, power in self.missing):
            return ": bring back " + " or ".join(names)
        *some, _ = sorted(power for _, power in self.missing)
        many = "enough of " if self._decide(self.running + sum(some)) else ""
        return f": bring back {many}{', '.join(names)}"


@dataclass(frozen=True, slots=True)
class NetworkStanding:
    """All nodes, and what they are together.

    `compared_at` is the height at which their app hashes were compared (None: none was);
    `head_time` is the time of the newest block (seconds), `head_age` how long ago that was.
    """

    nodes: tuple[NodeStanding, ...]
    compared_at: int | None
    power: VotingPower | None = None
    head_time: int | None = None
    head_age: int | None = None

    @property
    def good(self) -> bool:
        """Whether every node is there, up to date and of one state, and blocks are made."""
        return all(node.state == "ok" for node in self.nodes)

    @property
    def stopped(self) -> bool:
        """Whether all nodes are stopped."""
        return bool(self.nodes) and all(node.state == "stopped" for node in self.nodes)

    @property
    def stands(self) -> bool:
        """Whether no block came for so long that the network stands."""
        return self.head_age is not None and self.head_age > STANDS_AFTER

    def summary(self) -> str:
        """Return what is to be said of the network as a whole."""
        if self.stopped:
            return "the network is stopped"
        said = [] if self.power is None else [str(self.power)]
        if self.stands and self.head_time is not None:
            since = format_time(self.head_time)
            said.append(f"the network stands: no block since {since} ({self.head_age} s)")
        return "; ".join(said)


def network_standing(
    nodes: Sequence[ListedNode],
    source_of: Callable[[ListedNode], StatusSource],
    *,
    now: int,
    reason_of: Callable[[ListedNode], str] = lambda _: "",
    is_stopped: Callable[[ListedNode], bool] = lambda _: False,
) -> NetworkStanding:
    """Ask every node and compare.

    `now` is in seconds; of a node that does not answer `is_stopped` says whether it was stopped,
    `reason_of` why it is down, or how it was stopped (empty: in order).
    """
    sources = {node.id: source_of(node) for node in nodes}
    try:
        return _standing(nodes, sources, now, _Silence(reason_of, is_stopped))
    finally:
        for source in sources.values():
            source.close()


@dataclass(frozen=True, slots=True)
class _Silence:
    reason_of: Callable[[ListedNode], str]
    is_stopped: Callable[[ListedNode], bool]


def _standing(
    nodes: Sequence[ListedNode],
    sources: dict[str, StatusSource],
    now: int,
    silence: _Silence,
) -> NetworkStanding:
    said: dict[str, SyncStatus] = {}
    standings = {}
    for node in nodes:
        standings[node.id] = _ask(node, sources[node.id], said, silence)
    powers = _powers(nodes, sources, said)
    highest = max((status.latest for status in said.values()), default=0)
    for node_id, status in said.items():
        state = _state(status, highest)
        standings[node_id] = replace(
            _with_head(standings[node_id], sources[node_id], status, now), state=state
        )
        # Where nobody else answers, having no peer is the others' fault.
        if standings[node_id].peers == 0 and len(said) > 1:
            guards = [each for each in nodes if each.plan.name in _sentries_of(nodes, node_id)]
            reason = _ADMITTED if powers.get(node_id) else _ALONE
            if guards and not any(each.id in said for each in guards):
                reason = _UNGUARDED
            standings[node_id] = replace(standings[node_id], state="alone", reason=reason)
    # Every node keeps the last blocks, so the lowest of those that follow is compared.
    following = [said[each].latest for each in said if standings[each].state == "ok"]
    at = min(following, default=0)
    if at:
        standings = _compared(standings, sources, said, at)
    return _together([(standings[node.id], powers.get(node.id, 0)) for node in nodes], at, now)


def _together(found: Sequence[tuple[NodeStanding, int]], at: int, now: int) -> NetworkStanding:
    power = VotingPower(
        sum(power for node, power in found if node.runs),
        sum(power for _, power in found),
        tuple((node.name, power) for node, power in found if power and not node.runs),
    )
    age = min((node.head_age for node, _ in found if node.head_age is not None), default=None)
    network = NetworkStanding(
        tuple(node for node, _ in found), at or None, power, None if age is None else now - age, age
    )
    if not network.stands:
        return network
    standing = tuple(
        replace(node, state="standing") if node.state == "ok" else node for node in network.nodes
    )
    return replace(network, nodes=standing)


def _powers(
    nodes: Sequence[ListedNode], sources: dict[str, StatusSource], said: dict[str, SyncStatus]
) -> dict[str, int]:
    """Return each node's voting power: as the highest that answers has it, else as laid out."""
    for node_id in sorted(said, key=lambda each: said[each].latest, reverse=True)[:1]:
        if not said[node_id].latest:
            break
        try:
            voting = sources[node_id].validators(said[node_id].latest).validators
        except _NO_ANSWER:
            break
        power_of = {each.public_key.hex(): each.power for each in voting}
        return {node.id: power_of.get(node.validator_key, 0) for node in nodes}
    return {node.id: node.plan.power for node in nodes if node.plan.role == NodeRole.VALIDATOR}


def _ask(
    node: ListedNode,
    source: StatusSource,
    said: dict[str, SyncStatus],
    silence: _Silence,
) -> NodeStanding:
    plan = node.plan
    standing = NodeStanding(name=plan.name, role=str(plan.role.value), state="down", api=plan.api)
    try:
        status = source.status()
        peers = source.peers()
        strangers = [peer for peer in peers if not source.admits(peer)]
    except _NO_ANSWER as error:
        if silence.is_stopped(node):
            return replace(standing, state="stopped", reason=silence.reason_of(node))
        return replace(standing, reason=silence.reason_of(node) or error.message)
    if status.node_id != node.id:
        return replace(standing, reason=f"another node answers there: {status.node_id}")
    said[node.id] = status
    reason = f"{_STRANGERS}: {', '.join(strangers)}" if strangers else ""
    return replace(standing, state="ok", height=status.latest, peers=len(peers), reason=reason)


def _sentries_of(nodes: Sequence[ListedNode], node_id: str) -> tuple[str, ...]:
    return next(node.plan.sentries for node in nodes if node.id == node_id)


def _state(status: SyncStatus, highest: int) -> str:
    if status.catching_up:
        return "catching up"
    return "lags" if highest - status.latest >= LAGS_BEHIND else "ok"


def _with_head(
    standing: NodeStanding, source: StatusSource, status: SyncStatus, now: int
) -> NodeStanding:
    if not status.latest:
        return standing
    try:
        header = source.block(status.latest).sealed.header
    except _NO_ANSWER as error:
        return replace(standing, reason=error.message)
    return replace(standing, head_age=max(0, now - header.time_ns // _NANOSECONDS))


def _compared(
    standings: dict[str, NodeStanding],
    sources: dict[str, StatusSource],
    said: dict[str, SyncStatus],
    at: int,
) -> dict[str, NodeStanding]:
    hashes: dict[str, str] = {}
    for node_id, status in said.items():
        if status.earliest <= at <= status.latest:
            try:
                hashes[node_id] = sources[node_id].block(at).sealed.header.app_hash.hex()
            except _NO_ANSWER:
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
