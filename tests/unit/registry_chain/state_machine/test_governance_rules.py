"""Governance: proposals, distinct approvals, roles, parameters, and what is protected."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.clauses import clause
from tests.support.scripted_chain import Person, ScriptedChain, person
from weid import limits
from weid.registry.codes import ResultCode
from weid.registry.operations import (
    Approve,
    DeactivateDid,
    GovernedAction,
    GrantRole,
    Operation,
    Propose,
    RevokeRole,
    Role,
    SetParameter,
)
from weid.registry.records import (
    CounterRecord,
    IndexRecord,
    ParameterRecord,
    ProposalRecord,
    RoleRecord,
)
from weid.registry.transaction import proposal_id


class World:
    """Three governors, two of whom decide; Ada has no role."""

    def __init__(self, governors: int = 3, threshold: int = 2) -> None:
        self.chain = ScriptedChain(governors, parameters={"governance_threshold": threshold})
        self.first, self.second, self.third = (*self.chain.governors, *[self.chain.governor] * 3)[
            :3
        ]
        self.ada = self.chain.register("ada")

    def code(self, author: Person, *operations: Operation) -> ResultCode:
        return self.chain.send(author, *operations).code

    def propose(
        self, action: GovernedAction, author: Person | None = None, after: int = 1000
    ) -> bytes:
        one = author or self.first
        result = self.chain.do(one, Propose(action, self.chain.time + after, "because"))
        return result.data

    def proposal(self, identity: bytes) -> ProposalRecord:
        return self.chain.get(ProposalRecord, identity)

    def roles(self, one: Person) -> tuple[Role, ...]:
        record = self.chain.read(RoleRecord, one.did)
        return () if record is None else record.roles


@pytest.fixture
def world() -> World:
    return World()


@clause("OP-18", "R31", "ST-06")
def test_a_proposal_is_carried_out_at_its_threshold_of_distinct_governors(world: World) -> None:
    grant = GrantRole(world.ada.did, Role.REGISTRAR)
    identity = world.propose(grant)
    assert world.chain.outcomes[-1].results[0].receipt is not None
    assert world.roles(world.ada) == ()
    assert world.code(world.first, Approve(identity)) == ResultCode.ALREADY_APPROVED
    assert world.roles(world.ada) == ()
    world.chain.do(world.second, Approve(identity))
    assert world.roles(world.ada) == (Role.REGISTRAR,)
    record = world.proposal(identity)
    assert record.approvals == (world.first.did, world.second.did)
    assert (record.executed_at, record.reason, record.action) == (
        world.chain.time,
        "because",
        grant,
    )
    names = [event.name for event in world.chain.outcomes[-1].events]
    assert names == ["role_granted", "proposal_approved"]
    assert world.code(world.third, Approve(identity)) == ResultCode.PROPOSAL_CLOSED
    assert world.chain.get(IndexRecord, "proposals").count == 1


@clause("OP-18", "R31")
def test_a_threshold_of_one_decides_at_once() -> None:
    world = World(threshold=1)
    identity = world.propose(GrantRole(world.ada.did, Role.ISSUER))
    assert world.roles(world.ada) == (Role.ISSUER,)
    assert world.proposal(identity).executed_at == world.chain.time


@clause("OP-01", "OP-18", "R31", "R38")
def test_nothing_of_governance_is_done_without_it(world: World) -> None:
    world.chain.do(
        world.first, Propose(GrantRole(world.ada.did, Role.ISSUER), world.chain.time + 9)
    )
    world.chain.do(world.second, Approve(world.chain.outcomes[-1].results[0].data))
    direct: list[Operation] = [
        GrantRole(world.ada.did, Role.GOVERNOR),
        RevokeRole(world.second.did, Role.GOVERNOR),
        SetParameter("governance_threshold", 1),
    ]
    for author in (world.first, world.ada):
        for operation in direct:
            assert world.code(author, operation) == ResultCode.ONLY_BY_PROPOSAL
    promote = Propose(GrantRole(world.ada.did, Role.GOVERNOR), world.chain.time + 100)
    assert world.code(world.ada, promote) == ResultCode.NOT_PERMITTED
    identity = world.propose(GrantRole(world.ada.did, Role.GOVERNOR))
    assert world.code(world.ada, Approve(identity)) == ResultCode.NOT_PERMITTED
    assert world.code(world.second, Approve(b"?" * 32)) == ResultCode.PROPOSAL_UNKNOWN


@clause("OP-18", "R39")
def test_a_proposal_ends_at_its_time(world: World) -> None:
    chain = world.chain
    for expires in (chain.time - 5, chain.time + limits.PROPOSAL_LIFETIME + 50):
        proposal = Propose(GrantRole(world.ada.did, Role.ISSUER), expires)
        assert world.code(world.first, proposal) == ResultCode.WINDOW_INVALID
    on_time = world.propose(GrantRole(world.ada.did, Role.ISSUER), after=100)
    late = world.propose(GrantRole(world.ada.did, Role.REGISTRAR), after=99)
    chain.time = world.proposal(on_time).expires - 1
    chain.do(world.second, Approve(on_time))
    assert world.code(world.second, Approve(late)) == ResultCode.PROPOSAL_CLOSED


@clause("OP-18", "TX-12", "R36")
def test_an_action_that_fails_takes_its_last_approval_with_it(world: World) -> None:
    identity = world.propose(RevokeRole(world.ada.did, Role.ISSUER))
    assert world.code(world.second, Approve(identity)) == ResultCode.ROLE_NOT_HELD
    assert world.proposal(identity).approvals == (world.first.did,)
    grant = world.propose(GrantRole(world.ada.did, Role.ISSUER))
    world.chain.do(world.second, Approve(grant))
    world.chain.do(world.second, Approve(identity))
    assert world.roles(world.ada) == ()


@clause("OP-18", "R31")
def test_an_approval_counts_while_its_giver_governs(world: World) -> None:
    identity = world.propose(GrantRole(world.ada.did, Role.GOVERNOR), world.third)
    out = world.propose(RevokeRole(world.third.did, Role.GOVERNOR))
    world.chain.do(world.second, Approve(out))
    world.chain.do(world.second, Approve(identity))
    assert world.proposal(identity).executed_at is None
    world.chain.do(world.first, Approve(identity))
    assert world.roles(world.ada) == (Role.GOVERNOR,)


@clause("OP-18", "OP-20", "R31")
def test_a_changed_threshold_never_makes_an_open_proposal_easier(world: World) -> None:
    lowered = world.propose(GrantRole(world.ada.did, Role.GOVERNOR))
    lower = world.propose(SetParameter("governance_threshold", 1))
    world.chain.do(world.second, Approve(lower))
    assert world.proposal(lowered).executed_at is None
    easy = world.propose(GrantRole(world.ada.did, Role.ISSUER))
    assert world.proposal(easy).executed_at is not None
    world.chain.do(world.second, Approve(lowered))
    assert world.roles(world.ada) == (Role.GOVERNOR, Role.ISSUER)
    raised = ScriptedChain(3, parameters={"governance_threshold": 2})
    pending = raised.do(
        raised.governor, Propose(SetParameter("max_time_lag", 90), raised.time + 500)
    ).data
    raised.govern(SetParameter("governance_threshold", 3), approvers=2)
    raised.do(raised.governors[1], Approve(pending))
    assert raised.get(ProposalRecord, pending).executed_at is None
    raised.do(raised.governors[2], Approve(pending))
    assert raised.get(ProposalRecord, pending).executed_at is not None


@clause("OP-19", "R32")
def test_as_many_governors_remain_as_the_threshold_asks_for() -> None:
    world = World(governors=2)
    revoke = Propose(RevokeRole(world.second.did, Role.GOVERNOR), world.chain.time + 500)
    identity = world.chain.do(world.first, revoke).data
    protected = ResultCode.GOVERNANCE_PROTECTED
    assert world.code(world.second, Approve(identity)) == protected
    alone = World(governors=1, threshold=1)
    last = Propose(RevokeRole(alone.first.did, Role.GOVERNOR), alone.chain.time + 500)
    assert alone.code(alone.first, last) == protected
    suicide = Propose(DeactivateDid(alone.first.did, 1), alone.chain.time + 500)
    assert alone.code(alone.first, suicide) == protected


@clause("OP-19", "ST-13")
def test_roles_are_granted_once_and_counted(world: World) -> None:
    chain = ScriptedChain()
    ada, bob = chain.register("ada"), chain.register("bob")
    governor = chain.governor

    def governed(action: GovernedAction) -> ResultCode:
        return chain.send(governor, Propose(action, chain.time + 500)).code

    for role in (Role.REGISTRAR, Role.GOVERNOR):
        assert governed(GrantRole(ada.did, role)) == ResultCode.OK
    assert chain.get(RoleRecord, ada.did).roles == (Role.GOVERNOR, Role.REGISTRAR)
    assert chain.get(CounterRecord, "governors").value == 2
    assert governed(GrantRole(ada.did, Role.REGISTRAR)) == ResultCode.ROLE_HELD
    assert governed(RevokeRole(ada.did, Role.ISSUER)) == ResultCode.ROLE_NOT_HELD
    assert governed(RevokeRole(bob.did, Role.ISSUER)) == ResultCode.ROLE_NOT_HELD
    assert governed(GrantRole(person("eve").did, Role.ISSUER)) == ResultCode.DID_UNKNOWN
    assert governed(RevokeRole(ada.did, Role.GOVERNOR)) == ResultCode.OK
    assert chain.get(RoleRecord, ada.did).roles == (Role.REGISTRAR,)
    assert chain.get(CounterRecord, "governors").value == 1
    assert chain.get(IndexRecord, "roles").count == 2
    chain.do(bob, DeactivateDid(bob.did, 1), endorser=governor)
    assert governed(GrantRole(bob.did, Role.ISSUER)) == ResultCode.DID_DEACTIVATED


@clause("OP-19")
def test_there_are_so_many_governors_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = ScriptedChain(2)
    ada = chain.register("ada")
    monkeypatch.setattr(limits, "GOVERNORS", 2)
    proposal = Propose(GrantRole(ada.did, Role.GOVERNOR), chain.time + 500)
    assert chain.send(chain.governor, proposal).code == ResultCode.GOVERNANCE_PROTECTED


@clause("OP-18")
def test_a_proposal_takes_so_many_approvals_and_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = world.propose(GrantRole(world.ada.did, Role.ISSUER))
    monkeypatch.setattr(limits, "GOVERNORS", 1)
    assert world.code(world.second, Approve(identity)) == ResultCode.PROPOSAL_CLOSED


@clause("OP-20", "ST-12")
def test_parameters_have_names_ranges_and_history() -> None:
    chain = ScriptedChain()

    def governed(name: str, value: int) -> ResultCode:
        return chain.send(chain.governor, Propose(SetParameter(name, value), chain.time + 9)).code

    assert governed("max_time_lag", 90) == ResultCode.OK
    record = chain.get(ParameterRecord, "max_time_lag")
    assert (record.value, record.version.number) == (90, 2)
    assert governed("max_time_lag", 90) == ResultCode.NO_CHANGE
    assert governed("max_time_lag", 29) == ResultCode.PARAMETER_OUT_OF_RANGE
    assert governed("open_did_creation", 2) == ResultCode.PARAMETER_OUT_OF_RANGE
    assert governed("rules_version", 2) == ResultCode.RULES_ARE_SCHEDULED
    assert governed("rules_version", 1) == ResultCode.RULES_ARE_SCHEDULED
    assert governed("gas", 1) == ResultCode.PARAMETER_UNKNOWN
    assert governed("governance_threshold", 2) == ResultCode.GOVERNANCE_PROTECTED


@clause("OP-18")
def test_two_proposals_of_one_transaction_have_two_ids(world: World) -> None:
    proposals = [
        Propose(GrantRole(world.ada.did, role), world.chain.time + 500)
        for role in (Role.ISSUER, Role.REGISTRAR)
    ]
    signed = world.chain.sign(world.first, *proposals)
    world.chain.block(signed)
    approve: Callable[[int], Approve] = lambda at: Approve(proposal_id(signed.id, at))  # noqa: E731 - short
    world.chain.do(world.second, approve(0), approve(1))
    assert world.roles(world.ada) == (Role.ISSUER, Role.REGISTRAR)
