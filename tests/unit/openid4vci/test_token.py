from __future__ import annotations

import pytest

from tests.support.clauses import clause
from weid.errors import ProtocolError
from weid.openid4vci.token import FORM, TokenRequest, parse_token_request, plain_tx_code

GRANT = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Apre-authorized_code"


@clause("IP-03")
def test_a_request_survives_its_form():
    for request in (
        TokenRequest("a code"),
        TokenRequest("c", "123 456"),
        TokenRequest("c", "\uff11\uff12"),
    ):
        form = request.to_form()
        assert parse_token_request(form, content_type=FORM + "; charset=utf-8") == request
    # What a terminal makes of broken bytes is sent, to be refused by the issuer.
    assert TokenRequest("c", "12\ud800").to_form().isascii()
    assert "code" not in repr(TokenRequest("code-1", "123")).replace("tx_code", "")


@clause("IP-03")
def test_parameters_that_we_do_not_know_are_ignored():
    body = f"{GRANT}&pre-authorized_code=c&resource=https%3A%2F%2Fi.example&client_id=x".encode()
    assert parse_token_request(body, content_type=FORM) == TokenRequest("c")


REFUSED = {
    "JSON": (b'{"grant_type":"x"}', "application/json", "invalid_request"),
    "no type": (GRANT.encode(), "", "invalid_request"),
    "nothing": (b"", FORM, "invalid_request"),
    "no grant type": (b"pre-authorized_code=c", FORM, "invalid_request"),
    "another grant type": (b"grant_type=password&username=a", FORM, "unsupported_grant_type"),
    "no code": (GRANT.encode(), FORM, "invalid_request"),
    "an empty code": (f"{GRANT}&pre-authorized_code=".encode(), FORM, "invalid_request"),
    "two codes": (
        f"{GRANT}&pre-authorized_code=a&pre-authorized_code=b".encode(),
        FORM,
        "invalid_request",
    ),
    "two grant types": (f"{GRANT}&{GRANT}&pre-authorized_code=a".encode(), FORM, "invalid_request"),
    "bytes that are no text": (b"grant_type=\xff", FORM, "invalid_request"),
    "escapes that are no text": (b"grant_type=%ff", FORM, "invalid_request"),
    "a hundred parameters": (b"&".join(b"a%d=1" % n for n in range(100)), FORM, "invalid_request"),
}


@clause("IP-03")
@pytest.mark.parametrize(("body", "content_type", "code"), REFUSED.values(), ids=REFUSED)
def test_a_bad_request_is_refused(body, content_type, code):
    with pytest.raises(ProtocolError) as caught:
        parse_token_request(body, content_type=content_type)
    assert (caught.value.code, caught.value.status) == (code, 400)


@clause("I4")
def test_a_form_of_a_megabyte_is_refused_unread():
    with pytest.raises(ProtocolError) as caught:
        parse_token_request(b"tx_code=" + b"1" * 2**20, content_type=FORM)
    assert caught.value.status == 413


@clause("I4", "IP-05")
@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("123456", "123456"),
        ("\uff11\uff12\uff13\uff14\uff15\uff16", "123456"),
        (" 123 456\n", "123456"),
        ("123\u3000456", "123456"),
        ("", ""),
        ("1" * 10_000, ""),
        ("12345b", "12345b"),
    ],
)
def test_a_transaction_code_is_compared_in_its_plain_form(typed, plain):
    assert plain_tx_code(typed) == plain
