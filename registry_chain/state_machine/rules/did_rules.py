"""DIDs: create, update, deactivate, name (clauses OP-03, OP-05, OP-08, OP-10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from registry_chain.state_machine.addresses import is_web_address
from registry_chain.state_machine.context import GOVERNORS, Context
from registry_chain.state_machine.entering_keys import (
    check_controllers,
    check_recovery_keys,
    control_keys,
    enter_keys,
)
from registry_chain.state_machine.errors import refuse, require
from registry_chain.state_machine.parameters import GOVERNANCE_THRESHOLD
from registry_chain.state_machine.signers import in_force
from registry_chain.state_machine.staged import StagedState
from weid import limits
from weid.did.syntax import check_key_id
from weid.errors import MalformedError
from weid.registry.codes import ResultCode
from weid.registry.operations import (
    CreateDid,
    DeactivateDid,
    NameOrganisation,
    NewService,
    Role,
    UpdateDid,
)
from weid.registry.records import DidRecord, OrganisationRecord, RegisteredKey, RoleRecord

_SERVICE_TYPE: Final = 64


def active_did(staged: StagedState, did: str) -> DidRecord:
    """Return the record of a DID that exists and is not deactivated, or refuse."""
    record = staged.read(DidRecord, did.encode())
    if record is None:
        refuse(ResultCode.DID_UNKNOWN)
    require(record.deactivated_at is None, ResultCode.DID_DEACTIVATED)
    return record


def did_at_version(staged: StagedState, did: str, expected_version: int) -> DidRecord:
    """Return the record of an active DID that is still at the version its changer saw."""
    record = active_did(staged, did)
    require(record.version.number == expected_version, ResultCode.STALE_VERSION)
    return record


def write_did(staged: StagedState, record: DidRecord) -> None:
    """Write a DID record, if it is not too large."""
    require(len(record.keys) <= limits.DID_KEYS, ResultCode.TOO_MANY_KEYS)
    entry = staged.write(record)
    require(len(entry.raw) <= limits.DID_DOCUMENT_BYTES, ResultCode.RECORD_TOO_LARGE)


def create_did(context: Context, operation: CreateDid) -> bytes:
    """Register the DID that the inception derives, which is the author (see admission, TX-06)."""
    staged = context.staged
    inception = operation.inception
    # read
    record = staged.read(DidRecord, context.author.encode())
    # check
    require(record is None, ResultCode.DID_EXISTS)
    check_controllers(inception.controllers, inception.threshold)
    check_recovery_keys(inception.recovery_keys, inception.controllers)
    controls = control_keys(inception.controllers, 1, context.time)
    entered = enter_keys(context.author, controls, operation.keys, context.time)
    _check_services(staged, operation.services)
    # write
    write_did(
        staged,
        DidRecord(
            context.author,
            inception.controllers,
            inception.threshold,
            inception.next_keys,
            inception.recovery_keys,
            (*controls, *entered),
            operation.services,
            context.time,
            None,
            staged.next_version(DidRecord, context.author.encode()),
        ),
    )
    return b""


def update_did(context: Context, operation: UpdateDid) -> bytes:
    """Add keys, retire keys, replace services."""
    staged = context.staged
    # read
    record = did_at_version(staged, operation.did, operation.expected_version)
    # check
    changes = operation.add_keys or operation.retire_keys or operation.services is not None
    require(changes, ResultCode.NO_CHANGE)
    kept = _retire(record, operation.retire_keys, context.time)
    entered = enter_keys(operation.did, kept, operation.add_keys, context.time)
    services = record.services if operation.services is None else operation.services
    _check_services(staged, services)
    # write
    version = staged.next_version(DidRecord, operation.did.encode())
    keys = (*kept, *entered)
    write_did(staged, replace(record, keys=keys, services=services, version=version))
    return b""


def _retire(record: DidRecord, key_ids: Sequence[str], time: int) -> list[RegisteredKey]:
    leaving = set(key_ids)
    present = {key.id for key in record.keys if in_force(key)}
    require(leaving <= present and len(leaving) == len(key_ids), ResultCode.KEY_MISSING)
    controls = {key.id for key in record.keys if key.multikey[2:] in record.controllers}
    require(leaving.isdisjoint(controls), ResultCode.KEY_CONTROLS)
    return [replace(key, retired_at=time) if key.id in leaving else key for key in record.keys]


def _check_services(staged: StagedState, services: Sequence[NewService]) -> None:
    ids = {service.id for service in services}
    require(len(ids) == len(services), ResultCode.SERVICE_INVALID)
    for service in services:
        try:
            check_key_id(service.id)
        except MalformedError:
            refuse(ResultCode.SERVICE_INVALID)
        typed = 1 <= len(service.type) <= _SERVICE_TYPE and service.type.isascii()
        fits = typed and is_web_address(staged, service.endpoint)
        require(fits, ResultCode.SERVICE_INVALID)


def deactivate_did(context: Context, operation: DeactivateDid) -> bytes:
    """End a DID for ever, and its roles with it; too few governors may not remain."""
    staged = context.staged
    identity = operation.did.encode()
    # read
    record = did_at_version(staged, operation.did, operation.expected_version)
    roles = staged.read(RoleRecord, identity)
    # check
    governs = roles is not None and Role.GOVERNOR in roles.roles
    if governs:
        enough = staged.counter(GOVERNORS) > staged.parameter(GOVERNANCE_THRESHOLD)
        require(enough, ResultCode.GOVERNANCE_PROTECTED)
    # write
    version = staged.next_version(DidRecord, identity)
    write_did(staged, replace(record, deactivated_at=context.time, version=version))
    if governs:
        staged.count(GOVERNORS, -1)
    if roles is not None and roles.roles:
        version = staged.next_version(RoleRecord, identity)
        staged.write(RoleRecord(operation.did, (), version))
    return b""


def name_organisation(context: Context, operation: NameOrganisation) -> bytes:
    """Give a DID the name that people see."""
    staged = context.staged
    identity = operation.did.encode()
    # read
    active_did(staged, operation.did)
    record = staged.read(OrganisationRecord, identity)
    # check
    require(operation.name.strip() == operation.name != "", ResultCode.FIELD_INVALID)
    require(record is None or record.name != operation.name, ResultCode.NO_CHANGE)
    # write
    version = staged.next_version(OrganisationRecord, identity)
    staged.write(OrganisationRecord(operation.did, operation.name, version))
    return b""
