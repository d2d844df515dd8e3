"""Bytes and text in one spelling each: base64url, base58, JSON, RFC 8785 JSON.

One strict loader for each format. A reader here refuses every second spelling of a value, because
what has two spellings can be signed in one and read in the other.
"""

from __future__ import annotations

import json
import marshal
import math
import re
from typing import Final, TypeAlias, cast

import base58
import orjson
import pybase64

from weid import limits
from weid.errors import MalformedError

JsonValue: TypeAlias = "dict[str, JsonValue] | list[JsonValue] | str | int | float | bool | None"
JsonObject: TypeAlias = dict[str, JsonValue]

# --- base64url (RFC 4648 clause 5, no padding) ---------------------------------------------------

_ALPHABET: Final = b"-_"
_PADDING: Final = ("", "===", "==", "=")
# The characters that may end a group of two or three: the unused low bits are zero.
_LAST_OF_TWO: Final = frozenset("AQgw")
_LAST_OF_THREE: Final = frozenset("AEIMQUYcgkosw048")


def base64url_encode(data: bytes) -> str:
    """Return data as base64url without padding."""
    return pybase64.b64encode_as_string(data, _ALPHABET).rstrip("=")


def base64url_encode_each(parts: list[bytes], *, length: int) -> list[str]:
    """Return the base64url of parts that are all `length` bytes long, in one pass over them."""
    # Each part is filled up to a multiple of three, so that its text begins at its own place.
    fill = bytes(-length % 3)
    text = pybase64.b64encode_as_string(fill.join(parts) + fill, _ALPHABET)
    step, chars = (length + 2) // 3 * 4, (length * 4 + 2) // 3
    return [text[at : at + chars] for at in range(0, len(parts) * step, step)]


def base64url_decode(text: str, *, what: str) -> bytes:
    """Return the bytes of base64url text; `what` names the place in an error.

    Raises:
        MalformedError: another alphabet, padding, white space, or unused bits that are not zero.
    """
    # The library takes padding, and the other alphabet beside this one.
    if "=" in text or "+" in text or "/" in text:
        raise MalformedError(f"{what} is not base64url")
    rest = len(text) % 4
    try:
        data: bytes = pybase64.b64decode(text + _PADDING[rest], _ALPHABET, True)
    except ValueError:
        raise MalformedError(f"{what} is not base64url") from None
    if (rest == 2 and text[-1] not in _LAST_OF_TWO) or (
        rest == 3 and text[-1] not in _LAST_OF_THREE
    ):
        raise MalformedError(f"{what} is not base64url in its only spelling")
    return data


# --- base58 (the alphabet of Bitcoin, multibase prefix 'z') --------------------------------------

_BASE58: Final = re.compile(r"[1-9A-HJ-NP-Za-km-z]*\Z")


def base58_encode(data: bytes) -> str:
    """Return data as base58btc, without a multibase prefix."""
    return base58.b58encode(data).decode("ascii")


def base58_decode(text: str, *, what: str, max_chars: int) -> bytes:
    """Return the bytes of base58btc text; `what` names the place in an error.

    The length is bounded first, because the conversion costs the square of it.

    Raises:
        MalformedError: longer than `max_chars`, or a character outside the alphabet.
    """
    if len(text) > max_chars:
        raise MalformedError(f"{what} is longer than {max_chars} characters")
    if _BASE58.match(text) is None:
        raise MalformedError(f"{what} is not base58")
    return base58.b58decode(text)


# --- JSON (RFC 8259, read strictly) --------------------------------------------------------------


class _Refused(Exception):  # noqa: N818 - never leaves this module
    """What a hook of the JSON reader found."""


def _object(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Refused("has a member name twice in one object")
    return members


def _integer(digits: str) -> int:
    if len(digits) > limits.JSON_INTEGER_DIGITS:
        raise _Refused(f"has an integer of more than {limits.JSON_INTEGER_DIGITS} digits")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise _Refused("has a number that is too large")
    return number


def _constant(name: str) -> float:
    raise _Refused(f"has {name}, which is not JSON")


_READER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
)
# A string that never closes matches too: else each of its quotes would be tried to the end again.
_BRACKETS: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


def _check_depth(text: str, what: str, max_depth: int) -> None:
    # No text with this few brackets can be too deep: the usual case costs two counts.
    if text.count("{") + text.count("[") <= max_depth:
        return
    depth = 0
    for token in _BRACKETS.finditer(text):
        first = token.group()[0]
        if first in "[{":
            depth += 1
            if depth > max_depth:
                raise MalformedError(f"{what} is nested deeper than {max_depth} levels")
        elif first != '"':
            depth -= 1


def json_loads(
    data: bytes | str,
    *,
    what: str,
    max_bytes: int = limits.PRESENTATION_BYTES,
    max_depth: int = limits.JSON_DEPTH,
) -> JsonValue:
    """Read one JSON text, strictly; `what` names it in errors.

    Refused beyond RFC 8259: duplicate member names, any encoding but UTF-8, a byte order mark,
    lone surrogates, NaN and Infinity, numbers that overflow, and what passes the given bounds.

    Raises:
        MalformedError: with what is wrong.
    """
    if len(data) > max_bytes or (isinstance(data, str) and _utf8_size(data) > max_bytes):
        raise MalformedError(f"{what} is larger than {max_bytes} bytes")
    # No text with this few brackets can be too deep.
    if isinstance(data, bytes) and data.count(b"{") + data.count(b"[") <= max_depth:
        try:
            value: JsonValue = orjson.loads(data)
            # What is written again byte for byte can be read in one way only: a name twice, a
            # number that is rounded or any other spelling would come out different.
            if orjson.dumps(value) == data:
                return value
        except (ValueError, TypeError):
            pass  # the strict reader says what is wrong, or that nothing is
    return _read_strictly(data, what, max_depth)


def json_loads_each(
    texts: list[bytes], *, what: str, max_bytes: int = limits.PRESENTATION_BYTES
) -> list[JsonValue]:
    """Read JSON texts of one kind, each as `json_loads` does; the bound is of all together.

    Raises:
        MalformedError: with what is wrong with the first that is not strict.
    """
    joined = b"".join(texts)
    if len(joined) > max_bytes:
        raise MalformedError(f"{what} is larger than {max_bytes} bytes")
    if joined.count(b"{") + joined.count(b"[") <= limits.JSON_DEPTH:
        try:
            values: list[JsonValue] = list(map(orjson.loads, texts))
            if list(map(orjson.dumps, values)) == texts:  # as in `json_loads`
                return values
        except (ValueError, TypeError):
            pass
    return [json_loads(text, what=what, max_bytes=max_bytes) for text in texts]


def _utf8_size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _read_strictly(data: bytes | str, what: str, max_depth: int) -> JsonValue:
    """Read any spelling of JSON, with every refusal of `json_loads` but that of its size."""
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        _check_depth(text, what, max_depth)
        value: JsonValue = _READER.decode(text)
        if "\\u" in text or isinstance(data, str):
            _refuse_lone_surrogates(value, text)
    except _Refused as refused:
        raise MalformedError(f"{what} {refused}") from None
    except UnicodeError:
        raise MalformedError(f"{what} is not UTF-8 text") from None
    except (ValueError, RecursionError) as error:
        place = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise MalformedError(f"{what} is not JSON{place}") from None
    return value


def _refuse_lone_surrogates(value: JsonValue, text: str) -> None:
    text.encode("utf-8")
    if "\\u" in text:
        json.dumps(value, ensure_ascii=False).encode("utf-8")


def json_loads_object(
    data: bytes | str,
    *,
    what: str,
    max_bytes: int = limits.PRESENTATION_BYTES,
    max_depth: int = limits.JSON_DEPTH,
) -> JsonObject:
    """Read one JSON text whose value is an object; see `json_loads`."""
    value = json_loads(data, what=what, max_bytes=max_bytes, max_depth=max_depth)
    if not isinstance(value, dict):
        raise MalformedError(f"{what} is not a JSON object")
    return value


_WRITER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def json_dumps(value: object) -> bytes:
    """Return compact UTF-8 JSON, member order as given; a tuple is an array.

    Raises:
        MalformedError: something that JSON does not have, such as NaN, bytes, a lone surrogate, a
            date, a UUID, a member of an enumeration or any other subclass of the built-in types,
            or an integer that `json_loads` would refuse.
    """
    try:
        return _write_quickly(value)
    except (TypeError, ValueError):
        return _write_strictly(value)


def json_dumps_each(values: list[JsonValue]) -> list[bytes]:
    """Return the compact JSON of each value, as `json_dumps` does.

    Raises:
        MalformedError: something that JSON does not have.
    """
    try:
        marshal.dumps(values)  # as in `_write_quickly`
        written = list(map(orjson.dumps, values))
        if b"null" not in b"".join(written):
            return written
    except (TypeError, ValueError):
        pass
    return [json_dumps(value) for value in values]


def _write_quickly(value: object) -> bytes:
    # orjson writes dates, UUIDs, enumerations and more; marshal takes the built-in types alone.
    marshal.dumps(value)  # type: ignore[arg-type]  # whether it can is the question
    written = orjson.dumps(value)
    # orjson writes null for NaN too.
    if b"null" in written and orjson.loads(written) != value:
        raise ValueError
    return written


def _write_strictly(value: object) -> bytes:
    """Write what orjson does not (past 64 bits), and say of anything else what is wrong."""
    try:
        _check_plain(value)
        return _WRITER.encode(value).encode("utf-8")
    except _Refused as refused:
        raise MalformedError(f"the value {refused}") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise MalformedError(f"the value cannot be written as JSON: {error}") from None


def _check_plain(value: object) -> None:
    kind = type(value)
    if kind in {list, tuple}:
        for item in cast("list[object]", value):
            _check_plain(item)
    elif kind is dict:
        for name, member in cast("dict[object, object]", value).items():
            if type(name) is not str:
                raise _Refused("has a member whose name is not text")
            _check_plain(member)
    elif kind is int:
        _integer(str(value))  # what is written must be what the reader takes
    elif kind not in {str, float, bool, type(None)}:
        raise _Refused(f"has a {kind.__name__}, which JSON does not have")


def json_canonical(value: JsonValue) -> bytes:
    """Return JSON in its canonical spelling (RFC 8785)."""
    import rfc8785  # noqa: PLC0415 - only Data Integrity and template digests need it

    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        raise MalformedError(f"the value has no canonical JSON: {error}") from None
