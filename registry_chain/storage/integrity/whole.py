"""Everything in a store, checked: each table, each key (D7, G6). Takes minutes for millions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from registry_chain.commitment.index import list_keys
from registry_chain.state_machine.genesis import Genesis
from registry_chain.storage.checkpoint import INSIDE, NO_BLOCK_HASH, parse_inside
from registry_chain.storage.committed import (
    GENESIS,
    POSITION,
    SnapshotState,
    read_genesis,
)
from registry_chain.storage.errors import StoreDamagedError
from registry_chain.storage.extent import BASE, read_base
from registry_chain.storage.history import previous_version
from registry_chain.storage.integrity.blocks import BlockWalk
from registry_chain.storage.integrity.damage import Damage
from registry_chain.storage.integrity.receipts import AllReceipts
from registry_chain.storage.integrity.state import find_log_damage, find_state_damage
from registry_chain.storage.sealed_block import decode_validators, height_key, read_block
from registry_chain.storage.sqlite import SqliteChainStore
from registry_chain.storage.store import ChainStore, StoreSnapshot, Table
from registry_chain.storage.stored_event import EVENTS_BASE, decode_events, read_events_base
from weid.errors import MalformedError
from weid.registry.records import TemplateRecord
from weid.registry.state_keys import TEMPLATES
from weid.registry.wire import decode_record_as

_SETTINGS: Final = frozenset({GENESIS, POSITION, INSIDE, BASE, EVENTS_BASE})


def find_damage(store: ChainStore, *, sealed: bool = True) -> Iterator[Damage]:
    """Yield every place where a store's bytes are not what was written; nothing when all is well.

    One snapshot is read, so that a running engine may go on meanwhile. `sealed` as False lets the
    newest blocks be missing, as after a crash of a node that CometBFT runs: they follow.
    """
    if isinstance(store, SqliteChainStore):
        for fault in store.faults_below_tables():
            yield Damage("", b"", fault)
    with store.snapshot() as snapshot:
        try:
            yield from _find(snapshot, sealed=sealed)
        except StoreDamagedError as error:
            yield Damage(error.table, error.key, error.message, error.height)


def _find(snapshot: StoreSnapshot, *, sealed: bool) -> Iterator[Damage]:
    state = SnapshotState(snapshot)
    genesis = read_genesis(snapshot)
    yield from _setting_faults(state, genesis)
    receipts = AllReceipts(state)
    yield from receipts.damage()
    walk = BlockWalk(state, genesis, complete=receipts.complete, sealed=sealed)
    yield from walk.damage()
    yield from find_log_damage(state, receipts.leaves)
    yield from find_state_damage(state)
    yield from _hash_faults(snapshot)
    yield from _content_faults(state)
    yield from _event_faults(state)
    # The set that seals the next block is announced by the genesis where there is no block yet.
    yield from _validator_faults(
        snapshot,
        walk.sets_seen | {state.position.validators_hash},
        pruned=walk.base > genesis.initial_height,
    )
    yield from _surplus(state, walk)


def _setting_faults(state: SnapshotState, genesis: Genesis) -> Iterator[Damage]:
    snapshot = state.snapshot
    for name, _ in snapshot.items(Table.SETTINGS):
        if name not in _SETTINGS:
            yield Damage(Table.SETTINGS, name, "the entry belongs to nothing")
    inside = parse_inside(snapshot.get(Table.SETTINGS, INSIDE))
    if inside is None:
        return  # a store without a checkpoint beside it
    summary = state.summary
    if (inside.height, inside.app_hash) != (summary.height, summary.app_hash):
        yield Damage(Table.SETTINGS, INSIDE, "the checkpoint is not of the newest state")
        return
    block = read_block(snapshot, inside.height, with_transactions=False)
    if block is None and inside.height >= read_base(snapshot, genesis):
        return  # told as a missing block
    found = NO_BLOCK_HASH if block is None else block.header.hash()
    if found != inside.block_hash:
        yield Damage(Table.SETTINGS, INSIDE, "the checkpoint is not of the newest block")


def _hash_faults(snapshot: StoreSnapshot) -> Iterator[Damage]:
    for table in (Table.VERSIONS, Table.CONTENTS):
        for key, value in snapshot.items(table):
            if hashlib.sha256(value).digest() != key:
                yield Damage(table, key, "the bytes are not those that the key is the hash of")
    for table in (Table.RECORDS, Table.VERSIONS):
        for key, value in snapshot.items(table):
            previous = previous_version(value)
            if previous and snapshot.get(Table.VERSIONS, previous) is None:
                yield Damage(
                    Table.VERSIONS, previous, f"a former version of {key.hex()} is missing"
                )


def _content_faults(state: SnapshotState) -> Iterator[Damage]:
    for key in list_keys(state, TEMPLATES):
        value = state.get(key)
        try:
            record = decode_record_as(TemplateRecord, value or b"")
        except MalformedError:
            continue  # told as a damaged record
        if state.snapshot.get(Table.CONTENTS, record.digest) is None:
            yield Damage(Table.CONTENTS, record.digest, "the document of a template is missing")


def _event_faults(state: SnapshotState) -> Iterator[Damage]:
    expected = read_events_base(state.snapshot)
    for key, value in state.snapshot.items(Table.EVENTS):
        try:
            first = decode_events(key, value)[0].position
        except StoreDamagedError as error:
            yield Damage(Table.EVENTS, key, error.message)
        else:
            if first != expected:
                yield Damage(Table.EVENTS, key, f"the event at position {expected} is missing")
        expected = int.from_bytes(key, "big") + 1
    if expected != state.position.events:
        yield Damage(Table.EVENTS, height_key(expected), "the feed ends too early or too late")


def _validator_faults(
    snapshot: StoreSnapshot, seen: set[bytes], *, pruned: bool
) -> Iterator[Damage]:
    seen = {name for name in seen if name}  # after state sync nobody knows the next set yet
    found = dict(snapshot.items(Table.VALIDATORS))
    for key, value in found.items():
        # A set that sealed blocks which are no longer here stays: its key says what it is.
        if key not in seen and not pruned:
            yield Damage(Table.VALIDATORS, key, "the set sealed nothing and was never announced")
            continue
        try:
            decode_validators(value, expected_hash=key)
        except StoreDamagedError as error:
            yield Damage(Table.VALIDATORS, key, error.message)
    for key in sorted(seen - found.keys()):
        yield Damage(Table.VALIDATORS, key, "the set is missing")


def _surplus(state: SnapshotState, walk: BlockWalk) -> Iterator[Damage]:
    heights = range(walk.base, walk.last + 1)
    for key, _ in state.snapshot.items(Table.BLOCKS):
        if len(key) != 8 or int.from_bytes(key, "big") not in heights:
            yield Damage(Table.BLOCKS, key, "the block belongs to no height of the chain")
