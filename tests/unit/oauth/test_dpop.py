from __future__ import annotations

import threading

import pytest

from tests.support.clauses import clause
from tests.unit.oauth.proofs import (
    KEY,
    NOW,
    OTHER,
    P256_KEY,
    SMALL_ORDER,
    URL,
    Surroundings,
    signed,
    unsigned,
)
from weid.crypto.jws import create_jws
from weid.encoding import json_dumps
from weid.errors import ProtocolError
from weid.oauth.dpop import DpopProofs, access_token_hash, create_dpop_proof
from weid.oauth.timed_nonce import TimedNonces

HEADER = {"typ": "dpop+jwt", "jwk": KEY.public_key.to_jwk()}
CLAIMS = {"jti": "j-1", "htm": "POST", "htu": URL, "iat": NOW}


class World(Surroundings):
    def __init__(self, *, nonce_required: bool = False) -> None:
        super().__init__("dpop")
        self.proofs = DpopProofs(self.sessions, self.clock, self.nonces, nonce_required)

    def check(self, proof: str, **options):
        return self.proofs.check(proof, **{"method": "POST", "url": URL, **options})

    def refusal(self, proof: str, **options) -> str:
        with pytest.raises(ProtocolError) as refused:
            self.check(proof, **options)
        return refused.value.code


def proof(header: dict | None = None, claims: dict | None = None, signer=KEY) -> str:
    return signed({**HEADER, **(header or {})}, {**CLAIMS, **(claims or {})}, signer)


@clause("IP-43")
@pytest.mark.parametrize("signer", [KEY, P256_KEY])
def test_a_proof_proves_its_key_once(signer):
    world = World(nonce_required=True)
    text = create_dpop_proof(
        signer,
        world.clock,
        method="POST",
        url=URL,
        jti="j",
        nonce=world.nonces.create(),
        access_token="a token",
    )
    assert world.check(text, access_token="a token") == signer.public_key
    assert world.refusal(text, access_token="a token") == "invalid_dpop_proof"


REFUSED = {
    "no typ of ours": proof(header={"typ": "JWT"}),
    "the typ of a key proof": proof(header={"typ": "openid4vci-proof+jwt"}),
    "no key": proof(header={"jwk": None}),
    "a key that is text": proof(header={"jwk": "x"}),
    "another key than signed": proof(header={"jwk": OTHER.public_key.to_jwk()}),
    "a private key": proof(header={"jwk": {**KEY.public_key.to_jwk(), "d": "A" * 43}}),
    "a key of small order": proof(
        header={"jwk": {"kty": "OKP", "crv": "Ed25519", "x": SMALL_ORDER}}
    ),
    "a symmetric key": proof(header={"jwk": {"kty": "oct", "k": "AAAA"}}),
    "alg none": unsigned("none", HEADER, CLAIMS),
    "alg HS256": unsigned("HS256", HEADER, CLAIMS),
    "a signature of zeros": unsigned("EdDSA", HEADER, CLAIMS),
    "another method": proof(claims={"htm": "GET"}),
    "a method in small letters": proof(claims={"htm": "post"}),
    "no method": proof(claims={"htm": None}),
    "another endpoint": proof(claims={"htu": URL.replace("/token", "/credential")}),
    "another host": proof(claims={"htu": URL.replace("issuer.", "evil.")}),
    "a host with more": proof(claims={"htu": URL.replace(".example", ".example.evil.example")}),
    "a user name": proof(claims={"htu": URL.replace("https://", "https://a@")}),
    "plain http": proof(claims={"htu": URL.replace("https", "http")}),
    "another port": proof(claims={"htu": URL.replace(".example", ".example:8443")}),
    "no port at all": proof(claims={"htu": URL.replace(".example", ".example:x")}),
    "a path in other letters": proof(claims={"htu": URL.upper()}),
    "htu that is a list": proof(claims={"htu": [URL]}),
    "iat a year ago": proof(claims={"iat": NOW - 365 * 86_400}),
    "iat just too old": proof(claims={"iat": NOW - 301}),
    "iat in the future": proof(claims={"iat": NOW + 61}),
    "iat as text": proof(claims={"iat": str(NOW)}),
    "iat true": proof(claims={"iat": True}),
    "no iat": proof(claims={"iat": None}),
    "no jti": proof(claims={"jti": None}),
    "an empty jti": proof(claims={"jti": ""}),
    "a jti of 10 kB": proof(claims={"jti": "j" * 1000}),
    "crit": unsigned("EdDSA", {**HEADER, "crit": ["x"]}, CLAIMS),
    "two proofs in one header": f"{proof()}, {proof()}",
    "nothing readable": "x",
    "not ASCII": "\u00e9.\u00e9.\u00e9",
    "huge": "x" * 100_000,
    "a payload that is no object": create_jws(HEADER, b"[]", KEY),
}


@clause("I14", "IP-43")
@pytest.mark.parametrize("name", REFUSED)
def test_any_other_proof_is_refused(name):
    assert World().refusal(REFUSED[name]) == "invalid_dpop_proof"


@clause("IP-43")
@pytest.mark.parametrize(
    "url",
    [
        URL + "?a=b",
        URL + "#fragment",
        URL.replace("https://issuer.gov", "HTTPS://Issuer.GOV"),
        URL.replace(".example", ".example:443"),
    ],
)
def test_the_same_endpoint_in_another_spelling_is_the_same(url):
    assert World().check(proof(claims={"htu": url})) == KEY.public_key


@clause("IP-43", "IP-44")
def test_beside_a_token_the_proof_is_made_for_that_token():
    world = World()
    assert world.refusal(proof(), access_token="t") == "invalid_dpop_proof"
    other = proof(claims={"ath": access_token_hash("other")})
    assert world.refusal(other, access_token="t") == "invalid_dpop_proof"
    strange = proof(claims={"ath": "\u00e9"})
    assert world.refusal(strange, access_token="t") == "invalid_dpop_proof"
    world.check(proof(claims={"ath": access_token_hash("t")}), access_token="t")


@clause("IP-43")
def test_a_nonce_must_be_ours_and_fresh():
    world = World(nonce_required=True)
    assert world.refusal(proof()) == "use_dpop_nonce"
    foreign = TimedNonces("dpop", b"\x08" * 32, world.clock, world.random).create()
    another = TimedNonces("attestation", b"\x07" * 32, world.clock, world.random).create()
    mine = world.nonces.create()
    for wrong in (foreign, another, mine[:-1], mine + "A", "", 7, "x" * 100):
        assert world.refusal(proof(claims={"nonce": wrong})) == "use_dpop_nonce"
    world.clock.advance(300)
    late = {"iat": NOW + 300}
    world.check(proof(claims={**late, "nonce": mine}))
    world.clock.advance(1)
    old = proof(claims={**late, "nonce": mine, "jti": "j-2"})
    assert world.refusal(old) == "use_dpop_nonce"
    # Also where none is needed, one that is there must be right.
    assert World().refusal(proof(claims={"nonce": "x"})) == "use_dpop_nonce"


@clause("I14", "IP-43")
def test_of_many_who_send_one_proof_at_once_one_passes():
    world, text, results = World(), proof(), []
    barrier = threading.Barrier(16)

    def send() -> None:
        barrier.wait(5)
        try:
            results.append(world.check(text))
        except ProtocolError:
            results.append(None)

    threads = [threading.Thread(target=send) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([key for key in results if key]) == 1


@clause("IP-43")
def test_a_jti_is_remembered_for_as_long_as_its_proof_is_good():
    world = World()
    early = proof(claims={"iat": NOW + 60})
    world.check(early)
    world.clock.advance(360)
    assert world.refusal(early) == "invalid_dpop_proof"
    # Another key may have used the same text.
    world = World()
    world.check(proof())
    other = {**HEADER, "jwk": OTHER.public_key.to_jwk()}
    assert world.check(create_jws(other, json_dumps(CLAIMS), OTHER)) == OTHER.public_key
