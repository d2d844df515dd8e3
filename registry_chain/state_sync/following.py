"""What follows in a snapshot, from what is there already: lists, former versions, documents.

Maker and taker walk the same records in the same order (ascending state keys), so that both know
what the next chunk must hold; where a walk stands is a small value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from registry_chain.commitment.index import list_keys
from registry_chain.storage.errors import StoreDamagedError
from registry_chain.storage.history import previous_version
from registry_chain.storage.store import StoreSnapshot, Table
from weid.errors import MalformedError
from weid.registry.records import IndexRecord, TemplateRecord
from weid.registry.state_keys import TEMPLATES, state_key
from weid.registry.wire import decode_index, decode_record_as

# CBOR array of four whose first is 1: what the bytes of an index record begin with.
_INDEX_HEAD = b"\x84\x01"
# CBOR byte string of 32 bytes: what stands before the hash of a former version.
_HASH_HEAD = b"\x58\x20"


class Pages:
    """The pages and tiles of a snapshot of a store (PageReader and TileReader)."""

    __slots__ = ("_snapshot",)

    def __init__(self, snapshot: StoreSnapshot) -> None:
        self._snapshot = snapshot

    def page(self, page_id: bytes) -> bytes | None:
        """Return a page, or None."""
        return self._snapshot.get(Table.PAGES, page_id)

    def tile(self, tile_id: bytes) -> bytes | None:
        """Return a tile, or None."""
        return self._snapshot.get(Table.LOG, tile_id)


def indexes(snapshot: StoreSnapshot, first: bytes = b"") -> Iterator[tuple[bytes, IndexRecord]]:
    """Yield state key and record of the index of each list, from a state key on."""
    for key, value in snapshot.items(Table.RECORDS, first=first):
        if value.startswith(_INDEX_HEAD):
            index = _index_of(key, value)
            if index is not None:
                yield key, index


def _index_of(key: bytes, value: bytes) -> IndexRecord | None:
    # A record does not say its kind; its key does, once it is read as that kind.
    try:
        index = decode_index(value)
    except (MalformedError, TypeError, ValueError):
        return None
    return index if state_key("index", index.list_id.encode()) == key else None


@dataclass(frozen=True, slots=True)
class HistoryPlace:
    """Between former versions: under `key` the one with the hash `awaited` is next."""

    key: bytes
    awaited: bytes


def histories(snapshot: StoreSnapshot, first: bytes = b"") -> Iterator[HistoryPlace]:
    """Yield the newest former version of each record that has one, from a state key on."""
    for key, value in snapshot.items(Table.RECORDS, first=first):
        # Most records have none, which their last bytes say without reading them.
        previous = previous_version(value) if value[-34:-32] == _HASH_HEAD else b""
        if previous:
            yield HistoryPlace(key, previous)


def content_digests(snapshot: StoreSnapshot) -> list[bytes]:
    """Return the SHA-256 of each template's document, in the order of the list of templates.

    Raises:
        StoreDamagedError: a template of the list is not there.
    """
    digests = []
    for key in list_keys(Pages(snapshot), TEMPLATES):
        try:
            value = snapshot.get(Table.RECORDS, key)
            digests.append(decode_record_as(TemplateRecord, value or b"").digest)
        except MalformedError as error:
            raise StoreDamagedError(
                "a listed template is damaged", table=Table.RECORDS, key=key
            ) from error
    return digests
