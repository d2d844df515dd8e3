"""Documents that others wrote: what we take, what refuses the whole."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator

import pytest
from nacl import bindings

from tests.support.clauses import clause
from weid import limits
from weid.crypto.keys import KeyKind, PrivateKey, PublicKey
from weid.did.document import Relationship
from weid.did.document_reader import parse_did_document
from weid.encoding import json_dumps
from weid.errors import MalformedError, UnsupportedAlgorithmError, WeidError

DID = "did:web:issuer.example"
SEED = bytes(range(32))
ED = PrivateKey.from_seed(SEED).public
EC = PrivateKey.from_seed(SEED, KeyKind.P256).public
DH = PrivateKey.from_seed(SEED, KeyKind.X25519).public
NOW = 1_782_820_800


def method(name: str, key: PublicKey = ED, **more: object) -> dict[str, object]:
    return {
        "id": f"{DID}#{name}",
        "type": "Multikey",
        "controller": DID,
        "publicKeyMultibase": key.to_multikey(),
        **more,
    }


def jwk_method(name: str, jwk: object) -> dict[str, object]:
    return {"id": f"{DID}#{name}", "type": "JsonWebKey2020", "controller": DID, "publicKeyJwk": jwk}


GOOD = {
    "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
    "id": DID,
    "controller": DID,
    "alsoKnownAs": ["https://issuer.example/"],
    "verificationMethod": [method("ed"), jwk_method("ec", EC.to_jwk())],
    "assertionMethod": [f"{DID}#ed", "#ec"],
    "authentication": ["#ed"],
    "keyAgreement": [method("dh", DH)],
    "service": [{"id": "#list", "type": "List", "serviceEndpoint": "https://issuer.example/list"}],
    "somethingElse": {"ignored": True},
}


def read(document: object):
    return parse_did_document(json_dumps(document), expected_did=DID, at_time=NOW)


def test_a_document_is_read_with_every_key_and_purpose():
    document = read(GOOD)
    assert document.id == DID
    assert document.controllers == (DID,)
    assert document.also_known_as == ("https://issuer.example/",)
    assert [each.key for each in document.methods] == [ED, EC, DH]
    assert [each.key for each in document.methods_for(Relationship.ASSERTION)] == [ED, EC]
    assert document.methods_for(Relationship.KEY_AGREEMENT)[0].fragment == "dh"
    assert document.services[0].endpoint == "https://issuer.example/list"


def test_a_key_serves_only_what_the_document_says():
    document = read(GOOD)
    found = document.method_for(f"{DID}#ec", Relationship.ASSERTION)
    assert found is not None
    assert found.key == EC
    assert document.method_for("#ec", Relationship.ASSERTION) == found
    assert document.method_for("#ec", Relationship.AUTHENTICATION) is None
    assert document.method_for("#dh", Relationship.ASSERTION) is None


@clause("R17")
def test_a_key_id_of_another_did_is_not_found():
    document = read(GOOD)
    for key_id in ("did:web:thief.example#ed", "ed", "", "#", DID, f"{DID}#ED", f"{DID}?x=1#ed"):
        assert document.method(key_id) is None


def test_a_document_that_we_write_reads_back():
    document = read(GOOD)
    assert read(document.to_json()) == document


def test_an_empty_document_is_written_with_its_id_only():
    assert read({"id": DID}).to_json() == {"@context": GOOD["@context"], "id": DID}


def test_a_key_at_its_end_serves_for_nothing():
    for name, end, serves in (
        ("revoked", "2026-06-30T12:00:00Z", False),
        ("revoked", "2026-06-30T12:00:01Z", True),
        ("expires", "2026-06-30T11:59:59Z", False),
        ("expires", "2030-01-01T00:00:00Z", True),
    ):
        changed = {**GOOD, "verificationMethod": [method("ed", **{name: end}), method("ec", EC)]}
        document = read(changed)
        assert document.method("#ed") is not None
        assert (document.method_for("#ed", Relationship.ASSERTION) is not None) is serves


def with_key(entry: object) -> dict[str, object]:
    return {"id": DID, "verificationMethod": [entry]}


MIXED = bindings.crypto_core_ed25519_add(
    ED.raw, (2**255 - 20).to_bytes(32, "little")
)  # plus the point of order 2
REFUSED: dict[str, object] = {
    "another DID": {**GOOD, "id": "did:web:thief.example"},
    "no id": {"verificationMethod": []},
    "a list": [GOOD],
    "another vocabulary": {**GOOD, "@context": ["https://thief.example/v1"]},
    "another vocabulary first": {**GOOD, "@context": ["https://x.example", "https://www.w3.org/ns/did/v1"]},
    "methods as an object": {**GOOD, "verificationMethod": {}},
    "a method as text": with_key("key"),
    "a method of another DID": with_key({**method("ed"), "id": "did:web:thief.example#ed"}),
    "a method without a fragment": with_key({**method("ed"), "id": DID}),
    "a method with a query": with_key({**method("ed"), "id": f"{DID}?a=b#ed"}),
    "a method without a controller": with_key({**method("ed"), "controller": None}),
    "a method whose controller is no DID": with_key(method("ed", controller="me")),
    "a method without a type": with_key(method("ed", type=None)),
    "a method of two types": with_key(method("ed", type=["Multikey"])),
    "a key in two spellings": with_key(method("ed", publicKeyJwk=ED.to_jwk())),
    "a multikey that is a number": with_key(method("ed", publicKeyMultibase=1)),
    "an end that is no time": with_key(method("ed", revoked="yesterday")),
    "an end that is a number": with_key(method("ed", expires=1)),
    "an assertion key that is not there": {**GOOD, "assertionMethod": ["#other"]},
    "an assertion key of another DID": {**GOOD, "assertionMethod": ["did:web:thief.example#ed"]},
    "an assertion key twice": {**GOOD, "assertionMethod": ["#ed", f"{DID}#ed"]},
    "an assertion key that is a number": {**GOOD, "assertionMethod": [1]},
    "assertion keys as text": {**GOOD, "assertionMethod": "#ed"},
    "a service without an endpoint": {**GOOD, "service": [{"id": "#s", "type": "T"}]},
    "a service with an endpoint in script": {
        **GOOD, "service": [{"id": "#s", "type": "T", "serviceEndpoint": "javascript:alert(1)"}]
    },
    "a controller that is no DID": {**GOOD, "controller": "me"},
    "controllers that are numbers": {**GOOD, "controller": [1]},
    "other names as text": {**GOOD, "alsoKnownAs": "https://issuer.example/"},
}  # fmt: skip


@pytest.mark.parametrize("document", REFUSED.values(), ids=REFUSED)
def test_a_document_of_another_form_is_refused(document):
    with pytest.raises(MalformedError):
        read(document)


WEAK: dict[str, object] = {
    "the identity point": method("k", publicKeyMultibase="z" + "6Mk" + "e" * 44),
    "an Ed25519 key of small order": jwk_method(
        "k", {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43}
    ),
    "an Ed25519 key of mixed order": method("k", PublicKey(KeyKind.ED25519, MIXED)),
    "a P-256 point off the curve": jwk_method("k", {**EC.to_jwk(), "y": ED.to_jwk()["x"]}),
    "P-256 zero, zero": jwk_method("k", {**EC.to_jwk(), "x": "A" * 43, "y": "A" * 43}),
    "a private key": jwk_method("k", PrivateKey.from_seed(SEED).to_private_jwk()),
    "no key": {"id": f"{DID}#k", "type": "Multikey", "controller": DID},
    "a JWK as text": jwk_method("k", "key"),
}


@clause("DW-08", "R13", "R14", "R16")
@pytest.mark.parametrize("entry", WEAK.values(), ids=WEAK)
def test_one_weak_or_private_key_refuses_the_document(entry):
    with pytest.raises(MalformedError):
        read(with_key(entry))


UNSUPPORTED: dict[str, object] = {
    "RSA": with_key(jwk_method("k", {"kty": "RSA", "n": "AQAB", "e": "AQAB"})),
    "secp256k1": with_key(jwk_method("k", {**EC.to_jwk(), "crv": "secp256k1"})),
    "oct": with_key(jwk_method("k", {"kty": "oct"})),
    "a type of its own": with_key(method("k", type="EcdsaSecp256k1VerificationKey2019")),
    "X25519 to authenticate": {**with_key(method("k", DH)), "authentication": ["#k"]},
    "X25519 to assert": {"id": DID, "assertionMethod": [method("k", DH)]},
    "Ed25519 to agree": {**with_key(method("k", ED)), "keyAgreement": ["#k"]},
}


@clause("DW-08", "R15")
@pytest.mark.parametrize("document", UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_a_kind_of_key_that_cannot_serve_refuses_the_document(document):
    with pytest.raises(UnsupportedAlgorithmError):
        read(document)


@clause("R18")
def test_one_id_stands_for_one_thing():
    twice = {
        "two keys": {**GOOD, "verificationMethod": [method("ed"), method("ed", EC)]},
        "two spellings of the id": {
            **GOOD, "verificationMethod": [method("ed"), {**method("x", EC), "id": "#ed"}]
        },
        "a key inside a relationship": {**GOOD, "keyAgreement": [method("ed", DH)]},
        "a key and a service": {
            **GOOD, "service": [{**GOOD["service"][0], "id": "#ed"}]  # type: ignore[index]
        },
    }  # fmt: skip
    for document in twice.values():
        with pytest.raises(MalformedError, match="twice"):
            read(document)


@clause("R27")
def test_the_limits_of_a_document_hold_at_the_value():
    keys = [method(f"k{n}") for n in range(limits.DID_KEYS)]
    assert len(read({"id": DID, "verificationMethod": keys}).methods) == limits.DID_KEYS
    services = [
        {"id": f"#s{n}", "type": "T", "serviceEndpoint": "https://a.example"}
        for n in range(limits.DID_SERVICES)
    ]
    assert len(read({"id": DID, "service": services}).services) == limits.DID_SERVICES
    for too_many in (
        {"id": DID, "verificationMethod": [*keys, method("one-more")]},
        {"id": DID, "service": [*services, {**services[0], "id": "#one-more"}]},
    ):
        with pytest.raises(MalformedError, match="more than"):
            read(too_many)
    bare = json_dumps({"id": DID})
    parse_did_document(
        bare + b" " * (limits.DID_DOCUMENT_BYTES - len(bare)), expected_did=DID, at_time=NOW
    )
    with pytest.raises(MalformedError, match="larger"):
        parse_did_document(
            bare + b" " * (limits.DID_DOCUMENT_BYTES - len(bare) + 1), expected_did=DID, at_time=NOW
        )


@clause("R7")
def test_a_member_twice_refuses_the_document():
    for text in (
        f'{{"id":"{DID}","id":"{DID}"}}',
        f'{{"id":"{DID}","assertionMethod":[],"\\u0061ssertionMethod":[]}}',
        f'{{"id":"did:web:thief.example","id":"{DID}"}}',
    ):
        with pytest.raises(MalformedError):
            parse_did_document(text.encode(), expected_did=DID, at_time=NOW)


def places(value: object, path: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """Every place of a JSON value, as the steps that lead to it."""
    yield path
    if isinstance(value, dict):
        steps = list(value.items())
    else:
        steps = list(enumerate(value)) if isinstance(value, list) else []
    for step, each in steps:
        yield from places(each, (*path, step))


@pytest.mark.parametrize(
    "strange", [None, 0, "", "x", [], {}, [[]], True, "\u200b", {"id": []}], ids=repr
)
def test_no_member_replaced_by_a_strange_value_crashes(strange):
    """Put something strange in each place of a good document: a document or a typed refusal."""
    for path in places(GOOD):
        document = {"root": copy.deepcopy(GOOD)}
        target = document
        for step in ("root", *path)[:-1]:
            target = target[step]  # type: ignore[index]
        target[("root", *path)[-1]] = strange
        with contextlib.suppress(WeidError):
            read(document["root"])
