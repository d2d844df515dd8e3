"""Taking a snapshot that others offer: believed against a trusted app hash only, chunk by chunk.

A chunk whose bytes are not those of the manifest is its sender's fault and is fetched again from
another. A chunk that the manifest names and the app hash contradicts makes the whole snapshot
false. Nothing is written before it is verified, and nothing counts before all is there.
"""

from __future__ import annotations

import hashlib
from typing import Final

from registry_chain.state_machine.genesis import Genesis
from registry_chain.state_machine.state import StateSummary
from registry_chain.state_sync.manifest import FORMAT, MAX_CHUNK_BYTES, Manifest
from registry_chain.state_sync.receiving import Place, enter, receive
from registry_chain.state_sync.unfinished import UNFINISHED, clear_unfinished
from registry_chain.state_sync.verdicts import (
    ChunkAnswer,
    ChunkResult,
    OfferAnswer,
    OfferResult,
    StateSnapshot,
)
from registry_chain.storage.checkpoint import NO_BLOCK_HASH, NOTHING_YET
from registry_chain.storage.committed import GENESIS, POSITION, Position, read_position
from registry_chain.storage.errors import StoreRefusedError
from registry_chain.storage.extent import base_setting
from registry_chain.storage.sealed_block import height_key
from registry_chain.storage.store import ChainStore, Checkpoint, Table
from registry_chain.storage.stored_event import EVENTS_BASE
from weid.errors import MalformedError, ProofError

NOT_KNOWN: Final = b""
"""What stands in a position for what only headers say; see `Position`."""


def take_offer(
    offer: StateSnapshot, *, app_hash: bytes, genesis: Genesis, store: ChainStore
) -> tuple[OfferAnswer, SnapshotTaker | None]:
    """Judge an offered snapshot and, when it is accepted, return what takes its chunks.

    `app_hash` is that of the state at `offer.height`, as the light client verified it; `store`
    holds no chain, at most the remains of a snapshot that was not taken whole.
    """
    if offer.format != FORMAT:
        reason = f"the snapshot is of format {offer.format}, not {FORMAT}"
        return OfferAnswer(OfferResult.REJECT_FORMAT, reason), None
    try:
        manifest = _believed(offer, app_hash, genesis)
    except (MalformedError, ProofError) as error:
        return OfferAnswer(OfferResult.REJECT, error.message), None
    try:
        taker = SnapshotTaker(store, genesis, manifest, app_hash=app_hash, height=offer.height)
    except StoreRefusedError as error:
        return OfferAnswer(OfferResult.ABORT, error.message), None
    return OfferAnswer(OfferResult.ACCEPT), taker


def _believed(offer: StateSnapshot, app_hash: bytes, genesis: Genesis) -> Manifest:
    if hashlib.sha256(offer.metadata).digest() != offer.hash:
        raise ProofError("the snapshot's hash is not that of its manifest")
    manifest = Manifest.from_bytes(offer.metadata)
    if len(manifest.chunks) != offer.chunks:
        raise ProofError("the snapshot has another number of chunks than its manifest")
    _require_fits(manifest, genesis, offer.height, app_hash)
    return manifest


def _require_fits(manifest: Manifest, genesis: Genesis, height: int, app_hash: bytes) -> None:
    named = (manifest.chain_id, manifest.genesis_hash)
    if named != (genesis.chain_id, genesis.genesis_hash):
        raise ProofError("the snapshot is of another chain")
    if manifest.height != height or height < genesis.initial_height:
        raise ProofError("the snapshot is of another height")
    if manifest.app_hash != app_hash:
        raise ProofError("the snapshot's roots are not those of the trusted app hash")


class SnapshotTaker:
    """Takes the chunks of one snapshot into a store that holds no chain.

    `app_hash` is the trusted one of `height`. The remains of another snapshot are cleared first.
    Each chunk is one write, so that memory holds one chunk; the position is written last.

    Raises:
        StoreRefusedError: the store holds a chain.
        ProofError: the manifest does not fit the trusted app hash, height or genesis.
    """

    def __init__(
        self,
        store: ChainStore,
        genesis: Genesis,
        manifest: Manifest,
        *,
        app_hash: bytes,
        height: int,
    ) -> None:
        _require_fits(manifest, genesis, height, app_hash)
        with store.snapshot() as snapshot:
            if read_position(snapshot) is not None:
                raise StoreRefusedError(
                    "the store holds a chain already",
                    hint="a node that has a chain catches up by blocks; take a snapshot into a "
                    "new folder",
                )
        clear_unfinished(store)
        store.write({Table.SETTINGS: {UNFINISHED: manifest.hash}}, NOTHING_YET)
        self._store = store
        self._genesis = genesis
        self._manifest = manifest
        self._place = Place()
        self._next = 0
        self._finished = False

    @property
    def manifest(self) -> Manifest:
        """The manifest of the snapshot that is being taken."""
        return self._manifest

    @property
    def finished(self) -> bool:
        """Whether the state is whole and installed."""
        return self._finished

    def apply(self, index: int, chunk: bytes, sender: str = "") -> ChunkAnswer:
        """Verify a chunk and take it; with the last one the store holds the chain.

        `sender` is the peer's name, which comes back when the peer must not be asked again.

        Raises:
            StoreFullError, StoreStoppedError: it cannot be written; the same chunk may come again.
        """
        fault = self._sender_fault(index, chunk)
        if fault:
            refetch = (index,) if 0 <= index < len(self._manifest.chunks) else ()
            return ChunkAnswer(ChunkResult.RETRY, refetch, _named(sender), fault)
        if index > self._next:
            missing = tuple(range(self._next, index + 1))
            reason = f"chunk {self._next} has to come first"
            return ChunkAnswer(ChunkResult.RETRY, missing, reason=reason)
        try:
            if index == self._next:
                self._take(chunk)
            if self._next == len(self._manifest.chunks) and not self.finished:
                self._install()
        except (ProofError, MalformedError) as error:
            reason = f"chunk {index} of the snapshot is false: {error.message}"
            return ChunkAnswer(ChunkResult.REJECT_SNAPSHOT, (), _named(sender), reason)
        return ChunkAnswer(ChunkResult.ACCEPT)

    def _sender_fault(self, index: int, chunk: bytes) -> str:
        chunks = self._manifest.chunks
        if not 0 <= index < len(chunks):
            return f"the snapshot has no chunk {index}"
        if len(chunk) > MAX_CHUNK_BYTES:
            return f"chunk {index} is larger than {MAX_CHUNK_BYTES} bytes"
        if hashlib.sha256(chunk).digest() != chunks[index].hash:
            return f"chunk {index} is not the one of the manifest"
        return ""

    def _take(self, chunk: bytes) -> None:
        manifest = self._manifest
        with self._store.snapshot() as snapshot:
            kind = manifest.chunks[self._next].kind
            writes, place = receive(manifest, snapshot, self._place, kind, chunk)
        self._store.write(writes, NOTHING_YET)
        self._place = place
        self._next += 1

    def _install(self) -> None:
        manifest, place = self._manifest, self._place
        with self._store.snapshot() as snapshot:
            enter(manifest, snapshot, place, None)
        if not place.succeeded <= manifest.events:
            raise ProofError("the snapshot counts fewer events than transactions were carried out")
        summary = StateSummary(
            self._genesis.network,
            manifest.height,
            # The block's time is under no root. Records carry times of blocks up to it, so that the
            # newest of them is a bound that no later block can be before.
            max(self._genesis.genesis_time, place.time),
            manifest.smt_root,
            manifest.log_size,
            manifest.log_root,
        )
        position = Position(summary, NOT_KNOWN, NOT_KNOWN, manifest.events)
        settings = {
            GENESIS: self._genesis.to_json(),
            POSITION: position.encode(),
            EVENTS_BASE: height_key(manifest.events),
            UNFINISHED: None,
            **base_setting(manifest.height + 1),
        }
        checkpoint = Checkpoint(manifest.height, NO_BLOCK_HASH, manifest.app_hash)
        self._store.write({Table.SETTINGS: settings}, checkpoint)
        self._finished = True


def _named(sender: str) -> tuple[str, ...]:
    return (sender,) if sender else ()
