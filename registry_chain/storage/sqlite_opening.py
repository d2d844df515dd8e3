"""Opening the database of a store: whose it is, its settings, and one that nothing can change.

On a medium that cannot be written, such as a backup mounted for reading, SQLite finds no place for
its log and its index of that. It is told then that the file is immutable, which only holds where it
is made sure of: the medium refuses writing, no log is left to be read in, and the folder's lock is
held, so that no node writes to the same folder by another mount.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final
from urllib.parse import quote

from registry_chain.storage import sqlite_statements as sql
from registry_chain.storage.errors import StoreNotClosedError, StoreRefusedError
from registry_chain.storage.sqlite_snapshot import reading_damage

PAGE_SIZE: Final = 4096
"""Bytes of a database page. Keys are hashes, so that each new row dirties a page of its own, which
is then logged whole: measured, pages of 8192 cost a fifth more CPU and twice the log."""
CHECKPOINT_PAGES: Final = 16_000
"""Pages in the WAL (64 MiB) at which SQLite moves them into the database."""

DATABASE: Final = "chain.db"
CHECKPOINT: Final = "checkpoint"
LOG: Final = f"{DATABASE}-wal"


class Database:
    """The database of a store's folder; `immutable` where nothing can write (see above).

    Raises:
        StoreNotClosedError: immutable, and its log was not brought into it.
    """

    def __init__(self, folder: Path, *, immutable: bool = False) -> None:
        self.folder = folder
        self.immutable = immutable
        if immutable and log_bytes(folder):
            raise StoreNotClosedError(
                f"the store in {folder} was not closed, and what it wrote last cannot be read "
                "where nothing can be written",
                hint="copy the folder to where it can be written, and use the copy",
            )

    def connect(self, cache_kib: int) -> sqlite3.Connection:
        """Return a new connection, with so much cache.

        Raises:
            StoreRefusedError: the database does not open.
            StoreDamagedError: it cannot be read.
            RegistryUnavailableError: not now.
        """
        path = self.folder / DATABASE
        place = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
        try:
            connection = sqlite3.connect(
                place if self.immutable else path,
                uri=self.immutable,
                isolation_level=None,
                check_same_thread=False,
                timeout=10,
                cached_statements=64,
            )
        except sqlite3.Error as error:
            raise StoreRefusedError(f"the store in {self.folder} does not open: {error}") from error
        try:
            with reading_damage():
                connection.execute(f"PRAGMA cache_size = -{cache_kib}")
                # Sorting must not need a temporary directory that may be full or missing.
                connection.execute("PRAGMA temp_store = MEMORY")
        except BaseException:
            connection.close()
            raise
        return connection

    def prepare(self, writer: sqlite3.Connection, max_pages: int | None) -> None:
        """Require that the database is a store's of this version, or make it one; set it up."""
        run = writer.execute
        with reading_damage():
            # First whose file this is: the journal's mode is written into it.
            (application,) = run("PRAGMA application_id").fetchone()
            (version,) = run("PRAGMA user_version").fetchone()
            (tables,) = run("SELECT count(*) FROM sqlite_schema").fetchone()
            new = (application, version, tables) == (0, 0, 0)
            if not new or self.immutable:
                self._require_ours(application, version)
            if self.immutable:
                return
            run(f"PRAGMA page_size = {PAGE_SIZE}")
            run("PRAGMA journal_mode = WAL")
            run("PRAGMA synchronous = FULL")
            run("PRAGMA foreign_keys = ON")
            run(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            run(f"PRAGMA journal_size_limit = {2 * CHECKPOINT_PAGES * PAGE_SIZE}")
            if max_pages is not None:
                run(f"PRAGMA max_page_count = {max_pages}")
            if new:
                _create(writer)

    def _require_ours(self, application: int, version: int) -> None:
        if application != sql.APPLICATION_ID:
            raise StoreRefusedError(f"{self.folder / DATABASE} is not a chain store")
        if version > sql.SCHEMA_VERSION:
            raise StoreRefusedError(
                f"the store in {self.folder} is of a newer version ({version})",
                hint="use the release that wrote it, or a newer one",
            )


def log_bytes(folder: Path) -> int:
    """Return the size of a store's write-ahead log."""
    try:
        return (folder / LOG).stat().st_size
    except FileNotFoundError:
        return 0


def _create(writer: sqlite3.Connection) -> None:
    # All in one transaction: a crash leaves an empty file or a whole schema.
    writer.execute("BEGIN IMMEDIATE")
    for statement in sql.schema():
        writer.execute(statement)
    writer.execute(f"PRAGMA application_id = {sql.APPLICATION_ID}")
    writer.execute(f"PRAGMA user_version = {sql.SCHEMA_VERSION}")
    writer.execute("COMMIT")
