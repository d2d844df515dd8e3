"""Remembering within a bound on bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_chain.state_machine.remembered import RememberedByBytes


class Counted:
    """A function that counts what it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, raw):
        self.asked.append(raw)
        return [len(raw)]


def test_the_same_bytes_are_read_once():
    counted = Counted()
    read = RememberedByBytes(counted, most_bytes=100)
    first = read(b"abc")
    assert read(bytes(bytearray(b"abc"))) is first
    assert counted.asked == [b"abc"]


@given(st.lists(st.binary(max_size=40), max_size=60))
def test_what_is_kept_is_bounded_and_right(asked):
    read = RememberedByBytes(Counted(), most_bytes=100)
    for raw in asked:
        assert read(raw) == [len(raw)]
        kept = {*read._newer, *read._older}
        assert sum(map(len, kept)) <= 100 + 40


def test_what_is_asked_again_stays():
    counted = Counted()
    read = RememberedByBytes(counted, most_bytes=100)
    for number in range(50):
        read(b"often")
        read(b"%010d" % number)
    assert counted.asked.count(b"often") == 1


def test_an_error_is_not_remembered():
    def refuse(raw):
        raise ValueError(raw)

    read = RememberedByBytes(refuse, most_bytes=100)
    for _ in range(2):
        with pytest.raises(ValueError, match="x"):
            read(b"x")
