"""Transactions and records as bytes: one spelling, bounded, nothing unknown."""

from __future__ import annotations

import dataclasses
import typing

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clauses import clause
from tests.support.refusals import refuses
from weid import limits
from weid.cbor import cbor_decode, cbor_encode
from weid.errors import MalformedError
from weid.registry.codec import BYTE_LENGTHS, ITEM_COUNTS, compile_codec
from weid.registry.operations import (
    KINDS,
    AnchorBatch,
    AnchorEvidence,
    CreateDid,
    GovernedAction,
    Inception,
    KeyPurpose,
    NewKey,
    NewService,
    Propose,
    PublishTemplate,
    SetParameter,
    UpdateDid,
)
from weid.registry.records import (
    NAMESPACES,
    AccountRecord,
    BatchRecord,
    EvidenceRecord,
    Receipt,
    StatusListRecord,
    Version,
)
from weid.registry.state_keys import (
    NAMESPACE_OF,
    anchor_id,
    list_namespace,
    list_of,
    record_id,
    record_key,
    state_key,
    status_id,
)
from weid.registry.transaction import SignedTransaction, Transaction
from weid.registry.wire import (
    decode_action,
    decode_index,
    decode_payload,
    decode_receipt,
    decode_record,
    decode_record_as,
    decode_signed,
    decode_stored_record,
    encode_action,
    encode_inception,
    encode_operation,
    encode_payload,
    encode_receipt,
    encode_record,
    encode_signed,
)

TEXT = st.text(alphabet=st.sampled_from("abcXYZ 0-:/.é名字"), max_size=20)
LENGTHS = {
    "Inception.controllers": 32,
    "Inception.recovery_keys": 32,
    "Inception.salt": 16,
    "NewKey.multikey": 34,
    "RegisteredKey.multikey": 34,
}


def values(kind: object, where: str = "") -> st.SearchStrategy[object]:  # noqa: PLR0911 - a table
    """Return a strategy for anything that a codec can carry."""
    if kind is str:
        return TEXT
    if kind is int:
        return st.integers(0, 2**63 - 1)
    if kind is bool:
        return st.booleans()
    if kind is bytes:
        lengths = [n for n in range(66) if n in BYTE_LENGTHS[where]]
        return st.sampled_from(lengths).flatmap(lambda n: st.binary(min_size=n, max_size=n))
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        members = {
            field.name: values(hints[field.name], f"{kind.__name__}.{field.name}")
            for field in dataclasses.fields(kind)
        }
        return st.builds(kind, **members)
    if isinstance(kind, type):
        return st.sampled_from(list(kind))
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is tuple:
        item = values(arguments[0], where)
        return st.lists(item, max_size=min(3, ITEM_COUNTS[where])).map(tuple)
    return st.one_of([st.none() if one is type(None) else values(one, where) for one in arguments])


@clause("TX-01", "ST-02")
@pytest.mark.parametrize("kind", [*KINDS.values(), *NAMESPACES.values(), Receipt])
def test_every_kind_survives_the_journey_to_bytes_and_back(kind: type) -> None:
    codec = compile_codec(kind)

    @given(values(kind))
    def journey(value: object) -> None:
        raw = cbor_encode(codec.encode(value))
        read = cbor_decode(raw, what="it", max_bytes=limits.RECORD_BYTES)
        assert codec.decode(read) == value
        assert codec.rebuild(cbor2.loads(raw)) == value

    journey()


@clause("ST-02")
@pytest.mark.parametrize("namespace", NAMESPACES)
def test_every_record_has_its_namespace_and_its_bytes_begin_with_a_version(namespace: str) -> None:
    @given(values(NAMESPACES[namespace]))
    def journey(record: object) -> None:
        raw = encode_record(record)  # type: ignore[arg-type]
        assert decode_record(namespace, raw) == record == decode_stored_record(namespace, raw)
        assert cbor2.loads(raw)[0] == 1
        assert NAMESPACE_OF[type(record)] == namespace
        assert isinstance(record_id(record), bytes)  # type: ignore[arg-type]

    journey()


def transaction(*operations: object, **changes: object) -> Transaction:
    fields: dict[str, object] = {
        "network": "demo",
        "author": "did:weid:demo:x",
        "author_keys": ("control-1",),
        "sequence": 3,
        "valid_until": 1_750_000_000,
        "operations": operations or (AnchorEvidence(bytes(32), "a note"),),
    }
    return Transaction(**{**fields, **changes})  # type: ignore[arg-type]


@clause("TX-01")
@given(st.lists(values(typing.Union[tuple(KINDS.values())]), min_size=1, max_size=3))  # noqa: UP007 - built at run time
def test_a_transaction_survives_the_journey(operations: list[object]) -> None:
    one = transaction(*operations)
    assert decode_payload(encode_payload(one)) == one


def changed(at: int, value: object) -> bytes:
    items = cbor2.loads(encode_payload(transaction()))
    items[at] = value
    return cbor2.dumps(items, canonical=True)


GOOD = encode_payload(transaction())
BAD_PAYLOADS = {
    "no CBOR at all": b"{}",
    "nothing": b"",
    "a byte after it": GOOD + b"\0",
    "cut short": GOOD[:-1],
    "a map": cbor2.dumps({1: 2}),
    "an empty array": cbor2.dumps([]),
    "another format version": changed(0, 2),
    "a format version that is true": changed(0, True),
    "an integer spelled with more bytes than it needs": GOOD[:1] + b"\x18\x01" + GOOD[2:],
    "an array of unknown length": b"\x9f" + GOOD[1:] + b"\xff",
    "a text of unknown length": GOOD[:2] + b"\x7f\x64demo\xff" + GOOD[7:],
    "an extra field": cbor2.dumps([*cbor2.loads(GOOD), 0], canonical=True),
    "a field less": cbor2.dumps(cbor2.loads(GOOD)[:-1], canonical=True),
    "a network that is bytes": changed(1, b"demo"),
    "an author with a line feed": changed(2, "did:weid:demo:x\n"),
    "a key that is not text": changed(3, [1]),
    "keys that are text": changed(3, "control-1"),
    "no key": changed(3, []),
    "a key twice": changed(3, ["control-1", "control-1"]),
    "more keys than a transaction may have": changed(3, [f"key-{n}" for n in range(17)]),
    "a sequence of 2^63": changed(4, 2**63),
    "a sequence of -1": changed(4, -1),
    "a sequence that is text": changed(4, "1"),
    "a sequence that is a float": changed(4, 1.0),
    "a sequence that is NaN": changed(4, float("nan")),
    "a sequence that is negative zero": changed(4, -0.0),
    "a sequence that is true": changed(4, True),
    "a sequence that is a bignum": changed(4, 2**70),
    "a time that is a tag": changed(5, cbor2.CBORTag(1, 5)),
    "a time that is undefined": changed(5, cbor2.undefined),
    "no operation": changed(6, []),
    "an unknown kind": changed(6, [[99, b""]]),
    "a kind that is text": changed(6, [["30", b""]]),
    "an operation without kind": changed(6, [[]]),
    "an operation that is a map": changed(6, [{30: b""}]),
    "an operation with an extra field": changed(6, [[30, bytes(32), "", 1]]),
    "a digest that is text": changed(6, [[30, "x" * 32, ""]]),
    "a digest of 31 bytes": changed(6, [[30, bytes(31), ""]]),
    "a note of 513 characters": changed(6, [[30, bytes(32), "n" * 513]]),
    "1001 operations": changed(6, [[61, bytes(32)]] * 1001),
    "a proposal of a thing that is not governed": changed(6, [[60, [30, bytes(32), ""], 1, ""]]),
    "a role that nobody has": changed(6, [[60, [50, "did:weid:demo:x", "king"], 1, ""]]),
    "a flag that is a number": changed(6, [[42, "did:weid:demo:x", "c", 1, None, 1]]),
    "an inception that is no array": changed(6, [[1, 5, [], []]]),
    "an endorser without keys": changed(7, "did:weid:demo:y"),
    "keys of no endorser": changed(8, ["control-1"]),
    "nested without end": b"\x81" * 5000 + b"\x00",
    "a map with a key twice": b"\x89\x01\xa2\x01\x01\x01\x02" + GOOD[7:],
}


@clause("TX-01", "TX-02", "R4", "R6", "R7", "R8", "R9", "R35")
@pytest.mark.parametrize("fault", BAD_PAYLOADS)
def test_a_payload_is_refused_that_has(fault: str) -> None:
    with pytest.raises(MalformedError):
        decode_payload(BAD_PAYLOADS[fault])


@clause("TX-02", "R27")
def test_sizes_are_bounded_before_anything_is_parsed() -> None:
    document = PublishTemplate("diploma", 1, b"x" * limits.TEMPLATE_BYTES)
    assert decode_payload(encode_payload(transaction(document)))
    with pytest.raises(MalformedError, match="length"):
        decode_payload(
            encode_payload(
                transaction(
                    dataclasses.replace(document, document=b"x" * (limits.TEMPLATE_BYTES + 1))
                )
            )
        )
    with pytest.raises(MalformedError, match="larger"):
        decode_payload(b"\0" * (limits.TRANSACTION_BYTES + 1))
    keys = tuple(
        NewKey(f"key-{n}", bytes(34), (KeyPurpose.ASSERTION,)) for n in range(limits.DID_KEYS + 1)
    )
    with pytest.raises(MalformedError, match="items"):
        decode_payload(encode_payload(transaction(UpdateDid("did:weid:demo:x", 1, keys))))


@clause("TX-03", "R12")
def test_an_envelope_holds_payload_and_raw_signatures_only() -> None:
    signed = SignedTransaction(GOOD, (b"s" * 64,), (b"t" * 64,))
    raw = encode_signed(signed)
    assert decode_signed(raw) == signed
    items = cbor2.loads(raw)
    faults = {
        "a DER signature": [1, GOOD, [b"0" * 70], []],
        "63 bytes": [1, GOOD, [b"0" * 63], []],
        "65 bytes": [1, GOOD, [b"0" * 65], []],
        "a signature that is text": [1, GOOD, ["0" * 64], []],
        "no list": [1, GOOD, b"0" * 64, []],
        "too many": [1, GOOD, [b"0" * 64] * 17, []],
        "no payload": [1, "text", [b"0" * 64], []],
        "an extra item": [*items, 1],
        "another version": [2, *items[1:]],
    }
    for name, fault in faults.items():
        assert refuses(MalformedError, decode_signed, cbor2.dumps(fault, canonical=True)), name


@clause("TX-04", "R10")
def test_the_id_of_a_transaction_does_not_depend_on_its_signatures() -> None:
    one = SignedTransaction(GOOD, (b"s" * 64,))
    assert one.id == dataclasses.replace(one, author_signatures=(b"t" * 64,)).id
    other = encode_payload(transaction(sequence=4))
    assert one.id != SignedTransaction(other, one.author_signatures).id


def test_receipts_actions_and_inceptions_have_bytes_too() -> None:
    receipt = Receipt(bytes(32), 5, 7, 103, b"\0\1")
    assert decode_receipt(encode_receipt(receipt)) == receipt
    with pytest.raises(MalformedError):
        decode_receipt(encode_receipt(receipt)[:-1])
    action = SetParameter("governance_threshold", 2)
    assert decode_action(encode_action(action)) == action
    with pytest.raises(MalformedError, match="cannot hold"):
        encode_action(typing.cast("GovernedAction", AnchorBatch(bytes(32), 1)))
    with pytest.raises(MalformedError, match="cannot stand"):
        decode_action(encode_operation(AnchorBatch(bytes(32), 1)))
    inception = Inception("demo", (bytes(32),), 1, b"", (), bytes(16))
    assert cbor2.loads(encode_inception(inception))[1] == "demo"


def test_a_record_is_read_as_its_own_kind_only() -> None:
    account = encode_record(AccountRecord("did:weid:demo:x", 5))
    assert decode_record_as(AccountRecord, account).next_sequence == 5
    with pytest.raises(MalformedError):
        decode_index(account)
    with pytest.raises(MalformedError):
        decode_record("evidence", account)


@clause("ST-01")
def test_no_two_records_share_a_state_key() -> None:
    assert state_key("did", b"x") != state_key("role", b"x")
    assert state_key("di", b"dx") != state_key("did", b"x")
    place = Version(1, 1, 1)
    evidence = EvidenceRecord(bytes(32), "did:weid:demo:x", True, (), place)
    assert record_id(evidence) == bytes(32)
    assert record_key(evidence) == state_key("evidence", bytes(32))


@clause("ST-01")
def test_what_belongs_to_a_did_has_an_id_that_begins_with_it() -> None:
    """A DID has no `/`, and no two pairs of DID and name give one id."""
    did, longer, uri = "did:weid:demo:x", "did:weid:demo:xy", "https://x.example/1/"
    place = Version(1, 1, 1)
    status = StatusListRecord(uri, did, "c", 1, 8, 1, bytes(32), b"", place)
    assert record_id(status) == b"did:weid:demo:x/https://x.example/1/"
    batch = BatchRecord(bytes(32), did, 1, "issuance", place)
    evidence = EvidenceRecord(bytes(32), did, False, (), place)
    assert record_id(batch) == record_id(evidence) == b"did:weid:demo:x/" + bytes(32)
    assert record_key(batch) != record_key(evidence)
    names = [(one, root) for one in (did, longer) for root in (b"/" * 32, b"y/" * 16, bytes(32))]
    assert len({anchor_id(*name) for name in names}) == len(names)
    uris = [(one, name) for one in (did, longer) for name in (uri, f"{uri}/", "y/" + uri)]
    assert len({status_id(*name) for name in uris}) == len(uris)


@clause("ST-06")
def test_evidence_of_further_signers_is_listed_by_its_digest() -> None:
    place = Version(1, 1, 1)
    for first, listed in ((True, None), (False, "evidence/" + "00" * 32)):
        record = EvidenceRecord(bytes(32), "did:weid:demo:x", first, (), place)
        assert list_of(record) == listed
    assert list_namespace("evidence/" + "00" * 32) == "evidence"


def test_what_has_no_bound_or_no_codec_fails_when_it_is_declared() -> None:
    @dataclasses.dataclass(frozen=True)
    class Unbounded:
        payload: bytes

    @dataclasses.dataclass(frozen=True)
    class Float:
        amount: float

    Unbounded.__annotations__["payload"] = bytes
    Float.__annotations__["amount"] = float
    with pytest.raises(KeyError):
        compile_codec(Unbounded)
    with pytest.raises(TypeError):
        compile_codec(Float)


def test_the_tables_of_bounds_name_only_fields_that_exist() -> None:
    kinds = [*KINDS.values(), *NAMESPACES.values(), Transaction, Receipt, Version, Inception]
    kinds += [NewKey, NewService, CreateDid, Propose]
    names = {
        f"{kind.__name__}.{field.name}" for kind in kinds for field in dataclasses.fields(kind)
    }
    names |= {"RegisteredKey.multikey", "RegisteredKey.purposes"}
    assert {*BYTE_LENGTHS, *ITEM_COUNTS} <= names
