"""A node's keys enter the registry only when their holders signed that they should."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.clauses import clause
from tests.support.network_nodes import admission, key_of, node_id, rotation, validator
from tests.support.scripted_chain import NETWORK, Person, ScriptedChain, raw_key, signer
from weid.errors import MalformedError
from weid.registry.codes import ResultCode
from weid.registry.node_operations import AdmitNode, NodeRole, RotateNodeKeys
from weid.registry.node_possession import entering_keys, node_keys_message, with_proofs
from weid.registry.operations import GovernedAction, Propose
from weid.registry.records import NodeRecord
from weid.registry.wire import decode_action, encode_action

REFUSED = ResultCode.POSSESSION_NOT_PROVED


@pytest.fixture
def chain() -> ScriptedChain:
    """One governor, whose word is enough, and a validator."""
    return ScriptedChain(nodes=(validator("a"),))


def proposed(chain: ScriptedChain, action: GovernedAction) -> ResultCode:
    return chain.send(chain.governor, Propose(action, chain.time + 100)).code


def rotated(chain: ScriptedChain, operator: Person, operation: RotateNodeKeys) -> ResultCode:
    return chain.send(operator, operation, endorser=chain.governor).code


def admit(operator: str = "") -> AdmitNode:
    return admission(node_id("c"), NodeRole.VALIDATOR, "Node c", operator, key_of("c"), 10)


def by(operation: Any, *names: str) -> Any:
    """Return an operation with the proofs of named signers, whether they are its keys or not."""
    message = node_keys_message(NETWORK, operation)
    return replace(operation, proofs=tuple(signer(name).sign(message) for name in names))


@clause("OP-32")
def test_both_keys_sign_for_each_other_network_role_and_operator(chain: ScriptedChain) -> None:
    operator = chain.register("operator")
    operation = admit(operator.did)
    assert entering_keys(operation) == (raw_key("node c"), key_of("c"))
    assert operation == by(operation, "node c", "validator c")
    assert proposed(chain, operation) == ResultCode.OK
    assert chain.get(NodeRecord, node_id("c")).validator_key == key_of("c")


@clause("OP-32")
def test_a_node_without_a_validator_key_proves_its_node_key_alone(chain: ScriptedChain) -> None:
    operation = admission(node_id("c"), NodeRole.SENTRY, "Gate")
    assert len(operation.proofs) == 1
    assert proposed(chain, operation) == ResultCode.OK


ADMISSIONS = {
    "no proofs": replace(admit(), proofs=()),
    "one proof of two": by(admit(), "node c"),
    "the other one of two": by(admit(), "validator c"),
    "in the wrong order": by(admit(), "validator c", "node c"),
    "somebody else signed for the node key": by(admit(), "node d", "validator c"),
    "somebody else signed for the validator key": by(admit(), "node c", "validator d"),
    "no node key": replace(admit(), node_key=b"", proofs=admit().proofs[1:]),
    "a node key of another id": by(replace(admit(), node_key=raw_key("node d")), "node d", "validator c"),
    "an id of another key": by(replace(admit(), node_id=node_id("d")), "node c", "validator c"),
    "for another network": with_proofs("elsewhere", admit(), [signer("node c"), signer("validator c")]),
    "for another role": replace(admit(), role=NodeRole.OBSERVER, power=0),
    "without the validator key": replace(admit(), role=NodeRole.OBSERVER, power=0, validator_key=b"", proofs=admit().proofs[:1]),
    "a validator key that did not sign for this node": replace(
        admit(), validator_key=key_of("d"),
        proofs=(admit().proofs[0], admission(node_id("d"), NodeRole.VALIDATOR, "d", "", key_of("d"), 1).proofs[1]),
    ),
    "a proof of nothing": replace(admit(), proofs=(bytes(64), bytes(64))),
}  # fmt: skip


@clause("OP-32")
@pytest.mark.parametrize("what", ADMISSIONS)
def test_a_node_is_not_even_proposed_with_keys_that_nobody_has(
    chain: ScriptedChain, what: str
) -> None:
    assert proposed(chain, ADMISSIONS[what]) == REFUSED
    assert proposed(chain, admit()) == ResultCode.OK


@clause("OP-32")
def test_a_node_goes_to_no_operator_for_whom_its_keys_did_not_sign(chain: ScriptedChain) -> None:
    meant, other = chain.register("meant"), chain.register("other")
    assert proposed(chain, replace(admit(meant.did), operator=other.did)) == REFUSED
    assert proposed(chain, replace(admit(meant.did), operator="")) == REFUSED
    # Name and power are the governors' to choose.
    assert proposed(chain, replace(admit(meant.did), name="Harbour", power=3)) == ResultCode.OK


@clause("OP-32")
def test_keys_of_an_open_proposal_cannot_be_taken_by_an_operator(chain: ScriptedChain) -> None:
    thief = chain.register("thief")
    own = admission(node_id("t"), NodeRole.OBSERVER, "Thief", thief.did)
    assert proposed(chain, own) == ResultCode.OK
    seen = admit()
    for taken in (
        RotateNodeKeys(node_id("t"), seen.node_id, b"", seen.node_key, seen.proofs[:1]),
        RotateNodeKeys(node_id("t"), b"", seen.validator_key, b"", seen.proofs[1:]),
        RotateNodeKeys(node_id("t"), seen.node_id, seen.validator_key, seen.node_key, seen.proofs),
    ):
        assert rotated(chain, thief, taken) == REFUSED
    meant_for_a = rotation(node_id("a"), node_id("a2"), key_of("a2"))
    taken = replace(meant_for_a, node_id=node_id("t"))
    assert rotated(chain, thief, taken) == REFUSED
    assert proposed(chain, seen) == ResultCode.OK
    assert proposed(chain, meant_for_a) == ResultCode.OK


ROTATIONS = {
    "an id without its key": replace(rotation(node_id("a"), node_id("a2")), new_node_key=b"", proofs=()),
    "a key without its id": replace(rotation(node_id("a"), node_id("a2")), new_node_id=b""),
    "an id without a proof": replace(rotation(node_id("a"), node_id("a2")), proofs=()),
    "a validator key without a proof": replace(rotation(node_id("a"), b"", key_of("a2")), proofs=()),
    "the proof of the key before": by(rotation(node_id("a"), b"", key_of("a2")), "validator a"),
    "one of two": by(rotation(node_id("a"), node_id("a2"), key_of("a2")), "node a2"),
    "a proof too many": by(rotation(node_id("a"), b"", key_of("a2")), "validator a2", "validator a2"),
}  # fmt: skip


@clause("OP-32")
@pytest.mark.parametrize("what", ROTATIONS)
def test_keys_that_did_not_sign_are_not_rotated_to(chain: ScriptedChain, what: str) -> None:
    before = chain.get(NodeRecord, node_id("a"))
    assert proposed(chain, ROTATIONS[what]) == REFUSED
    assert chain.get(NodeRecord, node_id("a")) == before


@clause("OP-32", "TX-02")
def test_an_operation_has_at_most_two_proofs_of_64_bytes() -> None:
    proof = bytes(64)
    for operation in (admit(), rotation(node_id("a"), node_id("a2"))):
        assert decode_action(encode_action(operation)) == operation
        for proofs in ((proof, proof, proof), (proof[:-1],)):
            with pytest.raises(MalformedError):
                decode_action(encode_action(replace(operation, proofs=proofs)))
        for key in (b"\x01" * 31, b"\x01" * 33):
            member = "node_key" if isinstance(operation, AdmitNode) else "new_node_key"
            with pytest.raises(MalformedError):
                decode_action(encode_action(replace(operation, **{member: key})))


@clause("OP-32")
def test_what_a_key_signs_here_is_no_vote_and_no_handshake_of_cometbft() -> None:
    """A vote has its length before it and then field 1; a handshake signs 32 bytes."""
    for operation in (admit(), rotation(node_id("a"), node_id("a2"), key_of("a2"))):
        message = node_keys_message(NETWORK, operation)
        assert message.startswith(b"weid/node-keys/1")
        assert len(message) > 32
        assert message[1] != 0x08
