"""Several proofs in one request, several configurations in one offer."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.support.clauses import clause
from tests.unit.openid4vci.issuing import ADA, NOW, VCT, Setting
from tests.unit.openid4vci.test_endpoints import (
    CrashError,
    body,
    code_of,
    error,
    form,
    proof_of,
    together,
    token_of,
)
from weid.clock import FixedClock
from weid.credential.sd_jwt import SdJwt
from weid.crypto.keys import KeyKind, PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.errors import MalformedError, ProtocolError
from weid.oauth.reply import EndpointRequest, Reply
from weid.openid4vci.issuance_policy import IssuancePolicy
from weid.openid4vci.offer import parse_offer_uri
from weid.openid4vci.redemption import IssuedCredential
from weid.sessions import SqliteSessionStore

SIGNERS = [InMemorySigner(PrivateKey.from_seed(bytes([64 + n]) * 32)) for n in range(11)]


def batch(setting: Setting, token: str, signers: list, **changes: object) -> EndpointRequest:
    """A request for one copy for each signer, all with one nonce."""
    nonce = body(setting.endpoints.nonce())["c_nonce"]
    proofs = [proof_of(setting, signer, nonce=nonce) for signer in signers]
    return asking(token, proofs, **changes)


def asking(token: str, jwts: list[str], **changes: object) -> EndpointRequest:
    value = {
        "credential_configuration_id": "diploma",
        "proofs": {"jwt": jwts},
        **changes,
    }
    members = {name: member for name, member in value.items() if member is not None}
    return EndpointRequest(
        body=json.dumps(members).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )


def texts(reply: Reply) -> list[str]:
    assert reply.status == 200, reply.body
    return [entry["credential"] for entry in body(reply)["credentials"]]


def bound_keys(found: list[str]) -> list[dict]:
    return [SdJwt.parse(text).payload()["cnf"]["jwk"] for text in found]


@clause("I12", "IP-50")
def test_ten_keys_get_ten_copies_that_have_nothing_in_common():
    setting = Setting()
    signers = [*SIGNERS[:9], InMemorySigner(PrivateKey.from_seed(b"\x77" * 32, KeyKind.P256))]
    found = texts(setting.endpoints.credential(batch(setting, token_of(setting), signers)))
    assert bound_keys(found) == [signer.public_key.to_jwk() for signer in signers]
    copies = [SdJwt.parse(text) for text in found]
    disclosures = [text for copy in copies for text in copy.disclosures]
    assert len(disclosures) == 10 * len(ADA)
    assert len(set(disclosures)) == len(disclosures)
    digests = [digest for copy in copies for digest in copy.payload()["_sd"]]
    assert len(set(digests)) == len(digests)
    assert len(setting.office.calls) == 1


BAD_BATCHES = {
    "one bad signature": lambda proofs: [*proofs[:-1], proofs[-1][:-8] + "AAAAAAAA"],
    "one that is none": lambda proofs: [*proofs[:5], "x", *proofs[6:]],
    "the same proof twice": lambda proofs: [*proofs[:9], proofs[0]],
    "eleven": lambda proofs: [*proofs, "x"],
    "none": lambda _: [],
}


@clause("I12", "IP-50")
@pytest.mark.parametrize("change", BAD_BATCHES.values(), ids=BAD_BATCHES)
def test_one_bad_proof_among_ten_spoils_the_whole(change):
    setting = Setting()
    token = token_of(setting)
    nonce = body(setting.endpoints.nonce())["c_nonce"]
    proofs = [proof_of(setting, signer, nonce=nonce) for signer in SIGNERS[:10]]
    reply = setting.endpoints.credential(asking(token, change(proofs)))
    assert error(reply) == (400, "invalid_proof")
    assert setting.office.calls == []
    # Nothing was bound and the nonce is not used: the right ones pass.
    assert len(texts(setting.endpoints.credential(asking(token, proofs)))) == 10


@clause("I12", "IP-50")
def test_the_same_key_twice_is_refused_although_the_proofs_differ():
    setting = Setting()
    token = token_of(setting)
    proofs = [proof_of(setting, SIGNERS[0]), proof_of(setting, SIGNERS[0])]
    assert proofs[0] != proofs[1]
    reply = setting.endpoints.credential(asking(token, proofs))
    assert error(reply) == (400, "invalid_proof")
    assert "twice" in body(reply)["error_description"]


@clause("I8", "I11", "I12", "IP-50")
def test_one_stale_nonce_among_the_proofs_spoils_the_whole():
    setting = Setting()
    token = token_of(setting)
    used = body(setting.endpoints.nonce())["c_nonce"]
    other = token_of(setting)
    first = asking(other, [proof_of(setting, SIGNERS[5], nonce=used)])
    assert setting.endpoints.credential(first).status == 200
    proofs = [proof_of(setting, SIGNERS[0]), proof_of(setting, SIGNERS[1], nonce=used)]
    reply = setting.endpoints.credential(asking(token, proofs))
    assert error(reply) == (400, "invalid_nonce")
    assert len(setting.office.calls) == 1


@clause("I22", "IP-09", "IP-52")
def test_the_same_keys_get_the_same_copies_in_whatever_order_they_come():
    setting = Setting()
    token = token_of(setting)
    first = setting.endpoints.credential(batch(setting, token, SIGNERS[:4]))
    again = setting.endpoints.credential(batch(setting, token, SIGNERS[3::-1]))
    assert first.body == again.body
    assert len(setting.office.calls) == 1


@clause("I22", "IP-09", "IP-52")
@pytest.mark.parametrize(
    "signers", [SIGNERS[:1], SIGNERS[:3], SIGNERS[:5], SIGNERS[1:5]], ids=lambda s: str(len(s))
)
def test_other_keys_fewer_or_more_get_a_refusal(signers):
    setting = Setting()
    token = token_of(setting)
    assert setting.endpoints.credential(batch(setting, token, SIGNERS[:4])).status == 200
    reply = setting.endpoints.credential(batch(setting, token, signers))
    assert error(reply) == (400, "credential_request_denied")
    assert setting.named()[-1] == "key_refused"


@clause("I11", "I22", "IP-52")
def test_of_many_batches_at_once_one_set_of_keys_wins_and_gets_one_set_of_copies():
    setting = Setting()
    token = token_of(setting)
    sets = [SIGNERS[:3], SIGNERS[3:6]]
    requests = [batch(setting, token, sets[n % 2]) for n in range(8)]
    replies: list[Reply] = []
    together(8, lambda n: replies.append(setting.endpoints.credential(requests[n])))
    given = {reply.body for reply in replies if reply.status == 200}
    refused = [reply for reply in replies if reply.status != 200]
    assert len(given) == 1
    assert {error(reply) for reply in refused} == {(400, "credential_request_denied")}
    assert len(refused) == 4
    assert setting.named().count("credential_issued") == 1


@clause("I22", "IP-09", "IP-52")
def test_after_a_crash_half_way_the_same_keys_get_their_copies(tmp_path):
    clock = FixedClock(NOW)
    store = SqliteSessionStore(tmp_path / "sessions.db", clock)
    setting = Setting(sessions=store, clock=clock)
    token = token_of(setting)
    sign, signed = setting.office.sign, []

    def crash(request: object) -> str:
        signed.append(request)
        if len(signed) == 3:
            raise CrashError
        return sign(request)

    setting.office.sign = crash
    with pytest.raises(CrashError):
        setting.endpoints.credential(batch(setting, token, SIGNERS[:4]))
    store.close()
    store = SqliteSessionStore(tmp_path / "sessions.db", clock)
    after = Setting(sessions=store, clock=clock)
    after.office.made = setting.office.made
    stranger = after.endpoints.credential(batch(after, token, SIGNERS[4:8]))
    assert error(stranger) == (400, "credential_request_denied")
    found = texts(after.endpoints.credential(batch(after, token, SIGNERS[:4])))
    # What was signed before the crash is what is sent: no index is used twice.
    assert found[:2] == list(setting.office.made.values())[:2]
    assert len(set(found)) == 4
    store.close()


@clause("IP-50")
def test_an_office_that_makes_fewer_than_there_are_keys_is_a_fault_of_ours():
    setting = Setting(nonce_secret=bytes(32))
    token = token_of(setting)
    request = batch(setting, token, SIGNERS[:2])
    endpoints = replace(setting.endpoints, issue=lambda _: (IssuedCredential("x"),))
    with pytest.raises(MalformedError, match="each key"):
        endpoints.credential(request)


@clause("IP-50")
def test_the_size_of_a_batch_is_the_operators():
    single = Setting(issuance=IssuancePolicy(batch_size=1))
    request = batch(single, token_of(single), SIGNERS[:2])
    assert error(single.endpoints.credential(request)) == (400, "invalid_proof")
    assert "batch_credential_issuance" not in body(single.endpoints.metadata())
    for wrong in (0, 17):
        with pytest.raises(MalformedError):
            IssuancePolicy(batch_size=wrong)


# --- Several configurations -------------------------------------------------------------------


def token_for_both(setting: Setting, **fields: str) -> dict:
    offer = setting.endpoints.offer("diploma", ADA, beside={"licence": {"name": "Ada"}})
    named = parse_offer_uri(offer.uri_by_value).credential_configuration_ids
    assert named == ("diploma", "licence")
    return body(setting.endpoints.token(form(code=code_of(offer), **fields)))


@clause("I13", "IP-53")
def test_a_token_for_two_configurations_gets_both_one_after_the_other():
    setting = Setting()
    token = token_for_both(setting)["access_token"]
    first = texts(setting.endpoints.credential(batch(setting, token, SIGNERS[:1])))
    licence = batch(setting, token, SIGNERS[1:3], credential_configuration_id="licence")
    second = texts(setting.endpoints.credential(licence))
    assert [SdJwt.parse(text).payload()["vct"] for text in first] == [VCT]
    assert {SdJwt.parse(text).payload()["vct"] for text in second} == {"urn:weid:macau:cpt:1002:1"}
    assert [call.approved for call in setting.office.calls] == [ADA, {"name": "Ada"}]
    # Each is kept for its own keys.
    again = setting.endpoints.credential(batch(setting, token, SIGNERS[:1]))
    assert texts(again) == first
    swapped = setting.endpoints.credential(batch(setting, token, SIGNERS[1:3]))
    assert error(swapped) == (400, "credential_request_denied")


@clause("IP-46", "IP-53")
def test_identifiers_are_given_for_each_configuration_and_taken_back():
    setting = Setting()
    details = json.dumps(
        [
            {"type": "openid_credential", "credential_configuration_id": name}
            for name in ("diploma", "licence")
        ]
    )
    given = token_for_both(setting, authorization_details=details)
    assert [each["credential_identifiers"] for each in given["authorization_details"]] == [
        ["diploma"],
        ["licence"],
    ]
    for name in ("diploma", "licence"):
        request = batch(
            setting,
            given["access_token"],
            SIGNERS[:1],
            credential_configuration_id=None,
            credential_identifier=name,
        )
        assert setting.endpoints.credential(request).status == 200


@clause("I13", "IP-53")
def test_who_asks_for_one_of_two_gets_a_token_for_that_one():
    setting = Setting()
    details = json.dumps([{"type": "openid_credential", "credential_configuration_id": "licence"}])
    token = token_for_both(setting, authorization_details=details)["access_token"]
    refused = setting.endpoints.credential(batch(setting, token, SIGNERS[:1]))
    assert error(refused) == (403, "insufficient_scope")
    licence = batch(setting, token, SIGNERS[:1], credential_configuration_id="licence")
    assert setting.endpoints.credential(licence).status == 200


@clause("I13", "IP-11", "IP-53")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"credential_configuration_id": "passport"}, "unknown_credential_configuration"),
        (
            {"credential_configuration_id": None, "credential_identifier": "passport"},
            "unknown_credential_identifier",
        ),
    ],
)
def test_what_is_not_covered_is_unknown(changes, code):
    setting = Setting()
    token = token_for_both(setting)["access_token"]
    reply = setting.endpoints.credential(batch(setting, token, SIGNERS[:1], **changes))
    assert error(reply) == (400, code)


@clause("I5", "IP-53")
def test_withdrawing_an_offer_ends_its_token_and_forgets_its_credentials():
    setting = Setting()
    offer = setting.endpoints.offer("diploma", ADA)
    token = body(setting.endpoints.token(form(code=code_of(offer))))["access_token"]
    assert setting.endpoints.credential(batch(setting, token, SIGNERS[:2])).status == 200
    assert setting.endpoints.withdraw(offer.issuance_id)
    kept = [key for key in setting.sessions._entries if not key.startswith("c_nonce:")]
    assert kept == []
    reply = setting.endpoints.credential(batch(setting, token, SIGNERS[:2]))
    assert error(reply) == (401, "invalid_token")


@clause("IP-53")
def test_an_offer_of_something_unknown_beside_is_a_mistake_of_ours():
    with pytest.raises(MalformedError, match="configuration"):
        Setting().endpoints.offer("diploma", ADA, beside={"passport": {}})


@clause("I17", "IP-10", "IP-52")
def test_a_refused_batch_leaves_the_session_to_other_keys():
    setting = Setting()
    token = token_of(setting)
    setting.office.refusal = ProtocolError("credential_request_denied", "not now")
    reply = setting.endpoints.credential(batch(setting, token, SIGNERS[:2]))
    assert error(reply) == (400, "credential_request_denied")
    setting.office.refusal = None
    found = texts(setting.endpoints.credential(batch(setting, token, SIGNERS[4:7])))
    assert len(found) == 3
