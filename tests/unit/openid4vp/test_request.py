"""Requests: as JSON, as text for a code, as a link."""

from __future__ import annotations

import pytest

from tests.support.clauses import clause
from weid.credential.claim_path import ClaimPath
from weid.encoding import JsonObject, JsonValue
from weid.errors import MalformedError, ProtocolError
from weid.openid4vp.dcql import ClaimQuery, CredentialQuery, DcqlQuery
from weid.openid4vp.request import (
    PresentationRequest,
    check_response_place,
    client_id_for,
    create_request_uri,
    parse_request_uri,
)

QUERY = DcqlQuery((CredentialQuery("diploma", ("t",), (ClaimQuery(ClaimPath(("name",))),)),))
PLACE = "https://employer.example/answer"


def request(**changes: object) -> PresentationRequest:
    members: dict[str, object] = {
        "audience": "https://employer.example",
        "nonce": "6h2yqNUwfuIXv5Pkb0pS5A",
        "query": QUERY,
    }
    return PresentationRequest(**(members | changes))  # type: ignore[arg-type]


FULL = request(
    audience=client_id_for(PLACE),
    created_at=1_780_000_000,
    expires_at=1_780_000_300,
    response_uri=PLACE,
    state="s-1",
    client_name="Employer & Söhne",
)


@clause("PP-07", "PP-10")
@pytest.mark.parametrize("value", [request(), FULL], ids=["bare", "with everything"])
def test_a_request_survives_text_and_link(value: PresentationRequest):
    assert PresentationRequest.from_text(value.to_text()) == value
    assert parse_request_uri(create_request_uri(value)) == value


@clause("PP-07")
def test_unknown_members_are_ignored():
    assert PresentationRequest.from_json({**request().to_json(), "future": 1}) == request()


def without(name: str) -> JsonObject:
    return {key: value for key, value in FULL.to_json().items() if key != name}


REFUSED: dict[str, JsonObject] = {
    "no response_type": without("response_type"),
    "another response_type": {**FULL.to_json(), "response_type": "code"},
    "no client_id": without("client_id"),
    "client_id a number": {**FULL.to_json(), "client_id": 1},
    "client_id empty": {**FULL.to_json(), "client_id": ""},
    "client_id too long": {**FULL.to_json(), "client_id": "a" * 600},
    "client_id of a shown code": {**FULL.to_json(), "client_id": "weid:shown"},
    "no nonce": without("nonce"),
    "nonce null": {**FULL.to_json(), "nonce": None},
    "nonce with a blank": {**FULL.to_json(), "nonce": "a b"},
    "no query": without("dcql_query"),
    "a place without a mode": without("response_mode"),
    "a mode without a place": without("response_uri"),
    "another mode": {**FULL.to_json(), "response_mode": "direct_post.jwt"},
    "exp as text": {**FULL.to_json(), "exp": "1"},
    "exp true": {**FULL.to_json(), "exp": True},
    "iat negative": {**FULL.to_json(), "iat": -1},
    "exp null": {**FULL.to_json(), "exp": None},
    "client_metadata as text": {**FULL.to_json(), "client_metadata": "x"},
}


@clause("PP-07", "PP-08", "PP-09")
@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED.keys())
def test_a_request_is_refused_with(value: JsonObject):
    with pytest.raises(MalformedError):
        PresentationRequest.from_json(value)


LINKS: dict[str, str] = {
    "another scheme": create_request_uri(FULL).replace("openid4vp:", "https:", 1),
    "a host": create_request_uri(FULL).replace("//?", "//evil.example/?", 1),
    "a parameter twice": create_request_uri(FULL) + "&state=s-2",
    "a signed request": create_request_uri(FULL) + "&request=a.b.c",
    "a reference": create_request_uri(FULL) + "&request_uri=https%3A%2F%2F169.254.169.254%2F",
    "a reference to be posted to": create_request_uri(FULL) + "&request_uri_method=post",
    "a presentation definition": create_request_uri(FULL) + "&presentation_definition=%7B%7D",
    "transaction data": create_request_uri(FULL) + "&transaction_data=%5B%5D",
    "a query that is not JSON": create_request_uri(request()).replace(
        "dcql_query=", "dcql_query=x"
    ),
    "no parameters": "openid4vp://?",
    "a bracket": "openid4vp://[",
    "brackets around no address": "openid4vp://[x]/?",
    "a host in another form of digits": "openid4vp://\u2100/?",
    "not UTF-8": create_request_uri(request()) + "&state=%ff",
    "exp with a sign": create_request_uri(request()) + "&exp=%2B1",
    "exp of too many digits": create_request_uri(request()) + "&exp=" + "1" * 30,
    "too long": create_request_uri(request()) + "&x=" + "a" * 70_000,
}


@clause("PP-11", "V10", "V11", "V12", "V15")
@pytest.mark.parametrize("uri", LINKS.values(), ids=LINKS.keys())
def test_a_link_is_refused_with(uri: str):
    with pytest.raises(MalformedError):
        parse_request_uri(uri)


@clause("PP-12", "PP-13")
def test_an_answer_goes_to_the_place_that_the_verifier_is_named_by():
    assert check_response_place(FULL) == PLACE


ELSEWHERE: dict[str, PresentationRequest] = {
    "no prefix": request(response_uri=PLACE, audience=PLACE),
    "another host": request(
        response_uri="https://evil.example/answer", audience=client_id_for(PLACE)
    ),
    "http": request(
        response_uri="http://employer.example/answer",
        audience=client_id_for("http://employer.example/answer"),
    ),
    "no place": request(),
}


@clause("PP-12", "PP-13", "V9", "V13")
@pytest.mark.parametrize("value", ELSEWHERE.values(), ids=ELSEWHERE.keys())
def test_a_wallet_does_not_post_with(value: PresentationRequest):
    with pytest.raises(ProtocolError):
        check_response_place(value)


def test_a_query_is_found_by_id_or_because_it_is_the_only_one():
    one = request()
    assert one.credential_query() is one.credential_query("diploma")
    with pytest.raises(MalformedError):
        one.credential_query("other")
    two = request(query=DcqlQuery((*QUERY.credentials, CredentialQuery("id", ("t",)))))
    with pytest.raises(MalformedError):
        two.credential_query()


VALUES: dict[str, JsonValue] = {"a list": [], "a text": "x"}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_text_that_is_no_object_is_refused(value: JsonValue):
    with pytest.raises(MalformedError):
        PresentationRequest.from_text(str(value))
