"""Changes in the middle of everything: validators come and go, nodes start again in turn."""

from __future__ import annotations

import time

import pytest

from tests.failure.network.cluster import OBSERVER, VALIDATORS
from tests.failure.network.drill import Drill
from tests.failure.network.nodes import until
from tests.support.clauses import clause
from weid.clock import SystemClock
from weid.errors import RegistryUnavailableError
from weid.registry.node_operations import ChangeNode, NodeRole
from weid.registry.operations import Propose

pytestmark = pytest.mark.faults


def decide(drill: Drill, change: ChangeNode) -> None:
    """Let the governor decide a change of a node."""
    author = drill.clients.author(drill.clients.registry(0))
    operation = Propose(change, SystemClock().now() + 3600, "drill")

    def decided() -> bool:
        try:
            author.submit(operation)
        except RegistryUnavailableError:
            return False
        return True

    until(decided, "governance decides")


def powers(drill: Drill) -> list[int]:
    """Return the voting powers of the newest block's validators."""
    found = drill.cluster.validators[0].ask("validators", per_page="100")["validators"]
    return sorted(int(each["voting_power"]) for each in found)


@clause("B19")
def test_validators_come_and_go_while_one_is_cut_off(drill: Drill) -> None:
    cluster = drill.cluster
    joining = cluster.node_ids[OBSERVER]
    cluster.relays.isolate(VALIDATORS[3])
    try:
        decide(drill, ChangeNode(joining, NodeRole.VALIDATOR, 10, None))
        until(lambda: powers(drill) == [10] * 5, "the observer votes")
        drill.goes_on()
        cluster.relays.mend()
        cluster.caught_up()
        cluster.relays.isolate(VALIDATORS[3])
    finally:
        decide(drill, ChangeNode(joining, NodeRole.OBSERVER, 0, None))
    until(lambda: powers(drill) == [10] * 4, "it votes no longer")
    drill.goes_on()
    drill.recovered()


@clause("B20", "D20")
def test_one_node_after_the_other_starts_again_under_load(drill: Drill) -> None:
    longest = 0.0
    for node in drill.cluster.usual:
        began = time.monotonic()
        assert node.stop() == 0
        longest = max(longest, time.monotonic() - began)
        drill.goes_on(1)
        node.start()
        drill.cluster.caught_up([node])
    drill.recovered(f"the longest end of a node took {longest:.1f} s")
