"""Peers that the registry admits no more are cut off by a new start of the node, one at a time.

CometBFT asks whether it may let a peer in only when that one connects, and nothing can be said to
it afterwards: who was suspended or removed stays connected until one of the two ends. So the node
starts again, by its supervisor, and does not let the peer in any more. Clause NT-24; decision 0007.

A new start must not be worse than the peer. It waits until the peer had time to leave by itself
(`PATIENCE`), until the node's own minute comes round, so that no two nodes start at once, and
until the network needs this node the least: the newest block is fresh, and those who sealed it have
more than two thirds of the voting power without this node. Where they have not, as with three
validators, it stays with the alert: then a person chooses the moment.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from registry_chain.state_machine.nodes import is_admitted
from registry_chain.storage.sealed_block import SealedBlock
from weid import limits
from weid.clock import Clock
from weid.errors import MalformedError, RegistryUnavailableError
from weid.registry.headers import VoteFlag, address
from weid.registry.records import NodeRecord
from weid.registry.validators import ValidatorSet

PATIENCE: Final = 600
"""Seconds that a peer without admission may stay: one with a new id leaves when it starts again."""
RESTED: Final = 3600
"""Seconds that a node runs at least before it starts again for this reason."""
_MINUTE: Final = 60
_WINDOW: Final = 15
"""Seconds at the beginning of a node's minute in which it may start again."""
_FRESH: Final = 2 * limits.HEARTBEAT
_LOOK_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)


class PeerSource(Protocol):
    """Where the peers are asked for: the node's own CometBFT."""

    def peers(self) -> tuple[str, ...]:
        """Return the ids (40 hexadecimal digits) of those that are connected."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a node knows of the network when it considers a new start.

    `place` is its own among `nodes` active ones, by node id; `head_time` that of the newest block
    (seconds since 1970); `others` is the voting power of those who sealed it, but for this node, of
    `power` in all.
    """

    place: int
    nodes: int
    head_time: int
    others: int
    power: int

    def may_start_again(self, now: int) -> bool:
        """Return whether the network goes on without this node, and it is this node's turn."""
        turn = now // _MINUTE % self.nodes == self.place and now % _MINUTE < _WINDOW
        return turn and now - self.head_time <= _FRESH and 3 * self.others > 2 * self.power


def surroundings(
    own_id: bytes, records: Sequence[NodeRecord], newest: SealedBlock, sealers: ValidatorSet
) -> Surroundings | None:
    """Return what the registry's nodes and the newest block say; None: the node is none of them.

    `sealers` are the validators of that block.
    """
    active = [record for record in records if is_admitted(record)]
    own = next((record for record in active if record.node_id == own_id), None)
    if own is None:
        return None
    power_of = {one.address: one.power for one in sealers.validators}
    signed = {
        vote.validator_address for vote in newest.commit.signatures if vote.flag is VoteFlag.COMMIT
    }
    signed.discard(address(own.validator_key))
    return Surroundings(
        place=sorted(record.node_id for record in active).index(own_id),
        nodes=len(active),
        head_time=newest.header.time,
        others=sum(power_of.get(each, 0) for each in signed),
        power=sealers.total_power,
    )


class Strangers:
    """Since when peers are connected that have no admission; times in seconds."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def look(self, now: float, strangers: Collection[str]) -> tuple[str, ...]:
        """Take note of who is there; return those that have stayed for too long."""
        self._since = {each: self._since.get(each, now) for each in strangers}
        return tuple(sorted(each for each, at in self._since.items() if now - at >= PATIENCE))


def strangers_among(peers: Sequence[str], admits: Callable[[bytes], bool]) -> tuple[str, ...]:
    """Return those of some node ids (hexadecimal) that the registry does not admit."""
    return tuple(each for each in peers if not admits(_node_id(each)))


def _node_id(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


class StrangerWatch:
    """A thread that tells `on_stranger`, once, when the node should start again to cut a peer off.

    `admits` judges a node id (20 bytes) by the registry; `surroundings` gives None while they are
    not known; `monotonic` seconds that never go back.
    """

    def __init__(  # noqa: PLR0913 - its surroundings, each named
        self,
        source: PeerSource,
        *,
        admits: Callable[[bytes], bool],
        surroundings: Callable[[], Surroundings | None],
        on_stranger: Callable[[str], None],
        clock: Clock,
        monotonic: Callable[[], float],
        look: float = _LOOK_SECONDS,
    ) -> None:
        self._source = source
        self._admits = admits
        self._surroundings = surroundings
        self._on_stranger = on_stranger
        self._clock = clock
        self._monotonic = monotonic
        self._look = look
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="strangers", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._closing.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        begun = self._monotonic()
        strangers = Strangers()
        while not self._closing.wait(self._look):
            try:
                peers = self._source.peers()
                stayed = strangers.look(self._monotonic(), strangers_among(peers, self._admits))
                if not stayed or self._monotonic() - begun < RESTED:
                    continue
                around = self._surroundings()
            except (RegistryUnavailableError, MalformedError):
                continue  # it does not answer now: the supervisor looks after that
            if around is not None and around.may_start_again(self._clock.now()):
                _log.warning("the registry admits no more: %s", ", ".join(stayed))
                self._on_stranger(
                    f"{stayed[0]} is connected, which the registry admits no more: a new start "
                    "cuts it off"
                )
                return
