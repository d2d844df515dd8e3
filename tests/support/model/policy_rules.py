"""Publishing and withdrawing policies: the model's own account of OP-30 and OP-31."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace

from tests.support.model.ledger import Acting, Ledger, need, refuse
from weid.registry.codes import ResultCode
from weid.registry.policy_operations import PublishPolicy, WithdrawPolicy
from weid.registry.records import PolicyRecord
from weid.registry.state_keys import policy_key


def publish_policy(ledger: Ledger, acting: Acting, operation: PublishPolicy) -> bytes:
    name, number = operation.policy_id, operation.version
    need(re.fullmatch("[a-z][a-z0-9-]{2,63}", name), ResultCode.FIELD_INVALID)
    identity = policy_key(name, number)
    need(ledger.get(PolicyRecord, identity) is None, ResultCode.POLICY_EXISTS)
    if number != 1:
        before = ledger.get(PolicyRecord, policy_key(name, number - 1))
        if before is None:
            refuse(ResultCode.POLICY_VERSION_GAP)
        need(before.publisher == acting.author, ResultCode.NOT_PERMITTED)
    document = json.loads(operation.document)
    uri = f"urn:weid:{ledger.network}:policy:{name}:{number}"
    said = (document["policy_id"], document["uri"], document["version"])
    need(said == (name, uri, number), ResultCode.POLICY_INVALID)
    version = ledger.version(PolicyRecord, identity)
    ledger.put(PolicyRecord(name, number, acting.author, operation.document, None, version))
    return hashlib.sha256(operation.document).digest()


def withdraw_policy(ledger: Ledger, _: Acting, operation: WithdrawPolicy) -> bytes:
    identity = policy_key(operation.policy_id, operation.version)
    record = ledger.get(PolicyRecord, identity)
    if record is None:
        refuse(ResultCode.POLICY_UNKNOWN)
    need(record.withdrawn_at is None, ResultCode.POLICY_WITHDRAWN)
    version = ledger.version(PolicyRecord, identity)
    ledger.put(replace(record, withdrawn_at=ledger.time, version=version))
    return b""
