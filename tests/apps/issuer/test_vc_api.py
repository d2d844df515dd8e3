"""VC-API of the issuer: behind its switch, for officers' tokens, strict about what it signs."""

from __future__ import annotations

import json

import pytest

from tests.apps.issuer.support import ORIGIN, people, rows_csv
from tests.apps.issuer.wallets import AppTransport
from tests.support.clauses import clause
from tests.support.w3c import SUITE_TABLE
from weid.credential.status_list import parse_status_token
from weid.verification.policy import TrustedNetwork, TrustPolicy
from weid.verification.w3c_securing import SecuringVerifier
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


# --- Statuses ------------------------------------------------------------------------------------

NAMED = {**CREDENTIAL, "id": "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33"}


class Lists:
    """Where a verifier that knows Bitstring Status Lists alone gets them."""

    def __init__(self, office):
        self.transport = AppTransport(office)

    def status_credential(self, uri):
        reply = self.transport.get(uri)
        assert reply.content_type == "application/vc"
        return reply.body.decode()


@pytest.fixture(params=["weid", "key"])
def revoking(request, new_office):
    return new_office(vc_api=request.param, vc_api_status=True)


def verified(office, signed) -> str:
    """Return how the check of the status ended, by DID documents and lists alone."""
    networks = {office.registry.network: trusted(office)}
    policy = TrustPolicy(networks=networks, status_credentials=Lists(office))
    report = SecuringVerifier(policy, clock=office.clock).verify_credential(signed)
    [check] = [one for one in report.checks if one.name == "status"]
    assert report.verified is check.passed
    return check.reason.code


def trusted(office) -> TrustedNetwork:
    return TrustedNetwork(reader=office.registry, genesis_hash=office.registry.genesis_hash)


def token_of(office) -> str:
    number = office.database.value("SELECT count(*) FROM api_tokens")
    tokens = office.services.api_tokens
    return tokens.create(office.person, "officer", name=f"program {number}", days=1).text


def change(office, credential_id, purpose="revocation", **more):
    entry = {"type": "BitstringStatusListEntry", "statusPurpose": purpose}
    body = {"credentialId": credential_id, "credentialStatus": [entry], **more}
    return office.app.test_client().post(
        "/credentials/status",
        base_url=ORIGIN,
        json=body,
        headers={"Authorization": f"Bearer {token_of(office)}"},
    )


@clause("WC-64", "WC-65")
def test_a_credential_can_be_suspended_and_revoked_for_who_knows_bitstrings_alone(revoking):
    office = revoking
    signed = ask(office, {"credential": NAMED}).json["verifiableCredential"]
    other = ask(office, {"credential": CREDENTIAL}, token=token_of(office)).json[
        "verifiableCredential"
    ]
    entries = signed["credentialStatus"]
    assert [entry["statusPurpose"] for entry in entries] == ["revocation", "suspension"]
    assert len({entry["statusListIndex"] for entry in entries}) == 1
    assert verified(office, signed) == "status_good"
    assert change(office, NAMED["id"], "suspension").status_code == 200
    assert verified(office, signed) == "suspended"
    assert change(office, NAMED["id"], "suspension", status=False).status_code == 200
    assert verified(office, signed) == "status_good"
    assert change(office, NAMED["id"]).status_code == 200
    assert verified(office, signed) == "revoked"
    assert change(office, NAMED["id"], status=False).status_code == 409
    assert change(office, NAMED["id"], "suspension").status_code == 409
    assert verified(office, other) == "status_good"
    # One without an id goes by the id of its entry.
    assert change(office, other["credentialStatus"][0]["id"]).status_code == 200
    assert verified(office, other) == "revoked"


@clause("WC-64")
def test_the_token_status_list_says_the_same_of_the_same_place(revoking):
    office = revoking
    signed = ask(office, {"credential": NAMED}).json["verifiableCredential"]
    entry = signed["credentialStatus"][0]
    uri, index = entry["statusListCredential"].rpartition("/")[0], int(entry["statusListIndex"])
    change(office, NAMED["id"])
    office.job.run_once()
    token = parse_status_token(AppTransport(office).status_token(uri))
    assert token.statuses().get(index) == 1
    assert token.statuses().get(index ^ 1) == 0


@clause("WC-64")
def test_a_credential_with_a_status_of_its_own_keeps_it(revoking):
    own = {"type": "BitstringStatusListEntry", "statusPurpose": "revocation",
           "statusListIndex": "7", "statusListCredential": "https://lists.example/1"}  # fmt: skip
    document = {**NAMED, "credentialStatus": own}
    signed = ask(revoking, {"credential": document}).json["verifiableCredential"]
    assert signed["credentialStatus"] == own
    assert change(revoking, NAMED["id"]).status_code == 404


@clause("I22", "WC-64")
def test_the_store_lets_no_place_be_used_by_a_certificate_and_a_w3c_credential(revoking):
    revoking.issue(rows_csv(*people(1)))
    ask(revoking, {"credential": NAMED})
    row = revoking.database.first("SELECT * FROM w3c_credentials")
    [certificate] = revoking.certificates()
    taken = {"list_id": certificate["list_id"], "list_index": certificate["list_index"]}
    with pytest.raises(Exception, match="taken"), revoking.database.write():
        revoking.database.insert("w3c_credentials", {**row, "id": "x", **taken})


WRONG = {
    "no id": {"credentialId": 1},
    "an entry of another kind": {"credentialStatus": {"type": "StatusList2021Entry"}},
    "another purpose": {
        "credentialStatus": {"type": "BitstringStatusListEntry", "statusPurpose": "x"}
    },
    "no status": {"status": "perhaps"},
}


@clause("WC-65")
@pytest.mark.parametrize("more", WRONG.values(), ids=WRONG)
def test_a_change_that_cannot_be_read_changes_nothing(revoking, more):
    ask(revoking, {"credential": NAMED})
    assert change(revoking, NAMED["id"], **more).status_code == 400
    assert revoking.database.value("SELECT status FROM w3c_credentials") == "valid"


@clause("WC-65", "W1")
def test_only_an_officers_token_changes_a_status_and_only_where_there_is_one(revoking):
    ask(revoking, {"credential": NAMED})
    client = revoking.app.test_client()
    assert client.post("/credentials/status", base_url=ORIGIN, json={}).status_code == 401
    missing = client.get("/status-lists/none/revocation", base_url=ORIGIN)
    assert missing.status_code == 404


@clause("WC-63", "WC-65")
def test_without_the_setting_nothing_has_a_status(office):
    signed = ask(office, {"credential": NAMED}).json["verifiableCredential"]
    assert "credentialStatus" not in signed
    assert change(office, NAMED["id"]).status_code == 404
