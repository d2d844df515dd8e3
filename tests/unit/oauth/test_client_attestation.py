from __future__ import annotations

import pytest

from tests.support.clauses import clause
from tests.unit.oauth.proofs import (
    KEY,
    NOW,
    OTHER,
    P256_KEY,
    SERVER,
    SMALL_ORDER,
    Surroundings,
    signed,
    unsigned,
)
from weid.crypto.keys import PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.encoding import json_dumps
from weid.errors import MalformedError, ProtocolError
from weid.oauth.client_attestation import (
    ClientAttestations,
    TrustedAttesters,
    create_attestation_proof,
    create_client_attestation,
)

ATTESTER = InMemorySigner(PrivateKey.from_seed(b"\x51" * 32))
JWK = KEY.public_key.to_jwk()
ATTESTATION_HEADER = {"typ": "oauth-client-attestation+jwt"}
ATTESTATION = {"sub": "wallet-1", "exp": NOW + 3600, "cnf": {"jwk": JWK}}
PROOF_HEADER = {"typ": "oauth-client-attestation-pop+jwt"}
PROOF = {"aud": SERVER, "jti": "j-1", "iat": NOW}


def attestation(header: dict | None = None, claims: dict | None = None, signer=ATTESTER) -> str:
    return signed(
        {**ATTESTATION_HEADER, **(header or {})}, {**ATTESTATION, **(claims or {})}, signer
    )


def proof(header: dict | None = None, claims: dict | None = None, signer=KEY) -> str:
    return signed({**PROOF_HEADER, **(header or {})}, {**PROOF, **(claims or {})}, signer)


class World(Surroundings):
    def __init__(self, *, challenge_required: bool = False, read_chain=None) -> None:
        super().__init__("attestation")
        self.checks = ClientAttestations(
            SERVER,
            TrustedAttesters((P256_KEY.public_key, ATTESTER.public_key), read_chain),
            self.sessions,
            self.clock,
            self.nonces,
            challenge_required,
        )

    def refusal(self, one: str, other: str) -> tuple[str, int]:
        with pytest.raises(ProtocolError) as refused:
            self.checks.check(one, other)
        return refused.value.code, refused.value.status


@clause("IP-45")
def test_a_wallet_whose_maker_is_trusted_is_known_by_its_client_id():
    world = World(challenge_required=True)
    one = create_client_attestation(
        ATTESTER, client_id="wallet-1", key=KEY.public_key, expires_at=NOW + 60, header={}
    )
    other = create_attestation_proof(
        KEY, world.clock, audience=SERVER, jti="j", challenge=world.nonces.create()
    )
    client = world.checks.check(one, other)
    assert (client.client_id, client.key) == ("wallet-1", KEY.public_key)
    assert world.refusal(one, other) == ("invalid_client", 401)


ATTESTATIONS = {
    "signed by a stranger": attestation(signer=OTHER),
    "signed by the wallet itself": attestation(signer=KEY),
    "a signature of zeros": unsigned("EdDSA", ATTESTATION_HEADER, ATTESTATION),
    "alg none": unsigned("none", ATTESTATION_HEADER, ATTESTATION),
    "alg HS256": unsigned("HS256", ATTESTATION_HEADER, ATTESTATION),
    "another typ": attestation(header={"typ": "JWT"}),
    "exp past": attestation(claims={"exp": NOW - 1}),
    "exp now": attestation(claims={"exp": NOW}),
    "no exp": attestation(claims={"exp": None}),
    "exp as text": attestation(claims={"exp": str(NOW + 60)}),
    "not valid yet": attestation(claims={"nbf": NOW + 61}),
    "made in the future": attestation(claims={"iat": NOW + 61}),
    "no sub": attestation(claims={"sub": None}),
    "an empty sub": attestation(claims={"sub": ""}),
    "sub that is a number": attestation(claims={"sub": 1}),
    "no cnf": attestation(claims={"cnf": None}),
    "cnf without jwk": attestation(claims={"cnf": {}}),
    "cnf of another key": attestation(claims={"cnf": {"jwk": OTHER.public_key.to_jwk()}}),
    "cnf of small order": attestation(
        claims={"cnf": {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": SMALL_ORDER}}}
    ),
    "a private key in cnf": attestation(claims={"cnf": {"jwk": {**JWK, "d": "A" * 43}}}),
    "nothing": "",
    "the proof in its place": proof(),
}
PROOFS = {
    "signed by another key": proof(signer=OTHER),
    "signed by the attester": proof(signer=ATTESTER),
    "a signature of zeros": unsigned("EdDSA", PROOF_HEADER, PROOF),
    "alg none": unsigned("none", PROOF_HEADER, PROOF),
    "another typ": proof(header={"typ": "dpop+jwt"}),
    "for another server": proof(claims={"aud": "https://other.example"}),
    "for another tenant": proof(claims={"aud": SERVER.replace("edu", "health")}),
    "for two servers": proof(claims={"aud": [SERVER, "https://other.example"]}),
    "for nobody": proof(claims={"aud": None}),
    "of another client": proof(claims={"iss": "wallet-2"}),
    "no jti": proof(claims={"jti": None}),
    "no iat": proof(claims={"iat": None}),
    "a year old": proof(claims={"iat": NOW - 365 * 86_400}),
    "in the future": proof(claims={"iat": NOW + 61}),
    "past its end": proof(claims={"exp": NOW - 60}),
    "nothing": "",
}


@clause("IP-45")
@pytest.mark.parametrize("name", ATTESTATIONS)
def test_any_other_attestation_is_refused(name):
    assert World().refusal(ATTESTATIONS[name], proof()) == ("invalid_client", 401)


@clause("IP-45")
@pytest.mark.parametrize("name", PROOFS)
def test_any_other_proof_of_possession_is_refused(name):
    assert World().refusal(attestation(), PROOFS[name]) == ("invalid_client", 401)


@clause("IP-45")
def test_what_the_negatives_start_from_passes():
    assert World().checks.check(attestation(), proof()).client_id == "wallet-1"
    listed = World().checks.check(attestation(), proof(claims={"aud": [SERVER]}))
    assert listed.client_id == "wallet-1"


@clause("IP-45")
def test_a_challenge_must_be_ours_where_it_is_there_or_demanded():
    missing = World(challenge_required=True)
    assert missing.refusal(attestation(), proof()) == ("use_attestation_challenge", 400)
    foreign = proof(claims={"challenge": "x"})
    assert World().refusal(attestation(), foreign) == ("use_attestation_challenge", 400)
    world = World()
    mine = world.nonces.create()
    world.clock.advance(301)
    late = proof(claims={"challenge": mine, "iat": NOW + 301})
    assert world.refusal(attestation(), late) == ("use_attestation_challenge", 400)


@clause("IP-45")
def test_a_chain_counts_where_it_leads_to_an_anchor():
    seen = []

    def read_chain(chain):
        seen.append(chain)
        if chain != ["good"]:
            raise MalformedError("the chain leads nowhere")
        return OTHER.public_key

    world = World(read_chain=read_chain)
    good = attestation(header={"x5c": ["good"]}, signer=OTHER)
    assert world.checks.check(good, proof()).client_id == "wallet-1"
    # A chain that fails is not made good by a key of the list.
    bad = attestation(header={"x5c": ["bad"]})
    assert world.refusal(bad, proof(claims={"jti": "j-2"})) == ("invalid_client", 401)
    assert seen == [["good"], ["bad"]]


def test_the_refusals_hold_no_key_material():
    with pytest.raises(ProtocolError) as refused:
        World().checks.check(attestation(claims={"cnf": {"jwk": {**JWK, "d": "A" * 43}}}), proof())
    assert "AAAA" not in json_dumps(refused.value.to_reply()[1]).decode()
