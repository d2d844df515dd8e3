"""One spelling for each value: what the strict readers take and what they refuse."""

from __future__ import annotations

import json
import re
import time
import tracemalloc
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import NamedTuple
from uuid import UUID

import cbor2
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clauses import clause
from weid import cbor, limits
from weid.cbor import cbor_decode, cbor_encode
from weid.encoding import (
    _BRACKETS,
    base58_decode,
    base58_encode,
    base64url_decode,
    base64url_encode,
    base64url_encode_each,
    json_canonical,
    json_dumps,
    json_dumps_each,
    json_loads,
    json_loads_each,
    json_loads_object,
)
from weid.errors import MalformedError


@dataclass
class Synthetic:
    number: int


class Pair(NamedTuple):
    first: int
    second: int


class Colour(Enum):
    RED = "red"


class Word(StrEnum):
    ONE = "one"


class Count(IntEnum):
    ONE = 1


class Text(str):
    __slots__ = ()


class Number(int):
    pass


class Members(dict[str, int]):
    pass


class Items(list[int]):
    pass


# --- base64url -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "text"),
    [(b"", ""), (b"f", "Zg"), (b"f\x6f", "Zm8"), (b"foo", "Zm9v"), (b"foob", "Zm9vYg"),
     (b"fooba", "Zm9vYmE"), (b"foobar", "Zm9vYmFy"), (b"\xff\xef\xfe", "_-_-")],
)  # fmt: skip
def test_base64url_is_that_of_rfc_4648_clause_10(data, text):
    assert base64url_encode(data) == text
    assert base64url_decode(text, what="t") == data


@given(st.binary(max_size=200))
def test_base64url_reads_back(data):
    assert base64url_decode(base64url_encode(data), what="t") == data


NOT_BASE64URL = {
    "padding": "Zg==",
    "half the padding": "Zg=",
    "padding where none is due": "Zm9v=",
    "only padding": "====",
    "plus": "+-_-",
    "slash": "/-_-",
    "a line end": "Zm9v\n",
    "a line end inside": "Zm\n9v",
    "a blank": "Zm9v ",
    "a tab in front": "\tZm9v",
    "NUL": "Zm9\0",
    "one letter": "Z",
    "five letters": "Zm9vY",
    "stray bits after two": "Zh",
    "stray bits after three": "Zm9",
    "a full-width letter": "\uff3am9v",
    "a letter of two bytes": "Zm9\u00e9",
    "a lone surrogate": "Zm9\ud800",
    "a point": "Zm.v",
    "an exclamation mark": "Zm!v",
}


@clause("C10")
@pytest.mark.parametrize("text", NOT_BASE64URL.values(), ids=NOT_BASE64URL)
def test_every_other_spelling_of_base64url_is_refused(text):
    with pytest.raises(MalformedError):
        base64url_decode(text, what="t")


@clause("C10")
@given(st.text(max_size=12))
def test_a_text_is_base64url_exactly_if_it_is_written_so_again(text):
    try:
        data = base64url_decode(text, what="t")
    except MalformedError:
        return
    assert base64url_encode(data) == text


@given(st.integers(1, 40), st.integers(0, 5), st.randoms())
def test_parts_of_one_length_are_written_as_each_by_itself(length, count, random):
    parts = [random.randbytes(length) for _ in range(count)]
    assert base64url_encode_each(parts, length=length) == [base64url_encode(p) for p in parts]


# --- base58 --------------------------------------------------------------------------------------


@given(st.binary(max_size=40))
def test_base58_reads_back(data):
    assert base58_decode(base58_encode(data), what="t", max_chars=64) == data


@clause("R26")
@pytest.mark.parametrize(
    "text", ["0", "O", "I", "l", " 2", "2 ", "2\n", "\t2", "2\0", "\uff12", "+", "z-", "\u00e9"]
)
def test_other_characters_than_those_of_base58_are_refused(text):
    with pytest.raises(MalformedError):
        base58_decode(text, what="t", max_chars=64)


def test_base58_has_a_limit_that_holds_at_the_character():
    assert base58_decode("1" * 64, what="t", max_chars=64) == bytes(64)
    with pytest.raises(MalformedError, match="longer"):
        base58_decode("1" * 65, what="t", max_chars=64)


# --- JSON ----------------------------------------------------------------------------------------

plain_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**19) + 1, 10**19)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4
    ),
    max_leaves=12,
)  # fmt: skip


@given(plain_json)
def test_json_reads_back_from_bytes_and_from_text(value):
    written = json_dumps(value)
    assert json_loads(written, what="j") == value
    assert json_loads(written.decode(), what="j") == value
    assert json_loads(json.dumps(value), what="j") == value  # with \u escapes


REFUSED_JSON: dict[str, bytes | str] = {
    "nothing": b"",
    "blanks": b"   ",
    "a name twice": b'{"a":1,"a":1}',
    "a name twice, hidden by an escape": b'{"a":1,"\\u0061":2}',
    "a name twice, deep inside": b'[[{"b":{"a":1,"a":2}}]]',
    "NaN": b"[NaN]",
    "Infinity": b"Infinity",
    "minus Infinity": b'{"a":-Infinity}',
    "a number past the doubles": b"1e400",
    "a number far past the doubles": b"-1e999999999",
    "an integer of 21 digits": b"1" * 21,
    "an integer of 20,000 digits": b"9" * 20_000,
    "a lone high surrogate": b'"\\ud800"',
    "a lone low surrogate": b'"\\udc00 x"',
    "surrogates the wrong way round": b'"\\udc00\\ud800"',
    "a lone surrogate as a name": b'{"\\ud800":1}',
    "a lone surrogate in a text": '"\ud800"',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a byte order mark in a text": "\ufeff{}",
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "UTF-16 without a mark": '{"a":1}'.encode("utf-16-le"),
    "UTF-32": '{"a":1}'.encode("utf-32"),
    "a byte that is not UTF-8": b'"\xff"',
    "an overlong NUL": b'"\xc0\x80"',
    "a surrogate in UTF-8": b'"\xed\xa0\x80"',
    "a comment": b"{} // x",
    "a comment inside": b"{/* x */}",
    "a comma at the end": b"[1,]",
    "a comma at the end of an object": b'{"a":1,}',
    "quotes of another kind": b"{'a':1}",
    "a name without quotes": b"{a:1}",
    "two values": b"1 2",
    "a value after the object": b'{"a":1}{}',
    "a bracket too many": b"[1]]",
    "a bracket missing": b"[1",
    "a leading zero": b"01",
    "a plus": b"+1",
    "a point without digits": b"1.",
    "a point in front": b".5",
    "hexadecimal": b"0x10",
    "a control character in a text": b'"\n"',
    "NUL in a text": b'"\0"',
    "NUL at the end": b"{}\0",
    "a form feed as a blank": b"\x0c{}",
    "a no-break space as a blank": "\u00a0{}",
    "an escape that is none": b'"\\x41"',
    "an unfinished escape": b'"\\u00"',
    "True": b"True",
    "undefined": b"undefined",
    "33 levels": b"[" * 33 + b"]" * 33,
    "50,000 levels": b"[" * 30_000 + b"]" * 30_000,
    "50,000 open brackets": b"[" * 50_000,
    "50,000 objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
}


@clause("C8", "C9", "R7", "R35")
@pytest.mark.parametrize("data", REFUSED_JSON.values(), ids=REFUSED_JSON)
def test_json_that_is_not_strict_is_refused_at_once(data):
    started = time.process_time()
    with pytest.raises(MalformedError):
        json_loads(data, what="j")
    assert time.process_time() - started < 1


def outcome(data: bytes | str) -> object:
    try:
        return repr(json_loads(data, what="j"))  # tells 1 from 1.0 and from True
    except MalformedError:
        return "refused"


@clause("C8", "R7")
@given(plain_json, st.data())
def test_the_quick_reader_and_the_strict_one_never_differ(value, data):
    written = json_dumps(value).decode()
    at = data.draw(st.integers(0, len(written)))
    cut = data.draw(st.integers(0, 2))
    added = data.draw(
        st.sampled_from(
            ["", " ", "0", "9" * 19, "1e400", "-", ".5", '"a":1,', '"', "\\ud800", "{", "]"]
        )
    )
    changed = written[:at] + added + written[at + cut :]
    assert outcome(changed.encode()) == outcome(changed)  # a text goes to the strict reader at once


NUMBERS = ["18446744073709551615", "18446744073709551616", "-9223372036854775809", "-0", "-0.0",
           "1e16", "1e+16", "1E5", "0.1000000000000000055511151231257827", "1e-400", "9" * 20]  # fmt: skip


@clause("C8")
@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_has_one_value_however_it_is_spelt(number):
    assert outcome(number.encode()) == outcome(number) == repr(json.loads(number))


@clause("C8", "C9")
def test_texts_that_are_read_together_are_each_as_strict():
    assert json_loads_each([b'["a",1]', b"[ 2 ]", b"{}"], what="j") == [["a", 1], [2], {}]
    assert json_loads_each([], what="j") == []
    for data in (text for text in REFUSED_JSON.values() if isinstance(text, bytes)):
        with pytest.raises(MalformedError):
            json_loads_each([b"[]", data], what="j")
    for halves in ([b'["a",[1]', b"[2]]"], [b'["a"', b'"b"]', b'["x"],["y"]']):
        with pytest.raises(MalformedError):
            json_loads_each(halves, what="j")
    with pytest.raises(MalformedError, match="larger"):
        json_loads_each([b'"x"', b'"y"'], what="j", max_bytes=5)


@clause("C9")
def test_brackets_and_quotes_inside_texts_do_not_count_as_depth():
    value = {"a": "[[[[{{{{" * 100, 'b"\\"[': ['\\"' * 50]}
    assert json_loads(json_dumps(value), what="j") == value
    assert json_loads(b'"' + b"\\\\" * 1000 + b'"', what="j") == "\\" * 1000


@clause("C9", "C25")
def test_the_limits_of_json_hold_at_the_value():
    assert json_loads(b"[" * 32 + b"]" * 32, what="j")
    assert json_loads(b"[" * 3 + b"]" * 3, what="j", max_depth=3)
    with pytest.raises(MalformedError, match="deeper"):
        json_loads(b"[" * 4 + b"]" * 4, what="j", max_depth=3)
    assert json_loads(b"9" * 20, what="j") == 10**20 - 1
    assert json_loads(b'"' + b"x" * 98 + b'"', what="j", max_bytes=100)
    with pytest.raises(MalformedError, match="larger"):
        json_loads(b'"' + b"x" * 99 + b'"', what="j", max_bytes=100)


@clause("C9")
def test_the_size_of_a_text_is_that_of_its_bytes():
    text = '"' + "\u00e9" * 49 + '"'
    for data in (text, text.encode()):
        assert json_loads(data, what="j", max_bytes=100)
        with pytest.raises(MalformedError, match="larger"):
            json_loads(data, what="j", max_bytes=99)
    big = b'"' + b"x" * limits.PRESENTATION_BYTES + b'"'
    for spelling in (big, b" " + big):
        assert json_loads_each([spelling], what="j", max_bytes=2 * len(big))


@clause("C9")
def test_a_hostile_text_costs_neither_time_nor_memory():
    for data in (
        b"[" * 65_000,
        b'"' + b"\\" * 65_000,
        b'{"' * 30_000,
        b'["' * 30_000,
        b'"[' * 30_000,
    ):
        tracemalloc.start()
        started = time.process_time()
        with pytest.raises(MalformedError):
            json_loads(data, what="j")
        assert time.process_time() - started < 1
        assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
        tracemalloc.stop()


@given(st.binary(max_size=60))
def test_any_bytes_are_json_or_a_typed_refusal(data):
    try:
        value = json_loads(data, what="j")
    except MalformedError:
        return
    assert json_loads(json_dumps(value), what="j") == value


def test_an_object_is_asked_for_where_one_is_due():
    assert json_loads_object(b'{"a":1}', what="j") == {"a": 1}
    for other in (b"[]", b"null", b'"a"', b"1", b"true"):
        with pytest.raises(MalformedError, match="object"):
            json_loads_object(other, what="j")


def test_an_error_names_the_place_and_never_the_value():
    with pytest.raises(MalformedError) as refused:
        json_loads(b'{"secret": "claim value" x}', what="the payload")
    assert "the payload" in refused.value.message
    assert "claim value" not in str(refused.value)


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        {1, 2},
        b"bytes",
        bytearray(b"bytes"),
        "\ud800",
        {"\ud800": 1},
        {1: "a"},
        {None: "a"},
        {Word.ONE: "a"},
        10**20,
        -(10**19),
        date(2026, 6, 30),
        datetime(2026, 6, 30, tzinfo=UTC),
        UUID(int=7),
        Decimal(1),
        1j,
        Synthetic(1),
        Pair(1, 2),
        Colour.RED,
        Word.ONE,
        Count.ONE,
        Text("text"),
        Number(1),
        Members(a=1),
        Items([1]),
        orjson.Fragment(b"1"),
    ],
    ids=repr,
)
def test_what_json_cannot_say_is_not_written(value):
    for within in (value, [value, None], {"a": value, "b": "null"}):
        with pytest.raises(MalformedError):
            json_dumps(within)
        with pytest.raises(MalformedError):
            json_dumps_each([1, within])


def test_values_that_are_written_together_are_each_as_by_itself():
    values = [None, "null", [1, None], {"a": 2**65}, 1.5]
    assert json_dumps_each(values) == [json_dumps(value) for value in values]
    assert json_dumps_each(["a", 1]) == [b'"a"', b"1"]


@given(st.recursive(
    plain_json | st.integers() | st.floats() | st.binary(max_size=3) | st.dates() | st.uuids()
    | st.sampled_from([Colour.RED, Word.ONE, Count.ONE, Text("t"), Number(2)])
    | st.text(st.characters(categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.text(max_size=3) | st.integers() | st.sampled_from(Word), inner, max_size=3
    ),
    max_leaves=8,
))  # fmt: skip
def test_what_is_written_at_all_is_read_again_as_the_same_value(value):
    try:
        written = json_dumps(value)
    except MalformedError:
        return
    assert repr(json_loads(written, what="j")) == repr(value)
    assert json_dumps_each([value, None]) == [written, b"null"]


def test_the_refusal_to_write_says_which_type_and_never_the_value():
    with pytest.raises(MalformedError) as refused:
        json_dumps({"a": [Colour.RED]})
    assert refused.value.message == "the value has a Colour, which JSON does not have"


def test_tuples_and_nothings_are_written():
    value = ("null", None, {"a": (1.5, -0.0)}, 2**65)
    assert json_loads(json_dumps(value), what="j") == ["null", None, {"a": [1.5, -0.0]}, 2**65]


def test_json_that_contains_itself_is_not_written():
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(MalformedError):
        json_dumps(loop)


@clause("R6")
def test_canonical_json_is_that_of_rfc_8785_clause_3_2_3():
    value = json_loads(
        b'{"\\u20ac":"Euro Sign","\\r":"Carriage Return","\\ufb33":"Hebrew Letter Dalet With Dagesh",'
        b'"1":"One","\\ud83d\\ude00":"Emoji: Grinning Face","\\u0080":"Control",'
        b'"\\u00f6":"Latin Small Letter O With Diaeresis"}',
        what="j",
    )
    order = [line.split('":')[0] for line in json_canonical(value).decode().split('","')]
    assert [name.strip('{"') for name in order] == [
        "\\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33",
    ]  # fmt: skip


@pytest.mark.parametrize("value", [float("nan"), 2**53 + 1, {"a": float("inf")}, "\ud800"])
def test_what_has_no_canonical_json_is_refused(value):
    with pytest.raises(MalformedError):
        json_canonical(value)


# --- CBOR ----------------------------------------------------------------------------------------

scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(
    st.characters(exclude_categories=["Cs"])
) | st.binary()  # fmt: skip
plain_cbor = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
        | st.dictionaries(st.integers(0, 2**64 - 1), inner, max_size=4)
    ),
    max_leaves=12,
)


def read_cbor(data: bytes):
    return cbor_decode(data, what="c", max_bytes=1000)


@clause("R6")
@given(plain_cbor)
def test_cbor_reads_back_and_has_one_spelling(value):
    written = cbor_encode(value)
    assert cbor_decode(written, what="c", max_bytes=100_000) == value
    assert cbor_encode(cbor_decode(written, what="c", max_bytes=100_000)) == written


@clause("R6")
def test_map_keys_are_in_the_byte_order_of_rfc_8949_clause_4_2_1():
    texts = {"b": 1, "aa": 2, "a": 3, "": 4, "z" * 24: 5, "\u00e9": 6}
    numbers = {256: 1, 0: 2, 24: 3, 23: 4, 65536: 5, 255: 6}
    for value in (texts, numbers):
        keys = [cbor2.dumps(key) for key in cbor2.loads(cbor_encode(value))]
        assert keys == sorted(keys)


REFUSED_CBOR = {
    "nothing": b"",
    "a byte after the value": bytes.fromhex("0100"),
    "a value cut short": bytes.fromhex("82 01"),
    "a number in two bytes that fits one": bytes.fromhex("1817"),
    "a number in nine bytes that fits one": bytes.fromhex("1b0000000000000001"),
    "a length in two bytes that fits one": bytes.fromhex("58 01 61"),
    "an array without a length": bytes.fromhex("9f 01 ff"),
    "a map without a length": bytes.fromhex("bf 6161 01 ff"),
    "a text in pieces": bytes.fromhex("7f 6161 ff"),
    "bytes in pieces": bytes.fromhex("5f 4161 ff"),
    "keys out of order": bytes.fromhex("a2 6162 01 6161 02"),
    "a key twice": bytes.fromhex("a2 6161 01 6161 02"),
    "keys of two kinds": bytes.fromhex("a2 01 01 6161 02"),
    "a negative key": bytes.fromhex("a1 20 01"),
    "a key of bytes": bytes.fromhex("a1 4161 01"),
    "a key that is true": bytes.fromhex("a1 f5 01"),
    "a key that is an array": bytes.fromhex("a1 80 01"),
    "half a float": bytes.fromhex("f93c00"),
    "a float": bytes.fromhex("fa3f800000"),
    "a double": bytes.fromhex("fb3ff0000000000000"),
    "NaN": bytes.fromhex("f97e00"),
    "Infinity": bytes.fromhex("f97c00"),
    "negative zero": bytes.fromhex("f98000"),
    "undefined": bytes.fromhex("f7"),
    "a simple value": bytes.fromhex("e0"),
    "a simple value in two bytes": bytes.fromhex("f820"),
    "false in two bytes": bytes.fromhex("f814"),
    "a break alone": bytes.fromhex("ff"),
    "a tag": bytes.fromhex("d9d9f7 01"),
    "a time": bytes.fromhex("c1 01"),
    "a time in text": bytes.fromhex("c0 74 323031332d30332d32315432303a30343a30305a"),
    "a big number": bytes.fromhex("c2 49 010000000000000000"),
    "a small big number": bytes.fromhex("c2 41 01"),
    "a shared value": bytes.fromhex("d81c 81 d81d 00"),
    "a set": bytes.fromhex("d90102 81 01"),
    "below 64 bits": bytes.fromhex("3bffffffffffffffff"),
    "a reserved length": bytes.fromhex("1c"),
    "a text that is not UTF-8": bytes.fromhex("61 ff"),
    "a text with a surrogate": bytes.fromhex("63 eda080"),
    "an array of 2^32": bytes.fromhex("9affffffff"),
    "an array of 2^63": bytes.fromhex("9b7fffffffffffffff"),
    "bytes of 2^63": bytes.fromhex("5b7fffffffffffffff"),
    "a text of 2^63": bytes.fromhex("7b7fffffffffffffff"),
    "a map of 2^63": bytes.fromhex("bb7fffffffffffffff"),
    "17 levels": b"\x81" * 17 + b"\x01",
    "900 levels": b"\x81" * 900 + b"\x01",
    "an array of maps in maps": b"\xa1\x00" * 400 + b"\x01",
}


@clause("R4", "R6", "R7", "R9", "R35")
@pytest.mark.parametrize("data", REFUSED_CBOR.values(), ids=REFUSED_CBOR)
def test_cbor_of_another_kind_or_spelling_is_refused(data):
    with pytest.raises(MalformedError):
        read_cbor(data)


@clause("R6", "R9")
@given(st.binary(max_size=40))
def test_any_bytes_are_the_one_spelling_or_a_typed_refusal(data):
    try:
        value = read_cbor(data)
    except MalformedError:
        return
    assert cbor_encode(value) == data


@clause("R27")
def test_the_limits_of_cbor_hold_at_the_value():
    assert read_cbor(b"\x81" * limits.CBOR_DEPTH + b"\x01")
    assert cbor_decode(cbor_encode(bytes(98)), what="c", max_bytes=100) == bytes(98)
    with pytest.raises(MalformedError, match="larger"):
        cbor_decode(cbor_encode(bytes(99)), what="c", max_bytes=100)
    for edge in (2**64 - 1, -(2**63), 2**53 + 1):
        assert read_cbor(cbor_encode(edge)) == edge
    with pytest.raises(MalformedError, match="64 bits"):
        read_cbor(cbor2.dumps(-(2**63) - 1))


@clause("C9")
def test_a_length_that_lies_costs_no_memory():
    for data in (
        bytes.fromhex("9affffffff"),
        bytes.fromhex("5affffffff"),
        bytes.fromhex("baffffffff"),
    ):
        tracemalloc.start()
        with pytest.raises(MalformedError):
            read_cbor(data)
        assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
        tracemalloc.stop()


@clause("C9")
@pytest.mark.parametrize("filling", ['\\"', "\\\n"])
def test_quotes_that_never_close_take_no_more_than_one_look(filling):
    """Each quote of an unclosed string was once tried to the end of the text again."""
    text = "[]" * 33 + '"' + filling * 25_000
    with pytest.raises(MalformedError):
        json_loads(text, what="x", max_bytes=len(text))
    # What no token takes would be looked at again from every quote within it.
    assert "".join(found.group() for found in _BRACKETS.finditer(text)) == text


def shared(levels: int) -> bytes:
    """A value that holds the one below three times, by reference (tags 28 and 29)."""
    if levels == 0:
        return b"\xd8\x1c\x81\x00"
    reference = b"\xd8\x1d" + bytes([20 - levels + 1])
    return b"\xd8\x1c\x83" + shared(levels - 1) + 2 * reference


@clause("R8", "Q8")
@pytest.mark.parametrize(
    "data", [shared(20), shared(1), b"\xd8\x1c\x81\xd8\x1d\x00", b"\xd8\x1c\x01"]
)
def test_shared_values_are_refused_before_they_unfold(data):
    with pytest.raises(MalformedError):
        cbor_decode(data, what="x", max_bytes=65_536)


@clause("R4")
def test_no_tag_is_acted_upon_before_it_is_refused():
    body = cbor2.dumps("a")
    for tag in [*range(66_000), 2**32, 2**64 - 1]:
        data = cbor2.dumps(cbor2.CBORTag(tag, "a")) if tag != 55_799 else b"\xd9\xd9\xf7" + body
        with pytest.raises(cbor2.CBORError) as refused:
            cbor2.loads(data, tag_hook=cbor._no_tag, semantic_decoders=cbor._NO_TAGS)
        assert "tag" in (str(refused.value), str(refused.value.__cause__)), tag


def test_a_regular_expression_of_a_stranger_is_never_compiled(monkeypatch):
    monkeypatch.setattr(re, "compile", lambda *_: pytest.fail("compiled"))
    for tag in (0, 1, 2, 4, 35, 36, 258):
        for value in ("[a-z]+", b"x", ["a"], 1):
            with pytest.raises(MalformedError):
                cbor_decode(cbor2.dumps([cbor2.CBORTag(tag, value)]), what="it", max_bytes=99)
