"""Nodes of the network: who is admitted, changed, shut out, and with which keys."""

from __future__ import annotations

import pytest

from registry_chain.state_machine.block import ValidatorUpdate
from registry_chain.state_machine.genesis_nodes import GenesisNode
from registry_chain.state_machine.nodes import active_validators, is_admitted
from tests.support.clauses import clause
from tests.support.network_nodes import admission, key_of, node_id, rotation, validator
from tests.support.scripted_chain import Person, ScriptedChain
from weid import limits
from weid.registry.codes import ResultCode
from weid.registry.headers import address
from weid.registry.node_operations import (
    AdmitNode,
    AssignOperator,
    ChangeNode,
    NodeRole,
    ReinstateNode,
    RemoveNode,
    SuspendNode,
)
from weid.registry.operations import DeactivateDid, GovernedAction, Operation, Propose
from weid.registry.records import NodeRecord, NodeStatus, ValidatorKeyRecord


def admit(which: str, **changes: object) -> AdmitNode:
    fields: dict[str, object] = {
        "role": NodeRole.VALIDATOR,
        "name": f"Node {which}",
        "validator_key": key_of(which),
        "power": 10,
    }
    return admission(node_id(which), **{**fields, **changes})  # type: ignore[arg-type]


def observe(which: str, **changes: object) -> AdmitNode:
    return admit(which, **{"role": NodeRole.OBSERVER, "validator_key": b"", "power": 0, **changes})


class Network:
    """One governor, and the nodes that it admits."""

    def __init__(self, *nodes: GenesisNode) -> None:
        self.chain = ScriptedChain(nodes=nodes)

    def code(self, action: GovernedAction) -> ResultCode:
        proposal = Propose(action, self.chain.time + 100)
        return self.chain.send(self.chain.governor, proposal).code

    def sent(self, author: Person, operation: Operation) -> ResultCode:
        governor = self.chain.governor
        endorser = None if author is governor else governor
        return self.chain.send(author, operation, endorser=endorser).code

    def do(self, action: GovernedAction) -> None:
        assert self.code(action) == ResultCode.OK

    def node(self, name: str) -> NodeRecord:
        return self.chain.get(NodeRecord, node_id(name))

    @property
    def updates(self) -> tuple[ValidatorUpdate, ...]:
        return self.chain.outcomes[-1].validator_updates

    @property
    def powers(self) -> dict[bytes, int]:
        return {one.public_key: one.power for one in active_validators(self.chain.state)}

    @property
    def events(self) -> list[tuple[str, str]]:
        return [(one.name, one.subject) for one in self.chain.outcomes[-1].events]


@pytest.fixture
def network() -> Network:
    """Two validators of power 10, from the genesis."""
    return Network(validator("a"), validator("b"))


# --- Admitting --------------------------------------------------------------------------------------


@clause("OP-23", "OP-26")
def test_a_validator_is_admitted_with_its_key_and_power(network: Network) -> None:
    operator = network.chain.register("operator")
    network.do(admit("c", operator=operator.did, power=7))
    record = network.node("c")
    assert (record.role, record.name, record.power) == (NodeRole.VALIDATOR, "Node c", 7)
    assert (record.operator, record.status) == (operator.did, NodeStatus.ACTIVE)
    assert (record.misbehaved_at, record.replaced_by, record.version.number) == (None, b"", 1)
    owner = network.chain.get(ValidatorKeyRecord, address(key_of("c")))
    assert (owner.public_key, owner.node_id) == (key_of("c"), node_id("c"))
    assert network.updates == (ValidatorUpdate(key_of("c"), 7),)
    assert network.powers == {key_of("a"): 10, key_of("b"): 10, key_of("c"): 7}
    assert ("node_admitted", node_id("c").hex()) in network.events
    assert is_admitted(record)


@clause("OP-23")
@pytest.mark.parametrize("role", [NodeRole.OBSERVER, NodeRole.SENTRY])
def test_other_nodes_are_admitted_without_power(network: Network, role: NodeRole) -> None:
    network.do(observe("c", role=role))
    assert network.updates == ()
    assert is_admitted(network.node("c"))
    assert len(network.powers) == 2
    network.do(observe("d", role=role, validator_key=key_of("d")))
    assert network.updates == ()


REFUSED = {
    "an id in use": (admit("a", validator_key=key_of("x")), ResultCode.NODE_ID_USED),
    "a key in use": (admit("x", validator_key=key_of("a")), ResultCode.VALIDATOR_KEY_USED),
    "a key in use, for an observer": (
        observe("x", validator_key=key_of("a")),
        ResultCode.VALIDATOR_KEY_USED,
    ),
    "a validator without key": (admit("x", validator_key=b""), ResultCode.POWER_INVALID),
    "a validator without power": (admit("x", power=0), ResultCode.POWER_INVALID),
    "too much power": (admit("x", power=limits.VALIDATOR_POWER + 1), ResultCode.POWER_INVALID),
    "an observer with power": (observe("x", power=1), ResultCode.POWER_INVALID),
    "no name": (observe("x", name=""), ResultCode.FIELD_INVALID),
    "a name that ends in a blank": (observe("x", name="x "), ResultCode.FIELD_INVALID),
    "bytes that are nobody's key": (
        admit("x", validator_key=b"\x02" + bytes(31)),
        ResultCode.KEY_INVALID,
    ),
    "a key of small order": (
        admit("x", validator_key=b"\x01" + bytes(31)),
        ResultCode.KEY_INVALID,
    ),
    "an operator who is not registered": (
        observe("x", operator="did:weid:demo:nobody"),
        ResultCode.DID_UNKNOWN,
    ),
}


@clause("OP-23")
@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_admitted_is_refused_and_changes_nothing(
    network: Network, what: str
) -> None:
    action, code = REFUSED[what]
    before = network.powers
    assert network.code(action) == code
    assert network.powers == before
    assert network.updates == ()
    assert network.chain.read(NodeRecord, node_id("x")) is None


@clause("OP-23")
def test_the_most_power_is_admitted_and_an_operator_who_ended_is_not(network: Network) -> None:
    network.do(admit("c", power=limits.VALIDATOR_POWER))
    gone = network.chain.register("gone")
    network.chain.do(gone, DeactivateDid(gone.did, 1), endorser=network.chain.governor)
    assert network.code(observe("d", operator=gone.did)) == ResultCode.DID_DEACTIVATED


@clause("OP-24")
def test_there_are_no_more_validators_than_the_limit(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "VALIDATORS", 3)
    network.do(admit("c"))
    assert network.code(admit("d")) == ResultCode.TOO_MANY_VALIDATORS
    network.do(observe("d", validator_key=key_of("d")))
    promote = ChangeNode(node_id("d"), NodeRole.VALIDATOR, 1)
    assert network.code(promote) == ResultCode.TOO_MANY_VALIDATORS
    network.do(SuspendNode(node_id("c")))
    network.do(promote)
    assert network.code(ReinstateNode(node_id("c"))) == ResultCode.TOO_MANY_VALIDATORS


# --- Who may ----------------------------------------------------------------------------------------

GOVERNED = [
    admit("c"),
    ChangeNode(node_id("a"), power=3),
    SuspendNode(node_id("a")),
    ReinstateNode(node_id("a")),
    RemoveNode(node_id("a")),
]


@clause("OP-01", "OP-23", "OP-24")
@pytest.mark.parametrize("operation", GOVERNED, ids=lambda one: type(one).__name__)
def test_nodes_are_decided_by_proposal_only(network: Network, operation: Operation) -> None:
    assert network.sent(network.chain.governor, operation) == ResultCode.ONLY_BY_PROPOSAL


@clause("OP-01", "OP-25")
def test_keys_are_rotated_by_the_operator_and_by_nobody_else(network: Network) -> None:
    operator, other = (network.chain.register(name) for name in ("operator", "other"))
    network.do(observe("c", operator=operator.did))
    rotate = rotation(node_id("c"), node_id("c2"))
    assert network.sent(other, rotate) == ResultCode.NOT_PERMITTED
    assert network.sent(network.chain.governor, rotate) == ResultCode.NOT_PERMITTED
    unknown = rotation(node_id("x"), node_id("c2"))
    assert network.sent(operator, unknown) == ResultCode.NODE_UNKNOWN
    assert network.sent(operator, rotate) == ResultCode.OK
    assert network.node("c2").operator == operator.did
    assert network.sent(operator, rotation(node_id("a"), node_id("a2"))) == (
        ResultCode.NOT_PERMITTED
    )


# --- Changing ---------------------------------------------------------------------------------------


@clause("OP-24", "OP-26")
def test_power_name_and_role_are_changed_one_by_one(network: Network) -> None:
    network.do(ChangeNode(node_id("a"), power=99))
    assert network.updates == (ValidatorUpdate(key_of("a"), 99),)
    network.do(ChangeNode(node_id("a"), name="Harbour"))
    assert network.updates == ()
    record = network.node("a")
    assert (record.name, record.power, record.role) == ("Harbour", 99, NodeRole.VALIDATOR)
    network.do(ChangeNode(node_id("a"), NodeRole.OBSERVER))
    assert network.updates == (ValidatorUpdate(key_of("a"), 0),)
    assert (network.node("a").power, network.node("a").validator_key) == (0, key_of("a"))
    network.do(ChangeNode(node_id("a"), NodeRole.VALIDATOR, 4))
    assert network.updates == (ValidatorUpdate(key_of("a"), 4),)
    assert ("node_changed", node_id("a").hex()) in network.events


@clause("OP-24")
def test_a_change_that_cannot_be_is_refused(network: Network) -> None:
    network.do(observe("c"))
    for action, code in (
        (ChangeNode(node_id("x"), power=1), ResultCode.NODE_UNKNOWN),
        (ChangeNode(node_id("a")), ResultCode.NO_CHANGE),
        (ChangeNode(node_id("a"), NodeRole.VALIDATOR, 10, "Node a"), ResultCode.NO_CHANGE),
        (ChangeNode(node_id("a"), power=0), ResultCode.POWER_INVALID),
        (ChangeNode(node_id("a"), NodeRole.SENTRY, 5), ResultCode.POWER_INVALID),
        (ChangeNode(node_id("a"), name=""), ResultCode.FIELD_INVALID),
        (ChangeNode(node_id("c"), power=5), ResultCode.POWER_INVALID),
        (ChangeNode(node_id("c"), NodeRole.VALIDATOR, 5), ResultCode.POWER_INVALID),
    ):
        assert network.code(action) == code, action
    network.do(RemoveNode(node_id("c")))
    assert network.code(ChangeNode(node_id("c"), name="again")) == ResultCode.NODE_STATUS


# --- Shutting out -----------------------------------------------------------------------------------


@clause("OP-24", "OP-26")
def test_a_node_is_suspended_reinstated_and_removed_for_ever(network: Network) -> None:
    a = node_id("a")
    assert network.code(ReinstateNode(a)) == ResultCode.NODE_STATUS
    network.do(SuspendNode(a))
    assert network.updates == (ValidatorUpdate(key_of("a"), 0),)
    assert not is_admitted(network.node("a"))
    assert network.code(SuspendNode(a)) == ResultCode.NODE_STATUS
    network.do(ReinstateNode(a))
    assert network.updates == (ValidatorUpdate(key_of("a"), 10),)
    network.do(RemoveNode(a))
    assert network.updates == (ValidatorUpdate(key_of("a"), 0),)
    assert ("node_removed", a.hex()) in network.events
    for again in (SuspendNode(a), ReinstateNode(a), RemoveNode(a)):
        assert network.code(again) == ResultCode.NODE_STATUS
    assert network.code(admit("a")) == ResultCode.NODE_ID_USED
    assert network.code(admit("x", validator_key=key_of("a"))) == ResultCode.VALIDATOR_KEY_USED
    for kind in (SuspendNode, ReinstateNode, RemoveNode):
        assert network.code(kind(node_id("x"))) == ResultCode.NODE_UNKNOWN
    assert not is_admitted(network.node("a"))
    assert not is_admitted(None)


@clause("OP-24")
def test_the_last_validator_stays(network: Network) -> None:
    a, b = node_id("a"), node_id("b")
    network.do(SuspendNode(a))
    for action in (SuspendNode(b), RemoveNode(b), ChangeNode(b, NodeRole.OBSERVER)):
        assert network.code(action) == ResultCode.LAST_VALIDATOR
    assert network.powers == {key_of("b"): 10}
    network.do(RemoveNode(a))
    network.do(rotation(b, node_id("b2"), key_of("b2")))
    assert network.powers == {key_of("b2"): 10}
    assert network.code(RemoveNode(node_id("b2"))) == ResultCode.LAST_VALIDATOR


@clause("OP-24")
def test_a_chain_without_nodes_admits_its_first_validator_and_keeps_it() -> None:
    network = Network()
    network.do(observe("o"))
    network.do(RemoveNode(node_id("o")))
    network.do(admit("a"))
    assert network.powers == {key_of("a"): 10}
    assert network.code(SuspendNode(node_id("a"))) == ResultCode.LAST_VALIDATOR


# --- Keys -------------------------------------------------------------------------------------------


@clause("OP-25", "OP-26")
def test_another_validator_key_takes_the_place_of_the_old_one(network: Network) -> None:
    network.do(rotation(node_id("a"), b"", key_of("a2")))
    taken_out, put_in = ValidatorUpdate(key_of("a"), 0), ValidatorUpdate(key_of("a2"), 10)
    assert network.updates == tuple(sorted((taken_out, put_in)))
    assert network.node("a").validator_key == key_of("a2")
    assert ("node_keys_rotated", node_id("a").hex()) in network.events
    # The old key is the node's for ever, and comes back to nobody.
    for name in ("a", "b"):
        back = rotation(node_id(name), b"", key_of("a"))
        assert network.code(back) == ResultCode.VALIDATOR_KEY_USED


@clause("OP-25", "OP-26")
def test_a_node_goes_on_under_another_id(network: Network) -> None:
    network.do(rotation(node_id("a"), node_id("a2")))
    left, goes_on = network.node("a"), network.node("a2")
    assert (left.status, left.replaced_by) == (NodeStatus.REMOVED, node_id("a2"))
    assert left.version.number == 2
    assert (goes_on.status, goes_on.name, goes_on.power) == (NodeStatus.ACTIVE, "Node a", 10)
    assert (goes_on.validator_key, goes_on.version.number) == (key_of("a"), 1)
    assert network.updates == ()
    assert network.powers == {key_of("a"): 10, key_of("b"): 10}
    assert network.code(ReinstateNode(node_id("a"))) == ResultCode.NODE_STATUS
    back = rotation(node_id("a2"), node_id("a"))
    assert network.code(back) == ResultCode.NODE_ID_USED


@clause("OP-25")
def test_a_rotation_that_cannot_be_is_refused(network: Network) -> None:
    a = node_id("a")
    for action, code in (
        (rotation(a), ResultCode.NO_CHANGE),
        (rotation(a, a), ResultCode.NODE_ID_USED),
        (rotation(a, node_id("b")), ResultCode.NODE_ID_USED),
        (rotation(a, b"", key_of("a")), ResultCode.VALIDATOR_KEY_USED),
        (rotation(a, node_id("x"), key_of("b")), ResultCode.VALIDATOR_KEY_USED),
        (rotation(a, b"", b"\x01" + bytes(31)), ResultCode.KEY_INVALID),
        (rotation(node_id("x"), node_id("y")), ResultCode.NODE_UNKNOWN),
    ):
        assert network.code(action) == code, action
    assert network.chain.read(NodeRecord, node_id("x")) is None
    network.do(RemoveNode(a))
    gone = rotation(a, node_id("x"))
    assert network.code(gone) == ResultCode.NODE_STATUS


@clause("OP-25")
def test_a_suspended_node_gets_keys_and_stays_suspended(network: Network) -> None:
    network.do(SuspendNode(node_id("a")))
    network.do(rotation(node_id("a"), node_id("a2"), key_of("a2")))
    assert network.updates == ()
    assert network.node("a2").status is NodeStatus.SUSPENDED
    network.do(ReinstateNode(node_id("a2")))
    assert network.updates == (ValidatorUpdate(key_of("a2"), 10),)


@clause("OP-24", "OP-25")
def test_an_operator_does_not_escape_what_governors_decide_by_taking_another_id() -> None:
    network = Network(validator("a"), validator("b"))
    operator = network.chain.register("operator")
    network.do(admit("c", operator=operator.did))
    assert network.sent(operator, rotation(node_id("c"), node_id("c2"))) == ResultCode.OK
    assert network.sent(operator, rotation(node_id("c2"), node_id("c3"))) == ResultCode.OK
    # What follows was proposed when the node was still called c.
    network.do(ChangeNode(node_id("c"), power=3))
    assert network.node("c3").power == 3
    network.do(SuspendNode(node_id("c")))
    assert network.node("c3").status is NodeStatus.SUSPENDED
    network.do(ReinstateNode(node_id("c2")))
    network.do(rotation(node_id("c"), b"", key_of("c4")))
    assert network.powers[key_of("c4")] == 3
    network.do(RemoveNode(node_id("c")))
    assert network.node("c3").status is NodeStatus.REMOVED
    assert network.powers == {key_of("a"): 10, key_of("b"): 10}
    assert network.code(RemoveNode(node_id("c"))) == ResultCode.NODE_STATUS
    # Its operator is heard under the id of today only.
    assert network.sent(operator, rotation(node_id("c"), node_id("c5"))) == (ResultCode.NODE_STATUS)


@clause("OP-25")
def test_an_operator_rotates_once_in_a_block(network: Network) -> None:
    operator = network.chain.register("operator")
    network.do(observe("c", operator=operator.did))
    both = [rotation(node_id(a), node_id(b)) for a, b in (("c", "c2"), ("c2", "c3"))]
    result = network.chain.send(operator, *both, endorser=network.chain.governor)
    assert result.code == ResultCode.NODE_STATUS
    assert network.sent(operator, both[0]) == ResultCode.OK
    assert network.sent(operator, both[1]) == ResultCode.OK


# --- Who answers for it ---------------------------------------------------------------------------


@clause("OP-25", "OP-29")
def test_a_node_of_the_founding_gets_an_operator_who_then_rotates_its_keys(
    network: Network,
) -> None:
    a = node_id("a")
    first, second = network.chain.register("first"), network.chain.register("second")
    rotations = [rotation(a, b"", key_of(f"a{number}")) for number in range(4)]
    assert network.sent(first, rotations[0]) == ResultCode.NOT_PERMITTED
    network.do(AssignOperator(a, first.did))
    assert network.node("a").operator == first.did
    assert network.node("a").power == 10
    assert network.updates == ()
    assert ("node_operator_assigned", a.hex()) in network.events
    assert network.sent(first, rotations[1]) == ResultCode.OK
    network.do(AssignOperator(a, second.did))
    assert network.sent(first, rotations[2]) == ResultCode.NOT_PERMITTED
    assert network.sent(second, rotations[2]) == ResultCode.OK
    network.do(AssignOperator(a, ""))
    assert network.sent(second, rotations[3]) == ResultCode.NOT_PERMITTED
    assert network.node("a").operator == ""


@clause("OP-29")
def test_an_operator_that_cannot_be_is_refused(network: Network) -> None:
    a, somebody = node_id("a"), network.chain.register("somebody")
    for action, code in (
        (AssignOperator(node_id("x"), somebody.did), ResultCode.NODE_UNKNOWN),
        (AssignOperator(a, ""), ResultCode.NO_CHANGE),
        (AssignOperator(a, somebody.did[:-1] + "z"), ResultCode.DID_UNKNOWN),
    ):
        assert network.code(action) == code, action
    assert network.sent(somebody, AssignOperator(a, somebody.did)) == (ResultCode.ONLY_BY_PROPOSAL)
    network.do(rotation(a, node_id("a2")))
    network.do(AssignOperator(a, somebody.did))
    assert network.node("a2").operator == somebody.did
    network.do(RemoveNode(a))
    assert network.code(AssignOperator(a, "")) == ResultCode.NODE_STATUS
