"""Every text of the pages and every reason has its words in every language."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from verifier_app.languages import Languages
from verifier_app.result_view import CHECK_TITLES, OUTCOMES
from weid.verification.reasons import REASONS

APP = Path(__file__).parents[3] / "verifier_app"
CATALOGS = sorted((APP / "translations").glob("*.po"))
PLACEHOLDER = re.compile(r"\{\w+\}|%[ds]")


def texts() -> set[str]:
    pages = {
        str(message)
        for _, _, message, _, _ in extract_from_dir(
            APP, method_map=[("templates/**.html", "jinja2"), ("**.py", "python")],
            keywords={"_": None, "text": None},
        )
    }  # fmt: skip
    outcomes = {headline for _, headline in OUTCOMES.values()}
    reasons = {text for one in REASONS.values() for text in (one.sentence, one.hint) if text}
    return pages | outcomes | set(CHECK_TITLES.values()) | reasons


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.stem)
def test_nothing_is_left_untranslated(path):
    with path.open("rb") as file:
        catalog = read_po(file)
    missing = sorted(
        text for text in texts() if not (found := catalog.get(text)) or not found.string
    )
    assert missing == []


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.stem)
def test_placeholders_survive_the_translation(path):
    with path.open("rb") as file:
        catalog = read_po(file)
    for message in catalog:
        if message.id:
            wanted = sorted(PLACEHOLDER.findall(message.id))
            assert sorted(PLACEHOLDER.findall(message.string)) == wanted, message.id


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
