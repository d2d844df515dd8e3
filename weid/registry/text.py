"""Text that enters the registry: one spelling, bounded, nothing invisible that misleads.

The rules are consensus, so they must not change with the Python version: normalization is that
of Unicode 3.2, frozen, and the characters refused are listed here and not taken from tables.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from weid import limits
from weid.errors import MalformedError

_REFUSED: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # controls
    "\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"  # invisible, or turn the direction
    "\ufdd0-\ufdef\ufff9-\uffff\U000e0000-\U000e0fff"  # no characters, tags
    "\ud800-\udfff]"  # half characters
)

CPT_ID: Final = re.compile(r"[a-z][a-z0-9-]{2,63}\Z")
"""The id of a credential template: 3 to 64 lower-case letters, digits and dashes, a letter first.

It is the grammar of the credential type that names a template (clause CP-07): an id that no type
can name would be of no use.
"""
WORD: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}\Z")
"""A short fixed word, such as the purpose of a batch."""


def check_text(text: str, *, what: str, max_characters: int = limits.TEXT_FIELD) -> str:
    """Return the text if a registry record may hold it; `what` names it in an error.

    Raises:
        MalformedError: too long, not in normalization form C, or with a control, directional,
            invisible or unassignable character.
    """
    if len(text) > max_characters:
        raise MalformedError(f"{what} has more than {max_characters} characters")
    if text.isascii() and text.isprintable():
        return text
    if _REFUSED.search(text) is not None:
        raise MalformedError(f"{what} has a control or invisible character")
    if not unicodedata.ucd_3_2_0.is_normalized("NFC", text):
        raise MalformedError(f"{what} is not in Unicode normalization form C")
    return text
