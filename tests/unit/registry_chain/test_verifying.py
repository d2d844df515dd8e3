"""Signatures of a whole block, verified before it is applied: sooner, and never otherwise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registry_chain import verifying
from registry_chain.state_machine.admission import Signatures, check
from registry_chain.state_machine.block import BlockInput
from registry_chain.state_machine.transition import apply_block
from registry_chain.verifying import FEW, verified_ahead
from tests.support.clauses import clause
from tests.support.scripted_chain import ScriptedChain, raw_key, signer
from weid.registry.codes import ResultCode
from weid.registry.operations import AnchorEvidence, RotateControllers
from weid.registry.signing import prove_possession
from weid.registry.transaction import SignedTransaction
from weid.registry.wire import encode_signed


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


def applied(chain: ScriptedChain, block: BlockInput) -> list[ResultCode]:
    """Return the codes of a block, which are the same whether it is verified ahead or not."""
    plain = apply_block(chain.state, block)
    ahead = apply_block(
        chain.state, block, verify_ahead=lambda found: verified_ahead(found, frozenset())
    )
    assert plain == ahead
    return [result.code for result in ahead.results]


@clause("TX-09", "B16")
@pytest.mark.parametrize("count", [FEW - 1, FEW, FEW + 1])
def test_a_block_has_the_same_outcome(count: int) -> None:
    chain = ScriptedChain()
    assert applied(chain, block_of(chain, anchors(chain, count))) == [ResultCode.OK] * count


@clause("TX-09")
@pytest.mark.parametrize("place", [0, FEW // 2 - 1, FEW // 2, FEW - 1])
def test_a_signature_that_does_not_hold_is_refused_in_either_half(place: int) -> None:
    chain = ScriptedChain()
    signed = anchors(chain, FEW)
    signed.insert(place, spoilt(signed[place]))
    codes = applied(chain, block_of(chain, signed))
    assert codes[place] == ResultCode.SIGNATURE_INVALID
    assert codes.count(ResultCode.OK) == FEW


@clause("TX-09", "B16")
def test_a_key_that_changes_within_the_block_is_judged_in_its_place() -> None:
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
    codes = applied(chain, block_of(chain, [*before, *after]))
    assert codes[: FEW + 1] == [ResultCode.OK] * (FEW + 1)
    assert codes[FEW + 1 :] == [ResultCode.KEY_NOT_IN_FORCE, ResultCode.OK] * 3


@clause("R36")
def test_what_was_verified_before_is_not_verified_again(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = ScriptedChain()
    signed = anchors(chain, 2 * FEW)
    raw = [encode_signed(one) for one in signed]
    verified = {
        check(chain.state, one, time=chain.time, pending=2 * FEW).verified for one in raw[:FEW]
    }
    asked: list[bytes] = []
    hold = Signatures.hold
    monkeypatch.setattr(
        Signatures, "hold", lambda self: asked.append(self.verified) is None and hold(self)
    )
    outcome = apply_block(
        chain.state,
        block_of(chain, signed),
        verify_ahead=lambda found: verified_ahead(found, verified),
    )
    assert {result.code for result in outcome.results} == {ResultCode.OK}
    assert len(asked) == len(set(asked)) == FEW
    assert verified.isdisjoint(asked)


def test_a_small_block_asks_no_other_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = ScriptedChain()
    monkeypatch.setattr(verifying, "_helper", None)
    assert applied(chain, block_of(chain, anchors(chain, FEW - 1))) == [ResultCode.OK] * (FEW - 1)
