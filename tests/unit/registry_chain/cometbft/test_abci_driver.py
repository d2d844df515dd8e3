"""The mock consensus itself, with a small application: it must find what CometBFT would stop at."""

from __future__ import annotations

import itertools

import pytest

from registry_chain.engines.cometbft.calls import (
    ConsensusApplication,
    Executed,
    FinalizedBlock,
    Standing,
)
from registry_chain.engines.cometbft.dispatch import AbciApplication
from registry_chain.state_machine.block import Misbehaviour
from tests.support.abci_client import AbciClient, in_memory
from tests.support.abci_driver import (
    START,
    MockNetwork,
    MockNode,
    NetworkFaultError,
    NetworkHaltedError,
    Point,
    duplicated,
    malformed,
    oversize,
    reordered,
)
from tests.support.clauses import clause
from tests.support.fake_consensus import LedgerApplication, Persisted
from tests.support.light_chain import key
from weid.clock import FixedClock
from weid.registry.light_client import LightClient, TrustRoot
from weid.registry.validators import Validator, ValidatorSet

NAMES = ("ada", "bob", "cleo", "dan")


def ledger_node(
    name: str, *, lag: int = 0, coded: bool = False, kind: type[LedgerApplication] | None = None
) -> MockNode:
    """A node over a store of its own; `coded` puts the ABCI messages in between."""
    store = Persisted()

    def open_() -> ConsensusApplication:
        application = (kind or LedgerApplication)(store, lag=lag)
        return AbciClient(in_memory(AbciApplication(application))) if coded else application

    return MockNode(name, open_)


def network(*, lag: int = 0, coded: bool = False, **options) -> MockNetwork:
    found = MockNetwork([ledger_node(n, lag=lag, coded=coded) for n in NAMES], **options)
    found.begin()
    return found


def power(name: str, value: int) -> bytes:
    return f"val:{key(name).public.raw.hex()}:{value}".encode()


def names_at(found: MockNetwork, height: int) -> set[str]:
    keys = {v.public_key for v in found.validators(height).validators}
    return {node.name for node in found.nodes if node.public_key in keys}


@clause("CN-15")
@pytest.mark.parametrize("coded", [False, True])
def test_applications_in_lockstep_agree(coded):
    found = network(coded=coded)
    first = found.decide([b"set:a=1", b"broken", b"del:none"])
    assert first.outcome.results == (Executed(0, b"a"), Executed(1), Executed(2))
    second = found.decide([b"del:a"])
    assert second.outcome.results == (Executed(0),)
    assert found.height == 2
    assert second.sealed.header.app_hash == first.outcome.app_hash
    assert first.block.proposer != second.block.proposer


@clause("CN-15")
def test_a_light_client_believes_the_blocks():
    found = network()
    found.decide([b"set:a=1"])
    found.decide([b"set:a=2"], crashes={0: Point.COMMIT})
    missing = found.decide([])
    assert [entry.signature for entry in missing.sealed.commit.signatures].count(b"") == 1
    found.restart(0)
    found.decide([power("dan", 0), power("ada", 5)])
    for _ in range(4):
        found.decide([])
    validators = ValidatorSet.of([Validator(key(name).public.raw, 1) for name in NAMES])
    root = TrustRoot(b"\x11" * 32, "mock-chain", validators, START)
    client = LightClient(root, clock=FixedClock(START + 10))
    for decided in found.blocks:
        assert client.accept(decided.light_block).height == decided.block.height


@clause("CN-20")
@pytest.mark.parametrize("coded", [False, True])
@pytest.mark.parametrize("lag", [0, 1, 3])
@pytest.mark.parametrize("point", Point)
def test_a_crash_anywhere_is_made_good_by_replay(point, lag, coded):
    found = network(lag=lag, coded=coded)
    found.decide([b"set:a=1"])
    found.decide([b"set:b=2", b"bad"], crashes={2: point})
    found.decide([b"del:a"])
    assert found.nodes[2].application is None
    standing = found.restart(2)
    assert standing.height <= 2
    found.decide([b"set:c=3"])
    assert len(found.up) == 4


@clause("CN-20")
@pytest.mark.parametrize("lag", [0, 2])
def test_every_pair_of_crashes_is_made_good(lag):
    for first, second in itertools.product(Point, Point):
        found = network(lag=lag)
        found.decide([b"set:a=1"], crashes={0: first})
        found.restart(0)
        found.decide([b"set:a=2"], crashes={1: second})
        found.restart(1)
        found.decide([b"set:a=3"])


@clause("CN-20")
def test_all_crash_between_finalize_and_commit_and_go_on():
    found = network(lag=1)
    found.decide([b"set:a=1"])
    found.decide([b"set:b=1"], crashes=dict.fromkeys(range(4), Point.COMMIT))
    assert found.up == []
    for index in range(4):
        found.restart(index)
    found.decide([b"set:c=1"])
    assert found.height == 3


@clause("CN-09", "CN-20")
def test_a_chain_that_lost_everything_begins_again_and_replays():
    found = network(lag=3)
    found.decide([b"set:a=1"])
    found.crash(1)
    assert found.restart(1).height == 0
    found.decide([])


@clause("CN-09", "CN-20")
def test_a_chain_may_begin_above_one():
    found = network(initial_height=1001, app_state=b" moved")
    assert found.decide([b"set:a=1"]).block.height == 1001
    found.crash(1)
    found.restart(1)
    assert found.decide([]).block.height == 1002


@clause("CN-13")
@pytest.mark.parametrize("coded", [False, True])
def test_an_oversize_proposal_is_refused_and_the_next_round_decides(coded):
    found = network(coded=coded)
    decided = found.decide([b"set:a=1"], forgery=oversize(101))
    assert decided.refused == 1
    assert decided.block.transactions == (b"set:a=1",)
    whole = found.decide([b"set:a=2"], forgery=oversize(5 * 2**20))
    assert whole.refused == 1


@clause("CN-15")
def test_what_a_byzantine_proposer_may_do_changes_no_agreement():
    found = network()
    offered = [b"set:a=1", b"set:a=2"]
    assert found.decide(offered, forgery=malformed).outcome.results[0] == Executed(1)
    assert found.decide(offered, forgery=reordered).block.transactions == tuple(offered[::-1])
    assert len(found.decide(offered, forgery=duplicated).outcome.results) == 4


@clause("CN-16")
def test_a_validator_update_is_in_force_two_blocks_later():
    found = network(validators=NAMES[:3])
    found.decide([power("dan", 1), power("ada", 0)])
    assert names_at(found, 1) == names_at(found, 2) == {"ada", "bob", "cleo"}
    assert names_at(found, 3) == {"bob", "cleo", "dan"}
    found.decide([])
    third = found.decide([])
    assert third.sealed.header.validators_hash == found.validators(3).hash()
    assert found.decided(2).block.next_validators_hash == found.validators(3).hash()
    proposers = {found.decide([]).block.proposer for _ in range(3)}
    assert proposers == {v.address for v in found.validators(3).validators}


@clause("CN-15")
def test_misbehaviour_comes_to_every_application():
    found = network(coded=True)
    fault = Misbehaviour(b"\xaa" * 20, 1, "duplicate_vote")
    before = found.app_hash
    decided = found.decide([], misbehaviour=[fault])
    assert decided.block.misbehaviour == (fault,)
    assert decided.outcome.app_hash != before


@clause("CN-10")
def test_what_waits_is_checked_again_after_each_block():
    found = network()
    assert [checked.code for checked in found.submit(b"set:a=1")] == [0] * 4
    assert [checked.code for checked in found.submit(b"del:b")] == [2] * 4
    found.submit(b"del:chain")
    assert found.pool == [b"set:a=1", b"del:chain"]
    found.decide([b"del:chain"])
    assert found.pool == [b"set:a=1"]
    assert found.decide().block.transactions == (b"set:a=1",)
    assert found.pool == []


def test_too_few_validators_halt():
    found = network()
    found.crash(0)
    found.decide([])
    found.crash(1)
    with pytest.raises(NetworkHaltedError):
        found.decide([])
    found.restart(0)
    found.decide([])
    assert found.height == 2


def test_a_round_passes_over_a_proposer_that_is_down():
    found = network()
    found.crash(2)
    proposers = {found.decide([]).block.proposer for _ in range(4)}
    assert len(proposers) == 3


# --- What it finds -------------------------------------------------------------------------------


class Diverging(LedgerApplication):
    def finalize(self, block):
        found = super().finalize(block)
        if block.height == 2:
            return FinalizedBlock(found.results, b"another" + found.app_hash[7:])
        return found


class Forgetful(LedgerApplication):
    def finalize(self, block):
        return FinalizedBlock((), super().finalize(block).app_hash)


class Ahead(LedgerApplication):
    def info(self):
        found = super().info()
        height = found.height + 1 if found.height else 0
        return Standing(height, found.app_hash, "0.1", 1)


class Wasteful(LedgerApplication):
    def propose(self, transactions, *, max_bytes):
        return [b"x" * (max_bytes + 1)]


class Strict(LedgerApplication):
    def accept(self, transactions, *, height):
        return False


@pytest.mark.parametrize("kind", [Diverging, Forgetful, Wasteful, Strict])
def test_an_application_that_breaks_a_rule_is_found(kind):
    nodes = [ledger_node(name) for name in NAMES[:3]] + [ledger_node("dan", kind=kind)]
    found = MockNetwork(nodes)
    found.begin()

    def go_on() -> None:
        for _ in range(5):
            found.decide([b"set:a=1"])

    with pytest.raises(NetworkFaultError):
        go_on()


@clause("CN-20")
def test_an_application_ahead_of_the_chain_is_not_run():
    nodes = [ledger_node(name) for name in NAMES[:3]] + [ledger_node("dan", kind=Ahead)]
    found = MockNetwork(nodes)
    found.begin()
    found.decide([])
    found.crash(3)
    with pytest.raises(NetworkFaultError, match="dan stands at 2, the chain at 1"):
        found.restart(3)


@clause("CN-20")
def test_a_changed_store_is_found_at_the_handshake():
    stores = [Persisted() for _ in NAMES]
    found = MockNetwork(
        [
            MockNode(name, lambda store=store: LedgerApplication(store))
            for name, store in zip(NAMES, stores, strict=True)
        ]
    )
    found.begin()
    found.decide([b"set:a=1"])
    found.crash(1)
    stores[1].words["a"] = "2"
    with pytest.raises(NetworkFaultError, match="another app hash at 1"):
        found.restart(1)


@clause("CN-12", "CN-13")
@pytest.mark.parametrize("size", [99, 100, 101])
def test_what_one_application_proposes_the_others_accept(size):
    found = network(coded=True)
    decided = found.decide([b"x" * size, b"set:a=1"])
    assert decided.refused == 0
    assert len(decided.block.transactions) == (2 if size <= 100 else 1)


@clause("CN-17")
def test_what_may_be_forgotten_is_said():
    found = network(coded=True)
    for _ in range(103):
        found.decide([])
    assert set(found.blocks[-1].retain_heights.values()) == {3}
    assert set(found.blocks[99].retain_heights.values()) == {0}
