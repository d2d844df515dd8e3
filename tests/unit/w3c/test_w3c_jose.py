"""`vc+jwt` and `vp+jwt`, and credentials in envelopes."""

from __future__ import annotations

import pytest

from tests.support.clauses import clause
from tests.support.w3c import CONTEXTS, HOLDER, key_of
from weid.crypto.jws import create_jws
from weid.crypto.keys import KeyKind
from weid.encoding import json_dumps
from weid.errors import InvalidSignatureError, MalformedError, UnsupportedAlgorithmError
from weid.w3c.data_model import W3cCredential
from weid.w3c.jose import create_jose, in_envelope, open_envelope, parse_jose
from weid.w3c.secured import read_credential, read_presentation
from weid.w3c.vocabulary import CREDENTIALS

CREDENTIAL = {
    "@context": [CREDENTIALS],
    "id": "urn:uuid:1",
    "type": ["VerifiableCredential"],
    "issuer": HOLDER.did,
    "credentialSubject": {"id": "did:example:ada", "name": "Ada"},
}


def signed(*, header=None, payload=None, key=HOLDER):
    full = {"typ": "vc+jwt", "cty": "vc", "kid": key.key_id, **(header or {})}
    full = {name: value for name, value in full.items() if value is not None}
    return create_jws(full, json_dumps({**CREDENTIAL, **(payload or {})}), key.signer)


@clause("WC-20", "WC-24")
@pytest.mark.parametrize("key", [HOLDER, key_of(8, KeyKind.P256)], ids=["EdDSA", "ES256"])
def test_what_is_made_is_verified(key):
    text = create_jose(CREDENTIAL, typ="vc+jwt", key_id=key.key_id, signer=key.signer)
    secured = read_credential(text, CONTEXTS)
    assert secured.document == CREDENTIAL
    (signature,) = secured.signatures
    signature.verify(key.signer.public_key)
    assert (signature.key_id, signature.purpose) == (key.key_id, None)
    with pytest.raises(InvalidSignatureError):
        signature.verify(key_of(66).signer.public_key)


@clause("WC-22")
def test_registered_claims_beside_the_document_are_not_part_of_it():
    beside = {
        "iss": HOLDER.did, "sub": "did:example:ada", "jti": "urn:uuid:1", "iat": 5, "nbf": 6,
        "exp": 7, "aud": ["https://v.example"], "nonce": "n",
    }  # fmt: skip
    found = parse_jose(signed(payload=beside), typ="vc+jwt")
    assert found.document == CREDENTIAL
    assert (found.issued_at, found.not_before, found.expires_at) == (5, 6, 7)
    assert (found.audiences, found.nonce) == (("https://v.example",), "n")
    W3cCredential.parse(found.document, CONTEXTS)


@clause("WC-22")
def test_iat_may_be_written_as_a_time():
    assert parse_jose(signed(payload={"iat": "1970-01-01T00:00:09Z"}), typ="vc+jwt").issued_at == 9


REFUSED = {
    "another typ": signed(header={"typ": "JWT"}),
    "a presentation's typ": signed(header={"typ": "vp+jwt", "cty": "vp"}),
    "another cty": signed(header={"cty": "vp"}),
    "a vc claim": signed(payload={"vc": {}}),
    "a vp claim": signed(payload={"vp": None}),
    "another issuer": signed(payload={"iss": "did:example:other"}),
    "another subject": signed(payload={"sub": "did:example:eve"}),
    "another id": signed(payload={"jti": "urn:uuid:2"}),
    "an end that is text": signed(payload={"exp": "2026-01-01T00:00:00Z"}),
    "a beginning that is a fraction": signed(payload={"nbf": 1.5}),
    "a date below zero": signed(payload={"iat": -1}),
    "a date that is truth": signed(payload={"exp": True}),
    "a date in words": signed(payload={"iat": "yesterday"}),
}


@clause("WC-20", "WC-21", "WC-22")
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_a_vc_jwt_is_refused(name):
    with pytest.raises(MalformedError):
        parse_jose(REFUSED[name], typ="vc+jwt")


@clause("WC-20")
def test_other_algorithms_are_refused():
    head, body, tail = signed().split(".")
    for alg in ("none", "ES384", "RS256", "HS256"):
        from weid.encoding import base64url_encode

        changed = base64url_encode(json_dumps({"alg": alg, "typ": "vc+jwt"}))
        with pytest.raises(UnsupportedAlgorithmError):
            parse_jose(f"{changed}.{body}.{tail}", typ="vc+jwt")
    assert head


@clause("WC-22")
def test_what_would_be_read_as_a_jwt_claim_is_not_signed():
    with pytest.raises(MalformedError, match="lie apart"):
        create_jose(
            {**CREDENTIAL, "sub": "x"}, typ="vc+jwt", key_id=HOLDER.key_id, signer=HOLDER.signer
        )
    with pytest.raises(MalformedError, match="lie apart"):
        create_jose(
            CREDENTIAL, typ="vc+jwt", key_id=HOLDER.key_id, signer=HOLDER.signer,
            claims={"admin": True},
        )  # fmt: skip


@clause("WC-23")
def test_an_envelope_is_opened():
    text = signed()
    envelope = in_envelope(text)
    assert open_envelope(envelope) == text
    assert read_credential(envelope, CONTEXTS).document == CREDENTIAL
    assert read_credential(json_dumps(envelope).decode(), CONTEXTS).document == CREDENTIAL
    assert open_envelope({**envelope, "@context": CREDENTIALS}) == text


@clause("WC-23")
@pytest.mark.parametrize(
    "change",
    [
        {"id": "data:application/vc+sd-jwt,eyJ"},
        {"id": "data:application/vc+jwt;base64,eyJ"},
        {"id": "https://credentials.example/1"},
        {"id": 5},
        {"name": "Diploma"},
        {"@context": ["https://evil.example/context"]},
    ],
)
def test_another_envelope_is_refused(change):
    with pytest.raises(MalformedError):
        read_credential({**in_envelope(signed()), **change}, CONTEXTS)


@clause("WC-23")
def test_a_presentation_comes_in_an_envelope_too():
    document = {"@context": [CREDENTIALS], "type": ["VerifiablePresentation"], "holder": HOLDER.did}
    text = create_jose(document, typ="vp+jwt", key_id=HOLDER.key_id, signer=HOLDER.signer)
    envelope = {
        "@context": CREDENTIALS,
        "type": "EnvelopedVerifiablePresentation",
        "id": f"data:application/vp+jwt,{text}",
    }
    assert read_presentation(envelope, CONTEXTS).document == document
    with pytest.raises(MalformedError):
        read_presentation({**envelope, "id": f"data:application/vc+jwt,{signed()}"}, CONTEXTS)
    with pytest.raises(MalformedError):
        read_presentation(in_envelope(signed()), CONTEXTS)


@clause("WC-20")
def test_a_presentation_is_not_a_credential():
    with pytest.raises(MalformedError):
        read_presentation(signed(), CONTEXTS)
    with pytest.raises(MalformedError, match="ASCII"):
        read_credential("é.é.é", CONTEXTS)
