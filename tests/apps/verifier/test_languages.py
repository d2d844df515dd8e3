"""Every text of the pages and every reason has its words in every language."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from verifier_app.languages import Languages
from verifier_app.result_view import _AGES, GENERAL
from weid.verification.reasons import REASONS

APP = Path(__file__).parents[3] / "verifier_app"
CATALOGS = sorted((APP / "translations").glob("*.po"))
TRANSLATING = {"_", "_l", "text", "told", "plural", "gettext", "lazy_gettext", "ngettext"}
PLACEHOLDER = re.compile(r"\{\w+\}|%[ds]")


def texts() -> set[str | tuple[str, ...]]:
    """Return every text; one that depends on a number is (for one, for many)."""
    pages = {
        message
        for _, _, message, _, _ in extract_from_dir(
            APP, method_map=[("templates/**.html", "jinja2"), ("**.py", "python")],
            keywords={"_": None, "text": None, "told": None, "plural": (1, 2)},
        )
    }  # fmt: skip
    sentences = {one.sentence for code, one in REASONS.items() if code not in GENERAL}
    hints = {one.hint for one in REASONS.values() if one.hint}
    return pages | set(_AGES.values()) | sentences | hints


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.stem)
def test_nothing_is_left_untranslated(path):
    with path.open("rb") as file:
        catalog = read_po(file)
    missing = [text for text in texts() if not all(translations(catalog.get(text)))]
    assert missing == []


def test_chinese_sentences_have_chinese_marks():
    with (APP / "translations" / "zh-Hant.po").open("rb") as file:
        catalog = read_po(file)
    said = [text for message in catalog if message.id for text in translations(message)]
    assert [
        text for text in said if re.search("[\u3000-\u303f\u4e00-\u9fff\uff09][,;:(!?]", text)
    ] == []


def test_no_page_shows_the_free_english_text_of_a_reason_as_its_sentence():
    free = {code for code, one in REASONS.items() if "{problem}" in one.sentence}
    assert set(GENERAL) == free
    assert not any(PLACEHOLDER.search(sentence) for sentence in GENERAL.values())


def test_every_python_extracts_the_same_texts():
    """From 3.12 on the texts within an f-string are found as well: none may be there."""
    for folder in (APP, APP.parent / "issuer_app"):
        for file in folder.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    found = [one for one in ast.walk(node) if _translates_a_literal(one)]
                    assert not found, f"{file.name}:{node.lineno}"


def _translates_a_literal(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = getattr(node.func, "id", "") or getattr(node.func, "attr", "")
    inside = [part for argument in node.args for part in ast.walk(argument)]
    return name in TRANSLATING and any(
        isinstance(part, ast.Constant) and isinstance(part.value, str) for part in inside
    )


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.stem)
def test_placeholders_survive_the_translation(path):
    with path.open("rb") as file:
        catalog = read_po(file)
    for message in catalog:
        if message.id:
            wanted = placeholders(message.id[-1] if message.pluralizable else message.id)
            for translation in translations(message):
                assert placeholders(translation) == wanted, message.id


def translations(message) -> tuple[str, ...]:
    """Return a message's translations; one empty text where it is not there."""
    found = message.string if message is not None else ""
    return found if isinstance(found, tuple) else (found,)


def placeholders(text: str) -> list[str]:
    return sorted(PLACEHOLDER.findall(text))


def test_a_number_of_one_reads_as_one():
    languages = Languages(APP / "translations")
    for language, one, many in (("en", "1 second", "2 seconds"), ("zh-Hant", "1 秒", "2 秒")):
        said = [languages.plural(language, "%d second", "%d seconds", n) % n for n in (1, 2)]
        assert said == [one, many]


def test_what_is_raised_for_a_clerk_is_marked_to_be_translated():
    """A message outside `told` would be shown in English on every page."""
    for name in ("counter.py", "templates_seen.py", "routes/counter_desk.py"):
        for node in ast.walk(ast.parse((APP / name).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith("Error"):
                values = [*node.args, *(word.value for word in node.keywords)]
                assert all(
                    isinstance(value, ast.Call) and getattr(value.func, "id", "") == "told"
                    for value in values
                ), f"{name}:{node.lineno}"


@pytest.mark.parametrize(
    ("chosen", "accepted", "language"),
    [
        (None, ["zh-TW"], "zh-Hant"),
        (None, ["zh-HK", "en"], "zh-Hant"),
        (None, ["fr", "en-GB"], "en"),
        (None, [], "en"),
        ("zh-Hant", ["en"], "zh-Hant"),
        ("xx", ["zh-Hant"], "zh-Hant"),
    ],
)
def test_the_best_language_is_the_chosen_one_then_the_browsers(chosen, accepted, language):
    assert Languages(APP / "translations").best(chosen, accepted) == language
