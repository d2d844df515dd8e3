from __future__ import annotations

import hashlib
import random
import time
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clauses import clause
from weid import limits
from weid.credential.status_index import draw_free_index
from weid.credential.status_list import (
    INVALID,
    SUSPENDED,
    VALID,
    StatusList,
    StatusReference,
    status_list_digest,
)
from weid.encoding import base64url_encode
from weid.errors import MalformedError

SIZE = limits.STATUS_LIST_MIN_ENTRIES


def coded(data, bits=1):
    return {"bits": bits, "lst": base64url_encode(data)}


# --- the bits ----------------------------------------------------------------------------------------


@clause("S3", "CP-42")
def test_the_order_of_bits_is_that_of_the_specification():
    one = StatusList(1, 16, bytes.fromhex("b9a3"))
    assert [one.get(i) for i in range(16)] == [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]
    two = StatusList(2, 12, bytes.fromhex("c944f9"))
    assert [two.get(i) for i in range(12)] == [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]


@clause("S1", "CP-42")
@given(
    st.sampled_from([1, 2, 4, 8]),
    st.dictionaries(st.integers(0, SIZE - 1), st.integers(0, 255), max_size=20),
)
def test_what_is_set_is_read_and_nothing_else_changes(bits, wanted):
    wanted = {index: status % (1 << bits) for index, status in wanted.items()}
    changed = StatusList.create(SIZE, bits=bits).set_all(wanted)
    again = StatusList.decode(changed.encode())
    assert again == changed
    assert {index: again.get(index) for index in wanted} == wanted
    free = next(index for index in range(SIZE) if index not in wanted)
    assert again.get(free) == VALID
    assert sum(byte.bit_count() for byte in again.raw) == sum(
        status.bit_count() for status in wanted.values()
    )


@clause("S1")
def test_every_value_is_told_as_it_is():
    statuses = StatusList.create(SIZE, bits=4).set_all({1: INVALID, 2: SUSPENDED, 3: 3, 4: 15})
    assert [statuses.get(i) for i in range(5)] == [VALID, INVALID, SUSPENDED, 3, 15]


@clause("S2", "CP-44")
@pytest.mark.parametrize("index", [16, 17, 2**63, 2**200, -1, -16, True, False], ids=str)
def test_an_index_outside_the_list_is_an_error(index):
    statuses = StatusList(1, 16, b"\xff\xff")
    with pytest.raises(MalformedError):
        statuses.get(index)
    with pytest.raises(MalformedError):
        statuses.set(index, 1)


@clause("S17", "CP-47")
@pytest.mark.parametrize("status", [VALID, SUSPENDED, 3])
def test_what_is_revoked_stays_revoked(status):
    revoked = StatusList.create().set(7, INVALID)
    with pytest.raises(MalformedError, match="final"):
        revoked.set(7, status)
    with pytest.raises(MalformedError, match="final"):
        revoked.set_all({8: SUSPENDED, 7: status})
    assert revoked.set(7, INVALID) == revoked


@clause("S17", "CP-47")
def test_what_is_suspended_is_reinstated_or_revoked():
    suspended = StatusList.create().set(7, SUSPENDED)
    assert suspended.set(7, VALID) == StatusList.create()
    assert suspended.set(7, INVALID).get(7) == INVALID


@pytest.mark.parametrize(("bits", "status"), [(1, 2), (2, 4), (8, 256), (1, -1), (2, True)])
def test_a_status_that_the_bits_do_not_hold_is_an_error(bits, status):
    with pytest.raises(MalformedError, match="no status"):
        StatusList.create(bits=bits).set(0, status)


@clause("CP-48")
@pytest.mark.parametrize(
    ("size", "bits"), [(SIZE - 8, 1), (8, 1), (SIZE + 1, 1), (SIZE, 3), (SIZE, 0)]
)
def test_a_list_of_ours_is_large_enough_to_hide_in(size, bits):
    with pytest.raises(MalformedError):
        StatusList.create(size, bits=bits)


@clause("S6")
@pytest.mark.parametrize(
    "made",
    [
        (3, 8, b"abc"),
        (0, 8, b""),
        (True, 8, b"a"),
        (1, 8, b"ab"),
        (1, 9, b"ab"),
        (1, 0, b""),
        (1, -8, b""),
    ],
)
def test_a_list_is_as_long_as_it_says(made):
    with pytest.raises(MalformedError):
        StatusList(*made)


def test_a_list_past_the_limit_is_not_made():
    with pytest.raises(MalformedError, match="past"):
        StatusList(8, limits.STATUS_LIST_BYTES + 1, bytes(limits.STATUS_LIST_BYTES + 1))


@clause("S19")
def test_more_bits_keep_every_status():
    chosen = random.Random(1)
    marked = {chosen.randrange(SIZE): INVALID for _ in range(500)}
    old = StatusList.create(SIZE, bits=1).set_all(marked)
    for bits in (1, 2, 4, 8):
        new = old.with_bits(bits)
        assert (new.bits, new.size) == (bits, SIZE)
        assert all(new.get(index) == INVALID for index in marked)
        assert sum(byte.bit_count() for byte in new.raw) == len(marked)
    assert old.with_bits(2).set(3, SUSPENDED).get(3) == SUSPENDED
    wide = StatusList.create(SIZE, bits=4).set_all({0: 5, 1: 9})
    assert [wide.with_bits(8).get(i) for i in range(3)] == [5, 9, 0]


@pytest.mark.parametrize("bits", [1, 3, 16])
def test_fewer_or_odd_bits_are_an_error(bits):
    with pytest.raises(MalformedError):
        StatusList.create(bits=2).with_bits(bits)


@clause("S9", "CP-49")
def test_the_digest_covers_bits_size_and_content():
    raw = bytes(2)
    expected = hashlib.sha256(b"weid/status/1" + b"\x01" + (16).to_bytes(8, "big") + raw).digest()
    assert StatusList(1, 16, raw).digest == status_list_digest(1, 16, raw) == expected
    others = {
        StatusList(2, 8, raw).digest,
        StatusList(1, 16, b"\x00\x01").digest,
        StatusList(1, 24, bytes(3)).digest,
    }
    assert len(others | {expected}) == 4


# --- the coding --------------------------------------------------------------------------------------

GOOD = zlib.compress(b"\xb9\xa3")
REFUSED = {
    # S6
    "bits 0": coded(GOOD, 0), "bits 3": coded(GOOD, 3), "bits 16": coded(GOOD, 16), "bits -1": coded(GOOD, -1),
    "bits a text": coded(GOOD, "1"), "bits null": coded(GOOD, None), "bits true": coded(GOOD, bits=True),
    "bits a fraction": coded(GOOD, 1.0), "bits missing": {"lst": base64url_encode(GOOD)},
    # S7
    "raw deflate": coded(GOOD[2:-4]), "gzip": coded(zlib.compress(b"ab", wbits=31)), "plain": coded(b"\xb9\xa3"),
    "truncated": coded(GOOD[:-1]), "truncated to the header": coded(GOOD[:2]), "nothing": coded(b""),
    "a wrong checksum": coded(GOOD[:-1] + bytes([GOOD[-1] ^ 1])), "trailing bytes": coded(GOOD + b"x"),
    "two streams": coded(GOOD + GOOD), "an empty list": coded(zlib.compress(b"")),
    "padded": {"bits": 1, "lst": base64url_encode(GOOD) + "="}, "lst missing": {"bits": 1},
    "lst an array": {"bits": 1, "lst": []}, "lst null": {"bits": 1, "lst": None},
    # no object
    "null": None, "a text": "eNrbuRgAAhcBXQ", "an array": [1],
}  # fmt: skip


@clause("S6", "S7", "CP-43")
@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED)
def test_what_is_no_list_is_refused(value):
    with pytest.raises(MalformedError):
        StatusList.decode(value)


@clause("S8", "CP-43")
def test_inflating_stops_at_the_limit():
    exact = zlib.compress(bytes(limits.STATUS_LIST_BYTES))
    assert StatusList.decode(coded(exact, 8)).size == limits.STATUS_LIST_BYTES
    for size in (limits.STATUS_LIST_BYTES + 1, 64 * 1024 * 1024):
        bomb = zlib.compressobj()
        packed = (
            b"".join(bomb.compress(bytes(1 << 20)) for _ in range(size >> 20))
            + bomb.compress(bytes(size & 0xFFFFF))
            + bomb.flush()
        )
        start = time.process_time()
        with pytest.raises(MalformedError, match="inflates past"):
            StatusList.decode(coded(packed))
        assert time.process_time() - start < 1


@clause("S21")
def test_a_million_entries_are_quick():
    chosen = random.Random(2)
    start = time.process_time()
    statuses = StatusList.create(1_000_000, bits=1).set_all(
        {chosen.randrange(1_000_000): INVALID for _ in range(10_000)}
    )
    claim = statuses.encode()
    built = time.process_time() - start
    loaded = StatusList.decode(claim)
    start = time.process_time()
    loaded.get(999_999)
    assert built < 1
    assert time.process_time() - start < 0.05


# --- the reference -----------------------------------------------------------------------------------

URI = "https://issuer.example/status/1"


@clause("CP-40")
def test_a_reference_is_read_and_written():
    value = {"status_list": {"idx": 412345, "uri": URI}}
    reference = StatusReference.parse(value)
    assert reference == StatusReference(URI, 412345)
    assert reference.to_json() == value


def at(**members):
    return {"status_list": {"idx": 0, "uri": URI, **members}}


BAD_REFERENCES = {
    # S10
    "an empty object": {}, "null": None, "a text": "valid", "an array": [], "another mechanism": {"status_assertion": {}},
    "another mechanism beside": {**at(), "status_assertion": {}}, "an empty reference": {"status_list": {}},
    "a reference that is null": {"status_list": None},
    # S2
    "idx -1": at(idx=-1), "idx a text": at(idx="0"), "idx a fraction": at(idx=0.5), "idx true": at(idx=True),
    "idx null": at(idx=None), "idx missing": {"status_list": {"uri": URI}},
    # the URI
    "uri missing": {"status_list": {"idx": 0}}, "uri null": at(uri=None), "uri empty": at(uri=""),
    "uri without scheme": at(uri="//x"), "uri with a blank": at(uri="https://x/ y"), "uri with a NUL": at(uri="https://x/\0"),
    "uri not ASCII": at(uri="https://é/"), "uri too long": at(uri="https://" + "x" * limits.TEXT_FIELD),
}  # fmt: skip


@clause("S2", "S10", "CP-40", "CP-41")
@pytest.mark.parametrize("value", BAD_REFERENCES.values(), ids=BAD_REFERENCES)
def test_what_is_no_reference_is_refused(value):
    with pytest.raises(MalformedError):
        StatusReference.parse(value)


@clause("S11", "CP-41")
@pytest.mark.parametrize(
    "uri",
    [
        "http://x/",
        "file:///etc/passwd",
        "data:,x",
        "https://169.254.169.254/",
        "https://127.0.0.1/",
    ],
)
def test_reading_a_reference_fetches_nothing(uri, monkeypatch):
    monkeypatch.setattr("socket.socket.connect", None)
    assert StatusReference.parse(at(uri=uri)).uri == uri


# --- the index ---------------------------------------------------------------------------------------


@clause("S15", "CP-48")
def test_an_index_is_never_drawn_twice():
    taken: set[int] = set()
    for _ in range(64):
        index = draw_free_index(taken, 64)
        assert index not in taken
        taken.add(index)
    with pytest.raises(MalformedError, match="full"):
        draw_free_index(taken, 64)


@clause("S16", "CP-48")
def test_indices_are_drawn_evenly_and_out_of_order():
    drawn = [draw_free_index(set(), SIZE) for _ in range(2000)]
    assert drawn != sorted(drawn)
    assert all(sum(index // (SIZE // 10) == tenth for index in drawn) > 150 for tenth in range(10))


@clause("S16", "CP-48")
def test_the_last_free_indices_are_found_and_drawn_evenly():
    taken = set(range(1000)) - {17, 500, 998}
    seen = [draw_free_index(taken, 1000) for _ in range(300)]
    assert set(seen) == {17, 500, 998}
    assert min(seen.count(index) for index in set(seen)) > 50


def test_the_source_of_randomness_is_the_callers():
    answers = iter([b"\xff", b"\x05", b"\x07"])
    # 255 lies in the uneven rest of a byte and is drawn again; 5 is taken.
    assert draw_free_index({5}, 200, random=lambda _: next(answers)) == 7
