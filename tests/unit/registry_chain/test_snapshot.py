"""Backups while the engine goes on, bringing them back, and the chain as lines of JSON."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from registry_chain.snapshot import back_up, export_lines, restore
from registry_chain.storage.errors import StoreDamagedError, StoreRefusedError
from registry_chain.storage.sqlite import SqliteChainStore
from registry_chain.storage.store import Checkpoint
from tests.support.chain_world import ChainWorld, sqlite_world
from tests.support.clauses import clause
from tests.support.rich_chain import SUCCESSOR, rich_chain
from weid.registry.light_block import LightBlock


def sqlite_of(world: ChainWorld) -> SqliteChainStore:
    assert isinstance(world.store, SqliteChainStore)
    return world.store


@clause("D16")
def test_a_backup_made_while_writing_is_a_point_of_history(tmp_path: Path) -> None:
    world = sqlite_world(tmp_path / "chain")
    hashes = {world.engine.head().height: world.engine.head().block_hash}
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            world.submit(world.anchor())
            hashes[world.engine.head().height] = world.engine.head().block_hash

    writer = threading.Thread(target=write)
    writer.start()
    points = [back_up(sqlite_of(world), tmp_path / f"backup {n}") for n in range(3)]
    stop.set()
    writer.join()
    for number, point in enumerate(points):
        assert hashes[point.height] == point.block_hash
        again = restore(tmp_path / f"backup {number}", tmp_path / f"restored {number}")
        assert again == point
        restored = sqlite_world(tmp_path / f"restored {number}", clock=world.clock)
        assert restored.engine.head().height == point.height
        assert restored.submit(restored.anchor("on")).code == 0
        restored.engine.close()
    world.engine.close()


@clause("D16")
def test_a_backup_never_replaces_anything(tmp_path: Path) -> None:
    world = rich_chain(tmp_path / "chain")
    store = sqlite_of(world)
    back_up(store, tmp_path / "backup")
    with pytest.raises(StoreRefusedError, match="exists already"):
        back_up(store, tmp_path / "backup")
    with pytest.raises(StoreRefusedError, match="exists already"):
        restore(tmp_path / "backup", tmp_path / "chain")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreRefusedError):
        back_up(store, tmp_path / "file" / "below")
    world.engine.close()


@clause("B18", "D7")
@pytest.mark.parametrize("table", ["records", "blocks", "pages", "log", "receipts"])
def test_a_tampered_backup_is_not_brought_back(tmp_path: Path, table: str) -> None:
    world = rich_chain(tmp_path / "chain")
    back_up(sqlite_of(world), tmp_path / "backup")
    world.engine.close()
    database = sqlite3.connect(tmp_path / "backup" / "chain.db")
    with database:
        database.execute(
            f"UPDATE {table} SET value = CAST(value || x'00' AS BLOB) "  # noqa: S608 - our own names
            f"WHERE key = (SELECT min(key) FROM {table})"
        )
    database.close()
    with pytest.raises(StoreDamagedError) as found:
        restore(tmp_path / "backup", tmp_path / "restored")
    assert found.value.table
    assert not (tmp_path / "restored").exists()
    assert not list(tmp_path.glob(".*.part"))


@clause("B18")
def test_a_backup_of_another_registry_or_history_is_refused(tmp_path: Path) -> None:
    world = rich_chain(tmp_path / "chain")
    point = back_up(sqlite_of(world), tmp_path / "backup")
    name = world.genesis.genesis_hash
    world.engine.close()
    with pytest.raises(StoreRefusedError, match="another registry"):
        restore(tmp_path / "backup", tmp_path / "a", expected_genesis_hash=bytes(32))
    for wrong in (
        Checkpoint(point.height, bytes(32), point.app_hash),
        Checkpoint(point.height + 5, point.block_hash, point.app_hash),
    ):
        with pytest.raises(StoreRefusedError, match="expected block"):
            restore(tmp_path / "backup", tmp_path / "a", expected_checkpoint=wrong)
    restore(
        tmp_path / "backup", tmp_path / "a", expected_genesis_hash=name, expected_checkpoint=point
    )
    restored = ChainWorld(SqliteChainStore(tmp_path / "a"), clock=world.clock, key=SUCCESSOR)
    assert restored.engine.head().block_hash == point.block_hash
    restored.engine.close()


@clause("B18")
def test_a_backup_cut_short_is_refused(tmp_path: Path) -> None:
    world = rich_chain(tmp_path / "chain")
    back_up(sqlite_of(world), tmp_path / "backup")
    world.engine.close()
    database = tmp_path / "backup" / "chain.db"
    whole = database.read_bytes()
    for length in (0, 100, len(whole) // 2, len(whole) - 4096):
        database.write_bytes(whole[:length])
        with pytest.raises((StoreDamagedError, StoreRefusedError)):
            restore(tmp_path / "backup", tmp_path / "restored")
    shutil.rmtree(tmp_path / "backup")
    with pytest.raises((StoreDamagedError, StoreRefusedError)):
        restore(tmp_path / "backup", tmp_path / "restored")


def test_the_export_holds_every_block_and_transaction(tmp_path: Path) -> None:
    world = rich_chain(tmp_path)
    lines = [json.loads(line) for line in export_lines(world.store)]
    assert lines[0]["kind"] == "genesis"
    assert json.loads(lines[0]["genesis"])["genesis_hash"] == world.genesis.genesis_hash.hex()
    blocks = lines[1:]
    assert [block["height"] for block in blocks] == list(range(1, world.engine.head().height + 1))
    for block in blocks:
        light = LightBlock.from_json(block["light_block"])
        assert light.header.hash().hex() == block["hash"]
    positions = [t["position"] for block in blocks for t in block["transactions"]]
    assert positions == list(range(len(positions)))
    world.engine.close()
