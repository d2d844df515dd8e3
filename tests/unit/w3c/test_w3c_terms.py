"""Which terms have a meaning: nothing is fetched, nothing is guessed."""

from __future__ import annotations

import json

import pytest

from tests.support.clauses import clause
from tests.support.w3c import CONTEXTS, SUITE_TABLE, changed
from weid.errors import MalformedError
from weid.w3c.terms import Contexts, template_vocabulary
from weid.w3c.vocabulary import CREDENTIALS, DATA_INTEGRITY, EXAMPLES

VOCABULARY = template_vocabulary("urn:weid:test:cpt:diploma:1")
GOOD = {
    "@context": [CREDENTIALS, VOCABULARY],
    "id": "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
    "type": ["VerifiableCredential", "diploma"],
    "name": {"@value": "Diploma", "@language": "en"},
    "issuer": {"id": "did:example:issuer", "name": "University"},
    "credentialSubject": {
        "id": "did:example:ada",
        "degree": {"title": "Mathematics", "grades": [{"year": 1833}, 5, "good"]},
    },
    "credentialSchema": {
        "id": "urn:weid:test:cpt:diploma:1",
        "type": "JsonSchema",
        "digestSRI": "sha256-AA==",
    },
    "credentialStatus": {
        "id": "https://list.example/1#5",
        "type": "BitstringStatusListEntry",
        "statusPurpose": "revocation",
        "statusListIndex": "5",
        "statusListCredential": "https://list.example/1",
    },
}


@clause("WC-01", "WC-03")
def test_a_document_whose_terms_are_all_defined_is_taken():
    CONTEXTS.check(GOOD, what="it")
    CONTEXTS.check({**GOOD, "@context": [CREDENTIALS, DATA_INTEGRITY, VOCABULARY]}, what="it")


CONTEXTS_REFUSED = {
    "none": None,
    "a text": CREDENTIALS,
    "an empty list": [],
    "another one first": [DATA_INTEGRITY, CREDENTIALS],
    "the former one": ["https://www.w3.org/2018/credentials/v1"],
    "one that is not known": [CREDENTIALS, "https://evil.example/context"],
    "one twice": [CREDENTIALS, CREDENTIALS],
    "one that gives anything a meaning": [CREDENTIALS, EXAMPLES],
    "an object that redefines": [CREDENTIALS, {"issuer": "https://evil.example/issuer"}],
    "a vocabulary of nobody": [CREDENTIALS, {"@vocab": "https://evil.example/#"}],
    "a vocabulary that is not a type": [CREDENTIALS, {"@vocab": "urn:weid:test:cpt:diploma#"}],
    "a vocabulary without its end": [CREDENTIALS, {"@vocab": "urn:weid:test:cpt:diploma:1"}],
    "a vocabulary with more": [CREDENTIALS, {**VOCABULARY, "@base": "https://evil.example/"}],
    "two vocabularies": [CREDENTIALS, VOCABULARY, template_vocabulary("urn:weid:t2:cpt:pass:1")],
    "a number": [CREDENTIALS, 5],
    "nothing": [CREDENTIALS, None],
    "a list": [CREDENTIALS, [VOCABULARY]],
    "too many": [CREDENTIALS, *(f"https://c{n}.example/" for n in range(8))],
}


@clause("WC-01", "WC-02")
@pytest.mark.parametrize("name", CONTEXTS_REFUSED)
def test_contexts_that_are_not_known_or_not_in_order_are_refused(name):
    value = CONTEXTS_REFUSED[name]
    document = {**GOOD, "@context": value}
    if value is None:
        del document["@context"]
    with pytest.raises(MalformedError):
        CONTEXTS.check(document, what="it")


TERMS_REFUSED = {
    "a term at the top that only a vocabulary takes": ("admin", True),
    "a keyword at the top": ("@graph", []),
    "another keyword": ("@id", "did:example:x"),
    "an absolute name at the top": ("https://evil.example/term", 1),
    "a term of a proof": ("proofValue", "z"),
    "a term of a list": ("encodedList", "u"),
    "a former term": ("issuanceDate", "2020-01-01T00:00:00Z"),
}


@clause("WC-03", "WC-05")
@pytest.mark.parametrize("name", TERMS_REFUSED)
def test_a_term_that_has_no_place_at_the_top_is_refused(name):
    member, value = TERMS_REFUSED[name]
    for table in (CONTEXTS, SUITE_TABLE):
        with pytest.raises(MalformedError, match=r"is not defined|has no place"):
            table.check({**GOOD, member: value}, what="it")


DEEP_REFUSED = {
    "an undefined term": (("credentialSubject", "degree"), {"title": "x"}, False),
    "an undefined type": (("type",), ["VerifiableCredential", "Thing"], False),
    "a type that is no text": (("type",), ["VerifiableCredential", 5], True),
    "a relative identifier": (("credentialSubject", "id"), "ada", True),
    "an identifier that is a blank node": (("credentialSubject", "id"), "_:b0", True),
    "an identifier that is a list": (("credentialSubject", "id"), ["did:example:x"], True),
    "a relative link": (("issuer",), "issuer", True),
    "a nested context": (("credentialSubject", "@context"), {"@vocab": "x:"}, True),
    "a reversed property": (("credentialSubject", "@reverse"), {}, True),
    "a nested graph": (("credentialSubject", "@graph"), [], True),
    "a value object with more": (("name", "title"), "x", True),
    "a value object of an object": (("name", "@value"), {"a": 1}, True),
    "a compact name": (("credentialSubject", "schema:x y"), 1, True),
}


@clause("WC-03", "WC-04", "WC-05")
@pytest.mark.parametrize("name", DEEP_REFUSED)
def test_a_term_without_a_meaning_is_refused_wherever_it_stands(name):
    path, value, with_vocabulary = DEEP_REFUSED[name]
    document = changed(GOOD, path, value)
    if not with_vocabulary:
        document["@context"] = [CREDENTIALS]
    with pytest.raises(MalformedError):
        CONTEXTS.check(document, what="it")


@clause("WC-03")
def test_a_context_of_a_type_ends_with_its_object():
    document = changed(GOOD, ("credentialSubject",), {"type": "BitstringStatusList", "ttl": 5})
    document["@context"] = [CREDENTIALS]
    del document["credentialSchema"]
    document["type"] = ["VerifiableCredential"]
    CONTEXTS.check(document, what="it")
    inside = changed(document, ("credentialSubject", "encodedList"), {"ttl": 5})
    with pytest.raises(MalformedError, match="'ttl'"):
        CONTEXTS.check(inside, what="it")


@clause("WC-01")
def test_a_context_is_found_in_the_table_or_not_at_all():
    with pytest.raises(MalformedError, match="not one that is known") as refused:
        Contexts({}).document(CREDENTIALS)
    assert "never fetched" in refused.value.hint


@clause("WC-03")
def test_a_term_with_a_name_of_its_own_is_taken_below_the_top():
    document = changed(GOOD, ("credentialSubject", "https://terms.example/rank"), 1)
    CONTEXTS.check(document, what="it")
    json.dumps(document)
