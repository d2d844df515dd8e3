"""The network's nodes as the state has them: who is admitted, who votes, and what a block changes.

Functions of records and committed state (clauses OP-23 to OP-26); the rules that write the records
are in `rules.node_rules`.
"""

from __future__ import annotations

from typing import Final, cast

from registry_chain.commitment.index import list_keys
from registry_chain.state_machine.block import ValidatorUpdate
from registry_chain.state_machine.staged import Entry, StagedState
from registry_chain.state_machine.state import CommittedState
from weid.registry.node_operations import NodeRole
from weid.registry.records import NodeRecord, NodeStatus
from weid.registry.state_keys import NODES
from weid.registry.validators import Validator
from weid.registry.wire import decode_record_as

VALIDATORS: Final = "validators"
"""Name of the counter of active nodes with the role validator."""


def is_admitted(record: NodeRecord | None) -> bool:
    """Return whether a node belongs to the network now; None is the record of no node."""
    return record is not None and record.status is NodeStatus.ACTIVE


def is_voting(record: NodeRecord | None) -> bool:
    """Return whether a node is an active validator."""
    return record is not None and is_admitted(record) and record.role is NodeRole.VALIDATOR


def active_validators(state: CommittedState) -> tuple[Validator, ...]:
    """Return the active validator nodes of a committed state, by key; there may be none."""
    keys = list_keys(state, NODES)
    found = state.get_many(keys)
    powers: dict[bytes, int] = {}
    for key in keys:
        # The list names only keys that have a record.
        record = decode_record_as(NodeRecord, cast("bytes", found[key]))
        powers.update(_power(record))
    return _validators(powers)


def staged_validators(staged: StagedState) -> tuple[Validator, ...]:
    """Return the active validator nodes as they stand at this place of the block, by key."""
    powers = {one.public_key: one.power for one in active_validators(staged.committed)}
    for update in validator_updates(staged):
        powers[update.public_key] = update.power
    return _validators({key: power for key, power in powers.items() if power})


def validator_updates(staged: StagedState) -> tuple[ValidatorUpdate, ...]:
    """Return what the block changed of the validator set, by key; the last state counts.

    A key that is in no active validator's record any more has power 0. One that came and went in
    the same block is not mentioned: an engine that never had it could not take it out.
    """
    before: dict[bytes, int] = {}
    after: dict[bytes, int] = {}
    for entry in staged.written():
        if isinstance(entry.record, NodeRecord):
            before.update(_power(_committed(entry)))
            after.update(_power(entry.record))
    return tuple(
        ValidatorUpdate(key, after.get(key, 0))
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    )


def latest_node(
    staged: StagedState, node_id: bytes, *, known: dict[bytes, bytes] | None = None
) -> NodeRecord | None:
    """Return the record of a node under the id that it has today.

    `known`, id → id of today, spares the way that was gone before; what is found is added to it.
    """
    known = {} if known is None else known
    passed: list[bytes] = []
    record = staged.read(NodeRecord, known.get(node_id, node_id))
    while record is not None and record.replaced_by:
        passed.append(record.node_id)
        record = staged.read(NodeRecord, known.get(record.replaced_by, record.replaced_by))
    if record is not None:
        known.update(dict.fromkeys(passed, record.node_id))
    return record


def _power(record: NodeRecord | None) -> dict[bytes, int]:
    if record is None or not is_voting(record):
        return {}
    return {record.validator_key: record.power}


def _committed(entry: Entry) -> NodeRecord | None:
    while entry.before is not None:
        entry = entry.before
    return cast("NodeRecord | None", entry.record)


def _validators(powers: dict[bytes, int]) -> tuple[Validator, ...]:
    return tuple(Validator(key, powers[key]) for key in sorted(powers))
