"""A replay memory in a file of the home folder, so that the next run remembers too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weid.clock import Clock
    from weid.sessions import SqliteSessionStore


class FileReplayMemory:
    """Remembers used nonces in SQLite; opened at the first use, shared by all processes."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._store: SqliteSessionStore | None = None

    def remember(self, key: str, *, until: int, now: int) -> bool:
        """Remember a key up to and including `until` (seconds); False when it is remembered."""
        del now  # the store reads the same clock
        return self._opened().create(key, b"", expires_at=until + 1)

    def _opened(self) -> SqliteSessionStore:
        if self._store is None:
            from weid.sessions import SqliteSessionStore  # noqa: PLC0415 - only when verifying

            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._store = SqliteSessionStore(self._path, self._clock)
            self._store.remove_expired()
        return self._store
