"""Accepting a store's own height: what an operator does who knows why its checkpoint is missing."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from registry_chain.storage import sqlite_statements as sql
from registry_chain.storage.checkpoint import INSIDE, CheckpointFile, parse_inside
from registry_chain.storage.errors import StoreRefusedError
from registry_chain.storage.folder_lock import take_lock
from registry_chain.storage.sqlite_opening import CHECKPOINT, DATABASE
from registry_chain.storage.store import Checkpoint, Table


def accept_present_height(folder: Path, *, checkpoint_path: Path | None = None) -> Checkpoint:
    """Write the checkpoint file anew from what the database says, and return it.

    This gives up the guard against a database that was put back: only for an operator who knows
    why the file is missing or ahead (for example after restoring a backup).

    Raises:
        StoreRefusedError: the store is open elsewhere, or has no checkpoint inside.
    """
    lock = take_lock(folder)
    try:
        connection = sqlite3.connect(folder / DATABASE)
        try:
            row = connection.execute(sql.GET[Table.SETTINGS], (INSIDE,)).fetchone()
        finally:
            connection.close()
        inside = parse_inside(None if row is None else row[0])
        if inside is None:
            raise StoreRefusedError(f"the store in {folder} is empty")
        path = checkpoint_path or folder / CHECKPOINT
        path.unlink(missing_ok=True)
        file = CheckpointFile(path)
        file.write(inside)
        file.sync()
        file.close()
        return inside
    finally:
        os.close(lock)
