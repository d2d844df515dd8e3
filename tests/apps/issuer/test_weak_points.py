"""Where other issuers answer 500, 403 or too much: ours answers 4xx with the standard's code."""

from __future__ import annotations

import json
import random

import pytest

from tests.apps.issuer.support import ORIGIN, people, rows_csv
from tests.apps.issuer.test_copies import CONFIGURATION, SIGNERS, Wallet
from tests.apps.issuer.test_wallets import ask_token, code_of
from tests.support.clauses import clause
from weid.clock import FixedClock
from weid.encoding import base64url_encode
from weid.openid4vci.proof import TYPE, create_key_proof


@pytest.fixture
def wallet(office):
    office.issue(rows_csv(*people(1)))
    return Wallet(office, office.certificates()[0]["id"], SIGNERS[:2])


def fresh(wallet) -> str:
    reply = wallet.transport.post(f"{ORIGIN}/nonce", b"", content_type="x")
    return json.loads(reply.body)["c_nonce"]


def proof(wallet, *, nonce=None, clock=None, signer=SIGNERS[0]) -> str:
    return create_key_proof(
        credential_issuer=ORIGIN,
        nonce=nonce or fresh(wallet),
        signer=signer,
        clock=clock or wallet.office.clock,
    )


def asking(*jwts, **members):
    return {"credential_configuration_id": CONFIGURATION, "proofs": {"jwt": list(jwts)}, **members}


def unsigned(wallet) -> str:
    header = {"alg": "none", "typ": TYPE, "jwk": SIGNERS[0].public_key.to_jwk()}
    claims = {"aud": ORIGIN, "iat": wallet.office.clock.now(), "nonce": fresh(wallet)}
    parts = [base64url_encode(json.dumps(part).encode()) for part in (header, claims)]
    return ".".join([*parts, ""])


def replayed(wallet):
    nonce = fresh(wallet)
    assert wallet.post("/credential", asking(proof(wallet, nonce=nonce)))[0] == 200
    return asking(proof(wallet, nonce=nonce))


def year_old(wallet):
    clock = FixedClock(wallet.office.clock.now() - 365 * 86_400)
    return asking(proof(wallet, clock=clock))


WEAK_POINTS = {
    "alg none": (lambda w: asking(unsigned(w)), "invalid_proof"),
    "an unknown configuration": (
        lambda w: asking(proof(w), credential_configuration_id="nothing"),
        "unknown_credential_configuration",
    ),
    "both ids": (
        lambda w: asking(proof(w), credential_identifier=CONFIGURATION),
        "invalid_credential_request",
    ),
    "a replayed nonce": (replayed, "invalid_nonce"),
    "bad encryption": (
        lambda w: asking(proof(w), credential_response_encryption={"enc": "A128GCM"}),
        "invalid_encryption_parameters",
    ),
    "too many proofs": (lambda w: asking(*[proof(w)] * 11), "invalid_proof"),
    "a proof of last year": (year_old, "invalid_proof"),
    "no proof": (lambda _: {"credential_configuration_id": CONFIGURATION}, "invalid_proof"),
}


@clause("I8", "I12", "IP-11", "IP-50")
@pytest.mark.parametrize(("make", "code"), WEAK_POINTS.values(), ids=WEAK_POINTS)
def test_a_bad_request_is_400_with_its_code(wallet, make, code):
    status, answer, reply = wallet.post("/credential", make(wallet))
    assert (status, answer["error"]) == (400, code)
    assert reply.headers["cache-control"] == "no-store"


@clause("I13", "IP-06")
@pytest.mark.parametrize("path", ["/credential", "/deferred-credential", "/notification"])
def test_without_a_token_or_with_a_bad_one_it_is_401(wallet, path):
    client = wallet.office.app.test_client()
    bare = client.post(path, base_url=ORIGIN, json={})
    assert bare.status_code == 401
    assert "WWW-Authenticate" in bare.headers
    bad = client.post(path, base_url=ORIGIN, json={}, headers={"Authorization": "Bearer x.y"})
    assert (bad.status_code, bad.json["error"]) == (401, "invalid_token")
    assert 'error="invalid_token"' in bad.headers["WWW-Authenticate"]
    in_url = client.post(f"{path}?access_token={wallet.token}", base_url=ORIGIN, json={})
    assert in_url.status_code == 400


@clause("IP-07", "IP-64")
def test_the_token_response_has_no_members_of_the_drafts(office):
    office.issue(rows_csv(*people(1)))
    given = json.loads(ask_token(office, code_of(office, office.certificates()[0]["id"])).body)
    assert set(given) == {"access_token", "token_type", "expires_in"}


@clause("I8", "I20", "I21", "IP-11")
def test_whatever_is_sent_with_a_good_token_is_never_a_fault_of_ours(wallet):
    draw = random.Random(7)
    values = [None, True, 0, -1, 1e300, "", "x" * 5000, "\ud800", [], {}, [[]], {"a": {}}, 'é"\\']
    names = [
        "credential_configuration_id",
        "credential_identifier",
        "proofs",
        "credential_response_encryption",
        "transaction_id",
        "notification_id",
        "event",
        "event_description",
    ]
    types = ["application/json", "application/jwt", "text/plain", ""]
    client = wallet.office.app.test_client()
    for number in range(200):
        if number % 20 == 0:  # so that nobody asks too often
            wallet.office.clock.advance(60)
        chosen = draw.sample(names, draw.randint(0, 5))
        value = {name: draw.choice([*values, {"jwt": [draw.choice(values)]}]) for name in chosen}
        path = draw.choice(["/credential", "/deferred-credential", "/notification"])
        answer = client.post(
            path,
            base_url=ORIGIN,
            data=json.dumps(value),
            headers={"Authorization": f"Bearer {wallet.token}"},
            content_type=draw.choice(types),
        )
        assert answer.status_code == 400, (path, value)
        assert answer.json["error"].startswith(("invalid_", "unknown_"))
    assert wallet.ask()[0] == 200
