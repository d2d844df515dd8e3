"""Verifying the chunks of a snapshot, each by itself, and what a store then holds of it.

What a chunk must be is known before it comes: the roots from the app hash, the rest from chunks
before it. A step returns what to write and where the snapshot then stands; it alters nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from registry_chain.commitment.nodes import STATE_TREE
from registry_chain.commitment.operation_log import append_leaves
from registry_chain.commitment.sparse_merkle import update_tree
from registry_chain.state_sync.chunks import (
    BytesChunk,
    ListPageKeys,
    ListsChunk,
    ReceiptsChunk,
    RecordsChunk,
)
from registry_chain.state_sync.following import (
    HistoryPlace,
    Pages,
    content_digests,
    histories,
    indexes,
)
from registry_chain.state_sync.making import LIST_KEYS
from registry_chain.state_sync.manifest import ChunkKind, Manifest
from registry_chain.storage.history import previous_version, version_time
from registry_chain.storage.store import StoreSnapshot, Table, Writes
from weid import limits
from weid.errors import ProofError
from weid.registry.list_proofs import FIRST_KEY, ListPage, verify_list_page
from weid.registry.log_proofs import LogConsistencyProof, log_leaf, verify_log_consistency
from weid.registry.records import IndexRecord, Receipt
from weid.registry.wire import decode_receipt, encode_receipt

_END: Final = b""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a snapshot was taken.

    `record` is the first state key of the next records, empty behind the last; `time` the newest
    time of a record so far; `log_size` and `log_root` the log so far, `succeeded` how many of its
    transactions were carried out; `list_key` the state key of the index record whose list is next
    (empty: none), `list_start` and `listed` where in it; `history` the version that is next;
    `contents` how many documents are there.
    """

    kind: ChunkKind = ChunkKind.RECORDS
    record: bytes = FIRST_KEY
    time: int = 0
    log_size: int = 0
    log_root: bytes = bytes(32)
    succeeded: int = 0
    list_key: bytes = _END
    list_start: bytes = FIRST_KEY
    listed: int = 0
    history: HistoryPlace | None = None
    contents: int = 0


Step = tuple[dict[Table, dict[bytes, bytes]], Place]


def receive(
    manifest: Manifest, snapshot: StoreSnapshot, place: Place, kind: ChunkKind, data: bytes
) -> tuple[Writes, Place]:
    """Verify the next chunk and return what to write, and where the snapshot then stands.

    `snapshot` has all that the chunks before gave.

    Raises:
        ProofError: the chunk is not what the app hash, or what is there, says.
        MalformedError: it is not a chunk of its kind.
    """
    place = enter(manifest, snapshot, place, kind)
    return _STEPS[kind](manifest, snapshot, place, data)


def enter(
    manifest: Manifest, snapshot: StoreSnapshot, place: Place, kind: ChunkKind | None
) -> Place:
    """Return the place at the beginning of a kind, None for the end of the snapshot.

    Raises:
        ProofError: something of the kinds before is still to come.
    """
    last = max(ChunkKind) + 1
    target = last if kind is None else int(kind)
    while place.kind < target:
        _require_whole(manifest, snapshot, place)
        if place.kind + 1 == last:
            break
        place = _begin(snapshot, replace(place, kind=ChunkKind(place.kind + 1)))
    return place


def _begin(snapshot: StoreSnapshot, place: Place) -> Place:
    if place.kind is ChunkKind.LISTS:
        return replace(place, list_key=_key(next(indexes(snapshot), None)))
    if place.kind is ChunkKind.VERSIONS:
        return replace(place, history=next(histories(snapshot), None))
    return place


def _require_whole(manifest: Manifest, snapshot: StoreSnapshot, place: Place) -> None:
    whole = {
        ChunkKind.RECORDS: lambda: place.record == _END,
        ChunkKind.RECEIPTS: lambda: place.log_size == manifest.log_size,
        ChunkKind.LISTS: lambda: place.list_key == _END,
        ChunkKind.VERSIONS: lambda: place.history is None,
        ChunkKind.CONTENTS: lambda: place.contents == len(content_digests(snapshot)),
    }
    if not whole[place.kind]():
        raise ProofError(f"the snapshot leaves out {_WHAT[place.kind]}")


_WHAT: Final = {
    ChunkKind.RECORDS: "records of the state tree",
    ChunkKind.RECEIPTS: "receipts of the log",
    ChunkKind.LISTS: "records of a list",
    ChunkKind.VERSIONS: "former versions of records",
    ChunkKind.CONTENTS: "documents of templates",
}


# --- Records -------------------------------------------------------------------------------------


def _records(manifest: Manifest, snapshot: StoreSnapshot, place: Place, data: bytes) -> Step:
    chunk = RecordsChunk.from_bytes(data)
    if place.record == _END or chunk.proof.start != place.record:
        raise ProofError("the records do not follow on those before")
    if any(len(value) > limits.RECORD_BYTES for _, value in chunk.entries):
        raise ProofError("a record is larger than a record can be")
    root = IndexRecord(STATE_TREE, 0, manifest.smt_root)
    verify_list_page(root, ListPage(chunk.entries, chunk.proof))
    hashes = {key: hashlib.sha256(value).digest() for key, value in chunk.entries}
    pages = update_tree(Pages(snapshot), STATE_TREE, hashes).pages
    newest = max((version_time(value) for _, value in chunk.entries), default=0)
    return (
        {Table.RECORDS: dict(chunk.entries), Table.PAGES: pages},
        replace(place, record=chunk.proof.end, time=max(place.time, newest)),
    )


# --- Receipts ------------------------------------------------------------------------------------


def _receipts(manifest: Manifest, snapshot: StoreSnapshot, place: Place, data: bytes) -> Step:
    chunk = ReceiptsChunk.from_bytes(data)
    end = place.log_size + len(chunk.receipts)
    if end > manifest.log_size:
        raise ProofError("there are more receipts than the log has entries")
    receipts = [
        _receipt(raw, position) for position, raw in enumerate(chunk.receipts, place.log_size)
    ]
    leaves = [log_leaf(r.transaction_id, r.height, r.code, r.data) for r in receipts]
    log = append_leaves(Pages(snapshot), place.log_size, leaves)
    proof = LogConsistencyProof(end, manifest.log_size, chunk.path)
    verify_log_consistency(log.root, manifest.log_root, proof)
    values = {r.transaction_id: raw for r, raw in zip(receipts, chunk.receipts, strict=True)}
    known = len(values) != len(receipts) or snapshot.get_many(Table.RECEIPTS, list(values))
    if known:
        raise ProofError("a transaction has two receipts")
    succeeded = place.succeeded + sum(1 for receipt in receipts if receipt.code == 0)
    return (
        {Table.RECEIPTS: values, Table.LOG: log.tiles},
        replace(place, log_size=end, log_root=log.root, succeeded=succeeded),
    )


def _receipt(raw: bytes, position: int) -> Receipt:
    receipt = decode_receipt(raw)
    if receipt.position != position or encode_receipt(receipt) != raw:
        raise ProofError(f"the receipt for position {position} of the log has another place")
    return receipt


# --- Lists ---------------------------------------------------------------------------------------


class _Overlay:
    """Pages just made over those of the store: pages of one list may be in one chunk."""

    def __init__(self, below: Pages, above: Mapping[bytes, bytes]) -> None:
        self._below = below
        self._above = above

    def page(self, page_id: bytes) -> bytes | None:
        return self._above.get(page_id) or self._below.page(page_id)


def _lists(manifest: Manifest, snapshot: StoreSnapshot, place: Place, data: bytes) -> Step:
    del manifest
    made: dict[bytes, bytes] = {}
    walk = indexes(snapshot, place.list_key)
    index = next(walk, None) if place.list_key else None
    start, listed = place.list_start, place.listed
    for page in ListsChunk.from_bytes(data).pages:
        if index is None or page.list_id != index[1].list_id or page.proof.start != start:
            raise ProofError("a page of a list does not follow on the one before")
        made.update(_list_page(snapshot, index[1], page, made))
        start = page.proof.end
        listed += len(page.keys)
        if page.proof.last:
            if listed != index[1].count:
                raise ProofError(f"the list {page.list_id} has another number of records")
            index, start, listed = next(walk, None), FIRST_KEY, 0
    place = replace(place, list_key=_key(index), list_start=start, listed=listed)
    return {Table.PAGES: made}, place


def _key(index: tuple[bytes, IndexRecord] | None) -> bytes:
    return _END if index is None else index[0]


def _list_page(
    snapshot: StoreSnapshot, index: IndexRecord, page: ListPageKeys, made: Mapping[bytes, bytes]
) -> dict[bytes, bytes]:
    """Return the tree's pages that a page of a list gives, which leads to the list's root."""
    if len(page.keys) > LIST_KEYS:
        raise ProofError("a page of a list has too many records")
    values = snapshot.get_many(Table.RECORDS, page.keys)
    entries = tuple([(key, values.get(key, b"")) for key in page.keys])
    verify_list_page(index, ListPage(entries, page.proof))
    hashes = {key: hashlib.sha256(value).digest() for key, value in entries}
    return update_tree(_Overlay(Pages(snapshot), made), index.list_id, hashes).pages


# --- Former versions, documents ------------------------------------------------------------------


def _versions(manifest: Manifest, snapshot: StoreSnapshot, place: Place, data: bytes) -> Step:
    del manifest
    values: dict[bytes, bytes] = {}
    history = place.history
    walk = histories(snapshot, _END if history is None else history.key)
    next(walk, None)  # the record that is being walked
    for version in BytesChunk.from_bytes(data).values:
        name = hashlib.sha256(version).digest()
        if history is None or name != history.awaited:
            raise ProofError("a former version is not the one that the record after it names")
        values[name] = version
        previous = previous_version(version)
        history = HistoryPlace(history.key, previous) if previous else next(walk, None)
    return {Table.VERSIONS: values}, replace(place, history=history)


def _contents(manifest: Manifest, snapshot: StoreSnapshot, place: Place, data: bytes) -> Step:
    del manifest
    values: dict[bytes, bytes] = {}
    digests = content_digests(snapshot)
    count = place.contents
    for document in BytesChunk.from_bytes(data).values:
        name = hashlib.sha256(document).digest()
        if count == len(digests) or name != digests[count]:
            raise ProofError("a document is not the one that its template names")
        values[name] = document
        count += 1
    return {Table.CONTENTS: values}, replace(place, contents=count)


_STEPS: Final[
    Mapping[ChunkKind, Callable[[Manifest, StoreSnapshot, Place, bytes], tuple[Writes, Place]]]
] = {
    ChunkKind.RECORDS: _records,
    ChunkKind.RECEIPTS: _receipts,
    ChunkKind.LISTS: _lists,
    ChunkKind.VERSIONS: _versions,
    ChunkKind.CONTENTS: _contents,
}
