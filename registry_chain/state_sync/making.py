"""Making the chunks of a snapshot out of one committed state, a chunk at a time (SS-03 to SS-07).

The same state gives the same chunks on every node: nothing of how a node came to the state enters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final, TypeVar

from registry_chain.commitment.index import prove_list_page, prove_range
from registry_chain.commitment.nodes import STATE_TREE
from registry_chain.commitment.operation_log import prove_consistency
from registry_chain.state_sync.chunks import (
    BytesChunk,
    ListPageKeys,
    ListsChunk,
    ReceiptsChunk,
    RecordsChunk,
)
from registry_chain.state_sync.following import (
    Pages,
    content_digests,
    histories,
    indexes,
)
from registry_chain.state_sync.manifest import CHUNK_BYTES, ChunkKind
from registry_chain.storage.committed import SnapshotState
from registry_chain.storage.errors import StoreDamagedError
from registry_chain.storage.history import previous_version
from registry_chain.storage.store import StoreSnapshot, Table
from weid.errors import MalformedError
from weid.registry.list_proofs import FIRST_KEY, ListProof
from weid.registry.wire import decode_receipt

_T = TypeVar("_T")
LIST_KEYS: Final = 512
"""Keys in one page of a list, whose records the taker holds in memory together."""
_ID: Final = 32
_IDS: Final = 4096
"""Receipts that are read at once."""


def chunks_of(
    state: SnapshotState, order: BinaryIO, *, size: int = CHUNK_BYTES
) -> Iterator[tuple[ChunkKind, bytes]]:
    """Yield kind and bytes of every chunk, in order.

    `order` is an empty file in which the receipts are put into the log's order; `size` the bytes
    at which a chunk is closed.

    Raises:
        StoreDamagedError: the store is not what was written.
    """
    for chunk in _records(state, size):
        yield ChunkKind.RECORDS, chunk.to_bytes()
    for raw in _receipts(state, order, size):
        yield ChunkKind.RECEIPTS, raw
    for pages in _sized(_list_pages(state.snapshot), size):
        yield ChunkKind.LISTS, ListsChunk(tuple(pages)).to_bytes()
    for values in _sized(_versions(state.snapshot), size):
        yield ChunkKind.VERSIONS, BytesChunk(tuple(values)).to_bytes()
    for values in _sized(_contents(state.snapshot), size):
        yield ChunkKind.CONTENTS, BytesChunk(tuple(values)).to_bytes()


def _sized(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """Yield runs of items, each closed when it has reached a size."""
    run: list[_T] = []
    total = 0
    for item in items:
        run.append(item)
        total += _size(item)
        if total >= size:
            yield run
            run, total = [], 0
    if run:
        yield run


def _size(item: object) -> int:
    if isinstance(item, bytes):
        return len(item) + 5
    if isinstance(item, ListPageKeys):
        return len(item.list_id) + 34 * len(item.keys) + len(item.proof.to_bytes()) + 16
    assert isinstance(item, tuple)  # noqa: S101 - key and record
    return sum(map(_size, item))


def _records(state: SnapshotState, size: int) -> Iterator[RecordsChunk]:
    start = FIRST_KEY
    runs = _sized(state.snapshot.items(Table.RECORDS), size)
    entries = next(runs, None)
    while entries is not None:
        following = next(runs, None)
        end = b"" if following is None else following[0][0]
        yield RecordsChunk(tuple(entries), _range_proof(state, start, end))
        start, entries = end, following


def _range_proof(state: SnapshotState, start: bytes, end: bytes) -> ListProof:
    try:
        return prove_range(
            state,
            STATE_TREE,
            lambda key: hashlib.sha256(state.get(key) or b"").digest(),
            start=start,
            end=end,
        )
    except (MalformedError, ValueError, IndexError) as error:
        raise StoreDamagedError("the pages of the state tree are damaged") from error


# --- Receipts ------------------------------------------------------------------------------------


def _receipts(state: SnapshotState, order: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield chunks of receipts in the order of the log; the store has them by transaction id."""
    for key, value in state.snapshot.items(Table.RECEIPTS):
        order.seek(_position(key, value) * _ID)
        order.write(key)
    order.flush()
    end = 0
    log_size = state.summary.log_size
    for values in _sized(_in_order(state.snapshot, order, log_size), size):
        end += len(values)
        path = prove_consistency(state, end, log_size).path
        yield ReceiptsChunk(tuple(values), path).to_bytes()


def _in_order(snapshot: StoreSnapshot, order: BinaryIO, log_size: int) -> Iterator[bytes]:
    order.seek(0)
    for first in range(0, log_size, _IDS):
        raw = order.read(_ID * min(_IDS, log_size - first))
        ids = [raw[at : at + _ID] for at in range(0, len(raw), _ID)]
        found = snapshot.get_many(Table.RECEIPTS, ids)
        for number in range(min(_IDS, log_size - first)):
            value = found.get(ids[number]) if number < len(ids) else None
            if value is None or _position(ids[number], value) != first + number:
                raise StoreDamagedError(
                    f"the receipt at position {first + number} is missing", table=Table.RECEIPTS
                )
            yield value


def _position(key: bytes, value: bytes) -> int:
    try:
        return decode_receipt(value).position
    except MalformedError as error:
        raise StoreDamagedError("a receipt is damaged", table=Table.RECEIPTS, key=key) from error


# --- Lists, former versions, documents -----------------------------------------------------------


def _list_pages(snapshot: StoreSnapshot) -> Iterator[ListPageKeys]:
    pages = Pages(snapshot)
    for _, index in indexes(snapshot):
        start = FIRST_KEY
        while start:
            page = prove_list_page(
                pages,
                index.list_id,
                lambda _: b"",
                lambda other: hashlib.sha256(snapshot.get(Table.RECORDS, other) or b"").digest(),
                start=start,
                limit=LIST_KEYS,
            )
            yield ListPageKeys(index.list_id, tuple([k for k, _ in page.entries]), page.proof)
            start = page.proof.end


def _versions(snapshot: StoreSnapshot) -> Iterator[bytes]:
    for place in histories(snapshot):
        awaited = place.awaited
        while awaited:
            version = snapshot.get(Table.VERSIONS, awaited)
            if version is None:
                raise StoreDamagedError(
                    f"a former version of {place.key.hex()} is missing",
                    table=Table.VERSIONS,
                    key=awaited,
                )
            yield version
            awaited = previous_version(version)


def _contents(snapshot: StoreSnapshot) -> Iterator[bytes]:
    for digest in content_digests(snapshot):
        value = snapshot.get(Table.CONTENTS, digest)
        if value is None:
            raise StoreDamagedError(
                "the document of a template is missing", table=Table.CONTENTS, key=digest
            )
        yield value
