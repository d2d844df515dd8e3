"""A store that state sync has begun to fill and not finished: it holds no chain, only remains.

What is in it was verified, but a state is one only when it is whole. The position is what makes a
store a chain, and is written last, in the write that takes the mark away.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from registry_chain.storage.checkpoint import NOTHING_YET
from registry_chain.storage.store import ChainStore, Table

UNFINISHED: Final = b"state_sync"
"""Setting: the name (SHA-256 of the manifest) of the snapshot that is being taken."""
_PORTION: Final = 5_000


def is_unfinished(store: ChainStore) -> bool:
    """Return whether the store holds the remains of a snapshot that was not taken whole."""
    return store.get(Table.SETTINGS, UNFINISHED) is not None


def clear_unfinished(store: ChainStore) -> bool:
    """Take the remains of a snapshot away, if there are any; return whether there were.

    To be called before a chain is begun in the store in any other way. The mark goes last.
    """
    if not is_unfinished(store):
        return False
    for table in Table:
        if table is not Table.SETTINGS:
            _empty(store, table)
    store.write({Table.SETTINGS: {UNFINISHED: None}}, NOTHING_YET)
    return True


def _empty(store: ChainStore, table: Table) -> None:
    while True:
        with store.snapshot() as snapshot:
            keys = [key for key, _ in islice(snapshot.items(table, limit=_PORTION), _PORTION)]
        if not keys:
            return
        store.write({table: dict.fromkeys(keys)}, NOTHING_YET)
