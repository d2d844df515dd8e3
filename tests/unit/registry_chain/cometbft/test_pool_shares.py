"""Nobody fills the pool alone: what is counted, and when it is forgotten."""

from __future__ import annotations

import pytest

from registry_chain.engines.cometbft import consensus
from registry_chain.engines.cometbft.configuration import NodeSettings, config_toml
from registry_chain.engines.cometbft.pool_order import PoolOrder
from registry_chain.engines.cometbft.pool_shares import (
    SHARE_TRANSACTIONS,
    PoolShares,
    share_bytes,
)
from tests.support.chain_world import GOVERNORS, NETWORK, batch_root, signer
from tests.support.clauses import clause
from tests.support.comet_network import genesis_of, real_network
from weid import limits
from weid.registry.codes import ResultCode
from weid.registry.node_operations import NodeRole
from weid.registry.operations import AnchorBatch, PublishTemplate
from weid.registry.signing import sign_transaction
from weid.registry.transaction import Transaction
from weid.registry.wire import encode_signed

FOR_EVER = 2**63 - 1


def parked(sequence: int, governor: int = 0, name: str = "") -> bytes:
    """Return a transaction that is good for ever."""
    did = genesis_of("one").governors[governor].did
    operation = AnchorBatch(batch_root((governor, sequence, name)), 1)
    transaction = Transaction(NETWORK, did, ("control-1",), sequence, FOR_EVER, (operation,))
    return encode_signed(sign_transaction(transaction, {"control-1": signer(GOVERNORS[governor])}))


@clause("CN-31", "R37")
def test_one_member_cannot_fill_the_pool_with_what_never_comes_into_a_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(consensus, "PoolShares", lambda size: PoolShares(size=size, transactions=4))
    network, nodes = real_network()
    codes = [network.submit(parked(number))[0].code for number in (0, 1, 2)]
    # Another transaction for the same place takes room too, the same one again does not.
    codes += [network.submit(parked(2, name="other"))[0].code, network.submit(parked(2))[0].code]
    assert codes == [ResultCode.OK] * 5
    assert network.submit(parked(3))[0].code == ResultCode.AUTHOR_LIMIT
    assert network.submit(parked(0, governor=1))[0].code == ResultCode.OK
    network.decide([])
    for node in nodes:
        node.settle()
    assert network.submit(parked(3))[0].code == ResultCode.AUTHOR_LIMIT
    assert network.submit(parked(1, governor=1))[0].code == ResultCode.OK


@clause("CN-31")
def test_what_stood_in_a_block_or_left_the_pool_makes_room() -> None:
    shares = PoolShares(size=1000, transactions=2)
    assert shares.take("a", b"1")
    assert shares.take("a", b"2")
    assert not shares.take("a", b"3")
    shares.block([b"1", b"of another"])
    assert shares.take("a", b"3")
    assert not shares.take("a", b"4")
    shares.asked_again(b"2", stays=False)
    assert shares.take("a", b"4")


@clause("CN-31")
def test_the_pool_is_never_told_to_take_more_than_it_has_places() -> None:
    """What CometBFT has no place for after it was taken, it lets go without a word."""
    shares = PoolShares(size=1000, transactions=2, total=3)
    assert [shares.take(name, name.encode()) for name in ("a", "b", "c", "d")] == [True] * 3 + [
        False
    ]
    shares.block([b"a"])
    assert shares.take("d", b"d")


@clause("CN-32")
def test_nothing_comes_in_before_what_it_needs() -> None:
    """A pool full of what can come into no block would take nothing more."""
    network, nodes = real_network()
    codes = [network.submit(parked(number))[0].code for number in (2, 1, 0, 2, 1, 2)]
    too_early = ResultCode.SEQUENCE_NOT_NEXT
    assert codes == [too_early, too_early, 0, too_early, 0, 0]
    assert len(network.decide().block.transactions) == 3
    assert network.submit(parked(3))[0].code == ResultCode.OK
    network.decide()
    network.decide()
    for node in nodes:
        node.settle()
    assert nodes[0].application is not None
    assert nodes[0].application.position.summary.log_size == 4


@clause("CN-32")
def test_what_came_after_one_that_left_leaves_too() -> None:
    following = {"a": 0}
    order = PoolOrder(lambda author: following[author])
    for number in range(5):
        assert order.admits("a", number)
        order.came("a", number)
    order.left("a", 2)
    assert [order.stays("a", number) for number in range(5)] == [True, True, False, False, False]
    assert not order.admits("a", 4)
    following["a"] = 2
    order.block()
    assert order.admits("a", 2)
    assert not order.admits("a", 3)


@clause("CN-31", "CN-32")
def test_what_the_pool_lost_is_told_by_author_and_number() -> None:
    shares = PoolShares(size=1000)
    shares.take("a", b"lost", author="a", sequence=7)
    lost = [found for _ in range(4) for found in shares.block([])]
    assert lost == [("a", 7)]


@clause("CN-31")
def test_bytes_are_bounded_too_and_each_member_by_itself() -> None:
    shares = PoolShares(size=10)
    assert shares.take("a", b"x" * 8)
    assert not shares.take("a", b"y" * 3)
    assert shares.take("b", b"y" * 3)
    assert shares.take("a", b"z" * 2)


@clause("CN-31")
def test_what_the_pool_never_took_is_forgotten_and_what_it_has_is_not() -> None:
    shares = PoolShares(size=1000, transactions=2)
    shares.take("a", b"in the pool")
    shares.take("a", b"never taken: the pool was full")
    for _ in range(3):
        shares.block([])
        shares.asked_again(b"in the pool", stays=True)
    assert not shares.take("a", b"new")
    shares.block([])
    assert shares.take("a", b"new")
    assert not shares.take("a", b"another")


@clause("CN-31")
def test_one_member_s_waiting_never_fills_what_a_proposer_is_offered() -> None:
    """CometBFT offers the first of the pool, a block's bytes of them: 130 large ones fill that."""
    assert share_bytes(8 * 2**20) == 2 * 2**20
    assert share_bytes(limits.TRANSACTION_BYTES) == limits.TRANSACTION_BYTES
    network, _ = real_network(parameters={"max_block_bytes": 8 * limits.TRANSACTION_BYTES})

    def large(sequence: int, governor: int = 0) -> bytes:
        did = genesis_of("one").governors[governor].did
        operation = PublishTemplate("large", 1, bytes(48_000))
        transaction = Transaction(NETWORK, did, ("control-1",), sequence, FOR_EVER, (operation,))
        key = signer(GOVERNORS[governor])
        return encode_signed(sign_transaction(transaction, {"control-1": key}))

    codes = [network.submit(large(number))[0].code for number in (0, 1, 2)]
    assert codes == [ResultCode.OK, ResultCode.OK, ResultCode.AUTHOR_LIMIT]
    assert network.submit(large(0, governor=1))[0].code == ResultCode.OK


def test_four_members_have_room_in_the_pool_that_is_configured() -> None:
    text = config_toml(
        NodeSettings(
            name="one",
            role=NodeRole.VALIDATOR,
            p2p_address="tcp://127.0.0.1:1",
            rpc_address="tcp://127.0.0.1:2",
        )
    )
    size = int(text.partition("\nsize = ")[2].partition("\n")[0])
    # CometBFT lets go without a word of what it has no place for after it was judged.
    assert size > 4 * SHARE_TRANSACTIONS


@clause("CN-31", "CN-32")
def test_another_one_for_the_same_place_that_finds_no_room_puts_nobody_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(consensus, "PoolShares", lambda size: PoolShares(size=size, transactions=3))
    network, _ = real_network()
    codes = [network.submit(parked(number))[0].code for number in (0, 1, 2)]
    codes.append(network.submit(parked(0, name="other"))[0].code)
    assert codes == [ResultCode.OK] * 3 + [ResultCode.AUTHOR_LIMIT]
    network.decide([])
    assert len(network.pool) == 3
    assert len(network.decide().block.transactions) == 3


@clause("CN-32")
def test_what_waits_for_one_that_a_block_refused_without_trace_leaves() -> None:
    """It stood in the block and is done nowhere: what comes after it can come into no block."""
    network, nodes = real_network()
    for number in (0, 1, 2):
        network.submit(parked(number))
    with pytest.MonkeyPatch.context() as patch:
        for node in nodes:
            patch.setattr(node.application, "propose", lambda given, **_: list(given)[1:2])
        decided = network.decide()
    assert [code for code, _ in decided.outcome.results] == [ResultCode.SEQUENCE_NOT_NEXT]
    assert network.pool == [parked(0)]


@clause("CN-32")
def test_an_author_who_is_forgotten_between_two_blocks_is_not_refused() -> None:
    """What came in while the others were counted is not forgotten with them."""
    order = PoolOrder(lambda _: following[0])
    following = [0]
    order.came("a", 0)
    following[0] = 1
    order.came("a", 1)
    order.block()
    assert order.admits("a", 2)
    following[0] = 2
    order.block()
    assert order.admits("a", 2)
    assert not order.admits("a", 3)
