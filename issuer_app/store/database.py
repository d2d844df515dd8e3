"""The store: one SQLite file in WAL mode with synchronous=FULL, one writer at a time.

FULL because this store acknowledges to people: under NORMAL a power cut can take back a committed
transaction, and a status index would be handed out twice.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

import sqlite_utils

from issuer_app.errors import StoreFullError, StoreVersionError
from issuer_app.store.schema import KNOWN, MIGRATIONS

Row: TypeAlias = dict[str, Any]
Parameters: TypeAlias = Sequence[Any] | Mapping[str, Any]

BUSY_SECONDS: Final = 30.0
"""How long a writer waits for another process (a command beside the server)."""


def new_id() -> str:
    """Return a random identifier of 128 bits, 32 hexadecimal digits."""
    return secrets.token_hex(16)


class Database:
    """Connections to the store: one for each thread, writes serialised.

    Raises:
        StoreVersionError: the file was written by a newer version of this application.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._writer = threading.RLock()
        self._connections: list[sqlite3.Connection] = []
        self._connections_lock = threading.Lock()
        try:
            with self._writer:
                self._migrate()
        except BaseException:
            self.close()
            raise

    def _migrate(self) -> None:
        store = self._store()
        applied = {migration.name for migration in MIGRATIONS.applied(store)}
        if not applied <= KNOWN:
            raise StoreVersionError(
                f"{self.path} was written by a newer version",
                hint="install that version, or put back a backup made before it.",
            )
        MIGRATIONS.apply(store)

    def _store(self) -> sqlite_utils.Database:
        store: sqlite_utils.Database | None = getattr(self._local, "store", None)
        if store is None:
            connection = sqlite3.connect(
                self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            # Before its first use: where the file is damaged, it is closed all the same.
            with self._connections_lock:
                self._connections.append(connection)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=ON")
            connection.execute("PRAGMA trusted_schema=OFF")
            store = sqlite_utils.Database(connection)
            self._local.store = store
        return store

    def query(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Return every row of a SELECT as a dictionary."""
        cursor = self._store().conn.execute(sql, parameters)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def first(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """Return the first row of a SELECT, or None."""
        rows = self.query(sql, parameters)
        return rows[0] if rows else None

    def value(self, sql: str, parameters: Parameters = ()) -> Any:
        """Return the first column of the first row, or None."""
        row = self._store().conn.execute(sql, parameters).fetchone()
        return None if row is None else row[0]

    def execute(self, sql: str, parameters: Parameters = ()) -> int:
        """Run one statement inside the open write and return how many rows it changed."""
        self._require_write()
        return self._store().conn.execute(sql, parameters).rowcount

    def execute_many(self, sql: str, rows: Iterable[Parameters]) -> None:
        """Run one prepared statement for every row inside the open write."""
        self._require_write()
        self._store().conn.executemany(sql, rows)

    def insert(self, table: str, row: Row) -> None:
        """Insert one row inside the open write."""
        columns = ", ".join(row)
        marks = ", ".join("?" * len(row))
        self.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", tuple(row.values()))  # noqa: S608 - names from our code

    def insert_many(self, table: str, rows: Sequence[Row]) -> None:
        """Insert rows of one shape inside the open write."""
        if rows:
            columns = ", ".join(rows[0])
            marks = ", ".join("?" * len(rows[0]))
            statement = f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608 - names from our code
            self.execute_many(statement, [tuple(row.values()) for row in rows])

    @contextmanager
    def write(self) -> Iterator[None]:
        """Hold the write transaction; all of it happens, or nothing. May be nested.

        Raises:
            StoreFullError: the disk is full; nothing was changed and reading goes on.
        """
        with self._writer:
            connection = self._store().conn
            if connection.in_transaction:
                yield
                return
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield
                connection.execute("COMMIT")
            except BaseException as error:
                # After SQLITE_FULL the transaction may already be rolled back.
                self._roll_back(connection)
                if isinstance(error, sqlite3.OperationalError) and "full" in str(error):
                    raise StoreFullError(
                        "the disk of this server is full", hint="Free space, then try again."
                    ) from error
                raise

    @staticmethod
    def _roll_back(connection: sqlite3.Connection) -> None:
        if connection.in_transaction:
            connection.execute("ROLLBACK")

    def _require_write(self) -> None:
        if not self._store().conn.in_transaction:
            raise AssertionError("a change outside Database.write")

    def close(self) -> None:
        """Close every connection; the object is not used afterwards."""
        with self._connections_lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()
        self._local = threading.local()
