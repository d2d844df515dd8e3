"""Ids of transactions and proposals as people hand them in."""

from __future__ import annotations

import re
from typing import Final

from weid.encoding import base64url_decode
from weid.errors import MalformedError

_HEX: Final = re.compile(r"[0-9a-fA-F]{64}")
_BYTES: Final = 32


def identifier_of(text: str) -> bytes | None:
    """Return an id of 32 bytes: in hexadecimal as pages show it, or in base64url as the API does.

    None: it is neither.
    """
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    try:
        found = base64url_decode(text, what="the id")
    except MalformedError:
        return None
    return found if len(found) == _BYTES else None
