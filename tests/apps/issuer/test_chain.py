"""An office with a certificate chain: two configurations, whose signer, and what stops the start."""

from __future__ import annotations

import dataclasses
import json

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from issuer_app.cli.main import cli
from issuer_app.errors import SettingsError
from issuer_app.services.decisions import WAIT_SECONDS as DECISION_SECONDS
from issuer_app.services.people import Person, Role
from issuer_app.services.wallet_endpoints import OfferWish
from issuer_app.settings import Settings
from issuer_app.setup import make_folder, open_agency, open_chain, set_up
from issuer_app.store.database import Database
from registry_chain import LocalRegistry
from tests.apps.issuer.support import NOW, ORIGIN, people, rows_csv
from tests.apps.issuer.wallets import (
    AppTransport,
    new_wallet,
    offer_uri,
    trust_of,
    verifier_of,
    verify,
)
from tests.support.certificates import YEAR, Authority, certify, pem, x5c
from tests.support.clauses import clause
from weid.clock import FixedClock
from weid.credential.credential import Credential
from weid.crypto.certificates import CertificateChain
from weid.crypto.jws import parse_jws
from weid.crypto.keys import KeyKind, PrivateKey, PublicKey
from weid.errors import ProtocolError, RegistryUnavailableError, WalletError
from weid.issuer import IssuerKeys
from weid.registry.operations import MarkKeyCompromised, UpdateDid

ROOT = Authority.root(not_before=NOW - YEAR, not_after=NOW + YEAR)
PLAIN, CHAINED = "residence-test_1", "residence-test_1-x5c"
DAY = 86_400


def chain_of(office, *, days=30) -> CertificateChain:
    leaf = ROOT.leaf(
        office.keys.assertion.public,
        f"{office.issuer.did}#assertion-1",
        not_before=NOW - DAY,
        not_after=NOW + days * DAY,
    )
    return CertificateChain.parse(x5c(leaf))


@pytest.fixture
def certified(new_office):
    """An office whose key is of P-256, as wallets of HAIP want it, with two offers."""
    office = new_office(signing=KeyKind.P256, certify=chain_of)
    office.issue(rows_csv(*people(2)))
    return office


def configurations(office):
    metadata = office.browser().get("/.well-known/openid-credential-issuer").json
    return metadata["credential_configurations_supported"]


def decider(office) -> Person:
    """Return another person of the office, who decides."""
    return Person("u2", office.person.organisation, "other", "Other", frozenset(Role))


def offer_of(office, certificate_id, configuration, generation=9):
    """Make a certificate's offer one of a configuration, and return its URI."""
    wallets = office.services.wallets
    issuance = wallets.open_offer(
        [configuration], certificate_id, generation=generation, lifetime=600
    )
    return wallets.find_offer(certificate_id, generation=generation, issuance_id=issuance).uri


@clause("VF-46")
def test_the_metadata_has_two_configurations_of_each_template(certified):
    found = configurations(certified)
    assert list(found) == [PLAIN, CHAINED]
    for name in (PLAIN, CHAINED):
        assert found[name]["scope"] == name
        assert found[name]["credential_signing_alg_values_supported"] == ["ES256"]
    assert {**found[CHAINED], "scope": PLAIN} == found[PLAIN]


def test_an_office_without_a_chain_has_one(office):
    found = configurations(office)
    assert list(found) == [PLAIN]
    assert found[PLAIN]["credential_signing_alg_values_supported"] == ["EdDSA"]


@clause("VF-44", "VF-46", "CP-55")
def test_an_offer_gives_the_copy_of_its_configuration(certified):
    office = certified
    first, second = (row["id"] for row in office.certificates())
    wallet = new_wallet(office)
    for certificate_id, uri, member in (
        (first, offer_of(office, first, PLAIN), "kid"),
        (second, offer_of(office, second, CHAINED), "x5c"),
    ):
        held = wallet.accept(uri, transport=AppTransport(office), trust=trust_of(office))
        header = held.credential.sd_jwt.issuer_jws.header
        assert set(header) == {"alg", "typ", member}
        assert header["alg"] == "ES256"
        assert held.credential.issuer == office.issuer.did
        kept = next(row for row in office.certificates() if row["id"] == certificate_id)
        assert Credential.parse(kept["credential"]).text == held.credential.text
        report = verify(office, wallet, held, "name")
        assert report.accepted, str(report)
        wallet.remove(held.id)
    wallet.close()


# --- Both copies in one offer ---------------------------------------------------------------------


@clause("VF-46", "IP-80")
def test_one_offer_gives_both_copies_as_one_certificate(certified):
    office = certified
    first = office.certificates()[0]["id"]
    page = office.browser("officer").get(f"/certificates/{first}/offer").text
    assert "one certificate in two copies" in page
    wallet = new_wallet(office)
    asked = []
    outcome = wallet.accept_all(
        offer_uri(office, first),
        transport=AppTransport(office),
        trust=trust_of(office),
        copies=2,
        agree=lambda consent: asked.append(consent.kind) or True,
    )
    headers = [held.credential.sd_jwt.issuer_jws.header for held in outcome.kept]
    assert ["x5c" in header for header in headers] == [True, True, False, False]
    assert asked == ["offer", "received"]
    places = {
        held.credential.sd_jwt.payload()["status"]["status_list"]["idx"] for held in outcome.kept
    }
    salts = {text for held in outcome.kept for text in held.credential.sd_jwt.disclosures}
    disclosed = len(outcome.kept[0].credential.sd_jwt.disclosures)
    assert (len(places), len(salts)) == (4, 4 * disclosed)
    certificate = {held.certificate for held in outcome.kept}
    assert len(certificate) == 1
    # The copy for codes goes into a code, the other to who lives by certificates.
    shown = Credential.parse(
        wallet.show(outcome.kept[0].id, disclose=["name"]).rpartition("~")[0] + "~"
    )
    assert "kid" in shown.sd_jwt.issuer_jws.header
    request = verifier_of(office).request(office.template, "name")
    sent = wallet.present(dataclasses.replace(request, audience="x509_hash:abc"))
    assert "x5c" in Credential.parse(sent.rpartition("~")[0] + "~").sd_jwt.issuer_jws.header
    wallet.close()


@clause("IP-80")
def test_revoking_the_certificate_revokes_the_copies_of_both_kinds(certified):
    office = certified
    first = office.certificates()[0]
    wallet = new_wallet(office)
    accepted = {"transport": AppTransport(office), "trust": trust_of(office)}
    held = wallet.accept_all(offer_uri(office, first["id"]), copies=1, **accepted).kept
    version = office.certificates()[0]["version"]
    office.services.certificates.change(
        office.person, first["id"], "revoke", expected_version=version, reason="key_lost", note=""
    )
    office.job.run_once()
    for one in held:
        request = verifier_of(office).request(office.template, "name")
        wallet_of_one = wallet.present(request, credential_id=one.id)
        assert verifier_of(office).verify(wallet_of_one, request).verdict == "rejected"
    rows = office.database.query("SELECT status FROM places")
    assert sorted(row["status"] for row in rows) == ["revoked", "revoked", "valid"]
    wallet.close()


@clause("IP-80")
def test_an_officer_chooses_one_copy_and_a_code_that_travels_apart(certified):
    office = certified
    first = office.certificates()[0]["id"]
    browser = office.browser("officer")
    browser.post(f"/certificates/{first}/offer", configuration=PLAIN, tx_code="yes")
    page = browser.get(f"/certificates/{first}/offer").text
    assert "The wallet asks for a code. Give it" in page
    code = page.partition('class="tx-code">')[2].partition("<")[0]
    assert len(code) == 6
    wallet = new_wallet(office)
    accepted = {"transport": AppTransport(office), "trust": trust_of(office)}
    with pytest.raises(WalletError, match="code"):
        wallet.accept_all(offer_uri(office, first), **accepted)
    kept = wallet.accept_all(offer_uri(office, first), tx_code=code, copies=1, **accepted).kept
    assert ["x5c" in held.credential.sd_jwt.issuer_jws.header for held in kept] == [False]
    wallet.close()


@clause("IP-80")
def test_a_copy_that_cannot_be_made_now_is_not_offered(certified):
    first = certified.certificates()[0]["id"]
    browser = certified.browser("officer")
    assert browser.post(f"/certificates/{first}/offer", configuration="x").status_code == 422
    certified.clock.advance(40 * DAY)
    browser = certified.browser("officer")
    assert browser.post(f"/certificates/{first}/offer", configuration=CHAINED).status_code == 422
    browser.post(f"/certificates/{first}/offer")
    page = browser.get(f"/certificates/{first}/offer").text
    assert "two copies" not in page
    assert "What the wallet gets" not in page


@clause("IP-80", "IP-55")
def test_both_copies_that_were_waited_for_are_one_certificate(certified):
    office = certified
    first = office.certificates()[0]["id"]
    office.services.offers.renew(office.person, first, OfferWish(needs_decision=True))
    wallet = new_wallet(office)
    accepted = {"transport": AppTransport(office), "trust": trust_of(office)}
    waiting = wallet.accept_all(offer_uri(office, first), copies=1, **accepted)
    assert (waiting.kept, len(waiting.awaited)) == ((), 2)
    office.services.decisions.decide(decider(office), first, "approve")
    office.clock.advance(DECISION_SECONDS)
    asked = []
    kept = wallet.collect(agree=lambda one: asked.append(one) or True, **accepted).kept
    assert len({held.certificate for held in kept}) == 1
    assert (len(kept), len(asked)) == (2, 1)
    wallet.close()


@clause("VF-45", "VF-46")
def test_the_status_list_is_signed_with_the_chain_while_it_is_in_force(certified):
    [uri] = [row["uri"] for row in certified.database.query("SELECT uri FROM status_lists")]

    def header():
        token = AppTransport(certified).status_token(uri)
        return parse_jws(token, what="the token", max_bytes=10**6).header

    assert set(header()) == {"alg", "typ", "x5c"}
    certified.clock.advance(40 * DAY)
    certified.job.run_once()
    assert set(header()) == {"alg", "typ", "kid"}


@clause("VF-46", "IP-50")
def test_every_copy_of_the_second_configuration_has_the_chain(certified):
    certificate_id = certified.certificates()[0]["id"]
    keys = [PrivateKey.generate().public for _ in range(3)]
    signed = certified.services.wallets._signing.redeem(
        certificate_id, CHAINED, keys, issuance_id="one"
    )
    copies = [Credential.parse(one.text) for one in signed]
    assert [copy.holder_key for copy in copies] == keys
    assert all("x5c" in copy.sd_jwt.issuer_jws.header for copy in copies)


@clause("VF-46")
def test_past_the_chains_end_there_is_only_the_other_configuration(certified):
    certificate_id = certified.certificates()[0]["id"]
    certified.clock.advance(31 * DAY)
    assert list(configurations(certified)) == [PLAIN]
    wallets = certified.services.wallets
    with pytest.raises(ProtocolError, match="certificate now") as refused:
        wallets._signing.redeem(
            certificate_id, CHAINED, [PrivateKey.generate().public], issuance_id="one"
        )
    assert refused.value.code == "credential_request_denied"
    assert certified.certificates()[0]["state"] == "offered"
    assert wallets._signing.redeem(
        certificate_id, PLAIN, [PrivateKey.generate().public], issuance_id="one"
    )


# --- Keys for who looks them up on the web -------------------------------------------------------


@clause("VF-47")
def test_the_keys_of_the_registry_are_told_at_the_web_address(certified):
    answer = certified.browser().get("/.well-known/jwt-vc-issuer")
    assert answer.status_code == 200
    assert answer.json["issuer"] == ORIGIN
    [jwk] = answer.json["jwks"]["keys"]
    assert PublicKey.from_jwk(jwk) == certified.keys.assertion.public
    assert (jwk["kid"], jwk["alg"]) == (f"{certified.issuer.did}#assertion-1", "ES256")
    assert "d" not in jwk


@clause("VF-47")
@pytest.mark.parametrize("how", ["retired", "compromised"])
def test_a_key_out_of_force_is_not_told(office, how):
    did = office.issuer.did
    if how == "retired":
        number = office.registry.did(did).version.number
        office.issuer.author.submit(UpdateDid(did, number, retire_keys=("assertion-1",)))
    else:
        office.issuer.author.submit(MarkKeyCompromised(did, "assertion-1", NOW))
    answer = office.browser().get("/.well-known/jwt-vc-issuer")
    assert answer.json == {"issuer": ORIGIN, "jwks": {"keys": []}}


@clause("VF-47")
def test_a_registry_that_is_away_is_said_and_is_no_server_error(office, monkeypatch):
    def away(_did):
        raise RegistryUnavailableError("away")

    monkeypatch.setattr(office.registry, "did", away)
    answer = office.browser().get("/.well-known/jwt-vc-issuer")
    assert (answer.status_code, answer.json["error"]) == (503, "temporarily_unavailable")


# --- The start -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def set_up_office(tmp_path_factory):
    folder = tmp_path_factory.mktemp("start")
    clock = FixedClock(NOW)
    settings = Settings(
        public_url=ORIGIN, data_dir=folder / "office", certificate_chain_file=folder / "chain"
    )
    make_folder(settings)
    registry = LocalRegistry(clock=clock)
    database = Database(settings.database_path)
    made = set_up(settings, database, registry, name="Office", signing=KeyKind.P256, clock=clock)
    keys = IssuerKeys.load(settings.keys_path, passphrase=settings.passphrase())
    yield Start(settings, database, registry, clock, made.did, keys.assertion)
    database.close()
    registry.close()


@dataclasses.dataclass
class Start:
    """An office that is set up, and whose file of certificates a test writes."""

    settings: Settings
    database: Database
    registry: LocalRegistry
    clock: FixedClock
    did: str
    key: PrivateKey

    @property
    def name(self):
        return f"{self.did}#assertion-1"

    def leaf(self, *uris, key=None, **changes):
        window = {"not_before": NOW - DAY, "not_after": NOW + DAY, **changes}
        return ROOT.leaf((key or self.key).public, *(uris or (self.name,)), **window)

    def write(self, content):
        self.settings.certificate_chain_file.unlink(missing_ok=True)
        if content is not None:
            self.settings.certificate_chain_file.write_bytes(content)

    def read(self):
        return open_chain(self.settings, self.did, self.key.public, now=self.clock.now())

    def begin(self):
        return open_agency(self.settings, self.database, self.registry, clock=self.clock)


def self_signed(start):
    key = ec.derive_private_key(int.from_bytes(start.key.secret_bytes(), "big"), ec.SECP256R1())
    window = {"not_before": NOW - DAY, "not_after": NOW + DAY}
    own = Authority(key, certify(key.public_key(), "Us", issuer=None, key_to_sign=key, **window))
    return certify(key.public_key(), "Us", issuer=own, uris=(start.name,), **window)


def a_key():
    return ec.derive_private_key(7, ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


BAD = {
    "missing": (lambda _: None, "cannot be read"),
    "no PEM": (lambda _: b"hello", "holds no certificate"),
    "a private key": (lambda s: pem(s.leaf()) + a_key(), "holds a private key"),
    "another key's": (lambda s: pem(s.leaf(key=PrivateKey.generate())), "does not have the key"),
    "without the name": (lambda s: pem(s.leaf("https://issuer.example/")), "names a key of a DID"),
    "of another name": (
        lambda s: pem(s.leaf("did:weid:test:2VbXfGpnTcQZqYjz9RkWm4sLhDtE#assertion-1")),
        "names did:weid:test:2VbXfGpnTcQZqYjz9RkWm4sLhDtE#assertion-1 and not",
    ),
    "expired": (lambda s: pem(s.leaf(not_after=NOW - 1)), "in force only from"),
    "not yet in force": (lambda s: pem(s.leaf(not_before=NOW + 1)), "in force only from"),
    "self-signed": (lambda s: pem(self_signed(s)), "self-signed"),
    "with the root": (lambda s: pem(s.leaf(), ROOT.certificate), "own root"),
    "the wrong way round": (
        lambda s: pem(ROOT.certificate, s.leaf()),
        "certificate authority's own",
    ),
}


@clause("VF-46")
@pytest.mark.parametrize(("content", "words"), BAD.values(), ids=BAD)
def test_the_start_is_refused_with_a_chain_that_is(set_up_office, content, words):
    set_up_office.write(content(set_up_office))
    with pytest.raises(SettingsError) as refused:
        set_up_office.read()
    assert words in refused.value.message
    assert "certificate chain" in refused.value.message
    assert refused.value.hint


@clause("VF-46")
def test_a_good_chain_is_taken_with_what_stands_above_it(set_up_office):
    start = set_up_office
    window = {"not_before": NOW - DAY, "not_after": NOW + DAY}
    below = ROOT.below(**window)
    leaf = below.leaf(start.key.public, start.name, **window)
    start.write(pem(leaf, below.certificate))
    assert len(start.read().certificates) == 2


@clause("VF-46")
def test_the_server_starts_with_a_good_chain_and_with_none_and_with_no_other(set_up_office):
    start = set_up_office
    start.write(pem(start.leaf()))
    assert start.begin().has_chain()
    start.write(pem(start.leaf(key=PrivateKey.generate())))
    with pytest.raises(SettingsError, match="does not have the key"):
        start.begin()
    settings = start.settings.model_copy(update={"certificate_chain_file": None})
    assert not dataclasses.replace(start, settings=settings).begin().has_chain()


@pytest.mark.parametrize("kind", ["P-256", "Ed25519"])
def test_init_makes_a_key_of_the_kind_that_is_asked_for(tmp_path, monkeypatch, kind):
    settings = tmp_path / "issuer.toml"
    settings.write_text(f'public_url = "{ORIGIN}"\ndata_dir = "{tmp_path / "office"}"\n')
    registry = LocalRegistry()
    monkeypatch.setattr("issuer_app.cli.init.open_registry", lambda _: registry)
    words = ["--settings", str(settings), "init", "--name", "Office", "--json"]
    if kind != "Ed25519":
        words += ["--signing-key", kind]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    record = registry.did(json.loads(done.stdout)["did"])
    kinds = {key.id: PublicKey.from_multicodec(key.multikey).kind for key in record.keys}
    assert kinds == {"control-1": "Ed25519", "assertion-1": kind}
    registry.close()


@clause("IP-48")
def test_metadata_is_signed_with_the_chain_while_it_is_in_force(certified):
    transport = AppTransport(certified)
    url = f"{ORIGIN}/.well-known/openid-credential-issuer"

    def header():
        reply = transport.get(url, accept="application/jwt")
        return parse_jws(reply.body.decode(), what="it", max_bytes=10**6).header

    signed = header()
    key = CertificateChain.parse(signed["x5c"]).public_key
    assert (key, signed["alg"]) == (certified.keys.assertion.public, "ES256")
    certified.clock.advance(31 * DAY)
    assert "x5c" not in header()
    assert header()["kid"].startswith(certified.issuer.did)
