"""A peer that the registry admits no more is cut off, and never at the cost of the chain."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace

import pytest

from registry_chain.engines.cometbft.strangers import (
    PATIENCE,
    RESTED,
    Strangers,
    StrangerWatch,
    Surroundings,
    strangers_among,
    surroundings,
)
from registry_chain.reader import RecordReader
from tests.support.clauses import clause
from tests.support.comet_network import NAMES, node_id, real_network
from weid import limits
from weid.clock import FixedClock
from weid.errors import RegistryUnavailableError
from weid.registry.records import Head, NodeStatus

MINUTE = 1_800_000_000
"""A time at which a minute begins that belongs to the first of four nodes."""
FOUR = Surroundings(place=0, nodes=4, head_time=MINUTE - 1, others=30, power=40)
GOOD, BAD = "0a" * 20, "0b" * 20


@clause("NT-24")
def test_who_has_no_admission_is_told_from_the_others() -> None:
    found = strangers_among([GOOD, BAD, "no hexadecimal"], lambda each: each.hex() == GOOD)
    assert found == (BAD, "no hexadecimal")


@clause("NT-24")
def test_who_leaves_by_itself_needs_no_new_start() -> None:
    strangers = Strangers()
    assert strangers.look(0, [BAD]) == ()
    assert strangers.look(PATIENCE - 1, [BAD]) == ()
    assert strangers.look(PATIENCE - 0.5, []) == ()
    assert strangers.look(PATIENCE, [BAD, GOOD]) == ()
    assert strangers.look(2 * PATIENCE - 1, [BAD]) == ()
    assert strangers.look(2 * PATIENCE, [BAD, GOOD]) == (BAD,)


@clause("NT-24")
def test_never_two_nodes_start_again_at_one_time() -> None:
    nodes = [replace(FOUR, place=place) for place in range(4)]
    turns: list[list[int]] = []
    for second in range(480):
        now = MINUTE + second
        ready = [one.place for one in nodes if replace(one, head_time=now).may_start_again(now)]
        assert len(ready) <= 1
        if ready and (not turns or turns[-1][0] != ready[0]):
            turns.append([ready[0], second])
    assert [place for place, _ in turns] == [0, 1, 2, 3, 0, 1, 2, 3]
    assert [at for _, at in turns] == [60 * number for number in range(8)]


@clause("NT-24")
@pytest.mark.parametrize(
    ("change", "may"),
    [
        ({}, True),
        ({"others": 27}, True),
        ({"others": 26}, False),
        ({"others": 20, "power": 30}, False),
        ({"others": 40}, True),
        ({"place": 1}, False),
        ({"head_time": MINUTE - 2 * limits.HEARTBEAT}, True),
        ({"head_time": MINUTE - 2 * limits.HEARTBEAT - 1}, False),
    ],
    ids=[
        "all others vote",
        "just enough",
        "one is away",
        "three validators",
        "an observer",
        "another's minute",
        "a quiet chain",
        "a chain that stands",
    ],
)
def test_a_new_start_never_stops_the_chain(change: dict[str, int], may: bool) -> None:  # noqa: FBT001 - a row
    assert replace(FOUR, **change).may_start_again(MINUTE) is may


@clause("NT-24")
def test_what_a_node_knows_of_the_network_is_read_from_its_registry() -> None:
    network, nodes = real_network(observers=("watcher",))
    network.crash(3)
    network.decide()
    nodes[0].settle()
    assert nodes[0].settler is not None
    newest = nodes[0].settler.newest
    assert newest is not None
    records = RecordReader(nodes[0].store, head=lambda: Head(0, 0, b"", b"")).nodes()
    sealers = network.validators(1)
    ids = sorted(node_id(name) for name in NAMES)
    for name, others in (("one", 2), ("four", 3)):
        found = surroundings(node_id(name), records, newest, sealers)
        time = newest.header.time
        assert found == Surroundings(ids.index(node_id(name)), 4, time, others, 4)
    gone = [
        replace(record, status=NodeStatus.SUSPENDED) if record.name == "one" else record
        for record in records
    ]
    assert surroundings(node_id("one"), gone, newest, sealers) is None
    other = surroundings(node_id("two"), gone, newest, sealers)
    assert other is not None
    assert (other.nodes, other.others) == (3, 2)


class Peers:
    """Says who is connected; None: it does not answer."""

    def __init__(self, *answers: tuple[str, ...] | None) -> None:
        self._answers = itertools.chain(answers, itertools.repeat((GOOD, BAD)))
        self.asked = threading.Semaphore(0)

    def peers(self) -> tuple[str, ...]:
        self.asked.release()
        found = next(self._answers)
        if found is None:
            raise RegistryUnavailableError("not yet")
        return found


def watch(peers: Peers, told: list[str], done: threading.Event, **changes: object) -> StrangerWatch:
    steps = itertools.count(0, RESTED)

    def tell(reason: str) -> None:
        told.append(reason)
        done.set()

    options: dict[str, object] = {
        "admits": lambda each: each.hex() == GOOD,
        "surroundings": lambda: FOUR,
        "on_stranger": tell,
        "clock": FixedClock(MINUTE),
        "monotonic": lambda: float(next(steps)),
        "look": 0.001,
    }
    return StrangerWatch(peers, **(options | changes))  # type: ignore[arg-type]


@clause("NT-24")
def test_the_node_starts_again_once_and_names_the_peer() -> None:
    told: list[str] = []
    done = threading.Event()
    watching = watch(Peers(None, ()), told, done)
    watching.start()
    assert done.wait(60)
    watching.stop()
    assert len(told) == 1
    assert BAD in told[0]


@clause("NT-24")
@pytest.mark.parametrize(
    "change",
    [
        {"surroundings": lambda: None},
        {"surroundings": lambda: replace(FOUR, others=20)},
        {"admits": lambda _: True},
        {"monotonic": itertools.chain(range(RESTED), itertools.repeat(RESTED - 1)).__next__},
    ],
    ids=["unknown surroundings", "too few others", "all admitted", "started just now"],
)
def test_otherwise_it_goes_on(change: dict[str, object]) -> None:
    told: list[str] = []
    peers = Peers()
    watching = watch(peers, told, threading.Event(), **change)
    watching.start()
    for _ in range(20):
        assert peers.asked.acquire(timeout=60)
    watching.stop()
    assert told == []
