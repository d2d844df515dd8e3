"""Compact JWS: one form, the key fixes the algorithm."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from tests.support.clauses import clause
from weid.crypto.jws import create_jws, parse_jws, verify_jws
from weid.crypto.keys import KeyKind, PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.encoding import base64url_encode
from weid.errors import (
    CryptoError,
    InvalidSignatureError,
    MalformedError,
    UnsupportedAlgorithmError,
    WeidError,
)

SEED = bytes(range(32))
ED = InMemorySigner(PrivateKey.from_seed(SEED))
EC = InMemorySigner(PrivateKey.from_seed(SEED, KeyKind.P256))
SIGNERS = {"EdDSA": ED, "ES256": EC}
HEADER = {"typ": "example+jwt", "kid": "did:example:issuer#1"}


def parse(text: str):
    return parse_jws(text, what="the token", max_bytes=10_000)


def forge(header: object, signer: InMemorySigner = ED, payload: bytes = b"{}") -> str:
    """Sign a header that create_jws would refuse; a text or bytes go in as they are."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    signing_input = f"{base64url_encode(raw)}.{base64url_encode(payload)}"
    return f"{signing_input}.{base64url_encode(signer.sign(signing_input.encode()))}"


@pytest.mark.parametrize("signer", SIGNERS.values(), ids=SIGNERS)
def test_what_is_created_is_parsed_and_verified(signer):
    text = create_jws(HEADER, b'{"claim":1}', signer)
    parsed = parse(text)
    assert parsed.header == {"alg": signer.algorithm, **HEADER}
    assert parsed.payload == b'{"claim":1}'
    assert parsed.text == text
    assert f"{parsed.signing_input.decode()}.{base64url_encode(parsed.signature)}" == text
    verify_jws(parsed, signer.public_key)


@pytest.mark.parametrize("signer", SIGNERS.values(), ids=SIGNERS)
def test_jwcrypto_verifies_ours_and_we_verify_theirs(signer):
    key = JWK.from_json(
        json.dumps(PrivateKey.from_seed(SEED, signer.public_key.kind).to_private_jwk())
    )
    theirs = JWS()
    theirs.deserialize(create_jws(HEADER, b"payload", signer), key, alg=signer.algorithm)
    assert theirs.payload == b"payload"
    made = JWS(b"payload")
    made.add_signature(key, alg=signer.algorithm, protected={"alg": signer.algorithm, "typ": "x"})
    verify_jws(parse(made.serialize(compact=True)), signer.public_key)


@clause("C2")
def test_the_key_fixes_the_algorithm():
    for signer, other in ((ED, EC), (EC, ED)):
        parsed = parse(create_jws(HEADER, b"{}", signer))
        with pytest.raises(InvalidSignatureError):
            verify_jws(parsed, other.public_key)
    swapped = parse(forge({"alg": "ES256", "typ": "x"}, ED))
    for key in (ED.public_key, EC.public_key):
        with pytest.raises(InvalidSignatureError):
            verify_jws(swapped, key)
    with pytest.raises(UnsupportedAlgorithmError):
        verify_jws(swapped, PrivateKey.from_seed(SEED, KeyKind.X25519).public)


ALGORITHMS = ["none", "None", "nOnE", "", "HS256", "RS256", "ES384", "ES256K", "eddsa", "es256",
              "Ed25519", "EdDSA ", None, 1, ["EdDSA"], {"EdDSA": 1}]  # fmt: skip


@clause("C1", "C2")
@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=repr)
def test_every_other_algorithm_is_refused(algorithm):
    with pytest.raises(UnsupportedAlgorithmError):
        parse(forge({"alg": algorithm, "typ": "x"}))


@clause("C1", "C2")
def test_a_missing_algorithm_is_refused():
    with pytest.raises(UnsupportedAlgorithmError):
        parse(forge({"typ": "x"}))


@clause("C3")
def test_keys_in_the_header_are_never_used():
    thief = InMemorySigner(PrivateKey.from_seed(bytes(32)))
    header = {
        "alg": "EdDSA",
        "typ": "x",
        "jwk": thief.public_key.to_jwk(),
        "jku": "https://thief.example/jwks",
        "x5u": "https://thief.example/x5u",
        "x5c": ["AAAA"],
    }
    parsed = parse(forge(header, thief))
    with pytest.raises(InvalidSignatureError):
        verify_jws(parsed, ED.public_key)


@clause("C7")
@pytest.mark.parametrize(
    "more",
    [{"crit": ["exp"]}, {"crit": ["b64"], "b64": False}, {"crit": []}, {"crit": "b64"},
     {"crit": None}, {"b64": False}, {"b64": True}],
    ids=repr,
)  # fmt: skip
def test_crit_and_b64_are_refused_in_every_shape(more):
    with pytest.raises(MalformedError):
        parse(forge({"alg": "EdDSA", "typ": "x", **more}))


@clause("C4", "C12")
@pytest.mark.parametrize(
    "header",
    [{"alg": "EdDSA"}, {"alg": "EdDSA", "typ": None}, {"alg": "EdDSA", "typ": ["x"]},
     {"alg": "EdDSA", "typ": "x", "kid": 1}, {"alg": "EdDSA", "typ": "x", "kid": {}},
     {"alg": "EdDSA", "typ": "x", "kid": ["k"]}, {"alg": "EdDSA", "typ": "x", "kid": None},
     [], "EdDSA", None, 1],
    ids=repr,
)  # fmt: skip
def test_headers_of_another_form_are_refused(header):
    with pytest.raises(MalformedError):
        parse(forge(header))


RAW_HEADERS = {
    "alg twice": b'{"alg":"none","alg":"EdDSA","typ":"x"}',
    "alg twice, hidden by an escape": b'{"\\u0061lg":"none","alg":"EdDSA","typ":"x"}',
    "kid twice": b'{"alg":"EdDSA","typ":"x","kid":"a","kid":"b"}',
    "NaN": b'{"alg":"EdDSA","typ":"x","n":NaN}',
    "byte order mark": b'\xef\xbb\xbf{"alg":"EdDSA","typ":"x"}',
    "UTF-16": '{"alg":"EdDSA","typ":"x"}'.encode("utf-16"),
    "bad UTF-8": b'{"alg":"EdDSA","typ":"\xff"}',
    "lone surrogate": b'{"alg":"EdDSA","typ":"\\ud800"}',
    "something after it": b'{"alg":"EdDSA","typ":"x"}{}',
    "deep": b'{"alg":"EdDSA","typ":"x","n":' + b"[" * 500 + b"]" * 500 + b"}",
}


@clause("C8", "C9")
@pytest.mark.parametrize("raw", RAW_HEADERS.values(), ids=RAW_HEADERS)
def test_headers_that_are_not_strict_json_are_refused(raw):
    with pytest.raises(MalformedError):
        parse(forge(raw))


HEAD, BODY, TAIL = create_jws(HEADER, b'{"claim":1}', ED).split(".")
TEXTS = {
    "nothing": "",
    "one segment": HEAD,
    "two segments": f"{HEAD}.{BODY}",
    "four segments": f"{HEAD}.{BODY}.{TAIL}.{TAIL}",
    "five segments, as JWE": f"{HEAD}.{BODY}.{TAIL}.{TAIL}.{TAIL}",
    "a dot more": f"{HEAD}.{BODY}.{TAIL}.",
    "no payload": f"{HEAD}..{TAIL}",
    "no signature": f"{HEAD}.{BODY}.",
    "no header": f".{BODY}.{TAIL}",
    "padding": f"{HEAD}.{BODY}.{TAIL}==",
    "the other alphabet": f"{HEAD}.{BODY}.+/{TAIL[2:]}",
    "a line end": f"{HEAD}.{BODY}.{TAIL}\n",
    "a blank in front": f" {HEAD}.{BODY}.{TAIL}",
    "stray bits": f"{HEAD}.{BODY}.{TAIL[:-1]}B",
    "full-width letters": f"{HEAD}.{BODY}.\uff21{TAIL[1:]}",
    "JSON serialization": json.dumps({"protected": HEAD, "payload": BODY, "signature": TAIL}),
}


@clause("C10", "C11")
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_texts_of_another_form_are_refused(text):
    with pytest.raises(MalformedError):
        parse(text)


@clause("C25")
def test_the_size_limit_holds_at_the_byte():
    text = create_jws(HEADER, b"{}", ED)
    parse_jws(text, what="the token", max_bytes=len(text))
    with pytest.raises(MalformedError, match="larger"):
        parse_jws(text, what="the token", max_bytes=len(text) - 1)


@clause("R12")
def test_a_signature_of_another_length_does_not_verify():
    for size in (1, 32, 63, 65, 128):
        text = f"{HEAD}.{BODY}.{base64url_encode(bytes(size))}"
        with pytest.raises(InvalidSignatureError):
            verify_jws(parse(text), ED.public_key)


@given(st.integers(0, 10_000), st.sampled_from("ABCDwxyz0189-_.~ ="))
def test_no_changed_character_verifies(place, character):
    text = create_jws(HEADER, b'{"claim":1}', ED)
    place %= len(text)
    changed = text[:place] + character + text[place + 1 :]
    if changed != text:
        with pytest.raises((MalformedError, CryptoError)):
            verify_jws(parse(changed), ED.public_key)


@pytest.mark.parametrize(
    ("header", "payload"),
    [({}, b"{}"), ({"typ": 1}, b"{}"), ({**HEADER, "crit": ["x"]}, b"{}"),
     ({**HEADER, "b64": False}, b"{}"), ({**HEADER, "kid": 1}, b"{}"),
     ({**HEADER, "alg": "ES256"}, b"{}"), ({**HEADER, "alg": "none"}, b"{}"), (HEADER, b"")],
    ids=repr,
)  # fmt: skip
def test_what_we_would_refuse_is_not_created(header, payload):
    with pytest.raises(WeidError):
        create_jws(header, payload, ED)


def test_an_agreement_key_makes_no_signer():
    with pytest.raises(UnsupportedAlgorithmError):
        InMemorySigner(PrivateKey.from_seed(SEED, KeyKind.X25519))
