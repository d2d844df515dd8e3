"""Bitstring Status Lists: coding, bounds, entries, and the same content as a Token Status List."""

from __future__ import annotations

import gzip
import zlib

import pytest

from tests.support.clauses import clause
from tests.support.w3c import CONTEXTS
from weid import limits
from weid.credential.status_list import StatusList
from weid.encoding import base64url_encode
from weid.errors import MalformedError
from weid.w3c.bitstring import (
    ListCredential,
    StatusEntry,
    decode_bitstring,
    encode_bitstring,
    list_document,
)
from weid.w3c.data_model import W3cCredential

URI = "https://list.example/1"


def coded(raw):
    return "u" + base64url_encode(gzip.compress(raw))


@clause("WC-30", "WC-35")
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_list_comes_back_with_its_digest(bits):
    most = (1 << bits) - 1
    statuses = StatusList.create(bits=bits).set_all({0: most, 7: 1, 8: most, 131071: 1})
    again = decode_bitstring(encode_bitstring(statuses), bits=bits)
    assert again == statuses
    assert again.digest == statuses.digest


@clause("WC-30")
def test_the_first_entry_is_the_most_significant_bit():
    raw = b"\x80\x01" + bytes(2**14 - 2)
    statuses = decode_bitstring(coded(raw))
    assert [index for index in range(64) if statuses.get(index)] == [0, 15]
    two = decode_bitstring(coded(b"\x10" + bytes(2**15 - 1)), bits=2)
    assert [two.get(index) for index in range(4)] == [0, 1, 0, 0]


@clause("WC-31", "WC-32")
@pytest.mark.parametrize(
    "value",
    [
        None, 5, "", coded(bytes(2**14))[1:], "z" + coded(bytes(2**14))[1:],
        coded(bytes(2**14 - 1)), "u" + base64url_encode(zlib.compress(bytes(2**14))),
        "u" + base64url_encode(gzip.compress(bytes(2**14))[:-5]),
        "u" + base64url_encode(gzip.compress(bytes(2**14)) + b"x"),
        "u" + base64url_encode(gzip.compress(bytes(2**14)) * 2), "uAAAA", "u====",
    ],
    ids=[
        "none", "number", "empty", "no prefix", "another base", "too short", "zlib", "cut off",
        "bytes after it", "two members", "no gzip", "padding",
    ],
)  # fmt: skip
def test_another_coding_is_refused(value):
    with pytest.raises(MalformedError):
        decode_bitstring(value)


@clause("WC-32")
def test_inflating_ends_at_the_limit():
    inflater = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    chunk = bytes(2**20)
    data = b"".join(
        inflater.compress(chunk) for _ in range(limits.STATUS_LIST_BYTES // len(chunk) + 1)
    )
    bomb = "u" + base64url_encode(data + inflater.flush())
    with pytest.raises(MalformedError, match="inflates past"):
        decode_bitstring(bomb)
    with pytest.raises(MalformedError, match="too large"):
        decode_bitstring("u" + "A" * limits.STATUS_TOKEN_BYTES)


@clause("WC-31")
def test_a_list_that_hides_nobody_is_not_made():
    with pytest.raises(MalformedError, match="STATUS_LIST_LENGTH_ERROR"):
        encode_bitstring(StatusList(1, 64, bytes(8)))


@clause("WC-33")
def test_an_entry_is_read_and_written():
    entry = StatusEntry.parse(
        {
            "type": "BitstringStatusListEntry",
            "statusPurpose": "suspension",
            "statusListIndex": "94567",
            "statusListCredential": URI,
            "statusSize": 2,
        }
    )
    assert (entry.reference.index, entry.bits, entry.purpose) == (94567, 2, "suspension")
    assert StatusEntry.parse(entry.to_json()) == entry


@clause("WC-33")
@pytest.mark.parametrize(
    "change",
    [
        {"type": "StatusList2021Entry"}, {"statusPurpose": "message"}, {"statusPurpose": None},
        {"statusListIndex": 5}, {"statusListIndex": "05"}, {"statusListIndex": "-1"},
        {"statusListIndex": "1e3"}, {"statusListIndex": "\u0665"}, {"statusListIndex": "9" * 40},
        {"statusListCredential": "list"}, {"statusListCredential": None}, {"statusSize": True},
        {"statusSize": "1"}, {"statusSize": 16},
    ],
)  # fmt: skip
def test_another_entry_is_refused(change):
    good = {
        "type": "BitstringStatusListEntry",
        "statusPurpose": "revocation",
        "statusListIndex": "5",
        "statusListCredential": URI,
    }
    StatusEntry.parse(good)
    with pytest.raises(MalformedError):
        StatusEntry.parse({**good, **change})


def list_credential(**subject):
    document = list_document(
        StatusList.create(bits=1),
        uri=URI,
        issuer="did:example:issuer",
        purpose="revocation",
        valid_from="2026-01-01T00:00:00Z",
        valid_until="2026-01-02T00:00:00Z",
    )
    document["credentialSubject"] |= subject
    return W3cCredential.parse(document, CONTEXTS)


@clause("WC-34")
def test_a_list_credential_is_read():
    listed = ListCredential.parse(list_credential(ttl=90_000))
    assert (listed.uri, listed.purposes, listed.ttl) == (URI, ("revocation",), 90)
    assert listed.statuses(bits=1) == StatusList.create(bits=1)


@clause("WC-34")
@pytest.mark.parametrize(
    "subject",
    [{"type": "JsonSchema"}, {"statusPurpose": []}, {"statusPurpose": 5}, {"ttl": 0}, {"ttl": "5"}],
)
def test_a_list_credential_of_another_form_is_refused(subject):
    with pytest.raises(MalformedError):
        ListCredential.parse(list_credential(**subject))


@clause("WC-34")
def test_a_list_is_for_a_purpose_that_we_judge_by():
    with pytest.raises(MalformedError, match="purpose"):
        list_document(
            StatusList.create(bits=1),
            uri=URI,
            issuer="did:example:issuer",
            purpose="message",
            valid_from="2026-01-01T00:00:00Z",
            valid_until="2026-01-02T00:00:00Z",
        )
