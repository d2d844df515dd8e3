"""Which node to ask: the last good one first, those that failed set aside for a growing pause.

Nobody is trusted here. A node that is down, behind or lying costs one question and is then left in
peace for a while; when no other is left, it is asked again at once. What each of them did stands
in `report`, and in the log. Clause NA-13.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeVar

from weid.clock import Clock, format_time
from weid.encoding import JsonObject
from weid.errors import (
    ForkError,
    MalformedError,
    NodeBehindError,
    ProofError,
    RegistryError,
    RegistryUnavailableError,
    UndecidableError,
)
from weid.registry.light_client import HeaderSource
from weid.registry.proof_source import ProofSource

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_TURN_SECONDS: Final = 60
"""How long one question may go on from node to node; the last one may take its own time."""
_PATIENCE: Final = (0.25, 0.5, 1.0, 2.0)
"""Waits (seconds) for a node that is just behind what is known: blocks take a second or two."""


class NodeState(StrEnum):
    """What a node was when it was last asked."""

    UNTRIED = "untried"
    GOOD = "good"
    LAGGING = "lagging"
    LYING = "lying"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class NodeReport:
    """What is known of one node.

    `height` is the newest that it showed, proved or not; `error` is what went wrong last, empty
    while it is good or was never asked; `since` is when the state began, in seconds since 1970.
    """

    url: str
    state: NodeState
    height: int | None = None
    error: str = ""
    since: int | None = None

    def describe(self) -> str:
        """Return one line for a person: state, height, and what went wrong."""
        height = "" if self.height is None else f", height {self.height}"
        return f"{self.state}{height}{f': {self.error}' if self.error else ''}"

    def to_json(self) -> JsonObject:
        """Return the JSON form."""
        return {
            "url": self.url,
            "state": str(self.state),
            "height": self.height,
            "error": self.error or None,
            "since": None if self.since is None else format_time(self.since),
        }


_PAUSES: Final = {
    NodeState.LAGGING: (1, 15),
    NodeState.UNREACHABLE: (2, 300),
    NodeState.LYING: (60, 3600),
}
"""Seconds for which a node is set aside: at the first failure, and at most; each time twice."""


@dataclass
class _Node:
    source: ProofSource
    report: NodeReport
    failures: int = 0
    aside_until: int = 0
    compared: int = 0
    lies: int = 0


class _Round:
    """What went wrong while each node was asked once."""

    def __init__(self) -> None:
        self.behind = False
        self._refused: ProofError | None = None
        self._unavailable: RegistryUnavailableError | None = None

    def note(self, error: ProofError | MalformedError | RegistryUnavailableError) -> None:
        """Note the first failure of each kind."""
        if isinstance(error, RegistryUnavailableError):
            self.behind = self.behind or isinstance(error, NodeBehindError)
            self._unavailable = self._unavailable or error
        elif isinstance(error, MalformedError):
            unread = ProofError(f"the answer cannot be read: {error.message}")
            self._refused = self._refused or unread
        else:
            self._refused = self._refused or error

    def worst(self) -> RegistryError:
        """Return what says most."""
        return self._refused or self._unavailable or RegistryUnavailableError("no node is known")


class Nodes:
    """The nodes of one registry, in the order in which they are asked.

    `changed` is called with a node's report whenever its state changes; it must not ask the
    registry itself. `sleep` waits some seconds for nodes that are just behind; without it nobody
    waits. Shared by many threads.
    """

    def __init__(
        self,
        sources: Sequence[ProofSource],
        *,
        clock: Clock,
        changed: Callable[[NodeReport], None] | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._sleep = sleep
        self._clock = clock
        self._changed = changed
        self._lock = threading.Lock()
        self._given = [
            _Node(source, NodeReport(_address(source, number), NodeState.UNTRIED))
            for number, source in enumerate(sources, 1)
        ]
        self._order = list(self._given)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._given)

    @property
    def sources(self) -> tuple[ProofSource, ...]:
        """All of them, the preferred one first."""
        with self._lock:
            return tuple(node.source for node in self._order)

    def report(self) -> tuple[NodeReport, ...]:
        """Return what is known of each, in the order in which they were given."""
        with self._lock:
            return tuple(node.report for node in self._given)

    def first(
        self,
        ask: Callable[[ProofSource], _T],
        *,
        none_is_last: bool = False,
        worth_waiting: Callable[[], bool] = lambda: False,
    ) -> _T:
        """Return the first answer that proves itself; else raise what says most.

        With `none_is_last` a None counts only when no other node says more. Where nodes are just
        behind and `worth_waiting`, they are asked again a few times.

        Raises:
            ForkError: at once, from whichever node.
            ProofError: some node did not prove what it said, and no other answered.
            RegistryUnavailableError: none answered.
        """
        sleep = self._sleep
        for pause in () if sleep is None else _PATIENCE:
            asked = _Round()
            try:
                return self._once(ask, asked, none_is_last=none_is_last)
            except RegistryError:
                if sleep is None or not asked.behind or not worth_waiting():
                    raise
            sleep(pause)
        return self._once(ask, _Round(), none_is_last=none_is_last)

    def _once(self, ask: Callable[[ProofSource], _T], asked: _Round, *, none_is_last: bool) -> _T:
        begun = self._clock.now()
        nothing: list[_T] = []
        for source in self.in_turn():
            if self._clock.now() - begun > _TURN_SECONDS:
                break
            try:
                answer = ask(source)
            except ForkError:
                raise
            except (ProofError, MalformedError, RegistryUnavailableError) as error:
                self.failed(source, error)
                asked.note(error)
                continue
            if none_is_last and answer is None:
                nothing.append(answer)
                continue
            self.answered(source)
            return answer
        if nothing:
            return nothing[0]
        raise asked.worst()

    def in_turn(self) -> tuple[ProofSource, ...]:
        """Return whom to ask, one after the other: those set aside only after all others."""
        now = self._clock.now()
        with self._lock:
            ready = [node for node in self._order if node.aside_until <= now]
            aside = [node for node in self._order if node.aside_until > now]
        return tuple(node.source for node in (*ready, *sorted(aside, key=lambda n: n.aside_until)))

    def witnesses(self, source: object, count: int) -> tuple[ProofSource, ...]:
        """Return at most `count` others that are not set aside, each in its turn."""
        now = self._clock.now()
        with self._lock:
            free = [n for n in self._given if n.source is not source and n.aside_until <= now]
            chosen = sorted(free, key=lambda node: node.compared)[:count]
            for node in chosen:
                node.compared += 1
        return tuple(node.source for node in chosen)

    def shows(self, source: HeaderSource, height: int, *, newest: bool) -> None:
        """Note a height that a node showed, as its newest or as one that was asked for."""
        with self._lock:
            node = self._find(source)
            if node is not None and (newest or height > (node.report.height or 0)):
                node.report = replace(node.report, height=height)

    def answered(self, source: ProofSource, *, prefer: bool = True) -> None:
        """Note that what a node said proved itself; it is asked first from now on."""
        with self._lock:
            node = self._find(source)
            if node is None:
                return
            node.failures, node.aside_until = 0, 0
            if prefer and self._order[0] is not node:
                self._order.remove(node)
                self._order.insert(0, node)
        self._become(node, NodeState.GOOD, "")

    def failed(self, source: ProofSource, error: RegistryError | MalformedError) -> None:
        """Note what a node did wrong, and set it aside for a while."""
        state = _state_of(error)
        with self._lock:
            node = self._find(source)
            if node is None:
                return
            if state is not None:
                self._set_aside(node, state)
        if state is not None:
            self._become(node, state, error.message)

    def _set_aside(self, node: _Node, state: NodeState) -> None:
        if node.report.state is not state:
            node.failures = 0
        first, most = _PAUSES[state]
        if state is NodeState.LYING:
            # A good answer between two lies does not make up for them.
            node.lies += 1
            times = node.lies
        else:
            node.failures += 1
            times = node.failures
        node.aside_until = self._clock.now() + min(first * 2 ** min(times - 1, 16), most)

    def _become(self, node: _Node, state: NodeState, error: str) -> None:
        with self._lock:
            before = node.report
            since = before.since if before.state is state else self._clock.now()
            after = replace(before, state=state, error=error, since=since)
            node.report = after
        if (before.state, before.error) == (state, error):
            return
        if state is NodeState.LYING:
            _log.warning("the node %s does not prove what it says: %s", after.url, error)
        elif before.state is not state:
            _log.info("the node %s is %s%s", after.url, state, f": {error}" if error else "")
        if before.state is not state and self._changed is not None:
            self._changed(after)

    def _find(self, source: object) -> _Node | None:
        return next((node for node in self._given if node.source is source), None)


def _state_of(error: RegistryError | MalformedError) -> NodeState | None:
    """Return what a failure says about the node; None: nothing."""
    if isinstance(error, UndecidableError):
        return None
    if isinstance(error, ProofError | MalformedError):
        return NodeState.LYING
    if isinstance(error, NodeBehindError):
        return NodeState.LAGGING
    return NodeState.UNREACHABLE


def _address(source: ProofSource, number: int) -> str:
    url = getattr(source, "url", None)
    return url if isinstance(url, str) else f"source {number}"
