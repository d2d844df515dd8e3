"""What reaches the terminal: aligned, and nothing that steers it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clauses import clause
from weid.cli.output import counted, json_text, table, visible


@clause("Q4")
@pytest.mark.parametrize(
    ("text", "shown"),
    {
        "an escape sequence": ("\x1b[2J", "\\u001b[2J"),
        "a control of eight bits": ("\x9b2J", "\\u009b2J"),
        "text turned round": ("a\u202eb", "a\\u202eb"),
        "a zero-width space": ("a\u200bb", "a\\u200bb"),
        "an invisible character past the first plane": ("\U000e0001", "\\udb40\\udc01"),
        "letters of every script": ("陳大文 José", "陳大文 José"),
        "several lines": ("a\nb", "a\nb"),
    }.values(),
)
def test_what_is_invisible_becomes_visible(text, shown):
    assert visible(text) == shown


@given(st.dictionaries(st.text(), st.text()))
def test_escaping_leaves_a_json_text_the_same_value(value):
    assert json.loads(json_text(value)) == value


def test_a_table_is_aligned_where_characters_are_wide():
    lines = table([["陳大文", "1"], ["Ada", "2"]], header=["name", "no"]).splitlines()
    assert lines == ["name    no", "陳大文  1", "Ada     2"]


def test_one_is_one():
    assert [counted(n, "row") for n in (0, 1, 2)] == ["0 rows", "1 row", "2 rows"]


def test_a_cell_cannot_begin_a_line():
    assert table([["a\nFAKE", "1"]], header=["x", "y"]).splitlines() == ["x       y", "a FAKE  1"]
