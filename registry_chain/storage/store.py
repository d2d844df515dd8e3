"""The ChainStore protocol: tables of bytes, written a block at a time, with promises in words.

A store knows nothing of what it keeps: keys and values are bytes. What stands in each table is
said at `Table`; that it is what it should be is checked in `integrity`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias


class Table(StrEnum):
    """The tables of a store, each from key to value."""

    RECORDS = "records"
    """State key (32 bytes) → bytes of the current record."""
    VERSIONS = "versions"
    """SHA-256 of a record's bytes → those bytes, for records that were replaced."""
    PAGES = "pages"
    """Key of a page of a sparse Merkle tree → the page."""
    LOG = "log"
    """Key of a node of the operation log → the node."""
    RECEIPTS = "receipts"
    """Transaction id → receipt."""
    BLOCKS = "blocks"
    """Height (8 bytes, big-endian) → header, commit and transactions."""
    VALIDATORS = "validators"
    """Hash of a validator set → the set."""
    CONTENTS = "contents"
    """SHA-256 of a template's JSON → the JSON."""
    EVENTS = "events"
    """Position of its last event in the feed (8 bytes, big-endian) → run of events."""
    SETTINGS = "settings"
    """Name in ASCII → what is said once: the genesis, the newest height and roots."""


Writes: TypeAlias = Mapping[Table, Mapping[bytes, bytes | None]]
"""What one commit changes; None takes the key away."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the newest commit stands for, kept outside the database too (32-byte hashes)."""

    height: int
    block_hash: bytes
    app_hash: bytes


class StoreSnapshot(Protocol):
    """One committed state, unchanged for as long as it is held, whatever is written meanwhile."""

    def get(self, table: Table, key: bytes) -> bytes | None:
        """Return the value of a key, or None.

        Raises:
            StoreDamagedError: the file cannot be read.
            RegistryUnavailableError: the snapshot was held too long and has been taken back.
        """
        ...

    def get_many(self, table: Table, keys: Collection[bytes]) -> dict[bytes, bytes]:
        """Return the values of those keys that are there; quicker than asking for each."""
        ...

    def items(
        self, table: Table, *, first: bytes = b"", last: bytes | None = None, limit: int = -1
    ) -> Iterator[tuple[bytes, bytes]]:
        """Return keys and values in ascending order of keys, from `first` to `last` inclusive.

        At most `limit` of them; a negative limit means all.
        """
        ...

    def newest(self, table: Table) -> tuple[bytes, bytes] | None:
        """Return the entry with the highest key, or None when the table is empty."""
        ...

    def count(self, table: Table) -> int:
        """Return how many entries a table has."""
        ...


class ChainStore(Protocol):
    """Where a node keeps its chain.

    The promises on which receipts rest:

    1. *All or nothing.* One `write` is one database transaction: after a crash at any point,
       either everything of it is there or nothing.
    2. *Durable.* When `write` returns, it survives the loss of power (a store in memory says
       otherwise in its docstring).
    3. *In order.* Writes take effect one after the other; there is one writer, and a second
       process cannot open the store.
    4. *Never back.* A store whose newest block is lower than, or other than, what the checkpoint
       outside it says does not open.
    5. *Full is not broken.* Without space `write` raises `StoreFullError`, changes nothing, and
       works again when there is space.
    6. *A failed sync is the end.* After `StoreStoppedError` every further write raises it too.
    7. *Readers do not wait.* A snapshot neither waits for the writer nor makes it wait.
    """

    def write(self, writes: Writes, checkpoint: Checkpoint) -> None:
        """Apply the writes as one, durably, and move the checkpoint.

        Raises:
            StoreFullError: no space; nothing changed.
            StoreStoppedError: the write failed otherwise; open the store again to know more.
        """
        ...

    def get(self, table: Table, key: bytes) -> bytes | None:
        """Return the newest committed value of a key, or None."""
        ...

    def get_many(self, table: Table, keys: Collection[bytes]) -> dict[bytes, bytes]:
        """Return the newest committed values of those keys that are there."""
        ...

    def snapshot(self) -> AbstractContextManager[StoreSnapshot]:
        """Return the newest committed state, to be read within a `with` block."""
        ...

    def close(self) -> None:
        """Release files and locks; closing twice is harmless."""
        ...
