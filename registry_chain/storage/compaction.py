"""Giving the space of what was pruned back to the disk: for an operator, with the node stopped.

Without it the space is not lost: new blocks fill it, and the file stays as large as it was.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from registry_chain.storage.errors import StoreRefusedError
from registry_chain.storage.folder_lock import take_lock
from registry_chain.storage.sqlite_opening import DATABASE


def compact(folder: Path) -> int:
    """Write the database of a closed store anew without its gaps; return the bytes given back.

    As much free space as the database has is needed meanwhile. It is whole at every moment.

    Raises:
        StoreInUseError: the store is open elsewhere.
        StoreRefusedError: there is no space, or the database cannot be written.
    """
    path = folder / DATABASE
    lock = take_lock(folder)
    try:
        before = path.stat().st_size
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()
        return before - path.stat().st_size
    except (sqlite3.Error, OSError) as error:
        raise StoreRefusedError(
            f"the store in {folder} cannot be made smaller: {error}",
            hint="nothing is lost; free as much space as the database has and run it again",
        ) from error
    finally:
        os.close(lock)
