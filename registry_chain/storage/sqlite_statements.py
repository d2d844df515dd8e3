"""The SQL of the SQLite store: its schema, and many rows in one statement.

Many rows are read or written in one statement because SQLite then works without Python's
interpreter lock from the first row to the last; with a statement for each row, a busy thread beside
it would make each row wait for the lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate, chain
from operator import add
from typing import Final

from registry_chain.storage.store import Table

SCHEMA_VERSION: Final = 1
"""Raised with every change of the schema; a newer one is refused, an older one is migrated."""

APPLICATION_ID: Final = 0x77656964
"""`weid` in ASCII: says whose file this is (PRAGMA application_id)."""

# Values of these tables are large; a table with a separate key index keeps their pages apart.
_LARGE: Final = frozenset({Table.BLOCKS, Table.CONTENTS})


def schema() -> list[str]:
    """Return the statements that make an empty store."""
    return [
        f"CREATE TABLE {table} (key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL) STRICT"
        + ("" if table in _LARGE else ", WITHOUT ROWID")
        for table in Table
    ]


GET: Final = {table: f"SELECT value FROM {table} WHERE key = ?" for table in Table}  # noqa: S608 - names of our own tables
COUNT: Final = {table: f"SELECT count(*) FROM {table}" for table in Table}  # noqa: S608 - same
NEWEST: Final = {
    table: f"SELECT key, value FROM {table} ORDER BY key DESC LIMIT 1"  # noqa: S608 - same
    for table in Table
}
RANGE: Final = {
    table: (
        f"SELECT key, value FROM {table} WHERE key >= ?1 AND (?2 IS NULL OR key <= ?2) "  # noqa: S608 - same
        "ORDER BY key LIMIT ?3"
    )
    for table in Table
}

# A row's number packs where it starts in the joined bytes, the length of its key and of its value.
_VALUE_BITS: Final = 24
_KEY_BITS: Final = 8
_START_BITS: Final = _VALUE_BITS + _KEY_BITS
_KEY: Final = f"substr(?1, (value >> {_START_BITS}) + 1, (value >> {_VALUE_BITS}) & 255)"
_VALUE: Final = (
    f"substr(?1, (value >> {_START_BITS}) + 1 + ((value >> {_VALUE_BITS}) & 255), "
    f"value & {2**_VALUE_BITS - 1})"
)

GET_MANY: Final = {
    table: f"SELECT key, value FROM {table} WHERE key IN (SELECT {_KEY} FROM json_each(?2))"  # noqa: S608 - same
    for table in Table
}
PUT: Final = {
    table: (
        f"INSERT INTO {table} (key, value) SELECT {_KEY}, {_VALUE} FROM json_each(?2) WHERE true "  # noqa: S608 - same
        "ON CONFLICT (key) DO UPDATE SET value = excluded.value"
    )
    for table in Table
}
DELETE: Final = {
    table: f"DELETE FROM {table} WHERE key IN (SELECT {_KEY} FROM json_each(?2))"  # noqa: S608 - same
    for table in Table
}


def rows(values: Mapping[bytes, bytes | None]) -> tuple[bytes, str]:
    """Return the parameters of PUT (or DELETE, for None): the joined bytes and the row numbers.

    Rows are in ascending order of keys, which keeps the pages that SQLite touches together.

    Raises:
        ValueError: a key of more than 255 bytes or a value of 16 MiB.
    """
    keys = sorted(values)
    found = [values[key] or b"" for key in keys]
    key_sizes = list(map(len, keys))
    value_sizes = list(map(len, found))
    if max(key_sizes, default=0) >> _KEY_BITS or max(value_sizes, default=0) >> _VALUE_BITS:
        raise ValueError("a key or value is too long for the store")
    # One byte stands in front, because substr of an empty blob would be NULL.
    starts = accumulate(map(add, key_sizes, value_sizes), initial=1)
    numbers = [
        start << _START_BITS | key_size << _VALUE_BITS | value_size
        for start, key_size, value_size in zip(starts, key_sizes, value_sizes, strict=False)
    ]
    return b"\0" + b"".join(chain.from_iterable(zip(keys, found, strict=True))), str(numbers)
