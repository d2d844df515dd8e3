"""Which copy of a certificate goes out: by who asks, and each once before any twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.clauses import clause
from tests.unit.openid4vp.asking import identity
from tests.unit.wallet.holding import ADA, NOW, SIGNER, VCT, ask, issue, new_wallet
from weid.credential.sd_jwt import issue_sd_jwt
from weid.crypto.keys import PublicKey
from weid.wallet.answers import choose_credential, next_copy
from weid.wallet.contents import HeldCredential, Use, UseKind


def with_chain(key: PublicKey) -> str:
    payload = {"iat": NOW, "vct": VCT, "cnf": {"jwk": key.to_jwk()}, **ADA}
    chain = identity().chain.to_x5c()
    return issue_sd_jwt(payload, disclosable=list(ADA), signer=SIGNER, typ="dc+sd-jwt", x5c=chain)


@pytest.fixture
def pair(tmp_path) -> tuple[HeldCredential, ...]:
    """Two copies of one certificate: with a DID's key, and with a chain."""
    with new_wallet(tmp_path) as wallet:
        first = wallet.add(issue(wallet.new_key()), batch="b")
        wallet.add(with_chain(wallet.new_key()), batch="b")
        return wallet.copies(first.id)


def asked_by(client_id: str):
    return replace(ask("name"), audience=client_id)


@clause("PP-81")
@pytest.mark.parametrize(
    ("client_id", "wanted"),
    [
        ("x509_hash:abc", 1),
        ("x509_san_dns:verifier.example", 1),
        ("decentralized_identifier:did:weid:test:abc", 0),
        ("redirect_uri:https://verifier.example/r", 0),
        ("https://employer.example", 0),
    ],
)
def test_who_lives_by_chains_gets_the_copy_with_one(pair, client_id, wanted):
    assert choose_credential(pair, asked_by(client_id), None) == pair[wanted]


@clause("PP-81")
def test_a_code_is_made_of_the_copy_without_a_chain(pair):
    assert next_copy(pair, None) == pair[0]


@clause("PP-81")
def test_the_kind_that_fits_comes_before_one_that_was_used_less(pair):
    use = Use(NOW, UseKind.PRESENTED, "x", ())
    used = replace(pair[0], uses=(use, use))
    assert next_copy((used, pair[1]), asked_by("https://employer.example")) == used


@clause("PP-81")
def test_what_was_perhaps_used_before_a_restore_comes_later(pair):
    second = replace(pair[0], id="second")
    restored = replace(pair[0], restored_at=NOW)
    assert next_copy((restored, second), asked_by("x")) == second


@clause("IP-74", "PP-81")
def test_copies_are_one_certificate_to_whoever_lists_asks_or_removes(tmp_path):
    with new_wallet(tmp_path) as wallet:
        first, second = (wallet.add(issue(wallet.new_key()), batch="b") for _ in range(2))
        other = wallet.add(issue(wallet.new_key()))
        request = ask("name")
        assert wallet.credentials() == (first, other)
        assert repr(wallet).endswith("credentials: 2>")
        assert [held for held, _ in wallet.answers(request)] == [first, other]
        wallet.present(request, credential_id=first.id)
        assert wallet.credentials() == (wallet.credential(first.id), other)
        assert [held for held, _ in wallet.answers(request)] == [second, other]
        wallet.remove(second.id)
        assert wallet.credentials() == (other,)
        assert set(wallet._contents.keys) == {other.key}
