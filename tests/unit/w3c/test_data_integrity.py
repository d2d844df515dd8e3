"""Proofs: their form, what they cover, and what nobody can slip in."""

from __future__ import annotations

import base64
import json
import sys

import pytest

from tests.support.clauses import clause
from tests.support.w3c import CONTEXTS, HOLDER, STRANGER, changed, key_of, sign_again
from weid.crypto.keys import KeyKind
from weid.encoding import json_dumps, json_loads_object
from weid.errors import InvalidSignatureError, MalformedError, UnsupportedAlgorithmError
from weid.w3c.data_integrity import (
    ASSERTION,
    JCS,
    RDFC,
    create_proof,
    sign_config,
    split_proofs,
    verify_proof,
)
from weid.w3c.rdf import CanonicalizationMissingError, canonical_rdf
from weid.w3c.secured import read_credential
from weid.w3c.vocabulary import CREDENTIALS, DATA_INTEGRITY

NOW = 1_780_000_000
DOCUMENT = {
    "@context": [CREDENTIALS],
    "type": ["VerifiableCredential"],
    "issuer": HOLDER.did,
    "credentialSubject": {"id": "did:example:ada", "name": "Ada"},
}


def proved(**options):
    return create_proof(
        DOCUMENT,
        **{
            "signer": HOLDER.signer,
            "key_id": HOLDER.key_id,
            "purpose": ASSERTION,
            "created": NOW,
            **options,
        },
    )


def verify(secured, key=HOLDER):
    document, proofs = split_proofs(secured)
    for proof in proofs:
        verify_proof(document, proof, key.signer.public_key, others=proofs, contexts=CONTEXTS)
    return document


@clause("WC-11", "WC-13", "WC-14")
def test_what_is_made_is_verified_and_names_all_that_was_said():
    secured = proved(challenge="c-1", domain="https://v.example", expires=NOW + 60)
    proof = secured["proof"]
    assert verify(secured) == DOCUMENT
    assert (proof["type"], proof["cryptosuite"]) == ("DataIntegrityProof", JCS)
    assert proof["@context"] == DOCUMENT["@context"]
    found = split_proofs(secured)[1][0]
    assert (found.created, found.expires) == (NOW, NOW + 60)
    assert (found.challenge, found.domains) == ("c-1", ("https://v.example",))


@clause("WC-11")
def test_a_proof_is_made_with_ed25519_and_once():
    p256 = key_of(8, KeyKind.P256)
    with pytest.raises(UnsupportedAlgorithmError, match="Ed25519"):
        proved(signer=p256.signer)
    with pytest.raises(MalformedError, match="already"):
        create_proof(
            proved(), signer=HOLDER.signer, key_id=HOLDER.key_id, purpose=ASSERTION, created=NOW
        )


@clause("WC-14")
def test_a_key_of_another_kind_or_person_does_not_verify():
    with pytest.raises(InvalidSignatureError):
        verify(proved(), key_of(8, KeyKind.P256))
    with pytest.raises(InvalidSignatureError):
        verify(proved(), STRANGER)


@clause("WC-12")
def test_a_context_put_behind_is_dropped_and_one_put_elsewhere_refused():
    secured = proved()
    behind = {**secured, "@context": [CREDENTIALS, DATA_INTEGRITY]}
    assert verify(behind) == DOCUMENT
    for contexts in ([DATA_INTEGRITY, CREDENTIALS], [DATA_INTEGRITY], []):
        with pytest.raises(MalformedError, match="does not begin"):
            split_proofs({**secured, "@context": contexts})
    swapped = changed(secured, ("proof", "@context"), [CREDENTIALS, DATA_INTEGRITY])
    swapped["@context"] = [CREDENTIALS, DATA_INTEGRITY]
    with pytest.raises(InvalidSignatureError):
        verify(swapped)


@clause("WC-12")
def test_proofs_of_a_set_sign_the_same_contexts():
    secured = proved()
    other = sign_again({**secured, "@context": [CREDENTIALS, DATA_INTEGRITY]}, STRANGER)["proof"]
    both = {
        **secured,
        "@context": [CREDENTIALS, DATA_INTEGRITY],
        "proof": [secured["proof"], other],
    }
    with pytest.raises(MalformedError, match="same contexts"):
        split_proofs(both)


MEMBERS = {
    "type": "Ed25519Signature2020",
    "cryptosuite": "eddsa-2022",
    "created": "2026-05-28",
    "expires": "never",
    "verificationMethod": "key-1",
    "proofPurpose": "",
    "challenge": 5,
    "domain": [],
    "id": "p1",
    "previousProof": "urn:x:not-there",
    "proofValue": "uAAAA",
    "admin": True,
    "nonce2": "x",
}


@clause("WC-10", "WC-14")
@pytest.mark.parametrize("name", MEMBERS)
def test_a_proof_with_a_wrong_member_is_refused(name):
    secured = changed(proved(), ("proof", name), MEMBERS[name])
    with pytest.raises((MalformedError, UnsupportedAlgorithmError)):
        split_proofs(secured)


@clause("WC-10")
@pytest.mark.parametrize(
    "name", ["type", "cryptosuite", "verificationMethod", "proofPurpose", "proofValue"]
)
def test_a_proof_without_a_member_that_it_must_have_is_refused(name):
    with pytest.raises((MalformedError, UnsupportedAlgorithmError)):
        split_proofs(changed(proved(), ("proof", name), None))


@clause("WC-10")
@pytest.mark.parametrize("value", [None, [], "x", [5], [None], {}])
def test_what_is_not_a_proof_is_refused(value):
    with pytest.raises((MalformedError, UnsupportedAlgorithmError)):
        split_proofs({**DOCUMENT, "proof": value})
    with pytest.raises(MalformedError):
        split_proofs(DOCUMENT)
    with pytest.raises(MalformedError, match="more than 8"):
        split_proofs({**DOCUMENT, "proof": [proved()["proof"]] * 9})


@clause("WC-14")
@pytest.mark.parametrize(
    "change",
    [
        lambda value: value[1:],
        lambda _value: "u" + base64.urlsafe_b64encode(bytes(64)).decode().rstrip("="),
        lambda value: value[:-4],
        lambda value: value + "1",
        lambda _value: "z" + "1" * 5000,
        lambda _value: "z0OIl",
    ],
)
def test_a_signature_has_one_spelling_and_size(change):
    secured = proved()
    with pytest.raises(MalformedError):
        split_proofs(
            changed(secured, ("proof", "proofValue"), change(secured["proof"]["proofValue"]))
        )


# --- sets and chains ------------------------------------------------------------------------------


def chained():
    """Return a document whose second proof covers the first."""
    first = sign_again(proved(), HOLDER, id="urn:uuid:1")["proof"]
    config = {n: v for n, v in first.items() if n not in {"proofValue", "id"}}
    config |= {"previousProof": "urn:uuid:1", "verificationMethod": HOLDER.key_id}
    second = sign_config({**DOCUMENT, "proof": [first]}, config, signer=HOLDER.signer)
    return {**DOCUMENT, "proof": [first, second]}


@clause("WC-17")
def test_a_chain_covers_the_proofs_before():
    secured = chained()
    assert verify(secured) == DOCUMENT
    first = sign_again(proved(), HOLDER, id="urn:uuid:1", created="2026-01-01T00:00:00Z")["proof"]
    with pytest.raises(InvalidSignatureError):
        verify({**secured, "proof": [first, secured["proof"][1]]})
    with pytest.raises(MalformedError, match="not there"):
        split_proofs({**secured, "proof": [secured["proof"][1]]})
    cut = changed(secured, ("proof", 1, "previousProof"), None)
    with pytest.raises(InvalidSignatureError):
        verify(cut)


@clause("WC-17")
def test_ids_of_proofs_are_their_own():
    first = sign_again(proved(), HOLDER, id="urn:uuid:1")["proof"]
    with pytest.raises(MalformedError, match="same id"):
        split_proofs({**DOCUMENT, "proof": [first, first]})
    itself = {**first, "previousProof": "urn:uuid:1"}
    with pytest.raises(MalformedError, match="not there"):
        split_proofs({**DOCUMENT, "proof": itself})


# --- bytes ----------------------------------------------------------------------------------------


@clause("WC-10", "WC-24")
@pytest.mark.parametrize(
    "text",
    [
        '{"proof":1,"proof":2}',
        '{"a":' + "1" * 400 + "}",
        '{"a":1e999}',
        '{"a":NaN}',
        '{"a":"\\ud800"}',
        "[" * 5000,
        '{"a":' * 100 + "1" + "}" * 100,
        '{"a":"' + "x" * 70_000 + '"}',
    ],
)
def test_json_that_has_two_readings_or_no_end_is_refused(text):
    with pytest.raises(MalformedError):
        read_credential(text, CONTEXTS)


@clause("WC-13")
@pytest.mark.parametrize("number", [2**53, -(2**60), 10**19])
def test_a_number_that_json_readers_round_is_not_signed(number):
    with pytest.raises(MalformedError, match="canonical"):
        create_proof(
            changed(DOCUMENT, ("credentialSubject", "name"), number),
            signer=HOLDER.signer,
            key_id=HOLDER.key_id,
            purpose=ASSERTION,
            created=NOW,
        )


@clause("WC-13")
def test_the_order_of_members_and_the_spelling_of_numbers_do_not_matter():
    secured = changed(proved(), ("credentialSubject", "name"), "Ada")
    turned = json_loads_object(json_dumps(dict(reversed(secured.items()))), what="it")
    assert verify(turned) == DOCUMENT
    assert json.dumps(turned) != json.dumps(secured)


# --- RDF ------------------------------------------------------------------------------------------

RDF_REFUSED = {
    "null": ("name", {"x": None}),
    "a fraction": ("name", 0.1),
    "a large number": ("name", 2**60),
    "an empty list": ("name", []),
    "an empty object": ("name", {}),
    "a list in a list": ("name", [["Ada"]]),
    "many alike": ("name", [{"name": "x"}] * 5),
    "many nested alike": ("name", [{"name": {"name": str(n)}} for n in range(5)]),
    "very many": ("name", [{"name": str(n)} for n in range(130)]),
    "a direction": ("name", {"@value": "Ada", "@language": "en", "@direction": "rtl"}),
    "a statement in a language": (
        "name",
        {"@value": "Ada", "@language": "en .\n<urn:a> <urn:b> <urn:c> "},
    ),
    "a type with a blank": ("name", {"type": "urn:a b", "name": "Ada"}),
}


@clause("WC-16")
@pytest.mark.parametrize("name", RDF_REFUSED)
def test_what_rdf_would_drop_or_be_slow_with_is_refused_before(name):
    member, value = RDF_REFUSED[name]
    document = changed(DOCUMENT, ("credentialSubject", member), value)
    with pytest.raises(MalformedError):
        canonical_rdf(document, CONTEXTS)


def _pair_of_families(children):
    """Return two nameless objects with so many children that only JSON tells apart."""
    spelled = iter(range(1, 100))
    return [{"name": [{"name": ["x"] * next(spelled)} for _ in range(children)]} for _ in "ab"]


@clause("WC-16")
def test_objects_that_only_json_tells_apart_are_alike():
    pytest.importorskip("pyld", reason="eddsa-rdfc-2022 needs the extra 'w3c' (PyLD)")
    member = ("credentialSubject", "name")
    assert canonical_rdf(changed(DOCUMENT, member, _pair_of_families(2)), CONTEXTS)
    with pytest.raises(MalformedError, match="look alike"):
        canonical_rdf(changed(DOCUMENT, member, _pair_of_families(3)), CONTEXTS)


@clause("WC-16")
def test_a_claim_that_rdf_drops_cannot_be_put_beside_the_signed_ones():
    pytest.importorskip("pyld", reason="eddsa-rdfc-2022 needs the extra 'w3c' (PyLD)")
    vocabulary = {"@vocab": "urn:weid:test:cpt:diploma:1#"}
    signed = {**DOCUMENT, "@context": [*DOCUMENT["@context"], vocabulary]}
    assert canonical_rdf(signed, CONTEXTS)
    for name in ("a claim", "a\u2028claim", "a>b", 'a"b'):
        document = changed(signed, ("credentialSubject", name), "nobody signed this")
        with pytest.raises(MalformedError, match="does not take"):
            canonical_rdf(document, CONTEXTS)
    for kind in ("Not signed", "@json", "@Abc"):
        with pytest.raises(MalformedError, match="does not take"):
            canonical_rdf({**signed, "type": [kind, *signed["type"]]}, CONTEXTS)


@clause("WC-15")
def test_without_the_library_nothing_is_known(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyld", None)
    with pytest.raises(CanonicalizationMissingError):
        canonical_rdf(DOCUMENT, CONTEXTS)


@clause("WC-10")
def test_an_rdf_proof_takes_its_context_from_the_document():
    secured = changed(proved(), ("proof", "cryptosuite"), RDFC)
    with pytest.raises(MalformedError, match="from the document"):
        split_proofs(secured)


@clause("WC-15")
def test_contexts_reach_the_library_from_the_table_alone():
    pytest.importorskip("pyld", reason="eddsa-rdfc-2022 needs the extra 'w3c' (PyLD)")
    text = canonical_rdf(DOCUMENT, CONTEXTS)
    assert b"<https://schema.org/name>" in text
    assert text.endswith(b".\n")
    strange = {**DOCUMENT, "@context": [CREDENTIALS, "https://evil.example/context"]}
    with pytest.raises(MalformedError):
        canonical_rdf(strange, CONTEXTS)
