"""Formats that templates may use beside those of JSON Schema: what a pattern cannot say.

Each is a function from text to whether it is of that form; clause CP-35 lists them.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Final

_RESIDENT_ID: Final = re.compile(r"[1-9][0-9]{5}([0-9]{4})([0-9]{2})([0-9]{2})[0-9]{3}[0-9X]")
_WEIGHTS: Final[tuple[int, ...]] = tuple((1 << power) % 11 for power in range(17, -1, -1))
_PHOTO: Final = re.compile(r"data:image/(png|jpeg);base64,([A-Za-z0-9+/]+={0,2})")
_PHOTO_STARTS: Final = {"png": b"\x89PNG\r\n\x1a\n", "jpeg": b"\xff\xd8\xff"}
_PHOTO_CHARS: Final = 48 * 1024
"""A photo as text: it has to fit into a presentation with everything else."""


def is_resident_id(text: str) -> bool:
    """Return whether this is a citizen identification number of GB 11643.

    Eighteen ASCII characters, a date that exists, and the check character of ISO 7064 MOD 11-2.
    """
    match = _RESIDENT_ID.fullmatch(text)
    if match is None:
        return False
    try:
        date(*(int(part) for part in match.groups()))
    except ValueError:
        return False
    values = (10 if character == "X" else int(character) for character in text)
    total = sum(weight * value for weight, value in zip(_WEIGHTS, values, strict=True))
    return total % 11 == 1


def is_photo(text: str) -> bool:
    """Return whether this is a data: URI of a PNG or JPEG that starts as one, of bounded size."""
    if len(text) > _PHOTO_CHARS:
        return False
    match = _PHOTO.fullmatch(text)
    if match is None:
        return False
    try:
        data = binascii.a2b_base64(match[2], strict_mode=True)
    except binascii.Error:
        return False
    return data.startswith(_PHOTO_STARTS[match[1]])


FORMATS: Final[Mapping[str, Callable[[str], bool]]] = MappingProxyType(
    {"cn-resident-id": is_resident_id, "photo": is_photo}
)
STANDARD_FORMATS: Final = frozenset(
    {
        "date",
        "date-time",
        "duration",
        "email",
        "hostname",
        "idn-email",
        "ipv4",
        "ipv6",
        "time",
        "uri",
        "uuid",
    }
)
"""Those of JSON Schema 2020-12 that a template may use; all are asserted."""
