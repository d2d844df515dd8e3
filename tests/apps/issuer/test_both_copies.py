"""The copies of a certificate in two configurations: all for one citizen, from one offer."""

from __future__ import annotations

import pytest

from tests.apps.issuer.support import people, rows_csv
from tests.apps.issuer.test_chain import CHAINED, DAY, PLAIN, chain_of, offer_of
from tests.apps.issuer.wallets import AppTransport, new_wallet, offer_uri, trust_of, verify
from tests.support.clauses import clause
from weid.crypto.keys import KeyKind, PrivateKey
from weid.errors import ProtocolError


@pytest.fixture
def certified(new_office):
    office = new_office(signing=KeyKind.P256, certify=chain_of)
    office.issue(rows_csv(*people(1)))
    return office


@clause("VF-44", "IP-53", "IP-80")
def test_one_offer_gives_one_citizen_both_copies(certified):
    office = certified
    certificate_id = office.certificates()[0]["id"]
    wallet = new_wallet(office)
    uri = offer_uri(office, certificate_id)
    preview = wallet.read_offer(uri, transport=AppTransport(office))
    assert [each.id for each in preview.credentials] == [CHAINED, PLAIN]
    accepted = wallet.accept_all(
        uri, transport=AppTransport(office), trust=trust_of(office), copies=1
    )
    assert not accepted.refused
    headers = [set(held.credential.sd_jwt.issuer_jws.header) for held in accepted.kept]
    assert headers == [{"alg", "typ", "x5c"}, {"alg", "typ", "kid"}]
    places = [held.credential.sd_jwt.payload()["status"]["status_list"] for held in accepted.kept]
    assert len({(place["uri"], place["idx"]) for place in places}) == 2
    salted = [text for held in accepted.kept for text in held.credential.sd_jwt.disclosures]
    assert len(set(salted)) == len(salted)
    for held in accepted.kept:
        assert verify(office, wallet, held, "name").accepted
    wallet.close()


@clause("IP-80")
def test_an_office_whose_chain_has_ended_offers_the_other_configuration(certified):
    certificate_id = certified.certificates()[0]["id"]
    certified.clock.advance(31 * DAY)
    certified.services.offers.renew(certified.person, certificate_id)
    wallet = new_wallet(certified)
    uri = offer_uri(certified, certificate_id)
    preview = wallet.read_offer(uri, transport=AppTransport(certified))
    wallet.close()
    assert [each.id for each in preview.credentials] == [PLAIN]


@clause("C36", "IP-78")
@pytest.mark.parametrize("second", [PLAIN, CHAINED])
def test_what_one_issuance_has_got_no_other_gets(certified, second):
    """Two offers of one certificate, for whatever reason: the first wallet has it alone."""
    office = certified
    certificate_id = office.certificates()[0]["id"]
    uris = offer_of(office, certificate_id, PLAIN), offer_of(office, certificate_id, second, 10)
    first, other = new_wallet(office, "first.wallet"), new_wallet(office, "other.wallet")
    wanted = {"transport": AppTransport(office), "trust": trust_of(office), "copies": 1}
    assert first.accept_all(uris[0], **wanted).kept
    before = office.database.query("SELECT * FROM places")
    found = other.accept_all(uris[1], **wanted)
    first.close()
    other.close()
    assert not found.kept
    [refusal] = found.refused
    assert refusal.code == "credential_request_denied"
    assert office.database.query("SELECT * FROM places") == before


@clause("IP-78")
def test_not_even_with_the_keys_of_the_first(certified):
    certificate_id = certified.certificates()[0]["id"]
    signing = certified.services.wallets._signing
    keys = [PrivateKey.generate().public]
    made = signing.redeem(certificate_id, PLAIN, keys, issuance_id="one")
    assert signing.redeem(certificate_id, PLAIN, keys, issuance_id="one") == made
    assert signing.redeem(certificate_id, CHAINED, keys, issuance_id="one")
    for configuration in (PLAIN, CHAINED):
        with pytest.raises(ProtocolError, match="another offer"):
            signing.redeem(certificate_id, configuration, keys, issuance_id="two")


@clause("I22", "IP-78")
def test_a_wallet_that_comes_while_its_offer_is_made_anew_gets_nothing(certified, monkeypatch):
    """The officer makes the offer anew after the token was judged and before anything is signed."""
    office = certified
    certificate_id = office.certificates()[0]["id"]
    wallet = new_wallet(office)
    decisions = office.services.decisions

    def interrupt(organisation, asked):
        monkeypatch.undo()
        office.services.offers.renew(office.person, certificate_id)
        return decisions.ask(organisation, asked)

    uri = offer_uri(office, certificate_id)
    monkeypatch.setattr(office.services.wallets._decisions, "ask", interrupt)
    found = wallet.accept_all(uri, transport=AppTransport(office), trust=trust_of(office), copies=1)
    assert not found.kept
    assert office.certificates()[0]["state"] == "offered"
    again = offer_uri(office, certificate_id)
    kept = wallet.accept_all(
        again, transport=AppTransport(office), trust=trust_of(office), copies=1
    ).kept
    assert len(kept) == 2
    wallet.close()
