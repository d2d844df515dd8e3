"""Reading a SQLite store: one committed state on a connection of its own."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Collection, Iterator
from threading import Lock
from typing import Final

from registry_chain.storage import sqlite_statements as sql
from registry_chain.storage.errors import StoreDamagedError
from registry_chain.storage.store import Table
from weid.errors import RegistryUnavailableError

_PASSING: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
    }
)
"""Errors that say nothing about the bytes in the file; all others do."""
_PORTION: Final = 1000
"""Rows read at once, so that a long list neither fills memory nor blocks the snapshot's end."""


class SqliteSnapshot:
    """A read transaction on a connection of its own."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = Lock()
        self._open = True
        self.began = time.monotonic()
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM settings").fetchone()

    def get(self, table: Table, key: bytes) -> bytes | None:
        """Return the value of a key, or None."""
        with self._lock:
            self._require_open()
            try:
                row = self._connection.execute(sql.GET[table], (key,)).fetchone()
            except sqlite3.DatabaseError as error:
                raise reading_error(error, table, key) from error
        return None if row is None else row[0]

    def get_many(self, table: Table, keys: Collection[bytes]) -> dict[bytes, bytes]:
        """Return the values of those keys that are there."""
        if not keys:
            return {}
        with self._reading(table):
            found = self._connection.execute(sql.GET_MANY[table], sql.rows(dict.fromkeys(keys)))
            return dict(found.fetchall())

    def items(
        self, table: Table, *, first: bytes = b"", last: bytes | None = None, limit: int = -1
    ) -> Iterator[tuple[bytes, bytes]]:
        """Return keys and values in ascending order; see `StoreSnapshot.items`."""
        while limit != 0:
            count = _PORTION if limit < 0 else min(_PORTION, limit)
            with self._reading(table, first):
                found = self._connection.execute(sql.RANGE[table], (first, last, count)).fetchall()
            yield from found
            if len(found) < count:
                return
            limit -= count if limit > 0 else 0
            first = found[-1][0] + b"\0"

    def newest(self, table: Table) -> tuple[bytes, bytes] | None:
        """Return the entry with the highest key, or None."""
        with self._reading(table):
            found: tuple[bytes, bytes] | None = self._connection.execute(
                sql.NEWEST[table]
            ).fetchone()
        return found

    def count(self, table: Table) -> int:
        """Return how many entries a table has."""
        with self._reading(table):
            (found,) = self._connection.execute(sql.COUNT[table]).fetchone()
        return int(found)

    @contextlib.contextmanager
    def _reading(self, table: Table, key: bytes = b"") -> Iterator[None]:
        with self._lock:
            self._require_open()
            with reading_damage(table, key):
                yield

    def _require_open(self) -> None:
        if not self._open:
            raise RegistryUnavailableError("the snapshot was held too long; read again")

    def end(self) -> None:
        """Give the state up; reading from it then is an error."""
        with self._lock:
            if self._open:
                self._open = False
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")


@contextlib.contextmanager
def reading_damage(table: str = "", key: bytes = b"") -> Iterator[None]:
    """Turn SQLite's errors of reading into ours: damage, or not to be had now."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise reading_error(error, table, key) from error


def reading_error(
    error: sqlite3.Error, table: str, key: bytes
) -> RegistryUnavailableError | StoreDamagedError:
    """Return what an error of reading means."""
    if (error.sqlite_errorcode & 0xFF) in _PASSING:
        return RegistryUnavailableError(f"the store cannot be read now: {error}")
    return StoreDamagedError(
        f"the database cannot be read in table {table}: {error}", table=table, key=key
    )
