"""Who gets in: the model's own account of clauses TX-01 to TX-11."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from tests.support.model.ledger import Ledger, in_force, need, refuse, signing_key
from weid.crypto.keys import KeyKind, PublicKey
from weid.did.syntax import weid_did
from weid.errors import InvalidSignatureError, MalformedError
from weid.registry.codes import ResultCode
from weid.registry.operations import (
    CreateDid,
    DeactivateDid,
    MarkKeyCompromised,
    RecoverDid,
    Role,
    RotateControllers,
    UpdateDid,
)
from weid.registry.records import AccountRecord, DidRecord
from weid.registry.transaction import (
    SignedTransaction,
    Transaction,
    next_keys_commitment,
    signing_message,
)
from weid.registry.wire import decode_payload, decode_signed

DAY = 86_400
OPEN = (CreateDid, UpdateDid, RotateControllers, RecoverDid, DeactivateDid, MarkKeyCompromised)


class Admitted(NamedTuple):
    """A transaction that got in, the keys of its author that signed, and whether as a stranger."""

    transaction: Transaction
    transaction_id: bytes
    signers: frozenset[bytes]
    is_open: bool


def admit(ledger: Ledger, raw: bytes, opened: int) -> Admitted:
    """Return what a transaction asks, or refuse it without a trace.

    `opened` is how many transactions of this block entered as strangers already.
    """
    if len(raw) > 64 * 1024:
        refuse(ResultCode.TOO_LARGE)
    try:
        signed = decode_signed(raw)
        transaction = decode_payload(signed.payload)
    except MalformedError:
        refuse(ResultCode.MALFORMED)
    need(transaction.network == ledger.network, ResultCode.WRONG_NETWORK)
    need(ledger.time <= transaction.valid_until, ResultCode.TOO_LATE)
    author_keys = _author_keys(ledger, transaction)
    endorser_keys = _endorser_keys(ledger, transaction)
    is_open = transaction.endorser is None and not ledger.roles(transaction.author)
    if is_open:
        _spend_budget(ledger, transaction, opened)
    _verify(signed, author_keys, endorser_keys)
    account = ledger.get(AccountRecord, transaction.author)
    following = 0 if account is None else account.next_sequence
    need(transaction.sequence >= following, ResultCode.SEQUENCE_USED)
    need(transaction.sequence <= following, ResultCode.SEQUENCE_NOT_NEXT)
    return Admitted(transaction, signed.id, frozenset(author_keys), is_open)


def _author_keys(ledger: Ledger, transaction: Transaction) -> list[bytes]:
    record = ledger.get(DidRecord, transaction.author)
    first: Any = transaction.operations[0]
    if record is not None:
        need(record.deactivated_at is None, ResultCode.AUTHOR_DEACTIVATED)
        return [_author_key(record, first, name) for name in transaction.author_keys]
    need(type(first) is CreateDid, ResultCode.AUTHOR_UNKNOWN)
    try:
        derived = weid_did(first.inception)
    except MalformedError:
        refuse(ResultCode.AUTHOR_NOT_DERIVED)
    same = derived == transaction.author and first.inception.network == transaction.network
    need(same, ResultCode.AUTHOR_NOT_DERIVED)
    controllers = first.inception.controllers
    keys = [_by_number("control", name, controllers) for name in transaction.author_keys]
    need(all(keys), ResultCode.KEY_UNKNOWN)
    return keys


def _by_number(word: str, name: str, keys: tuple[bytes, ...]) -> bytes:
    """Return the key that `word-N` numbers, empty where there is none."""
    if re.fullmatch(f"{word}-[1-9][0-9]?", name) is None:
        return b""
    number = int(name.removeprefix(f"{word}-"))
    return keys[number - 1] if number <= len(keys) else b""


def _author_key(record: DidRecord, first: Any, name: str) -> bytes:
    if type(first) in (RecoverDid, MarkKeyCompromised) and re.fullmatch("recovery-[1-9]\\d?", name):
        key = _by_number("recovery", name, record.recovery_keys)
        need(key, ResultCode.KEY_UNKNOWN)
        return key
    if type(first) is RotateControllers and re.fullmatch("next-[1-9]\\d?", name):
        need(opens(record, first), ResultCode.KEY_UNKNOWN)
        key = _by_number("next", name, first.controllers)
        need(key, ResultCode.KEY_UNKNOWN)
        return key
    return _registered(record, name)


def opens(record: DidRecord, operation: RotateControllers) -> bool:
    """Return whether a rotation names what the record commits to."""
    possible = 1 <= operation.threshold <= len(operation.controllers)
    return (
        bool(record.next_keys)
        and possible
        and next_keys_commitment(operation.controllers, operation.threshold) == record.next_keys
    )


def _registered(record: DidRecord, name: str) -> bytes:
    found = [key for key in record.keys if key.id == name]
    need(found, ResultCode.KEY_UNKNOWN)
    need(in_force(found[0]), ResultCode.KEY_NOT_IN_FORCE)
    raw = signing_key(found[0])
    if raw is None:
        refuse(ResultCode.KEY_NOT_AUTHORISED)
    return raw


def _endorser_keys(ledger: Ledger, transaction: Transaction) -> list[bytes]:
    if transaction.endorser is None:
        return []
    record = ledger.get(DidRecord, transaction.endorser)
    roles = ledger.roles(transaction.endorser)
    if (
        record is None
        or record.deactivated_at is not None
        or (Role.GOVERNOR not in roles and Role.REGISTRAR not in roles)
        or transaction.endorser == transaction.author
    ):
        refuse(ResultCode.ENDORSER_NOT_AUTHORISED)
    return [_registered(record, name) for name in transaction.endorser_keys]


def _spend_budget(ledger: Ledger, transaction: Transaction, opened: int) -> None:
    own = all(type(operation) in OPEN for operation in transaction.operations)
    allowed = ledger.parameter("open_did_creation") == 1 and own
    need(allowed, ResultCode.ENDORSEMENT_REQUIRED)
    today = ledger.counter("open_did", ledger.time // DAY)
    need(today < ledger.parameter("open_did_per_day"), ResultCode.BUDGET_SPENT)
    need(opened < ledger.parameter("open_did_per_block"), ResultCode.BUDGET_SPENT)


def _verify(signed: SignedTransaction, author_keys: list[bytes], endorsers: list[bytes]) -> None:
    need(len(signed.author_signatures) == len(author_keys), ResultCode.SIGNATURE_INVALID)
    need(len(signed.endorser_signatures) == len(endorsers), ResultCode.SIGNATURE_INVALID)
    keys = [*author_keys, *endorsers]
    signatures = [*signed.author_signatures, *signed.endorser_signatures]
    for key, signature in zip(keys, signatures, strict=True):
        try:
            PublicKey(KeyKind.ED25519, key).verify(signature, signing_message(signed.payload))
        except (InvalidSignatureError, MalformedError):
            refuse(ResultCode.SIGNATURE_INVALID)
