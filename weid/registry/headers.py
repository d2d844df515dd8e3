"""Block headers and commits in CometBFT's format: their hashes, sign bytes and JSON.

Values only. Who may be believed is decided in `light_client`; the validators are in `validators`.
Clauses LC-… of specs/light-client.md; the JSON is that of CometBFT's RPC (`/commit`).
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from weid import limits
from weid.encoding import JsonObject, JsonValue
from weid.errors import MalformedError
from weid.registry.comet_encoding import (
    NANOSECONDS,
    bytes_field,
    fixed64_field,
    format_time_ns,
    integer_field,
    merkle_root,
    message_field,
    parse_time,
    timestamp,
    varint,
)
from weid.registry.comet_json import (
    integer_member,
    members_of,
    octets_member,
    parse_base64,
    text_member,
)

HASH_BYTES: Final = 32
ADDRESS_BYTES: Final = 20
_PRECOMMIT: Final = 2
_INT64: Final = 2**63
_CHAIN_ID_LENGTH: Final = 50


@dataclass(frozen=True, slots=True)
class BlockId:
    """A block's hash and the root of its parts; all empty before the first block."""

    hash: bytes
    parts_total: int = 0
    parts_hash: bytes = b""

    def encode(self) -> bytes:
        """Return protobuf BlockID, which is also CanonicalBlockID."""
        parts = integer_field(1, self.parts_total) + bytes_field(2, self.parts_hash)
        return bytes_field(1, self.hash) + message_field(2, parts)

    def to_json(self) -> JsonObject:
        """Return the RPC's JSON."""
        return {
            "hash": _hex(self.hash),
            "parts": {"total": self.parts_total, "hash": _hex(self.parts_hash)},
        }

    @classmethod
    def from_json(cls, value: JsonValue, *, what: str) -> BlockId:
        """Parse the RPC's JSON; an empty hash is the block before the first."""
        members = members_of(value, what)
        parts = members_of(members.get("parts"), f"{what} parts")
        return cls(
            _hash(members, "hash", what, empty=True),
            integer_member(parts, "total", f"{what} parts", below=2**32),
            _hash(parts, "hash", f"{what} parts", empty=True),
        )


NO_BLOCK: Final = BlockId(b"")
"""The block before the first."""


@dataclass(frozen=True, slots=True)
class Header:
    """A block header: its 14 fields, with the time in nanoseconds since 1970.

    `app_hash` is that of the state *before* this block; `next_validators_hash` says who seals the
    next one.
    """

    block_version: int
    app_version: int
    chain_id: str
    height: int
    time_ns: int
    last_block_id: BlockId
    last_commit_hash: bytes
    data_hash: bytes
    validators_hash: bytes
    next_validators_hash: bytes
    consensus_hash: bytes
    app_hash: bytes
    last_results_hash: bytes
    evidence_hash: bytes
    proposer_address: bytes

    @property
    def time(self) -> int:
        """The header's time in whole seconds."""
        return self.time_ns // NANOSECONDS

    def hash(self) -> bytes:
        """Return the block hash: the Merkle root of the 14 encoded fields (LC-HEADER)."""
        return merkle_root(
            (
                integer_field(1, self.block_version) + integer_field(2, self.app_version),
                bytes_field(1, self.chain_id.encode()),
                integer_field(1, self.height),
                timestamp(self.time_ns),
                self.last_block_id.encode(),
                bytes_field(1, self.last_commit_hash),
                bytes_field(1, self.data_hash),
                bytes_field(1, self.validators_hash),
                bytes_field(1, self.next_validators_hash),
                bytes_field(1, self.consensus_hash),
                bytes_field(1, self.app_hash),
                bytes_field(1, self.last_results_hash),
                bytes_field(1, self.evidence_hash),
                bytes_field(1, self.proposer_address),
            )
        )

    def to_json(self) -> JsonObject:
        """Return the RPC's JSON."""
        return {
            "version": {"block": str(self.block_version), "app": str(self.app_version)},
            "chain_id": self.chain_id,
            "height": str(self.height),
            "time": format_time_ns(self.time_ns),
            "last_block_id": self.last_block_id.to_json(),
            **{name: _hex(getattr(self, name)) for name in _HEADER_HASHES},
            "proposer_address": _hex(self.proposer_address),
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> Header:
        """Parse the RPC's JSON.

        Raises:
            MalformedError: a field is missing or of another form.
        """
        what = "the header"
        members = members_of(value, what)
        version = members_of(members.get("version"), f"{what}'s version")
        chain_id = text_member(members, "chain_id", what)
        if not 0 < len(chain_id) <= _CHAIN_ID_LENGTH:
            raise MalformedError(f"{what}'s chain_id has no length that a chain id has")
        return cls(
            block_version=integer_member(version, "block", f"{what}'s version"),
            app_version=integer_member(version, "app", f"{what}'s version"),
            chain_id=chain_id,
            height=integer_member(members, "height", what),
            time_ns=parse_time(text_member(members, "time", what), what=f"{what}'s time"),
            last_block_id=BlockId.from_json(
                members.get("last_block_id"), what=f"{what}'s last_block_id"
            ),
            proposer_address=octets_member(members, "proposer_address", what, ADDRESS_BYTES),
            **{
                name: _hash(members, name, what, empty=name == "app_hash")
                for name in _HEADER_HASHES
            },
        )


_HEADER_HASHES: Final = (
    "last_commit_hash",
    "data_hash",
    "validators_hash",
    "next_validators_hash",
    "consensus_hash",
    "app_hash",
    "last_results_hash",
    "evidence_hash",
)


class VoteFlag(IntEnum):
    """What a validator's entry in a commit says."""

    ABSENT = 1
    COMMIT = 2
    NIL = 3


@dataclass(frozen=True, slots=True)
class CommitSignature:
    """One validator's entry in a commit; empty but for the flag when it was absent."""

    flag: VoteFlag
    validator_address: bytes
    time_ns: int
    signature: bytes

    def encode(self) -> bytes:
        """Return protobuf CommitSig."""
        return (
            integer_field(1, self.flag)
            + bytes_field(2, self.validator_address)
            + message_field(3, timestamp(self.time_ns))
            + bytes_field(4, self.signature)
        )

    def to_json(self) -> JsonObject:
        """Return the RPC's JSON."""
        return {
            "block_id_flag": int(self.flag),
            "validator_address": _hex(self.validator_address),
            "timestamp": format_time_ns(self.time_ns),
            "signature": base64.b64encode(self.signature).decode() if self.signature else None,
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> CommitSignature:
        """Parse the RPC's JSON."""
        what = "a commit signature"
        members = members_of(value, what)
        number = integer_member(members, "block_id_flag", what)
        if number not in (VoteFlag.ABSENT, VoteFlag.COMMIT, VoteFlag.NIL):
            raise MalformedError(f"{what} has a flag that is not known")
        flag = VoteFlag(number)
        if flag is VoteFlag.ABSENT:
            if members.get("validator_address") or members.get("signature"):
                raise MalformedError(f"{what} is absent and yet there")
            return cls(flag, b"", _ABSENT_TIME, b"")
        return cls(
            flag,
            octets_member(members, "validator_address", what, ADDRESS_BYTES),
            parse_time(text_member(members, "timestamp", what), what=f"{what}'s timestamp"),
            parse_base64(text_member(members, "signature", what), what=what, length=64),
        )


# Go's zero time, 0001-01-01T00:00:00Z: what an absent entry carries.
_ABSENT_TIME: Final = -62_135_596_800 * NANOSECONDS


@dataclass(frozen=True, slots=True)
class Commit:
    """The validators' signatures under one block, in the order of their set."""

    height: int
    round: int
    block_id: BlockId
    signatures: tuple[CommitSignature, ...]

    def hash(self) -> bytes:
        """Return what the next header's `last_commit_hash` must be (LC-COMMIT)."""
        return merkle_root([signature.encode() for signature in self.signatures])

    def to_json(self) -> JsonObject:
        """Return the RPC's JSON."""
        return {
            "height": str(self.height),
            "round": self.round,
            "block_id": self.block_id.to_json(),
            "signatures": [signature.to_json() for signature in self.signatures],
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> Commit:
        """Parse the RPC's JSON.

        Raises:
            MalformedError: a field is missing or of another form.
        """
        what = "the commit"
        members = members_of(value, what)
        signatures = members.get("signatures")
        if not isinstance(signatures, list) or len(signatures) > limits.VALIDATORS:
            raise MalformedError(f"{what} has no list of at most {limits.VALIDATORS} signatures")
        return cls(
            integer_member(members, "height", what),
            integer_member(members, "round", what, below=2**31),
            BlockId.from_json(members.get("block_id"), what=f"{what}'s block_id"),
            tuple(CommitSignature.from_json(signature) for signature in signatures),
        )


def sign_bytes(chain_id: str, commit: Commit, time_ns: int) -> bytes:
    """Return what a validator signs when it commits: CanonicalVote with its length (LC-VOTE)."""
    vote = (
        integer_field(1, _PRECOMMIT)
        + fixed64_field(2, commit.height)
        + fixed64_field(3, commit.round)
        + message_field(4, commit.block_id.encode())
        + message_field(5, timestamp(time_ns))
        + bytes_field(6, chain_id.encode())
    )
    return varint(len(vote)) + vote


def address(public_key: bytes) -> bytes:
    """Return a validator's address: the first 20 bytes of the SHA-256 of its Ed25519 key."""
    return hashlib.sha256(public_key).digest()[:ADDRESS_BYTES]


# --- Reading the RPC's JSON ----------------------------------------------------------------------


def _hex(data: bytes) -> str:
    return data.hex().upper()


def _hash(members: JsonObject, name: str, what: str, *, empty: bool = False) -> bytes:
    if empty and not members.get(name):
        return b""
    return octets_member(members, name, what, HASH_BYTES)
