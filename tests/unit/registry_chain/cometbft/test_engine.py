"""The engine over CometBFT: receipts come when they are provable, refusals when they are certain."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence

import pytest

from registry_chain.application import RegistryApplication
from registry_chain.engines.cometbft.app_state import app_state
from registry_chain.engines.cometbft.consensus import CometApplication
from registry_chain.engines.cometbft.engine import CometEngine
from registry_chain.engines.cometbft.rpc import BlockBody, HandedIn, KeptBlock
from registry_chain.engines.waiting import Waiting
from registry_chain.storage.memory import MemoryChainStore
from tests.support.abci_driver import MockNetwork, MockNode
from tests.support.chain_world import GOVERNORS, NETWORK, batch_root, signer
from tests.support.clauses import clause
from tests.support.comet_network import NOW, genesis_of
from weid.clock import FixedClock
from weid.errors import RegistryUnavailableError, TransactionRejectedError
from weid.registry.codes import ResultCode
from weid.registry.operations import AnchorBatch
from weid.registry.signing import sign_transaction
from weid.registry.transaction import SignedTransaction, Transaction
from weid.registry.validators import Validator, ValidatorSet
from weid.registry.wire import encode_signed

_SECONDS = 20.0


class OneNode:
    """A validator with its engine; the test decides when a block is made."""

    def __init__(self) -> None:
        self.genesis = genesis_of("one")
        self.clock = FixedClock(NOW)
        self.trouble = ""
        self.handed: list[bytes] = []
        self.fatal: list[str] = []
        application = RegistryApplication(MemoryChainStore())
        application.init_chain(self.genesis)
        self.engine = CometEngine(application, self, clock=self.clock, on_fatal=self.fatal.append)
        consensus = CometApplication(
            application,
            self.engine.settler,
            None,
            initial_height=1,
            first_validators=lambda: self.validators(1),
            admits=lambda _: True,
            clock=self.clock,
            version="test",
            on_refused=self.engine.refused,
        )
        self.network = MockNetwork(
            [MockNode("one", lambda: consensus)],
            chain_id=self.genesis.chain_id,
            app_state=json.dumps(app_state(self.genesis)).encode(),
        )
        self.validators_at_start = ValidatorSet.of(
            [Validator(v.public_key, v.power) for v in self.genesis.validators]
        )
        self.network.begin()
        self.engine.start()

    # --- NodeRpc ---------------------------------------------------------------------------------

    def block(self, height: int, body: BlockBody | None = None) -> KeptBlock:
        del body
        if height > self.network.height:
            raise RegistryUnavailableError(f"no block {height} yet")
        return KeptBlock(self.network.decided(height).sealed, None)

    def validators(self, height: int) -> ValidatorSet:
        return self.network.validators(height) if height > 1 else self.validators_at_start

    def hand_in(self, transactions: Sequence[bytes]) -> list[HandedIn]:
        self.handed += transactions
        if self.trouble:
            return [HandedIn(trouble=self.trouble)] * len(transactions)
        for raw in transactions:
            self.network.submit(raw)
        return [HandedIn()] * len(transactions)

    # --- what a test does ------------------------------------------------------------------------

    def decide_with(self, count: int) -> None:
        """Decide a block once so many transactions wait in the pool."""
        until_waiting(self.network, count)
        self.network.decide()

    def settled(self, height: int) -> None:
        """Wait until a height is in the store."""
        assert self.engine.wait_above(height - 1, _SECONDS) >= height

    def sign(
        self, sequence: int, *, governor: int = 0, until: int = NOW + 600
    ) -> SignedTransaction:
        did = self.genesis.governors[governor].did
        operation = AnchorBatch(batch_root((governor, sequence)), 1)
        transaction = Transaction(NETWORK, did, ("control-1",), sequence, until, (operation,))
        return sign_transaction(transaction, {"control-1": signer(GOVERNORS[governor])})


def until_waiting(network: MockNetwork, count: int) -> None:
    """Wait until so many transactions are in the pool."""
    end = time.monotonic() + _SECONDS
    while len(network.pool) < count:
        assert time.monotonic() < end, "nothing came into the pool"
        time.sleep(0.001)


@pytest.fixture
def one() -> Iterator[OneNode]:
    node = OneNode()
    yield node
    node.engine.close()


@clause("CN-22", "CN-27")
def test_a_receipt_is_given_when_the_next_header_proves_it(one: OneNode) -> None:
    future = one.engine.submit(one.sign(0))
    one.decide_with(1)
    one.settled(1)
    assert not future.done()
    one.network.decide()
    assert future.result(_SECONDS).height == 1
    one.settled(2)
    assert one.engine.head().height == 2


def test_the_same_transaction_again_gives_the_same_receipt(one: OneNode) -> None:
    signed = one.sign(0)
    first, second = one.engine.submit(signed), one.engine.submit(signed)
    one.decide_with(1)
    one.network.decide()
    assert first.result(_SECONDS) == second.result(_SECONDS)
    assert one.engine.submit(signed).result(_SECONDS) == first.result()
    assert len(one.handed) == 1


@clause("CN-27")
def test_what_another_node_handed_in_is_answered_too(one: OneNode) -> None:
    signed = one.sign(0)
    one.network.submit(encode_signed(signed))
    one.network.decide()
    one.network.decide()
    one.settled(2)
    assert one.engine.submit(signed).result(_SECONDS).height == 1


def test_nonsense_is_refused_at_once(one: OneNode) -> None:
    with pytest.raises(TransactionRejectedError) as refused:
        one.engine.submit(one.sign(0, until=NOW - 1))
    assert refused.value.code == ResultCode.TOO_LATE
    assert one.handed == []


def test_a_full_pool_is_no_certain_answer(one: OneNode) -> None:
    one.trouble = "mempool is full"
    with pytest.raises(RegistryUnavailableError, match="could not take"):
        one.engine.submit(one.sign(0)).result(_SECONDS)
    one.trouble = ""
    future = one.engine.submit(one.sign(0))
    one.decide_with(1)
    one.network.decide()
    assert future.result(_SECONDS).height == 1


@clause("CN-27")
def test_what_the_pool_does_not_take_is_refused_with_the_reason(one: OneNode) -> None:
    """Under load only the pool judges what is handed in."""
    raw = encode_signed(one.sign(0, until=NOW + 5))
    one.clock.advance(60)
    waiting = Waiting(b"\1" * 32, raw)
    one.engine._hand_in([waiting])
    with pytest.raises(TransactionRejectedError) as refused:
        waiting.future.result(_SECONDS)
    assert refused.value.code == ResultCode.TOO_LATE


@clause("CN-27")
def test_what_can_no_longer_come_into_a_block_is_told(one: OneNode) -> None:
    """Its place was taken by another transaction of the author; the sweep finds it."""
    waiting = one.engine.submit(one.sign(0))
    until_waiting(one.network, 1)
    one.network.pool.clear()
    did = one.genesis.governors[0].did
    other = sign_transaction(
        Transaction(
            NETWORK, did, ("control-1",), 0, NOW + 600, (AnchorBatch(batch_root("other"), 1),)
        ),
        {"control-1": signer(GOVERNORS[0])},
    )
    one.network.decide([encode_signed(other)])
    one.network.decide()
    with pytest.raises(TransactionRejectedError) as refused:
        waiting.result(_SECONDS)
    assert refused.value.code == ResultCode.SEQUENCE_USED


def test_closing_refuses_what_waits_and_loses_nothing_that_was_acknowledged() -> None:
    node = OneNode()
    done = node.engine.submit(node.sign(0))
    node.decide_with(1)
    node.network.decide()
    assert done.result(_SECONDS).height == 1
    waits = node.engine.submit(node.sign(1))
    until_waiting(node.network, 1)
    node.engine.close()
    with pytest.raises(RegistryUnavailableError, match="stopping"):
        waits.result(_SECONDS)


@clause("D20", "B20")
def test_a_node_that_is_told_to_stop_lets_nobody_wait_for_what_it_will_not_learn() -> None:
    # CometBFT has ended by then; a request that waited on held the end up for ten seconds.
    node = OneNode()
    waits = node.engine.submit(node.sign(0))
    until_waiting(node.network, 1)
    node.engine.refuse_waiting()
    with pytest.raises(RegistryUnavailableError, match="stopping"):
        waits.result(_SECONDS)
    with pytest.raises(RegistryUnavailableError, match="stopping"):
        node.engine.submit(node.sign(1)).result(_SECONDS)
    assert node.engine.waiting() == 0
    node.engine.close()


def test_a_node_without_a_block_has_no_head(one: OneNode) -> None:
    with pytest.raises(RegistryUnavailableError, match="no block yet"):
        one.engine.head()
    assert one.engine.wait_above(0, 0.0) == 0


def test_an_engine_runs_while_the_node_still_waits_for_its_state(one: OneNode) -> None:
    fatal: list[str] = []
    application = RegistryApplication(MemoryChainStore())
    engine = CometEngine(application, one, clock=one.clock, on_fatal=fatal.append)
    engine.start()
    assert engine.wait_above(0, 0.0) == 0
    engine.close()
    assert (fatal, engine.failure) == ([], None)


@pytest.mark.parametrize("code", [None, ResultCode.AUTHOR_LIMIT])
@clause("CN-07", "CN-27")
def test_what_could_not_be_judged_now_may_come_again(one: OneNode, code: ResultCode | None) -> None:
    signed = one.sign(0)
    refused = one.engine.submit(signed)
    until_waiting(one.network, 1)
    one.network.pool.clear()
    one.engine.refused(encode_signed(signed), code)
    with pytest.raises(RegistryUnavailableError, match="could not take"):
        refused.result(_SECONDS)
    future = one.engine.submit(signed)
    one.decide_with(1)
    one.network.decide()
    assert future.result(_SECONDS).height == 1


def test_nothing_is_taken_any_more_when_nobody_is_there_to_hand_it_in(
    one: OneNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Sequence[bytes]) -> list[HandedIn]:
        raise ZeroDivisionError

    monkeypatch.setattr(one, "hand_in", broken)
    with pytest.raises(RegistryUnavailableError, match="takes nothing more"):
        one.engine.submit(one.sign(0)).result(_SECONDS)
    assert len(one.fatal) == 1
    with pytest.raises(RegistryUnavailableError, match="takes nothing more"):
        one.engine.submit(one.sign(1))


@clause("CN-27")
def test_what_a_block_refused_without_trace_is_told(one: OneNode) -> None:
    """It has left every pool: whoever waits would wait until its time is over."""
    first, second = one.engine.submit(one.sign(0)), one.engine.submit(one.sign(1))
    until_waiting(one.network, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(one.engine.application, "propose", lambda given, **_: list(given)[::-1])
        one.network.decide()
    one.network.decide()
    assert first.result(_SECONDS).height == 1
    with pytest.raises(TransactionRejectedError) as caught:
        second.result(_SECONDS)
    assert caught.value.code == ResultCode.SEQUENCE_NOT_NEXT
