"""Everything in a store, checked: each table, each key (D7, G6). Takes minutes for millions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from registry_chain.commitment.index import list_keys
from registry_chain.storage.checkpoint import INSIDE, NO_BLOCK_HASH, parse_inside
from registry_chain.storage.committed import (
    GENESIS,
    POSITION,
    SnapshotState,
    read_genesis,
)
from registry_chain.storage.errors import StoreDamagedError
from registry_chain.storage.history import previous_version
from registry_chain.storage.integrity.blocks import BlockWalk
from registry_chain.storage.integrity.damage import Damage
from registry_chain.storage.integrity.state import find_log_damage, find_state_damage
from registry_chain.storage.sealed_block import decode_validators, height_key, read_block
from registry_chain.storage.sqlite import SqliteChainStore
from registry_chain.storage.store import ChainStore, StoreSnapshot, Table
from registry_chain.storage.stored_event import decode_events
from weid.errors import MalformedError
from weid.registry.records import TemplateRecord
from weid.registry.state_keys import TEMPLATES
from weid.registry.wire import decode_record_as


def find_damage(store: ChainStore) -> Iterator[Damage]:
    """Yield every place where a store's bytes are not what was written; nothing when all is well.

    One snapshot is read, so that a running engine may go on meanwhile.
    """
    if isinstance(store, SqliteChainStore):
        for fault in store.faults_below_tables():
            yield Damage("", b"", fault)
    with store.snapshot() as snapshot:
        try:
            yield from _find(snapshot)
        except StoreDamagedError as error:
            yield Damage(error.table, error.key, error.message, error.height)


def _find(snapshot: StoreSnapshot) -> Iterator[Damage]:
    state = SnapshotState(snapshot)
    genesis = read_genesis(snapshot)
    yield from _setting_faults(state)
    walk = BlockWalk(state, genesis)
    yield from walk.damage()
    yield from find_log_damage(state, walk.leaves)
    yield from find_state_damage(state)
    yield from _hash_faults(snapshot)
    yield from _content_faults(state)
    yield from _event_faults(state)
    # The set that seals the next block is announced by the genesis where there is no block yet.
    yield from _validator_faults(snapshot, walk.sets_seen | {state.position.validators_hash})
    yield from _surplus(state, genesis.initial_height, len(walk.leaves))


def _setting_faults(state: SnapshotState) -> Iterator[Damage]:
    snapshot = state.snapshot
    for name, _ in snapshot.items(Table.SETTINGS):
        if name not in {GENESIS, POSITION, INSIDE}:
            yield Damage(Table.SETTINGS, name, "the entry belongs to nothing")
    inside = parse_inside(snapshot.get(Table.SETTINGS, INSIDE))
    if inside is None:
        return  # a store without a checkpoint beside it
    summary = state.summary
    block = read_block(snapshot, inside.height, with_transactions=False)
    block_hash = NO_BLOCK_HASH if block is None else block.header.hash()
    if (inside.height, inside.app_hash, inside.block_hash) != (
        summary.height,
        summary.app_hash,
        block_hash,
    ):
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
    expected = 0
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


def _validator_faults(snapshot: StoreSnapshot, seen: set[bytes]) -> Iterator[Damage]:
    found = dict(snapshot.items(Table.VALIDATORS))
    for key, value in found.items():
        if key not in seen:
            yield Damage(Table.VALIDATORS, key, "the set sealed nothing and was never announced")
            continue
        try:
            decode_validators(value, expected_hash=key)
        except StoreDamagedError as error:
            yield Damage(Table.VALIDATORS, key, error.message)
    for key in sorted(seen - found.keys()):
        yield Damage(Table.VALIDATORS, key, "the set is missing")


def _surplus(state: SnapshotState, initial_height: int, receipts: int) -> Iterator[Damage]:
    snapshot = state.snapshot
    heights = range(initial_height, state.summary.height + 1)
    for key, _ in snapshot.items(Table.BLOCKS):
        if len(key) != 8 or int.from_bytes(key, "big") not in heights:
            yield Damage(Table.BLOCKS, key, "the block belongs to no height of the chain")
    if snapshot.count(Table.RECEIPTS) != receipts:
        yield Damage(Table.RECEIPTS, b"", "there are more receipts than transactions")
