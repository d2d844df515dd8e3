"""Comparing nodes: who is down, behind, alone or of another state."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest

from registry_chain.cli.net_running import await_blocks
from registry_chain.engines.cometbft.founding import NodeKeys
from registry_chain.engines.cometbft.network import NetworkNode, plan_one_machine
from registry_chain.engines.cometbft.network_file import ListedNode
from registry_chain.engines.cometbft.network_status import (
    STANDS_AFTER,
    NetworkStanding,
    NodeStanding,
    VotingPower,
    network_standing,
)
from registry_chain.engines.cometbft.rpc import SyncStatus
from tests.support.clauses import clause
from weid.errors import MalformedError, RegistryUnavailableError
from weid.registry.validators import Validator, ValidatorSet

PLANS = plan_one_machine(
    validators=4, observers=0, sentries=0, base_port=26650, first_address="127.0.0.1"
)
NODES = [
    ListedNode.of(NetworkNode(plan, NodeKeys.generate(lambda size, n=number: bytes([n]) * size)))
    for number, plan in enumerate(PLANS, 1)
]
NOW = 1_700_000_100
CLOSED = []


@dataclass
class Source:
    """A node that says what the test wants."""

    node_id: str
    latest: int = 10
    earliest: int = 1
    catching_up: bool = False
    app_hash: bytes = b"\xaa" * 32
    connected: tuple[str, ...] = ("p",) * 3
    removed: tuple[str, ...] = ()
    is_down: bool = False
    is_another: bool = False
    lost: set[int] = field(default_factory=set)
    spoiled: set[int] = field(default_factory=set)
    age: int = 7
    voting: tuple[int, ...] | None = (10, 10, 10, 10)

    def status(self):
        if self.is_down:
            raise RegistryUnavailableError("no answer")
        if self.is_another:
            raise MalformedError("the answer is of something else")
        return SyncStatus(self.node_id, self.latest, self.earliest, self.catching_up)

    def close(self):
        CLOSED.append(self.node_id)

    def peers(self):
        return self.connected

    def admits(self, node_id):
        return node_id not in self.removed

    def block(self, height):
        if height in self.lost:
            raise RegistryUnavailableError("no such block")
        if height in self.spoiled:
            raise MalformedError("no block of that height")
        header = SimpleNamespace(time_ns=(NOW - self.age) * 10**9, app_hash=self.app_hash)
        return SimpleNamespace(sealed=SimpleNamespace(header=header))

    def validators(self, height):
        assert height == self.latest
        if self.voting is None:
            raise RegistryUnavailableError("no validators")
        return ValidatorSet.of(
            [
                Validator(bytes.fromhex(node.validator_key), power)
                for node, power in zip(NODES, self.voting, strict=False)
            ]
        )


def compare(*changes, reason_of=lambda _: "", is_stopped=lambda _: False):
    said = dict(zip((node.id for node in NODES), changes, strict=False))
    return network_standing(
        NODES,
        lambda node: Source(**{"node_id": node.id, **said.get(node.id, {})}),
        now=NOW,
        reason_of=reason_of,
        is_stopped=is_stopped,
    )


def states(standing):
    return [node.state for node in standing.nodes]


@clause("NT-14")
def test_a_network_that_is_well():
    CLOSED.clear()
    standing = compare()
    assert [node.id for node in NODES] == CLOSED
    assert standing.good
    assert standing.compared_at == 10
    assert [node.name for node in standing.nodes] == [plan.name for plan in PLANS]
    assert standing.nodes[0].to_json() == {
        "name": "validator-1",
        "role": "validator",
        "state": "ok",
        "height": 10,
        "head_age": 7,
        "peers": 3,
        "app_hash": "aa" * 32,
        "agrees": True,
        "reason": "",
        "api": "http://127.0.0.1:26652",
    }
    assert standing.summary() == "40 of 40 voting power runs"


@clause("NT-14")
def test_one_that_does_not_answer_is_down_with_the_reason_of_its_supervisor():
    standing = compare({"is_down": True}, reason_of=lambda node: f"why {node.plan.name}")
    assert states(standing) == ["down", "ok", "ok", "ok"]
    assert standing.nodes[0].reason == "why validator-1"
    assert standing.nodes[0].agrees is None
    assert compare({"is_down": True}).nodes[0].reason == "no answer"
    assert not standing.good


@clause("NT-14")
def test_something_else_that_answers_at_its_port_is_no_node_of_the_network():
    standing = compare({"is_another": True})
    assert states(standing) == ["down", "ok", "ok", "ok"]
    assert standing.nodes[0].reason == "the answer is of something else"


@clause("NT-14")
def test_a_block_that_cannot_be_read_leaves_the_comparison_to_the_others():
    standing = compare({"spoiled": {10}})
    assert states(standing) == ["ok"] * 4
    assert standing.nodes[0].agrees is None
    assert standing.nodes[0].reason == "no block of that height"
    assert [node.agrees for node in standing.nodes[1:]] == [True] * 3


@clause("NT-14")
@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({"latest": 9}, "ok"),
        ({"latest": 8}, "lags"),
        ({"latest": 0}, "lags"),
        ({"catching_up": True}, "catching up"),
        ({"connected": ()}, "alone"),
        ({"node_id": "ff" * 20}, "down"),
        ({"app_hash": b"\xbb" * 32}, "differs"),
    ],
    ids=str,
)
def test_one_that_is_not_as_the_others_is_named(change, state):
    assert states(compare({}, change)) == ["ok", state, "ok", "ok"]


@clause("NT-14")
def test_app_hashes_are_compared_at_a_height_that_all_who_follow_have():
    standing = compare({"latest": 9}, {"latest": 3}, {"latest": 10, "earliest": 10})
    assert standing.compared_at == 9
    assert [node.agrees for node in standing.nodes] == [True, None, None, True]


@clause("NT-14")
def test_with_as_many_on_each_side_nobody_is_believed():
    other = {"app_hash": b"\xbb" * 32}
    assert states(compare({}, other, {}, other)) == ["differs"] * 4


def test_all_down_and_an_answer_that_breaks_off():
    assert states(compare(*[{"is_down": True}] * 4)) == ["down"] * 4
    assert compare(*[{"is_down": True}] * 4).compared_at is None
    lost = compare({"lost": {10}})
    assert lost.nodes[0].head_age is None
    assert lost.nodes[0].reason == "no such block"


DOWN = {"is_down": True}


@clause("NT-14")
def test_a_network_without_new_blocks_stands_although_every_node_answers():
    late = {"age": STANDS_AFTER}
    assert compare(late, late, late, late).good
    late = {"age": STANDS_AFTER + 1}
    standing = compare(late, late, late, late)
    assert states(standing) == ["standing"] * 4
    assert not standing.good
    assert standing.summary() == (
        "40 of 40 voting power runs; "
        "the network stands: no block since 2023-11-14T22:12:59Z (121 s)"
    )
    assert compare(late, {}, late, late).good, "the newest head counts"


@clause("NT-14")
def test_without_two_thirds_of_the_power_it_is_said_who_must_come_back():
    standing = compare({}, {}, DOWN, DOWN)
    assert str(standing.power) == (
        "20 of 40 voting power runs; more than two thirds must: "
        "bring back validator-3 or validator-4"
    )
    assert compare({}, {}, {}, DOWN).summary() == "30 of 40 voting power runs"
    assert compare(DOWN, DOWN, DOWN, DOWN).summary().startswith("0 of 40 voting power runs; more")


@pytest.mark.parametrize(
    ("power", "cure"),
    [
        (VotingPower(10, 40, (("b", 10), ("c", 10), ("d", 10))), "enough of b, c, d"),
        (VotingPower(10, 30, (("b", 10), ("c", 10))), "b, c"),
        (VotingPower(10, 40, (("b", 30),)), "b"),
    ],
)
def test_how_many_must_come_back(power, cure):
    assert str(power).endswith(f"must: bring back {cure}")


@clause("NT-14")
def test_the_power_is_that_of_the_chain_and_else_that_of_the_plan():
    assert compare({}, DOWN, *[{"voting": (5, 1, 1)}] * 2).power.total == 40
    changed = [{"voting": (5, 1, 1)}] * 4
    assert compare(*changed).power == VotingPower(7, 7)
    assert compare(*[{"voting": None}] * 4).power == VotingPower(40, 40)


@clause("NT-14")
def test_what_was_stopped_in_order_is_no_fault_of_its_node():
    standing = compare(DOWN, DOWN, DOWN, DOWN, is_stopped=lambda _: True)
    assert states(standing) == ["stopped"] * 4
    assert standing.stopped
    assert standing.summary() == "the network is stopped"
    part = compare(DOWN, is_stopped=lambda node: node is NODES[0])
    assert states(part) == ["stopped", "ok", "ok", "ok"]
    assert not part.stopped


@clause("NT-14")
def test_who_is_alone_is_told_to_restart_once_its_key_votes():
    alone = {"connected": ()}
    assert "its key votes: it needs a restart" in compare({}, alone).nodes[1].reason
    without = [{"voting": (10,)}, {"voting": (10,), **alone}, {"voting": (10,)}, {"voting": (10,)}]
    assert "has the registry admitted it?" in compare(*without).nodes[1].reason
    assert states(compare(alone, DOWN, DOWN, DOWN))[0] == "ok", "the others are missing"


@clause("NT-14", "NT-24")
def test_a_peer_that_the_registry_admits_no_more_is_named():
    gone = "0d" * 20
    standing = compare({"connected": ("p", gone), "removed": (gone,)})
    assert states(standing) == ["ok"] * 4
    assert standing.nodes[0].reason.endswith(f"admits it no more: {gone}")
    assert [node.reason for node in standing.nodes[1:]] == [""] * 3


@clause("NT-14")
def test_a_validator_whose_sentries_do_not_answer_needs_no_restart():
    plans = plan_one_machine(
        validators=2, observers=0, sentries=1, base_port=26650, first_address="127.0.0.1"
    )
    nodes = [replace(node, plan=plan) for node, plan in zip(NODES, plans, strict=True)]
    silent = {"sentry-1-1": {"is_down": True}, "validator-1": {"connected": ()}}
    standing = network_standing(
        nodes, lambda node: Source(node.id, **silent.get(node.plan.name, {})), now=NOW
    )
    assert states(standing)[:2] == ["alone", "down"]
    assert standing.nodes[0].reason == "none of its sentries answers"


# --- Waiting for blocks -----------------------------------------------------------------------------


def at(*heights, state="ok"):
    return NetworkStanding(
        tuple(
            NodeStanding(name=f"n{number}", role="validator", state=state, height=height)
            for number, height in enumerate(heights)
        ),
        None,
    )


def wait(*looks, seconds=100):
    waiting, now = iter(looks), iter(range(0, 10_000, 10))
    return await_blocks(
        lambda: next(waiting), seconds, monotonic=lambda: next(now), sleep=lambda _: None
    )


@clause("NT-17")
def test_it_is_done_when_every_node_has_made_a_block():
    looks = [at(None, None, state="down"), at(0, 0), at(1, 0), at(1, 1)]
    assert wait(*looks) is looks[-1]


@clause("NT-17")
def test_heights_that_were_there_before_are_no_new_blocks():
    with pytest.raises(RegistryUnavailableError, match="n1 rests at height 7"):
        wait(*[at(7, 7), *[at(8, 7)] * 20])


@clause("NT-17")
def test_who_is_not_there_in_time_is_named():
    with pytest.raises(RegistryUnavailableError, match="n0 is down; n1 is down") as refused:
        wait(*[at(None, None, state="down")] * 20)
    assert "net status" in refused.value.hint
