"""Every command is documented, in the words that the command itself prints."""

from __future__ import annotations

import re

import pytest

from tests.support.cli_commands import ALL
from tools.command_pages import PAGE, page


def test_the_page_is_what_the_help_texts_say():
    found = PAGE.read_text(encoding="utf-8")
    assert found == page(), "run: python -m tools.command_pages"


def test_the_page_has_no_mark_of_the_help_s_own_source():
    # A raw docstring makes click print its mark for "keep these lines" and run the lines together.
    found = PAGE.read_text(encoding="utf-8")
    assert "\\b" not in found
    assert "\b" not in found
    assert "  bash   eval" in found


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_command_has_its_heading(words):
    assert re.search(rf"^#+ {' '.join(words)}$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_exit_codes_of_the_page_are_those_of_the_code():
    from weid.cli import failures

    rows = re.findall(r"^\| (\d+) \| (.+) \|$", failures.__doc__, re.MULTILINE)
    assert rows
    for code, _ in rows:
        assert f"| {code} | " in PAGE.read_text(encoding="utf-8")
