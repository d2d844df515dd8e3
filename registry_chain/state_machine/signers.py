"""What the signatures of a transaction amount to under its author's record as it stands.

Judged again for each operation, because an operation before it may have changed the record.
"""

from __future__ import annotations

from typing import Final

from registry_chain.state_machine.context import Context
from registry_chain.state_machine.errors import refuse, require
from weid.registry.codes import ResultCode
from weid.registry.operations import CreateDid, KeyPurpose, RotateControllers
from weid.registry.records import DidRecord, RegisteredKey
from weid.registry.transaction import next_keys_commitment

ED25519_PREFIX: Final = b"\xed\x01"
"""Multicodec prefix of the keys that sign transactions."""


def in_force(key: RegisteredKey) -> bool:
    """Return whether a key may act now: neither retired nor marked compromised."""
    return key.retired_at is None and key.compromised_since is None


def transaction_key(key: RegisteredKey) -> bytes | None:
    """Return the raw key if a key in force of this entry may sign transactions, else None."""
    fits = key.multikey.startswith(ED25519_PREFIX) and KeyPurpose.AUTHENTICATION in key.purposes
    return key.multikey[2:] if fits else None


def acting_author(context: Context) -> DidRecord:
    """Return the record of the author, which must exist and be active at this place."""
    record = context.staged.read(DidRecord, context.author.encode())
    if record is None:
        refuse(ResultCode.DID_UNKNOWN)
    require(record.deactivated_at is None, ResultCode.DID_DEACTIVATED)
    return record


def any_key_signed(context: Context) -> bool:
    """Return whether an authentication key in force signed."""
    signers = context.signers

    def has_signed(record: DidRecord) -> bool:
        for key in record.keys:  # noqa: SIM110 - asked for each operation: quicker than `any`
            if transaction_key(key) in signers and in_force(key):
                return True
        return False

    return context.once_for(acting_author(context), has_signed)


def controllers_signed(context: Context) -> bool:
    """Return whether as many controlling keys in force signed as the threshold says."""
    record = acting_author(context)
    count = 0
    for key in record.keys:
        raw = transaction_key(key)
        if raw in context.signers and raw in record.controllers and in_force(key):
            count += 1
    return count >= record.threshold


def inception_signed(context: Context, operation: CreateDid) -> bool:
    """Return whether every controlling key of the inception signed: that proves possession."""
    return context.signers.issuperset(operation.inception.controllers)


def commitment_signed(context: Context, operation: RotateControllers) -> bool | None:
    """Return whether the committed keys, all of them, signed; None without a commitment."""
    record = acting_author(context)
    if not record.next_keys:
        return None
    return opens_commitment(record, operation) and context.signers.issuperset(operation.controllers)


def opens_commitment(record: DidRecord, operation: RotateControllers) -> bool:
    """Return whether a rotation names the controllers that the record commits to."""
    if not record.next_keys or not 1 <= operation.threshold <= len(operation.controllers):
        return False
    return next_keys_commitment(operation.controllers, operation.threshold) == record.next_keys


def recovery_signed(context: Context) -> bool:
    """Return whether a recovery key signed."""
    record = acting_author(context)
    return not context.signers.isdisjoint(record.recovery_keys)
