"""One disclosure: a salt, perhaps a name, and a value (RFC 9901 section 4.2).

The digest is over the disclosure's text as it travels, so the text is kept and never written
again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final, TypeAlias

from weid.encoding import (
    JsonValue,
    base64url_decode,
    base64url_encode_each,
    json_loads_each,
)
from weid.errors import MalformedError

DIGESTS_MEMBER: Final = "_sd"
"""The member that holds the digests of an object's withheld members."""
ELEMENT_MEMBER: Final = "..."
"""The one member of an object that stands for a withheld array element."""
ALGORITHM_MEMBER: Final = "_sd_alg"
"""The member, at the top only, that names the hash."""
HASH_NAME: Final = "sha-256"
RESERVED_NAMES: Final = frozenset({DIGESTS_MEMBER, ELEMENT_MEMBER, ALGORITHM_MEMBER})
"""Names that no claim may have (RFC 9901 sections 4.1 and 4.2.1)."""
DIGEST_BYTES: Final = 32
SALT_BYTES: Final = 16
"""Random bytes of a salt that we make: 128 bits (section 9.3)."""


Disclosure: TypeAlias = tuple[str | None, JsonValue]
"""Claim name and value; the name is None for an array element."""


def parse_disclosures(texts: Sequence[str]) -> list[Disclosure]:
    """Return claim name and value of each disclosure.

    Raises:
        MalformedError: not strict base64url of a strict JSON array of two or three elements, a
            salt or name that is not text, or a name that is reserved (section 7.1, steps 3b, 3c).
    """
    data = [base64url_decode(text, what="a disclosure") for text in texts]
    disclosures: list[Disclosure] = []
    for parts in json_loads_each(data, what="a disclosure"):
        if not isinstance(parts, list) or not 2 <= len(parts) <= 3:
            raise MalformedError("a disclosure is not an array of two or three elements")
        if not isinstance(parts[0], str):
            raise MalformedError("the salt of a disclosure is not text")
        if len(parts) == 2:
            disclosures.append((None, parts[1]))
            continue
        _, name, value = parts
        if not isinstance(name, str):
            raise MalformedError("the claim name of a disclosure is not text")
        if name in RESERVED_NAMES:
            raise MalformedError(f"a disclosure has the reserved claim name {name}")
        disclosures.append((name, value))
    return disclosures


def disclosure_digests(texts: Iterable[str]) -> list[str]:
    """Return the base64url SHA-256 of the text of each disclosure (section 4.2.3)."""
    digests = [sha256(text.encode()).digest() for text in texts]
    return base64url_encode_each(digests, length=DIGEST_BYTES)


def disclosure_digest(text: str) -> str:
    """Return the base64url SHA-256 of a disclosure's text (section 4.2.3)."""
    return disclosure_digests((text,))[0]
