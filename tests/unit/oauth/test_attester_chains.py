from __future__ import annotations

import pytest

from tests.support.certificates import YEAR, Authority, x5c
from tests.support.clauses import clause
from tests.support.world import START
from tests.unit.oauth.proofs import KEY, P256_KEY, SERVER
from weid.clock import FixedClock
from weid.crypto.certificates import Certificate
from weid.errors import MalformedError, ProtocolError
from weid.oauth.attester_chains import AttesterChains
from weid.oauth.client_attestation import (
    ClientAttestations,
    TrustedAttesters,
    create_attestation_proof,
    create_client_attestation,
)
from weid.oauth.timed_nonce import TimedNonces
from weid.sessions import MemorySessionStore

ROOT = Authority.root()
MIDDLE = ROOT.below()
LEAF = ROOT.leaf(P256_KEY.public_key)
LONG = x5c(MIDDLE.leaf(P256_KEY.public_key), MIDDLE.certificate)


def parsed(*authorities: Authority) -> tuple[Certificate, ...]:
    from cryptography.hazmat.primitives.serialization import Encoding

    return tuple(Certificate.parse(a.certificate.public_bytes(Encoding.DER)) for a in authorities)


def reader(*authorities: Authority, now: int = START) -> AttesterChains:
    return AttesterChains(parsed(*authorities), FixedClock(now))


@clause("IP-45")
def test_a_chain_that_leads_to_an_authority_gives_its_key():
    for chain in (x5c(LEAF), LONG):
        assert reader(Authority.root("Other"), ROOT)(chain) == P256_KEY.public_key


@clause("IP-45")
@pytest.mark.parametrize(
    "chain",
    [
        x5c(LEAF)[:0],
        x5c(ROOT.certificate),
        x5c(LEAF, Authority.root().certificate),
        x5c(Authority.root().leaf(P256_KEY.public_key)),
        x5c(MIDDLE.leaf(P256_KEY.public_key)),
        "text",
        None,
        [1],
        ["x"],
    ],
)
def test_any_other_chain_is_refused(chain):
    with pytest.raises(MalformedError):
        reader(ROOT)(chain)


@clause("IP-45")
def test_a_chain_counts_only_while_it_is_in_force():
    for now in (START - 2 * YEAR, START + 2 * YEAR):
        with pytest.raises(MalformedError):
            reader(ROOT, now=now)(x5c(LEAF))
    with pytest.raises(MalformedError, match="no authority"):
        reader()(x5c(LEAF))


@clause("IP-45")
def test_an_attestation_with_a_chain_is_judged_whole():
    clock = FixedClock(START)
    checks = ClientAttestations(
        SERVER,
        TrustedAttesters((), reader(ROOT)),
        MemorySessionStore(clock),
        clock,
        TimedNonces("attestation", bytes(32), clock, bytes),
    )

    def attestation(chain) -> str:
        return create_client_attestation(
            P256_KEY,
            client_id="w",
            key=KEY.public_key,
            expires_at=START + 60,
            header={"x5c": chain},
        )

    def proof(jti: str) -> str:
        return create_attestation_proof(KEY, clock, audience=SERVER, jti=jti)

    assert checks.check(attestation(LONG), proof("1")).client_id == "w"
    # The certificate is of another key than signed.
    other = x5c(ROOT.leaf(KEY.public_key))
    for chain in (other, x5c(Authority.root().leaf(P256_KEY.public_key)), ["x"]):
        with pytest.raises(ProtocolError) as refused:
            checks.check(attestation(chain), proof("2"))
        assert (refused.value.code, refused.value.status) == ("invalid_client", 401)
