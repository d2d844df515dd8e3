"""Encrypted answers: what a wallet makes of the verifier's key, and what the verifier takes."""

from __future__ import annotations

import json

import pytest
from jwcrypto import jwe, jwk

from tests.support.clauses import clause
from tests.support.world import seeded
from weid.crypto.keys import KeyKind, PrivateKey
from weid.encoding import JsonObject, JsonValue, base64url_decode, base64url_encode, json_dumps
from weid.errors import MalformedError, ProtocolError
from weid.openid4vp.dcql import CredentialQuery, DcqlQuery
from weid.openid4vp.encryption import (
    JWE_BYTES,
    decrypt_request_object,
    decrypt_response,
    encrypt,
    encrypt_response,
    key_id,
)
from weid.openid4vp.posted import form_of, parse_posted
from weid.openid4vp.request import PresentationRequest
from weid.openid4vp.response import ErrorResponse, PresentationResponse
from weid.verification.client_metadata import ResponseEncryption, parse_encryption

KEY = PrivateKey.from_seed(b"\x21" * 32, KeyKind.P256)
OTHER = PrivateKey.from_seed(b"\x22" * 32, KeyKind.P256)
TO = ResponseEncryption(KEY.public, key_id(KEY.public))
KID = TO.kid or ""
MEMBERS: JsonObject = {"vp_token": {"diploma": ["a~b"]}, "state": "s"}
REQUEST = PresentationRequest(
    audience="redirect_uri:https://v.example/r",
    nonce="n",
    query=DcqlQuery((CredentialQuery("diploma", ("t",)),)),
    response_uri="https://v.example/r",
    state="s",
    encryption=TO,
)
ANSWER = PresentationResponse({"diploma": ("a~b",)}, "s")


def token(
    header: dict[str, JsonValue] | None = None,
    payload: bytes = json_dumps(MEMBERS),
    *,
    key: PrivateKey = KEY,
    algs: tuple[str, ...] = (),
) -> str:
    """Return a JWE made by the library itself, with a header of one's own."""
    full = {"alg": "ECDH-ES", "enc": "A128GCM", "kid": KID, **(header or {})}
    full = {name: value for name, value in full.items() if value is not None}
    made = jwe.JWE(payload, protected=json.dumps(full), algs=[full["alg"], full["enc"], *algs])
    made.add_recipient(jwk.JWK(**key.public.to_jwk()))
    return made.serialize(compact=True)


def reheaded(**members: JsonValue) -> str:
    head, *rest = token().split(".")
    header = {**json.loads(base64url_decode(head, what="it")), **members}
    header = {name: value for name, value in header.items() if value is not None}
    return ".".join([base64url_encode(json_dumps(header)), *rest])


@clause("PP-42", "PP-44", "PP-45")
@pytest.mark.parametrize("enc", ["A128GCM", "A256GCM"])
def test_an_answer_survives_encryption(enc: str):
    assert decrypt_response(encrypt(json_dumps(MEMBERS), TO, enc=enc), KEY, kid=KID) == MEMBERS
    assert decrypt_response(token({"enc": enc}), KEY, kid=KID) == MEMBERS


@clause("PP-45")
def test_the_example_of_the_specification_is_decrypted():
    """The example of OpenID4VP 1.0 section 8.3, with the key that is printed beside it."""
    key = PrivateKey.from_jwk(
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "YO4epjifD-KWeq1sL2tNmm36BhXnkJ0He-WqMYrp9Fk",
            "y": "Hekpm0zfK7C-YccH5iBjcIXgf6YdUvNUac_0At55Okk",
            "d": "Et-3ce0omz8_TuZ96Df9lp0GAaaDoUnDe6X-CRO7Aww",
        }
    )
    text = (
        "eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTEyOEdDTSIsImtpZCI6ImFjIiwiZXBrIjp7Imt0eSI6IkVDIiwieCI6"
        "Im5ubVZwbTNWM2piaGNhZlFhUkJrU1ZOSGx3Wkh3dC05ck9wSnVmeVlJdWsiLCJ5IjoicjRmakRxd0p5czlxVU9Q"
        "LV9iM21SNVNaRy0tQ3dPMm1pYzVWU05UWU45ZyIsImNydiI6IlAtMjU2In19..uAYcHRUSSn2X0WPX.yVzlGSYG4"
        "qbg0bq18JcUiDRw56yVnbKR8E7S7YlEtzT00RqE3Pw5oTpUG3hdLN4taHZ9gC1kwak8JOnJgQ"
        ".1wR024_3-qtAlx1oFIUpQQ"
    )
    answer = {"vp_token": {"example_credential_id": ["eyJhb...YMetA"]}}
    assert decrypt_response(text, key, kid="ac") == answer


@clause("PP-45")
def test_apu_and_apv_of_a_wallet_are_taken():
    for value in ("d2FsbGV0", base64url_encode(b"n" * 700)):
        assert decrypt_response(token({"apu": value, "apv": value}), KEY, kid=KID) == MEMBERS


PARTS = token().split(".")
REFUSED: dict[str, str] = {
    "nothing": "",
    "a text": "hello",
    "a JWS": "a.b.c",
    "four segments": ".".join(PARTS[:4]),
    "six segments": ".".join([*PARTS, "AA"]),
    "an encrypted key": ".".join([PARTS[0], "AA", *PARTS[2:]]),
    "no tag": ".".join([*PARTS[:4], ""]),
    "a changed tag": ".".join([*PARTS[:4], base64url_encode(bytes(16))]),
    "a changed text": ".".join([*PARTS[:3], base64url_encode(b"x" * 30), PARTS[4]]),
    "a changed header": reheaded(apu="AAAA"),
    "not base64url": ".".join([*PARTS[:3], "a+b=", PARTS[4]]),
    "a header that is no object": ".".join([base64url_encode(b"[]"), *PARTS[1:]]),
    "a member twice": ".".join([base64url_encode(b'{"alg":"ECDH-ES","alg":"dir"}'), *PARTS[1:]]),
    "another alg": reheaded(alg="dir"),
    "a wrapped key": token({"alg": "ECDH-ES+A128KW"}),
    "another enc": token({"enc": "A128CBC-HS256"}),
    "alg as a list": reheaded(alg=["ECDH-ES"]),
    "enc as a list": reheaded(enc=["A128GCM"]),
    "no kid": reheaded(kid=None),
    "another kid": token({"kid": "other"}),
    "compression": token({"zip": "DEF"}),
    "crit": reheaded(crit=["x"]),
    "another key": token(key=OTHER),
    "no epk": reheaded(epk=None),
    "an epk off the curve": reheaded(
        epk={"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}
    ),
    "an epk of another curve": reheaded(epk=seeded(1).public.to_jwk()),
    "an epk with its secret": reheaded(epk=OTHER.to_private_jwk()),
    "apu of a number": reheaded(apu=1),
    "apv too long": reheaded(apv="A" * 1028),
    "apv that is no base64url": reheaded(apv="?"),
    "content that is no object": token(payload=b"[]"),
    "content that is no JSON": token(payload=b"\xff\xfe"),
    "too long": "a" * (JWE_BYTES + 1),
}


@clause("PP-45", "V7")
@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_an_encrypted_answer_is_refused_with(text: str):
    with pytest.raises(ProtocolError) as refused:
        decrypt_response(text, KEY, kid=KID)
    assert (refused.value.status, refused.value.code) == (400, "invalid_request")


def fields(form: dict[str, str]) -> dict[str, list[str]]:
    return {name: [value] for name, value in form.items()}


@clause("PP-44", "PP-14", "PP-15")
def test_what_a_wallet_posts_is_read_again():
    form = form_of(ANSWER, REQUEST)
    assert list(form) == ["response"]
    assert parse_posted(fields(form), expected=REQUEST, key=KEY) == ANSWER


def inside(**members: JsonValue) -> dict[str, list[str]]:
    value = {**MEMBERS, **members}
    kept: JsonObject = {name: member for name, member in value.items() if member is not None}
    return {"response": [encrypt_response(kept, TO)]}


POSTED: dict[str, dict[str, list[str]]] = {
    "an answer as it is": fields(ANSWER.to_form()),
    "both": fields({**ANSWER.to_form(), **form_of(ANSWER, REQUEST)}),
    "two responses": {"response": form_of(ANSWER, REQUEST)["response"].split("|") * 2},
    "nothing": {},
    "no state": inside(state=None),
    "another state": inside(state="t"),
    "a state of a number": inside(state=1),
    "vp_token as text": inside(vp_token='{"diploma":["a~b"]}'),
    "no vp_token": inside(vp_token=None),
    "an answer and an error": inside(error="access_denied"),
    "an error of a number": inside(error=1, vp_token=None),
    "a presentation beside an array": inside(vp_token={"diploma": "a~b"}),
    "an array": inside(vp_token=["a~b"]),
}


@clause("PP-44", "V7")
@pytest.mark.parametrize("posted", POSTED.values(), ids=POSTED.keys())
def test_the_verifier_refuses(posted: dict[str, list[str]]):
    with pytest.raises(ProtocolError) as refused:
        parse_posted(posted, expected=REQUEST, key=KEY)
    assert refused.value.status == 400


@clause("PP-47", "PP-16")
def test_an_error_may_come_as_it_is_or_encrypted():
    plain = fields({"error": "access_denied", "state": "s"})
    for posted in (plain, inside(error="access_denied", vp_token=None)):
        answer = parse_posted(posted, expected=REQUEST, key=KEY)
        assert answer == ErrorResponse("access_denied", "s")
    other = parse_posted(fields({"error": "odd.thing", "state": "s"}), expected=REQUEST, key=KEY)
    assert other == ErrorResponse("other", "s")


@clause("PP-44")
def test_an_encrypted_answer_is_refused_where_none_was_asked_for():
    with pytest.raises(ProtocolError, match="no encrypted response"):
        parse_posted(fields({"response": token()}), expected=REQUEST, key=None)


JWK = TO.to_jwk()
X25519 = {"kty": "OKP", "crv": "X25519", "x": "WPX7wnwq10hFNK9aDSyG1QlLswE_CJY14LdhcFUIVVc"}


@clause("PP-43")
def test_a_wallet_takes_the_first_key_that_it_can_use():
    keys: list[JsonValue] = [
        "x",
        {**JWK, "use": "sig"},
        {**JWK, "alg": "ECDH-ES+A256KW"},
        {**X25519, "alg": "ECDH-ES", "kid": "x"},
        {**JWK, "kid": 1},
        {**JWK, "y": "AAAA"},
        {name: value for name, value in JWK.items() if name != "use"},
    ]
    found = parse_encryption({"jwks": {"keys": keys}})
    assert (found.key, found.kid, found.encs) == (KEY.public, KID, ("A128GCM",))
    both: JsonObject = {"encrypted_response_enc_values_supported": ["A256GCM", "x", "A128GCM"]}
    assert parse_encryption({"jwks": {"keys": keys}, **both}).encs == ("A128GCM", "A256GCM")


UNUSABLE: dict[str, JsonObject] = {
    "no keys": {},
    "jwks as text": {"jwks": "x"},
    "keys as text": {"jwks": {"keys": "x"}},
    "no key": {"jwks": {"keys": []}},
    "other encryptions": {
        "jwks": {"keys": [JWK]},
        "encrypted_response_enc_values_supported": ["A128CBC-HS256"],
    },
    "encryptions as text": {
        "jwks": {"keys": [JWK]},
        "encrypted_response_enc_values_supported": "A128GCM",
    },
}


@clause("PP-43")
@pytest.mark.parametrize("metadata", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_without_a_usable_key_the_request_is_refused(metadata: JsonObject):
    value = {**REQUEST.to_json(), "client_metadata": metadata}
    with pytest.raises(MalformedError):
        PresentationRequest.from_json(value)


@clause("PP-41", "PP-42", "PP-43")
def test_a_request_for_an_encrypted_answer_survives():
    value = REQUEST.to_json()
    metadata = value["client_metadata"]
    assert isinstance(metadata, dict)
    assert set(metadata) == {
        "vp_formats_supported",
        "jwks",
        "encrypted_response_enc_values_supported",
    }
    assert metadata["encrypted_response_enc_values_supported"] == ["A128GCM", "A256GCM"]
    assert {"kid": KID, "use": "enc", "alg": "ECDH-ES"}.items() <= JWK.items()
    assert "d" not in JWK
    assert PresentationRequest.from_json(value) == REQUEST
    with pytest.raises(MalformedError, match="not posted"):
        PresentationRequest(audience="a", nonce="n", query=REQUEST.query, encryption=TO)


@clause("PP-46")
def test_a_request_object_survives_encryption():
    assert decrypt_request_object(encrypt(b"a.b.c", TO), KEY) == "a.b.c"
    for text in (encrypt(b"\xff", TO), encrypt(b"a.b.c", TO)[:-2], "x"):
        with pytest.raises(ProtocolError):
            decrypt_request_object(text, KEY)


def test_a_key_without_a_name_is_written_without_one():
    assert "kid" not in ResponseEncryption(KEY.public, None).to_jwk()
