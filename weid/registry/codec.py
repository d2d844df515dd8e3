"""A codec compiled from dataclass annotations: values ⇄ CBOR arrays, bounded and strict.

A dataclass is the array of its fields in their order; a union of operations is that array with
the kind's number in front. Nothing is optional and nothing is extra: a missing, an additional or
an unknown field is refused. Which lengths a field may have stands in `BYTE_LENGTHS` and
`ITEM_COUNTS`; a bytes or tuple field without a row there fails on import, so none goes unbounded.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Container, Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from operator import attrgetter
from typing import Any, Final, NamedTuple

from weid import limits
from weid.cbor import CborValue
from weid.errors import MalformedError
from weid.registry.operations import KINDS
from weid.registry.text import check_text

INTEGER_MAX: Final = 2**63 - 1
"""Largest integer of a transaction or record: what a signed 64-bit column holds."""

_DIGEST: Final = frozenset({32})
_DIGEST_OR_NONE: Final = frozenset({0, 32})
_ADDRESS: Final = frozenset({20})
_ADDRESS_OR_NONE: Final = frozenset({0, 20})

BYTE_LENGTHS: Final[dict[str, Container[int]]] = {
    "NewKey.multikey": range(3, 41),
    "NewKey.proof": frozenset({0, 64}),
    "Inception.controllers": _DIGEST,
    "Inception.next_keys": _DIGEST_OR_NONE,
    "Inception.recovery_keys": _DIGEST,
    "Inception.salt": frozenset({16}),
    "RotateControllers.controllers": _DIGEST,
    "RotateControllers.next_keys": _DIGEST_OR_NONE,
    "RotateControllers.proofs": frozenset({64}),
    "RecoverDid.controllers": _DIGEST,
    "RecoverDid.next_keys": _DIGEST_OR_NONE,
    "RecoverDid.recovery_keys": _DIGEST,
    "RecoverDid.proofs": frozenset({64}),
    "PublishTemplate.document": range(1, limits.TEMPLATE_BYTES + 1),
    "PublishPolicy.document": range(1, limits.POLICY_BYTES + 1),
    "PublishStatusList.digest": _DIGEST,
    "AnchorEvidence.digest": _DIGEST,
    "AnchorBatch.root": _DIGEST,
    "Approve.proposal_id": _DIGEST,
    "AdmitNode.node_id": _ADDRESS,
    "AdmitNode.validator_key": _DIGEST_OR_NONE,
    "AdmitNode.node_key": _DIGEST_OR_NONE,
    "AdmitNode.proofs": frozenset({64}),
    "ChangeNode.node_id": _ADDRESS,
    "SuspendNode.node_id": _ADDRESS,
    "ReinstateNode.node_id": _ADDRESS,
    "RemoveNode.node_id": _ADDRESS,
    "RotateNodeKeys.node_id": _ADDRESS,
    "RotateNodeKeys.new_node_id": _ADDRESS_OR_NONE,
    "RotateNodeKeys.new_validator_key": _DIGEST_OR_NONE,
    "RotateNodeKeys.new_node_key": _DIGEST_OR_NONE,
    "RotateNodeKeys.proofs": frozenset({64}),
    "AssignOperator.node_id": _ADDRESS,
    "Version.previous": _DIGEST_OR_NONE,
    "RegisteredKey.multikey": range(3, 41),
    "DidRecord.controllers": _DIGEST,
    "DidRecord.next_keys": _DIGEST_OR_NONE,
    "DidRecord.recovery_keys": _DIGEST,
    "TemplateRecord.digest": _DIGEST,
    "PolicyRecord.document": range(1, limits.POLICY_BYTES + 1),
    "StatusListRecord.digest": _DIGEST,
    "StatusListRecord.superseded": _DIGEST_OR_NONE,
    "EvidenceRecord.digest": _DIGEST,
    "BatchRecord.root": _DIGEST,
    "RecognitionRecord.before": _DIGEST_OR_NONE,
    "AccreditationRecord.before": _DIGEST_OR_NONE,
    "ProposalRecord.proposal_id": _DIGEST,
    "NodeRecord.node_id": _ADDRESS,
    "NodeRecord.validator_key": _DIGEST_OR_NONE,
    "NodeRecord.replaced_by": _ADDRESS_OR_NONE,
    "ValidatorKeyRecord.address": _ADDRESS,
    "ValidatorKeyRecord.public_key": _DIGEST,
    "ValidatorKeyRecord.node_id": _ADDRESS,
    "HandoverRecord.validators_hash": _DIGEST,
    "IndexRecord.root": _DIGEST,
    "Receipt.transaction_id": _DIGEST,
    "Receipt.data": range(limits.RECEIPT_DATA_BYTES + 1),
}
"""Permitted lengths of each bytes field (and of the items of each tuple of bytes)."""

ITEM_COUNTS: Final[dict[str, int]] = {
    "Transaction.author_keys": limits.TRANSACTION_KEYS,
    "Transaction.endorser_keys": limits.TRANSACTION_KEYS,
    "Transaction.operations": limits.TRANSACTION_OPERATIONS,
    "NewKey.purposes": 3,
    "Inception.controllers": limits.DID_CONTROLLERS,
    "Inception.recovery_keys": limits.DID_CONTROLLERS,
    "CreateDid.keys": limits.DID_KEYS,
    "CreateDid.services": limits.DID_SERVICES,
    "UpdateDid.add_keys": limits.DID_KEYS,
    "UpdateDid.retire_keys": limits.DID_KEYS,
    "UpdateDid.services": limits.DID_SERVICES,
    "RotateControllers.controllers": limits.DID_CONTROLLERS,
    "RotateControllers.proofs": limits.DID_CONTROLLERS,
    "RecoverDid.controllers": limits.DID_CONTROLLERS,
    "RecoverDid.recovery_keys": limits.DID_CONTROLLERS,
    "RecoverDid.proofs": limits.DID_CONTROLLERS,
    "AdmitNode.proofs": 2,
    "RotateNodeKeys.proofs": 2,
    "RegisteredKey.purposes": 3,
    "DidRecord.controllers": limits.DID_CONTROLLERS,
    "DidRecord.recovery_keys": limits.DID_CONTROLLERS,
    "DidRecord.keys": limits.DID_KEYS,
    "DidRecord.services": limits.DID_SERVICES,
    "RoleRecord.roles": 3,
    "EvidenceRecord.notes": limits.EVIDENCE_NOTES,
    "ProposalRecord.approvals": limits.GOVERNORS,
}
"""The most items that each tuple field may hold."""

_KIND_NUMBERS: Final = {kind: number for number, kind in KINDS.items()}

Encode = Callable[[Any], CborValue]
Decode = Callable[[Any], Any]


class Codec(NamedTuple):
    """How a value becomes a CBOR value and back.

    `decode` checks everything and raises MalformedError; `rebuild` checks nothing and is for
    bytes that this program wrote itself.
    """

    encode: Encode
    decode: Decode
    rebuild: Decode


def compile_codec(kind: Any, where: str = "") -> Codec:
    """Return the codec of an annotation; `where` is `Class.field`, for bounds and errors."""
    scalar = _SCALARS.get(kind)
    if scalar is not None:
        return Codec(_same, scalar(where), _same)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _enumeration(kind, where)
    if is_dataclass(kind) and isinstance(kind, type):
        return _array(kind)
    origin = typing.get_origin(kind)
    members = typing.get_args(kind)
    if origin is tuple:
        return _items(members[0], where)
    if origin in {types.UnionType, typing.Union}:
        if type(None) in members:
            some = tuple(member for member in members if member is not type(None))
            return _optional(typing.Union[some], where)  # noqa: UP007 - built at run time
        return _tagged(members, where)
    raise TypeError(f"{where}: no codec for {kind!r}")


def _same(value: Any) -> Any:
    """Return the value: it is its own CBOR value."""
    return value


def _text(where: str) -> Decode:
    def decode(value: Any) -> str:
        if type(value) is not str:
            raise MalformedError(f"{where} is not text")
        if len(value) <= limits.TEXT_FIELD and value.isascii() and value.isprintable():
            return value
        return check_text(value, what=where)

    return decode


def _bytes(where: str) -> Decode:
    lengths = BYTE_LENGTHS[where]

    def decode(value: Any) -> bytes:
        if type(value) is not bytes:
            raise MalformedError(f"{where} is not a byte string")
        if len(value) not in lengths:
            raise MalformedError(f"{where} has a length that it cannot have")
        return value

    return decode


def _integer(where: str) -> Decode:
    def decode(value: Any) -> int:
        if type(value) is not int or not 0 <= value <= INTEGER_MAX:
            raise MalformedError(f"{where} is not an integer from 0 to 2^63-1")
        return value

    return decode


def _boolean(where: str) -> Decode:
    def decode(value: Any) -> bool:
        if type(value) is not bool:
            raise MalformedError(f"{where} is not true or false")
        return value

    return decode


def _enumeration(kind: type[StrEnum], where: str) -> Codec:
    members = {member.value: member for member in kind}

    def decode(value: Any) -> StrEnum:
        member = members.get(value) if type(value) is str else None
        if member is None:
            raise MalformedError(f"{where} is not a known {kind.__name__}")
        return member

    return Codec(lambda value: str(value.value), decode, members.__getitem__)


def _items(kind: Any, where: str) -> Codec:
    encode_item, decode_item, rebuild_item = compile_codec(kind, where)
    most = ITEM_COUNTS[where]

    def encode(value: Any) -> CborValue:
        return [encode_item(item) for item in value]

    def decode(value: Any) -> tuple[Any, ...]:
        if type(value) is not list:
            raise MalformedError(f"{where} is not an array")
        if len(value) > most:
            raise MalformedError(f"{where} has more than {most} items")
        return tuple([decode_item(item) for item in value])

    def rebuild(value: Any) -> tuple[Any, ...]:
        return tuple([rebuild_item(item) for item in value])

    if rebuild_item is _same:
        return Codec(list, decode, tuple)
    return Codec(encode, decode, rebuild)


def _optional(kind: Any, where: str) -> Codec:
    encode, decode, rebuild = compile_codec(kind, where)
    return Codec(
        _same if encode is _same else lambda value: None if value is None else encode(value),
        lambda value: None if value is None else decode(value),
        _same if rebuild is _same else lambda value: None if value is None else rebuild(value),
    )


class _Fields(NamedTuple):
    """How a dataclass becomes a list of its fields, and how it is built from one."""

    encode: Callable[[Any], list[CborValue]]
    decode: Callable[[list[Any]], Any]
    rebuild: Callable[[list[Any]], Any]


def _fields(kind: type) -> _Fields:
    hints = typing.get_type_hints(kind)
    names = [field.name for field in fields(kind)]
    codecs = [compile_codec(hints[name], f"{kind.__name__}.{name}") for name in names]
    decoders = [codec.decode for codec in codecs]
    # Most fields are their own CBOR value; only the others cost a call.
    encoders = [(at, one.encode) for at, one in enumerate(codecs) if one.encode is not _same]
    rebuilders = [(at, one.rebuild) for at, one in enumerate(codecs) if one.rebuild is not _same]
    count = len(names)
    name = kind.__name__
    read: Callable[[Any], Any] = attrgetter(*names)
    only = count == 1

    def encode(value: Any) -> list[CborValue]:
        items: list[CborValue] = [read(value)] if only else list(read(value))
        for at, encoder in encoders:
            items[at] = encoder(items[at])
        return items

    def decode(items: list[Any]) -> Any:
        if len(items) != count:
            raise MalformedError(f"{name} does not have exactly {count} fields")
        return kind(*[decoder(item) for decoder, item in zip(decoders, items, strict=True)])

    def rebuild(items: list[Any]) -> Any:
        for at, rebuilder in rebuilders:
            items[at] = rebuilder(items[at])
        return kind(*items)

    return _Fields(encode, decode, rebuild)


def _array(kind: type) -> Codec:
    encode, build, rebuild = _fields(kind)
    name = kind.__name__

    def decode(value: Any) -> Any:
        if type(value) is not list:
            raise MalformedError(f"{name} is not an array")
        return build(value)

    return Codec(encode, decode, rebuild)


def _tagged(kinds: tuple[Any, ...], where: str) -> Codec:
    by_kind = {kind: (_KIND_NUMBERS[kind], _fields(kind)) for kind in kinds}
    by_number = dict(by_kind.values())

    def encode(value: Any) -> CborValue:
        entry = by_kind.get(type(value))
        if entry is None:
            raise MalformedError(f"{where} cannot hold a {type(value).__name__}")
        return [entry[0], *entry[1].encode(value)]

    def decode(value: Any) -> Any:
        if type(value) is not list or not value or type(value[0]) is not int:
            raise MalformedError(f"{where} is not an array that begins with a kind")
        found = by_number.get(value[0])
        if found is None:
            raise MalformedError(f"{where} has kind {value[0]}, which cannot stand there")
        return found.decode(value[1:])

    return Codec(encode, decode, lambda value: by_number[value[0]].rebuild(value[1:]))


_SCALARS: Final[Mapping[Any, Callable[[str], Decode]]] = {
    str: _text,
    bytes: _bytes,
    int: _integer,
    bool: _boolean,
}
