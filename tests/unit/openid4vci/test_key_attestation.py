"""Keys that the maker of a wallet's key storage vouches for."""

from __future__ import annotations

import json

import pytest

from tests.support.clauses import clause
from tests.unit.openid4vci.issuing import NOW, Setting
from tests.unit.openid4vci.test_batch import SIGNERS, asking, bound_keys, texts
from tests.unit.openid4vci.test_endpoints import body, error, token_of
from weid.crypto.jws import create_jws
from weid.crypto.keys import KeyKind, PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.encoding import json_dumps
from weid.errors import InvalidSignatureError, MalformedError
from weid.oauth.client_attestation import TrustedAttesters
from weid.oauth.reply import EndpointRequest, Reply
from weid.openid4vci.issuance_policy import IssuancePolicy
from weid.openid4vci.key_attestation import TYPE, create_key_attestation
from weid.openid4vci.proof import create_key_proof

ATTESTER = InMemorySigner(PrivateKey.from_seed(b"\x61" * 32, KeyKind.P256))
STRANGER = InMemorySigner(PrivateKey.from_seed(b"\x62" * 32, KeyKind.P256))
POLICY = IssuancePolicy(key_attesters=TrustedAttesters(keys=(ATTESTER.public_key,)))
KEYS = tuple(signer.public_key for signer in SIGNERS[:3])


def fresh(setting: Setting) -> str:
    return body(setting.endpoints.nonce())["c_nonce"]


def attest(setting: Setting, nonce: str | None, signer=ATTESTER, keys=KEYS, **options) -> str:
    options = {"expires_at": NOW + 600, **options}
    return create_key_attestation(signer, keys, nonce=nonce, clock=setting.clock, **options)


def claimed(n: str, *, signer=ATTESTER, typ: str = TYPE, **changes: object) -> str:
    """An attestation with claims changed; None takes one out."""
    claims = {
        "iat": NOW,
        "exp": NOW + 600,
        "nonce": n,
        "attested_keys": [key.to_jwk() for key in KEYS],
        **changes,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    return create_jws({"typ": typ}, json_dumps(kept), signer)


def by_attestation(setting: Setting, text: str, token: str | None = None) -> Reply:
    request = asking(token or token_of(setting), [], proofs={"attestation": [text]})
    return setting.endpoints.credential(request)


def beside_proof(setting: Setting, text: str, nonce: str, signer=SIGNERS[1]) -> EndpointRequest:
    proof = create_key_proof(
        credential_issuer=setting.endpoints.credential_issuer,
        nonce=nonce,
        signer=signer,
        clock=setting.clock,
        attestation=text,
    )
    return asking(token_of(setting), [proof])


@clause("IP-51")
def test_an_attestation_alone_gets_a_copy_for_each_of_its_keys():
    setting = Setting(issuance=POLICY)
    reply = by_attestation(setting, attest(setting, fresh(setting), expires_at=None))
    assert bound_keys(texts(reply)) == [key.to_jwk() for key in KEYS]


@clause("IP-51")
def test_a_proof_with_an_attestation_gets_a_copy_for_each_attested_key():
    setting = Setting(issuance=POLICY)
    nonce = fresh(setting)
    request = beside_proof(setting, attest(setting, nonce), nonce)
    found = bound_keys(texts(setting.endpoints.credential(request)))
    assert {key["x"] for key in found} == {key.to_jwk()["x"] for key in KEYS}
    assert len(found) == 3


@clause("IP-51")
def test_a_proof_by_a_key_that_is_not_attested_is_refused():
    setting = Setting(issuance=POLICY)
    nonce = fresh(setting)
    request = beside_proof(setting, attest(setting, nonce), nonce, signer=SIGNERS[7])
    assert error(setting.endpoints.credential(request)) == (400, "invalid_proof")


MIXED = {"kty": "OKP", "crv": "X25519", "x": KEYS[0].to_jwk()["x"]}
BAD_ATTESTATIONS = {
    "signed by a stranger": lambda n: claimed(n, signer=STRANGER),
    "another typ": lambda n: claimed(n, typ="JWT"),
    "a changed signature": lambda n: claimed(n)[:-6] + "AAAAAA",
    "no keys": lambda n: claimed(n, attested_keys=[]),
    "keys that are text": lambda n: claimed(n, attested_keys="keys"),
    "too many keys to read": lambda n: claimed(n, attested_keys=[KEYS[0].to_jwk()] * 65),
    "a key twice": lambda n: claimed(n, attested_keys=[KEYS[0].to_jwk()] * 2),
    "more keys than a batch has": lambda n: claimed(
        n, attested_keys=[signer.public_key.to_jwk() for signer in SIGNERS]
    ),
    "a key for agreement": lambda n: claimed(n, attested_keys=[MIXED]),
    "a private key": lambda n: claimed(
        n, attested_keys=[PrivateKey.from_seed(b"\x01" * 32).to_private_jwk()]
    ),
    "no iat": lambda n: claimed(n, iat=None),
    "of tomorrow": lambda n: claimed(n, iat=NOW + 86_400),
    "expired": lambda n: claimed(n, exp=NOW),
    "not valid yet": lambda n: claimed(n, nbf=NOW + 86_400),
    "no nonce": lambda n: claimed(n, nonce=None),
    "nothing": lambda _: "x",
}


@clause("I8", "IP-51")
@pytest.mark.parametrize("make", BAD_ATTESTATIONS.values(), ids=BAD_ATTESTATIONS)
def test_a_bad_attestation_gets_nothing_alone_or_beside_a_proof(make):
    setting = Setting(issuance=POLICY)
    nonce = fresh(setting)
    assert error(by_attestation(setting, make(nonce))) == (400, "invalid_proof")
    request = beside_proof(setting, make(nonce), nonce, signer=SIGNERS[0])
    assert error(setting.endpoints.credential(request)) == (400, "invalid_proof")
    assert setting.office.calls == []


@clause("IP-51")
def test_beside_a_proof_an_attestation_must_have_an_end():
    setting = Setting(issuance=POLICY)
    nonce = fresh(setting)
    request = beside_proof(setting, claimed(nonce, exp=None), nonce)
    assert error(setting.endpoints.credential(request)) == (400, "invalid_proof")


@clause("I8", "I11", "IP-51")
def test_the_nonce_of_an_attestation_is_good_once():
    setting = Setting(issuance=POLICY)
    text = attest(setting, fresh(setting))
    token = token_of(setting)
    assert by_attestation(setting, text, token).status == 200
    assert error(by_attestation(setting, text, token)) == (400, "invalid_nonce")
    made_up = attest(setting, "made-up")
    assert error(by_attestation(setting, made_up)) == (400, "invalid_nonce")


@clause("IP-51")
def test_where_nobody_is_trusted_an_attestation_says_nothing():
    setting = Setting()
    nonce = fresh(setting)
    assert error(by_attestation(setting, attest(setting, nonce))) == (400, "invalid_proof")
    request = beside_proof(setting, "whatever", nonce)
    found = texts(setting.endpoints.credential(request))
    assert bound_keys(found) == [SIGNERS[1].public_key.to_jwk()]
    types = body(setting.endpoints.metadata())["credential_configurations_supported"]["diploma"]
    assert set(types["proof_types_supported"]) == {"jwt"}


@clause("IP-51", "IP-64")
def test_what_is_demanded_stands_in_the_metadata():
    attested = IssuancePolicy(key_attesters=POLICY.key_attesters, key_attestation_required=True)
    setting = Setting(issuance=attested)
    known = body(setting.endpoints.metadata())["credential_configurations_supported"]["diploma"]
    assert known["proof_types_supported"] == {
        kind: {
            "proof_signing_alg_values_supported": ["EdDSA", "ES256"],
            "key_attestations_required": {},
        }
        for kind in ("jwt", "attestation")
    }
    nonce = fresh(setting)
    bare = create_key_proof(
        credential_issuer=setting.endpoints.credential_issuer,
        nonce=nonce,
        signer=SIGNERS[0],
        clock=setting.clock,
    )
    token = token_of(setting)
    assert error(setting.endpoints.credential(asking(token, [bare]))) == (400, "invalid_proof")
    may = body(Setting(issuance=POLICY).endpoints.metadata())
    may = may["credential_configurations_supported"]["diploma"]["proof_types_supported"]
    assert "key_attestations_required" not in json.dumps(may)
    with pytest.raises(MalformedError):
        IssuancePolicy(key_attestation_required=True)


@clause("IP-51")
def test_an_attester_may_be_known_by_its_chain():
    asked = []

    def read_chain(chain: object) -> object:
        asked.append(chain)
        if chain != ["MII="]:
            raise InvalidSignatureError("the chain leads nowhere")
        return ATTESTER.public_key

    trusted = TrustedAttesters(read_chain=read_chain)
    setting = Setting(issuance=IssuancePolicy(key_attesters=trusted))
    good = attest(setting, fresh(setting), header={"x5c": ["MII="]})
    assert len(texts(by_attestation(setting, good))) == 3
    bad = attest(setting, fresh(setting), header={"x5c": ["MIJ="]})
    assert error(by_attestation(setting, bad)) == (400, "invalid_proof")
    assert asked == [["MII="], ["MIJ="]]
