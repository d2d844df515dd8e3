"""Answers from committed state, each with its proof against the newest header.

Each answer is read in one snapshot of the store, so that its parts belong together; nothing here
waits for the engine or makes it wait. This is a `weid.registry.proof_source.ProofSource`.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from typing import Final

from registry_chain.commitment.index import prove_list_page
from registry_chain.commitment.nodes import STATE_TREE
from registry_chain.commitment.operation_log import prove_consistency, prove_inclusion
from registry_chain.commitment.sparse_merkle import prove_key
from registry_chain.state_machine.genesis import Genesis
from registry_chain.storage.committed import SnapshotState, read_genesis
from registry_chain.storage.errors import StoreDamagedError
from registry_chain.storage.extent import require_kept
from registry_chain.storage.history import previous_version
from registry_chain.storage.sealed_block import SealedBlock, read_block, read_light_block
from registry_chain.storage.store import ChainStore, Table
from registry_chain.storage.stored_event import StoredEvent, read_events
from weid import limits
from weid.errors import MalformedError, RegistryUnavailableError
from weid.registry.answers import (
    HISTORY_PAGE,
    LIST_PAGE,
    ConsistencyAnswer,
    HistoryAnswer,
    ListAnswer,
    ReceiptAnswer,
    RecordAnswer,
    StateRoots,
)
from weid.registry.light_block import LightBlock
from weid.registry.list_proofs import FIRST_KEY, ListPage
from weid.registry.proofs import StateProof
from weid.registry.records import Receipt
from weid.registry.state_keys import state_key
from weid.registry.wire import decode_receipt

_LIST_BYTES: Final = limits.FETCH_BYTES // 2
"""Record bytes in one page of a list; what a client fetches at once holds them in base64 too."""


class CommittedReader:
    """Proved answers out of a store (`ProofSource`), and blocks, events and receipts.

    Every method may raise `StoreDamagedError` where a byte is not what was written.
    """

    def __init__(self, store: ChainStore) -> None:
        self._store = store
        with store.snapshot() as snapshot:
            self._genesis = read_genesis(snapshot)

    @property
    def genesis_file(self) -> Genesis:
        """The genesis of the chain."""
        return self._genesis

    # --- ProofSource -----------------------------------------------------------------------------

    def genesis(self) -> bytes:
        """Return the genesis in its canonical bytes, of which the genesis hash is."""
        return self._genesis.to_bytes()

    def light_block(self, height: int | None) -> LightBlock:
        """Return header, commit and validators at a height, or of the newest block.

        Raises:
            RegistryUnavailableError: there is no block at that height.
            BlockNotKeptError: there was one, and the store begins above it.
        """
        with self._store.snapshot() as snapshot:
            if height is None:
                height = SnapshotState(snapshot).header_height
            require_kept(snapshot, self._genesis, height)
            block = read_light_block(snapshot, height)
        if block is None:
            raise RegistryUnavailableError(f"there is no block at height {height} here")
        return block

    def record(self, namespace: str, record_id: bytes) -> RecordAnswer:
        """Return a record or its absence, with proof."""
        with self._state() as state:
            key = state_key(namespace, record_id)
            return RecordAnswer(_roots(state), state.get(key), _prove(state, key))

    def list_page(
        self, list_id: str, start: bytes = FIRST_KEY, *, limit: int = LIST_PAGE
    ) -> ListAnswer:
        """Return a page of a complete list, from a key (32 bytes) on, with proof."""
        with self._state() as state:
            key = state_key("index", list_id.encode())
            index = state.get(key)
            proof = _prove(state, key)
            if index is None:
                return ListAnswer(_roots(state), None, proof, None)
            limit = max(1, min(limit, LIST_PAGE))
            page = _page(state, list_id, start, limit)
            while len(page.entries) > 1 and sum(len(v) for _, v in page.entries) > _LIST_BYTES:
                limit = len(page.entries) // 2
                page = _page(state, list_id, start, limit)
            return ListAnswer(_roots(state), index, proof, page)

    def history(self, digest: bytes) -> HistoryAnswer:
        """Return the former version whose SHA-256 is `digest`, and those before it, newest first.

        Empty where no record ever had those bytes.
        """
        versions: list[bytes] = []
        with self._store.snapshot() as snapshot:
            while digest and len(versions) < HISTORY_PAGE:
                value = snapshot.get(Table.VERSIONS, digest)
                if value is None:
                    break
                if hashlib.sha256(value).digest() != digest:
                    raise _damaged(Table.VERSIONS, digest)
                versions.append(value)
                digest = previous_version(value)
        return HistoryAnswer(tuple(versions))

    def content(self, digest: bytes) -> bytes | None:
        """Return the template document whose SHA-256 is `digest`; None: not kept here."""
        value = self._store.get(Table.CONTENTS, digest)
        if value is not None and hashlib.sha256(value).digest() != digest:
            raise _damaged(Table.CONTENTS, digest)
        return value

    def receipt(self, transaction_id: bytes) -> ReceiptAnswer | None:
        """Return a receipt with its place in the log; None: not known here."""
        with self._state() as state:
            value = state.snapshot.get(Table.RECEIPTS, transaction_id)
            if value is None:
                return None
            receipt = _receipt(transaction_id, value)
            proof = prove_inclusion(state, receipt.position, state.summary.log_size)
            return ReceiptAnswer(_roots(state), receipt, proof.path)

    def consistency(self, first: int) -> ConsistencyAnswer:
        """Return the proof that the log of `first` leaves begins the log as it is now.

        Raises:
            RegistryUnavailableError: the log is not that long here.
        """
        with self._state() as state:
            size = state.summary.log_size
            if not 0 <= first <= size:
                raise RegistryUnavailableError(f"the log has {size} entries here, not {first}")
            proof = prove_consistency(state, first, size)
            return ConsistencyAnswer(_roots(state), first, proof.path)

    # --- Beyond proofs: what an explorer and a feed show -----------------------------------------

    def height(self) -> int:
        """Return the height of the newest block."""
        with self._state() as state:
            return state.header_height

    def block(self, height: int) -> SealedBlock | None:
        """Return a block with its transactions, or None where there is none."""
        with self._store.snapshot() as snapshot:
            return read_block(snapshot, height)

    def events(self, *, first: int, limit: int) -> list[StoredEvent]:
        """Return up to `limit` events from a position of the feed on, in order."""
        with self._store.snapshot() as snapshot:
            return read_events(snapshot, first=first, limit=limit)

    def event_count(self) -> int:
        """Return how many events there are: the position of the next one."""
        with self._state() as state:
            return state.position.events

    def stored_receipt(self, transaction_id: bytes) -> Receipt | None:
        """Return a receipt without its proof."""
        value = self._store.get(Table.RECEIPTS, transaction_id)
        return None if value is None else _receipt(transaction_id, value)

    @contextlib.contextmanager
    def _state(self) -> Iterator[SnapshotState]:
        with self._store.snapshot() as snapshot:
            yield SnapshotState(snapshot)


def _roots(state: SnapshotState) -> StateRoots:
    summary = state.summary
    return StateRoots(state.header_height, summary.smt_root, summary.log_size, summary.log_root)


def _value(state: SnapshotState, key: bytes) -> bytes:
    value = state.get(key)
    if value is None:
        raise StoreDamagedError(
            "a record is missing that the state tree has", table=Table.RECORDS, key=key
        )
    return value


def _value_hash(state: SnapshotState, key: bytes) -> bytes:
    return hashlib.sha256(_value(state, key)).digest()


def _prove(state: SnapshotState, key: bytes) -> StateProof:
    return prove_key(state, STATE_TREE, key, lambda other: _value_hash(state, other))


def _page(state: SnapshotState, list_id: str, start: bytes, limit: int) -> ListPage:
    return prove_list_page(
        state,
        list_id,
        lambda key: _value(state, key),
        lambda key: _value_hash(state, key),
        start=start,
        limit=limit,
    )


def _receipt(transaction_id: bytes, value: bytes) -> Receipt:
    try:
        receipt = decode_receipt(value)
    except MalformedError as error:
        raise _damaged(Table.RECEIPTS, transaction_id) from error
    if receipt.transaction_id != transaction_id:
        raise _damaged(Table.RECEIPTS, transaction_id)
    return receipt


def _damaged(table: Table, key: bytes) -> StoreDamagedError:
    return StoreDamagedError(f"an entry of {table} is damaged", table=table, key=key)
