"""The languages of the pages: one .po file each, read at start; English is the source."""

from __future__ import annotations

import gettext
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

NAMES = {"en": "EN", "zh-Hant": "繁", "zh-Hans": "简", "pt": "PT"}


class Languages:
    """Every language for which `folder` has a file, English first."""

    def __init__(self, folder: Path) -> None:
        self._catalogs: dict[str, gettext.NullTranslations] = {"en": gettext.NullTranslations()}
        for path in sorted(folder.glob("*.po")):
            self._catalogs[path.stem] = _read(path)

    @property
    def choices(self) -> list[tuple[str, str]]:
        """Codes with the short names that the switch shows."""
        return [(code, NAMES.get(code, code)) for code in self._catalogs]

    def best(self, chosen: str | None, accepted: list[str]) -> str:
        """Return the language to use: the chosen one, else the first accepted one that we have."""
        if chosen in self._catalogs:
            return str(chosen)
        for tag in accepted:
            for code in _widening(tag):
                if code in self._catalogs:
                    return code
        return "en"

    def text(self, language: str, message: str) -> str:
        """Return a message in a language; English where it has no translation."""
        return self._catalogs[language].gettext(message)

    def plural(self, language: str, one: str, many: str, number: int) -> str:
        """Return the message that fits a number, which the caller fills in."""
        return self._catalogs[language].ngettext(one, many, number)


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language: what a page, or a part of it, is written with."""

    text: Callable[[str], str]
    plural: Callable[[str, str, int], str]


def told(message: str) -> str:
    """Return a sentence as it is, marked to be translated where it is shown."""
    return message


def _widening(tag: str) -> list[str]:
    """Return the codes that serve a language tag (RFC 5646), nearest first."""
    if tag.lower().startswith("zh"):
        simplified = any(part in tag.lower() for part in ("hans", "cn", "sg"))
        return ["zh-Hans", "zh-Hant"] if simplified else ["zh-Hant", "zh-Hans"]
    return [tag, tag.split("-", maxsplit=1)[0]]


def _read(path: Path) -> gettext.GNUTranslations:
    with path.open("rb") as source:
        catalog = read_po(source, abort_invalid=True)
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
