"""did:key, did:jwk and did:web."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from tests.support.clauses import clause
from weid.clock import FixedClock
from weid.crypto.keys import KeyKind, PrivateKey
from weid.did.document import Relationship
from weid.did.methods.jwk import JwkMethod, jwk_did
from weid.did.methods.key import KeyMethod, key_did
from weid.did.methods.web import WebMethod, web_did_url
from weid.did.resolver import ResolutionFault, UniversalResolver
from weid.did.syntax import Did
from weid.encoding import base64url_encode
from weid.errors import MalformedError, RegistryUnavailableError, TransportError
from weid.transport import HttpReply

SEED = bytes(range(32))
KEYS = {str(kind): PrivateKey.from_seed(SEED, kind).public for kind in KeyKind}
ED = KEYS["Ed25519"]
RESOLVER = UniversalResolver({"key": KeyMethod(), "jwk": JwkMethod()})
SIGNING = {"authentication", "assertionMethod", "capabilityInvocation", "capabilityDelegation"}


def purposes(text: str) -> set[str]:
    return {each.value for each in RESOLVER.resolve(text).require().relationships}


# --- did:key -------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_did_key_is_its_key(key):
    did = key_did(key)
    document = RESOLVER.resolve(did).require()
    assert document.methods[0].id == f"{did}#{key.to_multikey()}"
    assert document.methods[0].key == key
    assert purposes(did) == ({"keyAgreement"} if key.kind is KeyKind.X25519 else SIGNING)


def test_a_did_key_of_its_specification_resolves():
    text = "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169"
    assert RESOLVER.resolve(text).require().to_json()["verificationMethod"] == [
        {
            "id": f"{text}#{text[8:]}",
            "type": "Multikey",
            "controller": text,
            "publicKeyMultibase": text[8:],
        }
    ]


@clause("R13", "R15", "R26")
@pytest.mark.parametrize(
    "identifier",
    ["z", "z6Mk", ED.to_multikey() + "1", ED.to_multikey()[:-1], ED.to_multikey().lower(),
     "zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",
     "m7QEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "1.1:" + ED.to_multikey()],
)  # fmt: skip
def test_other_did_keys_are_invalid(identifier):
    resolution = RESOLVER.resolve(f"did:key:{identifier}")
    assert resolution.document is None
    assert resolution.resolution_metadata.error is ResolutionFault.INVALID_DID


@clause("R13")
def test_a_key_of_mixed_order_is_no_identity():
    from nacl import bindings

    order_two = (2**255 - 20).to_bytes(32, "little")
    mixed = bindings.crypto_core_ed25519_add(ED.raw, order_two)
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": base64url_encode(mixed)}
    from weid.crypto.keys import PublicKey

    for text in (
        key_did(PublicKey(KeyKind.ED25519, mixed)),
        f"did:jwk:{base64url_encode(json.dumps(jwk).encode())}",
    ):
        assert RESOLVER.resolve(text).resolution_metadata.error is ResolutionFault.INVALID_DID


def test_there_is_one_version_of_a_key():
    for did in (key_did(ED), jwk_did(ED)):
        for query in ("versionId=1", "versionTime=2026-06-30T12:00:00Z"):
            fault = RESOLVER.resolve(f"{did}?{query}").resolution_metadata.error
            assert fault is ResolutionFault.FEATURE_NOT_SUPPORTED


# --- did:jwk -------------------------------------------------------------------------------------


def encoded(jwk: object) -> str:
    return f"did:jwk:{base64url_encode(json.dumps(jwk).encode())}"


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_did_jwk_is_its_key(key):
    did = jwk_did(key)
    method = RESOLVER.resolve(did).require().method("#0")
    assert method is not None
    assert method.key == key
    assert method.to_json() == {
        "id": f"{did}#0",
        "type": "JsonWebKey",
        "controller": did,
        "publicKeyJwk": key.to_jwk(),
    }


def test_a_did_jwk_of_its_specification_resolves():
    text = (
        "did:jwk:eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6ImFjYklRaXVNczNpOF91c3pFakoydHBUdFJNNEVV"
        "M3l6OTFQSDZDZEgyVjAiLCJ5IjoiX0tjeUxqOXZXTXB0bm1LdG00NkdxRHo4d2Y3NEk1TEtncmwyR3pIM25TRSJ9"
    )
    method = RESOLVER.resolve(text).require().methods[0]
    assert method.key.to_jwk() == {
        "crv": "P-256",
        "kty": "EC",
        "x": "acbIQiuMs3i8_uszEjJ2tpTtRM4EU3yz91PH6CdH2V0",
        "y": "_KcyLj9vWMptnmKtm46GqDz8wf74I5LKgrl2GzH3nSE",
    }
    assert purposes(text) == SIGNING | {"keyAgreement"}


def test_the_use_of_a_did_jwk_says_what_it_serves():
    p256 = KEYS["P-256"].to_jwk()
    assert purposes(encoded({**p256, "use": "sig"})) == SIGNING
    assert purposes(encoded(p256)) == SIGNING | {"keyAgreement"}
    assert purposes(encoded(ED.to_jwk())) == SIGNING
    assert purposes(encoded({**KEYS["X25519"].to_jwk(), "use": "enc"})) == {"keyAgreement"}


@clause("R7", "R15", "R16", "R26")
@pytest.mark.parametrize(
    "text",
    ["did:jwk:AA", "did:jwk:e30", "did:jwk:W10", "did:jwk:bnVsbA", jwk_did(ED) + "%3D",
     encoded(PrivateKey.from_seed(SEED).to_private_jwk()), encoded({"kty": "RSA", "n": "AQAB", "e": "AQAB"}),
     encoded({**ED.to_jwk(), "x": "A" * 43}), encoded({**ED.to_jwk(), "alg": "ES256"}),
     encoded({**ED.to_jwk(), "x5c": [[[["AA"]]]]}),
     "did:jwk:" + base64url_encode(b'{"kty":"OKP","kty":"OKP","crv":"Ed25519","x":"AA"}')],
)  # fmt: skip
def test_other_did_jwks_are_invalid(text):
    assert RESOLVER.resolve(text).resolution_metadata.error is ResolutionFault.INVALID_DID


# --- did:web -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("did", "url"),
    [("did:web:issuer.example", "https://issuer.example/.well-known/did.json"),
     ("did:web:issuer.example:users:a-1", "https://issuer.example/users/a-1/did.json"),
     ("did:web:issuer.example%3A8443", "https://issuer.example:8443/.well-known/did.json"),
     ("did:web:issuer.example%3A8443:u", "https://issuer.example:8443/u/did.json")],
)  # fmt: skip
def test_the_url_is_that_of_the_method_specification(did, url):
    assert web_did_url(Did.parse(did)) == url


@clause("S11", "V10", "R26")
@pytest.mark.parametrize(
    "did",
    ["did:web:Issuer.example", "did:web:localhost", "did:web:127.0.0.1", "did:web:169.254.169.254",
     "did:web:2130706433", "did:web:intranet", "did:web:issuer.example%3A", "did:web:issuer.example%3A0",
     "did:web:issuer.example%3A80%3A80", "did:web:user%40issuer.example", "did:web:issuer.example%2Fpath",
     "did:web:issuer.example::a", "did:web:issuer.example:..:a", "did:web:issuer.example:.:a",
     "did:web:issuer.example:.well-known", "did:web:issuer.example:a%2Fb", "did:web:issuer.example:%00",
     "did:web:.example", "did:web:xn--a.local"],
)  # fmt: skip
def test_a_did_web_that_names_no_public_host_is_not_asked(did):
    with pytest.raises(MalformedError):
        web_did_url(Did.parse(did))
    fault = UniversalResolver({"web": WebMethod(Host(), FixedClock(0))}).resolve(did)
    assert fault.resolution_metadata.error is ResolutionFault.INVALID_DID


class Host:
    """A transport that answers one thing and remembers what it was asked."""

    def __init__(self, reply: HttpReply | TransportError | None = None) -> None:
        self.reply = reply
        self.asked: list[str] = []

    def get(self, url, *, accept="*/*", headers=None, max_bytes=0, timeout=0):
        self.asked.append(url)
        if isinstance(self.reply, TransportError):
            raise self.reply
        assert self.reply is not None, "nobody was to be asked"
        return self.reply

    def post(self, url, body, **named):
        raise AssertionError("nothing was to be sent")


WEB = "did:web:issuer.example"
JSON = {"content-type": "application/did+json; charset=utf-8"}


def document(did: str = WEB) -> dict[str, object]:
    return {
        "id": did,
        "assertionMethod": [
            {
                "id": f"{did}#k",
                "type": "Multikey",
                "controller": did,
                "publicKeyMultibase": ED.to_multikey(),
            }
        ],
    }


def ask(
    body: object = None,
    *,
    status: int = 200,
    headers: Mapping[str, str] = JSON,
    error: TransportError | None = None,
    did: str = WEB,
):
    raw = body if isinstance(body, bytes) else json.dumps(body or document()).encode()
    host = Host(error or HttpReply(status, headers, raw))
    return UniversalResolver({"web": WebMethod(host, FixedClock(1_782_820_800))}).resolve(did)


def test_a_did_web_resolves_to_what_its_host_says():
    found = ask().require().method_for("#k", Relationship.ASSERTION)
    assert found is not None
    assert found.key == ED


@pytest.mark.parametrize("kind", ["application/did+ld+json", "application/json", "application/did"])
def test_every_content_type_of_a_document_is_taken(kind):
    assert ask(headers={"content-type": kind}).document is not None


@clause("S13")
@pytest.mark.parametrize(
    "headers", [{}, {"content-type": "text/html"}, {"content-type": "text/json"}]
)
def test_another_content_type_is_no_document(headers):
    fault = ask(headers=headers).resolution_metadata.error
    assert fault is ResolutionFault.INVALID_DID_DOCUMENT


@pytest.mark.parametrize(
    "body", [b"", b"<html>", document("did:web:thief.example"), b'{"id":"did:web:issuer.example","id":"x"}']
)  # fmt: skip
def test_what_is_no_document_of_this_did_is_refused(body):
    fault = ask(body).resolution_metadata.error
    assert fault is ResolutionFault.INVALID_DID_DOCUMENT


def test_a_host_without_the_document_says_that_it_is_not_found():
    for status in (404, 410):
        assert ask(status=status).resolution_metadata.error is ResolutionFault.NOT_FOUND


@clause("S12", "V20")
def test_a_host_that_does_not_answer_now_decides_nothing():
    for given in ({"status": 500}, {"status": 204}, {"error": TransportError("down")}):
        with pytest.raises(RegistryUnavailableError):
            ask(**given)


@clause("S11", "S13", "S14")
def test_a_host_that_must_not_be_asked_is_an_answer():
    fault = ask(error=TransportError("not public", refused=True)).resolution_metadata.error
    assert fault is ResolutionFault.FORBIDDEN


def test_there_is_no_history_of_a_did_web():
    fault = ask(did=f"{WEB}?versionId=1").resolution_metadata.error
    assert fault is ResolutionFault.FEATURE_NOT_SUPPORTED
