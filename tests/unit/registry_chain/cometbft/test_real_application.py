"""The registry on several nodes: lockstep, crashes and replay, byzantine proposals, readers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registry_chain.engines.cometbft.founding import block_max_bytes
from registry_chain.engines.cometbft.framing import FRAME_BYTES
from registry_chain.engines.cometbft.rpc import _ANSWER_BYTES, BlockBody
from registry_chain.engines.cometbft.settler import MOST_STAGED, TOLD_AFTER
from registry_chain.state_machine.block import BlockInput
from registry_chain.state_machine.parameters import (
    MAX_BLOCK_BYTES,
    MAX_BLOCK_TRANSACTIONS,
    PARAMETERS,
)
from registry_chain.storage.errors import StoreDamagedError, StoreStoppedError
from registry_chain.storage.integrity import find_damage
from tests.support.abci_driver import MockNetwork, Point, duplicated, malformed, oversize, reordered
from tests.support.chain_world import GOVERNORS, NETWORK, batch_root, signer
from tests.support.clauses import clause
from tests.support.comet_network import NOW, RealNode, real_network
from weid import limits
from weid.clock import FixedClock
from weid.errors import MalformedError, RegistryUnavailableError
from weid.registry.codes import ResultCode
from weid.registry.light_client import LightClient, TrustRoot
from weid.registry.operations import AnchorBatch, Propose, SetParameter
from weid.registry.pinned_genesis import parse_genesis
from weid.registry.proved_reader import ProvedReader
from weid.registry.signing import sign_transaction
from weid.registry.transaction import SignedTransaction, Transaction
from weid.registry.wire import encode_signed


class Author:
    """A governor who writes numbered batches."""

    def __init__(self, node: RealNode, number: int = 0) -> None:
        self.did = node.genesis.governors[number].did
        self.key = GOVERNORS[number]
        self.sequence = 0

    def next(self, *, sequence: int | None = None) -> bytes:
        """Return the author's next transaction."""
        number = self.sequence if sequence is None else sequence
        self.sequence = max(self.sequence, number + 1)
        return encode_signed(self.signed(number))

    def signed(self, sequence: int) -> SignedTransaction:
        """Return a transaction with a sequence number."""
        operation = AnchorBatch(batch_root((self.did, sequence)), 1)
        transaction = Transaction(
            NETWORK, self.did, ("control-1",), sequence, NOW + 600, (operation,)
        )
        return sign_transaction(transaction, {"control-1": signer(self.key)})


@pytest.fixture
def four() -> tuple[MockNetwork, list[RealNode]]:
    return real_network()


def settle(nodes: list[RealNode]) -> None:
    for node in nodes:
        node.settle()


def test_four_nodes_compute_the_same_and_their_stores_are_whole(
    four: tuple[MockNetwork, list[RealNode]],
) -> None:
    network, nodes = four
    author = Author(nodes[0])
    for _ in range(3):
        for _ in range(3):
            assert {checked.code for checked in network.submit(author.next())} == {0}
        network.decide()
        settle(nodes)
    network.decide()
    settle(nodes)
    positions = {node.application.position.summary for node in nodes}
    assert len(positions) == 1
    assert positions.pop().log_size == 9
    for node in nodes:
        assert list(find_damage(node.store)) == []


@clause("CN-22")
def test_a_record_is_shown_only_when_the_newest_header_proves_it(
    four: tuple[MockNetwork, list[RealNode]],
) -> None:
    network, nodes = four
    author = Author(nodes[0])
    network.submit(author.next())
    network.decide()
    settle(nodes)
    reader = _proved(nodes[0])
    assert reader.batch(author.did, batch_root((author.did, 0))) is None
    network.decide()
    settle(nodes)
    for node in nodes:
        assert _proved(node).batch(author.did, batch_root((author.did, 0))) is not None


@clause("CN-22")
def test_under_load_every_state_is_shown_with_the_header_after_it(
    four: tuple[MockNetwork, list[RealNode]],
) -> None:
    network, nodes = four
    author = Author(nodes[0])
    client = _proved(nodes[0])
    for count in range(6):
        network.submit(author.next())
        network.decide()
        settle(nodes)
        found = [
            client.batch(author.did, batch_root((author.did, number)))
            for number in range(count + 1)
        ]
        assert [record is not None for record in found] == [True] * count + [False]


@clause("CN-23", "B6")
@pytest.mark.parametrize("point", list(Point))
def test_a_crash_anywhere_loses_nothing(point: Point) -> None:
    network, nodes = real_network()
    author = Author(nodes[0])
    for round_number in range(4):
        network.submit(author.next())
        network.decide(crashes={1: point} if round_number == 1 else {})
        settle([node for node in nodes if round_number != 1 or node is not nodes[1]])
        if round_number == 2:
            network.restart(1)
            nodes[1].settle()
    network.decide()
    settle(nodes)
    assert len({node.application.position.summary for node in nodes}) == 1
    assert list(find_damage(nodes[1].store)) == []


@clause("CN-23")
def test_a_node_that_never_settled_catches_up_without_its_blocks_and_fetches_them_later() -> None:
    network, nodes = real_network()
    author = Author(nodes[0])
    for _ in range(20):
        network.submit(author.next())
        network.decide()
    network.crash(3)
    network.restart(3)
    for _ in range(4):
        settle(nodes)
    assert len({node.application.position.summary for node in nodes}) == 1
    assert list(find_damage(nodes[3].store)) == []


@clause("CN-25", "B9")
@pytest.mark.parametrize(
    "forgery",
    [malformed, oversize(limits.TRANSACTION_BYTES)],
    ids=["a transaction that cannot be read", "a transaction that is too large"],
)
def test_a_proposal_that_can_be_no_block_is_refused(forgery: object) -> None:
    network, nodes = real_network()
    author = Author(nodes[0])
    network.submit(author.next())
    decided = network.decide(forgery=forgery)  # type: ignore[arg-type]
    assert decided.refused == 1
    assert [result.code for result in decided.outcome.results] == [0]
    assert len(nodes) == 4


@pytest.mark.parametrize("forgery", [reordered, duplicated], ids=["another order", "one twice"])
def test_a_proposal_with_transactions_out_of_place_is_judged_the_same_by_all(
    forgery: object,
) -> None:
    network, nodes = real_network()
    author = Author(nodes[0])
    for _ in range(3):
        network.submit(author.next())
    decided = network.decide(forgery=forgery)  # type: ignore[arg-type]
    network.decide()
    settle(nodes)
    assert ResultCode.OK in [result.code for result in decided.outcome.results]
    assert any(result.code for result in decided.outcome.results)
    assert len({node.application.position.summary for node in nodes}) == 1
    for node in nodes:
        assert list(find_damage(node.store)) == []


@clause("CN-25")
def test_what_comes_from_elsewhere_in_another_order_is_proposed_in_its_own(
    four: tuple[MockNetwork, list[RealNode]],
) -> None:
    network, nodes = four
    author = Author(nodes[0])
    first, second = author.next(), author.next()
    assert network.decide([second, first]).block.transactions == (first, second)
    network.decide()
    settle(nodes)
    assert nodes[0].application is not None
    assert nodes[0].application.position.summary.log_size == 2


@clause("CN-25")
def test_what_is_stale_leaves_the_pool(four: tuple[MockNetwork, list[RealNode]]) -> None:
    network, nodes = four
    author = Author(nodes[0])
    raw = author.next()
    network.submit(raw)
    for node in nodes:
        node.clock = FixedClock(NOW + 601)
        node.application = None
    for index in range(4):
        network.crash(index)
        network.restart(index)
    network.decide()
    assert network.pool == []


@clause("CN-26")
def test_peers_are_admitted_by_the_registry(four: tuple[MockNetwork, list[RealNode]]) -> None:
    network, nodes = four
    running = network.nodes[0].running

    def ask(path: str) -> int:
        return running.query(path, b"", height=0, prove=False).code

    known = nodes[1].genesis.nodes[0].node_id.hex()
    assert ask(f"/p2p/filter/id/{known}") == 0
    assert ask(f"/p2p/filter/id/{'00' * 20}") != 0
    assert ask("/p2p/filter/id/no-hex") != 0
    assert ask("/p2p/filter/addr/127.0.0.1:26656") == 0
    assert ask("/elsewhere") != 0


def _proved(node: RealNode) -> ProvedReader:
    return ProvedReader(
        [node.reader()],
        genesis_hash=node.genesis.genesis_hash,
        clock=FixedClock(NOW + 10),
        max_head_age=None,
    )


def test_the_light_client_follows_the_blocks(four: tuple[MockNetwork, list[RealNode]]) -> None:
    network, nodes = four
    for _ in range(3):
        network.decide()
    settle(nodes)
    reader = nodes[0].reader()
    root: TrustRoot = parse_genesis(
        reader.genesis(), expected_genesis_hash=nodes[0].genesis.genesis_hash
    ).root
    client = LightClient(root, clock=FixedClock(NOW + 10))
    assert client.update(reader).height == 3


@clause("CN-24")
def test_a_block_is_kept_with_the_votes_that_the_next_one_names() -> None:
    """A node that was down when a block was sealed saw other votes than the network counts."""
    network, nodes = real_network()
    network.decide()
    newest = nodes[0].block(1)
    own = replace(newest.sealed.commit, signatures=newest.sealed.commit.signatures[::-1])
    nodes[0].seen = {1: replace(newest.sealed, commit=own)}
    nodes[0].settle()
    assert nodes[0].reader().light_block(1).commit == own
    network.decide()
    nodes[0].settle()
    assert nodes[0].reader().light_block(1).commit == newest.sealed.commit


@clause("B12")
def test_a_state_that_the_network_did_not_agree_on_is_never_written() -> None:
    network, nodes = real_network()
    author = Author(nodes[0])
    network.submit(author.next())
    network.decide()
    nodes[0].settle()
    network.decide()
    application = nodes[0].application
    assert application is not None
    first, *later = application.staged
    wrong = replace(first, summary=replace(first.summary, smt_root=bytes(32)))
    application._staged = (wrong, *later)
    with pytest.raises(StoreDamagedError, match="app hash mismatch"):
        nodes[0].settle()
    assert application.position.summary.height == 0


@pytest.mark.parametrize(
    ("limit", "most"),
    [
        ({"max_author_transactions": 2}, {"one": 2, "all": 4}),
        ({"max_block_transactions": 3}, {"one": 3, "all": 3}),
    ],
)
@clause("TX-13", "CN-25")
def test_what_a_block_has_no_room_for_waits_and_is_not_lost(
    limit: dict[str, int], most: dict[str, int]
) -> None:
    """CometBFT takes out of every pool what stood in a block, also what left no trace there."""
    network, nodes = real_network(parameters=limit)
    application = nodes[0].application
    assert application is not None
    many, some = Author(nodes[0], 0), Author(nodes[0], 1)
    raws = [many.next() for _ in range(5)]
    both = [*raws, some.next(), some.next()]
    ask = {"max_bytes": 2**20, "time": NOW}
    assert application.propose(raws, **ask) == raws[: most["one"]]
    assert len(application.propose(both, **ask)) == most["all"]
    for raw in both:
        network.submit(raw)
    codes = []
    for _ in range(4):
        codes += [code for code, _ in network.decide().outcome.results]
        settle(nodes)
    assert codes == [ResultCode.OK] * 7


@clause("CN-12", "CN-25")
def test_a_block_as_full_as_it_may_be_is_accepted_by_everybody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """CometBFT's room has some to spare beside the transactions: a proposer must not use it."""
    size = len(Author(real_network()[1][0]).next())
    small = replace(PARAMETERS[MAX_BLOCK_BYTES], default=3 * size, least=1, most=3 * size)
    monkeypatch.setitem(PARAMETERS, MAX_BLOCK_BYTES, small)
    _, nodes = real_network()
    author = Author(nodes[0])
    raws = [author.next() for _ in range(5)]
    proposer, judge = nodes[0].application, nodes[1].application
    assert proposer is not None
    assert judge is not None
    proposed = proposer.propose(raws, max_bytes=2**20, time=NOW)
    assert len(proposed) == 3
    assert judge.accept(proposed)


@clause("CN-22")
def test_a_block_that_was_not_decided_here_is_not_written(
    four: tuple[MockNetwork, list[RealNode]],
) -> None:
    """Another node's RPC may answer at the address while the node's own is not up."""
    network, nodes = four
    network.decide()
    sealed = network.decided(1).sealed
    other = replace(sealed.header, proposer_address=bytes(20))
    nodes[0].seen[1] = replace(sealed, header=other)
    with pytest.raises(MalformedError, match="another block 1"):
        nodes[0].settle()
    assert nodes[0].settler is not None
    assert nodes[0].settler.newest is None
    del nodes[0].seen[1]
    nodes[0].settle()
    assert nodes[0].settler.newest is not None


@clause("CN-20", "CN-23")
def test_a_state_that_is_computed_and_not_committed_is_never_written(
    four: tuple[MockNetwork, list[RealNode]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While blocks are run again the RPC is not up: eight wait, and one of them may be in work."""
    network, nodes = four
    node = nodes[0]

    def silent(height: int, _body: object) -> None:
        raise RegistryUnavailableError(f"no block {height} yet")

    monkeypatch.setattr(node, "block", silent)
    for _ in range(MOST_STAGED - 1):
        network.decide()
    assert node.application is not None
    assert node.settler is not None
    time = network.decided(MOST_STAGED - 1).block.time_ns // 10**9
    node.application.finalize_block(BlockInput(MOST_STAGED, time, ()))
    node.settler._turn()
    assert node.application.info().height == 0
    node.settler.note(MOST_STAGED, bytes(32), BlockBody((), ()))
    node.settler._turn()
    assert node.application.info().height == MOST_STAGED


@clause("CN-22")
def test_after_a_failed_write_the_node_ends_and_says_why(
    four: tuple[MockNetwork, list[RealNode]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not taken for an RPC that does not answer, which would be asked again for ever."""
    network, nodes = four
    settler = nodes[0].settler
    assert settler is not None
    network.decide()

    def fail(*_: object) -> None:
        raise StoreStoppedError("a write failed")

    monkeypatch.setattr(nodes[0].store, "write", fail)
    settler._run()
    assert settler.failure == "the registry has stopped: a write failed"


@clause("CN-22")
def test_what_keeps_blocks_from_being_written_is_told_once(
    four: tuple[MockNetwork, list[RealNode]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    network, nodes = four
    settler = nodes[0].settler
    assert settler is not None
    network.decide()
    settler._turn()

    def silent(height: int, _body: object) -> None:
        raise RegistryUnavailableError(f"no block {height}")

    with monkeypatch.context() as patched:
        patched.setattr(nodes[0], "block", silent)
        network.decide()
        monkeypatch.setattr(settler, "_pause", lambda: None)
        for _ in range(TOLD_AFTER + 10):
            settler._turn()
    assert [record.message for record in caplog.records] == [
        "blocks are not written for now: no block 2"
    ]
    settler._turn()
    assert settler.stored_height() == 2


def _set_parameter(author: Author, name: str, value: int) -> bytes:
    """Return the author's next transaction: a proposal that is carried out at once."""
    action = Propose(SetParameter(name, value), NOW + 600)
    number, author.sequence = author.sequence, author.sequence + 1
    transaction = Transaction(NETWORK, author.did, ("control-1",), number, NOW + 600, (action,))
    return encode_signed(sign_transaction(transaction, {"control-1": signer(author.key)}))


def _size(network: MockNetwork, raw: bytes) -> int:
    """Decide a block with a transaction, and return the block size that it gives."""
    assert {checked.code for checked in network.submit(raw)} == {0}
    decided = network.decide()
    assert [result.code for result in decided.outcome.results] == [ResultCode.OK]
    return decided.outcome.block_bytes


@clause("CN-33")
def test_the_size_of_blocks_follows_governance_on_every_node() -> None:
    network, nodes = real_network()
    author = Author(nodes[0])
    begun = network.block_bytes
    assert begun == block_max_bytes(nodes[0].genesis.parameter)
    assert _size(network, author.next()) == 0
    raised = _size(network, _set_parameter(author, MAX_BLOCK_BYTES, 64 * 2**20))
    assert raised - begun == 56 * 2**20
    assert network.data_bytes >= 64 * 2**20
    more = _size(network, _set_parameter(author, MAX_BLOCK_TRANSACTIONS, 100_000))
    assert more - raised == 5 * 90_000
    lowered = _size(network, _set_parameter(author, MAX_BLOCK_BYTES, 2**20))
    assert more - lowered == 63 * 2**20
    assert _size(network, author.next()) == 0
    assert network.block_bytes == lowered


@clause("CN-20", "CN-33")
@pytest.mark.parametrize("settled", [False, True], ids=["replayed", "read from the store"])
def test_a_node_that_starts_again_gives_the_same_size_of_blocks(
    settled: bool,  # noqa: FBT001 - two cases
) -> None:
    """One that took its state from others has it from the store just so."""
    network, nodes = real_network()
    author = Author(nodes[0])
    _size(network, _set_parameter(author, MAX_BLOCK_BYTES, 16 * 2**20))
    network.decide()
    if settled:
        settle(nodes)
    network.crash(1)
    standing = network.restart(1)
    assert standing.height == (2 if settled else 0)
    # The other parameter now: the driver compares what each node makes of the first.
    size = _size(network, _set_parameter(author, MAX_BLOCK_TRANSACTIONS, 20_000))
    assert size - block_max_bytes(nodes[0].genesis.parameter) == 8 * 2**20 + 5 * 10_000


@clause("CN-33")
def test_the_largest_block_of_the_rules_fits_everywhere() -> None:
    most = block_max_bytes(lambda name: PARAMETERS[name].most)
    least = block_max_bytes(lambda name: PARAMETERS[name].least)
    assert most <= 100 * 2**20  # types.MaxBlockSizeBytes
    assert most + 2**20 <= FRAME_BYTES
    # The settler reads a block as base64 in JSON.
    assert most * 4 // 3 + 2**20 < _ANSWER_BYTES
    assert least > limits.TRANSACTION_BYTES
