"""The network's nodes: who is in, as what, with which keys (clauses OP-23 to OP-25, OP-32)."""

from __future__ import annotations

from dataclasses import replace

from registry_chain.state_machine.context import Context
from registry_chain.state_machine.entering_keys import check_raw_key
from registry_chain.state_machine.entering_nodes import check_node_keys
from registry_chain.state_machine.errors import refuse, require
from registry_chain.state_machine.nodes import VALIDATORS, is_voting, latest_node
from registry_chain.state_machine.rules.did_rules import active_did
from registry_chain.state_machine.staged import StagedState
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
    RotateNodeKeys,
    SuspendNode,
)
from weid.registry.records import NodeRecord, NodeStatus, ValidatorKeyRecord


def admit_node(context: Context, operation: AdmitNode) -> bytes:
    """Admit a node under an id and a validator key that no node ever had."""
    staged = context.staged
    record = NodeRecord(
        operation.node_id,
        operation.role,
        operation.name,
        operation.operator,
        operation.validator_key,
        operation.power,
        NodeStatus.ACTIVE,
        None,
        b"",
        staged.next_version(NodeRecord, operation.node_id),
    )
    # check
    check_node_keys(staged.network, operation)
    require(staged.read(NodeRecord, operation.node_id) is None, ResultCode.NODE_ID_USED)
    _check(record)
    if operation.operator:
        active_did(staged, operation.operator)
    # write
    enter_validator_key(staged, record)
    _write(staged, None, record)
    return b""


def change_node(context: Context, operation: ChangeNode) -> bytes:
    """Change a node's role, power or name."""
    # read
    present = _present(context, operation.node_id)
    role = present.role if operation.role is None else operation.role
    power = present.power if role is NodeRole.VALIDATOR else 0
    changed = replace(
        present,
        role=role,
        power=power if operation.power is None else operation.power,
        name=present.name if operation.name is None else operation.name,
    )
    # check
    require(changed != present, ResultCode.NO_CHANGE)
    _check(changed)
    # write
    _write(context.staged, present, changed)
    return b""


def suspend_node(context: Context, operation: SuspendNode) -> bytes:
    """Shut an active node out for a time."""
    return _set_status(context, operation.node_id, NodeStatus.ACTIVE, NodeStatus.SUSPENDED)


def reinstate_node(context: Context, operation: ReinstateNode) -> bytes:
    """Let a suspended node in again."""
    return _set_status(context, operation.node_id, NodeStatus.SUSPENDED, NodeStatus.ACTIVE)


def remove_node(context: Context, operation: RemoveNode) -> bytes:
    """Shut a node out for ever."""
    return _set_status(context, operation.node_id, None, NodeStatus.REMOVED)


def rotate_node_keys(context: Context, operation: RotateNodeKeys) -> bytes:
    """Give a node another id, another validator key, or both, which no node ever had."""
    staged = context.staged
    # read
    present = _present(context, operation.node_id)
    rotated = replace(
        present,
        node_id=operation.new_node_id or present.node_id,
        validator_key=operation.new_validator_key or present.validator_key,
    )
    # check
    require(operation.new_node_id or operation.new_validator_key, ResultCode.NO_CHANGE)
    check_node_keys(staged.network, operation)
    # Each rotation leaves a record for ever, which whoever lists the nodes reads.
    rested = context.by_governance or present.version.height < staged.height
    require(rested, ResultCode.NODE_STATUS)
    if operation.new_node_id:
        unused = staged.read(NodeRecord, operation.new_node_id) is None
        require(unused, ResultCode.NODE_ID_USED)
    # write
    if operation.new_validator_key:
        enter_validator_key(staged, rotated)
    if operation.new_node_id:
        version = staged.next_version(NodeRecord, present.node_id)
        left = replace(
            present,
            status=NodeStatus.REMOVED,
            replaced_by=operation.new_node_id,
            version=version,
        )
        staged.write(left)
    staged.write(replace(rotated, version=staged.next_version(NodeRecord, rotated.node_id)))
    return b""


def assign_operator(context: Context, operation: AssignOperator) -> bytes:
    """Name the DID that answers for a node; what it may do for it, the former one may no more."""
    staged = context.staged
    # read
    present = _present(context, operation.node_id)
    # check
    require(operation.operator != present.operator, ResultCode.NO_CHANGE)
    if operation.operator:
        active_did(staged, operation.operator)
    # write
    _write(staged, present, replace(present, operator=operation.operator))
    return b""


def enter_validator_key(staged: StagedState, node: NodeRecord) -> None:
    """Write whose a node's validator key is, for ever; refuse one that was any node's before."""
    if not node.validator_key:
        return
    identity = address(node.validator_key)
    unused = staged.read(ValidatorKeyRecord, identity) is None
    require(unused, ResultCode.VALIDATOR_KEY_USED)
    check_raw_key(node.validator_key)
    version = staged.next_version(ValidatorKeyRecord, identity)
    staged.write(ValidatorKeyRecord(identity, node.validator_key, node.node_id, version))


def _present(context: Context, node_id: bytes) -> NodeRecord:
    """Return the record of a node that is not removed, or refuse.

    Governance means the node, whatever its id is by now: an operator who takes another id while
    governors still approve must not escape what they decide.
    """
    staged = context.staged
    governs = context.by_governance
    record = latest_node(staged, node_id) if governs else staged.read(NodeRecord, node_id)
    if record is None:
        refuse(ResultCode.NODE_UNKNOWN)
    require(record.status is not NodeStatus.REMOVED, ResultCode.NODE_STATUS)
    return record


def _check(record: NodeRecord) -> None:
    """Refuse a name with blanks at its ends or none, and a power that the node cannot have."""
    require(record.name.strip() == record.name != "", ResultCode.FIELD_INVALID)
    if record.role is NodeRole.VALIDATOR:
        fits = bool(record.validator_key) and 1 <= record.power <= limits.VALIDATOR_POWER
    else:
        fits = record.power == 0
    require(fits, ResultCode.POWER_INVALID)


def _set_status(
    context: Context, node_id: bytes, before: NodeStatus | None, after: NodeStatus
) -> bytes:
    present = _present(context, node_id)
    require(before is None or present.status is before, ResultCode.NODE_STATUS)
    _write(context.staged, present, replace(present, status=after))
    return b""


def _write(staged: StagedState, before: NodeRecord | None, after: NodeRecord) -> None:
    """Write a node's record if the validators that remain are enough, and not too many."""
    change = is_voting(after) - is_voting(before)
    count = staged.counter(VALIDATORS)
    require(change >= 0 or count > 1, ResultCode.LAST_VALIDATOR)
    require(change <= 0 or count < limits.VALIDATORS, ResultCode.TOO_MANY_VALIDATORS)
    if change:
        staged.count(VALIDATORS, change)
    staged.write(replace(after, version=staged.next_version(NodeRecord, after.node_id)))
