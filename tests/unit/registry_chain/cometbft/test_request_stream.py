"""Requests are taken out of the socket while others are answered: CometBFT never waits to write."""

import socket
from contextlib import closing

import pytest

from registry_chain.engines.cometbft import request_stream
from registry_chain.engines.cometbft.framing import BrokenFrameError, encode_frame
from registry_chain.engines.cometbft.messages import Request
from registry_chain.engines.cometbft.request_stream import RequestStream
from tests.support.clauses import clause

CHECK = b"\x42\x03\x0a\x01x"
FLUSH = b"\x12\x00"
COMMIT = b"\x5a\x00"


@pytest.fixture
def wire():
    theirs, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with closing(theirs), closing(ours):
        yield theirs, RequestStream(ours, frame_bytes=1024)


def write_all_that_goes_in(theirs, data):
    """Write without waiting, as much as the socket takes; return how much that was."""
    theirs.setblocking(False)
    sent = 0
    while sent < len(data):
        try:
            sent += theirs.send(data[sent : sent + 4096])
        except BlockingIOError:
            break
    return sent


@clause("CN-04")
def test_who_writes_goes_on_while_one_request_after_the_other_is_answered(wire):
    theirs, requests = wire
    frames = encode_frame(CHECK) * 200_000
    sent = write_all_that_goes_in(theirs, frames)
    assert sent < len(frames), "the socket takes all of it: this test needs more"
    # A few answers later there is room again, although most of what came waits for its answer.
    for _ in range(request_stream.TAKEN_EVERY):
        assert requests.next() == CHECK
    assert write_all_that_goes_in(theirs, frames[sent:]) > 0


@clause("CN-04")
def test_no_more_than_so_much_waits(wire, monkeypatch):
    monkeypatch.setattr(request_stream, "WAITING_BYTES", 10_000)
    monkeypatch.setattr(request_stream, "READ_BYTES", 4096)
    theirs, requests = wire
    frames = encode_frame(CHECK) * 200_000
    sent = write_all_that_goes_in(theirs, frames)
    for _ in range(1000):
        assert requests.next() == CHECK
    more = write_all_that_goes_in(theirs, frames[sent:])
    assert more < 1000 * len(encode_frame(CHECK)) + 10_000 + 10 * 4096


@clause("CN-04")
@pytest.mark.parametrize(("behind", "quick"), [(CHECK, True), (FLUSH, True), (COMMIT, False)])
def test_what_comes_behind_a_flush_is_known(wire, behind, quick):
    theirs, requests = wire
    theirs.sendall(encode_frame(FLUSH) + encode_frame(behind))
    assert requests.next() == FLUSH
    assert requests.next_is_quick is quick
    assert requests.has_another()
    assert requests.next() == behind
    assert not requests.has_another()
    assert not requests.next_is_quick
    theirs.sendall(encode_frame(CHECK))
    assert requests.has_another()


def test_the_kinds_are_those_of_the_messages():
    flush, check = Request(), Request()
    flush.flush.SetInParent()
    check.check_tx.tx = b"x"
    assert (flush.SerializeToString(), check.SerializeToString()) == (FLUSH, CHECK)


@clause("CN-02")
def test_a_fault_counts_after_the_requests_before_it_and_for_ever(wire):
    theirs, requests = wire
    theirs.sendall(encode_frame(CHECK) + encode_frame(FLUSH) + b"\xff\xff\xff\xff\xff")
    assert [requests.next(), requests.next()] == [CHECK, FLUSH]
    for _ in range(2):
        with pytest.raises(BrokenFrameError):
            requests.next()


@clause("CN-05")
def test_what_was_read_before_the_end_is_given_first(wire):
    theirs, requests = wire
    theirs.sendall(encode_frame(CHECK) * 3)
    theirs.close()
    assert [requests.next() for _ in range(4)] == [CHECK, CHECK, CHECK, None]
