"""Presentation policies: immutable, gap-free, owned, withdrawn once (clauses OP-30, OP-31)."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from registry_chain.state_machine.context import Context
from registry_chain.state_machine.errors import refuse, require
from weid import limits
from weid.encoding import json_loads_object
from weid.errors import MalformedError
from weid.registry.codes import ResultCode
from weid.registry.policy_operations import PublishPolicy, WithdrawPolicy
from weid.registry.records import PolicyRecord
from weid.registry.state_keys import policy_key
from weid.registry.text import CPT_ID


def publish_policy(context: Context, operation: PublishPolicy) -> bytes:
    """Publish version 1 of a new policy, or the next version of the author's own."""
    staged = context.staged
    identity = policy_key(operation.policy_id, operation.version)
    # read
    record = staged.read(PolicyRecord, identity)
    before = staged.read(PolicyRecord, policy_key(operation.policy_id, operation.version - 1))
    # check
    require(CPT_ID.match(operation.policy_id), ResultCode.FIELD_INVALID)
    require(record is None, ResultCode.POLICY_EXISTS)
    if operation.version != 1:
        if before is None:
            refuse(ResultCode.POLICY_VERSION_GAP)
        require(before.publisher == context.author, ResultCode.NOT_PERMITTED)
    _check_document(staged.network, operation)
    # write
    staged.write(
        PolicyRecord(
            operation.policy_id,
            operation.version,
            context.author,
            operation.document,
            None,
            staged.next_version(PolicyRecord, identity),
        )
    )
    return hashlib.sha256(operation.document).digest()


def _check_document(network: str, operation: PublishPolicy) -> None:
    """Refuse a document that does not say what it is published as."""
    try:
        document = json_loads_object(
            operation.document, what="the policy", max_bytes=limits.POLICY_BYTES
        )
    except MalformedError:
        refuse(ResultCode.POLICY_INVALID)
    version = document.get("version")
    names = (
        document.get("uri") == f"urn:weid:{network}:policy:{operation.policy_id}:{version}"
        and document.get("policy_id") == operation.policy_id
        and type(version) is int
        and version == operation.version
    )
    require(names, ResultCode.POLICY_INVALID)


def withdraw_policy(context: Context, operation: WithdrawPolicy) -> bytes:
    """Withdraw a policy version; only its owner or governance gets here."""
    staged = context.staged
    identity = policy_key(operation.policy_id, operation.version)
    # read
    record = staged.read(PolicyRecord, identity)
    # check
    if record is None:
        refuse(ResultCode.POLICY_UNKNOWN)
    require(record.withdrawn_at is None, ResultCode.POLICY_WITHDRAWN)
    # write
    version = staged.next_version(PolicyRecord, identity)
    staged.write(replace(record, withdrawn_at=context.time, version=version))
    return b""
