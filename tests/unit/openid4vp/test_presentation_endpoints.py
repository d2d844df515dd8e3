"""The verifier's endpoints: the whole way, and everything that strangers try on it."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.clauses import clause
from tests.support.policies import publish
from tests.support.world import World
from tests.unit.openid4vp.asking import BASE, HOST, Desk, identity, posted
from weid import limits
from weid.credential.claim_path import ClaimPath
from weid.crypto.keys import KeyKind, PrivateKey
from weid.encoding import JsonObject
from weid.errors import MalformedError, ProtocolError
from weid.oauth.reply import EndpointRequest, Reply
from weid.openid4vp.dcql import DcqlQuery
from weid.openid4vp.encryption import decrypt_request_object
from weid.openid4vp.presentation_endpoints import KEEP_SECONDS, NewPresentation
from weid.openid4vp.presentation_session import GRACE, Answered, hash_secret
from weid.openid4vp.response import PresentationResponse
from weid.openid4vp.verifier_identity import UnsignedIdentity
from weid.verification.client_metadata import ResponseEncryption
from weid.verification.dcql import ClaimQuery
from weid.verification.policy import TrustedNetwork, TrustPolicy
from weid.verifier import Verifier

RETURN = f"https://{HOST}/checks/result"


@pytest.fixture
def desk() -> Desk:
    return Desk()


def body(reply: Reply) -> JsonObject:
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.headers["Cache-Control"] == "no-store"
    value = json.loads(reply.body)
    assert isinstance(value, dict)
    return value


def refused(reply: Reply, status: int = 400, code: str = "invalid_request") -> str:
    value = body(reply)
    assert (reply.status, value["error"]) == (status, code)
    return str(value["error_description"])


def form(desk: Desk, begun: NewPresentation) -> dict[str, str]:
    """Return the fields of a good answer to a presentation whose answers are not encrypted."""
    asked = desk.wallet.read_request(begun.link)
    texts = {name: tuple(several) for name, several in desk.presentations(begun).items()}
    return PresentationResponse(texts, asked.request.state).to_form()


# --- The whole way -------------------------------------------------------------------------------


@clause("PP-36", "PP-39", "PP-44", "PP-48", "PP-56", "PP-57", "PP-60")
@pytest.mark.parametrize("encrypted", [True, False])
@pytest.mark.parametrize("who", [identity(), identity(HOST), UnsignedIdentity()])
def test_a_presentation_across_devices(who, encrypted):
    desk = Desk(who=who)
    begun = desk.begin(encrypted=encrypted)
    assert desk.state(begun)["state"] == "requested"
    asked = desk.wallet.read_request(begun.link)
    assert desk.state(begun)["state"] == ("fetched" if who.signs else "requested")
    assert desk.wallet.answer(asked, desk.presentations(begun)) is None
    state = desk.state(begun)
    assert state["state"] == "answered"
    assert state["report"]["verdict"] == "accepted"  # type: ignore[index,call-overload]
    assert "Ada" not in json.dumps(state)
    result = desk.endpoints.result(begun.session_id)
    (one,) = result["presentations"]["diploma"]  # type: ignore[index,call-overload]
    assert one["claims"] == {"name": "Ada Lovelace", "degree": "Mathematics"}
    assert one["issuer_name"] == "Test University"


@clause("PP-48", "PP-55", "V4")
def test_on_the_same_device_the_result_goes_to_whom_the_wallet_brings_back(desk: Desk):
    begun = desk.begin(return_to=RETURN)
    asked = desk.wallet.read_request(begun.link)
    place = desk.wallet.answer(asked, desk.presentations(begun))
    assert place is not None
    assert place.startswith(RETURN + "?response_code=")
    (code,) = parse_qs(urlsplit(place).query)["response_code"]
    assert desk.state(begun) == {"state": "answered", "answered_again": False}
    for wrong in ("", code[:-1], begun.session_id, begun.request_id):
        with pytest.raises(ProtocolError) as denied:
            desk.endpoints.result(begun.session_id, response_code=wrong)
        assert denied.value.status == 403
    other = desk.begin(return_to=RETURN)
    with pytest.raises(ProtocolError):
        desk.endpoints.result(other.session_id, response_code=code)
    assert desk.endpoints.result(begun.session_id, response_code=code)["verdict"] == "accepted"


@clause("PP-55")
def test_the_page_to_return_to_keeps_its_own_query(desk: Desk):
    begun = desk.begin(return_to=RETURN + "?lang=zh")
    asked = desk.wallet.read_request(begun.link)
    place = desk.wallet.answer(asked, desk.presentations(begun))
    assert str(place).startswith(RETURN + "?lang=zh&response_code=")


@clause("PP-41", "PP-42")
def test_each_request_has_a_key_of_its_own_and_says_no_more_than_it_must(desk: Desk):
    asked = [desk.wallet.read_request(desk.begin().link).request for _ in range(2)]
    keys = [one.encryption.key for one in asked if one.encryption is not None]
    assert (
        len(set(keys))
        == len({one.nonce for one in asked})
        == len({one.state for one in asked})
        == 2
    )
    assert set(asked[0].to_json()["client_metadata"]) == {  # type: ignore[arg-type]
        "vp_formats_supported",
        "jwks",
        "encrypted_response_enc_values_supported",
    }


@clause("PP-39")
def test_a_request_is_read_twice_and_is_the_same(desk: Desk):
    begun = desk.begin()
    first, second = (desk.endpoints.request_object(begun.request_id) for _ in range(2))
    assert first == second
    assert first.status == 200
    assert first.headers["Content-Type"] == "application/oauth-authz-req+jwt"
    assert desk.events == ["requested", "fetched"]


# --- Secrets ------------------------------------------------------------------------------------


@clause("PP-54", "V3")
def test_the_four_secrets_are_apart_and_long(desk: Desk):
    begun = desk.begin(return_to=RETURN)
    asked = desk.wallet.read_request(begun.link)
    code = str(desk.wallet.answer(asked, desk.presentations(begun))).partition("response_code=")[2]
    four = [begun.session_id, begun.request_id, str(asked.request.state), code]
    assert len(set(four)) == 4
    assert all(len(secret) == 43 for secret in four)
    seen = json.dumps(asked.request.to_json()) + begun.link
    assert begun.session_id not in seen
    assert code not in seen
    kept = b"".join(value for value, _ in desk.store._entries.values())  # type: ignore[attr-defined]
    for secret in (begun.session_id, code):
        assert secret.encode() not in kept
        assert hash_secret(secret).encode() in kept


@clause("PP-42", "PP-60")
def test_the_key_of_a_request_is_forgotten_with_it(desk: Desk):
    begun = desk.begin()
    entries = desk.store._entries  # type: ignore[attr-defined]
    assert b'"d":' in b"".join(value for value, _ in entries.values())
    desk.wallet.answer(desk.wallet.read_request(begun.link), desk.presentations(begun))
    assert b'"d":' not in b"".join(value for value, _ in entries.values())
    assert b"decryption_key" not in b"".join(value for value, _ in entries.values())


@clause("PP-57", "V5")
def test_another_browser_learns_nothing(desk: Desk):
    begun = desk.begin()
    for stranger in ("", "x", begun.request_id, desk.begin().session_id[:-1], "\ud800"):
        assert refused(desk.endpoints.status(stranger), 404, "not_found")
        with pytest.raises(ProtocolError) as none:
            desk.endpoints.result(stranger)
        assert none.value.status == 404
    assert desk.state(desk.begin())["state"] == "requested"


def test_secrets_and_claims_are_in_no_repr(desk: Desk):
    begun = desk.begin()
    desk.wallet.answer(desk.wallet.read_request(begun.link), desk.presentations(begun))
    stored = desk.endpoints._kept.of_browser(begun.session_id, now=desk.world.clock.now())
    assert begun.session_id not in repr(begun)
    assert "Ada" not in repr(stored)


# --- Answers that are refused ---------------------------------------------------------------------


@clause("P10", "PP-58", "V1", "V6")
def test_a_second_answer_changes_nothing_and_is_noted(desk: Desk):
    begun = desk.begin(encrypted=False)
    answer = form(desk, begun)
    again = form(desk, begun)
    assert desk.post(begun, answer).status == 200
    result = desk.endpoints.result(begun.session_id)
    for late in (answer, again, {"error": "access_denied", "state": answer["state"]}, {}):
        assert "already" in refused(desk.post(begun, late), 409)
    assert desk.endpoints.result(begun.session_id) == result
    assert desk.state(begun)["answered_again"] is True
    assert desk.events.count("answered") == desk.events.count("answered_again") == 1
    assert refused(desk.endpoints.request_object(begun.request_id), 409)


@clause("PP-58", "V1", "P13")
def test_an_answer_after_the_end_is_refused():
    desk = Desk(World.begin())
    begun = desk.begin(encrypted=False, lifetime=60)
    answer = form(desk, begun)
    desk.world.clock.advance(60)
    assert "not any more" in refused(desk.post(begun, answer))
    assert refused(desk.endpoints.request_object(begun.request_id))
    assert desk.state(begun) == {"state": "expired"}
    with pytest.raises(ProtocolError, match="over"):
        desk.endpoints.result(begun.session_id)


@clause("V2", "PP-15")
def test_the_answer_of_one_session_is_none_for_another(desk: Desk):
    first, second = desk.begin(encrypted=False), desk.begin(encrypted=False)
    answer, own = form(desk, first), form(desk, second)
    assert "state" in refused(desk.post(second, answer))
    assert "not accepted" in refused(desk.post(second, {**answer, "state": own["state"]}))
    report = desk.state(second)["report"]
    checks = report["reports"]["diploma"][0]["checks"]  # type: ignore[index,call-overload]
    assert "nonce_wrong" in {check["code"] for check in checks}
    assert desk.post(second, own).status == 200


POSTS: dict[str, tuple[EndpointRequest, int]] = {
    "nothing": (posted(b""), 400),
    "no content type": (EndpointRequest(b"vp_token=x"), 400),
    "JSON": (posted(b"{}", "application/json"), 400),
    "bytes that are no text": (posted(b"vp_token=\xff"), 400),
    "escapes that are no text": (posted(b"vp_token=%ff"), 400),
    "no pairs": (posted(b"hello"), 400),
    "fields without end": (posted("&".join(f"a{n}=1" for n in range(100))), 400),
    "5 MB": (posted(b"vp_token=" + b"a" * 5_000_000), 413),
    "an id alone": (posted({"state": "x"}), 400),
}


@clause("PP-48", "V7")
@pytest.mark.parametrize(("post", "status"), POSTS.values(), ids=POSTS.keys())
@pytest.mark.parametrize("encrypted", [True, False])
def test_a_post_is_refused_with(desk: Desk, post: EndpointRequest, status: int, encrypted):
    begun = desk.begin(encrypted=encrypted)
    refused(desk.endpoints.response(begun.request_id, post), status)
    assert desk.state(begun)["state"] == "requested"


TOKENS = {
    "text": '"a~b"',
    "a presentation that is not in an array": '{"diploma":"a~b"}',
    "an array of arrays": '{"diploma":[["a~b"]]}',
    "an array of tokens": '["a~b"]',
    "nothing": "{}",
    "null": "null",
    "not JSON": "{",
    "nesting": "[" * 500,
}


@clause("PP-14", "PP-48", "V7")
@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS.keys())
def test_a_vp_token_is_refused_with(desk: Desk, token: str):
    begun = desk.begin(encrypted=False)
    state = str(desk.wallet.read_request(begun.link).request.state)
    refused(desk.post(begun, {"vp_token": token, "state": state}))


@clause("PP-48", "V2", "V7", "V8")
def test_state_is_demanded_and_sent_once(desk: Desk):
    begun = desk.begin(encrypted=False)
    answer = form(desk, begun)
    state = answer.pop("state")
    for wrong in ({}, {"state": ""}, {"state": state + "x"}):
        assert "state" in refused(desk.post(begun, {**answer, **wrong}))
    twice = f"state={state}&state={state}&vp_token=%7B%7D"
    assert refused(desk.endpoints.response(begun.request_id, posted(twice)))


@clause("PP-48")
def test_nobodys_request_is_refused(desk: Desk):
    for request_id in ("", "x", "../x", "\ud800"[:0] + "é"):
        refused(desk.endpoints.response(request_id, posted({"state": "x"})))
        refused(desk.endpoints.request_object(request_id))


@clause("P15", "P16", "PP-59", "PP-60")
def test_an_answer_that_is_not_accepted_ends_nothing(desk: Desk):
    begun = desk.begin(encrypted=False)
    good = form(desk, begun)
    lacking = desk.world.forge(without=("degree",), withheld=())
    request = desk.wallet.read_request(begun.link).request
    bad = {"diploma": (desk.world.bind(lacking, request),)}
    reply = desk.post(begun, PresentationResponse(bad, request.state).to_form())
    assert "not accepted" in refused(reply)
    state = desk.state(begun)
    assert state["state"] == "not_accepted"
    assert state["report"]["verdict"] == "rejected"  # type: ignore[index,call-overload]
    kept = b"".join(value for value, _ in desk.store._entries.values())  # type: ignore[attr-defined]
    assert b"Ada" not in kept
    with pytest.raises(ProtocolError) as early:
        desk.endpoints.result(begun.session_id)
    assert early.value.status == 409
    assert desk.post(begun, good).status == 200
    assert desk.state(begun)["state"] == "answered"


@clause("P15", "PP-60")
def test_what_was_not_asked_for_is_not_kept(desk: Desk):
    begun = desk.begin(encrypted=False)
    request = desk.wallet.read_request(begun.link).request
    text = desk.world.bind(desk.world.credential.text, request)
    answer = PresentationResponse({"diploma": (text,)}, request.state)
    assert desk.post(begun, answer.to_form()).status == 200
    kept = b"".join(value for value, _ in desk.store._entries.values())  # type: ignore[attr-defined]
    assert b"Mathematics" in kept
    assert b"1815" not in kept


# --- Purpose end --------------------------------------------------------------------------------


@clause("PP-61", "V16")
def test_the_result_is_gone_when_its_purpose_is_over():
    desk = Desk(World.begin())
    begun = desk.begin()
    desk.wallet.answer(desk.wallet.read_request(begun.link), desk.presentations(begun))
    desk.world.clock.advance(KEEP_SECONDS - 1)
    assert desk.endpoints.result(begun.session_id)
    desk.world.clock.advance(1)
    with pytest.raises(ProtocolError) as over:
        desk.endpoints.result(begun.session_id)
    assert over.value.status == 404
    assert desk.state(begun) == {"state": "expired"}
    assert desk.endpoints.remove_expired() == 1
    kept = b"".join(value for value, _ in desk.store._entries.values())  # type: ignore[attr-defined]
    assert b"Ada" not in kept
    desk.world.clock.advance(GRACE + 300)
    assert refused(desk.endpoints.status(begun.session_id), 404, "not_found")


@clause("PP-61", "V16")
def test_the_result_can_be_forgotten_before(desk: Desk):
    begun = desk.begin()
    desk.wallet.answer(desk.wallet.read_request(begun.link), desk.presentations(begun))
    assert desk.endpoints.forget(begun.session_id)
    assert desk.state(begun) == {"state": "expired"}
    kept = b"".join(value for value, _ in desk.store._entries.values())  # type: ignore[attr-defined]
    assert b"Ada" not in kept
    assert not desk.endpoints.forget(begun.session_id)
    assert not desk.endpoints.forget("x")


@clause("PP-61", "V16")
def test_an_open_request_can_be_withdrawn(desk: Desk):
    begun = desk.begin(encrypted=False)
    answer = form(desk, begun)
    assert desk.endpoints.forget(begun.session_id)
    refused(desk.post(begun, answer))
    assert desk.state(begun) == {"state": "expired"}


# --- When something breaks ------------------------------------------------------------------------


class Breaking(Verifier):
    def verify_answer(self, presentations, request):
        raise ZeroDivisionError

    def named(self, audience, *, replay_memory=None):
        return Breaking(audience, policy=self.policy)


@clause("PP-49", "V18", "V19")
def test_an_exception_while_checking_is_not_accepted_and_no_500(desk: Desk):
    begun = desk.begin(encrypted=False)
    answer = form(desk, begun)
    verifier = desk.endpoints.verifier
    desk.endpoints._answers = replace(
        desk.endpoints._answers, verifier=Breaking("a", policy=verifier.policy)
    )
    reply = desk.post(begun, answer)
    assert "could not be checked" in refused(reply, 400, "server_error")
    assert b"ZeroDivision" not in reply.body
    state = desk.state(begun)
    assert state["report"]["verdict"] == "error"  # type: ignore[index,call-overload]
    with pytest.raises(ProtocolError):
        desk.endpoints.result(begun.session_id)


class NoTokens:
    """A place of status lists that cannot be reached now."""

    def status_token(self, uri: str) -> str | None:
        return None


@clause("V20", "PP-48")
def test_what_cannot_be_decided_now_is_not_accepted(desk: Desk):
    begun = desk.begin(encrypted=False)
    network = TrustedNetwork(
        reader=desk.world.registry,
        genesis_hash=desk.world.registry.genesis_hash,
        status_tokens=NoTokens(),
    )
    policy = TrustPolicy(networks={"test": network})
    good = desk.endpoints._answers
    desk.endpoints._answers = replace(
        good, verifier=Verifier("a", policy=policy, clock=desk.world.clock)
    )
    answer = form(desk, begun)
    assert "now" in refused(desk.post(begun, answer), 400, "temporarily_unavailable")
    report = desk.state(begun)["report"]
    assert report["verdict"] == "undetermined"  # type: ignore[index,call-overload]
    desk.endpoints._answers = good
    assert desk.post(begun, answer).status == 200


@clause("V18")
def test_nothing_but_an_accepted_report_makes_a_result(desk: Desk):
    from weid.errors import VerificationError
    from weid.openid4vp.presentation_result import result_json
    from weid.verification.answer import AnswerReport

    with pytest.raises(VerificationError):
        result_json(AnswerReport(reports={}, problems=()))
    assert {one.name for one in fields(Answered)} >= {"result", "code_hash"}


# --- Beginning ----------------------------------------------------------------------------------


@clause("PP-62")
def test_a_format_that_is_not_verified_is_not_asked_for(desk: Desk):
    query = DcqlQuery.from_json(
        {"credentials": [{"id": "m", "format": "mso_mdoc", "meta": {"doctype_value": "x"}}]}
    )
    with pytest.raises(MalformedError, match="mso_mdoc"):
        desk.endpoints.begin(query)


@clause("PP-55")
@pytest.mark.parametrize(
    "page",
    [
        "javascript:alert(1)",
        "/result",
        "https://a.example/#x",
        "https://user@a.example/",
        "https://:443/",
        "http://shop.example/back",
        "http://127.0.0.1.evil.example/",
        "",
    ],
)
def test_a_page_to_return_to_is_an_https_address(desk: Desk, page: str):
    with pytest.raises(MalformedError, match="https address"):
        desk.begin(return_to=page)


@clause("PP-55")
@pytest.mark.parametrize("host", ["127.0.0.1:8002", "[::1]:8002", "localhost"])
def test_or_one_of_this_machine_for_development(desk: Desk, host: str):
    assert desk.begin(return_to=f"http://{host}/back")


def test_an_id_is_never_given_twice():
    desk = Desk()
    desk.endpoints.random = bytes
    desk.begin(encrypted=False)
    with pytest.raises(MalformedError, match="taken"):
        desk.begin(encrypted=False)


@clause("PP-35", "PP-39")
def test_an_unsigned_request_is_in_the_link_alone():
    desk = Desk(who=UnsignedIdentity())
    begun = desk.begin()
    assert "request_uri=" not in begun.link
    assert "link" in refused(desk.endpoints.request_object(begun.request_id))
    request = desk.wallet.read_request(begun.link).request
    assert request.audience == f"redirect_uri:{BASE}/responses/{begun.request_id}"


# --- Fetching by POST -----------------------------------------------------------------------------


@clause("PP-40", "V11")
def test_a_wallet_that_fetches_by_post_gets_its_nonce_back(desk: Desk):
    desk.endpoints.post_requests = True
    begun = desk.begin()
    assert "request_uri_method=post" in begun.link
    asked = desk.wallet.read_request(begun.link)
    method, url, sent = desk.transport.asked[-1]
    assert (method, url) == ("POST", f"{BASE}/requests/{begun.request_id}")
    assert {"wallet_nonce", "wallet_metadata"} == set(parse_qs(sent.decode()))
    assert desk.wallet.answer(asked, desk.presentations(begun)) is None


@pytest.mark.parametrize("by_post", [False, True])
def test_a_verifier_that_takes_long_is_waited_for(desk: Desk, by_post):
    desk.endpoints.post_requests = by_post
    begun = desk.begin()
    desk.wallet.answer(desk.wallet.read_request(begun.link), desk.presentations(begun))
    assert desk.transport.waits == {limits.EXCHANGE_SECONDS}


@clause("PP-40", "V11")
def test_a_wallet_refuses_a_request_that_was_made_for_another(desk: Desk):
    desk.endpoints.post_requests = True
    begun = desk.begin()
    stale = desk.endpoints.request_object(
        begun.request_id, posted({"wallet_nonce": "of-another-wallet"})
    )
    plain = desk.endpoints.request_object(begun.request_id)
    for reply in (stale, plain):
        desk.transport.change = lambda _, reply=reply: reply
        with pytest.raises(ProtocolError, match="wallet_nonce"):
            desk.wallet.read_request(begun.link)


METADATA = ["{", "[]", "null", '{"vp_formats_supported":1}', '{"jwks":3}', "{}"]


@clause("PP-40")
@pytest.mark.parametrize("metadata", METADATA)
def test_metadata_that_cannot_be_read_are_passed_over(desk: Desk, metadata: str):
    begun = desk.begin()
    reply = desk.endpoints.request_object(begun.request_id, posted({"wallet_metadata": metadata}))
    assert reply.status == 200
    assert desk.endpoints.request_object(begun.request_id, EndpointRequest()).status == 200


@clause("PP-40")
def test_a_nonce_is_one_short_text(desk: Desk):
    begun = desk.begin()
    for sent in ("wallet_nonce=a&wallet_nonce=b", {"wallet_nonce": "a\n"}, {"wallet_nonce": ""},
                 {"wallet_nonce": "a" * 513}):  # fmt: skip
        refused(desk.endpoints.request_object(begun.request_id, posted(sent)))


@clause("PP-46")
def test_a_request_is_encrypted_for_a_wallet_that_wants_it(desk: Desk):
    key = PrivateKey.from_seed(b"\x31" * 32, KeyKind.P256)
    metadata: JsonObject = {
        "jwks": {"keys": [ResponseEncryption(key.public, "w").to_jwk()]},
        "request_object_encryption_alg_values_supported": ["ECDH-ES"],
        "request_object_encryption_enc_values_supported": ["A256GCM"],
    }
    begun = desk.begin()
    plain = desk.endpoints.request_object(begun.request_id)

    def fetch(value: JsonObject) -> str:
        sent = posted({"wallet_metadata": json.dumps(value)})
        return desk.endpoints.request_object(begun.request_id, sent).body.decode()

    assert decrypt_request_object(fetch(metadata), key) == plain.body.decode()
    for name in ("jwks", "request_object_encryption_alg_values_supported"):
        assert fetch({k: v for k, v in metadata.items() if k != name}) == plain.body.decode()


# --- The wallet's side ----------------------------------------------------------------------------


@clause("PP-36", "PP-63", "V9")
def test_a_request_object_of_another_verifier_is_not_taken(desk: Desk):
    other = Desk(who=identity(HOST))
    theirs = other.endpoints.request_object(other.begin().request_id)
    desk.transport.change = lambda _: theirs
    with pytest.raises(ProtocolError, match="another verifier"):
        desk.wallet.read_request(desk.begin().link)


@clause("PP-36", "V10", "V12")
def test_what_a_wallet_fetches_must_be_a_request_object(desk: Desk):
    begun = desk.begin()
    good = desk.endpoints.request_object(begun.request_id)
    changes = {
        "another type": replace(good, headers={"Content-Type": "application/jwt"}),
        "a refusal": replace(good, status=404),
        "a redirect": replace(good, status=302),
    }
    for reply in changes.values():
        desk.transport.change = lambda _, reply=reply: reply
        with pytest.raises(ProtocolError, match="does not give"):
            desk.wallet.read_request(begun.link)
    desk.transport.change = lambda _: replace(good, body=b"\xff")
    with pytest.raises(MalformedError, match="not text"):
        desk.wallet.read_request(begun.link)


@clause("PP-63")
def test_a_wallet_opens_only_web_addresses(desk: Desk):
    begun = desk.begin(return_to=RETURN)
    asked = desk.wallet.read_request(begun.link)
    texts = desk.presentations(begun)
    for place in (
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https://a.example/\u202e",
        "https://[",
    ):
        changed = json.dumps({"redirect_uri": place}).encode()
        desk.transport.change = lambda reply, changed=changed: replace(
            reply, body=changed, status=200
        )
        with pytest.raises(MalformedError, match="web address"):
            desk.wallet.answer(asked, texts)
    desk.transport.change = lambda reply: replace(reply, body=b'{"redirect_uri":1}', status=200)
    assert desk.wallet.answer(asked, texts) is None


@clause("PP-48")
def test_a_wallet_is_told_that_the_answer_was_not_accepted(desk: Desk):
    begun = desk.begin()
    asked = desk.wallet.read_request(begun.link)
    thief = {"diploma": [desk.world.credential.text]}
    with pytest.raises(ProtocolError, match="not accepted"):
        desk.wallet.answer(asked, thief)
    desk.transport.change = lambda _: Reply(500, {"Content-Type": "text/html"}, b"<b>")
    with pytest.raises(ProtocolError, match="invalid_request"):
        desk.wallet.answer(asked, thief)


@clause("PP-74", "PP-75")
def test_a_session_remembers_the_policy_that_it_was_begun_by():
    desk = Desk(World.begin())
    policy = publish(desk.world)
    begun = desk.endpoints.begin(policy.query(), policy=policy.reference)
    asked = desk.wallet.read_request(begun.link)
    assert asked.request.policy == policy.reference
    (query,) = asked.request.query.credentials
    claims = (query.claims[0], ClaimQuery(ClaimPath(["born"])))
    wider = DcqlQuery((replace(query, claims=claims, claim_sets=()),))
    careless = desk.world.present(replace(asked.request, query=wider))
    with pytest.raises(ProtocolError):
        desk.wallet.answer(asked, {"diploma": [careless]})
    assert "claims_forbidden" in str(desk.state(begun))
    desk.wallet.answer(asked, {"diploma": [desk.world.present(asked.request)]})
    assert desk.state(begun)["state"] == "answered"
