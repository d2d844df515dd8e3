"""Registry values ⇄ bytes: transactions, records, receipts (clauses TX-01, ST-02).

Every outermost array begins with its format version. Bytes from outside are read with
`weid.encoding.cbor_decode`, so that each value has one spelling only.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final, TypeVar, cast

import cbor2

from weid import limits
from weid.cbor import CborValue, cbor_decode, cbor_encode
from weid.errors import MalformedError
from weid.registry.codec import compile_codec
from weid.registry.operations import GovernedAction, Inception, Operation
from weid.registry.records import NAMESPACES, IndexRecord, Receipt, Record
from weid.registry.state_keys import (
    NAMESPACE_OF,
    list_of,
    record_id,
    record_key,
    state_key,
    template_id,
    trust_id,
)
from weid.registry.transaction import SignedTransaction, Transaction

__all__ = [
    "decode_action",
    "decode_index",
    "decode_payload",
    "decode_receipt",
    "decode_record",
    "decode_record_as",
    "decode_signed",
    "decode_stored_record",
    "encode_action",
    "encode_inception",
    "encode_operation",
    "encode_payload",
    "encode_receipt",
    "encode_record",
    "encode_signed",
    "list_of",
    "record_id",
    "record_key",
    "state_key",
    "template_id",
    "trust_id",
    "value_hash",
]

_VERSION: Final = 1
_SIGNATURE_BYTES: Final = 64
_SIGNED_BYTES: Final = limits.TRANSACTION_BYTES
_TRANSACTION: Final = compile_codec(Transaction)
_RECEIPT: Final = compile_codec(Receipt)
_INCEPTION: Final = compile_codec(Inception)
_ACTION: Final = compile_codec(GovernedAction, "Propose.action")
_OPERATION: Final = compile_codec(Operation, "Transaction.operations")
_RECORDS: Final = {name: compile_codec(kind) for name, kind in NAMESPACES.items()}

_R = TypeVar("_R", bound=Record)


def _versioned(fields: CborValue) -> bytes:
    return cbor_encode([_VERSION, *cast("list[CborValue]", fields)])


def _unversioned(data: bytes, *, what: str, max_bytes: int) -> list[CborValue]:
    value = cbor_decode(data, what=what, max_bytes=max_bytes)
    if type(value) is not list or not value:
        raise MalformedError(f"{what} is not an array")
    if type(value[0]) is not int or value[0] != _VERSION:
        raise MalformedError(f"{what} has a format version that we do not know")
    return value[1:]


# --- Transactions --------------------------------------------------------------------------------


def encode_payload(transaction: Transaction) -> bytes:
    """Return the bytes that author and endorser sign over."""
    return _versioned(_TRANSACTION.encode(transaction))


def decode_payload(payload: bytes) -> Transaction:
    """Read a transaction's payload.

    Raises:
        MalformedError: too large, another spelling or version, an unknown kind, a field that is
            missing, extra or out of bounds, or no operation at all.
    """
    what = "the transaction"
    fields = _unversioned(payload, what=what, max_bytes=limits.TRANSACTION_BYTES)
    transaction: Transaction = _TRANSACTION.decode(fields)
    if not transaction.operations or not transaction.author_keys:
        raise MalformedError(f"{what} has no operation or no key of its author")
    if (transaction.endorser is None) != (not transaction.endorser_keys):
        raise MalformedError(f"{what} names an endorser without keys, or keys without endorser")
    for keys in (transaction.author_keys, transaction.endorser_keys):
        if len(set(keys)) != len(keys):
            raise MalformedError(f"{what} names a key twice")
    return transaction


def encode_signed(signed: SignedTransaction) -> bytes:
    """Return a signed transaction as it travels and is kept."""
    return cbor_encode(
        [
            _VERSION,
            signed.payload,
            list(signed.author_signatures),
            list(signed.endorser_signatures),
        ]
    )


def decode_signed(data: bytes) -> SignedTransaction:
    """Read a signed transaction's envelope; the payload stays bytes.

    Raises:
        MalformedError: too large, another form, or a signature that is not 64 bytes long.
    """
    what = "the signed transaction"
    fields = _unversioned(data, what=what, max_bytes=_SIGNED_BYTES)
    if len(fields) != 3:
        raise MalformedError(f"{what} does not have exactly 4 items")
    payload, authors, endorsers = fields
    if type(payload) is not bytes:
        raise MalformedError(f"{what} has no payload")
    return SignedTransaction(
        payload, _signatures(authors, what=what), _signatures(endorsers, what=what)
    )


def _signatures(value: CborValue, *, what: str) -> tuple[bytes, ...]:
    if type(value) is not list or len(value) > limits.TRANSACTION_KEYS:
        raise MalformedError(f"{what} has no proper list of signatures")
    for signature in value:
        if type(signature) is not bytes or len(signature) != _SIGNATURE_BYTES:
            raise MalformedError(f"{what} has a signature that is not {_SIGNATURE_BYTES} bytes")
    return tuple(cast("list[bytes]", value))


def encode_inception(inception: Inception) -> bytes:
    """Return the canonical bytes of an inception."""
    return _versioned(_INCEPTION.encode(inception))


def encode_operation(operation: Operation) -> bytes:
    """Return one operation: the array of its kind and fields."""
    return cbor_encode(_OPERATION.encode(operation))


def encode_action(action: GovernedAction) -> bytes:
    """Return a governed action: the array of its kind and fields."""
    return cbor_encode(_ACTION.encode(action))


def decode_action(data: bytes) -> GovernedAction:
    """Read a governed action.

    Raises:
        MalformedError: not one that a proposal may carry out, or not in its only spelling.
    """
    value = cbor_decode(data, what="the action", max_bytes=limits.TRANSACTION_BYTES)
    return cast("GovernedAction", _ACTION.decode(value))


# --- Records -------------------------------------------------------------------------------------


def encode_record(record: Record) -> bytes:
    """Return a record's bytes, which the state tree commits to."""
    return _versioned(_RECORDS[NAMESPACE_OF[type(record)]].encode(record))


def decode_record(namespace: str, data: bytes) -> Record:
    """Read a record of a namespace.

    Raises:
        MalformedError: not a record of that kind in its only spelling.
    """
    what = f"the {namespace} record"
    fields = _unversioned(data, what=what, max_bytes=limits.RECORD_BYTES)
    return cast("Record", _RECORDS[namespace].decode(fields))


def decode_record_as(kind: type[_R], data: bytes) -> _R:
    """Read a record whose kind is known; see `decode_record`."""
    return cast("_R", decode_record(NAMESPACE_OF[kind], data))


@lru_cache(maxsize=4096)
def decode_stored_record(namespace: str, data: bytes) -> Record:
    """Read a record that the state machine wrote itself, under a hash that commits to its bytes.

    Cheaper than `decode_record`: the spelling is not checked again, and the records read lately,
    which are values, are remembered.
    """
    return cast("Record", _RECORDS[namespace].rebuild(cbor2.loads(data)[1:]))


def decode_index(data: bytes) -> IndexRecord:
    """Read an index record; see `decode_record`."""
    return decode_record_as(IndexRecord, data)


def value_hash(data: bytes) -> bytes:
    """Return the SHA-256 of a record's bytes: what a tree leaf and `Version.previous` hold."""
    return hashlib.sha256(data).digest()


# --- Receipts ------------------------------------------------------------------------------------


def encode_receipt(receipt: Receipt) -> bytes:
    """Return a receipt's bytes."""
    return _versioned(_RECEIPT.encode(receipt))


def decode_receipt(data: bytes) -> Receipt:
    """Read a receipt.

    Raises:
        MalformedError: not a receipt in its only spelling.
    """
    fields = _unversioned(data, what="the receipt", max_bytes=2 * limits.RECEIPT_DATA_BYTES)
    return cast("Receipt", _RECEIPT.decode(fields))
