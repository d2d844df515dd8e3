"""What a block's evidence says against validators, as CometBFT's RPC writes it (B8, CN-…).

The same facts reach the application in FinalizeBlock; a stored block keeps them, so that it can be
run again without CometBFT. Order and content are those of CometBFT's `EvidenceList.ToABCI`.
"""

from __future__ import annotations

from registry_chain.state_machine.block import Misbehaviour
from weid.encoding import JsonObject, JsonValue
from weid.errors import MalformedError

_DUPLICATE = "tendermint/DuplicateVoteEvidence"
_ATTACK = "tendermint/LightClientAttackEvidence"


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
    value = piece.get("value") if isinstance(piece, dict) else None
    if isinstance(piece, dict) and isinstance(value, dict):
        if piece.get("type") == _DUPLICATE:
            vote = _object(value, "vote_a")
            return [
                Misbehaviour(
                    _address(vote, "validator_address"), _height(vote, "height"), "duplicate_vote"
                )
            ]
        if piece.get("type") == _ATTACK:
            height = _height(value, "CommonHeight")
            accused = value.get("ByzantineValidators")
            return [
                Misbehaviour(_address(validator, "address"), height, "light_client_attack")
                for validator in (accused if isinstance(accused, list) else [])
                if isinstance(validator, dict)
            ]
    raise MalformedError("a piece of evidence has another form")


def _object(members: JsonObject, name: str) -> JsonObject:
    value = members.get(name)
    if not isinstance(value, dict):
        raise MalformedError(f"a piece of evidence has no {name}")
    return value


def _address(members: JsonObject, name: str) -> bytes:
    try:
        return bytes.fromhex(str(members.get(name)))
    except ValueError:
        raise MalformedError(f"a piece of evidence has no {name}") from None


def _height(members: JsonObject, name: str) -> int:
    value = str(members.get(name))
    if not value.isdecimal():
        raise MalformedError(f"a piece of evidence has no {name}")
    return int(value)
