from __future__ import annotations

import json
import threading
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from tests.support.clauses import clause
from tests.unit.oauth.proofs import KEY, OTHER
from tests.unit.openid4vci.authorizing import (
    CLIENT,
    REDIRECT,
    Walk,
    answer_of,
    members,
    refusal,
)
from tests.unit.openid4vci.issuing import ISSUER, Setting
from tests.unit.openid4vci.test_endpoints import asking, form, token_of
from weid.errors import MalformedError, ProtocolError
from weid.oauth.reply import EndpointRequest
from weid.openid4vci.authorization_policy import Approved, AuthorizationPolicy, TryAgainError
from weid.openid4vci.issuance_session import code_of_offer
from weid.openid4vci.offer import parse_offer_uri
from weid.openid4vci.token import FORM

DETAILS = json.dumps(
    [{"type": "openid_credential", "credential_configuration_id": "diploma", "locations": [ISSUER]}]
)


@clause("IP-37", "IP-38", "IP-40", "IP-41", "IP-42")
def test_from_an_officers_offer_through_the_page_to_a_credential():
    walk = Walk()
    made, issuer_state = walk.offer(with_tx_code=True)
    page = walk.page(issuer_state=issuer_state, resource=ISSUER)
    question = walk.endpoints.authorization.question(page)
    assert (question.client_id, question.configuration_ids) == (CLIENT, ("diploma",))
    answer = answer_of(walk.endpoints.authorization.decide(page, {"tx_code": made.tx_code}))
    assert set(answer) == {"code", "state", "iss"}
    assert (answer["state"], answer["iss"]) == ("a state/=?&", ISSUER)
    reply = walk.token(answer["code"])
    assert reply.status == 200
    token = members(reply)
    assert (token["token_type"], token["scope"]) == ("Bearer", "diploma")
    assert "authorization_details" not in token
    credential = walk.endpoints.credential(asking(walk.setting, token["access_token"]))
    assert credential.status == 200
    assert walk.setting.named() == ["offered", "token_issued", "key_accepted", "credential_issued"]


# --- Offers for the page ----------------------------------------------------------------------


@clause("I6", "IP-37")
def test_an_offer_for_the_page_is_read_like_any_other_and_has_no_pre_authorized_code():
    walk = Walk()
    made, issuer_state = walk.offer(with_tx_code=True)
    offer_id = parse_offer_uri(made.uri).url.rsplit("/", 1)[1]
    replies = [walk.endpoints.credential_offer(offer_id) for _ in range(3)]
    assert {reply.body for reply in replies} == {replies[0].body}
    assert members(replies[0])["grants"] == {"authorization_code": {"issuer_state": issuer_state}}
    for code in (issuer_state, code_of_offer(offer_id), offer_id):
        reply = walk.endpoints.token(form(code=code, tx_code=made.tx_code))
        assert refusal(reply) == (400, "invalid_grant")


@clause("IP-37")
def test_without_a_hook_there_is_no_such_flow():
    setting = Setting()
    with pytest.raises(MalformedError, match="no authorization code flow"):
        setting.endpoints.offer("diploma", {}, by_page=True)
    assert refusal(setting.endpoints.push(Walk.form(Walk.fields()))) == (404, "not_found")
    assert refusal(setting.endpoints.authorize("client_id=a")) == (404, "not_found")
    server = members(setting.endpoints.authorization_server())
    assert server["grant_types_supported"] == [
        "urn:ietf:params:oauth:grant-type:pre-authorized_code"
    ]
    assert "authorization_endpoint" not in server
    assert "pushed_authorization_request_endpoint" not in server


@clause("IP-37")
def test_a_transaction_code_that_an_issuer_derives_is_six_digits():
    walk = Walk()
    made, _ = walk.offer(tx_code="012345")
    assert made.tx_code == "012345"
    for wrong in ("12345", "1234567", "12345a", ""):
        with pytest.raises(MalformedError, match="6 digits"):
            walk.offer(tx_code=wrong)


# --- Pushed requests --------------------------------------------------------------------------


@clause("I14", "IP-38")
def test_a_request_uri_opens_one_page_for_the_client_that_pushed_it():
    walk = Walk()
    reply = walk.push()
    assert reply.status == 201
    pushed = members(reply)
    assert pushed["expires_in"] == 90
    assert pushed["request_uri"].startswith("urn:ietf:params:oauth:request_uri:")
    assert reply.headers["Cache-Control"] == "no-store"
    other = walk.authorize(pushed["request_uri"], "wallet-2")
    assert refusal(other) == (400, "invalid_request")
    assert walk.authorize(pushed["request_uri"]).status == 303
    assert refusal(walk.authorize(pushed["request_uri"])) == (400, "invalid_request")
    for wrong in ("urn:ietf:params:oauth:request_uri:x", "https://evil.example/request", "x"):
        assert refusal(walk.authorize(wrong)) == (400, "invalid_request")


@clause("I14", "IP-38")
def test_a_request_uri_ends_with_its_time():
    walk = Walk()
    uri = walk.request_uri()
    walk.setting.clock.advance(90)
    assert refusal(walk.authorize(uri)) == (400, "invalid_request")


@clause("I14", "IP-38")
def test_of_many_who_open_a_request_uri_at_once_one_sees_the_page():
    walk = Walk()
    uri, statuses, barrier = walk.request_uri(), [], threading.Barrier(12)

    def open_it() -> None:
        barrier.wait(5)
        statuses.append(walk.authorize(uri).status)

    threads = [threading.Thread(target=open_it) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [303] + [400] * 11


PUSHES = {
    "a request_uri inside": ({"request_uri": "urn:x"}, "invalid_request"),
    "a request object": ({"request": "ey"}, "request_not_supported"),
    "no response_type": ({"response_type": None}, "invalid_request"),
    "a token at once": ({"response_type": "token"}, "unsupported_response_type"),
    "another response_mode": ({"response_mode": "fragment"}, "invalid_request"),
    "no challenge": ({"code_challenge": None}, "invalid_request"),
    "no method": ({"code_challenge_method": None}, "invalid_request"),
    "plain": ({"code_challenge_method": "plain"}, "invalid_request"),
    "no redirect_uri": ({"redirect_uri": None}, "invalid_request"),
    "another redirect_uri": ({"redirect_uri": REDIRECT + "/"}, "invalid_request"),
    "no scope": ({"scope": None}, "invalid_scope"),
    "an unknown scope": ({"scope": "passport openid"}, "invalid_scope"),
    "a huge state": ({"state": "x" * 1025}, "invalid_request"),
    "another resource": ({"resource": "https://other.example"}, "invalid_target"),
    "details that are no JSON": ({"authorization_details": "x"}, "invalid_authorization_details"),
    "details that are no array": ({"authorization_details": "{}"}, "invalid_authorization_details"),
    "no details in them": ({"authorization_details": "[]"}, "invalid_authorization_details"),
    "details of another type": (
        {"authorization_details": '[{"type":"payment"}]'},
        "invalid_authorization_details",
    ),
    "details of nothing known": (
        {"authorization_details": DETAILS.replace("diploma", "passport")},
        "invalid_authorization_details",
    ),
    "seventeen details": (
        {"authorization_details": json.dumps(json.loads(DETAILS) * 17)},
        "invalid_authorization_details",
    ),
}


@clause("I15", "I16", "IP-38", "IP-39", "IP-40")
@pytest.mark.parametrize("name", PUSHES)
def test_a_pushed_request_is_judged_at_once(name):
    changes, code = PUSHES[name]
    assert refusal(Walk().push(**changes)) == (400, code)


@clause("IP-38", "IP-39")
def test_nobody_unknown_pushes_anything():
    walk = Walk()
    assert refusal(walk.push(client_id="stranger")) == (401, "invalid_client")
    assert refusal(walk.push(client_id=None)) == (400, "invalid_request")
    doubled = walk.form(walk.fields())
    twice = type(doubled)(doubled.body + b"&scope=x", doubled.headers)
    assert refusal(walk.endpoints.push(twice)) == (400, "invalid_request")


@clause("IP-40")
def test_what_is_asked_for_may_be_said_in_three_ways():
    walk = Walk()
    assert walk.page(scope="openid diploma licence")
    question = walk.endpoints.authorization.question(
        walk.page(scope="licence", authorization_details=DETAILS)
    )
    assert question.configuration_ids == ("diploma", "licence")
    _, issuer_state = walk.offer()
    question = walk.endpoints.authorization.question(
        walk.page(scope=None, issuer_state=issuer_state)
    )
    assert (question.configuration_ids, question.issuer_state) == ((), issuer_state)


# --- Where errors go --------------------------------------------------------------------------


@clause("I15", "IP-39")
def test_an_error_goes_by_redirect_only_to_a_trusted_address():
    walk = Walk(pushed_required=False)
    good = walk.endpoints.authorize(urlencode(walk.fields(scope="passport")))
    answer = answer_of(good)
    assert answer["error"] == "invalid_scope"
    assert (answer["state"], answer["iss"]) == ("a state/=?&", ISSUER)
    assert "code" not in answer
    for changes in (
        {"redirect_uri": "https://evil.example/cb"},
        {"redirect_uri": REDIRECT + "?x"},
        {"client_id": "stranger"},
    ):
        fields = {**walk.fields(scope="passport"), **changes}
        reply = walk.endpoints.authorize(urlencode(fields))
        assert reply.status in {400, 401}
        assert "Location" not in reply.headers
        assert "evil" not in reply.body.decode()
    for query in ("", "x", "client_id=a&client_id=b", "%ff=%ff", "a=b"):
        assert refusal(walk.endpoints.authorize(query)) == (400, "invalid_request")


@clause("IP-38")
def test_a_request_that_was_not_pushed_is_taken_only_where_the_operator_says_so():
    walk = Walk()
    query = urlencode(walk.fields())
    assert answer_of(walk.endpoints.authorize(query))["error"] == "invalid_request"
    open_walk = Walk(pushed_required=False)
    reply = open_walk.endpoints.authorize(query)
    assert reply.headers["Location"].startswith(f"{ISSUER}/authorize/")
    server = members(open_walk.endpoints.authorization_server())
    assert server["require_pushed_authorization_requests"] is False


@clause("IP-39", "IP-40")
def test_the_answer_leaves_the_rest_of_the_address_as_it_is():
    from weid.openid4vci.authorization_request import ReturnAddress

    for uri, expected in (
        ("https://w.example/cb", "https://w.example/cb?code=c&iss=i"),
        ("https://w.example/cb?a=b", "https://w.example/cb?a=b&code=c&iss=i"),
        ("haip:/redirect", "haip:/redirect?code=c&iss=i"),
        ("com.app://", "com.app://?code=c&iss=i"),
    ):
        assert ReturnAddress("w", uri, None).answer("i", {"code": "c"}) == expected
    encoded = ReturnAddress("w", "https://w.example/", "a&b=\r\n c").answer("i", {"code": "c"})
    assert dict(parse_qsl(urlsplit(encoded).query))["state"] == "a&b=\r\n c"
    assert "\r" not in encoded


# --- The page ---------------------------------------------------------------------------------


@clause("I3", "IP-05", "IP-41")
def test_five_wrong_transaction_codes_on_the_page_end_the_offer():
    walk = Walk()
    made, issuer_state = walk.offer(with_tx_code=True)
    page = walk.page(issuer_state=issuer_state)
    for wrong in ("nope", "", "000 00", "12", "half a character \ud800", "y"):
        with pytest.raises(TryAgainError):
            walk.endpoints.authorization.decide(page, {"tx_code": wrong})
    assert walk.setting.named().count("tx_code_wrong") == 4
    assert walk.setting.named().count("offer_dead") == 1
    with pytest.raises(TryAgainError):
        walk.endpoints.authorization.decide(page, {"tx_code": made.tx_code})


@clause("I2", "IP-41")
def test_after_a_wrong_code_the_right_one_passes_and_the_reference_may_be_typed():
    walk = Walk()
    made, issuer_state = walk.offer(with_tx_code=True)
    page = walk.page()
    with pytest.raises(TryAgainError):
        walk.endpoints.authorization.decide(page, {"reference": "\ud800", "tx_code": "1"})
    answers = {"reference": f" {issuer_state} ", "tx_code": "nope"}
    with pytest.raises(TryAgainError):
        walk.endpoints.authorization.decide(page, answers)
    with pytest.raises(TryAgainError):
        walk.endpoints.authorization.decide(page, {"tx_code": made.tx_code})
    wide = " ".join(chr(0xFF10 + int(digit)) for digit in made.tx_code)
    reply = walk.endpoints.authorization.decide(page, {**answers, "tx_code": wide})
    assert "code" in answer_of(reply)


@clause("IP-41")
def test_a_page_is_answered_once():
    walk = Walk()
    walk.approve()
    page = walk.page()
    walk.endpoints.authorization.decide(page, {})
    for deed in (
        lambda: walk.endpoints.authorization.decide(page, {}),
        lambda: walk.endpoints.authorization.refuse(page),
        lambda: walk.endpoints.authorization.question(page),
        lambda: walk.endpoints.authorization.question("x"),
    ):
        with pytest.raises(ProtocolError) as refused:
            deed()
        assert refused.value.status == 404
    late = walk.page()
    walk.setting.clock.advance(600)
    with pytest.raises(ProtocolError):
        walk.endpoints.authorization.question(late)


@clause("IP-41")
def test_who_declines_sends_the_wallet_away():
    walk = Walk()
    answer = answer_of(walk.endpoints.authorization.refuse(walk.page()))
    assert (answer["error"], answer["state"]) == ("access_denied", "a state/=?&")
    walk.approval = ProtocolError("access_denied", "the person has no diploma, says the office")
    reply = walk.endpoints.authorization.decide(walk.page(), {})
    answer = answer_of(reply)
    assert answer["error"] == "access_denied"
    assert "office" not in reply.headers["Location"]


@clause("IP-41")
def test_an_agency_with_a_sign_in_of_its_own_approves_what_it_knows():
    walk = Walk()
    walk.approval = Approved("diploma", {"name": "Ada Lovelace"})
    code = walk.code(answers={"subject": "person-7"})
    question, answers = walk.asked[0]
    assert answers == {"subject": "person-7"}
    assert question.client_id == CLIENT
    token = members(walk.token(code))
    reply = walk.endpoints.credential(asking(walk.setting, token["access_token"]))
    assert reply.status == 200
    assert walk.setting.office.calls[0].approved == {"name": "Ada Lovelace"}


@clause("IP-41")
def test_nothing_else_is_issued_than_was_asked_for_and_approved():
    walk = Walk()
    walk.approval = Approved("licence", {})
    with pytest.raises(TryAgainError):
        walk.endpoints.authorization.decide(walk.page(), {})
    walk.approval = Approved("passport", {})
    answer = answer_of(walk.endpoints.authorization.decide(walk.page(), {}))
    assert answer["error"] == "access_denied"
    walk.approve()
    walk.endpoints.withdraw(walk.approval.issuance_id)
    answer = answer_of(walk.endpoints.authorization.decide(walk.page(), {}))
    assert answer["error"] == "access_denied"


# --- Codes ------------------------------------------------------------------------------------


@clause("I16", "IP-42")
def test_a_code_is_bound_to_client_address_and_verifier_and_survives_who_lacks_them():
    walk = Walk()
    walk.approve()
    code = walk.code()
    for changes, expected in (
        ({"client_id": "wallet-2"}, (400, "invalid_grant")),
        ({"client_id": None}, (400, "invalid_request")),
        ({"redirect_uri": REDIRECT + "/"}, (400, "invalid_grant")),
        ({"redirect_uri": None}, (400, "invalid_request")),
        ({"code_verifier": None}, (400, "invalid_request")),
        ({"code_verifier": "w" * 43}, (400, "invalid_grant")),
        ({"code": "x" * 43}, (400, "invalid_grant")),
        ({"code": None}, (400, "invalid_request")),
        ({"resource": "https://other.example"}, (400, "invalid_target")),
    ):
        assert refusal(walk.token(**{"code": code, **changes})) == expected, changes
    assert walk.token(code, resource=ISSUER).status == 200
    assert refusal(walk.token(code)) == (400, "invalid_grant")


@clause("I1", "IP-42")
def test_of_twenty_who_use_an_authorization_code_at_once_one_gets_a_token():
    walk = Walk()
    walk.approve()
    code, replies, barrier = walk.code(), [], threading.Barrier(20)

    def use() -> None:
        barrier.wait(5)
        replies.append(walk.token(code))

    threads = [threading.Thread(target=use) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(reply.status for reply in replies) == [200] + [400] * 19


@clause("I1", "IP-42")
def test_two_codes_of_one_offer_give_one_token():
    walk = Walk()
    walk.approve()
    first, second = walk.code(), walk.code()
    assert walk.token(first).status == 200
    assert refusal(walk.token(second)) == (400, "invalid_grant")


@clause("I5", "IP-42")
def test_a_code_ends_with_its_time_and_is_nothing_to_another_issuer():
    walk = Walk()
    walk.approve()
    code = walk.code()
    other = Setting(
        issuer="https://issuer.gov.example/tenants/health",
        sessions=walk.setting.sessions,
        clock=walk.setting.clock,
        policy=walk.endpoints.policy,
    )
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT,
        "client_id": CLIENT,
        "code_verifier": "v" * 43,
    }
    assert refusal(other.endpoints.token(walk.form(fields))) == (400, "invalid_grant")
    walk.setting.clock.advance(120)
    assert refusal(walk.token(code)) == (400, "invalid_grant")


@clause("I7", "IP-42")
def test_the_flow_keeps_hashes_of_its_secrets_and_prints_none():
    walk = Walk()
    made, issuer_state = walk.offer(with_tx_code=True)
    uri = walk.request_uri(issuer_state=None)
    kept = repr(walk.setting.sessions._entries)
    page = walk.authorize(uri).headers["Location"].rsplit("/", 1)[1]
    kept += repr(walk.setting.sessions._entries)
    question = walk.endpoints.authorization.question(page)
    answers = {"reference": issuer_state, "tx_code": made.tx_code}
    code = answer_of(walk.endpoints.authorization.decide(page, answers))["code"]
    kept += repr(walk.setting.sessions._entries)
    for secret in (uri.rsplit(":", 1)[1], page, code, issuer_state):
        assert secret not in kept
        assert secret not in repr(question)


# --- Token requests ---------------------------------------------------------------------------


@clause("IP-46")
def test_identifiers_are_given_where_details_were_asked_for():
    walk = Walk()
    walk.approve()
    token = members(walk.token(walk.code(scope=None, authorization_details=DETAILS)))
    assert token["authorization_details"] == [
        {
            "type": "openid_credential",
            "credential_configuration_id": "diploma",
            "credential_identifiers": ["diploma"],
        }
    ]
    request = asking(
        walk.setting,
        token["access_token"],
        credential_configuration_id=None,
        credential_identifier="diploma",
    )
    assert walk.endpoints.credential(request).status == 200


@clause("IP-46")
def test_details_in_the_token_request_of_an_offer():
    setting = Setting()
    offer = setting.endpoints.offer("diploma", {"name": "Ada"})
    code = parse_offer_uri(offer.uri_by_value).grants.pre_authorized.code
    licence = DETAILS.replace("diploma", "licence")
    wrong = setting.endpoints.token(form(code=code, authorization_details=licence))
    assert refusal(wrong) == (400, "invalid_authorization_details")
    unreadable = setting.endpoints.token(form(code=code, authorization_details="[[["))
    assert refusal(unreadable) == (400, "invalid_authorization_details")
    reply = setting.endpoints.token(form(code=code, authorization_details=DETAILS))
    assert members(reply)["authorization_details"][0]["credential_identifiers"] == ["diploma"]


@clause("IP-03", "IP-46")
def test_a_resource_is_accepted_where_it_is_this_issuer():
    setting = Setting()
    offer = setting.endpoints.offer("diploma", {"name": "Ada"})
    code = parse_offer_uri(offer.uri_by_value).grants.pre_authorized.code
    other = setting.endpoints.token(form(code=code, resource="https://other.example"))
    assert refusal(other) == (400, "invalid_target")
    assert setting.endpoints.token(form(code=code, resource=ISSUER)).status == 200


# --- Tokens that are bound to a key -----------------------------------------------------------


def bound_token(walk: Walk, signer=KEY) -> str:
    walk.approve()
    reply = walk.token(walk.code(), walk.dpop("/token", signer))
    assert members(reply)["token_type"] == "DPoP"
    return members(reply)["access_token"]


def ask(walk: Walk, token: str, headers: dict, scheme="DPoP"):
    request = asking(walk.setting, token)
    sent = {**request.headers, "Authorization": f"{scheme} {token}", **headers}
    return walk.endpoints.credential(type(request)(request.body, sent))


@clause("IP-44")
def test_a_bound_token_opens_only_beside_a_proof_of_its_key():
    walk = Walk()
    token = bound_token(walk)
    path = "/credential"
    for headers, scheme, code in (
        ({}, "DPoP", "invalid_dpop_proof"),
        ({}, "Bearer", "invalid_token"),
        (walk.dpop(path, access_token=token), "Bearer", "invalid_token"),
        (walk.dpop(path, OTHER, access_token=token), "DPoP", "invalid_token"),
        (walk.dpop(path), "DPoP", "invalid_dpop_proof"),
        (walk.dpop(path, access_token="another"), "DPoP", "invalid_dpop_proof"),
        (walk.dpop("/token", access_token=token), "DPoP", "invalid_dpop_proof"),
        (walk.dpop(path, nonce="", access_token=token), "DPoP", "use_dpop_nonce"),
        ({"DPoP": "x"}, "DPoP", "invalid_dpop_proof"),
    ):
        reply = ask(walk, token, headers, scheme)
        assert reply.status == 401
        assert f'error="{code}"' in reply.headers["WWW-Authenticate"]
        assert reply.headers["WWW-Authenticate"].startswith(scheme)
        assert reply.headers["DPoP-Nonce"]
    headers = walk.dpop(path, access_token=token)
    assert ask(walk, token, headers).status == 200
    again = ask(walk, token, headers)
    assert again.status == 401


@clause("IP-44")
def test_the_token_of_an_offer_may_be_bound_too():
    walk = Walk()
    offer = walk.endpoints.offer("diploma", {"name": "Ada"}, with_tx_code=True)
    code = parse_offer_uri(offer.uri_by_value).grants.pre_authorized.code
    plain = form(code=code, tx_code=offer.tx_code)
    bare = type(plain)(plain.body, {**plain.headers, **walk.dpop("/token", nonce="")})
    assert refusal(walk.endpoints.token(bare)) == (400, "use_dpop_nonce")
    reply = walk.endpoints.token(type(plain)(plain.body, {**plain.headers, **walk.dpop("/token")}))
    token = members(reply)
    assert set(token) == {"access_token", "token_type", "expires_in"}
    assert token["token_type"] == "DPoP"
    assert ask(walk, token["access_token"], {}, "Bearer").status == 401
    proof = walk.dpop("/credential", access_token=token["access_token"])
    assert ask(walk, token["access_token"], proof).status == 200


@clause("IP-44")
def test_a_bearer_token_is_not_taken_as_a_bound_one():
    walk = Walk()
    token = token_of(walk.setting)
    reply = ask(walk, token, walk.dpop("/credential", access_token=token))
    assert reply.status == 401
    assert ask(walk, token, {}, "Bearer").status == 200


@clause("IP-44")
def test_every_answer_that_is_not_kept_brings_a_nonce():
    walk = Walk()
    walk.approve()
    code = walk.code()
    replies = [
        walk.endpoints.nonce(),
        walk.push(),
        walk.push(scope="passport"),
        walk.token("x"),
        walk.endpoints.credential(walk.form({})),
        walk.token(code, walk.dpop("/token", nonce="")),
        walk.endpoints.challenge(),
    ]
    nonces = [reply.headers["DPoP-Nonce"] for reply in replies]
    assert len(set(nonces)) == len(nonces)
    assert refusal(replies[5]) == (400, "use_dpop_nonce")
    assert walk.token(code, walk.dpop("/token", nonce=nonces[5])).status == 200
    for kept in (walk.endpoints.metadata(), walk.endpoints.authorization_server()):
        assert "DPoP-Nonce" not in kept.headers


@clause("IP-44")
def test_whatever_a_token_opens_brings_a_nonce_accepted_or_refused():
    walk = Walk()
    walk.approve()
    token = members(walk.token(walk.code()))["access_token"]
    issued = walk.endpoints.credential(asking(walk.setting, token))
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    told = {"event": "credential_accepted", "notification_id": members(issued)["notification_id"]}

    def send(endpoint, value, headers=headers):
        return endpoint(EndpointRequest(json.dumps(value).encode(), headers))

    replies = {
        200: issued,
        204: send(walk.endpoints.notification, told),
        400: send(walk.endpoints.deferred_credential, {"transaction_id": "none"}),
        401: send(walk.endpoints.deferred_credential, {}, {}),
    }
    assert {status: reply.status for status, reply in replies.items()} == {n: n for n in replies}
    refused = send(walk.endpoints.notification, {"event": "x"})
    nonces = [reply.headers["DPoP-Nonce"] for reply in (*replies.values(), refused)]
    assert len(set(nonces)) == len(nonces)


@clause("IP-44")
def test_the_operator_may_demand_dpop():
    walk = Walk(dpop_required=True)
    walk.approve()
    code = walk.code()
    assert refusal(walk.token(code)) == (400, "invalid_dpop_proof")
    token = members(walk.token(code, walk.dpop("/token")))["access_token"]
    bearer = ask(walk, token, {}, "Bearer")
    assert bearer.status == 401
    assert bearer.headers["WWW-Authenticate"].startswith("DPoP")
    assert ask(walk, token, walk.dpop("/credential", access_token=token)).status == 200


@clause("IP-42", "IP-44")
def test_a_code_may_be_bound_to_a_key_beforehand():
    walk = Walk()
    walk.approve()
    code = walk.code(walk.dpop("/par"))
    assert refusal(walk.token(code)) == (400, "invalid_dpop_proof")
    assert refusal(walk.token(code, walk.dpop("/token", OTHER))) == (400, "invalid_dpop_proof")
    assert walk.token(code, walk.dpop("/token")).status == 200
    mine, others = KEY.public_key.thumbprint(), OTHER.public_key.thumbprint()
    assert refusal(walk.push(walk.dpop("/par"), dpop_jkt=others)) == (400, "invalid_dpop_proof")
    walk.approve()
    named = walk.code(dpop_jkt=mine)
    assert refusal(walk.token(named, walk.dpop("/token", OTHER))) == (400, "invalid_dpop_proof")
    assert walk.token(named, walk.dpop("/token")).status == 200


# --- Attested wallets -------------------------------------------------------------------------


@clause("IP-39", "IP-45")
def test_an_attested_wallet_needs_no_entry_in_the_list():
    walk = Walk(clients=(), attestation_required=True)
    walk.approve()
    code = walk.code(walk.attested("any-wallet"), client_id="any-wallet")
    bare = {"client_id": "any-wallet"}
    assert refusal(walk.token(code, **bare)) == (401, "invalid_client")
    other = walk.token(code, walk.attested("other"), client_id="other")
    assert refusal(other) == (400, "invalid_grant")
    mixed = walk.token(code, walk.attested("other"), **bare)
    assert refusal(mixed) == (401, "invalid_client")
    assert walk.token(code, walk.attested("any-wallet"), client_id=None).status == 200


@clause("IP-45")
def test_a_code_of_an_attested_request_is_used_with_an_attestation_only():
    walk = Walk(clients=())
    walk.approve()
    code = walk.code(walk.attested())
    assert refusal(walk.token(code)) == (401, "invalid_client")
    assert walk.token(code, walk.attested()).status == 200


@clause("IP-45")
def test_an_attestation_that_is_there_is_checked_also_where_none_is_demanded():
    walk = Walk()
    one = walk.attested()
    for headers in (
        {**one, "OAuth-Client-Attestation-PoP": ""},
        {**one, "OAuth-Client-Attestation": ""},
        walk.attested(attester=OTHER),
        walk.attested(signer=OTHER),
        walk.attested(audience="https://other.example"),
        walk.attested(expires_at=1),
    ):
        assert refusal(walk.push(headers)) == (401, "invalid_client")
        offer = walk.endpoints.offer("diploma", {"name": "Ada"})
        code = parse_offer_uri(offer.uri_by_value).grants.pre_authorized.code
        plain = form(code=code)
        request = type(plain)(plain.body, {**plain.headers, **headers})
        assert refusal(walk.endpoints.token(request)) == (401, "invalid_client")
    # Nobody is trusted here: what cannot be judged is not read.
    setting = Setting(policy=AuthorizationPolicy())
    offer = setting.endpoints.offer("diploma", {"name": "Ada"})
    plain = form(code=parse_offer_uri(offer.uri_by_value).grants.pre_authorized.code)
    assert setting.endpoints.token(type(plain)(plain.body, {**plain.headers, **one})).status == 200


@clause("IP-45")
def test_the_operator_may_demand_attestations_of_every_wallet():
    walk = Walk(attestation_required=True, pushed_required=False)
    assert refusal(walk.push()) == (401, "invalid_client")
    offer = walk.endpoints.offer("diploma", {"name": "Ada"})
    code = parse_offer_uri(offer.uri_by_value).grants.pre_authorized.code
    plain = form(code=code)
    assert refusal(walk.endpoints.token(plain)) == (401, "invalid_client")
    with_headers = type(plain)(plain.body, {**plain.headers, **walk.attested()})
    assert walk.endpoints.token(with_headers).status == 200
    # What was not pushed cannot have brought one.
    assert answer_of(walk.endpoints.authorize(urlencode(walk.fields())))["error"]
    server = members(walk.endpoints.authorization_server())
    assert server["token_endpoint_auth_methods_supported"] == ["attest_jwt_client_auth"]
    assert server["pre-authorized_grant_anonymous_access_supported"] is False
    assert server["require_pushed_authorization_requests"] is True


@clause("IP-45")
def test_a_challenge_may_be_asked_for_and_demanded():
    walk = Walk(attestation_challenge_required=True)
    refused = walk.push(walk.attested())
    assert refusal(refused) == (400, "use_attestation_challenge")
    assert refused.headers["OAuth-Client-Attestation-Challenge"]
    assert members(walk.endpoints.challenge())["attestation_challenge"]


# --- Metadata ---------------------------------------------------------------------------------


@clause("IP-47")
def test_the_servers_metadata_names_what_it_does():
    server = members(Walk().endpoints.authorization_server())
    assert server == {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/authorize",
        "pushed_authorization_request_endpoint": f"{ISSUER}/par",
        "require_pushed_authorization_requests": True,
        "token_endpoint": f"{ISSUER}/token",
        "challenge_endpoint": f"{ISSUER}/challenge",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [
            "authorization_code",
            "urn:ietf:params:oauth:grant-type:pre-authorized_code",
        ],
        "code_challenge_methods_supported": ["S256"],
        "authorization_details_types_supported": ["openid_credential"],
        "scopes_supported": ["diploma", "licence"],
        "authorization_response_iss_parameter_supported": True,
        "token_endpoint_auth_methods_supported": ["none", "attest_jwt_client_auth"],
        "dpop_signing_alg_values_supported": ["ES256", "EdDSA"],
        "client_attestation_signing_alg_values_supported": ["ES256", "EdDSA"],
        "client_attestation_pop_signing_alg_values_supported": ["ES256", "EdDSA"],
        "pre-authorized_grant_anonymous_access_supported": True,
    }


@clause("IP-13", "IP-38")
def test_a_pause_closes_the_new_endpoints_too():
    walk = Walk()
    walk.setting.paused = True
    for reply in (walk.push(), walk.endpoints.authorize("a=b"), walk.endpoints.challenge()):
        assert refusal(reply) == (503, "temporarily_unavailable")


# --- Whatever comes ---------------------------------------------------------------------------

NASTY = (
    "", " ", "\x00", "\ud800", "\u202e", "x" * 3000, "[]", "{}", "null", "[{}]", "[[]]", "1e999",
    '[{"type":"openid_credential"}]', '[{"type":"openid_credential","credential_configuration_id":{}}]',
    "https://evil.example", "https://[", "https://a:99999/", "//x", "S256", "plain", "code", "token",
    "a b c", "%", "urn:ietf:params:oauth:request_uri:", "urn:ietf:params:oauth:request_uri:\u00e9",
)  # fmt: skip


@clause("I15", "I16", "IP-38", "IP-39")
def test_strange_parameters_are_refused_and_nothing_else_happens():
    walk = Walk(pushed_required=False)
    walk.approve()
    names = [*walk.fields(), "authorization_details", "issuer_state", "resource", "dpop_jkt"]
    names += ["request", "request_uri", "response_mode", "grant_type", "code", "code_verifier"]
    for name in names:
        for value in NASTY:
            fields = walk.fields(**{name: value})
            sent = urlencode(fields, errors="surrogatepass")
            pushed = EndpointRequest(sent.encode(), {"Content-Type": FORM})
            for reply in (
                walk.endpoints.push(pushed),
                walk.endpoints.authorize(sent),
                walk.token(**{"code": "x" * 43, name: value.encode("utf-8", "surrogatepass")}),
            ):
                assert reply.status < 500
                if reply.status == 303:
                    target = reply.headers["Location"]
                    assert target.startswith((REDIRECT + "?", f"{ISSUER}/authorize/"))
                    assert target.isascii()
                elif reply.status != 201:
                    assert reply.status >= 400
                    assert members(reply)["error"]
