"""The model's rules for DIDs (clauses OP-03 to OP-10)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from tests.support.model.ledger import Acting, Ledger, in_force, need, refuse
from weid import limits
from weid.crypto.keys import KeyKind, PublicKey
from weid.did.service_endpoint import check_service_endpoint
from weid.did.syntax import check_key_id
from weid.errors import InvalidSignatureError, WeidError
from weid.registry import operations as op
from weid.registry.codes import ResultCode
from weid.registry.operations import KeyPurpose, NewKey, NewService, Role
from weid.registry.records import DidRecord, OrganisationRecord, RegisteredKey, RoleRecord
from weid.registry.transaction import possession_message
from weid.registry.wire import encode_record

ED25519 = b"\xed\x01"


def create_did(ledger: Ledger, acting: Acting, operation: op.CreateDid) -> bytes:
    inception = operation.inception
    need(ledger.get(DidRecord, acting.author) is None, ResultCode.DID_EXISTS)
    check_controllers(inception.controllers, inception.threshold)
    check_recovery(inception.recovery_keys, inception.controllers)
    controls = first_keys(inception.controllers, ledger.time)
    keys = enter(ledger, acting.author, controls, operation.keys)
    check_services(ledger, operation.services)
    version = ledger.version(DidRecord, acting.author)
    write(
        ledger,
        DidRecord(
            acting.author,
            inception.controllers,
            inception.threshold,
            inception.next_keys,
            inception.recovery_keys,
            tuple(keys),
            operation.services,
            ledger.time,
            None,
            version,
        ),
    )
    return b""


def first_keys(controllers: Sequence[bytes], time: int, first: int = 1) -> list[RegisteredKey]:
    return [
        RegisteredKey(f"control-{number}", ED25519 + raw, (KeyPurpose.AUTHENTICATION,), time)
        for number, raw in enumerate(controllers, first)
    ]


def update_did(ledger: Ledger, _: Acting, operation: op.UpdateDid) -> bytes:
    record = current(ledger, operation.did, operation.expected_version)
    asks = operation.add_keys or operation.retire_keys or operation.services is not None
    need(asks, ResultCode.NO_CHANGE)
    leaving = operation.retire_keys
    for name in leaving:
        found = [key for key in record.keys if key.id == name and in_force(key)]
        need(found and leaving.count(name) == 1, ResultCode.KEY_MISSING)
    for key in record.keys:
        controls = key.multikey[2:] in record.controllers
        need(not (key.id in leaving and controls), ResultCode.KEY_CONTROLS)
    kept = [
        replace(key, retired_at=ledger.time) if key.id in leaving else key for key in record.keys
    ]
    keys = enter(ledger, operation.did, kept, operation.add_keys)
    services = record.services if operation.services is None else operation.services
    check_services(ledger, services)
    change(ledger, record, keys=tuple(keys), services=services)
    return b""


def rotate(ledger: Ledger, _: Acting, operation: op.RotateControllers) -> bytes:
    record = current(ledger, operation.did, operation.expected_version)
    check_controllers(operation.controllers, operation.threshold)
    check_recovery(record.recovery_keys, operation.controllers)
    if record.next_keys:
        need(operation.proofs == (), ResultCode.FIELD_INVALID)
    else:
        check_proofs(operation.did, operation.controllers, operation.proofs)
    keys = exchange(ledger, record, operation.controllers)
    change(
        ledger,
        record,
        controllers=operation.controllers,
        threshold=operation.threshold,
        next_keys=operation.next_keys,
        keys=keys,
    )
    return b""


def recover(ledger: Ledger, _: Acting, operation: op.RecoverDid) -> bytes:
    record = current(ledger, operation.did, operation.expected_version)
    check_controllers(operation.controllers, operation.threshold)
    check_recovery(operation.recovery_keys, operation.controllers)
    check_proofs(operation.did, operation.controllers, operation.proofs)
    keys = exchange(ledger, record, operation.controllers)
    change(
        ledger,
        record,
        controllers=operation.controllers,
        threshold=operation.threshold,
        next_keys=operation.next_keys,
        recovery_keys=operation.recovery_keys,
        keys=keys,
    )
    return b""


def exchange(
    ledger: Ledger, record: DidRecord, controllers: Sequence[bytes]
) -> tuple[RegisteredKey, ...]:
    """Return the keys of a DID after it has other controllers."""
    keys = []
    for key in record.keys:
        raw = key.multikey[2:]
        old = key.multikey[:2] == ED25519 and raw in record.controllers
        if key.multikey[:2] == ED25519 and raw in controllers:
            need(old and in_force(key), ResultCode.KEY_EXISTS)
        leaves = old and raw not in controllers and in_force(key)
        keys.append(replace(key, retired_at=ledger.time) if leaves else key)
    known = {key.multikey for key in record.keys}
    coming = [raw for raw in controllers if ED25519 + raw not in known]
    numbers = [int(key.id[8:]) for key in record.keys if re.fullmatch("control-[0-9]+", key.id)]
    return (*keys, *first_keys(coming, ledger.time, max(numbers, default=0) + 1))


def deactivate(ledger: Ledger, _: Acting, operation: op.DeactivateDid) -> bytes:
    record = current(ledger, operation.did, operation.expected_version)
    roles = ledger.roles(operation.did)
    if Role.GOVERNOR in roles:
        spare = ledger.counter("governors") > ledger.parameter("governance_threshold")
        need(spare, ResultCode.GOVERNANCE_PROTECTED)
        ledger.count("governors", -1)
    change(ledger, record, deactivated_at=ledger.time)
    if roles:
        ledger.put(RoleRecord(operation.did, (), ledger.version(RoleRecord, operation.did)))
    return b""


def mark(ledger: Ledger, _: Acting, operation: op.MarkKeyCompromised) -> bytes:
    record = ledger.active_did(operation.did)
    found = [key for key in record.keys if key.id == operation.key_id]
    need(found, ResultCode.KEY_MISSING)
    need(operation.since <= ledger.time, ResultCode.WINDOW_INVALID)
    known = found[0].compromised_since
    need(known is None or operation.since < known, ResultCode.NO_CHANGE)
    retired = ledger.time if found[0].retired_at is None else found[0].retired_at
    marked = replace(found[0], retired_at=retired, compromised_since=operation.since)
    change(ledger, record, keys=tuple(marked if k is found[0] else k for k in record.keys))
    return b""


def name(ledger: Ledger, _: Acting, operation: op.NameOrganisation) -> bytes:
    ledger.active_did(operation.did)
    plain = operation.name and operation.name == operation.name.strip()
    need(plain, ResultCode.FIELD_INVALID)
    record = ledger.get(OrganisationRecord, operation.did)
    need(record is None or record.name != operation.name, ResultCode.NO_CHANGE)
    version = ledger.version(OrganisationRecord, operation.did)
    ledger.put(OrganisationRecord(operation.did, operation.name, version))
    return b""


# --- Parts ---------------------------------------------------------------------------------------


def current(ledger: Ledger, did: str, version: int) -> DidRecord:
    record = ledger.active_did(did)
    need(record.version.number == version, ResultCode.STALE_VERSION)
    return record


def change(ledger: Ledger, record: DidRecord, **members: object) -> None:
    version = ledger.version(DidRecord, record.did)
    write(ledger, replace(record, **members, version=version))  # type: ignore[arg-type]


def write(ledger: Ledger, record: DidRecord) -> None:
    need(len(record.keys) <= limits.DID_KEYS, ResultCode.TOO_MANY_KEYS)
    fits = len(encode_record(record)) <= limits.DID_DOCUMENT_BYTES
    need(fits, ResultCode.RECORD_TOO_LARGE)
    ledger.put(record)


def check_controllers(controllers: Sequence[bytes], threshold: int) -> None:
    ordered = list(controllers) == sorted(set(controllers)) and len(controllers) > 0
    need(ordered, ResultCode.KEY_INVALID)
    need(1 <= threshold <= len(controllers), ResultCode.FIELD_INVALID)
    check_sound(controllers)


def check_recovery(recovery: Sequence[bytes], controllers: Sequence[bytes]) -> None:
    together = [*recovery, *controllers]
    need(len(together) == len(set(together)), ResultCode.KEY_INVALID)
    check_sound(recovery)


def check_sound(keys: Sequence[bytes]) -> None:
    for raw in keys:
        try:
            PublicKey(KeyKind.ED25519, raw).check_subgroup()
        except WeidError:
            refuse(ResultCode.KEY_INVALID)


def check_proofs(did: str, controllers: Sequence[bytes], proofs: Sequence[bytes]) -> None:
    need(len(controllers) == len(proofs), ResultCode.POSSESSION_NOT_PROVED)
    for raw, proof in zip(controllers, proofs, strict=True):
        check_proof(did, PublicKey(KeyKind.ED25519, raw), proof)


def check_proof(did: str, key: PublicKey, proof: bytes) -> None:
    try:
        key.verify(proof, possession_message(did, key.to_multicodec()))
    except InvalidSignatureError:
        refuse(ResultCode.POSSESSION_NOT_PROVED)


def enter(
    ledger: Ledger, did: str, present: Sequence[RegisteredKey], new_keys: Sequence[NewKey]
) -> list[RegisteredKey]:
    keys = list(present)
    for new in new_keys:
        need(all(new.id != key.id for key in keys), ResultCode.KEY_EXISTS)
        need(all(new.multikey != key.multikey for key in keys), ResultCode.KEY_EXISTS)
        check_new_key(did, new)
        keys.append(RegisteredKey(new.id, new.multikey, new.purposes, ledger.time))
    need(len(keys) <= limits.DID_KEYS, ResultCode.TOO_MANY_KEYS)
    return keys


def check_new_key(did: str, new: NewKey) -> None:
    try:
        check_key_id(new.id)
        key = PublicKey.from_multicodec(new.multikey)
        key.check_subgroup()
    except WeidError:
        refuse(ResultCode.KEY_INVALID)
    reserved = re.fullmatch("(control|next|recovery)-[0-9]+", new.id)
    need(reserved is None, ResultCode.KEY_INVALID)
    need(new.purposes and len(set(new.purposes)) == len(new.purposes), ResultCode.KEY_INVALID)
    if key.kind is KeyKind.X25519:
        only = new.purposes == (KeyPurpose.KEY_AGREEMENT,) and new.proof == b""
        need(only, ResultCode.KEY_INVALID)
        return
    need(KeyPurpose.KEY_AGREEMENT not in new.purposes, ResultCode.KEY_INVALID)
    check_proof(did, key, new.proof)


def check_services(ledger: Ledger, services: Sequence[NewService]) -> None:
    need(len({one.id for one in services}) == len(services), ResultCode.SERVICE_INVALID)
    for service in services:
        try:
            check_key_id(service.id)
        except WeidError:
            refuse(ResultCode.SERVICE_INVALID)
        typed = 1 <= len(service.type) <= 64 and service.type.isascii()
        need(typed and is_address(ledger, service.endpoint), ResultCode.SERVICE_INVALID)


def is_address(ledger: Ledger, text: str) -> bool:
    try:
        check_service_endpoint(text)
    except WeidError:
        local = re.match(r"http://(localhost|127\.0\.0\.1)(:[1-9][0-9]{0,4})?(/[\w/]*)?\Z", text)
        return ledger.parameter("allow_loopback_http") == 1 and local is not None
    return True
