"""A seeded list of faults one after the other, and at the end every store beside every other.

Short: a handful. `WEID_FAULTS=long`: two hundred, of every kind. `WEID_FAULTS_SEED` gives another
list than the usual one; a test that fails says which it was.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from random import Random

import pytest

from tests.failure.network.cluster import VALIDATORS, Cluster
from tests.failure.network.drill import Drill, Report, judge_stores
from tests.failure.network.nodes import Node
from tests.failure.network.selection import LONG, SEED
from tests.support.clauses import clause

pytestmark = pytest.mark.faults

Perturbation = Callable[[Drill, Node, Random], None]


def _kill(drill: Drill, node: Node, random: Random) -> None:
    del drill, random
    node.kill()


def _kill_one_process(drill: Drill, node: Node, random: Random) -> None:
    del drill
    # Whoever is killed again and again is started again after ever longer pauses: a new
    # supervisor knows nothing of that.
    node.signal(random.choice(["application", "cometbft"]), signal.SIGKILL)
    node.kill()


def _kill_all(drill: Drill, node: Node, random: Random) -> None:
    del node, random
    for each in drill.cluster.usual:
        each.kill()


def _stand_still(drill: Drill, node: Node, random: Random) -> None:
    node.pause()
    drill.goes_on(1)
    time.sleep(random.uniform(1, 10))
    node.pause(go_on=True)


def _cut_off(drill: Drill, node: Node, random: Random) -> None:
    drill.cluster.relays.isolate(node.name)
    drill.goes_on(1)
    time.sleep(random.uniform(1, 15))


def _halve(drill: Drill, node: Node, random: Random) -> None:
    other = random.choice([name for name in VALIDATORS if name != node.name])
    drill.cluster.relays.split({node.name, other})
    time.sleep(random.uniform(2, 12))


def _lose(drill: Drill, node: Node, random: Random) -> None:
    del node
    drill.cluster.relays.disturb(loss=random.uniform(0.1, 0.3), delay=random.uniform(0, 0.2))
    drill.goes_on(1)


def _break_off(drill: Drill, node: Node, random: Random) -> None:
    del node, random
    drill.cluster.relays.reset()


def _start_again(drill: Drill, node: Node, random: Random) -> None:
    del drill, random
    assert node.stop() == 0


_KINDS: dict[str, Perturbation] = {
    "kill": _kill,
    "kill one process": _kill_one_process,
    "kill all": _kill_all,
    "pause": _stand_still,
    "disconnect": _cut_off,
    "two against two": _halve,
    "loss": _lose,
    "reset": _break_off,
    "restart": _start_again,
}


@clause("B1", "B2", "B3", "B4", "B5")
@pytest.mark.parametrize("part", range(20 if LONG else 1))
def test_a_seeded_list_of_faults(drill: Drill, part: int) -> None:
    random = Random(SEED + part)
    for number in range(10 if LONG else 2):
        kind = random.choice(sorted(_KINDS))
        node = drill.cluster.nodes[random.choice(VALIDATORS)]
        _KINDS[kind](drill, node, random)
        drill.mended(f"{number + 1}, {kind} {node.name}")
    drill.judge()


@clause("B5", "B6")
def test_at_the_end_every_store_is_whole_and_the_same(drill: Drill, report: Report) -> None:
    cluster: Cluster = drill.cluster
    drill.judge()
    height = max(node.height() for node in cluster.usual)
    cluster.caught_up(above=height - 1)
    for node in cluster.usual:
        assert node.stop() == 0
    judge_stores(cluster, report)
