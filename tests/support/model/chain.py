"""The model of a chain: genesis, blocks, transactions and proposals, each whole or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, NamedTuple

from registry_chain.state_machine.block import BlockInput
from registry_chain.state_machine.genesis import Genesis
from registry_chain.state_machine.parameters import PARAMETERS
from tests.support.model import did_rules, other_rules, policy_rules, trust_rules
from tests.support.model.admission import DAY, Admitted, admit
from tests.support.model.commitments import sha256
from tests.support.model.ledger import Acting, Ledger, RefusedError, need, refuse
from tests.support.model.permissions import permit
from weid import limits
from weid.cbor import cbor_encode
from weid.registry import operations as op
from weid.registry.codes import ResultCode
from weid.registry.operations import Role
from weid.registry.policy_operations import PublishPolicy, WithdrawPolicy
from weid.registry.records import (
    AccountRecord,
    DidRecord,
    OrganisationRecord,
    ParameterRecord,
    ProposalRecord,
)
from weid.registry.transaction import proposal_id

ModelRule = Callable[[Ledger, Acting, Any], bytes]


class Result(NamedTuple):
    """What became of a transaction."""

    code: ResultCode
    data: bytes = b""


class ModelChain:
    """A chain in dictionaries. `apply` is a block; `ledger` is the state."""

    def __init__(self, genesis: Genesis) -> None:
        self.ledger = ledger = Ledger(
            height=genesis.initial_height - 1, time=genesis.genesis_time, network=genesis.network
        )
        for name in PARAMETERS:
            version = ledger.version(ParameterRecord, name)
            ledger.put(ParameterRecord(name, genesis.parameter(name), version))
        for governor in genesis.governors:
            did, inception = governor.did, governor.inception
            keys = tuple(did_rules.first_keys(inception.controllers, ledger.time))
            ledger.put(
                DidRecord(
                    did,
                    inception.controllers,
                    inception.threshold,
                    inception.next_keys,
                    inception.recovery_keys,
                    keys,
                    (),
                    ledger.time,
                    None,
                    ledger.version(DidRecord, did),
                )
            )
            other_rules.set_roles(ledger, did, {Role.GOVERNOR})
            ledger.count("governors")
            if governor.name:
                version = ledger.version(OrganisationRecord, did)
                ledger.put(OrganisationRecord(did, governor.name, version))
        ledger.write_lists()

    def apply(self, block: BlockInput) -> list[Result]:
        """Apply a block and return what became of its transactions."""
        ledger = self.ledger
        ledger.height, ledger.time = block.height, block.time
        run = _Block(ledger)
        results = [run.transaction(raw) for raw in block.transactions]
        ledger.write_lists()
        return results


class _Block:
    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.opened = 0
        self.seen = 0
        self.bytes = 0
        self.by_author: Counter[str] = Counter()
        self.limits = {
            name: ledger.parameter(f"max_{name}")
            for name in ("block_bytes", "block_transactions", "author_transactions")
        }

    def transaction(self, raw: bytes) -> Result:
        try:
            admitted = self._admit(raw)
        except RefusedError as error:
            return Result(error.code)
        author, ledger = admitted.transaction.author, self.ledger
        ledger.put(AccountRecord(author, admitted.transaction.sequence + 1))
        if admitted.is_open:
            self.opened += 1
            ledger.count("open_did", period=ledger.time // DAY)
        result = self._carry_out(admitted)
        body = cbor_encode([admitted.transaction_id, ledger.height, int(result.code), result.data])
        ledger.leaves.append(sha256(b"\2", body))
        return result

    def _admit(self, raw: bytes) -> Admitted:
        self.seen += 1
        self.bytes += len(raw)
        need(self.bytes <= self.limits["block_bytes"], ResultCode.BLOCK_FULL)
        need(self.seen <= self.limits["block_transactions"], ResultCode.BLOCK_FULL)
        admitted = admit(self.ledger, raw, self.opened)
        author = admitted.transaction.author
        share = self.by_author[author] < self.limits["author_transactions"]
        need(share, ResultCode.AUTHOR_LIMIT)
        self.by_author[author] += 1
        return admitted

    def _carry_out(self, admitted: Admitted) -> Result:
        before = dict(self.ledger.records)
        transaction = admitted.transaction
        endorsed = transaction.endorser is not None
        answers: list[Any] = []
        for position, operation in enumerate(transaction.operations):
            acting = Acting(
                transaction.author, admitted.signers, endorsed, admitted.transaction_id, position
            )
            try:
                answers.append(carry_out(self.ledger, acting, operation))
            except RefusedError as error:
                self.ledger.records = before
                return Result(error.code, position.to_bytes(2, "big"))
        if len(answers) == 1:
            return Result(ResultCode.OK, answers[0])
        return Result(ResultCode.OK, cbor_encode(answers) if any(answers) else b"")


def carry_out(ledger: Ledger, acting: Acting, operation: Any) -> bytes:
    permit(ledger, acting, operation)
    return RULES[type(operation)](ledger, acting, operation)


# --- Proposals -----------------------------------------------------------------------------------


def propose(ledger: Ledger, acting: Acting, operation: op.Propose) -> bytes:
    latest = ledger.time + limits.PROPOSAL_LIFETIME
    need(ledger.time <= operation.expires <= latest, ResultCode.WINDOW_INVALID)
    identity = proposal_id(acting.transaction_id, acting.position)
    record = ProposalRecord(
        identity,
        acting.author,
        operation.action,
        operation.reason,
        (acting.author,),
        ledger.parameter("governance_threshold"),
        operation.expires,
        None,
        ledger.version(ProposalRecord, identity),
    )
    decide(ledger, acting, record)
    return identity


def approve(ledger: Ledger, acting: Acting, operation: op.Approve) -> bytes:
    record = ledger.get(ProposalRecord, operation.proposal_id)
    if record is None:
        refuse(ResultCode.PROPOSAL_UNKNOWN)
    late = record.executed_at is not None or ledger.time > record.expires
    need(not late, ResultCode.PROPOSAL_CLOSED)
    need(acting.author not in record.approvals, ResultCode.ALREADY_APPROVED)
    need(len(record.approvals) < limits.GOVERNORS, ResultCode.PROPOSAL_CLOSED)
    version = ledger.version(ProposalRecord, operation.proposal_id)
    approvals = (*record.approvals, acting.author)
    decide(ledger, acting, replace(record, approvals=approvals, version=version))
    return b""


def decide(ledger: Ledger, acting: Acting, record: ProposalRecord) -> None:
    """Write a proposal; carry its action out where enough of those who approved govern now."""
    votes = sum(Role.GOVERNOR in ledger.roles(did) for did in record.approvals)
    enough = votes >= max(record.threshold, ledger.parameter("governance_threshold"))
    ledger.put(replace(record, executed_at=ledger.time) if enough else record)
    if enough:
        carry_out(ledger, replace(acting, governance=True), record.action)


RULES: Final[dict[type[Any], ModelRule]] = {
    op.CreateDid: did_rules.create_did,
    op.UpdateDid: did_rules.update_did,
    op.RotateControllers: did_rules.rotate,
    op.RecoverDid: did_rules.recover,
    op.DeactivateDid: did_rules.deactivate,
    op.MarkKeyCompromised: did_rules.mark,
    op.NameOrganisation: did_rules.name,
    op.PublishTemplate: other_rules.publish_template,
    op.DeactivateTemplate: other_rules.end_template,
    PublishPolicy: policy_rules.publish_policy,
    WithdrawPolicy: policy_rules.withdraw_policy,
    op.PublishStatusList: other_rules.publish_status,
    op.AnchorEvidence: other_rules.anchor_evidence,
    op.AnchorBatch: other_rules.anchor_batch,
    op.RecognizeIssuer: trust_rules.recognize,
    op.DerecognizeIssuer: trust_rules.derecognize,
    op.Accredit: trust_rules.accredit,
    op.EndAccreditation: trust_rules.end_accreditation,
    op.GrantRole: other_rules.grant_role,
    op.RevokeRole: other_rules.revoke_role,
    op.SetParameter: other_rules.set_parameter,
    op.Propose: propose,
    op.Approve: approve,
}
"""Every kind of operation but those for nodes, rules and engine."""
