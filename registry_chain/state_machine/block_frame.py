"""What a block does by itself, before its transactions and after them (clauses OP-26 to OP-28).

Before: a scheduled version of the rules comes into force; validators whose fault the engine proved
are marked. After: a hand-over of this block names the validators as the block leaves them.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import replace

from registry_chain.state_machine.block import Event, Misbehaviour
from registry_chain.state_machine.errors import RulesUnknownError
from registry_chain.state_machine.events import ACTIVATED, MISBEHAVED
from registry_chain.state_machine.nodes import latest_node, staged_validators
from registry_chain.state_machine.parameters import RULES_VERSION
from registry_chain.state_machine.staged import StagedState
from weid.registry.records import (
    ActivationRecord,
    HandoverRecord,
    NodeRecord,
    ParameterRecord,
    ValidatorKeyRecord,
)
from weid.registry.state_keys import ENGINE, RULES
from weid.registry.validators import ValidatorSet


def rules_in_force(staged: StagedState, known: Container[int]) -> int:
    """Return the version of the rules that judges this block.

    Raises:
        RulesUnknownError: this software does not have that version.
    """
    scheduled = staged.read(ActivationRecord, RULES)
    version = staged.parameter(RULES_VERSION)
    if scheduled is not None and scheduled.height <= staged.height:
        version = max(version, scheduled.rules_version)
    if version not in known:
        raise RulesUnknownError(version, staged.height)
    return version


def record_rules(staged: StagedState, version: int) -> None:
    """Let the parameter say which version is in force, if it does not yet.

    Only for a block with transactions: an empty one changes no record, so that a block can prove
    the one before it and end there (clause TX-14).
    """
    if staged.parameter(RULES_VERSION) == version:
        return
    place = staged.next_version(ParameterRecord, RULES_VERSION.encode())
    staged.write(ParameterRecord(RULES_VERSION, version, place))
    staged.events.append(Event(ACTIVATED, str(version), "", b"", 0))


def mark_misbehaviour(staged: StagedState, faults: Iterable[Misbehaviour]) -> None:
    """Mark the nodes of validators whose fault was proved, each once; nothing else follows."""
    # The same node's faults come by the hundred, and its past ids may be many.
    latest: dict[bytes, bytes] = {}
    for fault in faults:
        key = staged.read(ValidatorKeyRecord, fault.address)
        node = None if key is None else latest_node(staged, key.node_id, known=latest)
        if node is None or node.misbehaved_at is not None:
            continue
        version = staged.next_version(NodeRecord, node.node_id)
        staged.write(replace(node, misbehaved_at=staged.time, version=version))
        staged.events.append(Event(MISBEHAVED, node.node_id.hex(), "", b"", 0))


def settle_handover(staged: StagedState) -> None:
    """Let a hand-over of this block name the validators that the block ends with."""
    record = staged.read(HandoverRecord, ENGINE)
    if record is None or record.height != staged.height:
        return
    validators_hash = ValidatorSet.of(staged_validators(staged)).hash()
    if validators_hash != record.validators_hash:
        version = staged.next_version(HandoverRecord, ENGINE)
        staged.write(replace(record, validators_hash=validators_hash, version=version))
