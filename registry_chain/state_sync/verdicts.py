"""A snapshot as it is offered, and what a node says to it and to each chunk: in ABCI's words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class OfferResult(IntEnum):
    """ABCI's ResponseOfferSnapshot.Result."""

    ACCEPT = 1
    ABORT = 2
    REJECT = 3
    REJECT_FORMAT = 4
    REJECT_SENDER = 5


class ChunkResult(IntEnum):
    """ABCI's ResponseApplySnapshotChunk.Result."""

    ACCEPT = 1
    ABORT = 2
    RETRY = 3
    RETRY_SNAPSHOT = 4
    REJECT_SNAPSHOT = 5


@dataclass(frozen=True, slots=True)
class StateSnapshot:
    """A state that a new node can be given in `chunks` pieces, as ABCI has it.

    `metadata` is the manifest, `hash` its SHA-256.
    """

    height: int
    format: int
    chunks: int
    hash: bytes
    metadata: bytes


@dataclass(frozen=True, slots=True)
class OfferAnswer:
    """What becomes of an offer; `reason` is empty when it is accepted."""

    result: OfferResult
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ChunkAnswer:
    """What becomes of a chunk: chunks to fetch again, and peers not to be asked any more."""

    result: ChunkResult
    refetch: tuple[int, ...] = ()
    rejected_senders: tuple[str, ...] = ()
    reason: str = ""
