"""Processes that are killed or stand still, while clients write."""

from __future__ import annotations

import signal
import time

import pytest

from tests.failure.network.drill import Drill
from tests.failure.network.nodes import until
from tests.failure.network.selection import in_the_long_list
from tests.support.clauses import clause

pytestmark = pytest.mark.faults


@clause("B5", "B7")
@pytest.mark.parametrize("which", ["application", pytest.param("cometbft", marks=in_the_long_list)])
def test_one_process_of_a_node_is_killed(drill: Drill, which: str) -> None:
    node = drill.cluster.validators[0 if which == "application" else 1]
    restarts = node.status()["restarts"]
    node.signal(which, signal.SIGKILL)
    drill.goes_on()
    until(lambda: node.status()["restarts"] > restarts, "both start again")
    drill.recovered()


@in_the_long_list
@clause("B5")
def test_the_supervisor_of_a_node_is_killed(drill: Drill) -> None:
    node = drill.cluster.validators[2]
    node.signal("supervisor", signal.SIGKILL)
    assert node.gone() == -signal.SIGKILL
    drill.goes_on()
    drill.recovered()


@clause("B6", "B7")
def test_all_four_are_killed_at_once_in_the_middle_of_commits(drill: Drill) -> None:
    for node in drill.cluster.usual:
        node.kill()
    drill.recovered()


@clause("B1")
def test_one_of_four_stands_still(drill: Drill) -> None:
    node = drill.cluster.validators[1]
    node.pause()
    drill.goes_on()
    time.sleep(5)
    node.pause(go_on=True)
    drill.recovered()
