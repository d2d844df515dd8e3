"""Responses: what a wallet posts, and what is refused of it."""

from __future__ import annotations

import pytest

from tests.support.clauses import clause
from weid.errors import ProtocolError
from weid.openid4vp.dcql import CredentialQuery, DcqlQuery
from weid.openid4vp.request import PresentationRequest
from weid.openid4vp.response import ErrorResponse, PresentationResponse, parse_response

REQUEST = PresentationRequest(
    audience="https://employer.example",
    nonce="6h2yqNUwfuIXv5Pkb0pS5A",
    query=DcqlQuery((CredentialQuery("diploma", ("t",)),)),
    state="state-é",
)
ANSWER = PresentationResponse({"diploma": ("a~b",), "id": ("c~", "d~")}, "state-é")


def posted(form: dict[str, str]) -> dict[str, list[str]]:
    return {name: [value] for name, value in form.items()}


@clause("PP-14", "PP-15")
def test_an_answer_survives_posting():
    assert parse_response(posted(ANSWER.to_form()), expected=REQUEST) == ANSWER


@clause("PP-16", "V8")
def test_an_error_survives_posting():
    error = ErrorResponse("access_denied", "state-é")
    assert parse_response(posted(error.to_form()), expected=REQUEST) == error


@clause("PP-15")
def test_a_request_without_state_takes_an_answer_without_state():
    bare = PresentationRequest(audience="a", nonce="n", query=REQUEST.query)
    for message in (PresentationResponse({"d": ("a~",)}), ErrorResponse("access_denied")):
        assert parse_response(posted(message.to_form()), expected=bare) == message


GOOD = posted(ANSWER.to_form())
REFUSED: dict[str, dict[str, list[str]]] = {
    "no state": {"vp_token": GOOD["vp_token"]},
    "another state": {**GOOD, "state": ["state-e"]},
    "half a character for a state": {**GOOD, "state": ["state-\ud800"]},
    "two vp_tokens": {**GOOD, "vp_token": GOOD["vp_token"] * 2},
    "a field without a value": {**GOOD, "x y": []},
    "neither answer nor error": {"state": ["state-é"]},
    "answer and error": {**GOOD, "error": ["access_denied"]},
    "an unknown error": {"state": ["state-é"], "error": ["<script>"]},
    "a forged error": {"state": ["guess"], "error": ["access_denied"]},
    "vp_token not JSON": {**GOOD, "vp_token": ["a~b"]},
    "vp_token an array": {**GOOD, "vp_token": ['["a~b"]']},
    "vp_token empty": {**GOOD, "vp_token": ["{}"]},
    "a presentation beside an array": {**GOOD, "vp_token": ['{"diploma":"a~b"}']},
    "an empty array": {**GOOD, "vp_token": ['{"diploma":[]}']},
    "a presentation that is an object": {**GOOD, "vp_token": ['{"diploma":[{}]}']},
    "17 presentations": {**GOOD, "vp_token": ['{"diploma":[' + ",".join(['"a"'] * 17) + "]}"]},
    "a query id twice": {**GOOD, "vp_token": ['{"d":["a"],"d":["b"]}']},
    "5 MB": {**GOOD, "vp_token": ['{"d":["' + "a" * 5_000_000 + '"]}']},
}


@clause("PP-14", "PP-15", "PP-16", "V2", "V7", "V8")
@pytest.mark.parametrize("fields", REFUSED.values(), ids=REFUSED.keys())
def test_a_response_is_refused_with(fields: dict[str, list[str]]):
    with pytest.raises(ProtocolError) as refused:
        parse_response(fields, expected=REQUEST)
    assert refused.value.status == 400
    assert "<script>" not in str(refused.value)
