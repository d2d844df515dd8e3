"""Stores of chains that several validators decide, and stores that begin above the genesis."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from random import Random

import pytest

from registry_chain.application import RegistryApplication
from registry_chain.state_machine.block import Misbehaviour
from registry_chain.storage.checkpoint import INSIDE, parse_inside
from registry_chain.storage.committed import read_genesis
from registry_chain.storage.errors import StoreDamagedError
from registry_chain.storage.extent import BASE, base_setting, newest_height, read_base
from registry_chain.storage.integrity import Damage, check_sample, find_damage
from registry_chain.storage.memory import MemoryChainStore
from registry_chain.storage.sealed_block import (
    SealedBlock,
    decode_block,
    decode_validators,
    encode_block,
    encode_validators,
    height_key,
)
from registry_chain.storage.sqlite import SqliteChainStore
from registry_chain.storage.store import Checkpoint, Table
from tests.support.chain_world import NOW, genesis
from tests.support.clauses import clause
from tests.support.decided_chain import KEYS, DecidedChain, random_decided
from weid.registry.headers import VoteFlag
from weid.registry.light_block import LightBlock

FIXTURES = Path(__file__).parents[3] / "fixtures" / "cometbft"
FAULT = Misbehaviour(b"\x07" * 20, 3, "duplicate_vote")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("decided") / "chain"
    chain = random_decided(SqliteChainStore(folder), 7, 40)
    newest = chain.blocks[-1].header
    chain.block(time=newest.time, misbehaviour=(FAULT,), next_keys=KEYS[:4])
    chain.block(time=newest.time + 1)
    chain.block(b"broken", *chain.blocks[5].transactions, time=newest.time + 2)
    flags = {entry.flag for block in chain.blocks for entry in block.commit.signatures}
    assert flags == set(VoteFlag)
    recorded = sum(len(outcome.receipts) for outcome in chain.outcomes)
    assert 0 < recorded < sum(len(block.transactions) for block in chain.blocks)
    chain.store.close()
    return folder


@pytest.fixture
def store(original: Path, tmp_path: Path) -> SqliteChainStore:
    shutil.copytree(original, tmp_path / "chain")
    return SqliteChainStore(tmp_path / "chain")


def inside(store: SqliteChainStore) -> Checkpoint:
    found = parse_inside(store.get(Table.SETTINGS, INSIDE))
    assert found is not None
    return found


def newest_of(store: SqliteChainStore) -> int:
    with store.snapshot() as snapshot:
        height = newest_height(snapshot)
    assert height is not None
    return height


def damage_of(store: SqliteChainStore, *, sealed: bool = True) -> list[Damage]:
    found = list(find_damage(store, sealed=sealed))
    if not found:
        check_sample(store, sealed=sealed, random=Random(2).randbytes)
    return found


@clause("SS-10")
def test_a_decided_chain_is_sound_after_each_of_its_blocks() -> None:
    chain = DecidedChain(MemoryChainStore(), genesis())
    assert list(find_damage(chain.store)) == []
    for height in range(1, 12):
        chain.block(b"nothing that anybody can read", time=NOW + height)
        assert chain.application.position.summary.height in {height - 1, height}
        assert list(find_damage(chain.store)) == []
        check_sample(chain.store)


@clause("SS-10")
def test_transactions_without_trace_other_votes_and_misbehaviour_are_no_damage(
    store: SqliteChainStore,
) -> None:
    assert damage_of(store) == []
    for back in range(newest_of(store) + 2):
        check_sample(store, blocks=back)
    store.close()


@clause("SS-10", "D7")
@pytest.mark.parametrize("table", [t for t in Table if t is not Table.SETTINGS])
def test_a_flipped_bit_is_found_in_such_a_store_too(store: SqliteChainStore, table: Table) -> None:
    random = Random(f"{table}")
    with store.snapshot() as snapshot:
        rows = list(snapshot.items(table))
    at = inside(store)
    for key, value in random.sample(rows, min(8, len(rows))):
        changed = bytearray(value)
        changed[random.randrange(len(value))] ^= 1 << random.randrange(8)
        store.write({table: {key: bytes(changed)}}, at)
        found = list(find_damage(store))
        assert found, (table, key.hex())
        store.write({table: {key: None}}, at)
        assert list(find_damage(store)), (table, key.hex())
        store.write({table: {key: value}}, at)
    assert damage_of(store) == []
    store.close()


@clause("SS-10")
def test_a_missing_receipt_is_told_from_a_transaction_without_trace(
    store: SqliteChainStore,
) -> None:
    with store.snapshot() as snapshot:
        name, _ = next(iter(snapshot.items(Table.RECEIPTS)))
    store.write({Table.RECEIPTS: {name: None}}, inside(store))
    assert (Table.RECEIPTS, name) in {(d.table, d.key) for d in find_damage(store)}
    with pytest.raises(StoreDamagedError, match="missing"):
        check_sample(store, blocks=newest_of(store), sample=0)
    store.close()


@clause("SS-11")
def test_the_newest_blocks_may_follow_only_where_that_is_said(store: SqliteChainStore) -> None:
    newest = newest_of(store)
    at = inside(store)
    for height in (newest, newest - 1):
        store.write({Table.BLOCKS: {height_key(height): None}}, at)
        assert any(d.what == "the block is missing" for d in find_damage(store)), height
        assert damage_of(store, sealed=False) == [], height
    with pytest.raises(StoreDamagedError):
        check_sample(store)
    store.close()
    # The state was durable before its block: that is no other history.
    SqliteChainStore(store.folder).close()


@clause("SS-11")
def test_a_store_that_begins_above_the_genesis_is_sound_from_there_on(
    store: SqliteChainStore,
) -> None:
    at = inside(store)
    newest = newest_of(store)
    for base in (2, 10, newest - 1, newest):
        with store.snapshot() as snapshot:
            below = [key for key, _ in snapshot.items(Table.BLOCKS, last=height_key(base - 1))]
            named = {
                digest
                for key, value in snapshot.items(Table.BLOCKS, first=height_key(base))
                for header in [decode_block(value, height=int.from_bytes(key, "big")).header]
                for digest in (header.validators_hash, header.next_validators_hash)
            }
            sets = {key: None for key, _ in snapshot.items(Table.VALIDATORS) if key not in named}
        writes = {
            Table.BLOCKS: dict.fromkeys(below),
            Table.VALIDATORS: sets,
            Table.SETTINGS: base_setting(base),
        }
        store.write(writes, at)  # type: ignore[arg-type]
        assert damage_of(store) == [], base
        with store.snapshot() as snapshot:
            assert read_base(snapshot, read_genesis(snapshot)) == base
    store.write({Table.SETTINGS: {BASE: height_key(newest - 3)}}, at)
    assert [d.what for d in find_damage(store)][:1] == ["the block is missing"]
    for wrong in (b"", height_key(1), bytes(9)):
        store.write({Table.SETTINGS: {BASE: wrong}}, at)
        assert any(d.key == BASE for d in find_damage(store))
    store.close()


@clause("SS-11", "B14")
def test_a_block_below_the_base_belongs_to_nothing(store: SqliteChainStore) -> None:
    at = inside(store)
    store.write({Table.SETTINGS: base_setting(5)}, at)
    assert {d.key for d in find_damage(store) if d.table == Table.BLOCKS} == {
        height_key(height) for height in range(1, 5)
    }
    store.close()


@clause("SS-10")
def test_misbehaviour_without_evidence_in_the_header_is_damage(store: SqliteChainStore) -> None:
    raw = store.get(Table.BLOCKS, height_key(9))
    assert raw is not None
    block = dataclasses.replace(decode_block(raw, height=9), misbehaviour=(FAULT,))
    store.write({Table.BLOCKS: {height_key(9): encode_block(block)}}, inside(store))
    assert [(d.height, d.what) for d in find_damage(store)] == [
        (9, "the header has no evidence of misbehaviour")
    ]
    store.close()


# --- The bytes of a block -------------------------------------------------------------------------


@clause("SS-10")
def test_a_block_of_many_votes_and_misbehaviour_is_read_as_it_was_written(
    store: SqliteChainStore,
) -> None:
    found: list[SealedBlock] = []
    with store.snapshot() as snapshot:
        for key, value in snapshot.items(Table.BLOCKS):
            block = decode_block(value, height=int.from_bytes(key, "big"))
            assert encode_block(block) == value
            found.append(block)
    assert [block.misbehaviour for block in found if block.misbehaviour] == [(FAULT,)]
    store.close()


@clause("SS-10")
def test_no_misbehaviour_costs_no_byte_and_an_empty_part_is_damage() -> None:
    chain = DecidedChain(MemoryChainStore(), genesis())
    block = chain.block(time=NOW + 1)
    raw = encode_block(block)
    more = encode_block(dataclasses.replace(block, misbehaviour=(FAULT,)))
    assert more.startswith(raw)
    assert decode_block(more, height=1).misbehaviour == (FAULT,)
    for wrong in (
        raw + bytes(4),
        raw + b"\0\0\0\1\x80",
        raw + b"\0\0\0\1\xf6",
        raw + b"\0\0\0\4\x81\x82\1\2",
        raw + b"\0\0\0\6\x81\x83\1\2\3\4",
        more + b"\0",
        more[:-1],
    ):
        with pytest.raises(StoreDamagedError):
            decode_block(wrong, height=1)


@clause("SS-10")
def test_the_application_opens_where_such_a_store_stands(store: SqliteChainStore) -> None:
    assert newest_of(store) - 1 <= RegistryApplication(store).info().height <= newest_of(store)
    store.close()


@clause("SS-10")
@pytest.mark.parametrize("name", ["cometbft.light.json", "cometbft39.light.json"])
def test_the_votes_that_cometbft_itself_collected_are_kept_as_they_were(name: str) -> None:
    recorded = json.loads((FIXTURES / name).read_text())["blocks"]
    assert recorded
    for raw in recorded.values():
        light = LightBlock.from_json(raw)
        block = SealedBlock(light.header, light.commit, (b"any",), (FAULT,))
        height = light.header.height
        assert decode_block(encode_block(block), height=height) == block
        named = light.header.validators_hash
        kept = decode_validators(encode_validators(light.validators), expected_hash=named)
        assert kept == light.validators
