"""Copies of a certificate, decisions while a wallet waits, notices, and the pause."""

from __future__ import annotations

import json

import pytest

from issuer_app.services.people import Person, Role
from issuer_app.services.wallet_endpoints import OfferWish
from issuer_app.wiring import KEY
from tests.apps.issuer.support import ORIGIN, people, rows_csv
from tests.apps.issuer.test_wallets import ask_token, code_of
from tests.apps.issuer.wallets import AppTransport, new_wallet, offer_uri, trust_of
from tests.support.clauses import clause
from weid.credential.credential import Credential
from weid.credential.issuance_anchor import IssuanceAnchor
from weid.credential.status_list import parse_status_token
from weid.crypto.keys import PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.errors import RegistryUnavailableError
from weid.openid4vci.proof import create_key_proof

CONFIGURATION = "residence-test_1"
SIGNERS = [InMemorySigner(PrivateKey.from_seed(bytes([80 + n]) * 32)) for n in range(10)]


@pytest.fixture
def offered(office):
    office.issue(rows_csv(*people(2)))
    office.certificate_id, office.other_id = (row["id"] for row in office.certificates())
    return office


class Wallet:
    """A wallet that speaks to the endpoints by itself."""

    def __init__(self, office, certificate_id, signers=SIGNERS[:1]):
        self.office = office
        self.transport = AppTransport(office)
        self.signers = signers
        given = json.loads(ask_token(office, code_of(office, certificate_id)).body)
        self.token, self.expires_in = given["access_token"], given["expires_in"]

    def post(self, path, value, token=None):
        reply = self.transport.post(
            f"{ORIGIN}{path}",
            json.dumps(value).encode(),
            content_type="application/json",
            headers={"Authorization": f"Bearer {token or self.token}"},
        )
        return reply.status, json.loads(reply.body or b"null"), reply

    def ask(self):
        nonce = json.loads(self.transport.post(f"{ORIGIN}/nonce", b"", content_type="x").body)
        proofs = [
            create_key_proof(
                credential_issuer=ORIGIN,
                nonce=nonce["c_nonce"],
                signer=signer,
                clock=self.office.clock,
            )
            for signer in self.signers
        ]
        return self.post(
            "/credential",
            {"credential_configuration_id": CONFIGURATION, "proofs": {"jwt": proofs}},
        )

    def collect(self, transaction_id, token=None):
        return self.post("/deferred-credential", {"transaction_id": transaction_id}, token)


def places(office):
    return [row["list_index"] for row in office.database.query("SELECT * FROM places")]


def actions(office):
    return [entry["action"] for entry in office.services.audit.page(office.person)]


# --- Copies -------------------------------------------------------------------------------------


@clause("I12", "IP-50", "IP-52")
def test_ten_copies_have_ten_places_ten_keys_and_salts_of_their_own(offered):
    wallet = Wallet(offered, offered.certificate_id, SIGNERS)
    status, answer, _ = wallet.ask()
    assert status == 200
    copies = [Credential.parse(entry["credential"]) for entry in answer["credentials"]]
    assert [copy.holder_key for copy in copies] == [signer.public_key for signer in SIGNERS]
    indices = [copy.sd_jwt.payload()["status"]["status_list"]["idx"] for copy in copies]
    assert len(set(indices)) == 10
    # Drawn at random: not one after the other.
    assert sorted(indices) != list(range(min(indices), min(indices) + 10))
    assert sorted(places(offered)) == sorted(set(places(offered)))
    assert set(indices) <= set(places(offered))
    disclosures = [text for copy in copies for text in copy.sd_jwt.disclosures]
    assert len(set(disclosures)) == len(disclosures)
    assert wallet.ask()[1] == answer
    assert len(places(offered)) == 11


@clause("IP-14", "IP-50")
def test_each_copy_has_an_anchor_of_its_own(offered):
    _, answer, _ = Wallet(offered, offered.certificate_id, SIGNERS[:3]).ask()
    salts = set()
    for entry in answer["credentials"]:
        anchor = IssuanceAnchor.from_json(entry["weid_issuance_anchor"])
        record = offered.registry.batch(offered.issuer.did, anchor.root)
        signed = Credential.parse(entry["credential"]).sd_jwt.issuer_jws.signing_input
        anchor.verify(signed, expected_size=record.count)
        salts.add(entry["weid_issuance_anchor"]["salt"])
    assert len(salts) == 3


@clause("IP-50")
def test_revoking_a_certificate_revokes_every_copy(offered):
    _, answer, _ = Wallet(offered, offered.certificate_id, SIGNERS[:4]).ask()
    version = offered.certificates()[0]["version"]
    offered.services.certificates.change(
        offered.person,
        offered.certificate_id,
        "revoke",
        expected_version=version,
        reason="key_lost",
        note="",
    )
    offered.job.run_once()
    status_lists = offered.services.status_lists
    rows = offered.database.query("SELECT list_index, status FROM places ORDER BY status")
    assert [row["status"] for row in rows] == ["revoked"] * 4 + ["valid"]
    assert status_lists.published()
    for entry in answer["credentials"]:
        place = Credential.parse(entry["credential"]).sd_jwt.payload()["status"]["status_list"]
        token = AppTransport(offered).status_token(place["uri"])
        assert parse_status_token(token).statuses().get(place["idx"]) == 1


@clause("I22", "IP-50")
def test_the_store_lets_no_place_be_used_twice_in_either_table(offered):
    Wallet(offered, offered.certificate_id, SIGNERS[:2]).ask()
    own = offered.certificates()[1]
    copy = offered.database.first("SELECT * FROM copies")
    with pytest.raises(Exception, match="taken"), offered.database.write():
        offered.database.insert(
            "copies", {**copy, "id": "x", "holder_jwk": "x", "list_index": own["list_index"]}
        )
    with pytest.raises(Exception, match="taken"), offered.database.write():
        offered.database.insert(
            "certificates",
            {**own, "id": "x", "form": "paper", "list_index": copy["list_index"]},
        )


@clause("I22", "IP-52")
def test_a_crash_between_two_copies_leaves_nothing_half_done(offered, monkeypatch):
    wallet = Wallet(offered, offered.certificate_id, SIGNERS[:3])
    sign, signed = offered.agency.sign, []

    def die(new):
        signed.append(new)
        if len(signed) == 2:
            raise KeyboardInterrupt
        return sign(new)

    monkeypatch.setattr(offered.agency, "sign", die)
    with pytest.raises(KeyboardInterrupt):
        wallet.ask()
    monkeypatch.setattr(offered.agency, "sign", sign)
    assert offered.certificates()[0]["state"] == "offered"
    assert len(places(offered)) == 2
    other = Wallet.__new__(Wallet)
    other.__dict__ = {**wallet.__dict__, "signers": SIGNERS[3:6]}
    assert other.ask()[1]["error"] == "credential_request_denied"
    status, answer, _ = wallet.ask()
    assert (status, len(answer["credentials"])) == (200, 3)
    assert len(places(offered)) == len(set(places(offered))) == 4


@clause("I22", "IP-52")
def test_copies_that_need_a_new_list_while_the_registry_is_away_are_asked_for_again(
    offered, monkeypatch
):
    def away(*_args):
        raise RegistryUnavailableError("away")

    wallet = Wallet(offered, offered.certificate_id, SIGNERS[:2])
    with monkeypatch.context() as patched:
        patched.setattr(offered.services.status_lists, "_open_list", lambda _: None)
        patched.setattr(offered.agency, "publish_status", away)
        status, answer, reply = wallet.ask()
    assert (status, answer["error"]) == (503, "temporarily_unavailable")
    assert reply.headers["retry-after"] == "60"
    assert wallet.ask()[0] == 200


# --- Decisions ----------------------------------------------------------------------------------


@pytest.fixture
def deciding(offered):
    offered.services.offers.renew(
        officer(offered), offered.certificate_id, OfferWish(needs_decision=True)
    )
    return offered


def officer(office, login="officer"):
    row = office.database.first("SELECT * FROM users WHERE login = ?", (login,))
    roles = frozenset(Role(role) for role in row["roles"].split())
    return Person(row["id"], row["organisation"], row["login"], row["name"], roles)


@clause("I17", "IP-55", "IP-57", "IP-59")
def test_a_wallet_waits_until_a_person_approves(deciding):
    wallet = Wallet(deciding, deciding.certificate_id, SIGNERS[:2])
    assert wallet.expires_in == 14 * 86_400
    status, answer, _ = wallet.ask()
    assert (status, set(answer)) == (202, {"transaction_id", "interval"})
    assert deciding.certificates()[0]["state"] == "offered"
    assert wallet.collect(answer["transaction_id"])[:2] == (202, answer)
    browser = deciding.browser("officer")
    assert f"/certificates/{deciding.certificate_id}" in browser.get("/").text
    page = browser.get(f"/certificates/{deciding.certificate_id}").text
    assert "A wallet waits for this certificate" in page
    decided = browser.post(f"/certificates/{deciding.certificate_id}/decision/approve")
    assert decided.status_code == 303
    assert "/decision/" not in browser.get(f"/certificates/{deciding.certificate_id}").text
    deciding.clock.advance(86_400)
    status, given, _ = wallet.collect(answer["transaction_id"])
    assert (status, len(given["credentials"])) == (200, 2)
    log = actions(deciding)
    assert log.index("decision_approved") < log.index("decision_asked")  # newest first
    assert "offer_for_decision" in log
    assert "offer_redeemed" in log


@clause("I17", "IP-55", "IP-59")
def test_a_refusal_reaches_the_wallet_and_nothing_is_signed(deciding):
    wallet = Wallet(deciding, deciding.certificate_id)
    transaction_id = wallet.ask()[1]["transaction_id"]
    browser = deciding.browser("officer")
    path = f"/certificates/{deciding.certificate_id}/decision"
    assert browser.post(f"{path}/refuse").status_code == 303
    assert browser.post(f"{path}/approve").status_code == 409
    status, answer, _ = wallet.collect(transaction_id)
    assert (status, answer["error"]) == (400, "credential_request_denied")
    assert deciding.certificates()[0]["state"] == "offered"
    assert "decision_refused" in actions(deciding)
    # A new offer begins anew, and what was decided on the old one does not count for it.
    deciding.services.offers.renew(
        officer(deciding), deciding.certificate_id, OfferWish(needs_decision=True)
    )
    assert wallet.collect(transaction_id)[0] == 401
    assert Wallet(deciding, deciding.certificate_id).ask()[0] == 202


@clause("I20", "IP-56")
def test_a_wallet_that_asks_too_often_is_told_to_wait_and_a_foreign_one_learns_nothing(deciding):
    wallet = Wallet(deciding, deciding.certificate_id)
    transaction_id = wallet.ask()[1]["transaction_id"]
    stranger = Wallet(deciding, deciding.other_id)
    assert stranger.collect(transaction_id)[1]["error"] == "invalid_transaction_id"
    assert [wallet.collect(transaction_id)[0] for _ in range(4)] == [202, 202, 202, 429]
    assert wallet.collect(transaction_id)[2].headers["retry-after"] == "30"


@clause("I24", "IP-59")
def test_where_two_persons_decide_the_second_is_another_one(new_office):
    office = new_office(policy="two_person")
    both = office.add_user("both", "officer", "approver")
    browser = office.browser("officer")
    location = browser.upload(office.template_id, rows_csv(*people(1))).headers["Location"]
    browser.issue(location)
    batch_id = location.rsplit("/", 1)[1]
    approver = office.browser("approver")
    version = office.database.value("SELECT version FROM batches WHERE id = ?", (batch_id,))
    assert approver.post(f"{location}/approve", version=version).status_code == 303
    office.job.run_once()
    certificate_id = office.certificates()[0]["id"]
    maker = office.browser("both")
    maker.post(f"/certificates/{certificate_id}/offer", needs_decision="yes")
    assert office.database.value("SELECT made_by FROM offers") == both
    wallet = Wallet(office, certificate_id)
    transaction_id = wallet.ask()[1]["transaction_id"]
    path = f"/certificates/{certificate_id}/decision/approve"
    assert "Another person has to decide" in maker.get(f"/certificates/{certificate_id}").text
    assert maker.post(path).status_code == 403
    assert office.browser("officer").post(path).status_code == 403
    assert wallet.collect(transaction_id)[0] == 202
    assert approver.post(path).status_code == 303
    assert wallet.collect(transaction_id)[0] == 200


@clause("IP-59")
def test_nothing_can_be_decided_where_no_wallet_waits(offered):
    path = f"/certificates/{offered.certificate_id}/decision/approve"
    browser = offered.browser("officer")
    assert browser.post(path).status_code == 409
    browser.post(f"/certificates/{offered.certificate_id}/offer", needs_decision="yes")
    assert "waits until the certificate is approved" in (
        browser.get(f"/certificates/{offered.certificate_id}/offer").text
    )
    assert browser.post(path).status_code == 409
    assert browser.post("/certificates/x/decision/approve").status_code == 404
    wallet = Wallet(offered, offered.certificate_id)
    wallet.ask()
    revoked = offered.certificates()[0]["version"]
    offered.services.certificates.change(
        officer(offered),
        offered.certificate_id,
        "revoke",
        expected_version=revoked,
        reason="data_wrong",
        note="",
    )
    assert browser.post(path).status_code == 409


@clause("IP-59")
def test_the_decision_can_be_made_by_the_api(offered):
    services = offered.app.extensions[KEY]
    person = officer(offered)
    token = services.api_tokens.create(person, "officer", name="desk", days=1).text
    client = offered.app.test_client()
    headers = {"Authorization": f"Bearer {token}"}

    def call(method, path, **options):
        return client.open(
            f"/api/v1{path}", method=method, headers=headers, base_url=ORIGIN, **options
        )

    own = f"/certificates/{offered.certificate_id}"
    assert call("POST", f"{own}/offer", json={"needs_decision": True}).status_code == 200
    assert call("GET", own).json["decision"] == "needed"
    wallet = Wallet(offered, offered.certificate_id)
    transaction_id = wallet.ask()[1]["transaction_id"]
    (waits,) = call("GET", "/decisions").json["decisions"]
    assert (waits["id"], waits["label"]) == (offered.certificate_id, "Person 00001")
    assert waits["asked_at"].endswith("Z")
    assert call("POST", f"{own}/decision/approve").json["decision"] == "approved"
    assert call("POST", f"{own}/decision/refuse").status_code == 409
    assert call("GET", "/decisions").json["decisions"] == []
    assert wallet.collect(transaction_id)[0] == 200


# --- Notices ------------------------------------------------------------------------------------


@clause("I21", "IP-58", "IP-59")
def test_what_the_wallet_tells_stands_in_the_timeline(offered):
    wallet = Wallet(offered, offered.certificate_id)
    notification_id = wallet.ask()[1]["notification_id"]
    told = {"notification_id": notification_id, "event": "credential_failure"}
    for _ in range(2):
        words = {**told, "event_description": "<b>full</b>"}
        status, _, reply = wallet.post("/notification", words)
        assert (status, reply.body) == (204, b"")
        assert "content-type" not in reply.headers
    page = offered.browser("officer").get(f"/certificates/{offered.certificate_id}").text
    assert page.count("the wallet could not keep the certificate") == 1
    assert "&lt;b&gt;full&lt;/b&gt;" in page
    stranger = Wallet(offered, offered.other_id)
    assert stranger.post("/notification", told)[1]["error"] == "invalid_notification_id"
    assert offered.certificates()[0]["status"] == "valid"
    assert wallet.ask()[0] == 200


# --- The pause ----------------------------------------------------------------------------------


@clause("I23", "IP-13", "IP-66")
def test_a_file_in_the_data_folder_pauses_every_endpoint_at_once(offered):
    wallet = Wallet(offered, offered.certificate_id)
    offered.settings.pause_path.touch()
    client = offered.app.test_client()
    asked = [
        ("GET", "/.well-known/openid-credential-issuer"),
        ("GET", "/.well-known/oauth-authorization-server"),
        ("GET", "/offers/x"),
        ("POST", "/token"),
        ("POST", "/par"),
        ("POST", "/challenge"),
        ("POST", "/nonce"),
        ("POST", "/credential"),
        ("POST", "/deferred-credential"),
        ("POST", "/notification"),
    ]
    for method, path in asked:
        answer = client.open(path, method=method, base_url=ORIGIN)
        assert answer.status_code == 503, path
        assert answer.json["error"] == "temporarily_unavailable"
        assert answer.headers["Retry-After"] == "60"
        assert "Date" in answer.headers
    # What was issued goes on being checked, and officers go on working.
    assert offered.browser("officer").get("/").status_code == 200
    offered.settings.pause_path.unlink()
    assert wallet.ask()[0] == 200


@clause("I23", "IP-66")
def test_while_it_is_paused_an_approved_batch_waits(office):
    office.settings.pause_path.touch()
    office.issue(rows_csv(*people(1)), form="paper")
    assert office.certificates() == []
    office.settings.pause_path.unlink()
    office.job.run_once()
    assert [row["state"] for row in office.certificates()] == ["signed"]


def test_our_own_wallet_still_gets_its_credential(offered):
    wallet = new_wallet(offered)
    held = wallet.accept(
        offer_uri(offered, offered.certificate_id),
        transport=AppTransport(offered),
        trust=trust_of(offered),
    )
    assert held
    wallet.close()


@clause("IP-50")
def test_a_status_counts_as_published_when_the_lists_of_all_copies_are(offered, monkeypatch):
    """The copies may be on another list than the certificate itself, which was full."""
    with offered.database.write():
        offered.database.execute("UPDATE status_lists SET used = size", ())
    assert Wallet(offered, offered.certificate_id, SIGNERS[:2]).ask()[0] == 200
    copy = offered.database.first("SELECT * FROM copies")
    assert copy["list_id"] != offered.certificates()[0]["list_id"]
    known = offered.services.certificates
    known.change(
        offered.person,
        offered.certificate_id,
        "suspend",
        expected_version=known.find(offered.person, offered.certificate_id)["version"],
        reason="under_review",
        note="",
    )
    assert not known.find(offered.person, offered.certificate_id)["published"]
    publish = offered.agency.publish_status

    def all_but_that_of_the_copy(content):
        if content.uri.endswith(copy["list_id"]):
            raise RegistryUnavailableError("away")
        return publish(content)

    with monkeypatch.context() as patched:
        patched.setattr(offered.agency, "publish_status", all_but_that_of_the_copy)
        offered.job.run_once()
        found = known.find(offered.person, offered.certificate_id)
        assert (found["published"], bool(found["publishing_trouble"])) == (False, True)
    offered.job.run_once()
    assert known.find(offered.person, offered.certificate_id)["published"]
