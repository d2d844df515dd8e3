from __future__ import annotations

from urllib.parse import quote, urlencode

import pytest

from tests.support.clauses import clause
from weid.encoding import json_dumps
from weid.errors import MalformedError
from weid.openid4vci.metadata import IssuerMetadata
from weid.openid4vci.offer import (
    PRE_AUTHORIZED_CODE,
    CredentialOffer,
    Grants,
    OfferLink,
    PreAuthorizedGrant,
    TxCodeHint,
    parse_offer,
    parse_offer_uri,
)

OFFER = {
    "credential_issuer": "https://issuer.gov.example/edu",
    "credential_configuration_ids": ["diploma"],
    "grants": {
        PRE_AUTHORIZED_CODE: {
            "pre-authorized_code": "secret",
            "tx_code": {"length": 6, "input_mode": "numeric"},
        }
    },
}


def changed(**members: object) -> bytes:
    return json_dumps({name: v for name, v in {**OFFER, **members}.items() if v is not None})


def uri(**parameters: str) -> str:
    return "openid-credential-offer://?" + urlencode(parameters)


@clause("IP-01")
def test_an_offer_travels_by_value():
    offer = parse_offer(json_dumps(OFFER))
    assert offer.to_json() == OFFER
    assert parse_offer_uri(offer.to_uri()) == offer
    assert offer.grants.pre_authorized.code == "secret"
    assert offer.grants.pre_authorized.tx_code == TxCodeHint(length=6)


@clause("IP-01")
def test_an_offer_travels_by_reference():
    link = OfferLink("https://issuer.gov.example/edu/offers/x-1")
    assert parse_offer_uri(link.to_uri()) == link
    assert parse_offer_uri(f"  {link.to_uri()}\n") == link


@clause("IP-01")
def test_members_that_we_do_not_know_are_ignored():
    offer = parse_offer(changed(later={"a": 1}, grants={"urn:example:later": {"x": "y"}}))
    assert offer.grants == Grants()


@clause("I7", "IP-02")
def test_a_code_is_not_printed():
    grant = PreAuthorizedGrant(code="secret")
    offer = CredentialOffer(
        credential_issuer="https://i.example",
        credential_configuration_ids=("a",),
        grants=Grants(pre_authorized=grant),
    )
    assert "secret" not in repr(offer)


REFUSED = {
    "another scheme": "https://issuer.example/?credential_offer=%7B%7D",
    "nothing": "",
    "no parameters": "openid-credential-offer://",
    "both": uri(credential_offer="{}", credential_offer_uri="https://i.example/1"),
    "the same twice": uri(credential_offer="{}") + "&credential_offer=%7B%7D",
    "an offer that is no JSON": uri(credential_offer="nope"),
    "an array": uri(credential_offer="[]"),
    "a member twice": uri(
        credential_offer='{"credential_issuer":"https://a.example","credential_issuer":"https://b.example"}'
    ),
    "no issuer": uri(credential_offer=changed(credential_issuer=None).decode()),
    "an issuer over http": uri(
        credential_offer=changed(credential_issuer="http://i.example").decode()
    ),
    "an issuer with a query": uri(
        credential_offer=changed(credential_issuer="https://i.example/?a=b").decode()
    ),
    "an issuer at an address": uri(
        credential_offer=changed(credential_issuer="https://10.0.0.1").decode()
    ),
    "no configurations": uri(credential_offer=changed(credential_configuration_ids=[]).decode()),
    "a configuration twice": uri(
        credential_offer=changed(credential_configuration_ids=["a", "a"]).decode()
    ),
    "a configuration that is a number": uri(
        credential_offer=changed(credential_configuration_ids=[1]).decode()
    ),
    "a code that is a number": uri(
        credential_offer=changed(grants={PRE_AUTHORIZED_CODE: {"pre-authorized_code": 1}}).decode()
    ),
    "a reference to a file": uri(credential_offer_uri="file:///etc/passwd"),
    "a reference to a metadata service": uri(credential_offer_uri="http://169.254.169.254/"),
    "a reference with a user name": uri(credential_offer_uri="https://a@i.example/"),
    "a reference to this machine": uri(credential_offer_uri="https://localhost/offer"),
    "percent signs that mean nothing": "openid-credential-offer://?credential_offer_uri&x",
    "17 kB": uri(credential_offer="x" * 17_000),
    "another parameter of that name": uri(credential_offer_url="https://i.example/1"),
}


@clause("V10", "I18", "I19", "IP-15")
@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_is_no_offer_is_refused(text):
    with pytest.raises(MalformedError):
        parse_offer_uri(text)


@clause("IP-15")
def test_this_machine_is_for_development_only():
    local = "http://127.0.0.1:5001"
    text = "openid-credential-offer://?credential_offer_uri=" + quote(local + "/offers/1", safe="")
    with pytest.raises(MalformedError, match="not https"):
        parse_offer_uri(text)
    assert parse_offer_uri(text, allow_loopback_http=True) == OfferLink(local + "/offers/1")
    assert parse_offer(changed(credential_issuer=local), allow_loopback_http=True)


def test_a_strangers_names_do_not_make_the_message_long():
    configurations = {"x" * 10_000: 1}
    with pytest.raises(MalformedError, match="the metadata: credential_config") as refused:
        IssuerMetadata.from_json(
            {
                "credential_issuer": "https://issuer.gov.example",
                "credential_endpoint": "https://issuer.gov.example/credential",
                "credential_configurations_supported": configurations,
            },
            what="the metadata",
        )
    assert len(refused.value.message) < 400
