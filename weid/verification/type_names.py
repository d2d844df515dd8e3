"""Under which names a credential's type answers a query: `extends` and `aka_vcts` (SD-JWT VC).

A type may extend another and be known under other names, as its type metadata say. Whoever
publishes metadata could so claim any name: they count only where the reader was told to believe
them (`TypeMetadata`), and a verifier that was told nothing takes a type by its own name alone.
Clause PP-32 of specs/presentation-profile.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from weid.encoding import JsonObject, JsonValue

TypeMetadata: TypeAlias = Callable[[str, str | None], JsonObject | None]
"""`vct` and its integrity value (None: not named) → the metadata to believe, None where none."""
MAX_ANCESTORS: Final = 8
"""Types above a type that are looked at: real chains have two or three."""
MAX_NAMES: Final = 64
"""Names of one type that are taken."""


def names_of_type(vct: str, metadata: TypeMetadata | None) -> frozenset[str]:
    """Return the type's own name, its other names, and those of all types that it extends.

    The walk ends where metadata are missing, malformed or lead back to where it has been.
    """
    names = {vct}
    if metadata is None:
        return frozenset(names)
    seen: set[str] = set()
    here: str | None = vct
    integrity: str | None = None
    while here is not None and here not in seen and len(seen) <= MAX_ANCESTORS:
        seen.add(here)
        document = metadata(here, integrity)
        if document is None or document.get("vct") != here:
            break
        names.add(here)
        names.update(_texts(document.get("aka_vcts")))
        here = _text(document.get("extends"))
        integrity = _text(document.get("extends#integrity"))
    return frozenset(names)


def _texts(value: JsonValue) -> list[str]:
    texts = value if isinstance(value, list) else []
    return [text for text in texts[:MAX_NAMES] if isinstance(text, str)]


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None
