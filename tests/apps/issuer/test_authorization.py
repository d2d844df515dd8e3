"""A citizen's wallet comes through the authorization page, as any wallet of the standard does."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import pytest

from issuer_app.errors import SettingsError
from issuer_app.settings import load_settings
from issuer_app.wallet_settings import WalletSettings
from tests.apps.issuer.support import NOW, ORIGIN, people, rows_csv
from tests.apps.issuer.wallets import AppTransport, new_wallet, offer_uri, trust_of
from tests.support.certificates import Authority, pem, x5c
from tests.support.clauses import clause
from tests.support.world import START
from weid.clock import FixedClock
from weid.crypto.jws import parse_jws, verify_jws
from weid.crypto.keys import PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.errors import MalformedError, ProtocolError
from weid.oauth.attested_sender import WalletAttestation
from weid.oauth.client_attestation import create_attestation_proof, create_client_attestation
from weid.oauth.dpop import create_dpop_proof
from weid.oauth.pkce import challenge_of
from weid.openid4vci.key_attestation import KeyAttestations, create_key_attestation
from weid.openid4vci.proof import create_key_proof

FORM = "application/x-www-form-urlencoded"
REDIRECT = "https://wallet.example/cb"
CLIENT = "wallet.example"
VERIFIER = "v" * 43
KEY = InMemorySigner(PrivateKey.from_seed(b"\x61" * 32))
ATTESTER = InMemorySigner(PrivateKey.from_seed(b"\x62" * 32))
WALLETS = {
    "known": [{"client_id": CLIENT, "redirect_uris": [REDIRECT, "com.example.app:/cb"]}],
    "attesters": [ATTESTER.public_key.to_jwk()],
    "offer_grant": "authorization_code",
}


class Citizen:
    """A wallet and the browser in which its owner answers the page."""

    def __init__(self, office) -> None:
        self.office = office
        self.transport = AppTransport(office)
        self.browser = office.browser()
        self.count = 0

    def issuer_state(self, certificate_id) -> str:
        url = unquote(offer_uri(self.office, certificate_id).split("=", 1)[1])
        grants = json.loads(self.transport.get(url).body)["grants"]
        assert set(grants) == {"authorization_code"}
        return grants["authorization_code"]["issuer_state"]

    def post(self, path, fields, headers=None):
        return self.transport.post(
            f"{ORIGIN}{path}", urlencode(fields).encode(), content_type=FORM, headers=headers
        )

    def dpop(self, path, access_token=None) -> dict[str, str]:
        nonce = self.transport.post(f"{ORIGIN}/nonce", b"", content_type="x").headers["dpop-nonce"]
        self.count += 1
        proof = create_dpop_proof(
            KEY,
            self.office.clock,
            method="POST",
            url=ORIGIN + path,
            jti=f"j-{self.count}",
            nonce=nonce,
            access_token=access_token,
        )
        return {"DPoP": proof}

    def push(self, headers=None, **changes):
        fields = {
            "response_type": "code",
            "client_id": CLIENT,
            "redirect_uri": REDIRECT,
            "scope": "residence-test_1",
            "state": "s-1",
            "code_challenge": challenge_of(VERIFIER),
            "code_challenge_method": "S256",
            **changes,
        }
        return self.post("/par", fields, headers)

    def begin(self, headers=None, **changes) -> str:
        """Push a request, follow it to its page and return the page's path."""
        pushed = self.push(headers, **changes)
        assert pushed.status == 201, pushed.body
        query = {"client_id": CLIENT, "request_uri": json.loads(pushed.body)["request_uri"]}
        reply = self.browser.get(f"/authorize?{urlencode(query)}")
        assert reply.status_code == 303
        assert reply.headers["Location"].startswith(f"{ORIGIN}/authorize/")
        return urlsplit(reply.headers["Location"]).path

    def token(self, code, headers=None):
        return self.post(
            "/token",
            {
                "grant_type": "authorization_code",
                "code": code,
                "client_id": CLIENT,
                "redirect_uri": REDIRECT,
                "code_verifier": VERIFIER,
            },
            headers,
        )

    def credential(self, token, headers):
        nonce = json.loads(self.transport.post(f"{ORIGIN}/nonce", b"", content_type="x").body)
        proof = create_key_proof(
            credential_issuer=ORIGIN, nonce=nonce["c_nonce"], signer=KEY, clock=self.office.clock
        )
        body = {"credential_configuration_id": "residence-test_1", "proofs": {"jwt": [proof]}}
        return self.transport.post(
            f"{ORIGIN}/credential",
            json.dumps(body).encode(),
            content_type="application/json",
            headers={"Authorization": f"DPoP {token}", **headers},
        )


def shown_code(office, certificate_id) -> str:
    page = office.browser("officer").get(f"/certificates/{certificate_id}/offer").text
    return re.search(r'<strong class="tx-code">([0-9]{6})</strong>', page)[1]


def answer_of(reply) -> dict[str, str]:
    assert reply.status_code == 303
    assert reply.headers["Location"].startswith(REDIRECT + "?")
    return dict(parse_qsl(urlsplit(reply.headers["Location"]).query))


@pytest.fixture
def paged(new_office):
    office = new_office(wallets=WALLETS)
    office.issue(rows_csv(*people(2)))
    office.certificate_id, office.other_id = (row["id"] for row in office.certificates())
    return office


@clause("IP-37", "IP-38", "IP-40", "IP-41", "IP-44")
def test_from_the_officers_page_over_the_citizens_page_to_a_bound_credential(paged):
    citizen = Citizen(paged)
    page = citizen.begin(
        citizen.dpop("/par"), issuer_state=citizen.issuer_state(paged.certificate_id)
    )
    shown = citizen.browser.get(page)
    assert shown.status_code == 200
    assert "Residence certificate" in shown.text
    assert CLIENT in shown.text
    assert 'name="reference"' not in shown.text
    assert "form-action 'self' https://wallet.example;" in shown.headers["Content-Security-Policy"]
    assert shown.headers["Cache-Control"] == "no-store"
    code = shown_code(paged, paged.certificate_id)
    answer = answer_of(citizen.browser.post(page, tx_code=code))
    assert (answer["state"], answer["iss"]) == ("s-1", ORIGIN)
    reply = citizen.token(answer["code"], citizen.dpop("/token"))
    assert reply.status == 200, reply.body
    token = json.loads(reply.body)
    assert token["token_type"] == "DPoP"
    headers = citizen.dpop("/credential", access_token=token["access_token"])
    credential = citizen.credential(token["access_token"], headers)
    assert credential.status == 200, credential.body
    assert paged.certificates()[0]["state"] == "signed"
    # The page was answered, and the offer is used.
    assert citizen.browser.get(page).status_code == 404
    assert citizen.token(answer["code"], citizen.dpop("/token")).status == 400


@clause("IP-05", "IP-41")
def test_a_wrong_code_is_told_on_the_page_and_counted(paged):
    citizen = Citizen(paged)
    page = citizen.begin(issuer_state=citizen.issuer_state(paged.certificate_id))
    other = shown_code(paged, paged.other_id)
    right = shown_code(paged, paged.certificate_id)
    assert right != other
    refused = citizen.browser.post(page, tx_code=other)
    assert refused.status_code == 422
    assert "There is a problem" in refused.text
    assert 'aria-invalid="true"' in refused.text
    assert other not in refused.text
    for _ in range(4):
        assert citizen.browser.post(page, tx_code="000").status_code == 422
    assert citizen.browser.post(page, tx_code=right).status_code == 422
    actions = [entry["action"] for entry in paged.services.audit.page(paged.person)]
    assert actions.count("offer_tx_code_wrong") == 4
    assert "offer_offer_dead" in actions
    # The other citizen's offer is as it was.
    page = citizen.begin(issuer_state=citizen.issuer_state(paged.other_id))
    assert "code" in answer_of(citizen.browser.post(page, tx_code=other))


@clause("IP-41")
def test_without_an_offer_in_the_wallet_the_reference_is_asked_for(paged):
    citizen = Citizen(paged)
    reference = citizen.issuer_state(paged.certificate_id)
    page = citizen.begin()
    assert 'name="reference"' in citizen.browser.get(page).text
    code = shown_code(paged, paged.certificate_id)
    assert citizen.browser.post(page, tx_code=code).status_code == 422
    assert "code" in answer_of(citizen.browser.post(page, tx_code=code, reference=reference))


@clause("IP-41")
def test_who_declines_sends_the_wallet_away(paged):
    citizen = Citizen(paged)
    page = citizen.begin()
    answer = answer_of(citizen.browser.post(page, decline="yes"))
    assert (answer["error"], answer["state"]) == ("access_denied", "s-1")
    gone = citizen.browser.post(page, decline="yes")
    assert gone.status_code == 404
    assert "Begin again in your wallet" in gone.text


@clause("I15", "IP-39")
def test_what_cannot_be_trusted_ends_on_a_page_of_ours(paged):
    citizen = Citizen(paged)
    for query in (
        "",
        "?request_uri=urn:x&client_id=a",
        f"?{urlencode({'client_id': CLIENT, 'redirect_uri': 'https://evil.example/'})}",
        "?%ff",
    ):
        reply = citizen.browser.get(f"/authorize{query}")
        assert reply.status_code == 400, query
        assert "Location" not in reply.headers
        assert "text/html" in reply.headers["Content-Type"]
        assert "Begin again in your wallet" in reply.text
        assert "https://evil" not in reply.text
    page = citizen.browser.get("/authorize/unknown", headers={"Accept-Language": "zh-HK"})
    assert page.status_code == 404
    assert "請在您的錢包重新開始" in page.text


@clause("W3", "IP-41")
def test_the_page_takes_only_its_own_form(paged):
    citizen = Citizen(paged)
    page = citizen.begin(issuer_state=citizen.issuer_state(paged.certificate_id))
    code = shown_code(paged, paged.certificate_id)
    for options in ({"form_token": "0" * 64}, {"origin": "https://evil.example"}):
        assert citizen.browser.post(page, tx_code=code, **options).status_code == 403
    assert citizen.browser.get(page).status_code == 200


@clause("IP-37")
def test_the_code_stands_beside_the_offer_in_the_officers_list(paged):
    person = paged.person
    batch_id = paged.database.value("SELECT batch_id FROM certificates")
    rows = paged.services.offers.file_of_batch(person, batch_id).decode("utf-8-sig").splitlines()
    assert rows[0].split(",") == ["row", "holder", "offer", "tx_code", "valid_until"]
    assert shown_code(paged, paged.certificate_id) in rows[1]
    # It does not follow from what the holder of the offer has.
    assert len({line.split(",")[3] for line in rows[1:]}) == 2


@clause("I7", "IP-42")
def test_the_store_holds_no_secret_of_the_flow(paged):
    citizen = Citizen(paged)
    state = citizen.issuer_state(paged.certificate_id)
    page = citizen.begin(issuer_state=state)
    code = shown_code(paged, paged.certificate_id)
    answer = answer_of(citizen.browser.post(page, tx_code=code))
    paged.database.close()
    stored = b"".join(path.read_bytes() for path in paged.folder.glob("issuer.sqlite*"))
    for secret in (answer["code"], page.rsplit("/", 1)[1]):
        assert secret.encode() not in stored


def attested(citizen) -> dict[str, str]:
    """Return the headers of a wallet that its maker vouches for."""
    citizen.count += 1
    one = create_client_attestation(
        ATTESTER,
        client_id="another-wallet",
        key=KEY.public_key,
        expires_at=citizen.office.clock.now() + 600,
        header={},
    )
    other = create_attestation_proof(
        KEY, citizen.office.clock, audience=ORIGIN, jti=f"a-{citizen.count}"
    )
    return {"OAuth-Client-Attestation": one, "OAuth-Client-Attestation-PoP": other}


def sent_to(page: str) -> str:
    """Return the words of a page about where it leads."""
    found = re.search(r'id="sent-to">(.*?)</dd>', page)[1]
    return re.sub(r"<[^>]+>", "", found)


@clause("IP-45")
def test_an_attested_wallet_that_nobody_listed_comes_through(paged):
    citizen = Citizen(paged)

    changes = {"client_id": "another-wallet", "redirect_uri": "com.another.app:/cb"}
    assert citizen.push(**changes).status == 401
    pushed = citizen.push(attested(citizen), **changes)
    assert pushed.status == 201
    challenge = citizen.transport.post(f"{ORIGIN}/challenge", b"", content_type="x")
    assert json.loads(challenge.body)["attestation_challenge"]
    query = {"client_id": "another-wallet", "request_uri": json.loads(pushed.body)["request_uri"]}
    page = urlsplit(citizen.browser.get(f"/authorize?{urlencode(query)}").headers["Location"]).path
    shown = citizen.browser.get(page)
    assert "form-action 'self' com.another.app:;" in shown.headers["Content-Security-Policy"]
    assert sent_to(shown.text) == "the app on this device that opens com.another.app:"
    assert 'id="unlisted"' in shown.text


@clause("IP-39", "IP-45")
@pytest.mark.parametrize(
    ("redirect", "language", "place"),
    [
        ("https://phish.example:8443/cb", "en", "phish.example:8443"),
        ("https://phish.example/cb?to=wallet.example", "zh-HK", "phish.example"),
        ("http://127.0.0.1:51000/cb", "en", "a program on this device"),
        ("http://127.0.0.1:51000/cb", "zh-HK", "此裝置上的程式"),
        ("com.another.app:/cb", "zh-HK", "此裝置上可開啟這種連結的應用程式 com.another.app:"),
    ],
)
def test_the_page_says_where_an_unlisted_wallet_sends_the_citizen(paged, redirect, language, place):
    citizen = Citizen(paged)
    request = {
        "client_id": "another-wallet",
        "request_uri": json.loads(
            citizen.push(attested(citizen), client_id="another-wallet", redirect_uri=redirect).body
        )["request_uri"],
    }
    headers = {"Accept-Language": language}
    page = urlsplit(
        citizen.browser.get(f"/authorize?{urlencode(request)}").headers["Location"]
    ).path
    text = citizen.browser.get(page, headers=headers).text
    assert sent_to(text) == place
    assert 'id="unlisted"' in text
    assert ("不在機關的名單內" in text) == (language == "zh-HK")


@clause("IP-39")
def test_of_a_listed_wallet_only_the_place_is_said(paged):
    citizen = Citizen(paged)
    text = citizen.browser.get(citizen.begin()).text
    assert sent_to(text) == "wallet.example"
    assert 'id="unlisted"' not in text


# --- Our wallet, where its maker vouches for it ---------------------------------------------------


def attestation_for(office, **changes) -> str:
    given = {
        "client_id": CLIENT, "key": KEY.public_key, "expires_at": office.clock.now() + 600,
        "header": {}, **changes,
    }  # fmt: skip
    return create_client_attestation(ATTESTER, **given)


@clause("IP-81")
@pytest.mark.parametrize("challenged", [True, False])
def test_our_wallet_shows_its_attestation_where_one_is_asked_for(new_office, challenged):
    wallets = {
        "attesters": WALLETS["attesters"], "attestation_required": True, "dpop_required": True,
        "attestation_challenge_required": challenged,
    }  # fmt: skip
    office = new_office(wallets=wallets)
    office.issue(rows_csv(*people(1)))
    [row] = office.certificates()
    wallet = new_wallet(office)
    given = {"transport": AppTransport(office), "trust": trust_of(office), "copies": 1}
    with pytest.raises(ProtocolError, match="invalid_client"):
        wallet.accept(offer_uri(office, row["id"]), **given)
    attestation = WalletAttestation.open(attestation_for(office), KEY, clock=office.clock)
    assert wallet.accept(offer_uri(office, row["id"]), attestation=attestation, **given)
    wallet.close()


@clause("IP-81")
def test_an_attestation_goes_to_nobody_who_does_not_ask_for_one(office):
    office.issue(rows_csv(*people(1)))
    [row] = office.certificates()
    wallet, transport = new_wallet(office), AppTransport(office)
    sent = []
    post = transport.post
    transport.post = lambda url, body, **more: (
        sent.append(more.get("headers") or {}) or post(url, body, **more)
    )
    attestation = WalletAttestation.open(attestation_for(office), KEY, clock=office.clock)
    wallet.accept(
        offer_uri(office, row["id"]),
        transport=transport,
        trust=trust_of(office),
        attestation=attestation,
    )
    assert not any("OAuth-Client-Attestation" in headers for headers in sent)
    wallet.close()


@clause("IP-81")
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"key": ATTESTER.public_key}, "another key"),
        ({"expires_at": NOW - 1}, "expired"),
        ({"client_id": ""}, "sub"),
    ],
)
def test_an_attestation_that_is_not_this_wallets_is_not_used(office, changes, why):
    with pytest.raises(MalformedError, match=why):
        WalletAttestation.open(attestation_for(office, **changes), KEY, clock=office.clock)
    with pytest.raises(MalformedError):
        WalletAttestation.open("no JWT", KEY, clock=office.clock)


# --- Metadata ---------------------------------------------------------------------------------


@clause("IP-47")
def test_the_servers_metadata_has_both_names(paged):
    transport = AppTransport(paged)
    one = transport.get(f"{ORIGIN}/.well-known/oauth-authorization-server")
    other = transport.get(f"{ORIGIN}/.well-known/openid-configuration")
    assert one.body == other.body
    server = json.loads(one.body)
    assert server["authorization_endpoint"] == f"{ORIGIN}/authorize"
    assert server["scopes_supported"] == ["residence-test_1"]
    configurations = json.loads(
        transport.get(f"{ORIGIN}/.well-known/openid-credential-issuer").body
    )["credential_configurations_supported"]
    assert {known["scope"] for known in configurations.values()} == {"residence-test_1"}


@clause("IP-48")
def test_the_issuers_metadata_is_signed_with_the_key_of_its_credentials(office):
    transport = AppTransport(office)
    url = f"{ORIGIN}/.well-known/openid-credential-issuer"
    reply = transport.get(url, accept="application/jwt")
    assert reply.content_type == "application/jwt"
    parsed = parse_jws(reply.body.decode(), what="it", max_bytes=10**6)
    verify_jws(parsed, office.keys.assertion.public)
    assert parsed.header["kid"].startswith(office.issuer.did)
    plain = transport.get(url, accept="application/json")
    assert plain.content_type == "application/json"
    assert plain.headers["vary"] == "Accept"
    assert json.loads(parsed.payload).items() >= json.loads(plain.body).items()


@clause("IP-44")
def test_wallets_in_browsers_can_send_proofs_and_read_nonces(office):
    reply = office.app.test_client().options(
        "/token", base_url=ORIGIN, headers={"Origin": "https://wallet.example"}
    )
    assert reply.status_code == 200
    assert "DPoP" in reply.headers["Access-Control-Allow-Headers"]
    assert "DPoP-Nonce" in reply.headers["Access-Control-Expose-Headers"]


@clause("IP-37")
def test_without_known_wallets_there_is_no_page(office):
    citizen = Citizen(office)
    assert citizen.push().status == 404
    assert citizen.browser.get("/authorize?client_id=a").status_code == 400
    server = AppTransport(office).get(f"{ORIGIN}/.well-known/oauth-authorization-server")
    assert "authorization_endpoint" not in json.loads(server.body)


# --- Settings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wallets", "why"),
    [
        ({"known": [{"client_id": "w", "redirect_uris": ["javascript:x"]}]}, "redirect_uri"),
        ({"known": [{"client_id": "w", "redirect_uris": ["http://w.example/"]}]}, "redirect_uri"),
        ({"known": [{"client_id": "w", "redirect_uris": []}]}, "redirect_uris"),
        ({"attesters": [{"kty": "OKP"}]}, "attesters"),
        ({"attesters": [{**ATTESTER.public_key.to_jwk(), "d": "A" * 43}]}, "attesters"),
        ({"attestation_required": True}, "attesters"),
        ({"offer_grant": "authorization_code"}, "offers for the page"),
        ({"offer_grant": "password"}, "offer_grant"),
        ({"require_dpop": True}, "require_dpop"),
    ],
)
def test_settings_of_wallets_that_are_refused(tmp_path, wallets, why):
    path = tmp_path / "settings.json"
    values = {"public_url": ORIGIN, "data_dir": str(tmp_path), "wallets": wallets}
    path.write_text(json.dumps(values))
    with pytest.raises(SettingsError, match=why) as refused:
        load_settings(path, {})
    assert "AAAA" not in str(refused.value)


def test_authorities_of_attesters_are_read_from_their_files(tmp_path):
    root = Authority.root()
    leaf = root.leaf(KEY.public_key)
    good, wrong, none = tmp_path / "ca.pem", tmp_path / "leaf.pem", tmp_path / "none.pem"
    good.write_bytes(pem(root.certificate))
    wrong.write_bytes(pem(leaf))
    for path, why in ((wrong, "no authority"), (none, "cannot be read")):
        settings = WalletSettings(attester_authorities=(path,), attestation_required=True)
        with pytest.raises(SettingsError, match=why):
            settings.policy(lambda _question, _answers: None, FixedClock(START))
    none.write_text("nothing")
    with pytest.raises(SettingsError):
        WalletSettings(attester_authorities=(none,)).policy(lambda _q, _a: None, FixedClock(START))
    settings = WalletSettings(attester_authorities=(good,))
    policy = settings.policy(lambda _question, _answers: None, FixedClock(START))
    assert policy.find_approval is not None
    assert policy.attesters.read_chain(x5c(leaf)) == KEY.public_key


@clause("IP-51")
def test_authorities_of_makers_of_key_storages_are_read_from_their_files(tmp_path):
    root = Authority.root()
    leaf = root.leaf(KEY.public_key)
    good, wrong = tmp_path / "ca.pem", tmp_path / "leaf.pem"
    good.write_bytes(pem(root.certificate))
    wrong.write_bytes(pem(leaf))
    with pytest.raises(SettingsError, match=r"wallets\.key_attester_authorities: .* no authority"):
        WalletSettings(key_attester_authorities=(wrong,)).issuance_policy(FixedClock(START))
    settings = WalletSettings(key_attester_authorities=(good,), key_attestation_required=True)
    attesters = settings.issuance_policy(FixedClock(START)).key_attesters
    attestations = KeyAttestations(attesters, FixedClock(START))
    header = {"x5c": x5c(leaf)}
    text = create_key_attestation(
        KEY, (ATTESTER.public_key,), nonce="n", clock=FixedClock(START), header=header
    )
    assert attestations.check(text, must_expire=False).keys == (ATTESTER.public_key,)
    stranger = create_key_attestation(
        ATTESTER, (ATTESTER.public_key,), nonce="n", clock=FixedClock(START), header=header
    )
    with pytest.raises(ProtocolError, match="invalid_proof"):
        attestations.check(stranger, must_expire=False)


def test_the_settings_reach_the_policy(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text(
        f'public_url = "{ORIGIN}"\ndata_dir = "x"\n[wallets]\ndpop_required = true\n'
        f'[[wallets.known]]\nclient_id = "w"\nredirect_uris = ["{REDIRECT}"]\n'
    )
    policy = load_settings(path, {}).wallets.policy(
        lambda _question, _answers: None, FixedClock(NOW)
    )
    assert policy.dpop_required
    assert policy.find_approval is not None
    assert policy.clients[0].redirect_uris == (REDIRECT,)


# --- Hostile requests -------------------------------------------------------------------------

HOSTILE = {
    "nothing": (b"", FORM),
    "no form": (b"{}", "application/json"),
    "no type": (b"a=b", ""),
    "broken percent signs": (b"grant_type=%zz&code=%ff%fe", FORM),
    "NUL": (b"grant_type=\x00&client_id=%00&redirect_uri=%00", FORM),
    "bytes": (bytes(range(256)), FORM),
    "a thousand fields": (b"&".join(b"a%d=1" % n for n in range(1000)), FORM),
    "one field a thousand times": (b"&".join([b"grant_type=x"] * 1000), FORM),
    "20 kB": (b"grant_type=" + b"x" * 20_000, FORM),
    "100 kB": (b"grant_type=" + b"x" * 100_000, FORM),
    "deep JSON": (b"[" * 5000, "application/json"),
    "JSON that is no object": (b"null", "application/json"),
    "deep details": (
        urlencode({"client_id": CLIENT, "authorization_details": "[" * 5000}).encode(),
        FORM,
    ),
}


@clause("I13", "I16", "IP-38", "IP-43", "IP-45")
@pytest.mark.parametrize("path", ["/par", "/token", "/credential"])
def test_no_request_of_a_stranger_is_a_fault_of_ours(paged, path):
    transport = AppTransport(paged)
    headers = (
        {},
        {"DPoP": "x", "Authorization": "DPoP x"},
        {"Authorization": "Bearer " + "x" * 4000},
        {"Authorization": "DPoP"},
        {"OAuth-Client-Attestation": "a.b.c", "OAuth-Client-Attestation-PoP": "\u00e9"},
    )
    for name, (body, content_type) in HOSTILE.items():
        for sent in headers:
            reply = transport.post(f"{ORIGIN}{path}", body, content_type=content_type, headers=sent)
            assert 400 <= reply.status < 500, (name, sent, reply.body)
            assert json.loads(reply.body)["error"], (name, sent)
            assert (
                ("www-authenticate" in reply.headers)
                or reply.status != 401
                or path != ("/credential")
            )
