"""Credential templates: immutable, gap-free, owned (clauses OP-11, OP-12)."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from registry_chain.state_machine.context import Context
from registry_chain.state_machine.errors import refuse, require
from weid import limits
from weid.encoding import JsonValue, json_loads_object
from weid.errors import MalformedError
from weid.registry.codes import ResultCode
from weid.registry.operations import DeactivateTemplate, PublishTemplate
from weid.registry.records import TemplateRecord
from weid.registry.state_keys import template_id
from weid.registry.text import CPT_ID


def publish_template(context: Context, operation: PublishTemplate) -> bytes:
    """Publish version 1 of a new template, or the next version of the author's own."""
    staged = context.staged
    identity = template_id(operation.cpt_id, operation.version)
    # read
    record = staged.read(TemplateRecord, identity)
    before = staged.read(TemplateRecord, template_id(operation.cpt_id, operation.version - 1))
    # check
    require(CPT_ID.match(operation.cpt_id), ResultCode.FIELD_INVALID)
    require(record is None, ResultCode.TEMPLATE_EXISTS)
    if operation.version != 1:
        if before is None:
            refuse(ResultCode.TEMPLATE_VERSION_GAP)
        require(before.publisher == context.author, ResultCode.NOT_PERMITTED)
    _check_document(staged.network, operation)
    # write
    digest = hashlib.sha256(operation.document).digest()
    staged.write(
        TemplateRecord(
            operation.cpt_id,
            operation.version,
            context.author,
            digest,
            None,
            staged.next_version(TemplateRecord, identity),
        )
    )
    staged.contents[digest] = operation.document
    return digest


def _check_document(network: str, operation: PublishTemplate) -> None:
    """Refuse a document that does not say what it is published as, or that points elsewhere."""
    try:
        document = json_loads_object(
            operation.document, what="the template", max_bytes=limits.TEMPLATE_BYTES
        )
    except MalformedError:
        refuse(ResultCode.TEMPLATE_INVALID)
    vct = f"urn:weid:{network}:cpt:{operation.cpt_id}:{operation.version}"
    version = document.get("version")
    names = (
        document.get("vct") == vct
        and document.get("cpt_id") == operation.cpt_id
        and type(version) is int
        and version == operation.version
    )
    require(names and not _points_elsewhere(document), ResultCode.TEMPLATE_INVALID)


def _points_elsewhere(value: JsonValue) -> bool:
    """Return whether a `$ref` anywhere in the document leaves the document."""
    if isinstance(value, list):
        return any(_points_elsewhere(item) for item in value)
    if not isinstance(value, dict):
        return False
    reference = value.get("$ref")
    if isinstance(reference, str) and not reference.startswith("#"):
        return True
    return any(_points_elsewhere(item) for item in value.values())


def deactivate_template(context: Context, operation: DeactivateTemplate) -> bytes:
    """End issuing under a template version; only its owner or governance gets here."""
    staged = context.staged
    identity = template_id(operation.cpt_id, operation.version)
    # read
    record = staged.read(TemplateRecord, identity)
    # check
    if record is None:
        refuse(ResultCode.TEMPLATE_UNKNOWN)
    require(record.deactivated_at is None, ResultCode.TEMPLATE_DEACTIVATED)
    # write
    version = staged.next_version(TemplateRecord, identity)
    staged.write(replace(record, deactivated_at=context.time, version=version))
    return b""
