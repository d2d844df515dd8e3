"""Evidence of a block, as CometBFT's RPC writes it: what it says, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from registry_chain.engines.cometbft.evidence import misbehaviour_of
from registry_chain.state_machine.block import Misbehaviour
from weid.errors import MalformedError

ADDRESS = bytes(range(20))
HEX = ADDRESS.hex().upper()


def duplicate(**vote: Any) -> dict[str, Any]:
    members = {"validator_address": HEX, "height": "7", **vote}
    return {"type": "tendermint/DuplicateVoteEvidence", "value": {"vote_a": members}}


def attack(**members: Any) -> dict[str, Any]:
    value = {"CommonHeight": "9", "ByzantineValidators": [{"address": HEX}], **members}
    return {"type": "tendermint/LightClientAttackEvidence", "value": value}


def test_both_kinds_are_read_in_their_order() -> None:
    assert misbehaviour_of([attack(), duplicate()]) == (
        Misbehaviour(ADDRESS, 9, "light_client_attack"),
        Misbehaviour(ADDRESS, 7, "duplicate_vote"),
    )
    assert misbehaviour_of([attack(ByzantineValidators=None)]) == ()


@pytest.mark.parametrize("nothing", [None, []])
def test_no_evidence_says_nothing(nothing: Any) -> None:
    assert misbehaviour_of(nothing) == ()


FAULTS = {
    "no list": {"type": "x"},
    "no object": ["x"],
    "of another kind": [{"type": "x", "value": {}}],
    "a short address": [duplicate(validator_address="0A0B")],
    "an address with blanks": [duplicate(validator_address=" " + HEX[1:])],
    "no height": [duplicate(height=None)],
    "a height in other digits": [duplicate(height="\u0667")],
    "a height past 63 bits": [duplicate(height="9" * 19)],
    "a height without end": [duplicate(height="9" * 5000)],
    "an accused that is none": [attack(ByzantineValidators=["x"])],
    "nobody accused": [attack(ByzantineValidators="x")],
}


@pytest.mark.parametrize("evidence", FAULTS.values(), ids=FAULTS)
def test_evidence_of_another_form_is_refused(evidence: Any) -> None:
    with pytest.raises(MalformedError):
        misbehaviour_of(evidence)
