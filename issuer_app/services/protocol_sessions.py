"""The library's SessionStore over our store: codes, tokens and nonces, each usable once.

Keys are often secrets, so that only their SHA-256 is written; every row names its organisation.
"""

from __future__ import annotations

import hashlib

from issuer_app.store.database import Database
from weid.clock import Clock


class StoredSessions:
    """Sessions of one kind (a name space) of one organisation."""

    def __init__(self, database: Database, *, organisation: str, kind: str, clock: Clock) -> None:
        self._database = database
        self._organisation = organisation
        self._kind = kind
        self._clock = clock

    def create(self, key: str, value: bytes, *, expires_at: int) -> bool:
        """Store a value under a new key; False where one is there."""
        return self._changed(
            "INSERT INTO protocol_sessions (organisation, kind, key, value, expires_at)"
            " VALUES (?, ?, ?, ?, ?) ON CONFLICT (kind, key) DO UPDATE"
            " SET value = excluded.value, expires_at = excluded.expires_at WHERE expires_at <= ?",
            (*self._names(key), value, expires_at, self._clock.now()),
        )

    def load(self, key: str) -> bytes | None:
        """Return the value of a key, or None."""
        value = self._database.value(
            "SELECT value FROM protocol_sessions WHERE organisation = ? AND kind = ? AND key = ?"
            " AND expires_at > ?",
            (*self._names(key), self._clock.now()),
        )
        return None if value is None else bytes(value)

    def replace(self, key: str, old: bytes, new: bytes, *, expires_at: int | None = None) -> bool:
        """Put `new` in the place of `old`; False where it is not there."""
        return self._changed(
            "UPDATE protocol_sessions SET value = ?, expires_at = coalesce(?, expires_at)"
            " WHERE organisation = ? AND kind = ? AND key = ? AND value = ? AND expires_at > ?",
            (new, expires_at, *self._names(key), old, self._clock.now()),
        )

    def take(self, key: str) -> bytes | None:
        """Remove and return a value."""
        with self._database.write():
            value = self.load(key)
            if value is not None:
                self._database.execute(
                    "DELETE FROM protocol_sessions WHERE organisation = ? AND kind = ? AND key = ?",
                    self._names(key),
                )
            return value

    def remove_expired(self) -> int:
        """Remove what has expired and return how many."""
        with self._database.write():
            return self._database.execute(
                "DELETE FROM protocol_sessions WHERE organisation = ? AND kind = ?"
                " AND expires_at <= ?",
                (self._organisation, self._kind, self._clock.now()),
            )

    def _changed(self, statement: str, values: tuple[object, ...]) -> bool:
        with self._database.write():
            return self._database.execute(statement, values) == 1

    def _names(self, key: str) -> tuple[str, str, str]:
        name = hashlib.sha256(key.encode("utf-8")).hexdigest()
        return self._organisation, self._kind, name
