"""Members of CometBFT's JSON, read strictly: what its RPC says of blocks, votes and itself.

Go writes 64-bit integers as text, hashes and addresses in capital hexadecimal, bytes in base64.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

from weid.encoding import JsonObject, JsonValue
from weid.errors import MalformedError

_INT64: Final = 2**63
_DIGITS: Final = 19


def members_of(value: JsonValue, what: str) -> JsonObject:
    """Return a JSON object's members; `what` names it in errors, here and below.

    Raises:
        MalformedError: it is no object.
    """
    if not isinstance(value, dict):
        raise MalformedError(f"{what} is not a JSON object")
    return value


def object_member(members: JsonObject, name: str, what: str) -> JsonObject:
    """Return a member that is an object.

    Raises:
        MalformedError: it is missing or something else.
    """
    value = members.get(name)
    if not isinstance(value, dict):
        raise MalformedError(f"{what} has no object {name}")
    return value


def text_member(members: JsonObject, name: str, what: str) -> str:
    """Return a member that is a text.

    Raises:
        MalformedError: it is missing or something else.
    """
    value = members.get(name)
    if not isinstance(value, str):
        raise MalformedError(f"{what} has no text {name}")
    return value


def integer_member(members: JsonObject, name: str, what: str, *, below: int = _INT64) -> int:
    """Return a member that is a whole number from 0 on.

    Raises:
        MalformedError: it is missing, something else, or not below the bound.
    """
    # Go writes 64-bit integers as text and smaller ones as numbers.
    value = members.get(name)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= _DIGITS:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < below:
        raise MalformedError(f"{what} has no whole number {name}")
    return value


def octets_member(members: JsonObject, name: str, what: str, length: int) -> bytes:
    """Return a member that is so many bytes in hexadecimal.

    Raises:
        MalformedError: it is missing, something else, or of another length.
    """
    text = text_member(members, name, what)
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if len(data) != length or len(text) != 2 * length:
        raise MalformedError(f"{what}'s {name} is not {length} bytes in hexadecimal")
    return data


def parse_base64(text: str, *, what: str, length: int | None = None) -> bytes:
    """Return bytes from standard base64 with padding, in its only spelling.

    Raises:
        MalformedError: it is none, or not of the given length.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = None
    is_sized = data is not None and length in (None, len(data))
    if data is None or not is_sized or base64.b64encode(data).decode("ascii") != text:
        count = "bytes" if length is None else f"{length} bytes"
        raise MalformedError(f"{what} does not have {count} of base64")
    return data
