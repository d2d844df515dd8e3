"""What a block's evidence says against validators, as CometBFT's RPC writes it (B8, CN-…).

The same facts reach the application in FinalizeBlock; a stored block keeps them, so that it can be
run again without CometBFT. Order and content are those of CometBFT's `EvidenceList.ToABCI`.
"""

from __future__ import annotations

from typing import Final

from registry_chain.state_machine.block import Misbehaviour
from weid.encoding import JsonObject, JsonValue
from weid.errors import MalformedError
from weid.registry.comet_json import integer_member, members_of, object_member, octets_member
from weid.registry.headers import ADDRESS_BYTES

_PIECE: Final = "a piece of evidence"
_DUPLICATE: Final = "tendermint/DuplicateVoteEvidence"
_ATTACK: Final = "tendermint/LightClientAttackEvidence"


def misbehaviour_of(evidence: JsonValue) -> tuple[Misbehaviour, ...]:
    """Return what a block's list of evidence says; None and an empty list say nothing.

    Raises:
        MalformedError: a piece of evidence of another form than these two.
    """
    if not evidence:
        return ()
    if not isinstance(evidence, list):
        raise MalformedError("the evidence of a block is not a list")
    found: list[Misbehaviour] = []
    for piece in evidence:
        found += _of_piece(piece)
    return tuple(found)


def _of_piece(piece: JsonValue) -> list[Misbehaviour]:
    named = members_of(piece, _PIECE)
    value = object_member(named, "value", _PIECE)
    if named.get("type") == _DUPLICATE:
        vote = object_member(value, "vote_a", _PIECE)
        return [_misbehaviour(vote, "validator_address", _height(vote, "height"), "duplicate_vote")]
    if named.get("type") == _ATTACK:
        height = _height(value, "CommonHeight")
        accused = value.get("ByzantineValidators") or []
        if not isinstance(accused, list):
            raise MalformedError("a piece of evidence accuses no list of validators")
        return [
            _misbehaviour(members_of(one, _PIECE), "address", height, "light_client_attack")
            for one in accused
        ]
    raise MalformedError("a piece of evidence has another form")


def _misbehaviour(accused: JsonObject, name: str, height: int, kind: str) -> Misbehaviour:
    return Misbehaviour(octets_member(accused, name, _PIECE, ADDRESS_BYTES), height, kind)


def _height(members: JsonObject, name: str) -> int:
    return integer_member(members, name, _PIECE)
