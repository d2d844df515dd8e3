"""Writes, reads and copies a store of a million rows in an address space of two gigabytes."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from registry_chain.storage.sqlite import SqliteChainStore
from registry_chain.storage.store import Checkpoint, Table

ROWS = 1_000_000
PART = 50_000
LIMIT = 2 * 2**30
POINT = Checkpoint(0, bytes(32), bytes(32))


def main(folder: Path) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))
    store = SqliteChainStore(folder / "chain")
    for start in range(0, ROWS, PART):
        rows = {n.to_bytes(4, "big") * 8: bytes(120) for n in range(start, start + PART)}
        store.write({Table.RECORDS: rows}, POINT)
    with store.snapshot() as snapshot:
        read = sum(1 for _ in snapshot.items(Table.RECORDS))
    (folder / "copy").mkdir()
    store.copy_to(folder / "copy")
    store.close()
    copy = SqliteChainStore(folder / "copy", inspect=True)
    with copy.snapshot() as snapshot:
        print(read, snapshot.count(Table.RECORDS))
    copy.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
