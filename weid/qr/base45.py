"""Base45 (RFC 9285), strict and by table: bytes in the alphabet of a QR code's compact mode."""

from __future__ import annotations

from typing import Final

from weid.errors import MalformedError

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
"""The 45 characters, in the order of their values (RFC 9285 clause 4.2, ISO/IEC 18004 table 5)."""

# Two characters hold one of 2025 values, least significant first; with a third they hold 16 bits.
_PAIRS: Final = [low + high for high in ALPHABET for low in ALPHABET]
_PAIR_VALUES: Final = {pair: value for value, pair in enumerate(_PAIRS)}
_VALUES: Final = {character: value for value, character in enumerate(ALPHABET)}


def base45_encode(data: bytes) -> str:
    """Return data as base45 text: three characters for two bytes, two for a last single byte."""
    words = [high << 8 | low for high, low in zip(data[::2], data[1::2], strict=False)]
    parts = [_PAIRS[word % 2025] + ALPHABET[word // 2025] for word in words]
    if len(data) % 2:
        parts.append(_PAIRS[data[-1]])
    return "".join(parts)


def base45_decode(text: str, *, what: str) -> bytes:
    """Return the bytes of base45 text; `what` names the place in an error.

    Raises:
        MalformedError: another character (lower case too), a group that stands for more than its
            bytes hold, or a last group of one character.
    """
    if len(text) % 3 == 1:
        raise MalformedError(f"{what} is not base45: it ends in the middle of a group")
    whole = len(text) - len(text) % 3
    try:
        words = [
            _PAIR_VALUES[text[at : at + 2]] + 2025 * _VALUES[text[at + 2]]
            for at in range(0, whole, 3)
        ]
        last = _PAIR_VALUES[text[whole:]] if whole < len(text) else 0
    except KeyError:
        raise MalformedError(f"{what} is not base45: it has a character of no value") from None
    if any(word > 0xFFFF for word in words) or last > 0xFF:
        raise MalformedError(f"{what} is not base45: a group is past its bytes")
    data = b"".join([word.to_bytes(2, "big") for word in words])
    return data + bytes([last]) if whole < len(text) else data
