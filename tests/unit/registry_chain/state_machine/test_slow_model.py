"""The state machine against the slow, obvious model, by random blocks over a store that crashes.

Both get the same transactions in the same blocks; after each block they must agree on every
result, on every record and list, on the log and on the app hash. `make determinism-long` looks at
many more histories than the quick suite does.
"""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from registry_chain.state_machine.block import BlockInput, BlockOutcome
from registry_chain.storage.sqlite import SqliteChainStore
from registry_chain.storage.store import Table
from tests.support.clauses import clause
from tests.support.driven_application import DrivenApplication
from tests.support.model.chain import RULES, ModelChain
from tests.support.random_blocks import GOVERNORS, RandomBlocks, RandomTransactions, random_genesis
from tests.support.random_node_operations import NODE_MAKERS
from tests.support.random_world import RandomWorld
from tests.support.scripted_chain import START
from weid.registry.operations import KINDS, Approve

LONG = os.environ.get("WEID_DETERMINISM") == "long"
KINDS_OF_MODEL = tuple(RULES)
PEOPLE = st.integers(0, 7)


def test_only_nodes_rules_and_engine_are_no_part_of_the_model() -> None:
    assert set(KINDS.values()) - RULES.keys() == NODE_MAKERS.keys()


def require_agreement(model: ModelChain, block: BlockInput, outcome: BlockOutcome) -> None:
    """Apply to the model what the state machine has applied, and compare results and roots."""
    found = [(result.code, result.data) for result in outcome.results]
    expected = [tuple(result) for result in model.apply(block)]
    assert found == expected
    assert outcome.app_hash == model.ledger.app_hash


class AgainstTheModel(RuleBasedStateMachine):
    """Transactions are collected into a block, which both then apply; now and then all is lost."""

    @initialize(seed=st.integers(0, 2**16))
    def begin(self, seed: int) -> None:
        self.world = world = RandomWorld(random.Random(seed), self.read, RULES)
        world.members = [world.newborn(plain=True) for _ in range(GOVERNORS)]
        genesis = random_genesis(world)
        world.members += [world.newborn() for _ in range(4)]
        self.model = ModelChain(genesis)
        self.folder = tempfile.TemporaryDirectory()
        self.driven = DrivenApplication(lambda: SqliteChainStore(Path(self.folder.name)), genesis)
        self.transactions = RandomTransactions(world, RULES)
        self.collected: list[bytes] = []
        self.time = START
        world.begin_block(self.time)
        for after in (0, 1, 2):
            self.send_any(40, seed)
            self.close_block(after)

    def read(self, kind: type[Any], identity: bytes) -> Any:
        return self.model.ledger.get(kind, identity)

    @rule(
        asked=st.lists(st.tuples(st.sampled_from(KINDS_OF_MODEL), PEOPLE), min_size=1, max_size=12),
        seed=st.integers(0, 2**16),
    )
    def send(self, asked: list[tuple[type[Any], int]], seed: int) -> None:
        """Add transactions, each with an operation of a kind or with a proposal of it."""
        self.world.random = random.Random(seed)
        for kind, who in asked:
            author = self.world.members[who % len(self.world.members)]
            self.collected.append(self.transactions.of_kind(kind, author))

    @rule(count=st.integers(10, 60), seed=st.integers(0, 2**32))
    def send_any(self, count: int, seed: int) -> None:
        """Add transactions of any kinds, as often as a random history has them."""
        self.world.random = random.Random(seed)
        self.collected += [self.transactions.transaction() for _ in range(count)]

    @precondition(lambda self: len(self.world.proposals) > 1)
    @rule(which=st.integers(1, 3), seed=st.integers(0, 2**16))
    def approve(self, which: int, seed: int) -> None:
        """Let everybody who governs approve one of the newest proposals."""
        self.world.random = random.Random(seed)
        identity = self.world.proposals[-which:][0]
        for one in self.world.governing:
            self.collected.append(self.world.signed(one, [Approve(identity)], None))

    @rule(after=st.sampled_from((0, 1, 1, 2, 2, 3, 3, 4, 5, 60, 86_400)))
    def close_block(self, after: int) -> None:
        self.time += after
        height = self.model.ledger.height + 1
        block = BlockInput(height, self.time, tuple(self.collected))
        self.collected = []
        outcome = self.driven.finalize(block)
        require_agreement(self.model, block, outcome)
        self.world.made(
            [result.data for result in outcome.results if result.code == 0 and result.data]
        )
        self.world.begin_block(self.time)

    @rule()
    def commit(self) -> None:
        """Persist what was computed, and compare all that is in the store."""
        if self.driven.commit():
            with self.driven.application.store.snapshot() as snapshot:
                assert dict(snapshot.items(Table.RECORDS)) == self.model.ledger.encoded()
                assert snapshot.count(Table.RECEIPTS) == len(self.model.ledger.leaves)

    @rule()
    def crash(self) -> None:
        """Lose what was computed and not committed: computed again, it is the same."""
        self.driven.crash()
        assert self.driven.app_hash == self.model.ledger.app_hash

    def teardown(self) -> None:
        if hasattr(self, "model"):
            try:
                self.close_block(1)
            finally:
                self.driven.close()
                self.folder.cleanup()


AgainstTheModel.TestCase.settings = settings(
    max_examples=1500 if LONG else 12,
    stateful_step_count=100 if LONG else 40,
    deadline=None,
    derandomize=not LONG,
)


@clause("ST-04", "ST-08", "ST-10", "ST-15", "B16")
class TestAgainstTheModel(AgainstTheModel.TestCase):  # type: ignore[misc]  # built by hypothesis
    """Runs the machine."""


@clause("ST-04", "ST-08", "ST-10", "ST-15", "B16")
@pytest.mark.parametrize("seed", range(200) if LONG else (2, 12))
def test_a_long_history_agrees_with_the_model(seed: int) -> None:
    history = RandomBlocks(1_000 + seed, kinds=KINDS_OF_MODEL)
    model = ModelChain(history.genesis)
    assert history.state.summary.app_hash == model.ledger.app_hash
    for block, outcome in history.blocks(2_000):
        require_agreement(model, block, outcome)
    assert history.state.records == model.ledger.encoded()
    assert history.codes["OK"] > 400
