"""Heads compared between nodes: forks, liars, witnesses that are late, and whatever else happens."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.clauses import clause
from tests.support.light_chain import key
from tests.support.light_nodes import (
    FOUR,
    OTHERS,
    SOMEBODY,
    LightNode,
    NodesWorld,
    provable,
    states,
)
from weid.errors import ForkError, ProofError, RegistryUnavailableError
from weid.registry.light_block import LightBlock
from weid.registry.nodes import NodeState
from weid.registry.proved_reader import ProvedReader
from weid.registry.records import Head
from weid.registry.trusted_heads import MemoryTrustedHeads


@pytest.fixture
def world() -> NodesWorld:
    return NodesWorld()


# --- Comparing heads -------------------------------------------------------------------------------


@clause("LC-WITNESS", "B15", "B23")
@pytest.mark.parametrize("first", ["honest", "forked"])
def test_a_witness_with_another_signed_header_is_proof_of_a_fork(
    world: NodesWorld, first: str
) -> None:
    honest, forked = world.nodes[0], LightNode(world.fork(), "fork")
    pair = (honest, forked) if first == "honest" else (forked, honest)
    reader = world.reader(*pair)
    with pytest.raises(ForkError, match="two histories") as refused:
        reader.head()
    assert refused.value.hint is not None
    (kept,) = world.heads.conflicts(world.chain.genesis_hash)
    assert {kept.remembered, kept.refused} == {honest.chain.blocks[-1], forked.chain.blocks[-1]}
    assert world.heads.load(world.chain.genesis_hash) is None, "neither is believed"
    # From now on nothing is believed, whatever the nodes say; nor after a restart.
    forked.down = True
    for ask in (reader.head, lambda: reader.did(SOMEBODY)):
        with pytest.raises(ForkError):
            ask()
    forked.down = False
    with pytest.raises(ForkError):
        world.reader(*pair).head()
    assert len(world.heads.conflicts(world.chain.genesis_hash)) == 1


@clause("LC-WITNESS")
def test_a_fork_after_a_head_that_was_believed_is_found_at_the_next_one(world: NodesWorld) -> None:
    reader = world.reader(head_refresh=5)
    seen = reader.head()
    assert reader.did(SOMEBODY) is None
    forked = world.fork(common=20)
    world.grow(6)
    forked.grow(6)
    world.nodes[1].chain = world.nodes[2].chain = forked
    with pytest.raises(ForkError):
        reader.head()
    assert world.heads.load(world.chain.genesis_hash).header.hash() == seen.block_hash
    with pytest.raises(ForkError):
        reader.did(SOMEBODY)


@clause("LC-WITNESS", "LC-HEADS", "B15")
def test_another_signed_block_at_the_remembered_height_ends_all_belief(world: NodesWorld) -> None:
    reader = world.reader(world.nodes[0], LightNode(world.fork(), "fork"), witnesses=0)
    reader.head()
    world.nodes[0].down = True
    with pytest.raises(ForkError, match="two different blocks"):
        reader.head()
    world.nodes[0].down = False
    world.grow(3)
    with pytest.raises(ForkError):
        reader.head()
    assert len(world.heads.conflicts(world.chain.genesis_hash)) == 1


@clause("LC-HEADS")
def test_the_only_nodes_history_begun_anew_is_refused_until_it_is_higher(
    world: NodesWorld,
) -> None:
    # As operators are told of an older backup: the same key seals what comes after it.
    world.chain = provable(FOUR[0])
    world.chain.grow(20)
    node = LightNode(world.chain, "a")
    reader = world.reader(node)
    reader.head()
    node.chain = world.fork(common=15, keys=FOUR[:1])
    for _ in range(2):
        with pytest.raises(ForkError):
            reader.head()
    node.chain.grow(1)
    assert reader.head().height == 21


@clause("LC-WITNESS")
def test_a_witness_cannot_hold_readers_up_with_headers_in_between(world: NodesWorld) -> None:
    chain = provable(*FOUR)
    for number in range(20):
        chain.grow(1, next_keys=tuple(key(f"term {number} {seat}") for seat in range(4)))
    slow = LightNode(chain, "slow")
    truth = slow.light_block

    def slowly(height: int | None) -> LightBlock:
        world.clock.advance(6)
        return truth(height)

    slow.light_block = slowly
    begun = world.clock.now()
    reader = world.reader(world.nodes[0], slow)
    assert reader.head().height == 20
    assert world.clock.now() - begun <= 30
    assert states(reader) == ["good", "unreachable"]


@clause("LC-WITNESS", "NA-13")
def test_a_witness_that_cannot_prove_its_header_is_a_liar_and_no_fork(world: NodesWorld) -> None:
    liar = LightNode(world.fork(common=10, keys=OTHERS), "liar")
    reader = world.reader(world.nodes[0], liar)
    assert reader.head().height == 20
    assert states(reader) == ["good", "lying"]
    assert world.heads.conflicts(world.chain.genesis_hash) == ()
    few = world.fork(common=10)
    few.blocks.pop()
    few.grow(1, signers=FOUR[:2])
    other = NodesWorld()
    reader = other.reader(other.nodes[0], LightNode(few, "few"))
    assert reader.head().height == 20
    assert states(reader) == ["good", "lying"]


@clause("LC-WITNESS", "LC-ROTATE")
def test_a_key_that_was_rotated_out_forks_nobody_who_remembers(world: NodesWorld) -> None:
    chain = provable(FOUR[0])
    chain.grow(5)
    forged = chain.copy(label="old key")
    chain.grow(1, next_keys=(FOUR[1],))
    chain.grow(14)
    forged.grow(15)
    world.chain = chain
    honest, old = LightNode(chain, "honest"), LightNode(forged, "old")
    # A newcomer cannot know which of the two is meant.
    with pytest.raises(ForkError):
        world.reader(honest, old).head()
    world.heads = MemoryTrustedHeads()
    world.heads.advance(chain.genesis_hash, chain.blocks[9])
    reader = world.reader(honest, old)
    assert reader.head().height == 20
    assert states(reader) == ["good", "lying"]


@clause("LC-WITNESS")
def test_heads_are_compared_when_they_move_on_and_not_more_often(world: NodesWorld) -> None:
    reader = world.reader(*world.nodes[:2])
    witness = world.nodes[1]
    reader.head()
    assert witness.asked == ["block 20"]
    world.clock.advance(30)
    reader.head()
    assert witness.asked == ["block 20"], "the head is the same"
    for _ in range(10):
        world.grow(1)
        reader.head()
        reader.did(SOMEBODY)
    assert 1 <= len(witness.asked) - 1 <= 3
    assert set(world.nodes[0].asked) > {"block newest", "record did"}


@clause("LC-WITNESS")
def test_each_other_node_is_a_witness_in_its_turn(world: NodesWorld) -> None:
    reader = world.reader()
    for _ in range(4):
        reader.head()
        world.grow(5)
    assert [node.asked for node in world.nodes[1:]] == [
        ["block 20", "block 30"],
        ["block 25", "block 35"],
    ]
    none = NodesWorld()
    none.reader(witnesses=0).head()
    assert [len(node.asked) for node in none.nodes] == [2, 0, 0]
    both = NodesWorld()
    both.reader(witnesses=9).head()
    assert [node.asked for node in both.nodes[1:]] == [["block 20"], ["block 20"]]


@clause("LC-WITNESS", "NA-21")
def test_a_witness_that_is_down_or_behind_is_no_error_but_reported(world: NodesWorld) -> None:
    world.nodes[1].down = True
    world.nodes[2].behind = 2
    reader = world.reader(witnesses=2)
    assert reader.head().height == 20
    assert states(reader) == ["good", "unreachable", "lagging"]


@clause("LC-WITNESS")
def test_a_head_that_a_witness_does_not_have_yet_is_compared_later(world: NodesWorld) -> None:
    witness = world.nodes[1]
    witness.behind = 1
    reader = world.reader(*world.nodes[:2])
    reader.head()
    for _ in range(3):
        world.grow(10)
        reader.head()
    # It is always one block behind, and is asked for what it has by now.
    assert witness.asked[:2] == ["block 20", "block 20"]
    assert states(reader) == ["good", "good"] or witness.asked[-1] == "block 50"
    forked = world.fork(common=len(world.chain.blocks) - 2)
    late = NodesWorld()
    late.chain = world.chain
    late.clock = world.clock
    reader = late.reader(world.nodes[0], LightNode(forked, "fork", behind=1))
    reader.head()
    forked.grow(10)
    world.grow(10)
    with pytest.raises(ForkError):
        reader.head()


@clause("LC-WITNESS")
def test_one_node_is_compared_with_nobody(world: NodesWorld) -> None:
    reader = world.reader(world.nodes[0])
    reader.head()
    assert world.nodes[0].asked == ["genesis", "block newest"]
    assert isinstance(reader.head(), Head)


# --- Whatever happens ------------------------------------------------------------------------------

_STEP = st.one_of(
    st.tuples(st.just("grow"), st.integers(1, 6), st.just(0)),
    st.tuples(st.just("wait"), st.integers(1, 90), st.just(0)),
    st.tuples(st.just("down"), st.integers(0, 3), st.integers(0, 1)),
    st.tuples(st.just("behind"), st.integers(0, 3), st.integers(0, 9)),
    st.tuples(st.just("lie"), st.integers(2, 3), st.integers(0, 1)),
    st.tuples(st.just("head"), st.just(0), st.just(0)),
    st.tuples(st.just("read"), st.just(0), st.just(0)),
)


@dataclass
class Play:
    """Two honest nodes and two that lie at times; what a reader got of them is compared."""

    world: NodesWorld
    nodes: list[LightNode]
    reader: ProvedReader
    heights: list[int] = field(default_factory=list)

    def grow(self, count: int, _: int) -> None:
        self.world.grow(count)

    def wait(self, seconds: int, _: int) -> None:
        self.world.clock.advance(seconds)

    def down(self, which: int, down: int) -> None:
        self.nodes[which].down = bool(down)

    def behind(self, which: int, blocks: int) -> None:
        self.nodes[which].behind = blocks

    def lie(self, which: int, lies: int) -> None:
        true = self.world.chain
        self.nodes[which].genesis_bytes = true.genesis
        self.nodes[which].chain = self.world.fork(common=6, keys=OTHERS) if lies else true

    def head(self, _: int, __: int) -> None:
        try:
            head = self.reader.head()
        except (ProofError, RegistryUnavailableError):
            assert not self._one_could_answer()
            return
        true = self.world.chain.blocks[head.height - 1]
        assert head.block_hash == true.header.hash()
        assert head.height >= max(self.heights, default=0)
        self.heights.append(head.height)

    def read(self, _: int, __: int) -> None:
        try:
            assert self.reader.did(SOMEBODY) is None
        except (ProofError, RegistryUnavailableError):
            assert not self._one_could_answer()

    def _one_could_answer(self) -> bool:
        chain = self.world.chain
        known = self.world.heads.load(chain.genesis_hash)
        least = 0 if known is None else known.header.height
        return any(
            not node.down
            and node.height >= least
            and chain.blocks[node.height - 1].header.time + 120 >= self.world.clock.now()
            for node in self.nodes[:2]
        )


@clause("NA-05", "NA-13", "LC-WITNESS", "LC-HEADS", "B26")
@settings(max_examples=120, derandomize=True)
@given(st.lists(_STEP, max_size=25), st.integers(0, 3), st.sampled_from([0, 5, 30]))
def test_whatever_nodes_do_heads_are_true_and_never_step_back(
    steps: list[tuple[str, int, int]], witnesses: int, refresh: int
) -> None:
    world = NodesWorld(blocks=12)
    nodes = [LightNode(world.chain, name) for name in "abcd"]
    reader = world.reader(*nodes, witnesses=witnesses, head_refresh=refresh)
    play = Play(world, nodes, reader)
    for what, first, second in [*steps, ("head", 0, 0), ("read", 0, 0)]:
        getattr(play, what)(first, second)
    known = world.heads.load(world.chain.genesis_hash)
    assert known is None or known == world.chain.blocks[known.header.height - 1]
    assert world.heads.conflicts(world.chain.genesis_hash) == ()
    reports = reader.nodes_report()
    assert [report.url for report in reports] == [node.url for node in nodes]
    assert all(report.state is not NodeState.LYING for report in reports[:2])
