"""A changed byte is found, and named: in every table, in keys and in values (D7, G6, B14)."""

from __future__ import annotations

import dataclasses
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from registry_chain.application import RegistryApplication
from registry_chain.engines.embedded.sealing import ChainTip, seal, sole_validator
from registry_chain.storage.errors import StoreDamagedError, StoreRefusedError
from registry_chain.storage.integrity import Damage, check_sample, find_damage
from registry_chain.storage.sealed_block import decode_block, encode_block, height_key
from registry_chain.storage.sqlite import SqliteChainStore
from registry_chain.storage.store import Table
from tests.support.chain_world import SEALER, genesis, signer
from tests.support.clauses import clause
from tests.support.rich_chain import rich_chain


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rich") / "chain"
    rich_chain(folder).engine.close()
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "chain"
    shutil.copytree(original, copy)
    return copy


def damage_of(folder: Path) -> list[Damage]:
    store = SqliteChainStore(folder, inspect=True)
    try:
        return list(find_damage(store))
    finally:
        store.close()


def change(folder: Path, statement: str, *parameters: object) -> None:
    database = sqlite3.connect(folder / "chain.db")
    with database:
        assert database.execute(statement, parameters).rowcount == 1
    database.close()


def entries(folder: Path, table: Table) -> list[tuple[bytes, bytes]]:
    database = sqlite3.connect(folder / "chain.db")
    found = database.execute(f"SELECT key, value FROM {table} ORDER BY key").fetchall()  # noqa: S608 - our own names
    database.close()
    return found


def flipped(data: bytes, random: Random) -> bytes:
    changed = bytearray(data)
    changed[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return bytes(changed)


def test_a_sound_store_has_no_damage(folder: Path) -> None:
    for table in Table:
        assert entries(folder, table), f"the test covers table {table}"
    assert damage_of(folder) == []
    store = SqliteChainStore(folder)
    check_sample(store)
    store.close()


def test_a_chain_that_has_begun_and_has_no_block_yet_has_no_damage(tmp_path: Path) -> None:
    store = SqliteChainStore(tmp_path / "chain")
    RegistryApplication(store).init_chain(genesis())
    store.close()
    assert entries(tmp_path / "chain", Table.VALIDATORS)
    assert damage_of(tmp_path / "chain") == []


def test_looking_at_the_last_blocks_finds_no_damage_wherever_it_begins(folder: Path) -> None:
    """The first block looked at names the results of one that is not: those count as well."""
    store = SqliteChainStore(folder)
    heights = len(entries(folder, Table.BLOCKS))
    assert heights > 3
    for blocks_back in range(heights + 1):
        check_sample(store, blocks=blocks_back)
    store.close()


@clause("D7")
@pytest.mark.parametrize("column", ["key", "value"])
@pytest.mark.parametrize("table", [t for t in Table if t is not Table.SETTINGS])
def test_a_flipped_bit_in_any_table_is_named(folder: Path, table: Table, column: str) -> None:
    random = Random(f"{table} {column}")
    rows = entries(folder, table)
    for key, value in random.sample(rows, min(6, len(rows))):
        old = key if column == "key" else value
        new = flipped(old, random)
        while column == "key" and new in dict(rows):
            new = flipped(old, random)
        change(folder, f"UPDATE {table} SET {column} = ? WHERE key = ?", new, key)  # noqa: S608 - our own names
        found = damage_of(folder)
        named = {(d.table, d.key) for d in found}
        keys = {key, new} if column == "key" else {key}
        assert any((table, k) in named for k in keys) or (
            # Blocks name a flipped receipt's transaction by the height at which it stands.
            table is Table.BLOCKS and any(d.height is not None for d in found)
        ), f"{table} {column} {key.hex()}: {found}"
        place = new if column == "key" else key
        change(folder, f"UPDATE {table} SET {column} = ? WHERE key = ?", old, place)  # noqa: S608 - same
    assert damage_of(folder) == []


@clause("D7")
def test_a_flipped_bit_in_the_settings_is_found(folder: Path) -> None:
    random = Random(5)
    for key, value in entries(folder, Table.SETTINGS):
        for _ in range(8):
            new = flipped(value, random)
            change(folder, "UPDATE settings SET value = ? WHERE key = ?", new, key)
            found = damage_of(folder)
            assert found or key == b"genesis", (key, new)
            if not found:  # a changed blank or letter case that reads as the same genesis
                assert new.split() == value.split()
            change(folder, "UPDATE settings SET value = ? WHERE key = ?", value, key)
    assert damage_of(folder) == []


@clause("D7", "B14")
@pytest.mark.parametrize("table", [t for t in Table if t is not Table.SETTINGS])
def test_a_missing_entry_is_found(folder: Path, table: Table) -> None:
    for key, value in entries(folder, table)[::7]:
        change(folder, f"DELETE FROM {table} WHERE key = ?", key)  # noqa: S608 - our own names
        assert damage_of(folder), (table, key.hex())
        change(folder, f"INSERT INTO {table} VALUES (?, ?)", key, value)  # noqa: S608 - same


@clause("D7")
def test_any_changed_byte_of_the_file_is_found_or_without_effect(folder: Path) -> None:
    path = folder / "chain.db"
    whole = path.read_bytes()
    before = {table: entries(folder, table) for table in Table}
    random = Random(11)
    unnoticed = 0
    for _ in range(60):
        position = random.randrange(len(whole))
        data = bytearray(whole)
        data[position] ^= 1 << random.randrange(8)
        path.write_bytes(data)
        for name in ("chain.db-wal", "chain.db-shm"):
            (folder / name).unlink(missing_ok=True)
        try:
            found: list[object] = list(damage_of(folder))
        except (StoreDamagedError, StoreRefusedError) as refused:
            found = [refused]
        if not found:
            unnoticed += 1
            assert {table: entries(folder, table) for table in Table} == before, position
        path.write_bytes(whole)
    assert unnoticed < 60


@clause("D7")
def test_the_start_check_sees_the_newest_part_and_a_sample(folder: Path) -> None:
    random = Random(3)
    newest = entries(folder, Table.BLOCKS)[-1]
    everywhere = [entries(folder, table) for table in (Table.PAGES, Table.LOG)]
    for table, rows in (
        (Table.BLOCKS, [newest]),
        *zip((Table.PAGES, Table.LOG), everywhere, strict=True),
    ):
        for key, value in rows:
            new = flipped(value, random)
            change(folder, f"UPDATE {table} SET value = ? WHERE key = ?", new, key)  # noqa: S608 - our own names
        store = SqliteChainStore(folder, inspect=True)
        with pytest.raises(StoreDamagedError):
            check_sample(store)
        store.close()
        for key, value in rows:
            change(folder, f"UPDATE {table} SET value = ? WHERE key = ?", value, key)  # noqa: S608 - same
    for table in (Table.RECORDS, Table.RECEIPTS, Table.VERSIONS):
        rows = entries(folder, table)
        for key, value in rows:
            new = flipped(value, random)
            change(folder, f"UPDATE {table} SET value = ? WHERE key = ?", new, key)  # noqa: S608 - same
        store = SqliteChainStore(folder)
        with pytest.raises(StoreDamagedError) as found:
            check_sample(store, blocks=0, random=random.randbytes)
        assert found.value.table in {table, Table.RECORDS, Table.RECEIPTS, Table.VERSIONS}
        store.close()
        for key, value in rows:
            change(folder, f"UPDATE {table} SET value = ? WHERE key = ?", value, key)  # noqa: S608 - same


# --- A log that somebody with the disk, or an old key, wrote anew ---------------------------------


def blocks(folder: Path) -> Iterator[tuple[bytes, bytes]]:
    return iter(entries(folder, Table.BLOCKS))


def heights_named(folder: Path) -> list[int]:
    return [d.height for d in damage_of(folder) if d.table == Table.BLOCKS and d.height is not None]


@clause("B14")
def test_a_removed_block_is_named_by_its_height(folder: Path) -> None:
    change(folder, "DELETE FROM blocks WHERE key = ?", height_key(4))
    assert min(heights_named(folder)) == 4


@clause("B14")
def test_swapped_blocks_are_named(folder: Path) -> None:
    rows = dict(blocks(folder))
    for ours, theirs in ((5, 6), (6, 5)):
        value = rows[height_key(theirs)]
        change(folder, "UPDATE blocks SET value = ? WHERE key = ?", value, height_key(ours))
    assert min(heights_named(folder)) == 5


@clause("B14")
def test_a_block_sealed_again_by_a_key_that_was_replaced_is_named(folder: Path) -> None:
    rows = dict(blocks(folder))
    last = max(rows)
    height = int.from_bytes(last, "big")
    block = decode_block(rows[last], height=height)
    before = decode_block(rows[height_key(height - 1)], height=height - 1)
    old = sole_validator(signer(SEALER))
    tip = ChainTip(
        block.header.chain_id,
        height - 1,
        before.header.time_ns,
        before,
        block.header.app_hash,
        block.header.last_results_hash,
        old,
    )
    forged = seal(tip, (), time_ns=block.header.time_ns, signer=signer(SEALER), next_validators=old)
    value = encode_block(forged)
    change(folder, "UPDATE blocks SET value = ? WHERE key = ?", value, last)
    assert last in {d.key for d in damage_of(folder)}
    with pytest.raises(StoreRefusedError, match="another block"):
        SqliteChainStore(folder)


@clause("B14")
def test_a_broken_link_is_named(folder: Path) -> None:
    rows = dict(blocks(folder))
    block = decode_block(rows[height_key(7)], height=7)
    link = dataclasses.replace(block.header.last_block_id, hash=b"\x01" * 32)
    header = dataclasses.replace(block.header, last_block_id=link)
    value = encode_block(dataclasses.replace(block, header=header))
    change(folder, "UPDATE blocks SET value = ? WHERE key = ?", value, height_key(7))
    assert 7 in heights_named(folder)


def test_damage_reads_as_a_sentence() -> None:
    assert str(Damage("records", b"\xab", "wrong", 7)) == "table records, key ab, height 7: wrong"
    assert str(Damage("settings", b"genesis", "gone")) == "table settings, key genesis: gone"
    assert str(Damage("", b"", "page 3 is bad")) == "the database file: page 3 is bad"
