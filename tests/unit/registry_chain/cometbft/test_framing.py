"""Frames: lengths before messages, in a stream that is cut anywhere."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_chain.engines.cometbft.framing import (
    FRAME_BYTES,
    BrokenFrameError,
    FrameDecoder,
    encode_frame,
)
from tests.support.clauses import clause
from weid.registry.comet_encoding import varint

MESSAGES = st.lists(st.one_of(st.binary(max_size=10), st.binary(min_size=120, max_size=300)))


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    """Return the stream in pieces that begin at these places."""
    edges = sorted({0, len(stream), *(place % (len(stream) + 1) for place in places)})
    return [stream[a:b] for a, b in pairwise(edges)]


@clause("CN-02")
@given(MESSAGES, st.lists(st.integers(0, 10_000)))
def test_however_a_stream_is_cut_its_messages_are_the_same(messages, places):
    stream = b"".join(map(encode_frame, messages))
    decoder = FrameDecoder()
    found = [message for piece in cut(stream, places) for message in decoder.feed(piece)]
    assert found == messages
    decoder.finish()


@clause("CN-02")
@given(MESSAGES.filter(bool), st.data())
def test_a_stream_that_ends_within_a_frame_is_broken(messages, data):
    stream = b"".join(map(encode_frame, messages))
    last = len(encode_frame(messages[-1]))
    cut_off = data.draw(st.integers(1, last)) if last > 1 else 1
    decoder = FrameDecoder()
    found = list(decoder.feed(stream[:-cut_off]))
    assert found == messages[:-1]
    if cut_off == last:
        decoder.finish()
    else:
        with pytest.raises(BrokenFrameError, match="within a frame"):
            decoder.finish()


@clause("CN-02")
def test_a_frame_may_have_the_greatest_size_and_no_more():
    decoder = FrameDecoder(most=300)
    assert list(decoder.feed(encode_frame(b"x" * 300, most=300))) == [b"x" * 300]
    with pytest.raises(BrokenFrameError, match="301 bytes is larger than 300"):
        encode_frame(b"x" * 301, most=300)
    with pytest.raises(BrokenFrameError, match="301 bytes is larger than 300"):
        list(decoder.feed(varint(301)))
    assert FRAME_BYTES == 104_857_600


@clause("CN-02")
@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(varint(FRAME_BYTES + 1), id="one more"),
        pytest.param(varint(2**63), id="2^63"),
        pytest.param(b"\xff" * 4, id="a length without an end"),
        pytest.param(b"\xff" * 64, id="a long length without an end"),
        pytest.param(b"\x80\x00", id="zero in two bytes"),
        pytest.param(b"\x85\x00hello", id="five in two bytes"),
        pytest.param(b"\x85\x80\x00hello", id="five in three bytes"),
    ],
)
def test_a_broken_length_ends_the_stream_for_good(raw):
    decoder = FrameDecoder()
    found = []
    with pytest.raises(BrokenFrameError):
        found.extend(decoder.feed(encode_frame(b"before") + raw))
    assert found == [b"before"]
    with pytest.raises(BrokenFrameError):
        list(decoder.feed(encode_frame(b"after")))
    with pytest.raises(BrokenFrameError):
        decoder.finish()


@clause("CN-02")
def test_messages_before_a_fault_are_given():
    decoder = FrameDecoder()
    pieces = decoder.feed(encode_frame(b"one") + encode_frame(b"two") + b"\x80\x00")
    assert [next(pieces), next(pieces)] == [b"one", b"two"]
    with pytest.raises(BrokenFrameError):
        next(pieces)


@clause("CN-02")
@given(st.binary(max_size=60))
def test_any_bytes_give_messages_or_break(raw):
    decoder = FrameDecoder(most=50)
    found = []
    try:
        found.extend(decoder.feed(raw))
        decoder.finish()
    except BrokenFrameError:
        assert raw.startswith(b"".join(map(encode_frame, found)))
    else:
        assert b"".join(map(encode_frame, found)) == raw


@clause("CN-02")
def test_a_large_frame_in_small_pieces_costs_one_pass():
    """The length is looked at again only when the frame can be whole."""
    decoder = FrameDecoder()
    looked = []
    length = decoder._length
    decoder._length = lambda place: looked.append(place) or length(place)
    stream = encode_frame(b"x" * 200_000)
    found = [m for at in range(0, len(stream), 100) for m in decoder.feed(stream[at : at + 100])]
    assert found == [b"x" * 200_000]
    assert len(looked) == 3
