"""The chain store on disk: one SQLite database, one writer, and a checkpoint file beside it.

WAL with synchronous=FULL: a commit that returned is on the disk. Readers have connections of
their own and see the state as it was when they began.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from threading import Lock, RLock
from typing import Final

from registry_chain.storage import sqlite_statements as sql
from registry_chain.storage.checkpoint import (
    INSIDE,
    NO_BLOCK_HASH,
    NOTHING_YET,
    CheckpointFile,
    encode_inside,
    parse_inside,
)
from registry_chain.storage.errors import (
    ReadOnlyMediumError,
    StoreDamagedError,
    StoreFullError,
    StoreRefusedError,
    StoreStoppedError,
)
from registry_chain.storage.folder_lock import refused, share_lock, take_lock
from registry_chain.storage.sealed_block import read_block
from registry_chain.storage.sqlite_opening import (
    CHECKPOINT,
    CHECKPOINT_PAGES,
    DATABASE,
    PAGE_SIZE,
    Database,
    log_bytes,
)
from registry_chain.storage.sqlite_snapshot import SqliteSnapshot, reading_damage, reading_error
from registry_chain.storage.store import Checkpoint, Table, Writes
from registry_chain.storage.whole_file import sync_folder
from weid.errors import RegistryUnavailableError

WRITER_CACHE_KIB: Final = 192 * 1024
READER_CACHE_KIB: Final = 8 * 1024
SNAPSHOT_SECONDS: Final = 60
"""How long a snapshot may be held once the WAL is past its bound."""
READERS_KEPT: Final = 8


class SqliteChainStore:
    """A ChainStore in a folder: `chain.db` (and its WAL), `lock`, and the file `checkpoint`.

    `checkpoint_path` puts the checkpoint elsewhere, best on another disk. `max_pages` bounds the
    database (PRAGMA max_page_count), which is how a full disk is rehearsed. `inspect` opens a store
    that its checkpoint contradicts, to find out what is wrong with it; it cannot be written.
    `reading`, and `inspect`, open one on a medium that cannot be written too, for reading only.

    Raises:
        StoreRefusedError: locked by another process, of a newer version, not a chain store,
            older than its checkpoint, or not writable.
        StoreDamagedError: the database cannot be read.
    """

    def __init__(
        self,
        folder: Path,
        *,
        checkpoint_path: Path | None = None,
        max_pages: int | None = None,
        inspect: bool = False,
        reading: bool = False,
    ) -> None:
        self.folder = folder
        self._write_lock = RLock()
        self._readers_lock = Lock()
        self._idle: list[sqlite3.Connection] = []
        self._snapshots: set[SqliteSnapshot] = set()
        self._stopped: str | None = "the store is open for inspection only" if inspect else None
        self._closed = False
        with contextlib.ExitStack() as undo:
            self._lock_file, immutable = self._lock(reading=reading or inspect)
            undo.callback(os.close, self._lock_file)
            self._database = Database(folder, immutable=immutable)
            with self._refusing_to_open():
                self._writer = self._database.connect(WRITER_CACHE_KIB)
                undo.callback(self._writer.close)
                self._database.prepare(self._writer, max_pages)
            try:
                path = checkpoint_path or folder / CHECKPOINT
                self._checkpoint = CheckpointFile(path, reading=immutable)
            except OSError as error:
                raise refused(folder, error) from error
            undo.callback(self._checkpoint.close)
            undo.callback(self._close_readers)
            if not inspect:
                self._refuse_older_than(self._checkpoint.read())
            undo.pop_all()

    # --- opening ---------------------------------------------------------------------------------

    def _lock(self, *, reading: bool) -> tuple[int, bool]:
        """Lock the folder; return the descriptor, and whether nothing can write there."""
        try:
            return take_lock(self.folder), False
        except ReadOnlyMediumError:
            if not reading:
                raise
        self._stopped = "the store is on a medium that cannot be written"
        return share_lock(self.folder), True

    @contextlib.contextmanager
    def _refusing_to_open(self) -> Iterator[None]:
        """Refuse the store where what could pass while it runs is met at the start."""
        try:
            yield
        except RegistryUnavailableError as error:
            raise StoreRefusedError(
                f"the store in {self.folder} cannot be written: {error.message}",
                hint="the folder must be writable by the user that runs this, on a disk with space",
            ) from error

    def _refuse_older_than(self, outside: Checkpoint | None) -> None:
        with self.snapshot() as snapshot:
            inside = parse_inside(snapshot.get(Table.SETTINGS, INSIDE))
            if inside is None and outside in (None, NOTHING_YET):
                if outside is None:
                    self._begin_checkpoint()
                return
            if outside is None:
                raise StoreRefusedError(
                    f"the store in {self.folder} has blocks but no checkpoint file beside it",
                    hint="if that is known to be right, accept the store's own height once",
                )
            block = read_block(snapshot, outside.height, with_transactions=False)
        if inside is None or inside.height < outside.height:
            height = 0 if inside is None else inside.height
            raise StoreRefusedError(
                f"the store in {self.folder} went back: it is at height {height}, and had "
                f"reached {outside.height}",
                hint="bring back the newer database, or replay the blocks from another node",
            )
        if block is None and inside == outside:
            return  # the state is durable before its block, or after state sync without one
        found = NO_BLOCK_HASH if block is None else block.header.hash()
        if found != outside.block_hash:
            raise StoreRefusedError(
                f"the store in {self.folder} has another block at height {outside.height} than "
                "its checkpoint",
                hint="this is another history; compare it with other nodes before going on",
            )

    def _begin_checkpoint(self) -> None:
        """Put the checkpoint file on the disk before the first commit, so that none is missing."""
        try:
            self._checkpoint.write(NOTHING_YET)
            self._checkpoint.sync()
            sync_folder(self._checkpoint.path.parent)
        except OSError as error:
            raise refused(self.folder, error) from error

    # --- writing ---------------------------------------------------------------------------------

    def write(self, writes: Writes, checkpoint: Checkpoint) -> None:
        """Apply the writes as one, durably, and move the checkpoint; see `ChainStore.write`."""
        inside = {INSIDE: encode_inside(checkpoint)}
        statements = [
            (statement, sql.rows(values))
            for table, changes in (*writes.items(), (Table.SETTINGS, inside))
            for statement, values in (
                (sql.PUT[table], {k: v for k, v in changes.items() if v is not None}),
                (sql.DELETE[table], {k: v for k, v in changes.items() if v is None}),
            )
            if values
        ]
        with self._write_lock:
            if self._stopped is not None:
                raise StoreStoppedError(self._stopped, hint="restart the node")
            self._commit(statements)
            try:
                self._checkpoint.write(checkpoint)
            except OSError as error:
                raise self._stop(f"the checkpoint cannot be written: {error}") from error
            self._take_back_old_snapshots()

    def _commit(self, statements: list[tuple[str, tuple[bytes, str]]]) -> None:
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            for statement, parameters in statements:
                self._writer.execute(statement, parameters)
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code == sqlite3.SQLITE_FULL:
                raise StoreFullError(
                    "storage full: the registry takes no transactions now",
                    hint="free space on the disk of the node; nothing else is needed",
                ) from error
            raise self._stop(f"a write to the store failed: {error}") from error

    def _roll_back(self) -> None:
        # SQLite may already have rolled back by itself; a second ROLLBACK would be an error.
        with contextlib.suppress(sqlite3.Error):
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")

    def _stop(self, reason: str) -> StoreStoppedError:
        # After a failed sync the kernel may have dropped the pages: trying again proves nothing.
        self._stopped = reason
        return StoreStoppedError(reason, hint="restart the node")

    def _take_back_old_snapshots(self) -> None:
        if self.wal_bytes() <= 2 * CHECKPOINT_PAGES * PAGE_SIZE:
            return
        oldest = time.monotonic() - SNAPSHOT_SECONDS
        with self._readers_lock:
            late = [snapshot for snapshot in self._snapshots if snapshot.began < oldest]
        for snapshot in late:
            snapshot.end()

    def wal_bytes(self) -> int:
        """Return the size of the write-ahead log."""
        return log_bytes(self.folder)

    def set_max_pages(self, pages: int) -> int:
        """Bound the database to a number of pages; return the bound that now holds."""
        with self._write_lock:
            (bound,) = self._writer.execute(f"PRAGMA max_page_count = {pages}").fetchone()
        return int(bound)

    # --- reading ---------------------------------------------------------------------------------

    def get(self, table: Table, key: bytes) -> bytes | None:
        """Return the newest committed value of a key, or None."""
        connection = self._borrow()
        try:
            row = connection.execute(sql.GET[table], (key,)).fetchone()
        except sqlite3.DatabaseError as error:
            raise reading_error(error, table, key) from error
        finally:
            self._give_back(connection)
        return None if row is None else row[0]

    def get_many(self, table: Table, keys: Collection[bytes]) -> dict[bytes, bytes]:
        """Return the newest committed values of those keys that are there."""
        with self.snapshot() as snapshot:
            return snapshot.get_many(table, keys)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[SqliteSnapshot]:
        """Return the newest committed state, to be read within a `with` block."""
        connection = self._borrow()
        try:
            with reading_damage():
                snapshot = SqliteSnapshot(connection)
            with self._readers_lock:
                self._snapshots.add(snapshot)
            try:
                yield snapshot
            finally:
                with self._readers_lock:
                    self._snapshots.discard(snapshot)
                snapshot.end()
        finally:
            self._give_back(connection)

    def _borrow(self) -> sqlite3.Connection:
        with self._readers_lock:
            if self._closed:
                raise RegistryUnavailableError("the store is closed")
            if self._idle:
                return self._idle.pop()
        connection = self._database.connect(READER_CACHE_KIB)
        connection.execute("PRAGMA query_only = ON")
        return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._readers_lock:
            if not self._closed and len(self._idle) < READERS_KEPT:
                self._idle.append(connection)
                return
        connection.close()

    # --- copying and looking below the tables ----------------------------------------------------

    def copy_to(self, folder: Path) -> None:
        """Write one committed state as a database into an existing folder, without checkpoint.

        Raises:
            StoreRefusedError: it cannot be written there.
        """
        connection = self._database.connect(READER_CACHE_KIB)
        try:
            connection.execute("VACUUM INTO ?", (str(folder / DATABASE),))
        except sqlite3.Error as error:
            raise StoreRefusedError(f"the store cannot be copied to {folder}: {error}") from error
        finally:
            connection.close()

    def faults_below_tables(self) -> list[str]:
        """Return what is wrong with SQLite's structure, and what the checkpoint contradicts."""
        connection = self._borrow()
        try:
            rows = connection.execute("PRAGMA integrity_check(20)").fetchall()
            self._refuse_older_than(self._checkpoint.read())
        except (sqlite3.DatabaseError, StoreRefusedError, StoreDamagedError) as error:
            return [str(error)]
        finally:
            self._give_back(connection)
        return [text for (text,) in rows if text != "ok"]

    # --- closing ---------------------------------------------------------------------------------

    def sync_checkpoint(self) -> None:
        """Make the checkpoint file survive the loss of power too."""
        with self._write_lock:
            if self._stopped is None and not self._closed:
                try:
                    self._checkpoint.sync()
                except OSError as error:
                    raise self._stop(f"the checkpoint cannot be synced: {error}") from error

    def close(self) -> None:
        """Close connections and files and release the lock."""
        with self._write_lock:
            if self._closed:
                return
            with contextlib.suppress(StoreStoppedError):
                self.sync_checkpoint()
            self._close_readers()
            self._writer.close()
            self._checkpoint.close()
            os.close(self._lock_file)

    def _close_readers(self) -> None:
        with self._readers_lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
