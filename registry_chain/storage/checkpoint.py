"""The checkpoint file: where the chain stood, written outside the database after each commit.

A database that was copied back from yesterday is consistent in itself; only something beside it
can tell. The file has two slots of fixed size, written in turn, each with a checksum: a torn
write leaves the other slot, and no write needs new space.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

from registry_chain.storage.errors import StoreDamagedError, StoreRefusedError
from registry_chain.storage.store import Checkpoint, Table

_MAGIC: Final = b"weid-checkpoint1"
_BODY: Final = len(_MAGIC) + 8 + 32 + 32
_SLOT: Final = 512
"""A slot fills a disk sector, so that writing one does not touch the other."""


NO_BLOCK_HASH: Final = bytes(32)
"""The block hash of a checkpoint before the first block, when only the genesis is there."""


NOTHING_YET: Final = Checkpoint(0, NO_BLOCK_HASH, bytes(32))
"""The checkpoint of a store that was made and holds no chain yet."""


class CheckpointFile:
    """An open checkpoint file; `read` gives the higher of its valid slots.

    `reading` opens one that is there and cannot be written.
    """

    def __init__(self, path: Path, *, reading: bool = False) -> None:
        self.path = path
        flags = os.O_RDONLY if reading else os.O_RDWR | os.O_CREAT
        self._file = os.open(path, flags | os.O_CLOEXEC, 0o600)
        self._slot = 0

    def read(self) -> Checkpoint | None:
        """Return the checkpoint, or None where there was never one.

        Raises:
            StoreRefusedError: the file is there and neither slot is whole.
        """
        data = os.pread(self._file, 2 * _SLOT + 1, 0)
        found = [_parse_slot(data[start : start + _SLOT]) for start in (0, _SLOT)]
        whole = [(checkpoint, slot) for slot, checkpoint in enumerate(found) if checkpoint]
        if not whole:
            # Only zeros: the power failed before the first write reached the disk.
            if data.strip(b"\0"):
                raise StoreRefusedError(
                    f"the checkpoint file {self.path} is damaged",
                    hint="compare the chain's head with other copies of it before going on",
                )
            return None
        newest, slot = max(whole, key=lambda pair: pair[0].height)
        self._slot = 1 - slot
        return newest

    def write(self, checkpoint: Checkpoint) -> None:
        """Write the checkpoint over the older slot.

        It is not synced each time: after a power cut the file may lag behind the database, which
        loosens the guard by those blocks and breaks nothing. `sync` closes the gap.
        """
        body = (
            _MAGIC
            + checkpoint.height.to_bytes(8, "big")
            + checkpoint.block_hash
            + checkpoint.app_hash
        )
        slot = (body + hashlib.sha256(body).digest()).ljust(_SLOT, b"\0")
        if os.fstat(self._file).st_size == 0:
            os.pwrite(self._file, slot + slot, 0)  # takes all the space it will ever need
        else:
            os.pwrite(self._file, slot, self._slot * _SLOT)
        self._slot = 1 - self._slot

    def sync(self) -> None:
        """Make what was written survive the loss of power."""
        os.fdatasync(self._file)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def _parse_slot(slot: bytes) -> Checkpoint | None:
    body, checksum = slot[:_BODY], slot[_BODY : _BODY + 32]
    if not body.startswith(_MAGIC) or hashlib.sha256(body).digest() != checksum:
        return None
    start = len(_MAGIC)
    return Checkpoint(
        int.from_bytes(body[start : start + 8], "big"),
        body[start + 8 : start + 40],
        body[start + 40 : start + 72],
    )


INSIDE: Final = b"checkpoint"
"""The setting that holds the same checkpoint inside the database."""


def encode_inside(checkpoint: Checkpoint) -> bytes:
    """Return the setting's value."""
    return checkpoint.height.to_bytes(8, "big") + checkpoint.block_hash + checkpoint.app_hash


def parse_inside(data: bytes | None) -> Checkpoint | None:
    """Read the setting's value.

    Raises:
        StoreDamagedError: it has another length.
    """
    if data is None:
        return None
    if len(data) != 72:
        raise StoreDamagedError(
            "the checkpoint in the database is damaged", table=Table.SETTINGS, key=INSIDE
        )
    return Checkpoint(int.from_bytes(data[:8], "big"), data[8:40], data[40:])
