"""Records, trees and log in a store: made again from the records and compared byte for byte."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Final

from registry_chain.commitment.index import list_keys
from registry_chain.commitment.nodes import STATE_TREE, page_id
from registry_chain.commitment.operation_log import append_leaves, log_root
from registry_chain.commitment.sparse_merkle import prove_key, tree_root, update_tree
from registry_chain.storage.committed import SnapshotState
from registry_chain.storage.integrity.damage import Damage
from registry_chain.storage.store import Table
from weid.errors import MalformedError, ProofError
from weid.registry.proofs import verify_state_proof
from weid.registry.records import IndexRecord
from weid.registry.state_keys import state_key
from weid.registry.wire import decode_index

_NAMED: Final = 100
"""Damaged records that are named one by one; more say nothing new."""


class _Nothing:
    """A store of pages and tiles that has none yet."""

    def page(self, page_id: bytes) -> bytes | None:
        del page_id
        return None

    def tile(self, tile_id: bytes) -> bytes | None:
        del tile_id
        return None


def find_state_damage(state: SnapshotState) -> Iterator[Damage]:
    """Yield what is wrong with records and the pages of all trees."""
    hashes: dict[bytes, bytes] = {}
    lists: dict[str, IndexRecord] = {}
    for key, value in state.snapshot.items(Table.RECORDS):
        hashes[key] = hashlib.sha256(value).digest()
        index = _index_of(key, value)
        if index is not None:
            lists[index.list_id] = index
    pages = dict(state.snapshot.items(Table.PAGES))
    whole = update_tree(_Nothing(), STATE_TREE, hashes)
    if whole.root != state.summary.smt_root:
        yield from _record_faults(state, hashes)
    expected = dict(whole.pages)
    for list_id, index in sorted(lists.items()):
        yield from _list_faults(state, index, hashes, expected, list_id)
    yield from _differences(Table.PAGES, pages, expected)


def _index_of(key: bytes, value: bytes) -> IndexRecord | None:
    # A record does not say its kind; its key does, once it is read as that kind.
    try:
        index = decode_index(value)
    except (MalformedError, TypeError):
        return None
    return index if state_key("index", index.list_id.encode()) == key else None


def _record_faults(state: SnapshotState, hashes: Mapping[bytes, bytes]) -> Iterator[Damage]:
    """Yield the records that the stored pages do not lead to, and those that are missing."""
    named = 0
    for key in hashes:
        value = state.get(key)
        try:
            proof = prove_key(state, STATE_TREE, key, lambda other: hashes.get(other, bytes(32)))
            verify_state_proof(state.summary.smt_root, key, value, proof)
        except (ProofError, MalformedError, ValueError, IndexError):
            yield Damage(Table.RECORDS, key, "the record is not the one that the state has")
            named += 1
        if named == _NAMED:
            return
    try:
        standing = set(list_keys(state, STATE_TREE))
    except (MalformedError, ValueError, IndexError):
        return  # the pages are damaged, which is told elsewhere
    for key in sorted(standing - hashes.keys()):
        yield Damage(Table.RECORDS, key, "the record is missing")


def _list_faults(
    state: SnapshotState,
    index: IndexRecord,
    hashes: Mapping[bytes, bytes],
    expected: dict[bytes, bytes],
    list_id: str,
) -> Iterator[Damage]:
    try:
        keys = list_keys(state, list_id)
    except (MalformedError, ValueError, IndexError):
        keys = []
    members = {key: hashes[key] for key in keys if key in hashes}
    made = update_tree(_Nothing(), list_id, members)
    if made.root != index.root or len(members) != index.count:
        what = f"the pages of list {list_id} do not lead to its root"
        yield Damage(Table.PAGES, page_id(list_id, b""), what)
        # They are damaged somewhere; taking them as expected keeps them from being named twice.
        prefix = page_id(list_id, b"")
        found = state.snapshot.items(Table.PAGES, first=prefix, last=prefix + b"\xff" * 65)
        expected.update(found)
    else:
        expected.update(made.pages)


def log_holds(state: SnapshotState) -> bool:
    """Return whether the log's tiles lead to the log's root."""
    try:
        return log_root(state, state.summary.log_size) == state.summary.log_root
    except (ValueError, IndexError):
        return False


def tree_holds(state: SnapshotState) -> bool:
    """Return whether the top of the state tree's pages leads to its root."""
    try:
        return tree_root(state, STATE_TREE) == state.summary.smt_root
    except (MalformedError, ValueError, IndexError):
        return False


def find_log_damage(state: SnapshotState, leaves: list[bytes]) -> Iterator[Damage]:
    """Yield what is wrong with the operation log, whose leaves the receipts give."""
    summary = state.summary
    made = append_leaves(_Nothing(), 0, leaves)
    if len(leaves) != summary.log_size or (leaves and made.root != summary.log_root):
        what = f"the receipts give {len(leaves)} entries that are not the log's {summary.log_size}"
        yield Damage(Table.LOG, b"", what)
    yield from _differences(Table.LOG, dict(state.snapshot.items(Table.LOG)), made.tiles)


def _differences(
    table: Table, found: Mapping[bytes, bytes], expected: Mapping[bytes, bytes]
) -> Iterator[Damage]:
    for key in sorted(found.keys() | expected.keys()):
        if key not in found:
            yield Damage(table, key, "the entry is missing")
        elif key not in expected:
            yield Damage(table, key, "the entry belongs to nothing")
        elif found[key] != expected[key]:
            yield Damage(table, key, "the entry is not what the records give")
