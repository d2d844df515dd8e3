"""The translation catalogs: `python -m issuer_app.catalogs` gathers, merges and compiles them.

English is what the code says. Every other language is one messages.po under translations/, with
the messages.mo made from it beside it; a test fails when either is behind.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

HERE: Final = Path(__file__).parent
TRANSLATIONS: Final = HERE / "translations"
_METHODS: Final = [("**.py", "python"), ("templates/**.html", "jinja2.ext.babel_extract")]
_KEYWORDS: Final = {
    "_": None,
    "_l": None,
    "gettext": None,
    "lazy_gettext": None,
    "ngettext": (1, 2),
}


def gather() -> Catalog:
    """Return every sentence of code and pages, without translations."""
    catalog = Catalog(project="issuer_app", version="1", fuzzy=False)
    found = extract_from_dir(str(HERE), _METHODS, keywords=_KEYWORDS)
    for file, _line, message, comments, context in found:
        catalog.add(message, locations=[(file, 0)], auto_comments=comments, context=context)
    return catalog


def po_files() -> Iterator[Path]:
    """Yield the catalog of every language."""
    yield from sorted(TRANSLATIONS.glob("*/LC_MESSAGES/messages.po"))


def read_catalog(path: Path) -> Catalog:
    """Return a language's catalog."""
    with path.open("rb") as stream:
        return read_po(stream, locale=path.parent.parent.name)


def missing(path: Path) -> list[str]:
    """Return the sentences that a language does not have yet."""
    known = read_catalog(path)
    return [
        str(message.id)
        for message in gather()
        if message.id and not all(translations(known.get(message.id)))
    ]


def translations(message: Message | None) -> tuple[str, ...]:
    """Return a message's translations: one, or one for each number that the language tells apart.

    A message that is not there has one empty translation.
    """
    found = message.string if message is not None else ""
    return tuple(found) if isinstance(found, tuple | list) else (found or "",)


def compiled(path: Path) -> bytes:
    """Return the bytes of messages.mo for a catalog."""
    stream = io.BytesIO()
    write_mo(stream, read_catalog(path))
    return stream.getvalue()


def main() -> int:
    """Bring every catalog up to date and compile it; 1 if sentences are not translated."""
    template, behind = gather(), 0
    for path in po_files():
        catalog = read_catalog(path)
        created = catalog.creation_date
        catalog.update(template, no_fuzzy_matching=True)
        catalog.creation_date = created  # the same sentences give the same file
        catalog.obsolete.clear()
        with path.open("wb") as stream:
            write_po(stream, catalog, width=100, omit_header=False, sort_output=True)
        path.with_suffix(".mo").write_bytes(compiled(path))
        untranslated = missing(path)
        behind += len(untranslated)
        for sentence in untranslated:
            sys.stdout.write(f"{path.parent.parent.name}: not translated: {sentence}\n")
    return 1 if behind else 0


if __name__ == "__main__":
    raise SystemExit(main())
