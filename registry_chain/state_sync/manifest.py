"""The manifest of a snapshot: which state it is, and the hash of every chunk (SS-01, SS-02)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from weid.cbor import CborValue, cbor_decode, cbor_encode
from weid.errors import MalformedError
from weid.registry.proofs import app_hash

FORMAT: Final = 1
"""Version of manifest and chunks; a snapshot of another is refused as such."""
CHUNK_BYTES: Final = 1024 * 1024
"""At which size a chunk is closed: one record, version or document may reach over it."""
MAX_CHUNK_BYTES: Final = 2 * 1024 * 1024
"""What a chunk may have; CometBFT's messages hold 16 MB."""
MAX_MANIFEST_BYTES: Final = 3 * 1024 * 1024
"""CometBFT's message with a snapshot holds 4 MB."""
MAX_CHUNKS: Final = 65_536
_HASH: Final = 32
_INT64: Final = 2**63


class ChunkKind(IntEnum):
    """What a chunk holds, in the order in which a snapshot has them."""

    RECORDS = 1
    RECEIPTS = 2
    LISTS = 3
    VERSIONS = 4
    CONTENTS = 5


@dataclass(frozen=True, slots=True)
class ChunkName:
    """What the manifest says of a chunk: its kind and the SHA-256 of its bytes."""

    kind: ChunkKind
    hash: bytes


@dataclass(frozen=True, slots=True)
class Manifest:
    """A snapshot of the state after block `height`.

    `smt_root`, `log_size` and `log_root` are the parts of its app hash; `events` counts the feed
    up to there, which nothing proves.
    """

    chain_id: str
    genesis_hash: bytes
    height: int
    smt_root: bytes
    log_size: int
    log_root: bytes
    events: int
    chunks: tuple[ChunkName, ...]

    @property
    def app_hash(self) -> bytes:
        """The app hash of the state."""
        return app_hash(self.smt_root, self.log_size, self.log_root)

    def to_bytes(self) -> bytes:
        """Return the manifest as CBOR, the same on every node of the same state."""
        chunks: list[CborValue] = [[int(chunk.kind), chunk.hash] for chunk in self.chunks]
        return cbor_encode(
            [
                FORMAT,
                self.chain_id,
                self.genesis_hash,
                self.height,
                self.smt_root,
                self.log_size,
                self.log_root,
                self.events,
                chunks,
            ]
        )

    @property
    def hash(self) -> bytes:
        """SHA-256 of the bytes: the snapshot's name."""
        return hashlib.sha256(self.to_bytes()).digest()

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """Read a manifest.

        Raises:
            MalformedError: not one in its only spelling, or past a limit.
        """
        value = cbor_decode(data, what="the snapshot's manifest", max_bytes=MAX_MANIFEST_BYTES)
        match value:
            case [
                1,
                str(chain_id),
                bytes(genesis_hash),
                int(height),
                bytes(smt_root),
                int(log_size),
                bytes(log_root),
                int(events),
                list(chunks),
            ] if all(len(found) == _HASH for found in (genesis_hash, smt_root, log_root)):
                numbers = (height, log_size, events)
                if any(type(number) is not int or not 0 <= number < _INT64 for number in numbers):
                    raise MalformedError("the snapshot's manifest has a number past 63 bits")
                named = _chunks(chunks)
                found = cls(
                    chain_id, genesis_hash, height, smt_root, log_size, log_root, events, named
                )
                # Python takes CBOR's true for 1, and the manifest would have another hash then.
                if found.to_bytes() == data:
                    return found
        raise MalformedError("the snapshot's manifest has another form")


def _chunks(values: list[CborValue]) -> tuple[ChunkName, ...]:
    if not 0 < len(values) <= MAX_CHUNKS:
        raise MalformedError(f"a snapshot has 1 to {MAX_CHUNKS} chunks")
    found = tuple([_chunk(value) for value in values])
    kinds = [chunk.kind for chunk in found]
    if kinds != sorted(kinds) or kinds[0] is not ChunkKind.RECORDS:
        raise MalformedError("the snapshot's chunks are not in the order of their kinds")
    return found


def _chunk(value: CborValue) -> ChunkName:
    match value:
        case [int(kind), bytes(digest)] if kind in set(ChunkKind) and len(digest) == _HASH:
            return ChunkName(ChunkKind(kind), digest)
    raise MalformedError("the snapshot's manifest names a chunk of no known kind")
