"""Sessions and other things that may be used once: a store with compare-and-swap.

A value stands under a key until its expiry. Every change says what it expects to find, so that of
many who race for a code, a nonce or a state exactly one succeeds, in one process or in several.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from pathlib import Path
from typing import Final, Protocol

from weid.clock import Clock


class SessionStore(Protocol):
    """Values by key, with expiry in seconds since 1970. A value past its expiry is not there.

    Implementations promise: of concurrent calls that change one key, from any thread or process,
    those that return True (or a value, for `take`) happened one after the other, each on the state
    that it expected; and what was answered to the caller survives what the store survives.
    """

    def create(self, key: str, value: bytes, *, expires_at: int) -> bool:
        """Store a value under a new key; return False, changing nothing, where one is there.

        The whole of a replay memory: the first use of a nonce is the one that returns True.
        """
        ...

    def load(self, key: str) -> bytes | None:
        """Return the value of a key, or None."""
        ...

    def replace(self, key: str, old: bytes, new: bytes, *, expires_at: int | None = None) -> bool:
        """Put `new` in the place of `old`; return False, changing nothing, where it is not there.

        `expires_at` stays as it is where it is None.
        """
        ...

    def take(self, key: str) -> bytes | None:
        """Remove and return a value; of many who call, one gets it and the others None."""
        ...

    def remove_expired(self) -> int:
        """Remove what has expired and return how many; call it now and then."""
        ...


class MemorySessionStore:
    """Sessions of one process, gone when it ends."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: dict[str, tuple[bytes, int]] = {}

    def create(self, key: str, value: bytes, *, expires_at: int) -> bool:
        """Store a value under a new key; False where one is there."""
        with self._lock:
            if self._live(key) is not None:
                return False
            self._entries[key] = (value, expires_at)
            return True

    def load(self, key: str) -> bytes | None:
        """Return the value of a key, or None."""
        with self._lock:
            entry = self._live(key)
            return None if entry is None else entry[0]

    def replace(self, key: str, old: bytes, new: bytes, *, expires_at: int | None = None) -> bool:
        """Put `new` in the place of `old`; False where it is not there."""
        with self._lock:
            entry = self._live(key)
            if entry is None or entry[0] != old:
                return False
            self._entries[key] = (new, entry[1] if expires_at is None else expires_at)
            return True

    def take(self, key: str) -> bytes | None:
        """Remove and return a value."""
        with self._lock:
            entry = self._live(key)
            if entry is None:
                return None
            del self._entries[key]
            return entry[0]

    def remove_expired(self) -> int:
        """Remove what has expired and return how many."""
        with self._lock:
            now = self._clock.now()
            expired = [key for key, entry in self._entries.items() if entry[1] <= now]
            for key in expired:
                del self._entries[key]
            return len(expired)

    def _live(self, key: str) -> tuple[bytes, int] | None:
        entry = self._entries.get(key)
        return entry if entry is not None and entry[1] > self._clock.now() else None


_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS session (
    key BLOB PRIMARY KEY, value BLOB NOT NULL, expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID
"""
_BUSY_MILLISECONDS: Final = 5000


class SqliteSessionStore:
    """Sessions in a file that several processes may share, durable before a call returns.

    The file is readable by its owner only. Keys are often secrets themselves (codes, nonces), so
    that only their SHA-256 is written. Errors of the file (full disk, damage) are `sqlite3.Error`.
    """

    def __init__(self, path: str | Path, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        if str(path) != ":memory:":
            # Made before SQLite makes it, so that it is never readable by others.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        # FULL: under NORMAL a power cut can bring a used code back to life.
        self._database.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute(_SCHEMA)

    def create(self, key: str, value: bytes, *, expires_at: int) -> bool:
        """Store a value under a new key; False where one is there."""
        return self._changed(
            "INSERT INTO session VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE"
            " SET value = excluded.value, expires_at = excluded.expires_at WHERE expires_at <= ?",
            (_name(key), value, expires_at, self._clock.now()),
        )

    def load(self, key: str) -> bytes | None:
        """Return the value of a key, or None."""
        return self._row(
            "SELECT value FROM session WHERE key = ? AND expires_at > ?",
            (_name(key), self._clock.now()),
        )

    def replace(self, key: str, old: bytes, new: bytes, *, expires_at: int | None = None) -> bool:
        """Put `new` in the place of `old`; False where it is not there."""
        return self._changed(
            "UPDATE session SET value = ?, expires_at = coalesce(?, expires_at)"
            " WHERE key = ? AND value = ? AND expires_at > ?",
            (new, expires_at, _name(key), old, self._clock.now()),
        )

    def take(self, key: str) -> bytes | None:
        """Remove and return a value."""
        return self._row(
            "DELETE FROM session WHERE key = ? AND expires_at > ? RETURNING value",
            (_name(key), self._clock.now()),
        )

    def remove_expired(self) -> int:
        """Remove what has expired and return how many."""
        with self._lock:
            return self._database.execute(
                "DELETE FROM session WHERE expires_at <= ?", (self._clock.now(),)
            ).rowcount

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def _changed(self, statement: str, values: tuple[object, ...]) -> bool:
        # One statement is one transaction; its own WHERE is the comparison.
        with self._lock:
            return self._database.execute(statement, values).rowcount == 1

    def _row(self, statement: str, values: tuple[object, ...]) -> bytes | None:
        with self._lock:
            rows = self._database.execute(statement, values).fetchall()
        return bytes(rows[0][0]) if rows else None


def _name(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8")).digest()
