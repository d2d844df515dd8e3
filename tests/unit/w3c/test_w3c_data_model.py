"""The structure that VCDM 2.0 demands."""

from __future__ import annotations

from itertools import permutations

import pytest

from tests.support.clauses import clause
from tests.support.w3c import CONTEXTS, SUITE_TABLE
from weid.errors import MalformedError
from weid.w3c.data_model import W3cCredential, W3cPresentation
from weid.w3c.times import parse_stamp
from weid.w3c.vocabulary import CREDENTIALS, EXAMPLES

CREDENTIAL = {
    "@context": [CREDENTIALS, EXAMPLES],
    "id": "http://university.example/credentials/1872",
    "type": ["VerifiableCredential", "ExampleAlumniCredential"],
    "issuer": "https://university.example/issuers/565049",
    "validFrom": "2010-01-01T19:23:24Z",
    "validUntil": "2030-01-01T19:23:24+02:00",
    "credentialSubject": {"id": "did:example:ebf", "alumniOf": {"name": "Example University"}},
}
PRESENTATION = {
    "@context": [CREDENTIALS],
    "type": "VerifiablePresentation",
    "holder": {"id": "did:example:ada"},
    "verifiableCredential": CREDENTIAL,
}


@clause("WC-06", "WC-07")
def test_a_credential_is_read():
    found = W3cCredential.parse(CREDENTIAL, SUITE_TABLE)
    assert found.issuer == "https://university.example/issuers/565049"
    assert (found.valid_from, found.valid_until) == (1262373804, 1893518604)
    assert found.vct == "ExampleAlumniCredential"
    assert found.subject_id == "did:example:ebf"
    assert found.claims() == {"alumniOf": {"name": "Example University"}}
    assert found.vct_integrity is None


@clause("WC-06")
def test_a_schema_names_what_a_credential_is_of():
    schema = {"id": "urn:x:1", "type": "JsonSchema", "digestSRI": "sha256-AA=="}
    found = W3cCredential.parse({**CREDENTIAL, "credentialSchema": [schema]}, SUITE_TABLE)
    assert (found.vct, found.vct_integrity) == ("urn:x:1", "sha256-AA==")


@clause("WC-06")
def test_a_schema_whose_type_stands_in_a_list_is_the_same():
    schema = {"id": "urn:x:1", "type": ["JsonSchema"]}
    found = W3cCredential.parse({**CREDENTIAL, "credentialSchema": schema}, SUITE_TABLE)
    assert found.vct == "urn:x:1"


DIPLOMA, LICENCE = "urn:weid:test:cpt:diploma:1", "urn:weid:test:cpt:licence:1"


@clause("WC-06")
@pytest.mark.parametrize(
    ("types", "vct"),
    [
        ([], "VerifiableCredential"),
        (["A"], "A"),
        (["A", "B"], "A B"),
        (["A", DIPLOMA, "B"], DIPLOMA),
        ([DIPLOMA, LICENCE], f"{DIPLOMA} {LICENCE}"),
    ],
)
def test_the_order_of_types_decides_nothing(types, vct):
    found = {
        W3cCredential.parse({**CREDENTIAL, "type": list(order)}, SUITE_TABLE).vct
        for order in permutations(["VerifiableCredential", *types])
    }
    assert found == {vct}


@clause("WC-06")
def test_several_subjects_have_no_claims_in_common():
    found = W3cCredential.parse(
        {**CREDENTIAL, "credentialSubject": [{"id": "did:example:a"}, {"alumniOf": "x"}]},
        SUITE_TABLE,
    )
    assert found.subject_id is None
    with pytest.raises(MalformedError, match="several subjects"):
        found.claims()


NONE = object()
REFUSED = {
    "no type": {"type": NONE},
    "another type": {"type": ["ExampleAlumniCredential"]},
    "an empty type": {"type": []},
    "a type twice": {"type": ["VerifiableCredential", "VerifiableCredential"]},
    "a type that is a number": {"type": 5},
    "an id that is no URL": {"id": "1872"},
    "two ids": {"id": ["http://a.example/1", "http://a.example/2"]},
    "an id that is nothing": {"id": None},
    "no issuer": {"issuer": NONE},
    "an issuer that is no URL": {"issuer": "university"},
    "an issuer without id": {"issuer": {"name": "University"}},
    "two issuers": {"issuer": ["https://a.example/", "https://b.example/"]},
    "no subject": {"credentialSubject": NONE},
    "an empty subject": {"credentialSubject": {}},
    "no subject in the list": {"credentialSubject": []},
    "a subject that is text": {"credentialSubject": "did:example:ebf"},
    "a subject whose id is no URL": {"credentialSubject": {"id": "ada"}},
    "a date without time": {"validFrom": "2010-01-01"},
    "a time without offset": {"validFrom": "2010-01-01T19:23:24"},
    "a time that is a number": {"validFrom": 1262373804},
    "a time of no calendar": {"validFrom": "2010-02-30T19:23:24Z"},
    "an end before the beginning": {"validUntil": "2009-01-01T00:00:00Z"},
    "a status without type": {"credentialStatus": {"id": "https://a.example/1"}},
    "a status that is text": {"credentialStatus": "https://a.example/1"},
    "a status whose id is no URL": {
        "credentialStatus": {"id": "x", "type": "BitstringStatusListEntry"}
    },
    "a schema without id": {"credentialSchema": {"type": "JsonSchema"}},
    "a schema without type": {"credentialSchema": {"id": "https://a.example/1"}},
    "a schema whose digest is a number": {
        "credentialSchema": {"id": "https://a.example/1", "type": "JsonSchema", "digestSRI": 5}
    },
    "evidence without type": {"evidence": [{"id": "https://a.example/1"}]},
    "terms without type": {"termsOfUse": {"id": "https://a.example/1"}},
    "a refresh service without type": {"refreshService": {"id": "https://a.example/1"}},
    "a resource without digest": {"relatedResource": {"id": "https://a.example/1"}},
    "a resource twice": {
        "relatedResource": [{"id": "https://a.example/1", "digestSRI": "sha256-AA=="}] * 2
    },
    "a name that is a number": {"name": 5},
    "a name in no form": {"name": {"value": "x"}},
    "a description of a number": {"description": {"@value": 5}},
    "seventeen subjects": {"credentialSubject": [{"alumniOf": "x"}] * 17},
}


@clause("WC-06", "WC-07", "WC-08")
@pytest.mark.parametrize("name", REFUSED)
def test_a_credential_that_lacks_what_it_must_have_is_refused(name):
    document = {**CREDENTIAL, **REFUSED[name]}
    document = {member: value for member, value in document.items() if value is not NONE}
    with pytest.raises(MalformedError):
        W3cCredential.parse(document, SUITE_TABLE)


@clause("WC-09")
def test_a_presentation_is_read():
    found = W3cPresentation.parse(PRESENTATION, CONTEXTS)
    assert found.holder == "did:example:ada"
    assert found.credentials == (CREDENTIAL,)
    bare = {name: PRESENTATION[name] for name in ("@context", "type")}
    assert W3cPresentation.parse(bare, CONTEXTS).credentials == ()


VP_REFUSED = {
    "another type": {"type": "VerifiableCredential"},
    "a credential that is text": {"verifiableCredential": "eyJ"},
    "a credential without context": {"verifiableCredential": {"id": "data:,x"}},
    "a list within the list": {"verifiableCredential": [[CREDENTIAL]]},
    "a holder that is no URL": {"holder": "ada"},
    "a holder without id": {"holder": {"name": "Ada"}},
    "a term without a meaning": {"admin": True},
    "terms of use without type": {"termsOfUse": {"id": "https://a.example/1"}},
    "an id that is no URL": {"id": "1"},
    "seventeen credentials": {"verifiableCredential": [CREDENTIAL] * 17},
}


@clause("WC-09")
@pytest.mark.parametrize("name", VP_REFUSED)
def test_a_presentation_that_lacks_what_it_must_have_is_refused(name):
    with pytest.raises(MalformedError):
        W3cPresentation.parse({**PRESENTATION, **VP_REFUSED[name]}, CONTEXTS)


@clause("WC-07")
@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.999Z", 0),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T10:00:00-14:00", 0),
        ("9999-12-31T23:59:59Z", 253402300799),
    ],
)
def test_a_time_has_its_offset(text, seconds):
    assert parse_stamp(text, what="it") == seconds


@clause("WC-07")
@pytest.mark.parametrize(
    "text",
    [
        "1970-01-01T00:00:00", "1970-01-01t00:00:00z", "1970-01-01T24:00:00Z",
        "1970-01-01T00:00:00+15:00", "1970-01-01T00:00:00+14:01", "1970-01-01T00:00:00+01:60",
        "0000-01-01T00:00:00Z", "1970-01-01T00:00:00.Z", " 1970-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z\n", "\u0661970-01-01T00:00:00Z", 0, None, [],
        "1970-01-01T00:00:00.0000000000000Z",
    ],
)  # fmt: skip
def test_another_spelling_of_a_time_is_refused(text):
    with pytest.raises(MalformedError):
        parse_stamp(text, what="it")
