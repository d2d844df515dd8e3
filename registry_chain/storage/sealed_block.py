"""A block as a store keeps it: header, commit, transactions, misbehaviour, and the bytes of these.

Parts, each with its length (4 bytes, big-endian) before it: the header and the commit as CBOR
arrays, then the transactions, each with its length again, then, where there is any, the
misbehaviour as a CBOR array. A reader of heads need not look at the transactions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from registry_chain.state_machine.block import Misbehaviour
from registry_chain.storage.errors import StoreDamagedError
from registry_chain.storage.store import StoreSnapshot, Table
from weid import limits
from weid.cbor import CborValue, cbor_decode, cbor_encode
from weid.errors import MalformedError
from weid.registry.comet_encoding import NANOSECONDS, bytes_field, integer_field, merkle_root
from weid.registry.headers import BlockId, Commit, CommitSignature, Header, VoteFlag
from weid.registry.light_block import LightBlock
from weid.registry.validators import Validator, ValidatorSet

_LENGTH: Final = 4
_HEADER_FIELDS: Final = tuple(field.name for field in fields(Header))
# Go's zero time, which an absent entry carries; it does not fit CBOR's 64 bits in nanoseconds.
_ABSENT_TIME: Final = -62_135_596_800 * NANOSECONDS


@dataclass(frozen=True, slots=True)
class SealedBlock:
    """A block with its seal; `transactions` are the bytes that the data hash stands for.

    `misbehaviour` is what the consensus engine proved against validators, in its order.
    """

    header: Header
    commit: Commit
    transactions: tuple[bytes, ...] = ()
    misbehaviour: tuple[Misbehaviour, ...] = ()


def height_key(height: int) -> bytes:
    """Return the key of a block or event: 8 bytes, so that keys sort like numbers."""
    return height.to_bytes(8, "big")


def transactions_root(transactions: Sequence[bytes]) -> bytes:
    """Return a header's `data_hash`: the Merkle root over the transactions' hashes."""
    sha256 = hashlib.sha256
    return merkle_root([sha256(transaction).digest() for transaction in transactions])


def results_root(results: Iterable[tuple[int, bytes]]) -> bytes:
    """Return what the next header's `last_results_hash` must be: the root over codes and data.

    The results are those of every transaction of the block, also of those without trace.
    """
    return merkle_root([integer_field(1, code) + bytes_field(2, data) for code, data in results])


# --- Bytes ---------------------------------------------------------------------------------------


def encode_block(block: SealedBlock) -> bytes:
    """Return the bytes of a block."""
    parts = [
        cbor_encode(_header_to_cbor(block.header)),
        cbor_encode(_commit_to_cbor(block.commit)),
        b"".join(map(_sized, block.transactions)),
    ]
    if block.misbehaviour:
        parts.append(cbor_encode([list(found) for found in block.misbehaviour]))
    return b"".join(map(_sized, parts))


def decode_block(data: bytes, *, height: int, with_transactions: bool = True) -> SealedBlock:
    """Read a block that was written at a height.

    Raises:
        StoreDamagedError: the bytes are not a block of that height.
    """
    try:
        header, start = _part(data, 0)
        commit, start = _part(data, start)
        body, end = _part(data, start)
        faults: tuple[Misbehaviour, ...] = ()
        if end != len(data):
            part, end = _part(data, end)
            faults = _misbehaviour(part)
        if end != len(data):
            raise MalformedError("bytes after the block")
        block = SealedBlock(
            _header_from_cbor(header),
            _commit_from_cbor(commit),
            _transactions(body) if with_transactions else (),
            faults,
        )
    except (MalformedError, ValueError, TypeError, IndexError) as error:
        raise _damaged(height) from error
    if block.header.height != height:
        raise _damaged(height)
    return block


def encode_validators(validators: ValidatorSet) -> bytes:
    """Return the bytes of a validator set."""
    return cbor_encode([[v.public_key, v.power] for v in validators.validators])


def decode_validators(data: bytes, *, expected_hash: bytes) -> ValidatorSet:
    """Read the validator set that was written under its hash.

    Raises:
        StoreDamagedError: the bytes are not that set.
    """
    try:
        listed = _array(data, "a validator set")
        found = ValidatorSet.of([Validator(key, power) for key, power in listed])
    except (MalformedError, ValueError, TypeError) as error:
        raise _damaged_set(expected_hash) from error
    if found.hash() != expected_hash:
        raise _damaged_set(expected_hash)
    return found


# --- Reading from a store ------------------------------------------------------------------------


def read_block(
    snapshot: StoreSnapshot, height: int, *, with_transactions: bool = True
) -> SealedBlock | None:
    """Return the block at a height, or None where the store has none.

    Raises:
        StoreDamagedError: its bytes cannot be read.
    """
    data = snapshot.get(Table.BLOCKS, height_key(height))
    if data is None:
        return None
    return decode_block(data, height=height, with_transactions=with_transactions)


def read_light_block(snapshot: StoreSnapshot, height: int) -> LightBlock | None:
    """Return header, commit and validators at a height, or None where the store has no block.

    Raises:
        StoreDamagedError: bytes cannot be read, or the validators are missing.
    """
    block = read_block(snapshot, height, with_transactions=False)
    if block is None:
        return None
    validators = read_validators(snapshot, block.header.validators_hash)
    return LightBlock(block.header, block.commit, validators)


def read_validators(snapshot: StoreSnapshot, named: bytes) -> ValidatorSet:
    """Return the validator set with a hash.

    Raises:
        StoreDamagedError: it is missing or damaged.
    """
    data = snapshot.get(Table.VALIDATORS, named)
    if data is None:
        raise _damaged_set(named)
    return decode_validators(data, expected_hash=named)


# --- Parts ---------------------------------------------------------------------------------------


def _sized(part: bytes) -> bytes:
    return len(part).to_bytes(_LENGTH, "big") + part


def _part(data: bytes, start: int) -> tuple[bytes, int]:
    end = start + _LENGTH
    end += int.from_bytes(data[start:end], "big")
    if start + _LENGTH > len(data) or end > len(data):
        raise MalformedError("a part is cut off")
    return data[start + _LENGTH : end], end


def _transactions(body: bytes) -> tuple[bytes, ...]:
    found = []
    start = 0
    while start < len(body):
        transaction, start = _part(body, start)
        found.append(transaction)
    return tuple(found)


def _misbehaviour(part: bytes) -> tuple[Misbehaviour, ...]:
    found = tuple(Misbehaviour(*entry) for entry in _array(part, "misbehaviour"))
    for entry in found:
        if (type(entry.address), type(entry.height), type(entry.kind)) != (bytes, int, str):
            raise MalformedError("a validator's fault has another form")
    if not found:
        raise MalformedError("an empty part stands for no misbehaviour")
    return found


def _header_to_cbor(header: Header) -> CborValue:
    return [
        _block_id_to_cbor(value) if isinstance(value, BlockId) else value
        for value in (getattr(header, name) for name in _HEADER_FIELDS)
    ]


def _header_from_cbor(data: bytes) -> Header:
    values = _array(data, "a header")
    if len(values) != len(_HEADER_FIELDS):
        raise MalformedError("a header has another number of fields")
    members = dict(zip(_HEADER_FIELDS, values, strict=True))
    members["last_block_id"] = _block_id_from_cbor(members["last_block_id"])
    header = Header(**members)
    header.hash()
    return header


def _commit_to_cbor(commit: Commit) -> CborValue:
    signatures: list[CborValue] = [
        [
            int(entry.flag),
            entry.validator_address,
            None if entry.time_ns == _ABSENT_TIME else entry.time_ns,
            entry.signature,
        ]
        for entry in commit.signatures
    ]
    return [commit.height, commit.round, _block_id_to_cbor(commit.block_id), signatures]


def _commit_from_cbor(data: bytes) -> Commit:
    height, round_number, block_id, signatures = _array(data, "a commit")
    return Commit(
        height,
        round_number,
        _block_id_from_cbor(block_id),
        tuple(
            CommitSignature(
                VoteFlag(flag), address, _ABSENT_TIME if time_ns is None else time_ns, signature
            )
            for flag, address, time_ns, signature in signatures
        ),
    )


def _block_id_to_cbor(block_id: BlockId) -> CborValue:
    return [block_id.hash, block_id.parts_total, block_id.parts_hash]


def _block_id_from_cbor(value: Any) -> BlockId:
    block_hash, parts_total, parts_hash = value
    return BlockId(block_hash, parts_total, parts_hash)


def _array(data: bytes, what: str) -> list[Any]:
    # Any: what is of another type than we wrote raises on use, which is damage.
    value = cbor_decode(data, what=what, max_bytes=limits.HEAD_BYTES)
    if not isinstance(value, list):
        raise MalformedError(f"{what} is not an array")
    return value


def _damaged(height: int) -> StoreDamagedError:
    return StoreDamagedError(
        f"the block at height {height} is damaged",
        table=Table.BLOCKS,
        key=height_key(height),
        height=height,
    )


def _damaged_set(named: bytes) -> StoreDamagedError:
    return StoreDamagedError(
        f"the validator set {named.hex()} is missing or damaged", table=Table.VALIDATORS, key=named
    )
