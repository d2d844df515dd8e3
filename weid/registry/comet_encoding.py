"""The few CometBFT encodings that a light client needs, by hand: protobuf, Merkle roots, times.

Only what headers, commits and validator sets are made of (clauses LC-ENC-… of
specs/light-client.md). Encoding only: nothing here reads protobuf.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from weid.errors import MalformedError

NANOSECONDS: Final = 1_000_000_000
"""Nanoseconds of a second: CometBFT's times are in nanoseconds, the registry's in seconds."""

_VARINT: Final = 0
_FIXED64: Final = 1
_BYTES: Final = 2


# --- Protobuf (proto3: a zero or empty field is not written) -------------------------------------


def varint(value: int) -> bytes:
    """Return a protobuf varint; a negative int64 takes ten bytes, as protobuf does."""
    value &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def integer_field(number: int, value: int) -> bytes:
    """Return an int64, uint64 or enum field, nothing for zero."""
    return bytes((number << 3 | _VARINT,)) + varint(value) if value else b""


def fixed64_field(number: int, value: int) -> bytes:
    """Return an sfixed64 field, nothing for zero."""
    if not value:
        return b""
    return bytes((number << 3 | _FIXED64,)) + value.to_bytes(8, "little", signed=True)


def bytes_field(number: int, value: bytes) -> bytes:
    """Return a bytes or string field, nothing for an empty one."""
    return message_field(number, value) if value else b""


def message_field(number: int, value: bytes) -> bytes:
    """Return an embedded message, which is written even when it is empty."""
    return bytes((number << 3 | _BYTES,)) + varint(len(value)) + value


def timestamp(nanoseconds: int) -> bytes:
    """Return google.protobuf.Timestamp of nanoseconds since 1970."""
    seconds, rest = divmod(nanoseconds, NANOSECONDS)
    return integer_field(1, seconds) + integer_field(2, rest)


# --- Merkle roots (RFC 6962 clause 2.1) ----------------------------------------------------------


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Return the RFC 6962 root of the leaves: 0x00 before a leaf, 0x01 before a node.

    The tree splits at the largest power of two below the number of leaves; no leaves give the
    hash of the empty string.
    """
    if not leaves:
        return hashlib.sha256(b"").digest()
    sha256 = hashlib.sha256
    level = [sha256(b"\0" + leaf).digest() for leaf in leaves]
    # Pairing from the left and carrying an odd last node up gives the same tree as splitting.
    while len(level) > 1:
        paired = [
            sha256(b"\1" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)
        ]
        if len(level) % 2:
            paired.append(level[-1])
        level = paired
    return level[0]


# --- Times as CometBFT writes them in JSON (RFC 3339 in UTC, up to nine digits) ------------------

_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)


def parse_time(text: str, *, what: str) -> int:
    """Return nanoseconds since 1970 of an RFC 3339 time in UTC.

    Raises:
        MalformedError: another form of time, or one that no calendar has.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise MalformedError(f"{what} is not a time in UTC")
    try:
        instant = datetime.strptime(match[1], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise MalformedError(f"{what} is not a time that exists") from None
    return int(instant.timestamp()) * NANOSECONDS + int((match[2] or "0").ljust(9, "0"))


def format_time_ns(nanoseconds: int) -> str:
    """Return the time as CometBFT writes it: no fraction for a whole second, else no end zeros."""
    seconds, rest = divmod(nanoseconds, NANOSECONDS)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{text}{fraction}Z"
