"""The chain itself: which rules judge it from when on, and which engine (OP-27, OP-28)."""

from __future__ import annotations

from registry_chain.state_machine.context import Context
from registry_chain.state_machine.errors import require
from registry_chain.state_machine.nodes import VALIDATORS, staged_validators
from registry_chain.state_machine.parameters import RULES_VERSION
from registry_chain.state_machine.staged import StagedState
from weid import limits
from weid.registry.codes import ResultCode
from weid.registry.node_operations import HandOver, ScheduleRules
from weid.registry.records import ActivationRecord, HandoverRecord
from weid.registry.state_keys import ENGINE, RULES
from weid.registry.validators import ValidatorSet


def schedule_rules(context: Context, operation: ScheduleRules) -> bytes:
    """Schedule a newer version of the rules, in place of what was scheduled, or take that back."""
    staged = context.staged
    # read
    in_force = staged.parameter(RULES_VERSION)
    present = staged.read(ActivationRecord, RULES)
    pending = present is not None and present.is_pending(staged.height)
    # check
    if (operation.rules_version, operation.height) == (in_force, 0):
        require(pending, ResultCode.NO_CHANGE)
    else:
        _require_newer_with_notice(staged, operation)
    # write
    record = ActivationRecord(
        operation.rules_version, operation.height, staged.next_version(ActivationRecord, RULES)
    )
    same = present is not None and (present.rules_version, present.height) == (
        record.rules_version,
        record.height,
    )
    require(not same, ResultCode.NO_CHANGE)
    staged.write(record)
    return b""


def require_can_be_scheduled(staged: StagedState, operation: ScheduleRules) -> None:
    """Refuse to propose what no later block could carry out: heights and versions only grow.

    Whether the height 0 takes anything back is seen on the day of the last approval.

    Raises:
        InvalidTransactionError: the version is not newer, or the height too near.
    """
    if operation.height != 0:
        _require_newer_with_notice(staged, operation)


def _require_newer_with_notice(staged: StagedState, operation: ScheduleRules) -> None:
    newer = operation.rules_version > staged.parameter(RULES_VERSION)
    require(newer, ResultCode.RULES_NOT_NEWER)
    earliest = staged.height + limits.RULES_NOTICE
    require(operation.height >= earliest, ResultCode.HEIGHT_TOO_SOON)


def hand_over(context: Context, operation: HandOver) -> bytes:
    """Hand the chain over to another engine, whose validators are the active validator nodes.

    What the rest of the block changes of them enters the record when the block ends.
    """
    staged = context.staged
    # check
    require(staged.read(HandoverRecord, ENGINE) is None, ResultCode.HANDED_OVER)
    require(staged.counter(VALIDATORS) > 0, ResultCode.LAST_VALIDATOR)
    # write
    validators_hash = ValidatorSet.of(staged_validators(staged)).hash()
    version = staged.next_version(HandoverRecord, ENGINE)
    staged.write(HandoverRecord(staged.height, operation.engine, validators_hash, version))
    return b""
