from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clauses import clause
from weid.credential.claim_path import ClaimPath, as_path, has_value, path_tree
from weid.errors import MalformedError

TEXTS = {
    "a name": ("name", ("name",)),
    "a name inside": ("address.city", ("address", "city")),
    "an element": ("degrees[0]", ("degrees", 0)),
    "every element": ("degrees[].name", ("degrees", None, "name")),
    "an array in an array": ("rows[1][2]", ("rows", 1, 2)),
    "a name with a dot": ("a\\.b", ("a.b",)),
    "a name with brackets": ("a\\[0\\]", ("a[0]",)),
    "a name with a backslash": ("a\\\\b", ("a\\b",)),
    "a Chinese name": ("姓名", ("姓名",)),
    "an element of an array at the top": ("[3]", (3,)),
}  # fmt: skip


@clause("C26", "CP-14")
@pytest.mark.parametrize(("text", "steps"), TEXTS.values(), ids=TEXTS)
def test_a_path_is_read_and_written(text, steps):
    path = ClaimPath.parse(text)
    assert path == steps
    assert str(path) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "a[",
        "a]",
        "a[x]",
        "a[-1]",
        "a[0]b",
        "[0]b",
        "a\\",
        "a\\x",
        "x" * 1025,
        "a[1234567890]",
        "a.[0]",
    ],
)
def test_what_is_no_path_is_refused(text):
    with pytest.raises(MalformedError):
        ClaimPath.parse(text)


@given(
    st.lists(
        st.one_of(st.text(min_size=1, max_size=8), st.integers(0, 999_999), st.none()),
        min_size=1,
        max_size=6,
    )
)
def test_every_path_has_one_text(steps):
    path = ClaimPath(steps)
    assert ClaimPath.parse(str(path)) == path


@pytest.mark.parametrize(
    "value", [None, [], {}, "a", [1.5], [True], [-1], [["a"]], [{}], ["a"] * 33]
)
def test_what_is_no_path_in_json_is_refused(value):
    with pytest.raises(MalformedError, match="the path"):
        ClaimPath.from_json(value, what="the path")


def test_a_path_in_json_is_read_and_written():
    assert ClaimPath.from_json(["a", None, 0], what="the path").to_json() == ["a", None, 0]


def test_a_path_may_be_given_as_text_or_as_steps():
    assert as_path("a.b") == as_path(("a", "b")) == as_path(ClaimPath(("a", "b")))


WITHIN = {
    "itself": ("a.b", "a.b", True),
    "below": ("a.b", "a", True),
    "above": ("a", "a.b", False),
    "beside": ("a.c", "a.b", False),
    "an element of every element": ("a[2].n", "a[]", True),
    "a name is no element": ("a.n", "a[]", False),
}  # fmt: skip


@pytest.mark.parametrize(("inner", "outer", "expected"), WITHIN.values(), ids=WITHIN)
def test_one_path_lies_within_another(inner, outer, expected):
    assert ClaimPath.parse(inner).is_within(ClaimPath.parse(outer)) is expected


PRESENT = {
    "a member": ("a", True),
    "a member that is null": ("none", True),
    "a member inside": ("a.b", True),
    "an element": ("list[1]", True),
    "an element past the end": ("list[2]", False),
    "a member of every element that has it": ("list[].x", True),
    "a member that no element has": ("list[].y", False),
    "an index of an object": ("a[0]", False),
    "a member of a text": ("text.x", False),
    "no member": ("z", False),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), PRESENT.values(), ids=PRESENT)
def test_a_value_stands_at_a_path_or_does_not(text, expected):
    claims = {"a": {"b": 1}, "none": None, "list": [1, {"x": 1}], "text": "t"}
    assert has_value(claims, ClaimPath.parse(text)) is expected


def test_a_tree_of_paths_says_where_they_end():
    tree = path_tree((ClaimPath(("a",)), ClaimPath(("a", "b")), ClaimPath(("c", "d"))))
    assert tree["a"].ends
    assert tree["a"]["b"].ends
    assert not tree["c"].ends
    assert tree["c"]["d"].ends
