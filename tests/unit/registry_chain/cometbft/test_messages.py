"""The codec against recordings of real nodes: every message, to the byte."""

from __future__ import annotations

import pytest
from google.protobuf.unknown_fields import UnknownFieldSet
from hypothesis import given
from hypothesis import strategies as st

from registry_chain.engines.cometbft.messages import (
    Request,
    Response,
    call_of,
    decode_request,
    decode_response,
)
from tests.support.abci_recordings import CONNECTIONS, recorded
from tests.support.clauses import clause
from weid.errors import MalformedError

CALLS = {
    "echo", "flush", "info", "init_chain", "query", "check_tx", "commit", "list_snapshots",
    "offer_snapshot", "load_snapshot_chunk", "apply_snapshot_chunk", "prepare_proposal",
    "process_proposal", "extend_vote", "verify_vote_extension", "finalize_block", "insert_tx",
    "reap_txs",
}  # fmt: skip


@clause("CN-01")
@pytest.mark.parametrize("name", CONNECTIONS)
def test_every_recorded_message_is_read_and_written_to_the_byte(name):
    messages = recorded(name)
    assert len(messages) >= 38
    for message in messages:
        decode = decode_request if message.request else decode_response
        found = decode(message.payload)
        assert call_of(found) in CALLS
        assert found.SerializeToString() == message.payload


def unknown_fields(message) -> int:
    """Return how many fields of a message, at any depth, our table lacks."""
    count = len(UnknownFieldSet(message))
    for field, value in message.ListFields():
        if field.message_type is not None:
            parts = value if field.is_repeated else [value]
            count += sum(unknown_fields(part) for part in parts)
    return count


@clause("CN-01")
@pytest.mark.parametrize("name", CONNECTIONS)
def test_the_table_has_every_field_that_nodes_send(name):
    for message in recorded(name):
        decode = decode_request if message.request else decode_response
        assert unknown_fields(decode(message.payload)) == 0


@clause("CN-01")
def test_a_request_and_its_reply_have_the_same_name():
    requests = {field.name: field.number for field in Request.DESCRIPTOR.fields}
    responses = {field.name: field.number for field in Response.DESCRIPTOR.fields}
    assert requests.keys() == CALLS
    assert responses == {call: number + 1 for call, number in requests.items()} | {"exception": 1}
    # The numbers of the calls that ABCI had before are not used again.
    assert not {4, 7, 9, 10} & set(requests.values())


@clause("CN-01")
def test_a_message_has_the_bytes_of_the_standard():
    """Written by hand from types.proto: tags, lengths, contents."""
    check = Request()
    check.check_tx.tx = b"\xaa\xbb"
    check.check_tx.type = 1
    assert check.SerializeToString().hex() == "4206" + "0a02aabb" + "1001"
    block = Response()
    block.finalize_block.tx_results.add(code=300, data=b"\x07")
    block.finalize_block.validator_updates.add(power=0).pub_key.ed25519 = b"\x01\x02"
    block.finalize_block.app_hash = b"\x09"
    result, update, app_hash = "1206" + "08ac02" + "120107", "1a06" + "0a04" + "0a020102", "2a0109"
    assert block.SerializeToString().hex() == "aa0113" + result + update + app_hash


@clause("CN-01")
def test_a_field_of_a_later_version_is_kept():
    request = Request()
    request.info.version = "0.40.0"
    later = request.SerializeToString()[2:] + bytes.fromhex("9a0603616263")
    raw = bytes([0x1A, len(later)]) + later
    found = decode_request(raw)
    assert found.info.version == "0.40.0"
    assert found.SerializeToString() == raw


@clause("CN-01")
@pytest.mark.parametrize("decode", [decode_request, decode_response])
@pytest.mark.parametrize("raw", [b"\xff", b"\x0a\x05ab", b"\x0a\x04\x0a\x02\xff\xfe", b"\x00"])
def test_bytes_that_are_no_message_are_refused(decode, raw):
    with pytest.raises(MalformedError, match="not an ABCI re"):
        decode(raw)


@clause("CN-01")
@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_refused(raw):
    try:
        found = decode_request(raw)
    except MalformedError:
        return
    assert call_of(found) in CALLS | {""}


@clause("CN-01")
@given(
    st.lists(st.tuples(st.integers(0, 2**32 - 1), st.binary(max_size=40)), max_size=20),
    st.binary(max_size=32),
    st.integers(-(2**63), 2**63 - 1),
)
def test_what_is_written_is_read(results, app_hash, height):
    response = Response()
    for code, data in results:
        response.finalize_block.tx_results.add(code=code, data=data)
    response.finalize_block.app_hash = app_hash
    again = decode_response(response.SerializeToString())
    assert [(r.code, r.data) for r in again.finalize_block.tx_results] == results
    assert again.finalize_block.app_hash == app_hash
    request = Request()
    request.finalize_block.height = height
    assert decode_request(request.SerializeToString()).finalize_block.height == height
