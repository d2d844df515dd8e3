"""What a block tells an engine of its validators, and what an engine's proofs do to a node."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from registry_chain.state_machine.block import BlockInput, Misbehaviour, ValidatorUpdate
from registry_chain.state_machine.nodes import VALIDATORS, active_validators
from registry_chain.state_machine.transition import apply_block
from tests.support.clauses import clause
from tests.support.network_nodes import admission, key_of, node_id, rotation, validator
from tests.support.scripted_chain import ScriptedChain
from weid.registry.codes import ResultCode
from weid.registry.headers import address
from weid.registry.node_operations import (
    ChangeNode,
    NodeRole,
    ReinstateNode,
    RemoveNode,
    SuspendNode,
)
from weid.registry.operations import GovernedAction, Propose
from weid.registry.records import CounterRecord, NodeRecord, NodeStatus

NAMES = st.sampled_from("abcdef")
POWERS = st.integers(0, 3)
ROLES = st.sampled_from(list(NodeRole))
ACTIONS: st.SearchStrategy[GovernedAction] = st.one_of(
    st.builds(
        lambda name, role, key, power: admission(
            node_id(name), role, name, "", key_of(key), power
        ),
        NAMES,
        ROLES,
        NAMES,
        POWERS,
    ),
    st.builds(
        lambda name, role, power: ChangeNode(node_id(name), role, power),
        NAMES,
        st.none() | ROLES,
        st.none() | POWERS,
    ),
    st.builds(lambda name: SuspendNode(node_id(name)), NAMES),
    st.builds(lambda name: ReinstateNode(node_id(name)), NAMES),
    st.builds(lambda name: RemoveNode(node_id(name)), NAMES),
    st.builds(
        lambda name, other, key: rotation(
            node_id(name), b"" if other is None else node_id(other), b"" if key is None else key_of(key)
        ),
        NAMES,
        st.none() | NAMES,
        st.none() | NAMES,
    ),
)  # fmt: skip


def propose(chain: ScriptedChain, *actions: GovernedAction, after: int = 0) -> bytes:
    """Return one transaction for each action, in one block."""
    governor = chain.governor
    first = chain.next_sequence(governor.did)
    chain.block(
        *[
            chain.sign(governor, Propose(action, chain.time + 100), sequence=first + place)
            for place, action in enumerate(actions)
        ],
        after=after,
    )
    return chain.outcomes[-1].app_hash


@clause("OP-24", "OP-26")
@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(ACTIONS, min_size=1, max_size=4), max_size=6))
def test_the_updates_of_all_blocks_give_the_active_validators(
    blocks: list[list[GovernedAction]],
) -> None:
    """As an engine does it, which refuses to take out whom it does not have."""
    chain = ScriptedChain(nodes=(validator("a"), validator("b", 3)))
    powers = {one.public_key: one.power for one in chain.genesis.validators}
    for actions in blocks:
        propose(chain, *actions)
        updates = chain.outcomes[-1].validator_updates
        assert list(updates) == sorted(updates)
        assert len({one.public_key for one in updates}) == len(updates)
        for update in updates:
            if update.power:
                assert powers.get(update.public_key) != update.power
                powers[update.public_key] = update.power
            else:
                del powers[update.public_key]
        found = active_validators(chain.state)
        assert {one.public_key: one.power for one in found} == powers
        assert powers
        assert chain.get(CounterRecord, VALIDATORS).value == len(powers)


@clause("OP-26")
def test_what_came_and_went_in_a_block_is_not_told() -> None:
    chain = ScriptedChain(nodes=(validator("a"),))
    admit = admission(node_id("b"), NodeRole.VALIDATOR, "b", "", key_of("b"), 5)
    propose(chain, admit, RemoveNode(node_id("b")))
    assert chain.outcomes[-1].validator_updates == ()
    propose(chain, ChangeNode(node_id("a"), power=2), ChangeNode(node_id("a"), power=10))
    assert chain.outcomes[-1].validator_updates == ()
    propose(chain, ChangeNode(node_id("a"), power=2), ChangeNode(node_id("a"), power=3))
    assert chain.outcomes[-1].validator_updates == (ValidatorUpdate(key_of("a"), 3),)


@clause("OP-26")
def test_what_a_refused_transaction_did_to_a_node_is_not_told() -> None:
    chain = ScriptedChain(nodes=(validator("a"), validator("b")))
    remove = [Propose(RemoveNode(node_id(one)), chain.time + 9) for one in ("a", "b")]
    assert chain.send(chain.governor, *remove).code == ResultCode.LAST_VALIDATOR
    assert chain.outcomes[-1].validator_updates == ()
    assert len(active_validators(chain.state)) == 2


@clause("OP-26")
def test_founding_tells_no_updates() -> None:
    chain = ScriptedChain(nodes=(validator("a"),))
    assert chain.founding.validator_updates == ()
    assert chain.block().validator_updates == ()
    assert active_validators(ScriptedChain().state) == ()


# --- Misbehaviour -----------------------------------------------------------------------------------


def fault(name: str, height: int = 1) -> Misbehaviour:
    return Misbehaviour(address(key_of(name)), height, "duplicate_vote")


@clause("OP-26")
def test_a_fault_marks_the_node_once_and_nothing_follows() -> None:
    chain = ScriptedChain(nodes=(validator("a"), validator("b")))
    outcome = chain.block(after=5, misbehaviour=(fault("a"), fault("a"), fault("a", 2)))
    record, first = chain.get(NodeRecord, node_id("a")), chain.time
    assert (record.misbehaved_at, record.status) == (first, NodeStatus.ACTIVE)
    assert record.version.number == 2
    assert outcome.validator_updates == ()
    assert [(one.name, one.subject, one.author) for one in outcome.events] == [
        ("validator_misbehaved", node_id("a").hex(), "")
    ]
    assert chain.get(NodeRecord, node_id("b")).misbehaved_at is None
    app_hash = outcome.app_hash
    again = chain.block(after=5, misbehaviour=(fault("a"),))
    assert (again.app_hash, again.events) == (app_hash, ())
    assert chain.get(NodeRecord, node_id("a")).misbehaved_at == first


@clause("OP-26")
def test_a_fault_of_nobody_is_nothing() -> None:
    chain = ScriptedChain(nodes=(validator("a"),))
    before = chain.founding.app_hash
    strange = [
        fault("nobody"),
        Misbehaviour(b"", 0, ""),
        Misbehaviour(bytes(1000), -1, "what is this"),
    ]
    outcome = chain.block(misbehaviour=strange)
    assert (outcome.app_hash, outcome.events, outcome.records) == (before, (), {})
    # A chain whose validators are in its genesis only.
    plain = ScriptedChain()
    key = plain.genesis.validators[0].public_key
    outcome = plain.block(misbehaviour=(Misbehaviour(address(key), 1, "duplicate_vote"),))
    assert outcome.app_hash == plain.founding.app_hash


@clause("OP-26")
def test_a_fault_with_an_old_key_marks_the_node_under_its_new_id() -> None:
    chain = ScriptedChain(nodes=(validator("a"), validator("b")))
    propose(chain, rotation(node_id("a"), node_id("a2"), key_of("a2")))
    propose(chain, rotation(node_id("a2"), node_id("a3"), key_of("a3")))
    chain.block(misbehaviour=(fault("a"),))
    assert chain.get(NodeRecord, node_id("a3")).misbehaved_at == chain.time
    for former in ("a", "a2"):
        assert chain.get(NodeRecord, node_id(former)).misbehaved_at is None
    # The mark goes along.
    propose(chain, rotation(node_id("a3"), node_id("a4")), after=3)
    assert chain.get(NodeRecord, node_id("a4")).misbehaved_at == chain.time - 3


@clause("OP-26")
def test_a_suspended_and_a_removed_node_are_marked_too() -> None:
    chain = ScriptedChain(nodes=(validator("a"), validator("b"), validator("c")))
    propose(chain, SuspendNode(node_id("a")), RemoveNode(node_id("b")))
    chain.block(misbehaviour=(fault("a"), fault("b")))
    for name in ("a", "b"):
        assert chain.get(NodeRecord, node_id(name)).misbehaved_at == chain.time


@clause("OP-26", "ST-15")
def test_faults_come_before_the_transactions_of_their_block() -> None:
    chain = ScriptedChain(nodes=(validator("a"), validator("b")))
    admit = admission(node_id("c"), NodeRole.VALIDATOR, "c", "", key_of("c"), 5)
    signed = chain.sign(chain.governor, Propose(admit, chain.time + 9))
    outcome = chain.block(signed, misbehaviour=(fault("c"), fault("a")))
    assert [one.name for one in outcome.events] == [
        "validator_misbehaved",
        "node_admitted",
        "proposal_made",
    ]
    assert chain.get(NodeRecord, node_id("c")).misbehaved_at is None
    block = chain.blocks[-1]
    twin = ScriptedChain(nodes=(validator("a"), validator("b")))
    same = BlockInput(block.height, block.time, block.transactions, block.misbehaviour)
    assert apply_block(twin.state, same) == outcome
