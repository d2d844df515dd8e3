"""The history of records: each version names the hash of the one before it."""

from __future__ import annotations

from weid import limits
from weid.cbor import cbor_decode
from weid.errors import MalformedError


def previous_version(record: bytes) -> bytes:
    """Return the hash of the version before a record's bytes; empty for the first, or for none."""
    try:
        fields = cbor_decode(record, what="a record", max_bytes=limits.RECORD_BYTES)
    except MalformedError:
        return b""
    match fields:
        case [*_, [int(), int(), int(), bytes(previous)]]:
            return previous
    return b""


def version_time(record: bytes) -> int:
    """Return the block time (seconds) of a record's version; 0 for a record without one."""
    try:
        fields = cbor_decode(record, what="a record", max_bytes=limits.RECORD_BYTES)
    except MalformedError:
        return 0
    match fields:
        case [*_, [int(), int(), int(time), bytes()]]:
            return time
    return 0
