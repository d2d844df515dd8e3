"""The keys that hold a DID: rotation, recovery, compromise (clauses OP-06, OP-07, OP-09)."""

from __future__ import annotations

from dataclasses import replace

from registry_chain.state_machine.context import Context
from registry_chain.state_machine.entering_keys import (
    check_controllers,
    check_possession,
    check_recovery_keys,
    replace_controllers,
)
from registry_chain.state_machine.errors import refuse, require
from registry_chain.state_machine.rules.did_rules import (
    active_did,
    did_at_version,
    write_did,
)
from weid.registry.codes import ResultCode
from weid.registry.operations import MarkKeyCompromised, RecoverDid, RotateControllers
from weid.registry.records import DidRecord


def rotate_controllers(context: Context, operation: RotateControllers) -> bytes:
    """Replace the controlling keys; the old ones stay in the document's history."""
    staged = context.staged
    # read
    record = did_at_version(staged, operation.did, operation.expected_version)
    # check
    check_controllers(operation.controllers, operation.threshold)
    check_recovery_keys(record.recovery_keys, operation.controllers)
    if record.next_keys:
        # The committed keys signed the transaction itself: that is their proof of possession.
        require(not operation.proofs, ResultCode.FIELD_INVALID)
    else:
        check_possession(operation.did, operation.controllers, operation.proofs)
    keys = replace_controllers(record, operation.controllers, context.time)
    # write
    write_did(
        staged,
        replace(
            record,
            controllers=operation.controllers,
            threshold=operation.threshold,
            next_keys=operation.next_keys,
            keys=keys,
            version=staged.next_version(DidRecord, operation.did.encode()),
        ),
    )
    return b""


def recover_did(context: Context, operation: RecoverDid) -> bytes:
    """Take a DID back: new controllers, commitment and recovery keys, by a recovery key."""
    staged = context.staged
    # read
    record = did_at_version(staged, operation.did, operation.expected_version)
    # check
    check_controllers(operation.controllers, operation.threshold)
    check_recovery_keys(operation.recovery_keys, operation.controllers)
    check_possession(operation.did, operation.controllers, operation.proofs)
    keys = replace_controllers(record, operation.controllers, context.time)
    # write
    write_did(
        staged,
        replace(
            record,
            controllers=operation.controllers,
            threshold=operation.threshold,
            next_keys=operation.next_keys,
            recovery_keys=operation.recovery_keys,
            keys=keys,
            version=staged.next_version(DidRecord, operation.did.encode()),
        ),
    )
    return b""


def mark_key_compromised(context: Context, operation: MarkKeyCompromised) -> bytes:
    """Mark a key; it acts no more, and the date can only move back."""
    staged = context.staged
    # read
    record = active_did(staged, operation.did)
    key = next((key for key in record.keys if key.id == operation.key_id), None)
    # check
    if key is None:
        refuse(ResultCode.KEY_MISSING)
    require(operation.since <= context.time, ResultCode.WINDOW_INVALID)
    earlier = key.compromised_since is None or operation.since < key.compromised_since
    require(earlier, ResultCode.NO_CHANGE)
    # write
    retired_at = context.time if key.retired_at is None else key.retired_at
    marked = replace(key, retired_at=retired_at, compromised_since=operation.since)
    keys = tuple([marked if one.id == key.id else one for one in record.keys])
    version = staged.next_version(DidRecord, operation.did.encode())
    write_did(staged, replace(record, keys=keys, version=version))
    return b""
