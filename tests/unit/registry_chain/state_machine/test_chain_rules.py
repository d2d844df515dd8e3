"""Which rules judge a chain from when on, and its hand-over to another engine."""

from __future__ import annotations

import pytest

from registry_chain.state_machine.block import BlockInput
from registry_chain.state_machine.context import Context
from registry_chain.state_machine.errors import RulesUnknownError, refuse
from registry_chain.state_machine.genesis_nodes import GenesisNode
from registry_chain.state_machine.memory_state import MemoryState
from registry_chain.state_machine.nodes import active_validators
from registry_chain.state_machine.rules.table import RULES
from registry_chain.state_machine.transition import apply_block
from tests.support.clauses import clause
from tests.support.network_nodes import admission, key_of, node_id, validator
from tests.support.scripted_chain import ScriptedChain
from weid import limits
from weid.registry.codes import ResultCode
from weid.registry.node_operations import (
    ChangeNode,
    ConsensusEngine,
    HandOver,
    RemoveNode,
    ScheduleRules,
    SuspendNode,
)
from weid.registry.operations import AnchorEvidence, Approve, GovernedAction, Propose
from weid.registry.records import (
    ActivationRecord,
    HandoverRecord,
    ParameterRecord,
    ProposalRecord,
)
from weid.registry.transaction import proposal_id
from weid.registry.validators import ValidatorSet

NOTICE = limits.RULES_NOTICE


def _no_evidence(_: Context, __: AnchorEvidence) -> bytes:
    refuse(ResultCode.NOT_PERMITTED)


UPGRADED = {**RULES, 2: {**RULES[1], AnchorEvidence: _no_evidence}}
"""Software with a second version of the rules, under which nobody anchors evidence."""


def code(chain: ScriptedChain, action: GovernedAction) -> ResultCode:
    return chain.send(chain.governor, Propose(action, chain.time + 10_000)).code


def next_height(chain: ScriptedChain) -> int:
    return chain.state.summary.height + 1


def in_force(chain: ScriptedChain) -> int:
    return chain.get(ParameterRecord, "rules_version").value


def scheduled(chain: ScriptedChain) -> tuple[int, int]:
    record = chain.get(ActivationRecord, b"rules")
    return record.rules_version, record.height


# --- Scheduling -------------------------------------------------------------------------------------


@clause("OP-27")
def test_a_version_is_scheduled_with_notice() -> None:
    chain = ScriptedChain()
    assert code(chain, ScheduleRules(2, next_height(chain) + NOTICE - 1)) == (
        ResultCode.HEIGHT_TOO_SOON
    )
    height = next_height(chain) + NOTICE
    assert code(chain, ScheduleRules(2, height)) == ResultCode.OK
    assert scheduled(chain) == (2, height)
    assert ("rules_scheduled", "2") in [
        (one.name, one.subject) for one in chain.outcomes[-1].events
    ]
    assert in_force(chain) == 1


@clause("OP-27")
@pytest.mark.parametrize(
    ("version", "height", "expected"),
    [
        (1, 10_000, ResultCode.RULES_NOT_NEWER),
        (0, 10_000, ResultCode.RULES_NOT_NEWER),
        (0, 0, ResultCode.RULES_NOT_NEWER),
        (2, 0, ResultCode.HEIGHT_TOO_SOON),
        (2, 1, ResultCode.HEIGHT_TOO_SOON),
        (1, 0, ResultCode.NO_CHANGE),
    ],
)
def test_what_cannot_be_scheduled_is_refused(
    version: int, height: int, expected: ResultCode
) -> None:
    chain = ScriptedChain()
    assert code(chain, ScheduleRules(version, height)) == expected
    assert chain.read(ActivationRecord, b"rules") is None


@clause("OP-27")
@pytest.mark.parametrize(
    ("version", "ahead", "expected"),
    [
        (2, NOTICE - 1, ResultCode.HEIGHT_TOO_SOON),
        (2, 0, ResultCode.HEIGHT_TOO_SOON),
        (2, -1, ResultCode.HEIGHT_TOO_SOON),
        (1, NOTICE, ResultCode.RULES_NOT_NEWER),
        (2, NOTICE, ResultCode.OK),
    ],
)
def test_what_can_no_more_be_scheduled_is_refused_when_it_is_proposed(
    version: int, ahead: int, expected: ResultCode
) -> None:
    chain = ScriptedChain(2, parameters={"governance_threshold": 2})
    while next_height(chain) < 3:
        chain.block()
    action = ScheduleRules(version, next_height(chain) + ahead)
    result = chain.send(chain.governor, Propose(action, chain.time + 10_000))
    assert result.code == expected
    record = chain.read(ProposalRecord, proposal_id(result.transaction_id, 0))
    assert (record is not None) == (expected is ResultCode.OK)


@clause("OP-27")
def test_a_height_that_comes_too_near_before_the_last_approval_is_refused_there() -> None:
    chain = ScriptedChain(2, parameters={"governance_threshold": 2})
    action = ScheduleRules(2, next_height(chain) + NOTICE)
    made = chain.send(chain.governor, Propose(action, chain.time + 10_000))
    assert made.code == ResultCode.OK
    identity = proposal_id(made.transaction_id, 0)
    result = chain.send(chain.governors[1], Approve(identity))
    assert result.code == ResultCode.HEIGHT_TOO_SOON
    assert chain.get(ProposalRecord, identity).executed_at is None
    assert chain.read(ActivationRecord, b"rules") is None


@clause("OP-27")
def test_taking_back_what_is_not_scheduled_yet_may_be_proposed() -> None:
    chain = ScriptedChain(2, parameters={"governance_threshold": 2})
    for version in (1, 2):
        assert code(chain, ScheduleRules(version, 0)) == ResultCode.OK


@clause("OP-27")
def test_a_later_decision_takes_the_place_of_the_one_before_or_takes_it_back() -> None:
    chain = ScriptedChain()
    assert code(chain, ScheduleRules(2, 100)) == ResultCode.OK
    assert code(chain, ScheduleRules(2, 100)) == ResultCode.NO_CHANGE
    assert code(chain, ScheduleRules(3, 200)) == ResultCode.OK
    assert scheduled(chain) == (3, 200)
    assert code(chain, ScheduleRules(2, 150)) == ResultCode.OK
    assert code(chain, ScheduleRules(1, 0)) == ResultCode.OK
    assert scheduled(chain) == (1, 0)
    assert code(chain, ScheduleRules(1, 0)) == ResultCode.NO_CHANGE
    while chain.state.summary.height < 210:
        chain.block()
    assert in_force(chain) == 1
    assert code(chain, ScheduleRules(2, 300)) == ResultCode.OK


@clause("OP-01", "OP-27")
def test_rules_and_engine_are_decided_by_proposal_only() -> None:
    chain = ScriptedChain(nodes=(validator("a"),))
    for operation in (ScheduleRules(2, 100), HandOver()):
        assert chain.send(chain.governor, operation).code == ResultCode.ONLY_BY_PROPOSAL


@clause("OP-27")
def test_the_new_rules_judge_from_exactly_their_height() -> None:
    chain = ScriptedChain(rules=UPGRADED)
    height = next_height(chain) + NOTICE
    assert code(chain, ScheduleRules(2, height)) == ResultCode.OK
    count = 0
    while next_height(chain) < height:
        count += 1
        result = chain.send(chain.governor, AnchorEvidence(bytes(32), str(count)))
        assert result.code == ResultCode.OK
        assert in_force(chain) == 1
    assert count == NOTICE - 1
    result = chain.send(chain.governor, AnchorEvidence(bytes(32), "late"))
    assert result.code == ResultCode.NOT_PERMITTED
    record = chain.get(ParameterRecord, "rules_version")
    assert (record.value, record.version.height) == (2, height)
    assert [(one.name, one.subject) for one in chain.outcomes[-1].events] == [
        ("rules_activated", "2")
    ]
    empty = chain.block()
    assert (empty.events, empty.records) == ((), {})
    assert code(chain, ScheduleRules(2, 10_000)) == ResultCode.RULES_NOT_NEWER
    assert code(chain, ScheduleRules(2, 0)) == ResultCode.NO_CHANGE
    assert code(chain, ScheduleRules(3, 10_000)) == ResultCode.OK


@clause("OP-27", "TX-14")
def test_an_empty_block_is_judged_by_the_new_rules_and_changes_nothing() -> None:
    chain = ScriptedChain(rules=UPGRADED)
    height = next_height(chain) + NOTICE
    code(chain, ScheduleRules(2, height))
    while next_height(chain) < height + 3:
        empty = chain.block()
        assert (empty.records, empty.events) == ({}, ())
    assert in_force(chain) == 1
    assert code(chain, ScheduleRules(2, 10_000)) == ResultCode.RULES_NOT_NEWER
    assert in_force(chain) == 2
    result = chain.send(chain.governor, AnchorEvidence(bytes(32), "late"))
    assert result.code == ResultCode.NOT_PERMITTED


@clause("OP-27")
def test_software_without_the_version_stops_at_an_empty_block_too() -> None:
    chain = ScriptedChain()
    height = next_height(chain) + NOTICE
    code(chain, ScheduleRules(2, height))
    while next_height(chain) < height:
        chain.block()
    with pytest.raises(RulesUnknownError):
        chain.block()
    assert chain.state.summary.height == height - 1


@clause("OP-27", "ST-15")
def test_nodes_that_upgrade_one_at_a_time_agree_and_one_that_does_not_stops() -> None:
    chain = ScriptedChain(rules=UPGRADED)
    height = next_height(chain) + NOTICE
    code(chain, ScheduleRules(2, height))
    for count in range(NOTICE + 5):
        chain.send(chain.governor, AnchorEvidence(bytes(32), str(count)))
    # Each node takes the new software at another height, the last one never.
    for upgraded_at in (1, 5, height - 1, height):
        state = MemoryState(chain.founding)
        for block, outcome in zip(chain.blocks, chain.outcomes, strict=True):
            rules = UPGRADED if block.height >= upgraded_at else RULES
            found = apply_block(state, block, rules=rules)
            assert found == outcome
            state.write(found)
    state = MemoryState(chain.founding)
    for block, outcome in zip(chain.blocks, chain.outcomes, strict=True):
        if block.height == height:
            break
        state.write(apply_block(state, block))
        assert state.summary == outcome.summary
    held = (dict(state.records), state.summary)
    for _ in range(2):
        with pytest.raises(RulesUnknownError) as stopped:
            apply_block(state, block)
        assert (stopped.value.version, stopped.value.height) == (2, height)
        assert f"height {height}" in stopped.value.message
        assert "version 2" in stopped.value.message
        assert "upgrade" in str(stopped.value.hint)
    assert (state.records, state.summary) == held
    # The same node, upgraded, goes on where it stopped.
    for block, outcome in list(zip(chain.blocks, chain.outcomes, strict=True))[height - 1 :]:
        assert apply_block(state, block, rules=UPGRADED) == outcome
        state.write(outcome)
    assert state.summary == chain.state.summary


# --- Handing over -----------------------------------------------------------------------------------


def hash_of(chain: ScriptedChain) -> bytes:
    return ValidatorSet.of(active_validators(chain.state)).hash()


def with_nodes(*nodes: GenesisNode) -> ScriptedChain:
    """Return a chain of one sealer that has admitted these nodes since."""
    chain = ScriptedChain()
    for one in nodes:
        admit = admission(
            one.node_id, one.role, one.name, validator_key=one.validator_key, power=one.power
        )
        assert code(chain, admit) == ResultCode.OK
    return chain


@clause("OP-28", "ST-17")
def test_a_chain_that_begins_with_nodes_is_not_handed_over_again() -> None:
    chain = ScriptedChain(nodes=(validator("a"),))
    assert chain.get(HandoverRecord, b"engine").height == chain.state.summary.height
    assert code(chain, HandOver()) == ResultCode.HANDED_OVER


@clause("OP-28")
def test_the_chain_is_handed_over_once_to_its_active_validators() -> None:
    chain = with_nodes(validator("a"), validator("b", 7), validator("c"))
    assert code(chain, SuspendNode(node_id("c"))) == ResultCode.OK
    assert code(chain, HandOver()) == ResultCode.OK
    record = chain.get(HandoverRecord, b"engine")
    assert record.height == chain.state.summary.height
    assert record.engine is ConsensusEngine.COMETBFT
    assert record.validators_hash == hash_of(chain)
    assert len(active_validators(chain.state)) == 2
    assert ("registry_handed_over", "cometbft") in [
        (one.name, one.subject) for one in chain.outcomes[-1].events
    ]
    assert code(chain, HandOver()) == ResultCode.HANDED_OVER
    # What comes after belongs to the new engine.
    assert code(chain, ChangeNode(node_id("a"), power=3)) == ResultCode.OK
    assert chain.get(HandoverRecord, b"engine") == record
    assert record.validators_hash != hash_of(chain)


@clause("OP-28")
def test_a_chain_without_validator_among_its_nodes_is_not_handed_over() -> None:
    chain = ScriptedChain()
    assert code(chain, HandOver()) == ResultCode.LAST_VALIDATOR
    assert chain.read(HandoverRecord, b"engine") is None


@clause("OP-28")
def test_the_rest_of_the_block_is_carried_out_and_its_validators_are_named() -> None:
    chain = with_nodes(validator("a"), validator("b"))
    governor, first = chain.governor, chain.next_sequence(chain.governor.did)
    actions = (HandOver(), RemoveNode(node_id("a")), ChangeNode(node_id("b"), power=77))
    outcome = chain.block(
        *[
            chain.sign(governor, Propose(action, chain.time + 99), sequence=first + place)
            for place, action in enumerate(actions)
        ],
        chain.sign(governor, AnchorEvidence(bytes(32)), sequence=first + 3),
    )
    assert [result.code for result in outcome.results] == [ResultCode.OK] * 4
    found = active_validators(chain.state)
    assert [(one.public_key, one.power) for one in found] == [(key_of("b"), 77)]
    assert chain.get(HandoverRecord, b"engine").validators_hash == ValidatorSet.of(found).hash()


@clause("OP-28")
def test_a_hand_over_that_is_refused_with_its_transaction_leaves_nothing() -> None:
    chain = with_nodes(validator("a"))
    propose = [Propose(one, chain.time + 9) for one in (HandOver(), RemoveNode(node_id("a")))]
    assert chain.send(chain.governor, *propose).code == ResultCode.LAST_VALIDATOR
    assert chain.read(HandoverRecord, b"engine") is None
    block = BlockInput(next_height(chain), chain.time, ())
    assert apply_block(chain.state, block).records == {}
