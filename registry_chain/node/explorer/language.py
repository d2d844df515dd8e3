"""Languages of the pages: English in the source, others in `translations/<tag>.json`.

A text that has no translation is shown in English. What is put into a text is escaped by the page
like everything else; nothing here makes markup.
"""

from __future__ import annotations

import functools
import json
from datetime import UTC, datetime
from importlib import resources
from typing import Final

from registry_chain.node.explorer.labels import Sentence, Term

LANGUAGES: Final[dict[str, str]] = {"en": "English", "zh-Hant": "繁體中文"}
"""Language tag → the language's own name, in the order in which they are offered."""
DEFAULT: Final = "en"


@functools.cache
def translations(tag: str) -> dict[str, str]:
    """Return English → this language; empty for English."""
    if tag == DEFAULT:
        return {}
    folder = resources.files("registry_chain.node.explorer") / "translations"
    texts: dict[str, str] = json.loads((folder / f"{tag}.json").read_text(encoding="utf-8"))
    return texts


def choose_language(asked: str | None, remembered: str | None, accepted: str) -> str:
    """Return the language of a page.

    First what the link asks for, then what the browser remembers, then Accept-Language
    (RFC 9110 clause 12.5.4, its order as the weight). Anything unknown is English.
    """
    for tag in (asked, remembered):
        if tag in LANGUAGES:
            return tag
    for part in accepted[:200].split(","):
        tag = part.split(";")[0].strip().lower()
        if tag.startswith("zh"):
            return "zh-Hant"
        if tag.startswith("en"):
            return "en"
    return DEFAULT


class Texts:
    """The texts of one language."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self._texts = translations(tag)

    def __call__(self, text: str, **values: object) -> str:
        """Return a text in this language with the values in their places."""
        said = self._texts.get(text, text)
        return said.format(**values) if values else said

    def counted(self, one: str, many: str, number: int, **values: object) -> str:
        """Return the text for one or for many; `{count}` is the number, unless given."""
        return self(one if number == 1 else many, **{"count": number, **values})

    def pieces(self, sentence: Sentence) -> list[Term]:
        """Return a sentence as pieces of text and links, in this language's order."""
        pieces: list[Term] = []
        rest = self._texts.get(sentence.text, sentence.text)
        while rest:
            before, brace, after = rest.partition("{")
            if before:
                pieces.append(Term(before))
            name, closing, rest = after.partition("}")
            if brace and closing:
                term = sentence.terms[name]
                pieces.append(Term(self(term.text)) if term.word else term)
        return pieces

    def moment(self, seconds: int) -> str:
        """Return an instant in long form, in UTC."""
        at = datetime.fromtimestamp(seconds, UTC)
        if self.tag == "zh-Hant":
            return f"{at.year} 年 {at.month} 月 {at.day} 日 {at:%H:%M:%S} UTC"
        return f"{at.day} {_MONTHS[at.month - 1]} {at.year}, {at:%H:%M:%S} UTC"

    def day(self, seconds: int) -> str:
        """Return a day in long form, in UTC."""
        at = datetime.fromtimestamp(seconds, UTC)
        if self.tag == "zh-Hant":
            return f"{at.year} 年 {at.month} 月 {at.day} 日"
        return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"

    def age(self, seconds: int) -> str:
        """Return a length of time in its largest whole unit."""
        for size, text in _UNITS:
            if seconds >= 2 * size:
                return self(text, count=seconds // size)
        return self.counted("{count} second", "{count} seconds", max(0, seconds))


_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_UNITS: Final = ((86_400, "{count} days"), (3_600, "{count} hours"), (60, "{count} minutes"))
