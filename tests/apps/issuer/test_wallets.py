"""A citizen's wallet redeems an officer's offer, and a verifier accepts what it got."""

from __future__ import annotations

import json
import threading
from urllib.parse import unquote

import pytest

from tests.apps.issuer.support import ORIGIN, people, rows_csv
from tests.apps.issuer.wallets import AppTransport, new_wallet, offer_uri, trust_of, verify
from tests.support.clauses import clause
from weid.credential.credential import Credential
from weid.credential.issuance_anchor import IssuanceAnchor
from weid.crypto.keys import PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.errors import MalformedError, ProtocolError, RegistryUnavailableError
from weid.openid4vci.proof import create_key_proof
from weid.qr.draw import draw_png
from weid.qr.envelope import decode_envelope, encode_envelope
from weid.qr.image import read_image
from weid.verification.policy import TrustedNetwork, TrustPolicy
from weid.verifier import Verifier


@pytest.fixture
def offered(office):
    office.issue(rows_csv(*people(2)))
    office.certificate_id, office.other_id = (row["id"] for row in office.certificates())
    return office


def code_of(office, certificate_id):
    """Return the pre-authorized code behind an offer."""
    url = offer_uri(office, certificate_id).split("=", 1)[1]
    offer = AppTransport(office).get(unquote(url))
    grants = json.loads(offer.body)["grants"]
    return grants["urn:ietf:params:oauth:grant-type:pre-authorized_code"]["pre-authorized_code"]


def ask_token(office, code):
    grant = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
    return AppTransport(office).post(
        f"{ORIGIN}/token",
        f"grant_type={grant}&pre-authorized_code={code}".encode(),
        content_type="application/x-www-form-urlencoded",
    )


def test_the_whole_way_from_the_officers_page_to_a_valid_report(offered):
    wallet = new_wallet(offered)
    held = wallet.accept(
        offer_uri(offered, offered.certificate_id),
        transport=AppTransport(offered),
        trust=trust_of(offered),
    )
    report = verify(offered, wallet, held, "name", "born")
    assert report.accepted, str(report)
    assert report.require().claims["name"] == "Person 00001"
    row = offered.certificates()[0]
    assert row["state"] == "signed"
    assert row["credential"].startswith("ey")
    wallet.close()


def test_the_anchor_comes_with_the_credential_and_leads_to_the_registrys_root(offered):
    wallet = new_wallet(offered)
    held = wallet.accept(
        offer_uri(offered, offered.certificate_id),
        transport=AppTransport(offered),
        trust=trust_of(offered),
    )
    anchor = held.credential.anchor if hasattr(held, "credential") else held.anchor
    assert isinstance(anchor, IssuanceAnchor)
    record = offered.registry.batch(offered.issuer.did, anchor.root)
    credential = Credential.parse(offered.certificates()[0]["credential"])
    anchor.verify(credential.sd_jwt.issuer_jws.signing_input, expected_size=record.count)
    assert record.purpose == "issuance"
    wallet.close()


def test_the_picture_on_the_page_is_the_offer(offered):
    shown = offered.services.offers.shown(
        offered.person,
        offered.certificate_id,
        label="Code of the offer, to be scanned with the wallet",
    )
    assert read_image(draw_png(shown.uri)) == shown.uri
    page = offered.browser("officer").get(f"/certificates/{offered.certificate_id}/offer").text
    assert str(shown.picture) in page


@clause("I1")
def test_a_code_gives_one_token_also_when_twenty_ask_at_once(offered):
    code = code_of(offered, offered.certificate_id)
    statuses, begin = [], threading.Barrier(20)

    def ask():
        begin.wait()
        statuses.append(ask_token(offered, code).status)

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [400] * 19
    again = ask_token(offered, code)
    assert (again.status, json.loads(again.body)["error"]) == (400, "invalid_grant")
    actions = [entry["action"] for entry in offered.services.audit.page(offered.person)]
    assert "offer_code_used_again" in actions


@clause("I5")
def test_an_offer_past_its_time_is_dead_and_can_be_made_anew(offered):
    uri = offer_uri(offered, offered.certificate_id)
    code = code_of(offered, offered.certificate_id)
    offered.clock.advance(offered.settings.offer_minutes * 60 + 1)
    assert ask_token(offered, code).status == 400
    wallet = new_wallet(offered)
    with pytest.raises(MalformedError):
        wallet.accept(uri, transport=AppTransport(offered), trust=trust_of(offered))
    browser = offered.browser("officer")
    assert "has run out" in browser.get(f"/certificates/{offered.certificate_id}/offer").text
    browser.post(f"/certificates/{offered.certificate_id}/offer")
    wallet.accept(
        offer_uri(offered, offered.certificate_id),
        transport=AppTransport(offered),
        trust=trust_of(offered),
    )
    wallet.close()


@clause("I6", "I7")
def test_reading_an_offer_does_not_burn_it_and_it_cannot_be_guessed(offered):
    uri = offer_uri(offered, offered.certificate_id)
    transport = AppTransport(offered)
    url = unquote(uri.split("=", 1)[1])
    first, second = transport.get(url), transport.get(url)
    assert first.status == second.status == 200
    assert first.body == second.body
    assert first.headers["referrer-policy"] == "no-referrer"
    assert first.headers["cache-control"] == "no-store"
    assert len(url.rsplit("/", 1)[1]) == 43
    assert transport.get(url[:-1] + ("A" if url[-1] != "A" else "B")).status == 404


@clause("I7")
def test_the_store_holds_no_code_and_no_offer_id(offered):
    uri = offer_uri(offered, offered.certificate_id)
    offer_id = uri.rsplit("%2F", 1)[1]
    code = code_of(offered, offered.certificate_id)
    token = json.loads(ask_token(offered, code).body)["access_token"]
    offered.database.close()
    stored = b"".join(path.read_bytes() for path in offered.folder.glob("issuer.sqlite*"))
    for secret in (offer_id, code, token, token.split(".")[-1]):
        assert secret.encode() not in stored


def test_a_new_offer_kills_the_one_before(offered):
    before = code_of(offered, offered.certificate_id)
    offered.browser("officer").post(f"/certificates/{offered.certificate_id}/offer")
    assert code_of(offered, offered.certificate_id) != before
    assert ask_token(offered, before).status == 400


@clause("I10", "I13")
def test_a_token_opens_one_certificate_for_one_key(offered):
    token = json.loads(ask_token(offered, code_of(offered, offered.certificate_id)).body)
    transport = AppTransport(offered)

    def ask(key, access_token=token["access_token"], query=""):
        nonce = json.loads(transport.post(f"{ORIGIN}/nonce", b"", content_type="x").body)
        proof = create_key_proof(
            credential_issuer=ORIGIN,
            nonce=nonce["c_nonce"],
            signer=InMemorySigner(key),
            clock=offered.clock,
        )
        body = {
            "credential_configuration_id": "residence-test_1",
            "proofs": {"jwt": [proof]},
        }
        headers = {"Authorization": f"Bearer {access_token}"} if access_token else {}
        return transport.post(
            f"{ORIGIN}/credential{query}",
            json.dumps(body).encode(),
            content_type="application/json",
            headers=headers,
        )

    mine, thiefs = PrivateKey.generate(), PrivateKey.generate()
    first, again = ask(mine), ask(mine)
    assert first.status == again.status == 200
    assert json.loads(first.body) == json.loads(again.body)
    assert ask(thiefs).status == 400
    missing = ask(mine, access_token=None)
    assert missing.status == 401
    assert missing.headers["www-authenticate"].startswith("Bearer")
    assert ask(mine, access_token="x" * 40).status == 401
    in_url = ask(mine, access_token=None, query=f"?access_token={token['access_token']}")
    assert in_url.status in {400, 401}
    assert len([row for row in offered.certificates() if row["state"] == "signed"]) == 1
    actions = [entry["action"] for entry in offered.services.audit.page(offered.person)]
    assert "offer_key_refused" in actions


@clause("I22")
def test_a_crash_after_signing_gives_the_same_credential_on_the_same_place(offered, monkeypatch):
    wallets = offered.services.wallets
    real = wallets._anchoring.run

    def die():
        raise KeyboardInterrupt

    monkeypatch.setattr(wallets._anchoring, "run", die)
    uri = offer_uri(offered, offered.certificate_id)
    signing = offered.services.wallets._signing
    keys = [PrivateKey.generate().public for _ in range(3)]
    wanted = (offered.certificate_id, "residence-test_1")
    signed = signing.redeem(*wanted, keys, issuance_id="one")
    monkeypatch.setattr(wallets._anchoring, "run", real)
    assert signing.redeem(*wanted, keys, issuance_id="one") == signed
    for others in (keys[:2], [*keys[:2], PrivateKey.generate().public]):
        with pytest.raises(ProtocolError):
            signing.redeem(*wanted, others, issuance_id="one")
    assert uri
    places = [row["list_index"] for row in offered.database.query("SELECT * FROM places")]
    assert len(places) == len(set(places)) == 4


@clause("I17")
def test_nothing_can_be_redeemed_before_the_approval(new_office):
    office = new_office(policy="two_person")
    browser = office.browser("officer")
    location = browser.upload(office.template_id, rows_csv(*people(1))).headers["Location"]
    browser.issue(location)
    office.job.run_once()
    assert office.certificates() == []
    assert office.database.query("SELECT * FROM offers") == []


def test_a_revoked_offer_is_refused_and_stays_revoked(offered):
    uri = offer_uri(offered, offered.certificate_id)
    offered.services.certificates.change(
        offered.person,
        offered.certificate_id,
        "revoke",
        expected_version=1,
        reason="data_wrong",
        note="",
    )
    wallet = new_wallet(offered)
    with pytest.raises(ProtocolError) as refused:
        wallet.accept(uri, transport=AppTransport(offered), trust=trust_of(offered))
    assert refused.value.code == "credential_request_denied"
    wallet.close()


def test_while_the_registry_is_away_the_credential_goes_out_and_is_anchored_later(
    offered, monkeypatch
):
    def away(*_args):
        raise RegistryUnavailableError("away")

    uri = offer_uri(offered, offered.certificate_id)
    with monkeypatch.context() as patched:
        patched.setattr(offered.agency, "anchor", away)
        wallet = new_wallet(offered)
        held = wallet.accept(uri, transport=AppTransport(offered), trust=trust_of(offered))
    assert offered.services.wallets._anchoring.anchor_of(offered.certificate_id) is None
    offered.job.run_once()
    anchor = offered.services.wallets._anchoring.anchor_of(offered.certificate_id)
    assert offered.registry.batch(offered.issuer.did, IssuanceAnchor.from_json(anchor).root)
    assert held
    wallet.close()


def test_the_metadata_names_every_template_with_its_texts(office):
    metadata = office.browser().get("/.well-known/openid-credential-issuer").json
    configuration = metadata["credential_configurations_supported"]["residence-test_1"]
    assert configuration["format"] == "dc+sd-jwt"
    assert configuration["vct"] == office.template.vct
    names = {
        text["locale"]: text["name"] for text in configuration["credential_metadata"]["display"]
    }
    assert names == {"en": "Residence certificate", "zh-Hant": "居住證明"}
    assert metadata["credential_issuer"] == ORIGIN
    server = office.browser().get("/.well-known/oauth-authorization-server").json
    assert server["issuer"] == ORIGIN
    assert server["token_endpoint"] == f"{ORIGIN}/token"


@clause("C36")
def test_a_row_with_a_holders_key_is_signed_at_once_for_that_key(office):
    key = PrivateKey.generate()
    jwk = json.dumps(key.public.to_jwk())
    office.issue(rows_csv((*people(1)[0], jwk), header=("name", "number", "born", "holder_jwk")))
    row = office.certificates()[0]
    assert row["state"] == "signed"
    assert Credential.parse(row["credential"]).holder_key == key.public
    assert office.database.query("SELECT * FROM offers") == []


@clause("C27", "C28")
def test_salts_of_a_batch_are_distinct_and_decoys_hide_the_number_of_claims(office):
    keys = [json.dumps(PrivateKey.generate().public.to_jwk()) for _ in range(40)]
    rows = [(*row, key) for row, key in zip(people(40), keys, strict=True)]
    office.issue(rows_csv(*rows, header=("name", "number", "born", "holder_jwk")))
    credentials = [Credential.parse(row["credential"]) for row in office.certificates()]
    disclosures = [text for credential in credentials for text in credential.sd_jwt.disclosures]
    assert len(set(disclosures)) == len(disclosures)
    assert len({len(c.sd_jwt.payload()["_sd"]) for c in credentials}) > 1


def test_a_paper_form_is_another_credential_without_a_key_on_its_own_place(office):
    office.issue(rows_csv(*people(1)), form="both")
    paper, wallet = office.certificates()
    assert (paper["form"], wallet["form"]) == ("paper", "wallet")
    assert paper["list_index"] != wallet["list_index"]
    credential = Credential.parse(paper["credential"])
    assert credential.holder_key is None
    assert credential.sd_jwt.disclosures == ()
    page = office.browser("officer").get(f"/certificates/{paper['id']}/paper").text
    assert "<svg" in page
    code = encode_envelope(paper["credential"], paper=True)
    assert decode_envelope(read_image(draw_png(code))) == paper["credential"]
    policy = TrustPolicy(
        networks={
            "local": TrustedNetwork(
                reader=office.registry,
                genesis_hash=office.registry.genesis_hash,
                status_tokens=AppTransport(office),
            )
        },
        accept_unbound_credentials=True,
    )
    verifier = Verifier("https://counter.example", policy=policy, clock=office.clock)
    report = verifier.verify_credential(paper["credential"])
    assert report.accepted, str(report)
    assert report.require().claims["number"] == "R-00001"


@clause("W17", "I12")
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(b'{"a": 1, "a": 2}', "application/json", id="a member twice"),
        pytest.param(b"[" * 100_000, "application/json", id="depth"),
        pytest.param(b"{", "application/json", id="cut off"),
        pytest.param(b"{}", "text/plain", id="another type"),
        pytest.param(b"\xff\xfe{}", "application/json", id="UTF-16"),
        pytest.param(
            json.dumps({"proofs": {"jwt": ["x"] * 10_000}}).encode(),
            "application/json",
            id="ten thousand proofs",
        ),
    ],
)
def test_bodies_that_are_no_request_are_400_and_change_nothing(offered, body, content_type):
    token = json.loads(ask_token(offered, code_of(offered, offered.certificate_id)).body)
    answer = AppTransport(offered).post(
        f"{ORIGIN}/credential",
        body,
        content_type=content_type,
        headers={"Authorization": f"Bearer {token['access_token']}"},
    )
    assert answer.status in {400, 413}
    assert all(row["state"] == "offered" for row in offered.certificates())
