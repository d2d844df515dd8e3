from __future__ import annotations

import pytest
from nacl import bindings

from tests.support.clauses import clause
from tests.unit.openid4vci.issuing import ISSUER, NOW
from weid.clock import FixedClock
from weid.crypto.jws import create_jws
from weid.crypto.keys import KeyKind, PrivateKey, PublicKey
from weid.crypto.signer import InMemorySigner
from weid.encoding import base64url_encode, json_dumps
from weid.errors import ProtocolError
from weid.openid4vci.proof import TYPE, check_key_proof, create_key_proof

KEY = PrivateKey.from_seed(b"\x21" * 32)
SIGNER = InMemorySigner(KEY)
CLOCK = FixedClock(NOW)
CLAIMS = {"aud": ISSUER, "iat": NOW, "nonce": "n-1"}
HEADER = {"typ": TYPE, "jwk": KEY.public.to_jwk()}


def proof(header: dict[str, object] | None = None, claims: dict[str, object] | None = None) -> str:
    """A signed proof with members changed; None takes one out."""
    full_header = {k: v for k, v in {**HEADER, **(header or {})}.items() if v is not None}
    full_claims = {k: v for k, v in {**CLAIMS, **(claims or {})}.items() if v is not None}
    return create_jws(full_header, json_dumps(full_claims), SIGNER)


def unsigned(algorithm: str) -> str:
    head = base64url_encode(json_dumps({"alg": algorithm, **HEADER}))
    return f"{head}.{base64url_encode(json_dumps(CLAIMS))}.{base64url_encode(bytes(64))}"


@clause("IP-08")
@pytest.mark.parametrize("kind", [KeyKind.ED25519, KeyKind.P256])
def test_a_proof_shows_its_key_and_nonce(kind):
    signer = InMemorySigner(PrivateKey.generate(kind))
    text = create_key_proof(credential_issuer=ISSUER, nonce="n-1", signer=signer, clock=CLOCK)
    found = check_key_proof(text, expected_audience=ISSUER, clock=CLOCK)
    assert (found.key, found.nonce) == (signer.public_key, "n-1")


X = KEY.public.to_jwk()["x"]
# The order-8 point of RFC 8032's curve, and the identity: nobody alone has their keys.
ORDER_8 = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
SMALL = base64url_encode(ORDER_8)
IDENTITY = base64url_encode(b"\x01" + bytes(31))
REFUSED = {
    "another audience": proof(claims={"aud": "https://other.example"}),
    "an audience with a slash more": proof(claims={"aud": ISSUER + "/"}),
    "an array of audiences": proof(claims={"aud": [ISSUER]}),
    "no audience": proof(claims={"aud": None}),
    "no nonce": proof(claims={"nonce": None}),
    "a nonce that is a number": proof(claims={"nonce": 1}),
    "no iat": proof(claims={"iat": None}),
    "iat as text": proof(claims={"iat": str(NOW)}),
    "iat true": proof(claims={"iat": True}),
    "iat a year ago": proof(claims={"iat": NOW - 365 * 86_400}),
    "iat just too old": proof(claims={"iat": NOW - 301}),
    "iat in the future": proof(claims={"iat": NOW + 61}),
    "expired": proof(claims={"exp": NOW - 60}),
    "not valid yet": proof(claims={"nbf": NOW + 61}),
    "typ JWT": proof({"typ": "JWT"}),
    "alg none": unsigned("none"),
    "alg HS256": unsigned("HS256"),
    "alg of another key": unsigned("ES256"),
    "a signature of another key": proof({"jwk": PrivateKey.generate().public.to_jwk()}),
    "kid beside jwk": proof({"kid": "did:example:1#1"}),
    "x5c beside jwk": proof({"x5c": ["MII="]}),
    "kid alone": proof({"jwk": None, "kid": "did:example:1#1"}),
    "no key": proof({"jwk": None}),
    "a private key": proof({"jwk": KEY.to_private_jwk()}),
    "a key of small order": proof({"jwk": {"kty": "OKP", "crv": "Ed25519", "x": SMALL}}),
    "the identity as key": proof({"jwk": {"kty": "OKP", "crv": "Ed25519", "x": IDENTITY}}),
    "a key for agreement": proof({"jwk": {"kty": "OKP", "crv": "X25519", "x": X}}),
    "a symmetric key": proof({"jwk": {"kty": "oct", "k": "AAAA"}}),
    "a key that is text": proof({"jwk": "key"}),
    "a P-256 key off the curve": proof({"jwk": {"kty": "EC", "crv": "P-256", "x": X, "y": X}}),
    "not a JWS": "proof",
    "too large": proof(claims={"more": "x" * 9000}),
}


@clause("I8", "I9", "P8", "IP-08")
@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_a_bad_proof_is_invalid_proof(text):
    with pytest.raises(ProtocolError) as caught:
        check_key_proof(text, expected_audience=ISSUER, clock=CLOCK)
    assert (caught.value.code, caught.value.status) == ("invalid_proof", 400)


@clause("IP-08")
def test_the_limits_of_time_are_exact():
    for claims in (
        {"iat": NOW - 300},
        {"iat": NOW + 60},
        {"exp": NOW - 59},
        {"nbf": NOW + 60},
        {"iat": NOW - 0.5},
        {"iss": "a client"},
    ):
        assert check_key_proof(proof(claims=claims), expected_audience=ISSUER, clock=CLOCK)


@clause("I8", "IP-08")
def test_a_key_of_mixed_order_gets_the_full_test():
    """A key plus a point of small order verifies some signatures; it is refused all the same."""
    mixed = bindings.crypto_core_ed25519_add(KEY.public.raw, ORDER_8)
    assert PublicKey(KeyKind.ED25519, mixed).raw == mixed
    text = proof({"jwk": {"kty": "OKP", "crv": "Ed25519", "x": base64url_encode(mixed)}})
    with pytest.raises(ProtocolError, match="order"):
        check_key_proof(text, expected_audience=ISSUER, clock=CLOCK)
