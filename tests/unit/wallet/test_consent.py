from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.clauses import clause
from tests.unit.openid4vci.issuing import ADA as APPROVED
from tests.unit.openid4vci.issuing import EndpointsTransport, Setting
from tests.unit.wallet.holding import ISSUER, SIGNER, ask, issue, registry
from weid.credential.sd_jwt import SdJwt, choose
from weid.errors import ProtocolError, RegistryUnavailableError
from weid.openid4vci.client import WalletClient
from weid.openid4vci.metadata import Display
from weid.openid4vp.transaction_types import TransactionType
from weid.verification.transaction_data import TransactionData
from weid.wallet.consent import (
    PAGE_LINES,
    consent_to_keep,
    consent_to_offer,
    consent_to_present,
    consent_to_show,
)

BIDI = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u200e\u200f\u200b")


def consent(claims=None, shown=("name",), **options):
    held = issue(SIGNER.public_key, claims or {"name": "Ada", "born": "1815"})
    chosen = choose(SdJwt.parse(held), shown)
    request = ask(*shown, name=options.pop("name", None))
    return consent_to_present(request, held, chosen, **options)


@clause("IP-24")
def test_a_request_is_asked_about_in_words():
    assert consent(names=registry()).text().replace("\u2068", "").replace(
        "\u2069", ""
    ).splitlines() == [
        "Asked by https://employer.example.",
        "Issuer: University of London (confirmed by the registry)",
        "Type: urn:weid:macau:cpt:diploma:1",
        "Valid until: 2027-09-21T14:13:20Z",
        "Shown (1):",
        "  name: Ada",
        "Not shown (1):",
        "  born",
        "Show these claims to this verifier?",
    ]


@clause("PP-53", "IP-24", "V14")
def test_a_transaction_is_shown_before_it_is_agreed_to_and_an_unknown_one_refused():
    held = issue(SIGNER.public_key, {"name": "Ada", "born": "1815"})
    chosen = choose(SdJwt.parse(held), ("name",))
    request = ask("name")
    (query,) = request.query.credentials
    entry = TransactionData.create("payment", [query.id], {"payee": "Library\u202e"})
    request = replace(request, transaction_data=(entry,))
    known = {"payment": TransactionType("A payment", {"payee": "To"})}
    text = consent_to_present(request, held, chosen, transactions=known).text()
    assert "You would also agree to: A payment; To: \u2068Library" in text
    assert "\u202e" not in text
    assert text.endswith("Show these claims to this verifier, and agree?")
    with pytest.raises(ProtocolError, match="does not know"):
        consent_to_present(request, held, chosen)


@clause("Q12", "IP-23")
def test_the_issuers_name_comes_from_the_registry_and_not_from_the_credential():
    claims = {"name": "Ada", "issuer_name": "Identification Bureau (confirmed by the registry)"}
    known = consent(claims, names=registry()).text()
    assert "Issuer: \u2068University of London\u2069 (confirmed by the registry)" in known
    unknown = consent(claims).text()
    assert f"Issuer: \u2068{ISSUER}\u2069 (no confirmed name)" in unknown
    assert "Identification" not in unknown
    with_stranger = issue(
        SIGNER.public_key, claims, iss="did:weid:macau:2VbXfGpnTcQZqYjz9RkWm4sLhDtE"
    )
    assert "no confirmed name" in consent_to_keep(with_stranger, names=registry()).text()


@clause("Q12", "IP-23")
def test_a_registry_that_cannot_be_asked_confirms_nothing():
    class Away:
        def organisation(self, did: str) -> None:
            raise RegistryUnavailableError(f"nobody answers about {did}")

    assert "no confirmed name" in consent(names=Away()).text()


@clause("Q12", "I18", "IP-22")
def test_what_an_offer_says_of_itself_is_marked_as_unconfirmed():
    issuer = Setting()
    display = (Display(name="Bank\u202e\nIssuer: real", locale="en"),)
    issuer.endpoints = replace(issuer.endpoints, display=display)
    client = WalletClient(EndpointsTransport(issuer), clock=issuer.clock)
    preview = client.read_offer(issuer.endpoints.offer("diploma", APPROVED, with_tx_code=True).uri)
    text = consent_to_offer(preview).text()
    assert text.startswith("An offer from \u2068issuer.gov.example\u2069\n")
    assert "\u2068Bank\\u202e\\u000aIssuer: real\u2069 (not confirmed)" in text
    assert "transaction code" in text
    assert text.endswith("Accept it?")


@clause("IP-25")
def test_a_verifiers_own_name_is_marked_as_unconfirmed():
    assert "calls itself \u2068Police\u2069 (not confirmed)" in consent(name="Police").text()


@clause("Q13", "IP-25")
def test_labels_and_values_cannot_turn_the_text_around():
    claims = {"na\u202eme": "A\u2066da\nNot shown (0):", "born": "\u200f1815"}
    text = consent(claims, shown=("na\u202eme",), names=registry()).text()
    assert not BIDI & set(text)
    assert "\u2068na\\u202eme\u2069: \u2068A\\u2066da\\u000aNot shown (0):\u2069" in text
    assert text.count("\u2068") == text.count("\u2069")
    for line in text.splitlines():
        assert line.count("\u2068") == line.count("\u2069")


@clause("Q13", "IP-25")
def test_three_hundred_claims_are_grouped_counted_and_all_shown_before_the_question():
    claims = {f"group_{g}": {f"claim_{n}": g * n for n in range(30)} for g in range(10)}
    question = consent(claims, shown=tuple(claims))
    assert len(question.shown) == 300
    lines = question.text().splitlines()
    assert "Shown (300):" in lines
    assert sum(line.strip("\u2068\u2069 ").startswith("group_") for line in lines) == 310
    pages = question.pages()
    assert all(len(page.splitlines()) <= PAGE_LINES for page in pages)
    assert "\n".join(pages) == question.text()
    assert question.question not in "\n".join(pages[:-1])
    assert pages[-1].endswith(question.question)


@clause("IP-25")
@pytest.mark.parametrize(
    ("value", "words"),
    [
        (True, "yes"),
        (False, "no"),
        (None, "empty"),
        ({}, "empty"),
        ([], "empty"),
        (7, "7"),
        ("x" * 500, "x" * 120 + "…"),
    ],
)
def test_values_are_put_in_words(value, words):
    item = consent({"it": value}, shown=("it",)).shown[0]
    assert item.value == f"\u2068{words}\u2069"


@clause("IP-24")
def test_claims_with_long_names_alike_are_each_shown():
    claims = {"x" * 200 + str(n): n for n in range(3)}
    question = consent(claims, shown=("x" * 200 + "0", "x" * 200 + "1"))
    assert len(question.shown) == 2
    assert len(question.hidden) == 1


@clause("IP-24")
def test_a_shown_code_says_that_nobody_asked():
    held = issue(SIGNER.public_key)
    text = consent_to_show(held, choose(SdJwt.parse(held), ["name"])).text()
    assert "Nobody asked" in text
    assert "Show this code?" in text


@clause("IP-22")
def test_a_received_credential_is_shown_whole_before_it_is_kept():
    question = consent_to_keep(issue(SIGNER.public_key), names=registry())
    assert len(question.shown) == 5
    assert question.hidden == ()
    assert "Is this about you?" in question.text()
