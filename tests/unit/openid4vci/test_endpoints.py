from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import closing
from urllib.parse import urlencode

import pytest

from tests.support.clauses import clause
from tests.unit.openid4vci.issuing import ADA, ISSUER, NOW, VCT, Setting
from weid.clock import FixedClock
from weid.credential.sd_jwt import SdJwt, reconstruct
from weid.crypto.keys import PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.encoding import base64url_encode
from weid.errors import MalformedError, ProtocolError
from weid.oauth.reply import EndpointRequest, Reply
from weid.openid4vci.metadata import (
    AUTHORIZATION_SERVER,
    CREDENTIAL_ISSUER,
    IssuerMetadata,
    well_known_url,
    well_known_urls,
)
from weid.openid4vci.offer import PRE_AUTHORIZED_CODE, parse_offer_uri
from weid.openid4vci.offering import NewOffer
from weid.openid4vci.proof import create_key_proof
from weid.openid4vci.token import FORM
from weid.sessions import MemorySessionStore, SqliteSessionStore

KEY = InMemorySigner(PrivateKey.from_seed(b"\x31" * 32))
OTHER_KEY = InMemorySigner(PrivateKey.from_seed(b"\x32" * 32))


def form(**fields: str) -> EndpointRequest:
    names = {"code": "pre-authorized_code"}
    body = urlencode(
        {"grant_type": PRE_AUTHORIZED_CODE, **{names.get(n, n): v for n, v in fields.items()}}
    )
    return EndpointRequest(body=body.encode(), headers={"content-type": FORM})


def code_of(offer: NewOffer) -> str:
    return parse_offer_uri(offer.uri_by_value).grants.pre_authorized.code


def body(reply: Reply) -> dict:
    return json.loads(reply.body)


def error(reply: Reply) -> tuple[int, str]:
    return reply.status, body(reply)["error"]


def token_of(setting: Setting, **options: object) -> str:
    offer = setting.endpoints.offer("diploma", ADA, **options)
    reply = setting.endpoints.token(form(code=code_of(offer)))
    assert reply.status == 200
    return body(reply)["access_token"]


def proof_of(setting: Setting, signer: InMemorySigner = KEY, **options: object) -> str:
    nonce = options.pop("nonce", None) or body(setting.endpoints.nonce())["c_nonce"]
    return create_key_proof(
        credential_issuer=options.get("audience", setting.endpoints.credential_issuer),
        nonce=nonce,
        signer=signer,
        clock=setting.clock,
    )


def asking(
    setting: Setting, token: str, signer: InMemorySigner = KEY, **changes: object
) -> EndpointRequest:
    value = {
        "credential_configuration_id": "diploma",
        "proofs": {"jwt": [changes.pop("proof", None) or proof_of(setting, signer)]},
        **changes,
    }
    members = {name: member for name, member in value.items() if member is not None}
    return EndpointRequest(
        body=json.dumps(members).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )


def together(count: int, work: Callable[[int], None]) -> None:
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        barrier.wait(5)
        work(number)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# --- The whole way ----------------------------------------------------------------------------


@clause("IP-02", "IP-03", "IP-10", "IP-11", "IP-14")
def test_an_offer_becomes_a_credential_for_the_key_that_proved_itself():
    setting = Setting()
    token = token_of(setting)
    reply = setting.endpoints.credential(asking(setting, token))
    assert reply.status == 200
    (entry,) = body(reply)["credentials"]
    sd_jwt = SdJwt.parse(entry["credential"])
    assert sd_jwt.payload()["cnf"] == {"jwk": KEY.public_key.to_jwk()}
    assert reconstruct(sd_jwt).claims["name"] == "Ada Lovelace"
    assert set(entry["weid_issuance_anchor"]) == {"salt", "root", "proof"}
    assert setting.named() == ["offered", "token_issued", "key_accepted", "credential_issued"]
    assert len({issuance_id for _, issuance_id in setting.events}) == 1


@clause("IP-12")
def test_the_metadata_names_every_endpoint_under_the_final_names():
    endpoints = Setting().endpoints
    metadata = body(endpoints.metadata())
    assert metadata["credential_issuer"] == ISSUER
    assert metadata["credential_endpoint"] == f"{ISSUER}/credential"
    assert metadata["nonce_endpoint"] == f"{ISSUER}/nonce"
    assert metadata["display"] == [{"name": "Education Bureau", "locale": "en"}]
    diploma = metadata["credential_configurations_supported"]["diploma"]
    assert diploma["format"] == "dc+sd-jwt"
    assert diploma["vct"] == VCT
    assert diploma["scope"] == "diploma"
    assert diploma["cryptographic_binding_methods_supported"] == ["jwk"]
    assert diploma["proof_types_supported"] == {
        "jwt": {"proof_signing_alg_values_supported": ["EdDSA", "ES256"]}
    }
    assert diploma["credential_metadata"]["claims"] == [{"path": ["name"], "mandatory": True}]
    assert not {"display", "claims", "id", "credential_definition"} & set(diploma)
    server = body(endpoints.authorization_server())
    assert server["issuer"] == ISSUER
    assert server["token_endpoint"] == f"{ISSUER}/token"
    assert server["grant_types_supported"] == [PRE_AUTHORIZED_CODE]
    assert server["pre-authorized_grant_anonymous_access_supported"] is True
    assert IssuerMetadata.from_bytes(endpoints.metadata().body, what="it").configuration("licence")


@clause("IP-12", "IP-47")
def test_the_well_known_part_stands_before_the_path():
    assert well_known_url(ISSUER, CREDENTIAL_ISSUER) == (
        "https://issuer.gov.example/.well-known/openid-credential-issuer/tenants/edu"
    )
    at_root = "https://i.example/.well-known/oauth-authorization-server"
    assert well_known_url("https://i.example/", AUTHORIZATION_SERVER) == at_root
    assert well_known_urls("https://i.example/", AUTHORIZATION_SERVER) == (at_root,)
    assert well_known_urls(ISSUER, CREDENTIAL_ISSUER) == (
        well_known_url(ISSUER, CREDENTIAL_ISSUER),
        "https://issuer.gov.example/tenants/edu/.well-known/openid-credential-issuer",
    )


@clause("I7", "IP-02")
def test_nothing_secret_may_be_cached_or_told_to_others():
    setting = Setting()
    offer = setting.endpoints.offer("diploma", ADA)
    offer_id = parse_offer_uri(offer.uri).url.rsplit("/", 1)[1]
    replies = [
        setting.endpoints.credential_offer(offer_id),
        setting.endpoints.nonce(),
        setting.endpoints.token(form(code=code_of(offer))),
        setting.endpoints.credential(EndpointRequest()),
    ]
    for reply in replies:
        assert reply.headers["Cache-Control"] == "no-store"
        assert reply.headers["Referrer-Policy"] == "no-referrer"
        assert reply.headers["Content-Type"] == "application/json"


# --- Offers -----------------------------------------------------------------------------------


@clause("I6", "IP-02")
def test_an_offer_is_read_as_often_as_one_likes_and_not_used_up():
    setting = Setting()
    offer = setting.endpoints.offer("diploma", ADA, with_tx_code=True)
    offer_id = parse_offer_uri(offer.uri).url.removeprefix(f"{ISSUER}/offers/")
    replies = [setting.endpoints.credential_offer(offer_id) for _ in range(20)]
    assert {reply.body for reply in replies} == {replies[0].body}
    assert body(replies[0]) == parse_offer_uri(offer.uri_by_value).to_json()
    assert offer.tx_code not in replies[0].body.decode()
    reply = setting.endpoints.token(form(code=code_of(offer), tx_code=offer.tx_code))
    assert reply.status == 200
    assert error(setting.endpoints.credential_offer(offer_id)) == (404, "not_found")
    for unknown in ("x" * 43, "", "\u00e9", "half a character \ud800"):
        assert error(setting.endpoints.credential_offer(unknown)) == (404, "not_found")


@clause("I7", "IP-02", "IP-04")
def test_offers_are_unguessable_and_kept_as_hashes():
    setting = Setting()
    offer = setting.endpoints.offer("diploma", ADA, with_tx_code=True)
    offer_id = parse_offer_uri(offer.uri).url.rsplit("/", 1)[1]
    assert len(offer_id) == 43
    kept = repr(setting.sessions._entries)
    token = body(setting.endpoints.token(form(code=code_of(offer), tx_code=offer.tx_code)))
    kept += repr(setting.sessions._entries)
    for secret in (offer_id, code_of(offer), token["access_token"].split(".")[1]):
        assert secret not in kept
    assert f'"{offer.tx_code}"' not in kept
    for secret in (offer_id, code_of(offer), offer.tx_code):
        assert secret not in repr(offer)
        assert secret not in repr(setting.events)


@clause("I7", "IP-02")
def test_an_issuer_may_derive_the_id_of_an_offer_to_show_it_again():
    setting = Setting()
    offer_id = base64url_encode(bytes(range(32)))
    offer = setting.endpoints.offer("diploma", ADA, offer_id=offer_id)
    assert offer.uri == setting.endpoints.offer_link(offer_id).to_uri()
    assert setting.endpoints.credential_offer(offer_id).status == 200
    for wrong in (offer_id, "guessable", base64url_encode(bytes(16))):
        with pytest.raises(MalformedError):
            setting.endpoints.offer("diploma", ADA, offer_id=wrong)


@clause("IP-02")
def test_an_offer_of_nothing_known_is_a_mistake_of_ours():
    with pytest.raises(MalformedError, match="configuration"):
        Setting().endpoints.offer("passport", ADA)


@clause("I5", "IP-03")
def test_an_offer_can_be_withdrawn():
    setting = Setting()
    offer = setting.endpoints.offer("diploma", ADA)
    assert setting.endpoints.withdraw(offer.issuance_id)
    assert not setting.endpoints.withdraw(offer.issuance_id)
    assert error(setting.endpoints.token(form(code=code_of(offer)))) == (400, "invalid_grant")


# --- Codes ------------------------------------------------------------------------------------


@clause("I1", "IP-03", "IP-06")
def test_a_code_gives_one_token_and_a_second_use_does_not_hurt_the_first():
    setting = Setting()
    code = code_of(setting.endpoints.offer("diploma", ADA))
    token = body(setting.endpoints.token(form(code=code)))["access_token"]
    assert error(setting.endpoints.token(form(code=code))) == (400, "invalid_grant")
    assert setting.endpoints.credential(asking(setting, token)).status == 200
    assert error(setting.endpoints.token(form(code=code))) == (400, "invalid_grant")
    assert setting.named().count("code_used_again") == 2


@clause("I1", "IP-03")
def test_of_twenty_who_use_a_code_at_once_one_gets_a_token():
    setting = Setting()
    code = code_of(setting.endpoints.offer("diploma", ADA))
    replies: list[Reply] = []
    together(20, lambda _: replies.append(setting.endpoints.token(form(code=code))))
    assert sorted(reply.status for reply in replies) == [200] + [400] * 19
    assert setting.named().count("token_issued") == 1


@clause("I5", "IP-03")
def test_a_code_ends_with_its_time_and_counts_for_its_issuer_only():
    setting = Setting()
    code = code_of(setting.endpoints.offer("diploma", ADA, lifetime=60))
    other = Setting(
        issuer="https://issuer.gov.example/tenants/health",
        sessions=setting.sessions,
        clock=setting.clock,
    )
    assert error(other.endpoints.token(form(code=code))) == (400, "invalid_grant")
    setting.clock.advance(60)
    assert error(setting.endpoints.token(form(code=code))) == (400, "invalid_grant")
    assert error(setting.endpoints.token(form(code="made up"))) == (400, "invalid_grant")


@clause("I2", "IP-05")
def test_one_wrong_transaction_code_leaves_the_code_usable():
    setting = Setting()
    offer = setting.endpoints.offer("diploma", ADA, with_tx_code=True)
    assert len(offer.tx_code) == 6
    assert offer.tx_code.isdigit()
    hint = parse_offer_uri(offer.uri_by_value).grants.pre_authorized.tx_code
    assert (hint.length, hint.input_mode) == (6, "numeric")
    wrong = setting.endpoints.token(form(code=code_of(offer), tx_code="nope"))
    assert error(wrong) == (400, "invalid_grant")
    assert "transaction code" in body(wrong)["error_description"]
    right = setting.endpoints.token(form(code=code_of(offer), tx_code=offer.tx_code))
    assert right.status == 200


@clause("I3", "IP-05")
def test_five_wrong_transaction_codes_end_the_code_whoever_sent_them():
    setting = Setting()
    offer = setting.endpoints.offer("diploma", ADA, with_tx_code=True)
    replies: list[Reply] = []
    together(
        20,
        lambda n: replies.append(
            setting.endpoints.token(form(code=code_of(offer), tx_code=f"x{n}"))
        ),
    )
    assert {error(reply) for reply in replies} == {(400, "invalid_grant")}
    assert setting.named().count("tx_code_wrong") == 4
    assert setting.named().count("offer_dead") == 1
    late = setting.endpoints.token(form(code=code_of(offer), tx_code=offer.tx_code))
    assert error(late) == (400, "invalid_grant")


@clause("I3", "IP-05")
def test_failures_are_counted_for_each_code():
    setting = Setting()
    one, other = (setting.endpoints.offer("diploma", ADA, with_tx_code=True) for _ in range(2))
    for _ in range(5):
        setting.endpoints.token(form(code=code_of(one), tx_code="nope"))
    reply = setting.endpoints.token(form(code=code_of(other), tx_code=other.tx_code))
    assert reply.status == 200


@clause("I4", "IP-05")
def test_a_transaction_code_may_be_typed_in_full_width_and_with_blanks():
    setting = Setting()
    offer = setting.endpoints.offer("diploma", ADA, with_tx_code=True)
    wide = " ".join(chr(0xFF10 + int(digit)) for digit in offer.tx_code)
    assert setting.endpoints.token(form(code=code_of(offer), tx_code=wide)).status == 200


@clause("I4", "IP-05")
def test_a_transaction_code_is_there_when_it_must_and_only_then():
    setting = Setting()
    with_code = setting.endpoints.offer("diploma", ADA, with_tx_code=True)
    without = setting.endpoints.offer("diploma", ADA)
    missing = setting.endpoints.token(form(code=code_of(with_code)))
    assert error(missing) == (400, "invalid_request")
    unasked = setting.endpoints.token(form(code=code_of(without), tx_code="1"))
    assert error(unasked) == (400, "invalid_request")
    assert "tx_code_wrong" not in setting.named()


# --- Access tokens ----------------------------------------------------------------------------


@clause("I13", "IP-06")
def test_a_token_is_needed_and_must_be_a_live_one():
    setting = Setting()
    token = token_of(setting)
    bare = EndpointRequest(
        body=asking(setting, token).body, headers={"Content-Type": "application/json"}
    )
    reply = setting.endpoints.credential(bare)
    challenge = reply.headers["WWW-Authenticate"]
    assert (reply.status, challenge) == (401, 'Bearer, DPoP algs="ES256 EdDSA"')
    wrong = [
        "x",
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        token.split(".")[0],
        "." + token.split(".")[1],
        token * 30,
    ]
    for bad in wrong:
        reply = setting.endpoints.credential(asking(setting, bad))
        assert error(reply) == (401, "invalid_token")
        assert reply.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    setting.clock.advance(900)
    assert error(setting.endpoints.credential(asking(setting, token))) == (401, "invalid_token")


@clause("I13", "IP-06")
def test_an_offer_is_no_token():
    setting = Setting()
    offer = setting.endpoints.offer("diploma", ADA)
    token = f"{offer.issuance_id}.{code_of(offer)}"
    assert error(setting.endpoints.credential(asking(setting, token))) == (401, "invalid_token")


@clause("I13", "IP-06")
def test_a_token_has_no_place_in_a_url():
    setting = Setting()
    token = token_of(setting)
    request = EndpointRequest(body=asking(setting, token).body, query=f"access_token={token}")
    assert error(setting.endpoints.credential(request)) == (400, "invalid_request")


@clause("I13", "IP-06")
def test_a_token_for_one_credential_gets_no_other():
    setting = Setting()
    token = token_of(setting)
    request = asking(setting, token, credential_configuration_id="licence")
    assert error(setting.endpoints.credential(request)) == (403, "insufficient_scope")
    assert setting.office.calls == []


@clause("I13", "IP-06")
def test_a_token_of_one_issuer_is_nothing_to_another():
    setting = Setting()
    other = Setting(
        issuer="https://other.gov.example", sessions=setting.sessions, clock=setting.clock
    )
    token = token_of(setting)
    assert error(other.endpoints.credential(asking(other, token))) == (401, "invalid_token")


# --- Credential requests ----------------------------------------------------------------------

BAD_REQUESTS = {
    "an unknown configuration": (
        {"credential_configuration_id": "passport"},
        "unknown_credential_configuration",
    ),
    "an identifier": (
        {"credential_configuration_id": None, "credential_identifier": "x"},
        "unknown_credential_identifier",
    ),
    "both": ({"credential_identifier": "x"}, "invalid_credential_request"),
    "neither": ({"credential_configuration_id": None}, "invalid_credential_request"),
    "a configuration that is a number": (
        {"credential_configuration_id": 1},
        "invalid_credential_request",
    ),
    "no proofs": ({"proofs": None}, "invalid_proof"),
    "the old proof": ({"proofs": None, "proof": "x"}, "invalid_proof"),
    "two kinds of proof": ({"proofs": {"jwt": ["x"], "di_vp": ["x"]}}, "invalid_proof"),
    "another kind of proof": ({"proofs": {"attestation": ["x"]}}, "invalid_proof"),
    "proofs as text": ({"proofs": "x"}, "invalid_proof"),
    "a proof that is no array": ({"proofs": {"jwt": "x"}}, "invalid_proof"),
    "a proof that is a number": ({"proofs": {"jwt": [1]}}, "invalid_proof"),
    "no proof": ({"proofs": {"jwt": []}}, "invalid_proof"),
    "a proof that is nothing": ({"proofs": {"jwt": ["x"]}}, "invalid_proof"),
    "encryption": (
        {"credential_response_encryption": {"jwk": {}, "enc": "A128GCM"}},
        "invalid_encryption_parameters",
    ),
}


@clause("I8", "IP-08", "IP-11")
@pytest.mark.parametrize(("changes", "code"), BAD_REQUESTS.values(), ids=BAD_REQUESTS)
def test_a_bad_request_gets_the_code_of_its_fault(changes, code):
    setting = Setting()
    token = token_of(setting)
    request = asking(setting, token)
    value = {**json.loads(request.body), **changes}
    members = {name: member for name, member in value.items() if member is not None}
    changed = EndpointRequest(body=json.dumps(members).encode(), headers=request.headers)
    assert error(setting.endpoints.credential(changed)) == (400, code)
    assert setting.office.calls == []
    assert setting.endpoints.credential(asking(setting, token)).status == 200


@clause("IP-11")
@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b"nope", "application/json"),
        (b"[]", "application/json"),
        (b'{"a":1,"a":1}', "application/json"),
        (b"{}", "text/plain"),
        (b"[" * 100_000, "application/json"),
        (b"{}" + b" " * 70_000, "application/json"),
    ],
)
def test_what_is_no_json_object_is_an_invalid_request(data, content_type):
    setting = Setting()
    headers = {"AUTHORIZATION": f"bearer {token_of(setting)}", "content-TYPE": content_type}
    reply = setting.endpoints.credential(EndpointRequest(body=data, headers=headers))
    assert error(reply) == (400, "invalid_credential_request")


@clause("I8", "I9", "IP-07", "IP-08")
def test_a_proof_of_elsewhere_or_of_yesterday_is_refused():
    setting = Setting()
    token = token_of(setting)
    foreign = proof_of(setting, audience="https://other.gov.example")
    assert error(setting.endpoints.credential(asking(setting, token, proof=foreign))) == (
        400,
        "invalid_proof",
    )
    made_up = proof_of(setting, nonce="made-up")
    assert error(setting.endpoints.credential(asking(setting, token, proof=made_up))) == (
        400,
        "invalid_nonce",
    )
    nonce = body(setting.endpoints.nonce())["c_nonce"]
    setting.clock.advance(301)
    late = proof_of(setting, nonce=nonce)
    assert error(setting.endpoints.credential(asking(setting, token, proof=late))) == (
        400,
        "invalid_nonce",
    )
    assert setting.office.calls == []


@clause("I12", "IP-08")
@pytest.mark.parametrize("count", [2, 10, 900])
def test_a_batch_with_one_bad_proof_or_too_many_gets_nothing(count):
    setting = Setting()
    token = token_of(setting)
    one = proof_of(setting)
    request = asking(setting, token)
    value = {**json.loads(request.body), "proofs": {"jwt": [one] * (count - 1) + ["bad"]}}
    if count == 900:
        value["proofs"]["jwt"] = ["x"] * 10_000
    changed = EndpointRequest(body=json.dumps(value).encode(), headers=request.headers)
    assert error(setting.endpoints.credential(changed)) == (400, "invalid_proof")
    assert setting.office.calls == []


# --- One session, one credential ----------------------------------------------------------------


@clause("I22", "IP-09")
def test_a_lost_response_is_repeated_for_the_same_key():
    setting = Setting()
    token = token_of(setting)
    first = setting.endpoints.credential(asking(setting, token))
    again = setting.endpoints.credential(asking(setting, token))
    assert first.body == again.body
    assert len(setting.office.calls) == 1
    assert setting.named()[-1] == "credential_repeated"


@clause("I22", "IP-09")
def test_another_key_gets_a_refusal_and_not_a_second_credential():
    setting = Setting()
    token = token_of(setting)
    assert setting.endpoints.credential(asking(setting, token)).status == 200
    reply = setting.endpoints.credential(asking(setting, token, OTHER_KEY))
    assert error(reply) == (400, "credential_request_denied")
    assert len(setting.office.calls) == 1
    assert setting.named()[-1] == "key_refused"


class CrashError(Exception):
    """What stands for a kill: nothing after it runs."""


@clause("I22", "IP-09")
@pytest.mark.parametrize("after_signing", [False, True])
def test_after_a_crash_the_same_key_gets_the_one_credential(after_signing):
    setting = Setting()
    token = token_of(setting)
    sign = setting.office.sign

    def crash(request: object) -> str:
        if after_signing:
            setting.office.made[setting.office.name_of(request)] = sign(request)
        raise CrashError

    setting.office.sign = crash
    with pytest.raises(CrashError):
        setting.endpoints.credential(asking(setting, token))
    setting.office.sign = sign
    stranger = setting.endpoints.credential(asking(setting, token, OTHER_KEY))
    assert error(stranger) == (400, "credential_request_denied")
    reply = setting.endpoints.credential(asking(setting, token))
    assert reply.status == 200
    assert body(reply)["credentials"][0]["credential"] == next(iter(setting.office.made.values()))
    assert len({request.issuance_id for request in setting.office.calls}) == 1


@clause("I11", "IP-07", "IP-09")
def test_two_requests_with_one_nonce_get_one_credential():
    setting = Setting()
    token = token_of(setting)
    request = asking(setting, token)
    replies: list[Reply] = []
    together(8, lambda _: replies.append(setting.endpoints.credential(request)))
    assert sorted(reply.status for reply in replies) == [200] + [400] * 7
    assert {error(reply)[1] for reply in replies if reply.status == 400} == {"invalid_nonce"}
    assert len(setting.office.made) == 1


@clause("I11", "I22", "IP-09")
def test_many_requests_at_once_get_the_same_credential():
    """The office signs anew each time, as a careless one would: only the kept one is sent."""
    setting = Setting()
    token = token_of(setting)
    requests = [asking(setting, token) for _ in range(8)]

    class Forgetful(dict):
        def get(self, _: str) -> None:
            return None

    setting.office.made = Forgetful()
    replies: list[Reply] = []
    together(8, lambda n: replies.append(setting.endpoints.credential(requests[n])))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body for reply in replies}) == 1
    assert setting.named().count("credential_issued") == 1


@clause("I17", "IP-10")
def test_what_is_not_approved_yet_is_refused_and_may_come_later_for_any_key():
    setting = Setting()
    token = token_of(setting)
    setting.office.refusal = ProtocolError(
        "credential_request_denied", "not approved yet", status=403
    )
    reply = setting.endpoints.credential(asking(setting, token))
    assert error(reply) == (403, "credential_request_denied")
    setting.office.refusal = None
    assert setting.endpoints.credential(asking(setting, token, OTHER_KEY)).status == 200


@clause("I23", "IP-13")
def test_paused_issuing_answers_503_everywhere():
    setting = Setting()
    token = token_of(setting)
    offer = setting.endpoints.offer("diploma", ADA)
    request = asking(setting, token)
    setting.paused = True
    endpoints = setting.endpoints
    replies = [
        endpoints.metadata(),
        endpoints.authorization_server(),
        endpoints.nonce(),
        endpoints.credential_offer("x"),
        endpoints.token(form(code=code_of(offer))),
        endpoints.credential(request),
    ]
    for reply in replies:
        assert error(reply) == (503, "temporarily_unavailable")
        assert reply.headers["Retry-After"] == "60"
    with pytest.raises(ProtocolError, match="paused"):
        endpoints.offer("diploma", ADA)
    setting.paused = False
    assert endpoints.credential(request).status == 200
    assert endpoints.token(form(code=code_of(offer))).status == 200


@clause("I23", "IP-13")
def test_a_request_that_was_under_way_ends_cleanly():
    setting = Setting()
    token = token_of(setting)
    first, second = asking(setting, token), asking(setting, token)
    setting.office.before = lambda: setattr(setting, "paused", True)
    assert setting.endpoints.credential(first).status == 200
    assert error(setting.endpoints.credential(second))[0] == 503


@clause("IP-04")
def test_sessions_are_gone_when_their_time_is_over():
    setting = Setting()
    token = token_of(setting)
    setting.endpoints.credential(asking(setting, token))
    setting.clock.advance(901)
    assert isinstance(setting.sessions, MemorySessionStore)
    setting.sessions.remove_expired()
    assert setting.sessions._entries == {}


@clause("I1", "I11", "I22", "IP-09")
def test_sessions_in_a_file_survive_a_restart_and_races(tmp_path):
    clock = FixedClock(NOW)
    path = tmp_path / "sessions.db"
    with closing(SqliteSessionStore(path, clock)) as store:
        before = Setting(sessions=store, clock=clock)
        offer = before.endpoints.offer("diploma", ADA)
        replies: list[Reply] = []
        together(8, lambda _: replies.append(before.endpoints.token(form(code=code_of(offer)))))
        assert sorted(reply.status for reply in replies) == [200] + [400] * 7
        (token,) = (body(reply)["access_token"] for reply in replies if reply.status == 200)
        first = before.endpoints.credential(asking(before, token))
        on_the_way = asking(before, token)
    with closing(SqliteSessionStore(path, clock)) as store:
        after = Setting(sessions=store, clock=clock)
        # Another process has another secret: a nonce on the way is refused, a fresh one taken.
        assert error(after.endpoints.credential(on_the_way)) == (400, "invalid_nonce")
        again = after.endpoints.credential(asking(after, token))
        assert again.body == first.body
        assert after.office.calls == []
