"""Governance, sequences and DIDs against a small model, by random histories."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.support.clauses import clause
from tests.support.scripted_chain import Person, ScriptedChain
from weid.registry.codes import ResultCode
from weid.registry.operations import (
    Approve,
    DeactivateDid,
    GovernedAction,
    GrantRole,
    Propose,
    RevokeRole,
    Role,
    SetParameter,
)
from weid.registry.records import CounterRecord, DidRecord, ProposalRecord, RoleRecord


class Governance(RuleBasedStateMachine):
    """Five people; whoever governs proposes and approves; the model counts on its own."""

    @initialize(threshold=st.integers(1, 3))
    def begin(self, threshold: int) -> None:
        self.chain = ScriptedChain(3, parameters={"governance_threshold": threshold})
        self.people = [*self.chain.governors, self.chain.register("p4"), self.chain.register("p5")]
        self.governing = {one.did for one in self.chain.governors}
        self.dead: set[str] = set()
        self.threshold = threshold
        self.open: dict[bytes, tuple[GovernedAction, set[str], int]] = {}
        self.sequences = {one.did: self.chain.next_sequence(one.did) for one in self.people}

    def act(self, one: Person, operation: Propose | Approve | DeactivateDid) -> ResultCode:
        before = dict(self.chain.state.records)
        result = self.chain.send(one, operation)
        if result.code.recorded:
            self.sequences[one.did] += 1
        else:
            assert self.chain.state.records == before
        self.last = result.data
        return result.code

    def expected(self, action: GovernedAction) -> ResultCode:  # noqa: PLR0911 - a table
        """What carrying an action out must answer now; OK changes the model."""
        if isinstance(action, SetParameter):
            if action.value == self.threshold:
                return ResultCode.NO_CHANGE
            if action.value > len(self.governing):
                return ResultCode.GOVERNANCE_PROTECTED
            self.threshold = action.value
        elif isinstance(action, GrantRole):
            if action.did in self.dead:
                return ResultCode.DID_DEACTIVATED
            if action.did in self.governing:
                return ResultCode.ROLE_HELD
            self.governing.add(action.did)
        else:
            assert isinstance(action, RevokeRole)
            if action.did not in self.governing:
                return ResultCode.ROLE_NOT_HELD
            if len(self.governing) <= self.threshold:
                return ResultCode.GOVERNANCE_PROTECTED
            self.governing.discard(action.did)
        return ResultCode.OK

    def decide(self, action: GovernedAction, approvals: set[str], threshold: int) -> ResultCode:
        if len(approvals & self.governing) < max(threshold, self.threshold):
            return ResultCode.OK
        return self.expected(action)

    @rule(
        who=st.integers(0, 4),
        whom=st.integers(0, 4),
        what=st.integers(0, 2),
        value=st.integers(1, 4),
    )
    def propose(self, who: int, whom: int, what: int, value: int) -> None:
        one, other = self.people[who], self.people[whom].did
        action: GovernedAction = (
            GrantRole(other, Role.GOVERNOR),
            RevokeRole(other, Role.GOVERNOR),
            SetParameter("governance_threshold", value),
        )[what]
        governs, dead = one.did in self.governing, one.did in self.dead
        code = self.act(one, Propose(action, self.chain.time + 10_000))
        if dead:
            assert code == ResultCode.AUTHOR_DEACTIVATED
        elif not governs:
            assert code in {ResultCode.ENDORSEMENT_REQUIRED, ResultCode.NOT_PERMITTED}
        else:
            threshold = self.threshold
            assert code == self.decide(action, {one.did}, threshold)
            if (
                code == ResultCode.OK
                and self.chain.get(ProposalRecord, self.last).executed_at is None
            ):
                self.open[self.last] = (action, {one.did}, threshold)

    @precondition(lambda self: self.open)
    @rule(who=st.integers(0, 4), which=st.integers(0, 10))
    def approve(self, who: int, which: int) -> None:
        one = self.people[who]
        identity = list(self.open)[which % len(self.open)]
        action, approvals, threshold = self.open[identity]
        governs = one.did in self.governing
        code = self.act(one, Approve(identity))
        if not governs:
            assert code in {
                ResultCode.ENDORSEMENT_REQUIRED,
                ResultCode.NOT_PERMITTED,
                ResultCode.AUTHOR_DEACTIVATED,
            }
        elif one.did in approvals:
            assert code == ResultCode.ALREADY_APPROVED
        else:
            assert code == self.decide(action, approvals | {one.did}, threshold)
            if code == ResultCode.OK:
                approvals.add(one.did)
                if self.chain.get(ProposalRecord, identity).executed_at is not None:
                    del self.open[identity]

    @rule(who=st.integers(0, 2))
    def leave(self, who: int) -> None:
        one = self.people[who]
        if one.did in self.dead or one.did not in self.governing:
            return
        code = self.act(one, DeactivateDid(one.did, 1))
        if len(self.governing) <= self.threshold:
            assert code == ResultCode.GOVERNANCE_PROTECTED
        else:
            assert code == ResultCode.OK
            self.governing.discard(one.did)
            self.dead.add(one.did)

    @invariant()
    def the_chain_agrees_with_the_model(self) -> None:
        if not hasattr(self, "chain"):
            return
        assert len(self.governing) >= self.threshold >= 1
        assert self.chain.get(CounterRecord, "governors").value == len(self.governing)
        for one in self.people:
            roles = self.chain.read(RoleRecord, one.did)
            governs = roles is not None and Role.GOVERNOR in roles.roles
            assert governs == (one.did in self.governing)
            assert self.chain.next_sequence(one.did) == self.sequences[one.did]
            ended = self.chain.get(DidRecord, one.did).deactivated_at is not None
            assert ended == (one.did in self.dead)


Governance.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


@clause("OP-18", "OP-19", "OP-20", "TX-10", "R31", "R32")
class TestGovernance(Governance.TestCase):  # type: ignore[misc]  # built by hypothesis
    """Runs the machine."""
