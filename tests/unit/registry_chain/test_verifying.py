"""Signatures of a block, verified by another process meanwhile: sooner, and never otherwise."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import replace

import pytest

from registry_chain.state_machine.admission import (
    Signatures,
    check,
    read_transaction,
    signatures_ahead,
)
from registry_chain.state_machine.block import BlockInput
from registry_chain.state_machine.staged import StagedState
from registry_chain.state_machine.transition import apply_block
from registry_chain.verifying import CHUNK, FEW, VerifiedAhead
from registry_chain.verifying_process import (
    MOST_STARTS,
    VerifierLostError,
    VerifierProcess,
    encode_questions,
)
from tests.support.clauses import clause
from tests.support.scripted_chain import ScriptedChain, raw_key, signer
from weid.registry.codes import ResultCode
from weid.registry.operations import AnchorEvidence, RotateControllers
from weid.registry.signing import prove_possession
from weid.registry.transaction import SignedTransaction
from weid.registry.wire import encode_signed

LONG = 60.0
"""Seconds within which a process has started on any machine."""


def anchors(chain: ScriptedChain, count: int, *, first: int = 0) -> list[SignedTransaction]:
    """Return a governor's next transactions."""
    return [
        chain.sign(chain.governor, AnchorEvidence(bytes([n]) * 32), sequence=n)
        for n in range(first, first + count)
    ]


def spoilt(signed: SignedTransaction) -> SignedTransaction:
    """Return a transaction whose signature does not verify."""
    return replace(signed, author_signatures=(bytes(64),))


def block_of(chain: ScriptedChain, signed: list[SignedTransaction]) -> BlockInput:
    raw = tuple(encode_signed(one) for one in signed)
    return BlockInput(chain.state.summary.height + 1, chain.time + 1, raw)


@pytest.fixture(scope="module")
def process() -> Iterator[VerifierProcess]:
    """Give a process that is ready."""
    process = VerifierProcess()
    process.begin(LONG)
    yield process
    process.close()


def applied(chain: ScriptedChain, block: BlockInput, process: VerifierProcess) -> list[ResultCode]:
    """Return the codes of a block, which are the same whether it is verified ahead or not."""
    plain = apply_block(chain.state, block)
    ahead = apply_block(
        chain.state, block, verify_ahead=lambda found: VerifiedAhead(process).of(found, set())
    )
    assert plain == ahead
    return [result.code for result in ahead.results]


@pytest.fixture
def held_here(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Give the list of what this process has verified itself."""
    asked: list[bytes] = []
    hold = Signatures.hold
    monkeypatch.setattr(
        Signatures, "hold", lambda self: asked.append(self.verified) is None and hold(self)
    )
    return asked


@clause("TX-09", "B16")
@pytest.mark.parametrize("count", [FEW - 1, FEW, 3 * CHUNK + 1])
def test_a_block_has_the_same_outcome(count: int, process: VerifierProcess) -> None:
    chain = ScriptedChain()
    assert (
        applied(chain, block_of(chain, anchors(chain, count)), process) == [ResultCode.OK] * count
    )


@clause("R36")
def test_where_the_pipe_stays_small_one_chunk_is_asked_after_the_other(
    held_here: list[bytes],
) -> None:
    chain = ScriptedChain()
    narrow = VerifierProcess()
    narrow.begin(LONG)
    narrow.room = 0
    count = 3 * CHUNK + 1
    block = block_of(chain, anchors(chain, count))
    assert applied(chain, block, narrow) == [ResultCode.OK] * count
    assert len(held_here) == count  # without the process; with it none
    narrow.close()


@clause("TX-09")
@pytest.mark.parametrize("place", [0, CHUNK - 1, CHUNK, FEW - 1])
def test_a_signature_that_does_not_hold_is_refused(place: int, process: VerifierProcess) -> None:
    chain = ScriptedChain()
    signed = anchors(chain, FEW)
    signed.insert(place, spoilt(signed[place]))
    codes = applied(chain, block_of(chain, signed), process)
    assert codes[place] == ResultCode.SIGNATURE_INVALID
    assert codes.count(ResultCode.OK) == FEW


@clause("TX-09", "B16")
def test_a_key_that_changes_within_the_block_is_judged_in_its_place(
    process: VerifierProcess,
) -> None:
    chain = ScriptedChain()
    one = chain.governor
    keys = (raw_key("another"),)
    rotation = RotateControllers(
        one.did, 1, keys, 1, b"", (prove_possession(one.did, signer("another")),)
    )
    before, after = anchors(chain, FEW), []
    before.append(chain.sign(one, rotation, sequence=FEW))
    other = {"control-1": signer("another"), "control-2": signer("another")}
    for n in range(3):
        for key in ("control-1", "control-2"):
            operation = AnchorEvidence(bytes([200 + n]) * 32)
            after.append(
                chain.sign(one, operation, sequence=FEW + 1 + n, keys=(key,), signers=other)
            )
    codes = applied(chain, block_of(chain, [*before, *after]), process)
    assert codes[: FEW + 1] == [ResultCode.OK] * (FEW + 1)
    assert codes[FEW + 1 :] == [ResultCode.KEY_NOT_IN_FORCE, ResultCode.OK] * 3


@clause("R36")
def test_nothing_is_verified_twice(process: VerifierProcess, held_here: list[bytes]) -> None:
    chain = ScriptedChain()
    signed = anchors(chain, 2 * FEW)
    raw = [encode_signed(one) for one in signed]
    before = {
        check(chain.state, one, time=chain.time, pending=2 * FEW).verified for one in raw[:FEW]
    }
    held_here.clear()
    asked: list[int] = []

    def ahead(found: Iterable[Signatures]) -> Container[bytes]:
        some = list(found)
        asked.extend(one.verified not in before for one in some)
        return VerifiedAhead(process).of(some, before)

    outcome = apply_block(chain.state, block_of(chain, signed), verify_ahead=ahead)
    assert {result.code for result in outcome.results} == {ResultCode.OK}
    assert sum(asked) == FEW
    assert held_here == []


@clause("R36", "TX-09")
def test_the_next_block_is_verified_while_this_one_is_applied(
    process: VerifierProcess, held_here: list[bytes]
) -> None:
    chain = ScriptedChain()
    signed = anchors(chain, 4 * FEW)
    bad = 3 * FEW
    signed[bad] = spoilt(signed[bad])
    blocks = [block_of(chain, part) for part in (signed[: 2 * FEW], signed[2 * FEW :])]
    ahead = VerifiedAhead(process)
    waiting = StagedState(chain.state, height=blocks[0].height, time=blocks[0].time)
    soon = signatures_ahead(waiting, map(read_transaction, blocks[1].transactions))
    first = apply_block(
        chain.state,
        blocks[0],
        verify_ahead=lambda found: ahead.of(found, set(), soon),
    )
    of_second = signatures_ahead(waiting, map(read_transaction, blocks[1].transactions))
    asked = [one.verified for one in of_second]
    ahead.of((), set())
    known = [name in ahead for name in asked]
    assert {result.code for result in first.results} == {ResultCode.OK}
    assert known.count(False) == 1
    assert known.index(False) == bad - 2 * FEW
    assert held_here == []
    ahead.of((), set())
    ahead.of((), set())
    assert not any(name in ahead for name in asked)  # of the block before: forgotten


@clause("R36")
def test_what_was_upcoming_is_not_gone_through_again(
    process: VerifierProcess, held_here: list[bytes]
) -> None:
    chain = ScriptedChain()
    signed = anchors(chain, 2 * FEW)
    blocks = [block_of(chain, part) for part in (signed[:FEW], signed[FEW:])]
    staged = StagedState(chain.state, height=blocks[0].height, time=blocks[0].time)
    ahead = VerifiedAhead(process)
    raw = [block.transactions for block in blocks]
    verify = ahead.of_block(raw[0], raw[1], staged, set())
    assert applied_with(chain, blocks[0], verify) == [ResultCode.OK] * FEW
    proof = replace(blocks[0], transactions=())
    assert applied_with(chain, proof, ahead.of_block((), (), staged, set())) == []
    known = ahead.of_block(raw[1], (), staged, set())(never())
    second = list(signatures_ahead(staged, map(read_transaction, raw[1])))
    assert all(one.verified in known for one in second)
    assert held_here == []


def applied_with(
    chain: ScriptedChain,
    block: BlockInput,
    verify: Callable[[Iterable[Signatures]], Container[bytes]],
) -> list[ResultCode]:
    outcome = apply_block(chain.state, block, verify_ahead=verify)
    return [result.code for result in outcome.results]


def never() -> Iterator[Signatures]:
    """Must not be gone through."""
    raise AssertionError
    yield


@clause("R36")
def test_a_small_block_asks_no_other_process(held_here: list[bytes]) -> None:
    chain = ScriptedChain()
    block = block_of(chain, anchors(chain, FEW - 1))
    assert applied(chain, block, NoProcess()) == [ResultCode.OK] * (FEW - 1)
    assert len(set(held_here)) == FEW - 1


class NoProcess(VerifierProcess):
    """Must not be asked."""

    def begin(self, patience: float = 0.0) -> int:
        raise AssertionError(patience)


@clause("TX-09")
@pytest.mark.parametrize("answers", [0, 1])
def test_a_process_that_ends_within_a_block_changes_nothing(answers: int) -> None:
    chain = ScriptedChain()
    dying = Dying(answers)
    dying.begin(LONG)
    signed = anchors(chain, 4 * CHUNK)
    signed[3 * CHUNK] = spoilt(signed[3 * CHUNK])
    codes = applied(chain, block_of(chain, signed), dying)
    assert codes[: 3 * CHUNK] == [ResultCode.OK] * (3 * CHUNK)
    assert codes[3 * CHUNK] == ResultCode.SIGNATURE_INVALID
    assert dying.answers < 0
    dying.close()


class Dying(VerifierProcess):
    """Is killed after so many answers."""

    def __init__(self, answers: int) -> None:
        super().__init__()
        self.answers = answers

    def answer(self, turn: int) -> bytes:
        self.answers -= 1
        if self.answers == -1:
            assert self.pid is not None
            os.kill(self.pid, signal.SIGKILL)
            self._expected[0] += 10**6  # more than it may have answered already
        return super().answer(turn)


@pytest.mark.parametrize("records", [1, 100])
def test_a_process_that_stands_still_is_given_up(
    records: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = ScriptedChain()
    silent = VerifierProcess()
    silent.begin(LONG)
    monkeypatch.setattr("registry_chain.verifying_process.PATIENCE", 0.05)
    assert silent.pid is not None
    os.kill(silent.pid, signal.SIGSTOP)
    signed = [  # a hundred records in each are more than a pipe holds
        chain.sign(
            chain.governor,
            *(AnchorEvidence(bytes([n, m]) * 16) for m in range(records)),
            sequence=n,
        )
        for n in range(FEW)
    ]
    assert applied(chain, block_of(chain, signed), silent) == [ResultCode.OK] * FEW
    assert silent.pid is None
    silent.close()


def test_who_begins_ends_the_turn_before(process: VerifierProcess) -> None:
    question = ((raw_key("governor"),), (bytes(64),), b"message")
    first = process.begin()
    process.ask(first, encode_questions([question] * 3), 3)
    second = process.begin()
    with pytest.raises(VerifierLostError):
        process.answer(first)
    process.ask(second, encode_questions([question] * 2), 2)
    assert process.answer(second) == bytes(2)


def test_a_process_that_cannot_stay_is_not_started_for_ever() -> None:
    process = VerifierProcess()
    for _ in range(MOST_STARTS):
        process.begin(LONG)
        process.close()
    with pytest.raises(VerifierLostError):
        process.begin(LONG)
