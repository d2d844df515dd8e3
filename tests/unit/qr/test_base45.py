from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clauses import clause
from weid.errors import MalformedError
from weid.qr.base45 import ALPHABET, base45_decode, base45_encode


@clause("QR-02")
@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"AB", "BB8"),
        (b"Hello!!", "%69 VD92EX0"),
        (b"base-45", "UJCLQE7W581"),
        (b"ietf!", "QED8WEX0"),
    ],
)
def test_the_examples_of_the_standard(data, text):
    assert base45_encode(data) == text
    assert base45_decode(text, what="it") == data


@given(st.binary(max_size=300))
def test_every_byte_string_comes_back(data):
    text = base45_encode(data)
    assert set(text) <= set(ALPHABET)
    assert base45_decode(text, what="it") == data


@given(st.text(alphabet=ALPHABET, max_size=60))
def test_a_text_has_one_meaning_or_none(text):
    try:
        data = base45_decode(text, what="it")
    except MalformedError:
        return
    assert base45_encode(data) == text


@clause("QR-02")
@pytest.mark.parametrize(
    "text",
    {
        "a group past 16 bits": "GGW",
        "the largest group": ":::",
        "two characters past 8 bits": "::",
        "one character left over": "BB8B",
        "lower case": "bb8",
        "a character outside the alphabet": "BB_",
        "a line end": "BB8\n",
        "a digit of another script": "BB\uff18",
    }.values(),
)
def test_another_spelling_is_refused(text):
    with pytest.raises(MalformedError, match="base45"):
        base45_decode(text, what="it")
