"""Wires that are cut, come and go, or lose what they carry, while clients write.

The wires are relays of TCP on loopback (`relays`): the same on every machine, without rights over
its network.
"""

from __future__ import annotations

import time

import pytest

from tests.failure.network.cluster import OBSERVER, VALIDATORS
from tests.failure.network.drill import Drill
from tests.failure.network.selection import LONG, in_the_long_list
from tests.support.clauses import clause

pytestmark = pytest.mark.faults


@clause("B1")
def test_one_of_four_is_cut_off(drill: Drill) -> None:
    drill.cluster.relays.isolate(VALIDATORS[3])
    drill.goes_on()
    time.sleep(10)
    drill.recovered()


@clause("B2")
def test_two_against_two_halts_and_acknowledges_nothing(drill: Drill) -> None:
    drill.cluster.relays.split({*VALIDATORS[:2], OBSERVER})
    drill.stands(10)
    drill.recovered()


@clause("B3")
def test_rings_and_halves_come_and_go(drill: Drill) -> None:
    one, two, three, four = VALIDATORS
    relays = drill.cluster.relays
    for _ in range(10 if LONG else 1):
        # A ring: each hears two of the others only, and has to pass on what the third said.
        relays.cut(one, three)
        relays.cut(two, four)
        drill.goes_on(1)
        relays.mend()
        relays.split({one, two})
        time.sleep(5)
        relays.mend()
        relays.split({one, four})
        relays.reset()
        time.sleep(5)
        relays.mend()
    drill.recovered()


@clause("B4")
@pytest.mark.parametrize("loss", [pytest.param(0.1, marks=in_the_long_list), 0.3])
def test_segments_are_lost_and_late(drill: Drill, loss: float) -> None:
    drill.cluster.relays.disturb(loss=loss, delay=0.2)
    drill.goes_on(5)
    drill.recovered(f"{loss:.0%} lost, 200 ms late")
