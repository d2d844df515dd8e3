"""Encrypted requests and responses."""

from __future__ import annotations

import json

import pytest
from jwcrypto import jwe, jwk

from tests.support.clauses import clause
from tests.unit.openid4vci.issuing import Setting
from tests.unit.openid4vci.test_batch import SIGNERS, batch, texts
from tests.unit.openid4vci.test_endpoints import body, error, proof_of, token_of
from weid.crypto.jwe import decrypt_jwe, encrypt_jwe
from weid.crypto.keys import KeyKind, PrivateKey
from weid.encoding import base64url_decode, base64url_encode, json_dumps
from weid.errors import MalformedError, UnsupportedAlgorithmError
from weid.oauth.reply import EndpointRequest, Reply
from weid.openid4vci.issuance_policy import IssuancePolicy
from weid.openid4vci.redemption import Pending

WALLET = PrivateKey.from_seed(b"\x51" * 32, KeyKind.P256)
WALLET_JWK = {**WALLET.public.to_jwk(), "kid": "w-1", "alg": "ECDH-ES", "use": "enc"}
WANTED = {"jwk": WALLET_JWK, "enc": "A256GCM"}


def issuer_key(setting: Setting) -> dict:
    (key,) = body(setting.endpoints.metadata())["credential_request_encryption"]["jwks"]["keys"]
    return key


def seal(setting: Setting, request: EndpointRequest, **header: object) -> EndpointRequest:
    """The same request as a wallet with another library encrypts it."""
    key = issuer_key(setting)
    members = {"alg": "ECDH-ES", "enc": "A128GCM", "kid": key["kid"], **header}
    kept = {name: value for name, value in members.items() if value is not None}
    token = jwe.JWE(request.body, protected=json.dumps(kept), algs=None)
    token.allowed_algs = [*token.allowed_algs, "A128CBC-HS256"]
    token.add_recipient(jwk.JWK(**{n: key[n] for n in ("kty", "crv", "x", "y")}))
    headers = {**request.headers, "Content-Type": "application/jwt"}
    return EndpointRequest(body=token.serialize(compact=True).encode(), headers=headers)


def opened(reply: Reply, key: PrivateKey = WALLET) -> dict:
    assert reply.headers["Content-Type"] == "application/jwt"
    token = jwe.JWE()
    token.deserialize(reply.body.decode(), jwk.JWK(**key.to_private_jwk()))
    return json.loads(token.payload)


def header_of(reply: Reply) -> dict:
    return json.loads(base64url_decode(reply.body.decode().split(".")[0], what="it"))


@clause("IP-60", "IP-61")
@pytest.mark.parametrize("enc", ["A128GCM", "A256GCM"])
def test_a_response_is_encrypted_to_the_wallets_key_when_it_wants_that(enc):
    setting = Setting()
    token = token_of(setting)
    plain = batch(
        setting, token, SIGNERS[:2], credential_response_encryption={**WANTED, "enc": enc}
    )
    reply = setting.endpoints.credential(seal(setting, plain))
    assert reply.status == 200
    header = header_of(reply)
    assert (header["alg"], header["enc"], header["kid"]) == ("ECDH-ES", enc, "w-1")
    assert "zip" not in header
    assert len(opened(reply)["credentials"]) == 2
    assert reply.headers["Cache-Control"] == "no-store"
    # The same keys without encryption get the same credentials.
    again = setting.endpoints.credential(batch(setting, token, SIGNERS[:2]))
    assert texts(again) == [each["credential"] for each in opened(reply)["credentials"]]


@clause("IP-61")
def test_an_encrypted_request_alone_gets_a_plain_response():
    setting = Setting()
    request = seal(setting, batch(setting, token_of(setting), SIGNERS[:1]), enc="A256GCM")
    assert len(texts(setting.endpoints.credential(request))) == 1


@clause("IP-60")
def test_what_is_awaited_is_encrypted_too_and_each_request_says_how():
    setting = Setting()
    setting.office.pending = Pending(30)
    token = token_of(setting)
    plain = batch(setting, token, SIGNERS[:1], credential_response_encryption=WANTED)
    first = setting.endpoints.credential(seal(setting, plain))
    assert first.status == 202
    members = {"transaction_id": opened(first)["transaction_id"]}
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    again = EndpointRequest(body=json_dumps(members), headers=headers)
    assert body(setting.endpoints.deferred_credential(again))["interval"] == 30
    setting.office.pending = None
    other = PrivateKey.from_seed(b"\x52" * 32, KeyKind.P256)
    wanted = {"jwk": {**other.public.to_jwk(), "alg": "ECDH-ES"}, "enc": "A128GCM"}
    asked = json_dumps({**members, "credential_response_encryption": wanted})
    given = setting.endpoints.deferred_credential(
        seal(setting, EndpointRequest(body=asked, headers=headers))
    )
    assert given.status == 200
    assert "kid" not in header_of(given)
    assert len(opened(given, other)["credentials"]) == 1


def wanting(**changes: object) -> dict:
    value = {**WANTED, **changes}
    return {name: member for name, member in value.items() if member is not None}


def key_with(**changes: object) -> dict:
    value = {**WALLET_JWK, **changes}
    return wanting(jwk={name: member for name, member in value.items() if member is not None})


X25519 = {"kty": "OKP", "crv": "X25519", "x": base64url_encode(b"\x09" + bytes(31))}
BAD_WISHES = {
    "another enc": wanting(enc="A128CBC-HS256"),
    "no enc": wanting(enc=None),
    "an enc that is a list": wanting(enc=["A128GCM"]),
    "no key": wanting(jwk=None),
    "a key that is text": wanting(jwk="key"),
    "no alg": key_with(alg=None),
    "RSA": key_with(alg="RSA-OAEP-256"),
    "key wrapping": key_with(alg="ECDH-ES+A256KW"),
    "a signing key": key_with(use="sig"),
    "a private key": key_with(d=base64url_encode(bytes(32))),
    "a point off the curve": key_with(y=WALLET_JWK["x"]),
    "another curve": key_with(crv="P-384"),
    "X25519": wanting(jwk={**X25519, "alg": "ECDH-ES"}),
    "a kid that is a number": key_with(kid=1),
    "an endless kid": key_with(kid="k" * 600),
    "zip": wanting(zip="DEF"),
    "text": "yes",
}


@clause("IP-60", "IP-62", "IP-63")
@pytest.mark.parametrize("wish", BAD_WISHES.values(), ids=BAD_WISHES)
def test_a_wish_that_cannot_be_met_is_refused_in_plain(wish):
    setting = Setting()
    token = token_of(setting)
    plain = batch(setting, token, SIGNERS[:1], credential_response_encryption=wish)
    reply = setting.endpoints.credential(seal(setting, plain))
    assert error(reply) == (400, "invalid_encryption_parameters")
    assert reply.headers["Content-Type"] == "application/json"
    assert setting.office.calls == []


@clause("IP-61")
def test_a_wish_for_encryption_need_not_be_encrypted_unless_the_operator_says_so():
    """Section 8.2 says that it must, and wallets are known that do not; they get their wish."""
    setting = Setting()
    token = token_of(setting)
    plain = batch(setting, token, SIGNERS[:1], credential_response_encryption=WANTED)
    assert len(opened(setting.endpoints.credential(plain))["credentials"]) == 1
    strict = Setting(issuance=IssuancePolicy(encryption_required=True))
    plain = batch(strict, token_of(strict), SIGNERS[:1], credential_response_encryption=WANTED)
    reply = strict.endpoints.credential(plain)
    assert error(reply) == (400, "invalid_encryption_parameters")
    assert strict.office.calls == []


@clause("IP-63")
def test_a_refusal_is_never_encrypted():
    setting = Setting()
    token = token_of(setting)
    plain = batch(
        setting,
        token,
        SIGNERS[:1],
        credential_response_encryption=WANTED,
        credential_configuration_id="passport",
    )
    reply = setting.endpoints.credential(seal(setting, plain))
    assert error(reply) == (400, "unknown_credential_configuration")
    assert reply.headers["Content-Type"] == "application/json"


def cut(request: EndpointRequest) -> EndpointRequest:
    return EndpointRequest(body=request.body[:-6] + b"AAAAAA", headers=request.headers)


def with_body(request: EndpointRequest, data: bytes) -> EndpointRequest:
    return EndpointRequest(body=data, headers=request.headers)


BAD_REQUESTS = {
    "another enc": lambda s, r: seal(s, r, enc="A128CBC-HS256"),
    "compressed": lambda s, r: seal(s, r, zip="DEF"),
    "for another key": lambda s, r: seal(s, r, kid="other"),
    "for no key": lambda s, r: seal(s, r, kid=None),
    "apu that is long": lambda s, r: seal(s, r, apu=base64url_encode(bytes(2000))),
    "a changed tag": lambda s, r: cut(seal(s, r)),
    "not a JWE": lambda s, r: with_body(seal(s, r), b"x.y.z"),
    "not text": lambda s, r: with_body(seal(s, r), b"\xff\xfe"),
    "too large": lambda s, r: with_body(seal(s, r), b"A" * 70_000),
}


@clause("IP-61", "IP-62")
@pytest.mark.parametrize("change", BAD_REQUESTS.values(), ids=BAD_REQUESTS)
def test_an_encrypted_request_is_read_strictly(change):
    setting = Setting()
    token = token_of(setting)
    reply = setting.endpoints.credential(change(setting, batch(setting, token, SIGNERS[:1])))
    assert error(reply) == (400, "invalid_encryption_parameters")
    assert setting.office.calls == []


@clause("IP-62")
def test_a_header_with_crit_or_without_an_ephemeral_key_is_not_taken():
    key = PrivateKey.from_seed(b"\x53" * 32, KeyKind.P256)
    text = encrypt_jwe(b"{}", key.public, enc="A128GCM", kid="k")
    assert decrypt_jwe(text, key, kid="k", what="it", max_bytes=1000) == b"{}"
    head, rest = text.split(".", 1)
    members = json.loads(base64url_decode(head, what="it"))
    for changed in (
        {**members, "crit": ["exp"]},
        {**members, "epk": None},
        {**members, "epk": X25519},
        {**members, "epk": {**members["epk"], "x": members["epk"]["y"]}},
        {**members, "apv": 1},
        {**members, "alg": "dir"},
        {**members, "kid": "K"},
    ):
        bad = base64url_encode(json_dumps(changed)) + "." + rest
        with pytest.raises((MalformedError, UnsupportedAlgorithmError)):
            decrypt_jwe(bad, key, kid="k", what="it", max_bytes=1000)
    with pytest.raises(MalformedError, match="larger"):
        decrypt_jwe(text, key, kid="k", what="it", max_bytes=len(text) - 1)
    with pytest.raises(UnsupportedAlgorithmError):
        encrypt_jwe(b"{}", key.public, enc="A192GCM")


@clause("IP-60", "IP-61", "IP-64")
def test_the_metadata_says_what_is_taken_and_every_process_has_the_same_key():
    one, other = (Setting(nonce_secret=b"\x01" * 32) for _ in range(2))
    metadata = body(one.endpoints.metadata())
    assert metadata["credential_response_encryption"] == {
        "alg_values_supported": ["ECDH-ES"],
        "enc_values_supported": ["A128GCM", "A256GCM"],
        "encryption_required": False,
    }
    taken = metadata["credential_request_encryption"]
    assert set(taken) == {"jwks", "enc_values_supported", "encryption_required"}
    key = issuer_key(one)
    assert (key["alg"], key["use"], key["crv"]) == ("ECDH-ES", "enc", "P-256")
    assert "d" not in key
    assert issuer_key(other) == key
    assert issuer_key(Setting(nonce_secret=b"\x02" * 32))["kid"] != key["kid"]


@clause("IP-60", "IP-61")
def test_where_encryption_is_required_nothing_else_passes():
    setting = Setting(issuance=IssuancePolicy(encryption_required=True))
    metadata = body(setting.endpoints.metadata())
    assert metadata["credential_response_encryption"]["encryption_required"] is True
    token = token_of(setting)
    plain = batch(setting, token, SIGNERS[:1])
    assert error(setting.endpoints.credential(plain)) == (400, "invalid_encryption_parameters")
    half = setting.endpoints.credential(seal(setting, plain))
    assert error(half) == (400, "invalid_encryption_parameters")
    whole = batch(setting, token, SIGNERS[:1], credential_response_encryption=WANTED)
    assert setting.endpoints.credential(seal(setting, whole)).status == 200


@clause("I8", "IP-61")
def test_a_proof_inside_an_encrypted_request_is_judged_as_ever():
    setting = Setting()
    token = token_of(setting)
    foreign = proof_of(setting, audience="https://other.gov.example")
    plain = batch(setting, token, SIGNERS[:1], proofs={"jwt": [foreign]})
    reply = setting.endpoints.credential(seal(setting, plain))
    assert error(reply) == (400, "invalid_proof")
