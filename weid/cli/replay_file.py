"""A replay memory in a file of the home folder, so that the next run remembers too."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weid.clock import Clock
    from weid.sessions import SqliteSessionStore


class FileReplayMemory:
    """Remembers used nonces in SQLite, shared by all processes; open only while it is asked."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock

    def remember(self, key: str, *, until: int, now: int) -> bool:
        """Remember a key up to and including `until` (seconds); False when it is remembered."""
        del now  # the store reads the same clock
        with closing(self._open()) as store:
            store.remove_expired()
            return store.create(key, b"", expires_at=until + 1)

    def _open(self) -> SqliteSessionStore:
        from weid.sessions import SqliteSessionStore  # noqa: PLC0415 - only when verifying

        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return SqliteSessionStore(self._path, self._clock)
