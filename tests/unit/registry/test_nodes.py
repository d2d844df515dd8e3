"""Several nodes that nobody trusts: choice, lagging and lying ones, forks, and what is said of them."""

from __future__ import annotations

import logging
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.clauses import clause
from tests.support.light_chain import START
from tests.support.light_nodes import (
    FOUR,
    OTHERS,
    SOMEBODY,
    LightNode,
    NodesWorld,
    provable,
    states,
)
from weid.clock import FixedClock
from weid.crypto.keys import PrivateKey
from weid.encoding import json_dumps
from weid.errors import (
    MalformedError,
    NodeBehindError,
    ProofError,
    RegistryError,
    RegistryUnavailableError,
    UndecidableError,
)
from weid.registry.answers import RecordAnswer
from weid.registry.light_block import LightBlock
from weid.registry.nodes import Nodes, NodeState
from weid.registry.proofs import StateProof
from weid.registry.trusted_heads import FileTrustedHeads


@pytest.fixture
def world() -> NodesWorld:
    return NodesWorld()


# --- Which node is asked ---------------------------------------------------------------------------


@clause("NA-13")
def test_the_last_good_node_is_asked_first_and_a_dead_one_left_in_peace(world: NodesWorld) -> None:
    first, second, _ = world.nodes
    first.down = True
    reader = world.reader(witnesses=0)
    assert reader.head().height == 20
    assert states(reader) == ["unreachable", "good", "untried"]
    asked = len(first.asked)
    for _ in range(5):
        reader.head()
    assert len(first.asked) == asked
    # The good one fails too: now others are tried, the one that was set aside last.
    second.down = True
    assert reader.did(SOMEBODY) is None
    assert len(first.asked) == asked
    assert states(reader) == ["unreachable", "unreachable", "good"]


@clause("NA-13")
def test_when_no_node_is_left_each_is_tried_again(world: NodesWorld) -> None:
    for node in world.nodes:
        node.down = True
    reader = world.reader(witnesses=0)
    for _ in range(2):
        with pytest.raises(RegistryUnavailableError, match="a is down"):
            reader.head()
    assert [len(node.asked) for node in world.nodes] == [2, 2, 2]
    world.nodes[2].down = False
    assert reader.head().height == 20


@clause("NA-13")
@pytest.mark.parametrize(
    ("error", "state", "first", "most"),
    [
        (RegistryUnavailableError("down"), NodeState.UNREACHABLE, 2, 300),
        (NodeBehindError("behind"), NodeState.LAGGING, 1, 15),
        (ProofError("forged"), NodeState.LYING, 60, 3600),
        (MalformedError("unreadable"), NodeState.LYING, 60, 3600),
    ],
)
def test_pauses_double_up_to_a_most(
    error: RegistryError, state: NodeState, first: int, most: int
) -> None:
    clock = FixedClock(START)
    one, two = LightNode(provable(*FOUR), "one"), LightNode(provable(*FOUR), "two")
    nodes = Nodes([one, two], clock=clock)
    pauses = []
    for _ in range(14):
        nodes.failed(one, error)
        assert nodes.report()[0].state is state
        pause = 0
        while nodes.in_turn()[0] is two:
            clock.advance(1)
            pause += 1
        pauses.append(pause)
    assert pauses[0] == first
    assert pauses[-1] == most
    assert all(later == min(2 * before, most) for before, later in pairwise(pauses))
    nodes.answered(one)
    nodes.failed(one, error)
    clock.advance(first)
    # Being down is made up for by one answer, a lie is not.
    assert (nodes.in_turn()[0] is one) is (state is not NodeState.LYING)


@clause("NA-13")
@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4), st.integers(0, 400))))
def test_every_node_is_always_in_turn_exactly_once(steps: list[tuple[int, int, int]]) -> None:
    clock = FixedClock(START)
    sources = [LightNode(provable(*FOUR), name) for name in "abc"]
    nodes = Nodes(sources, clock=clock)
    outcomes = (None, RegistryUnavailableError("x"), NodeBehindError("x"), ProofError("x"))
    for which, outcome, seconds in steps:
        if outcome == 0:
            nodes.answered(sources[which])
            assert nodes.in_turn()[0] is sources[which]
        elif outcome == 4:
            nodes.failed(sources[which], UndecidableError("x"))
        else:
            nodes.failed(sources[which], outcomes[outcome])
        clock.advance(seconds)
        assert sorted(node.name for node in nodes.in_turn()) == ["a", "b", "c"]
        assert [report.url[8] for report in nodes.report()] == ["a", "b", "c"]


@clause("NA-13")
def test_one_question_does_not_go_on_from_node_to_node_for_ever(world: NodesWorld) -> None:
    reader = world.reader(witnesses=0)
    reader.head()

    def slow(source: LightNode) -> None:
        asked.append(source.name)
        world.clock.advance(40)
        raise RegistryUnavailableError("slow")

    asked: list[str] = []
    nodes = Nodes([*world.nodes, LightNode(world.chain, "d")], clock=world.clock)
    with pytest.raises(RegistryUnavailableError, match="slow"):
        nodes.first(slow)
    assert asked == ["a", "b"]


@clause("NA-13", "NA-21", "B26")
def test_a_lying_node_is_named_in_report_log_and_callback(
    world: NodesWorld, caplog: pytest.LogCaptureFixture
) -> None:
    forged = LightNode(world.fork(common=5, keys=OTHERS), "liar", genesis_bytes=world.chain.genesis)
    reader = world.reader(forged, world.nodes[0])
    with caplog.at_level(logging.INFO, logger="weid.registry.nodes"):
        assert reader.head().block_hash == world.chain.blocks[-1].header.hash()
        assert reader.head().height == 20
    liar, good = reader.nodes_report()
    assert (liar.state, good.state) == (NodeState.LYING, NodeState.GOOD)
    assert (liar.url, liar.height, liar.since) == (forged.url, 20, world.clock.now())
    assert "announced" in liar.error
    assert good.to_json() == {
        "url": "https://a.example",
        "state": "good",
        "height": 20,
        "error": None,
        "since": "2027-01-15T08:00:21Z",
    }
    assert json_dumps(liar.to_json())
    warnings = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "https://liar.example" in warnings[0].getMessage()
    assert "announced" in warnings[0].getMessage()
    assert [(c.url, str(c.state)) for c in world.changes] == [
        ("https://liar.example", "good"),  # its genesis was the right one
        ("https://liar.example", "lying"),
        ("https://a.example", "good"),
    ]


@clause("NA-13", "NA-21", "LC-BLAME")
def test_what_is_no_nodes_fault_accuses_none(world: NodesWorld) -> None:
    world.heads.advance(world.chain.genesis_hash, world.chain.blocks[0])
    reader = world.reader(trust_period=5, max_head_age=None)
    with pytest.raises(UndecidableError, match="expired"):
        reader.head()
    assert "lying" not in states(reader)
    # A clock that is far behind.
    early = NodesWorld()
    early.clock.advance(-500)
    reader = early.reader()
    with pytest.raises(UndecidableError, match="in the future"):
        reader.head()
    assert "lying" not in states(reader)


@clause("LC-HEADS")
def test_a_damaged_memory_accuses_no_node(world: NodesWorld, tmp_path) -> None:
    world.heads = FileTrustedHeads(tmp_path)
    reader = world.reader()
    reader.head()
    (tmp_path / f"{world.chain.genesis_hash.hex()}.json").write_bytes(b"{}")
    with pytest.raises(UndecidableError):
        reader.head()
    assert "lying" not in states(reader)


# --- Behind ----------------------------------------------------------------------------------------


@clause("NA-05", "NA-13")
def test_answers_never_step_back_when_the_next_node_is_behind(world: NodesWorld) -> None:
    ahead, behind, _ = world.nodes
    behind.behind = 3
    reader = world.reader(ahead, behind, witnesses=0)
    assert reader.head().height == 20
    ahead.down = True
    for ask in (reader.head, lambda: reader.did(SOMEBODY)):
        with pytest.raises(RegistryUnavailableError):
            ask()
    assert states(reader) == ["unreachable", "lagging"]
    assert reader.nodes_report()[1].height == 17
    behind.behind = 0
    assert reader.head().height == 20
    assert reader.did(SOMEBODY) is None
    assert world.heads.conflicts(world.chain.genesis_hash) == ()


@clause("NA-06", "NA-13")
@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_an_answer_whose_header_comes_a_moment_later_is_waited_for(
    world: NodesWorld, blocks: int
) -> None:
    # As on CometBFT: the header that carries a state comes one block later.
    node = world.nodes[0]
    node.behind = blocks

    def sleep(seconds: float) -> None:
        world.slept.append(seconds)
        node.behind -= 1

    reader = world.reader(node, sleep=sleep)
    reader.head()
    newest = len(world.chain.blocks)
    node.record = lambda *_: RecordAnswer(world.chain.roots(newest), None, StateProof(()))
    assert reader.did(SOMEBODY) is None
    assert len(world.slept) == blocks
    assert reader.head().height == newest
    # Without end it is not, and a node that invents heights is no reason to wait longer.
    node.record = lambda *_: RecordAnswer(world.chain.roots(newest + 9), None, StateProof(()))
    world.slept.clear()
    with pytest.raises(NodeBehindError):
        reader.did(SOMEBODY)
    assert 0 < sum(world.slept) < 4


@clause("NA-05", "NA-13")
@pytest.mark.parametrize("question", ["head", "record"])
@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("keys", [FOUR[:1], FOUR], ids=["one sealer", "four"])
def test_whoever_is_overtaken_while_asking_calls_nobody_a_liar(
    keys: tuple[PrivateKey, ...], question: str, *, known: bool
) -> None:
    world = NodesWorld(keys=keys)
    node = world.nodes[0]
    reader = world.reader(node)
    if known:
        reader.head()
        world.grow(1)
    truth = node.light_block
    shown = []

    def overtaken(height: int | None) -> LightBlock:
        block = truth(height)
        if not shown:
            # Meanwhile another thread asks too, and gets two blocks more.
            shown.append(block)
            world.grow(2)
            assert reader.head().height == block.header.height + 2
        return block

    node.light_block = overtaken
    if question == "head":
        assert reader.head().height == len(world.chain.blocks)
    else:
        assert reader.did(SOMEBODY) is None
    assert shown
    assert states(reader) == ["good"]
    assert world.heads.conflicts(world.chain.genesis_hash) == ()


@clause("NA-05", "NA-13")
def test_a_node_that_stands_still_is_passed_over_for_one_that_goes_on(world: NodesWorld) -> None:
    stuck, _, _ = world.nodes
    world.grow(200)
    stuck.behind = 200
    reader = world.reader(witnesses=0)
    assert reader.head().height == 220
    report = reader.nodes_report()[0]
    assert (report.state, report.height) == (NodeState.LAGGING, 20)
    assert "too old" in report.error


@clause("NA-13")
def test_a_node_just_behind_is_given_some_seconds_to_catch_up(world: NodesWorld) -> None:
    ahead, behind, _ = world.nodes
    behind.behind = 2

    def sleep(seconds: float) -> None:
        world.slept.append(seconds)
        behind.behind = max(0, behind.behind - 1)

    reader = world.reader(ahead, behind, witnesses=0, sleep=sleep)
    reader.head()
    ahead.down = True
    assert reader.head().height == 20
    assert len(world.slept) == 2
    # Bounded, and not at all where the whole registry stands still.
    world.slept.clear()
    behind.behind = 15
    with pytest.raises(RegistryUnavailableError):
        reader.head()
    assert sum(world.slept) < 5
    world.slept.clear()
    world.clock.advance(500)
    with pytest.raises(RegistryUnavailableError):
        reader.head()
    assert world.slept == []
