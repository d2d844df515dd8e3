"""Governance: proposals, approvals by distinct governors, roles, parameters (OP-18 to OP-20).

Roles and parameters change through proposals only; a proposal is carried out in the transaction
whose approval meets the threshold, or that transaction is refused whole.
"""

from __future__ import annotations

from dataclasses import replace

from registry_chain.state_machine.context import GOVERNORS, Context
from registry_chain.state_machine.entering_nodes import check_node_keys
from registry_chain.state_machine.errors import refuse, require
from registry_chain.state_machine.parameters import (
    GOVERNANCE_THRESHOLD,
    PARAMETERS,
    RULES_VERSION,
    in_range,
)
from registry_chain.state_machine.rules.chain_rules import require_can_be_scheduled
from registry_chain.state_machine.rules.did_rules import active_did
from weid import limits
from weid.registry.codes import ResultCode
from weid.registry.node_operations import AdmitNode, RotateNodeKeys, ScheduleRules
from weid.registry.operations import Approve, GrantRole, Propose, RevokeRole, Role, SetParameter
from weid.registry.records import ParameterRecord, ProposalRecord, RoleRecord
from weid.registry.transaction import proposal_id


def propose(context: Context, operation: Propose) -> bytes:
    """Open a proposal with its proposer's approval; return its id."""
    staged = context.staged
    identity = proposal_id(context.transaction_id, context.position)
    # read
    threshold = staged.parameter(GOVERNANCE_THRESHOLD)
    # check
    latest = context.time + limits.PROPOSAL_LIFETIME
    require(context.time <= operation.expires <= latest, ResultCode.WINDOW_INVALID)
    if isinstance(operation.action, ScheduleRules):
        require_can_be_scheduled(staged, operation.action)
    if isinstance(operation.action, AdmitNode | RotateNodeKeys):
        # Nobody is asked to decide on keys that nobody has.
        check_node_keys(staged.network, operation.action)
    # write
    _decide(
        context,
        ProposalRecord(
            identity,
            context.author,
            operation.action,
            operation.reason,
            (context.author,),
            threshold,
            operation.expires,
            None,
            staged.next_version(ProposalRecord, identity),
        ),
    )
    return identity


def approve(context: Context, operation: Approve) -> bytes:
    """Add the author's approval, once."""
    staged = context.staged
    # read
    record = staged.read(ProposalRecord, operation.proposal_id)
    # check
    if record is None:
        refuse(ResultCode.PROPOSAL_UNKNOWN)
    is_open = record.executed_at is None and context.time <= record.expires
    require(is_open, ResultCode.PROPOSAL_CLOSED)
    require(context.author not in record.approvals, ResultCode.ALREADY_APPROVED)
    require(len(record.approvals) < limits.GOVERNORS, ResultCode.PROPOSAL_CLOSED)
    # write
    version = staged.next_version(ProposalRecord, operation.proposal_id)
    approvals = (*record.approvals, context.author)
    _decide(context, replace(record, approvals=approvals, version=version))
    return b""


def _decide(context: Context, record: ProposalRecord) -> None:
    """Write a proposal and, when enough present governors approve, carry its action out.

    The threshold is the higher of the proposal's day and today, so that lowering or raising it
    meanwhile never makes an action easier; an approval counts while its giver governs.
    """
    staged = context.staged
    counted = [did for did in record.approvals if Role.GOVERNOR in context.roles(did)]
    threshold = max(record.threshold, staged.parameter(GOVERNANCE_THRESHOLD))
    if len(counted) < threshold:
        staged.write(record)
        return
    staged.write(replace(record, executed_at=context.time))
    context.carry_out(context.as_governance(), record.action)


def grant_role(context: Context, operation: GrantRole) -> bytes:
    """Give a DID a role."""
    staged = context.staged
    identity = operation.did.encode()
    # read
    active_did(staged, operation.did)
    roles = context.roles(operation.did)
    # check
    require(operation.role not in roles, ResultCode.ROLE_HELD)
    if operation.role is Role.GOVERNOR:
        require(staged.counter(GOVERNORS) < limits.GOVERNORS, ResultCode.GOVERNANCE_PROTECTED)
    # write
    if operation.role is Role.GOVERNOR:
        staged.count(GOVERNORS)
    held = tuple(sorted((*roles, operation.role)))
    staged.write(RoleRecord(operation.did, held, staged.next_version(RoleRecord, identity)))
    return b""


def revoke_role(context: Context, operation: RevokeRole) -> bytes:
    """Take a role from a DID; as many governors as the threshold asks for must remain."""
    staged = context.staged
    identity = operation.did.encode()
    # read
    roles = context.roles(operation.did)
    # check
    require(operation.role in roles, ResultCode.ROLE_NOT_HELD)
    if operation.role is Role.GOVERNOR:
        enough = staged.counter(GOVERNORS) > staged.parameter(GOVERNANCE_THRESHOLD)
        require(enough, ResultCode.GOVERNANCE_PROTECTED)
    # write
    if operation.role is Role.GOVERNOR:
        staged.count(GOVERNORS, -1)
    held = tuple([role for role in roles if role is not operation.role])
    staged.write(RoleRecord(operation.did, held, staged.next_version(RoleRecord, identity)))
    return b""


def set_parameter(context: Context, operation: SetParameter) -> bytes:
    """Set a chain parameter within its range."""
    staged = context.staged
    # read
    require(operation.name in PARAMETERS, ResultCode.PARAMETER_UNKNOWN)
    present = staged.parameter(operation.name)
    # check
    require(operation.name != RULES_VERSION, ResultCode.RULES_ARE_SCHEDULED)
    require(in_range(operation.name, operation.value), ResultCode.PARAMETER_OUT_OF_RANGE)
    require(operation.value != present, ResultCode.NO_CHANGE)
    if operation.name == GOVERNANCE_THRESHOLD:
        enough = operation.value <= staged.counter(GOVERNORS)
        require(enough, ResultCode.GOVERNANCE_PROTECTED)
    # write
    version = staged.next_version(ParameterRecord, operation.name.encode())
    staged.write(ParameterRecord(operation.name, operation.value, version))
    return b""
