"""The model's rules for templates, status lists, anchors, roles and parameters."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from registry_chain.state_machine.parameters import PARAMETERS
from tests.support.model.commitments import sha256
from tests.support.model.did_rules import is_address
from tests.support.model.ledger import Acting, Ledger, need, refuse
from weid import limits
from weid.registry import operations as op
from weid.registry.codes import ResultCode
from weid.registry.operations import Role
from weid.registry.records import (
    BatchRecord,
    EvidenceNote,
    EvidenceRecord,
    ParameterRecord,
    RoleRecord,
    StatusListRecord,
    TemplateRecord,
)
from weid.registry.state_keys import anchor_id, status_id, template_id


def publish_template(ledger: Ledger, acting: Acting, operation: op.PublishTemplate) -> bytes:
    cpt_id, number = operation.cpt_id, operation.version
    need(re.fullmatch("[a-z][a-z0-9-]{2,63}", cpt_id), ResultCode.FIELD_INVALID)
    identity = template_id(cpt_id, number)
    need(ledger.get(TemplateRecord, identity) is None, ResultCode.TEMPLATE_EXISTS)
    if number != 1:
        before = ledger.get(TemplateRecord, template_id(cpt_id, number - 1))
        if before is None:
            refuse(ResultCode.TEMPLATE_VERSION_GAP)
        need(before.publisher == acting.author, ResultCode.NOT_PERMITTED)
    # Strictness of JSON has tests of its own; here documents are well formed.
    document = json.loads(operation.document)
    says = (document["vct"], document["cpt_id"], document["version"])
    fits = says == (f"urn:weid:{ledger.network}:cpt:{cpt_id}:{number}", cpt_id, number)
    inside = document.get("$ref", "#").startswith("#")
    need(fits and inside, ResultCode.TEMPLATE_INVALID)
    digest = sha256(operation.document)
    version = ledger.version(TemplateRecord, identity)
    ledger.put(TemplateRecord(cpt_id, number, acting.author, digest, None, version))
    return digest


def end_template(ledger: Ledger, _: Acting, operation: op.DeactivateTemplate) -> bytes:
    identity = template_id(operation.cpt_id, operation.version)
    record = ledger.get(TemplateRecord, identity)
    if record is None:
        refuse(ResultCode.TEMPLATE_UNKNOWN)
    need(record.deactivated_at is None, ResultCode.TEMPLATE_DEACTIVATED)
    version = ledger.version(TemplateRecord, identity)
    ledger.put(replace(record, deactivated_at=ledger.time, version=version))
    return b""


def publish_status(ledger: Ledger, acting: Acting, operation: op.PublishStatusList) -> bytes:
    identity = status_id(acting.author, operation.uri)
    record = ledger.get(StatusListRecord, identity)
    shape = (operation.cpt_id, operation.bits, operation.size)
    if record is None:
        need(is_address(ledger, operation.uri), ResultCode.FIELD_INVALID)
        need(operation.bits in (1, 2, 4, 8), ResultCode.FIELD_INVALID)
        bits = operation.bits * operation.size
        need(0 < bits <= 8 * limits.STATUS_LIST_BYTES, ResultCode.FIELD_INVALID)
    else:
        same = shape == (record.cpt_id, record.bits, record.size)
        need(same, ResultCode.STATUS_SHAPE_CHANGED)
    last, old = (0, b"") if record is None else (record.sequence, record.digest)
    need(operation.sequence == last + 1, ResultCode.STATUS_SEQUENCE)
    version = ledger.version(StatusListRecord, identity)
    ledger.put(
        StatusListRecord(
            operation.uri, acting.author, *shape, last + 1, operation.digest, old, version
        )
    )
    return b""


def anchor_evidence(ledger: Ledger, acting: Acting, operation: op.AnchorEvidence) -> bytes:
    digest = operation.digest
    shared = ledger.get(EvidenceRecord, digest)
    first = shared is None or shared.signer == acting.author
    identity = digest if first else anchor_id(acting.author, digest)
    record = ledger.get(EvidenceRecord, identity)
    notes = () if record is None else record.notes
    need(len(notes) < limits.EVIDENCE_NOTES, ResultCode.EVIDENCE_FULL)
    need(operation.note not in [note.text for note in notes], ResultCode.NO_CHANGE)
    notes = (*notes, EvidenceNote(operation.note, ledger.time))
    version = ledger.version(EvidenceRecord, identity)
    ledger.put(EvidenceRecord(digest, acting.author, first, notes, version))
    return b""


def anchor_batch(ledger: Ledger, acting: Acting, operation: op.AnchorBatch) -> bytes:
    identity = anchor_id(acting.author, operation.root)
    need(ledger.get(BatchRecord, identity) is None, ResultCode.BATCH_EXISTS)
    need(1 <= operation.count <= limits.BATCH_ROWS, ResultCode.FIELD_INVALID)
    word = re.fullmatch("[a-z][a-z0-9_-]{0,31}", operation.purpose)
    need(word, ResultCode.FIELD_INVALID)
    version = ledger.version(BatchRecord, identity)
    made = BatchRecord(operation.root, acting.author, operation.count, operation.purpose, version)
    ledger.put(made)
    return b""


def grant_role(ledger: Ledger, _: Acting, operation: op.GrantRole) -> bytes:
    ledger.active_did(operation.did)
    roles = ledger.roles(operation.did)
    need(operation.role not in roles, ResultCode.ROLE_HELD)
    if operation.role is Role.GOVERNOR:
        room = ledger.counter("governors") < limits.GOVERNORS
        need(room, ResultCode.GOVERNANCE_PROTECTED)
        ledger.count("governors")
    set_roles(ledger, operation.did, {*roles, operation.role})
    return b""


def revoke_role(ledger: Ledger, _: Acting, operation: op.RevokeRole) -> bytes:
    roles = ledger.roles(operation.did)
    need(operation.role in roles, ResultCode.ROLE_NOT_HELD)
    if operation.role is Role.GOVERNOR:
        spare = ledger.counter("governors") > ledger.parameter("governance_threshold")
        need(spare, ResultCode.GOVERNANCE_PROTECTED)
        ledger.count("governors", -1)
    set_roles(ledger, operation.did, {*roles} - {operation.role})
    return b""


def set_roles(ledger: Ledger, did: str, roles: set[Role]) -> None:
    ledger.put(RoleRecord(did, tuple(sorted(roles)), ledger.version(RoleRecord, did)))


def set_parameter(ledger: Ledger, _: Acting, operation: op.SetParameter) -> bytes:
    parameter: Any = PARAMETERS.get(operation.name)
    need(parameter, ResultCode.PARAMETER_UNKNOWN)
    need(operation.name != "rules_version", ResultCode.RULES_ARE_SCHEDULED)
    fits = parameter.least <= operation.value <= parameter.most
    need(fits, ResultCode.PARAMETER_OUT_OF_RANGE)
    need(operation.value != ledger.parameter(operation.name), ResultCode.NO_CHANGE)
    if operation.name == "governance_threshold":
        enough = operation.value <= ledger.counter("governors")
        need(enough, ResultCode.GOVERNANCE_PROTECTED)
    version = ledger.version(ParameterRecord, operation.name)
    ledger.put(ParameterRecord(operation.name, operation.value, version))
    return b""
