from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.support.clauses import clause
from tests.unit.openid4vci.issuing import ADA, ISSUER, VCT, EndpointsTransport, Setting
from weid import limits
from weid.credential.sd_jwt import SdJwt
from weid.crypto.keys import PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.encoding import base64url_encode, json_dumps
from weid.errors import (
    MalformedError,
    ProtocolError,
    TransportError,
    WalletError,
)
from weid.openid4vci.client import METADATA_BYTES, WalletClient, check_received
from weid.openid4vci.offer import PRE_AUTHORIZED_CODE, parse_offer_uri
from weid.transport import HttpReply

SIGNER = InMemorySigner(PrivateKey.from_seed(b"\x41" * 32))
JSON = {"content-type": "application/json; charset=utf-8"}


class Meeting:
    """A wallet's client and an issuer in one process."""

    def __init__(self) -> None:
        self.issuer = Setting()
        self.transport = EndpointsTransport(self.issuer)
        self.client = WalletClient(self.transport, clock=self.issuer.clock)

    def offer(self, **options: object) -> str:
        return self.issuer.endpoints.offer("diploma", ADA, **options).uri

    def alter(self, part: str, **members: object) -> None:
        """Change members of the JSON that an endpoint answers; None takes one out."""

        def change(reply: HttpReply) -> HttpReply:
            value = {**json.loads(reply.body), **members}
            kept = {name: member for name, member in value.items() if member is not None}
            return HttpReply(reply.status, reply.headers, json_dumps(kept))

        self.transport.replies[part] = change

    def speaks_plainly(self) -> None:
        """Let the issuer offer no encryption, so that a test can change what it answers."""
        nothing = {"credential_request_encryption": None, "credential_response_encryption": None}
        self.alter("openid-credential-issuer", **nothing)


# --- The whole way ----------------------------------------------------------------------------


@clause("IP-14", "IP-16", "IP-18")
@pytest.mark.parametrize("by_value", [False, True])
def test_an_offer_is_read_then_redeemed(by_value):
    meeting = Meeting()
    offer = meeting.issuer.endpoints.offer("diploma", ADA)
    preview = meeting.client.read_offer(offer.uri_by_value if by_value else offer.uri)
    assert preview.credential_issuer == ISSUER
    assert preview.issuer_name() == "Education Bureau"
    assert preview.credential_name() == "Diploma"
    assert preview.credential_name("zh-Hant-MO") == "文憑"
    assert meeting.issuer.named() == ["offered"]
    received = meeting.client.redeem(preview, signer=SIGNER)
    assert SdJwt.parse(received.text).payload()["vct"] == VCT
    assert received.anchor.salt == b"\x05" * 16
    assert received.credential_issuer == ISSUER
    methods = [method for method, _ in meeting.transport.sent]
    # Token (twice: the server says which DPoP nonce it wants), nonce, credential.
    assert methods.count("POST") == 4


def test_an_issuer_that_takes_long_is_waited_for():
    # Longer than for a file: after the token request the code is used up, answer or no answer.
    meeting = Meeting()
    preview = meeting.client.read_offer(meeting.offer())
    meeting.client.redeem(preview, signer=SIGNER)
    assert meeting.transport.waits == {limits.EXCHANGE_SECONDS}
    assert limits.EXCHANGE_SECONDS > limits.FETCH_SECONDS


@clause("IP-16")
def test_reading_an_offer_twice_does_no_harm():
    meeting = Meeting()
    uri = meeting.offer()
    assert meeting.client.read_offer(uri) == meeting.client.read_offer(uri)
    assert meeting.client.redeem(meeting.client.read_offer(uri), signer=SIGNER)


@clause("I2", "IP-18")
def test_a_transaction_code_is_asked_for_before_anything_is_sent():
    meeting = Meeting()
    offer = meeting.issuer.endpoints.offer("diploma", ADA, with_tx_code=True)
    preview = meeting.client.read_offer(offer.uri)
    assert preview.tx_code.length == 6
    with pytest.raises(WalletError) as caught:
        meeting.client.redeem(preview, signer=SIGNER)
    assert "sent you" in caught.value.hint
    with pytest.raises(ProtocolError, match="invalid_grant"):
        meeting.client.redeem(preview, signer=SIGNER, tx_code="nope")
    assert meeting.client.redeem(preview, signer=SIGNER, tx_code=offer.tx_code)


@clause("I22", "IP-20")
@pytest.mark.parametrize(("lost", "works"), [(1, True), (2, True), (3, False)])
def test_a_lost_answer_is_asked_for_again(lost, works):
    meeting = Meeting()
    preview = meeting.client.read_offer(meeting.offer())
    meeting.transport.lose_answers = lost
    if works:
        received = meeting.client.redeem(preview, signer=SIGNER)
        assert received.text in meeting.issuer.office.made.values()
        assert len(meeting.issuer.office.calls) == 1
    else:
        with pytest.raises(TransportError, match="lost"):
            meeting.client.redeem(preview, signer=SIGNER)


@clause("IP-20")
def test_a_nonce_that_grew_old_is_replaced():
    meeting = Meeting()
    preview = meeting.client.read_offer(meeting.offer())
    stale = meeting.issuer.endpoints.nonce()
    meeting.issuer.clock.advance(301)
    answers = [stale]

    def first_stale(reply: HttpReply) -> HttpReply:
        return replace(reply, body=answers.pop().body) if answers else reply

    meeting.transport.replies["/nonce"] = first_stale
    assert meeting.client.redeem(preview, signer=SIGNER)


# --- Offers and metadata that are refused -------------------------------------------------------


METADATA = "openid-credential-issuer"
SERVER = "oauth-authorization-server"
BAD_ANSWERS = {
    "another credential issuer": (METADATA, {"credential_issuer": "https://evil.example"}),
    "an issuer with a slash more": (METADATA, {"credential_issuer": ISSUER + "/"}),
    "no credential endpoint": (METADATA, {"credential_endpoint": None}),
    "a credential endpoint over http": (METADATA, {"credential_endpoint": "http://i.example/c"}),
    "a credential endpoint inside": (METADATA, {"credential_endpoint": "https://169.254.169.254/"}),
    "a nonce endpoint at a file": (METADATA, {"nonce_endpoint": "file:///etc/passwd"}),
    "an authorization server over http": (
        METADATA,
        {"authorization_servers": ["http://a.example"]},
    ),
    "no configurations": (METADATA, {"credential_configurations_supported": None}),
    "other configurations": (METADATA, {"credential_configurations_supported": {}}),
    "another format": (
        METADATA,
        {"credential_configurations_supported": {"diploma": {"format": "mso_mdoc"}}},
    ),
    "a configuration without a type": (
        METADATA,
        {"credential_configurations_supported": {"diploma": {"format": "dc+sd-jwt"}}},
    ),
    "another token server": (SERVER, {"issuer": "https://evil.example"}),
    "no token endpoint": (SERVER, {"token_endpoint": None}),
    "a token endpoint over http": (SERVER, {"token_endpoint": "http://i.example/t"}),
    "a token server without our grant": (SERVER, {"grant_types_supported": ["authorization_code"]}),
}


@clause("I18", "I19", "V10", "IP-15", "IP-17")
@pytest.mark.parametrize(("part", "members"), BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_metadata_that_does_not_fit_is_refused(part, members):
    meeting = Meeting()
    uri = meeting.offer()
    meeting.alter(part, **members)
    with pytest.raises(MalformedError):
        meeting.client.read_offer(uri)
    assert all(method == "GET" for method, _ in meeting.transport.sent)


BAD_REPLIES = {
    "not found": HttpReply(404, JSON, b"{}"),
    "HTML": HttpReply(200, {"content-type": "text/html"}, b"<p>hello"),
    "no JSON": HttpReply(200, JSON, b"nope"),
    "an array": HttpReply(200, JSON, b"[]"),
    "a member twice": HttpReply(200, JSON, b'{"credential_issuer":"a","credential_issuer":"b"}'),
    "nested without end": HttpReply(200, JSON, b'{"a":' * 5000 + b"1" + b"}" * 5000),
    "huge": HttpReply(200, JSON, b" " * (METADATA_BYTES + 1)),
    "a redirect": TransportError("answers with a redirect, which we do not follow", refused=True),
}


@clause("I19", "IP-17")
@pytest.mark.parametrize("part", [METADATA, SERVER, "/offers/"])
@pytest.mark.parametrize("reply", BAD_REPLIES.values(), ids=BAD_REPLIES)
def test_an_answer_that_is_none_is_refused(part, reply):
    meeting = Meeting()
    uri = meeting.offer()
    meeting.transport.replies[part] = reply
    with pytest.raises((MalformedError, TransportError)):
        meeting.client.read_offer(uri)


@clause("IP-16")
def test_an_offer_that_needs_a_sign_in_is_refused_in_words():
    meeting = Meeting()
    meeting.alter("/offers/", grants={"authorization_code": {}})
    with pytest.raises(WalletError, match="sign-in"):
        meeting.client.read_offer(meeting.offer())


@clause("IP-17")
def test_an_authorization_server_must_be_one_of_the_issuers():
    meeting = Meeting()
    offer = parse_offer_uri(meeting.issuer.endpoints.offer("diploma", ADA).uri_by_value)
    grant = {
        "pre-authorized_code": offer.grants.pre_authorized.code,
        "authorization_server": "https://evil.example",
    }
    meeting.alter("/offers/", grants={PRE_AUTHORIZED_CODE: grant})
    with pytest.raises(MalformedError, match="not the issuer's"):
        meeting.client.read_offer(meeting.offer())


# --- Answers to a redemption --------------------------------------------------------------------


@clause("IP-19")
@pytest.mark.parametrize(
    ("reply", "words"),
    {
        "a token of another type": ({"token_type": "mac"}, "type"),
        "no token": ({"access_token": None}, "access_token"),
        "a token with a line end": ({"access_token": "a\r\nX: y"}, "header"),
        "a token that is a number": ({"access_token": 1}, "access_token"),
    }.values(),
)
def test_a_bad_token_response_is_refused(reply, words):
    meeting = Meeting()
    preview = meeting.client.read_offer(meeting.offer())
    meeting.alter("/token", **reply)
    with pytest.raises(MalformedError, match=words):
        meeting.client.redeem(preview, signer=SIGNER)


@clause("IP-19", "Q13")
def test_an_issuers_refusal_is_told_in_its_words_made_safe():
    meeting = Meeting()
    preview = meeting.client.read_offer(meeting.offer())
    body = {"error": "invalid_grant", "error_description": "gone\u202e\nOK"}
    meeting.transport.replies["/token"] = HttpReply(400, JSON, json_dumps(body))
    with pytest.raises(ProtocolError) as caught:
        meeting.client.redeem(preview, signer=SIGNER)
    assert caught.value.code == "invalid_grant"
    assert caught.value.description == "\u2068gone\\u202e\\u000aOK\u2069"
    meeting.transport.replies["/token"] = HttpReply(500, JSON, b'{"error":"<script>"}')
    with pytest.raises(MalformedError, match="500"):
        meeting.client.redeem(preview, signer=SIGNER)


@clause("IP-19")
def test_an_issuer_that_asks_to_wait_is_told_in_words():
    meeting = Meeting()
    meeting.speaks_plainly()
    preview = meeting.client.read_offer(meeting.offer())
    meeting.transport.replies["/credential"] = HttpReply(202, JSON, b'{"transaction_id":"x"}')
    with pytest.raises(WalletError, match="not decided"):
        meeting.client.redeem(preview, signer=SIGNER)


WRONG = {
    "another type": lambda text: text,
    "a key binding at the end": lambda text: text + text.split("~")[0],
    "no tilde": lambda text: text.split("~")[0],
    "a disclosure that belongs to nothing": lambda text: text + "WyJhIiwiYiIsImMiXQ~",
    "a disclosure twice": lambda text: text + text.split("~")[1] + "~",
    "nothing": lambda _: "~",
}


@clause("P8", "IP-21")
@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_a_credential_of_wrong_form_is_not_taken(change):
    meeting = Meeting()
    preview = meeting.client.read_offer(meeting.offer())
    text = meeting.client.redeem(preview, signer=SIGNER).text
    vct = VCT if change(text) != text else "urn:weid:macau:cpt:1002:1"
    with pytest.raises(MalformedError):
        check_received(change(text), SIGNER.public_key, expected_vct=vct)
    check_received(text, SIGNER.public_key, expected_vct=VCT)


BAD_BINDINGS = {
    "none": None,
    "empty": {},
    "text": "x",
    "kid only": {"kid": "a"},
    "a link": {"jku": "https://i.example/key"},
    "a private key": {"jwk": PrivateKey.from_seed(b"\x41" * 32).to_private_jwk()},
    "another key": {"jwk": PrivateKey.from_seed(b"\x42" * 32).public.to_jwk()},
    "a symmetric key": {"jwk": {"kty": "oct", "k": "AAAA"}},
    "a point off the curve": {"jwk": {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}},
}


@clause("P8", "IP-21")
@pytest.mark.parametrize("cnf", BAD_BINDINGS.values(), ids=BAD_BINDINGS)
def test_a_credential_bound_to_no_key_of_ours_is_not_taken(cnf):
    meeting = Meeting()
    preview = meeting.client.read_offer(meeting.offer())
    good = meeting.client.redeem(preview, signer=SIGNER).text
    payload = {**SdJwt.parse(good).payload(), "cnf": cnf}
    if cnf is None:
        del payload["cnf"]
    head = good.split(".")[0]
    text = f"{head}.{base64url_encode(json_dumps(payload))}.{base64url_encode(bytes(64))}~"
    with pytest.raises(MalformedError, match="bound to"):
        check_received(text, SIGNER.public_key, expected_vct=VCT)


@clause("IP-21")
def test_several_credentials_for_one_key_are_not_taken():
    meeting = Meeting()
    meeting.speaks_plainly()
    preview = meeting.client.read_offer(meeting.offer())

    def twice(reply: HttpReply) -> HttpReply:
        entries = json.loads(reply.body)["credentials"]
        return replace(reply, body=json_dumps({"credentials": entries * 2}))

    meeting.transport.replies["/credential"] = twice
    with pytest.raises(MalformedError, match="several"):
        meeting.client.redeem(preview, signer=SIGNER)
