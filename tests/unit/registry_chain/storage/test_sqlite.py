"""The store on disk: who may open it, what it refuses, and what a full or damaged disk does."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from registry_chain.storage import sqlite as sqlite_store
from registry_chain.storage import sqlite_opening
from registry_chain.storage.acceptance import accept_present_height
from registry_chain.storage.checkpoint import CheckpointFile
from registry_chain.storage.errors import (
    StoreDamagedError,
    StoreFullError,
    StoreRefusedError,
    StoreStoppedError,
)
from registry_chain.storage.sealed_block import SealedBlock, encode_block, height_key
from registry_chain.storage.sqlite import SqliteChainStore
from registry_chain.storage.store import Checkpoint, Table
from tests.support.clauses import clause
from tests.support.light_chain import LightChain, key
from weid.errors import RegistryUnavailableError

POINT = Checkpoint(0, bytes(32), b"\x02" * 32)


class Blocks:
    """Writes real headers, so that the checkpoint can be compared with them."""

    def __init__(self, folder: Path, label: str = "") -> None:
        self.chain = LightChain(key("sealer"), label=label)
        self.store = SqliteChainStore(folder)

    def write(self, count: int = 1) -> Checkpoint:
        for _ in range(count):
            block = self.chain.grow()
            sealed = SealedBlock(block.header, block.commit)
            point = Checkpoint(block.header.height, block.header.hash(), block.header.app_hash)
            stored = {height_key(point.height): encode_block(sealed)}
            self.store.write({Table.BLOCKS: stored}, point)
        return point


def test_the_database_is_set_up_for_durable_writes(tmp_path: Path) -> None:
    store = SqliteChainStore(tmp_path)
    read = lambda name: store._writer.execute(f"PRAGMA {name}").fetchone()[0]  # noqa: E731
    assert read("journal_mode") == "wal"
    assert read("synchronous") == 2
    assert read("foreign_keys") == 1
    assert read("page_size") == 4096
    assert read("temp_store") == 2
    store.close()
    again = SqliteChainStore(tmp_path)
    assert again._writer.execute("PRAGMA synchronous").fetchone() == (2,)
    again.close()


@clause("D10")
def test_a_second_process_is_refused(tmp_path: Path) -> None:
    store = SqliteChainStore(tmp_path)
    program = (
        "import sys; from pathlib import Path\n"
        "from registry_chain.storage.sqlite import SqliteChainStore\n"
        "from registry_chain.storage.errors import StoreRefusedError\n"
        "try: SqliteChainStore(Path(sys.argv[1]))\n"
        "except StoreRefusedError as refused: print(refused)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "another process" in found.stdout
    with pytest.raises(StoreRefusedError, match="another process"):
        SqliteChainStore(tmp_path)
    store.close()
    SqliteChainStore(tmp_path).close()


@clause("D9")
def test_yesterdays_database_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "chain"
    blocks = Blocks(folder)
    blocks.write(3)
    blocks.store.close()
    shutil.copy(folder / "chain.db", tmp_path / "yesterday")
    blocks.store = SqliteChainStore(folder)
    blocks.write(2)
    blocks.store.close()
    for name in ("chain.db-wal", "chain.db-shm"):
        (folder / name).unlink(missing_ok=True)
    shutil.copy(tmp_path / "yesterday", folder / "chain.db")
    with pytest.raises(StoreRefusedError, match="went back: it is at height 3, and had reached 5"):
        SqliteChainStore(folder)
    assert accept_present_height(folder).height == 3
    SqliteChainStore(folder).close()


@clause("D8", "D9")
@pytest.mark.parametrize("name", ["chain.db", "chain.db-wal", "checkpoint"])
def test_a_deleted_file_is_never_a_silent_fresh_start(tmp_path: Path, name: str) -> None:
    blocks = Blocks(tmp_path)
    point = blocks.write(3)
    blocks.store.close()
    existed = (tmp_path / name).exists()
    (tmp_path / name).unlink(missing_ok=True)
    if not existed:  # a closed database has no WAL: nothing was lost
        store = SqliteChainStore(tmp_path)
        assert store.get(Table.BLOCKS, height_key(point.height)) is not None
        store.close()
        return
    with pytest.raises(StoreRefusedError):
        SqliteChainStore(tmp_path)


@clause("D8")
@pytest.mark.parametrize("fault", ["deleted", "cut in half", "of another database", "flipped"])
def test_a_damaged_wal_after_a_crash_is_refused_or_harmless(tmp_path: Path, fault: str) -> None:
    # The files are copied while the store is open: what a crash leaves behind.
    live, crashed, other = tmp_path / "live", tmp_path / "crashed", tmp_path / "other"
    blocks = Blocks(live)
    blocks.write(5)
    shutil.copytree(live, crashed)
    blocks.store.close()
    wal = crashed / "chain.db-wal"
    assert wal.stat().st_size > 0
    if fault == "deleted":
        wal.unlink()
    elif fault == "cut in half":
        os.truncate(wal, wal.stat().st_size // 2)
    elif fault == "flipped":
        data = bytearray(wal.read_bytes())
        data[len(data) // 2] ^= 1
        wal.write_bytes(data)
    else:
        strangers = Blocks(other, label="other")
        strangers.write(4)
        shutil.copy(other / "chain.db-wal", wal)
        strangers.store.close()
    with pytest.raises((StoreRefusedError, StoreDamagedError)):
        SqliteChainStore(crashed)


@clause("D9")
def test_another_history_of_the_same_height_is_refused(tmp_path: Path) -> None:
    ours, theirs = Blocks(tmp_path / "ours"), Blocks(tmp_path / "theirs", label="fork")
    ours.write(4)
    theirs.write(6)
    ours.store.close()
    theirs.store.close()
    shutil.copy(tmp_path / "theirs" / "chain.db", tmp_path / "ours" / "chain.db")
    with pytest.raises(StoreRefusedError, match="another block at height 4"):
        SqliteChainStore(tmp_path / "ours")


@clause("D3")
def test_a_checkpoint_that_lags_is_no_fault(tmp_path: Path) -> None:
    blocks = Blocks(tmp_path)
    blocks.write(3)
    kept = (tmp_path / "checkpoint").read_bytes()
    blocks.write(2)
    blocks.store.close()
    (tmp_path / "checkpoint").write_bytes(kept)
    SqliteChainStore(tmp_path).close()


@clause("D9")
def test_a_torn_checkpoint_slot_leaves_the_other(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    file = CheckpointFile(path)
    assert file.read() is None
    for height in (1, 2, 3):
        file.write(Checkpoint(height, b"\x01" * 32, b"\x02" * 32))
    file.sync()
    file.close()
    data = bytearray(path.read_bytes())
    data[40] ^= 1  # height 3 stands in the first slot
    path.write_bytes(data)
    torn = CheckpointFile(path)
    found = torn.read()
    assert found is not None
    assert found.height == 2
    torn.write(Checkpoint(4, b"\x01" * 32, b"\x02" * 32))
    found = torn.read()
    assert found is not None
    assert found.height == 4
    torn.close()
    path.write_bytes(bytes(1024))
    empty = CheckpointFile(path)
    assert empty.read() is None, "the power failed before anything was on the disk"
    empty.close()
    path.write_bytes(b"\1" * 1024)
    broken = CheckpointFile(path)
    with pytest.raises(StoreRefusedError, match="damaged"):
        broken.read()
    broken.close()


def test_the_checkpoint_may_live_elsewhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "other disk"
    store = SqliteChainStore(tmp_path / "chain", checkpoint_path=elsewhere)
    store.write({}, POINT)
    store.close()
    assert elsewhere.stat().st_size == 1024
    assert not (tmp_path / "chain" / "checkpoint").exists()
    elsewhere.unlink()
    with pytest.raises(StoreRefusedError, match="no checkpoint"):
        SqliteChainStore(tmp_path / "chain", checkpoint_path=elsewhere)


@clause("D15")
def test_a_newer_schema_is_refused_and_so_is_another_database(tmp_path: Path) -> None:
    SqliteChainStore(tmp_path / "newer").close()
    with sqlite3.connect(tmp_path / "newer" / "chain.db") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StoreRefusedError, match="newer version") as refused:
        SqliteChainStore(tmp_path / "newer")
    assert refused.value.hint is not None
    (tmp_path / "other").mkdir()
    with sqlite3.connect(tmp_path / "other" / "chain.db") as database:
        database.execute("CREATE TABLE people (name TEXT)")
    database.close()
    before = (tmp_path / "other" / "chain.db").read_bytes()
    with pytest.raises(StoreRefusedError, match="not a chain store"):
        SqliteChainStore(tmp_path / "other")
    assert (tmp_path / "other" / "chain.db").read_bytes() == before


@clause("D15")
def test_a_creation_killed_midway_starts_anew(tmp_path: Path) -> None:
    (tmp_path / "chain.db").write_bytes(b"")
    store = SqliteChainStore(tmp_path)
    store.write({Table.RECORDS: {b"k": b"v"}}, POINT)
    assert store.get(Table.RECORDS, b"k") == b"v"
    store.close()


@clause("D4", "D19")
def test_a_full_disk_refuses_reads_on_and_recovers_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Also without any temporary directory: nothing here needs one.
    for name in ("TMPDIR", "SQLITE_TMPDIR"):
        monkeypatch.setenv(name, str(tmp_path / "nowhere"))
    store = SqliteChainStore(tmp_path)
    store.write({Table.RECORDS: {b"first": b"1"}}, POINT)
    pages = store._writer.execute("PRAGMA page_count").fetchone()[0]
    store.set_max_pages(pages + 2)
    large = {n.to_bytes(4, "big"): os.urandom(500) for n in range(200)}
    for _ in range(2):
        with pytest.raises(StoreFullError, match="storage full"):
            store.write({Table.RECORDS: {b"first": b"2"}, Table.PAGES: large}, POINT)
    assert store.get(Table.RECORDS, b"first") == b"1", "nothing of the refused write is there"
    with store.snapshot() as snapshot:
        assert snapshot.count(Table.PAGES) == 0
    store.write({Table.RECORDS: {b"small": b"fits"}}, POINT)
    store.set_max_pages(2**30)
    store.write({Table.RECORDS: {b"first": b"2"}, Table.PAGES: large}, POINT)
    assert store.get(Table.RECORDS, b"first") == b"2"
    store.close()


@clause("D5")
def test_after_a_failed_write_nothing_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqliteChainStore(tmp_path)
    store.write({}, POINT)

    def broken(_: Checkpoint) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(store._checkpoint, "write", broken)
    with pytest.raises(StoreStoppedError, match="checkpoint cannot be written"):
        store.write({Table.RECORDS: {b"a": b"1"}}, POINT)
    monkeypatch.undo()
    with pytest.raises(StoreStoppedError):
        store.write({Table.RECORDS: {b"a": b"2"}}, POINT)
    assert store.get(Table.RECORDS, b"a") == b"1", "reading goes on"
    store.close()
    SqliteChainStore(tmp_path).close()


@clause("D6")
def test_a_damaged_page_header_is_named_and_not_served(tmp_path: Path) -> None:
    store = SqliteChainStore(tmp_path)
    rows = {n.to_bytes(4, "big"): os.urandom(300) for n in range(400)}
    store.write({Table.RECORDS: rows}, POINT)
    store.close()
    path = tmp_path / "chain.db"
    with sqlite3.connect(path) as database:
        sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'records'"
        (root,) = database.execute(sql).fetchone()
    database.close()
    data = bytearray(path.read_bytes())
    data[(root - 1) * sqlite_store.PAGE_SIZE] = 0xEE
    path.write_bytes(data)
    damaged = SqliteChainStore(tmp_path)
    with pytest.raises(StoreDamagedError) as found:
        damaged.get(Table.RECORDS, b"\0\0\0\x05")
    assert found.value.table == "records"
    assert found.value.hint is not None
    damaged.close()
    data[:100] = os.urandom(100)
    path.write_bytes(data)
    with pytest.raises((StoreDamagedError, StoreRefusedError)):
        SqliteChainStore(tmp_path)


@clause("D12")
def test_a_reader_that_stays_does_not_hold_the_log_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_store, "CHECKPOINT_PAGES", 20)
    monkeypatch.setattr(sqlite_opening, "CHECKPOINT_PAGES", 20)
    monkeypatch.setattr(sqlite_store, "SNAPSHOT_SECONDS", -1)
    store = SqliteChainStore(tmp_path)
    store.write({Table.RECORDS: {b"k": b"old"}}, POINT)
    with store.snapshot() as slow:
        assert slow.get(Table.RECORDS, b"k") == b"old"
        for number in range(60):
            page = {bytes([number, n]): os.urandom(4000) for n in range(20)}
            store.write({Table.PAGES: page}, POINT)
        with pytest.raises(RegistryUnavailableError, match="held too long"):
            slow.get(Table.RECORDS, b"k")
    size = store.wal_bytes()
    for number in range(60, 120):
        page = {bytes([number, n]): os.urandom(4000) for n in range(20)}
        store.write({Table.PAGES: page}, POINT)
    assert store.wal_bytes() <= size, "the log is used again from its start"
    store.close()


@clause("D14")
def test_a_folder_that_cannot_be_used_is_refused_at_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreRefusedError, match="cannot be used"):
        SqliteChainStore(tmp_path / "file")
    with pytest.raises(StoreRefusedError, match="cannot be used"):
        SqliteChainStore(Path("/proc/weid"))
    folder = tmp_path / "taken"
    (folder / "checkpoint").mkdir(parents=True)
    with pytest.raises(StoreRefusedError, match="cannot be used"):
        SqliteChainStore(folder)


@clause("D14")
def test_a_database_that_cannot_be_opened_is_refused_at_start(tmp_path: Path) -> None:
    # As on a file system without inodes, where its log cannot be made.
    (tmp_path / "chain.db").mkdir()
    with pytest.raises(StoreRefusedError) as refused:
        SqliteChainStore(tmp_path)
    assert str(tmp_path) in str(refused.value)


@clause("D14")
def test_a_folder_of_another_owner_is_refused_at_start(tmp_path: Path) -> None:
    SqliteChainStore(tmp_path / "chain").close()
    for place in (tmp_path / "chain", tmp_path / "new"):
        place.mkdir(exist_ok=True)
        place.chmod(0o500)
    tmp_path.chmod(0o755)
    was = os.geteuid()
    if was == 0:  # root may write anywhere: look as somebody else
        for parent in tmp_path.parents:
            if parent.is_relative_to(tempfile.gettempdir()) and parent.stat().st_uid == 0:
                parent.chmod(parent.stat().st_mode | 0o011)
        os.seteuid(65_534)
    try:
        for place in (tmp_path / "chain", tmp_path / "new"):
            with pytest.raises(StoreRefusedError) as refused:
                SqliteChainStore(place)
            assert str(place) in str(refused.value)
    finally:
        os.seteuid(was)
        for place in (tmp_path / "chain", tmp_path / "new"):
            place.chmod(0o700)


@clause("D17")
def test_a_table_of_many_rows_is_read_in_portions(tmp_path: Path) -> None:
    store = SqliteChainStore(tmp_path)
    for part in range(5):
        rows = {(part * 4000 + n).to_bytes(4, "big"): b"x" * 50 for n in range(4000)}
        store.write({Table.PAGES: rows}, POINT)
    with store.snapshot() as snapshot:
        walk = snapshot.items(Table.PAGES)
        assert next(walk)[0] == bytes(4)
        assert sum(1 for _ in walk) == 19_999
    store.close()


def test_a_row_that_cannot_be_packed_is_the_callers_mistake(tmp_path: Path) -> None:
    store = SqliteChainStore(tmp_path)
    for row in ({b"k" * 256: b""}, {b"k": bytes(2**24)}):
        with pytest.raises(ValueError, match="too long"):
            store.write({Table.RECORDS: row}, POINT)
    store.write({Table.RECORDS: {b"k" * 255: bytes(2**24 - 1)}}, POINT)
    store.close()
    with pytest.raises(RegistryUnavailableError, match="closed"):
        store.get(Table.RECORDS, b"k")
