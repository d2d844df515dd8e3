"""What a chain store refuses, and why; nothing else lives here.

RegistryError
├─ StoreDamagedError           a byte is not what was written; names table and key
├─ StoreRefusedError           the store may not be opened: locked, rolled back, of another kind
│  ├─ StoreInUseError             another process has it open
│  ├─ StoreNotClosedError         on a medium for reading only, with a log beside it
│  └─ ReadOnlyMediumError         on a medium for reading only, and to be written
└─ RegistryUnavailableError
   ├─ StoreFullError           no space: the write was refused, reading goes on
   └─ StoreStoppedError        a write failed in a way after which nothing is certain
"""

from __future__ import annotations

from weid.errors import RegistryError, RegistryUnavailableError


class StoreDamagedError(RegistryError):
    """Stored bytes are not what was written.

    `table`, `key` and `height` say where, as far as it is known (empty text, None).
    """

    def __init__(
        self, message: str, *, table: str = "", key: bytes = b"", height: int | None = None
    ) -> None:
        super().__init__(
            message,
            hint="stop this node; restore a backup, or build the store again by replaying blocks",
        )
        self.table = table
        self.key = key
        self.height = height


class StoreRefusedError(RegistryError):
    """The store may not be opened as it is."""


class ReadOnlyMediumError(StoreRefusedError):
    """The store is on a medium that refuses every writing: it can be read at most."""


class StoreNotClosedError(StoreRefusedError):
    """What a store wrote last lies beside its database, where it cannot be brought into it."""


class StoreInUseError(StoreRefusedError):
    """Another process has the store open."""


class StoreFullError(RegistryUnavailableError):
    """There is no space left: nothing was written, and what is stored can still be read."""


class StoreStoppedError(RegistryUnavailableError):
    """A write or sync failed, so that only a restart can tell what is on the disk."""
