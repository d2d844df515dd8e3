"""VC-API of the issuer: behind its switch, for officers' tokens, strict about what it signs."""

from __future__ import annotations

import json

import pytest

from tests.apps.issuer.support import ORIGIN
from tests.support.clauses import clause
from tests.support.w3c import SUITE_TABLE
from weid.w3c.data_integrity import split_proofs, verify_proof
from weid.w3c.vocabulary import CREDENTIALS, EXAMPLES

CREDENTIAL = {
    "@context": [CREDENTIALS, EXAMPLES],
    "type": ["VerifiableCredential", "ExampleDegreeCredential"],
    "credentialSubject": {"id": "did:example:ada", "degree": "Mathematics"},
}


@pytest.fixture
def office(new_office):
    return new_office(vc_api="weid")


def ask(office, body, *, login="officer", token=None):
    if token is None:
        made = office.services.api_tokens.create(office.person, login, name=login, days=1)
        token = made.text
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return office.app.test_client().post(
        "/credentials/issue",
        base_url=ORIGIN,
        data=data,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )


@clause("WC-60")
def test_a_credential_is_signed_by_the_organisation(office):
    reply = ask(office, {"credential": CREDENTIAL, "options": {"unknown": 1}})
    assert reply.status_code == 201, reply.json
    signed = reply.json["verifiableCredential"]
    assert signed["issuer"] == office.issuer.did
    document, (proof,) = split_proofs(signed)
    verify_proof(document, proof, office.keys.assertion.public, contexts=SUITE_TABLE)
    assert proof.key_id == f"{office.issuer.did}#assertion-1"
    entry = office.database.query("SELECT action FROM audit_entries ORDER BY sequence DESC")[0]
    assert entry["action"] == "w3c_credential_signed"


@clause("WC-60")
def test_a_suite_that_knows_no_did_weid_gets_a_did_key(new_office):
    office = new_office(vc_api="key")
    signed = ask(office, {"credential": CREDENTIAL}).json["verifiableCredential"]
    assert signed["issuer"].startswith("did:key:z6Mk")
    assert signed["proof"]["verificationMethod"].startswith(signed["issuer"] + "#")


REFUSED = {
    "no JSON": b"{",
    "two names": b'{"credential":{},"credential":{}}',
    "no object": b"[]",
    "no credential": {},
    "a credential that is text": {"credential": "eyJ"},
    "another issuer": {"credential": {**CREDENTIAL, "issuer": "did:example:eve"}},
    "no subject": {"credential": {**CREDENTIAL, "credentialSubject": {}}},
    "a term without a meaning": {"credential": {**CREDENTIAL, "admin": True}},
    "a context that is not known": {
        "credential": {**CREDENTIAL, "@context": [CREDENTIALS, "https://evil.example/"]}
    },
    "a proof": {"credential": {**CREDENTIAL, "proof": {}}},
    "a large number": {"credential": {**CREDENTIAL, "credentialSubject": {"n": 2**60}}},
}


@clause("WC-60")
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_credential_is_refused(office, name):
    reply = ask(office, REFUSED[name])
    assert reply.status_code == 400, reply.json
    assert reply.json["error"] == "invalid_request"


@clause("WC-60", "W1")
def test_only_an_officers_token_signs(office):
    assert ask(office, {"credential": CREDENTIAL}, token="x").status_code == 401
    for login in ("approver", "auditor", "admin"):
        assert ask(office, {"credential": CREDENTIAL}, login=login).status_code == 403


@clause("I23", "IP-66")
def test_while_issuing_is_paused_nothing_is_signed(office):
    token = office.services.api_tokens.create(office.person, "officer", name="suite", days=1).text
    office.settings.pause_path.touch()
    reply = ask(office, {"credential": CREDENTIAL}, token=token)
    assert reply.status_code == 503, reply.json
    assert reply.json["error"] == "temporarily_unavailable"
    assert reply.headers["Retry-After"] == "60"
    assert "w3c_credential_signed" not in {
        row["action"] for row in office.database.query("SELECT action FROM audit_entries")
    }
    office.settings.pause_path.unlink()
    assert ask(office, {"credential": CREDENTIAL}, token=token).status_code == 201


@clause("WC-63")
def test_without_the_switch_there_is_no_such_route(new_office):
    office = new_office()
    assert ask(office, {"credential": CREDENTIAL}).status_code in {403, 404}
    assert "vc_api.issue" not in {rule.endpoint for rule in office.app.url_map.iter_rules()}
