"""VC-API of the verifier: behind its switch, says how something is signed, never fails."""

from __future__ import annotations

import json

import pytest

from tests.apps.app_process import held_port
from tests.apps.verifier.support import build, settings
from tests.support.clauses import clause
from tests.support.w3c import (
    HOLDER,
    STRANGER,
    Served,
    changed,
    issue,
    issuer_key,
    key_of,
    sign_again,
)
from tests.support.world import AUDIENCE, World
from verifier_app.vc_api import VcApi
from verifier_app.wiring import build as wired
from weid.clock import format_time
from weid.credential.status_list import StatusList
from weid.credential.status_reference import StatusReference
from weid.crypto.keys import KeyKind
from weid.errors import ProofError
from weid.verification.policy import TrustPolicy
from weid.verification.w3c_securing import SecuringVerifier
from weid.w3c.bitstring import REVOCATION, StatusEntry, list_document
from weid.w3c.create import present_credential, sign_credential
from weid.w3c.jose import in_envelope
from weid.w3c.vocabulary import CREDENTIALS, EXAMPLES

LIST = "https://list.example/1"


@pytest.fixture
def world():
    return World.begin()


@pytest.fixture
def source():
    return Served()


@pytest.fixture
def client(world, source, tmp_path):
    policy = world.policy(status_credentials=source)
    return served(world, policy, tmp_path)


def served(world, policy: TrustPolicy, folder):
    api = VcApi(SecuringVerifier(policy, clock=world.clock))
    return build(world, folder, api=api).test_client()


def post(client, path, body):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(path, base_url=AUDIENCE, data=data, content_type="application/json")


def verify(client, credential):
    return post(client, "/credentials/verify", {"verifiableCredential": credential})


def of_stranger(world, key=STRANGER, *, securing="eddsa-jcs-2022", **members):
    """Return a credential of somebody whom no registry knows."""
    document = {
        "@context": [CREDENTIALS, EXAMPLES],
        "type": ["VerifiableCredential", "ExampleDegreeCredential"],
        "issuer": key.did,
        "credentialSubject": {"id": HOLDER.did, "degree": "Mathematics"},
        **members,
    }
    text = sign_credential(document, key, created=world.clock.now(), securing=securing)
    return text if securing == "jose" else json.loads(text)


@clause("WC-61", "WC-62")
def test_whoever_signed_well_is_verified(world, client):
    for credential in (
        of_stranger(world),
        json.loads(issue(world)),
        in_envelope(of_stranger(world, securing="jose")),
        in_envelope(of_stranger(world, key_of(8, KeyKind.P256), securing="jose")),
    ):
        reply = verify(client, credential)
        assert (reply.status_code, reply.json["verified"]) == (200, True), reply.json
        assert set(reply.json) == {"verified", "problemDetails"}


FORGERIES = {
    "changed": (lambda vc: changed(vc, ("credentialSubject", "degree"), "Law"), "issuer_signature"),
    "of another issuer": (lambda vc: {**vc, "issuer": HOLDER.did}, "issuer_key"),
    "for another purpose": (
        lambda vc: sign_again(vc, STRANGER, proofPurpose="authentication"),
        "issuer_key",
    ),
    "over": (
        lambda vc: sign_again(vc, STRANGER, expires="2020-01-01T00:00:00Z"),
        "validity_period",
    ),
    "not valid yet": (
        lambda vc: sign_again({**vc, "validFrom": "2090-01-01T00:00:00Z"}, STRANGER),
        "validity_period",
    ),
    "without a proof": (lambda vc: changed(vc, ("proof",), None), "format"),
    "with a term of nobody": (lambda vc: {**vc, "admin": 1}, "format"),
    "with an unknown status": (
        lambda vc: sign_again(
            {**vc, "credentialStatus": {"id": LIST, "type": "StatusList2021Entry"}}, STRANGER
        ),
        "status",
    ),
    "empty": (lambda _vc: {}, "format"),
    "text": (lambda _vc: "eyJ", "format"),
}


@clause("WC-61")
@pytest.mark.parametrize("name", FORGERIES)
def test_what_is_not_well_signed_is_told(world, client, name):
    change, check = FORGERIES[name]
    reply = verify(client, change(of_stranger(world)))
    assert (reply.status_code, reply.json["verified"]) == (400, False)
    assert check in {problem["title"] for problem in reply.json["problemDetails"]}
    assert all(problem["type"].startswith("https://") for problem in reply.json["problemDetails"])


@clause("WC-61")
def test_a_status_list_of_the_issuer_is_asked(world, client, source):
    entry = StatusEntry(StatusReference(LIST, 5), REVOCATION, 1)
    credential = of_stranger(world, credentialStatus=entry.to_json())
    away = verify(client, credential)
    assert away.json["problemDetails"][0]["title"] == "status"

    def publish(statuses):
        now = world.clock.now()
        document = list_document(
            statuses,
            uri=LIST,
            issuer=STRANGER.did,
            purpose=REVOCATION,
            valid_from=format_time(now),
            valid_until=format_time(now + 60),
        )
        source.texts[LIST] = sign_credential(document, STRANGER, created=now)

    publish(StatusList.create(bits=1))
    assert verify(client, credential).status_code == 200
    publish(StatusList.create(bits=1).set(5, 1))
    assert "revoked" in verify(client, credential).json["problemDetails"][0]["detail"]
    world.clock.advance(600)
    assert "past its time" in verify(client, credential).json["problemDetails"][0]["detail"]


def presented(world, credential, *, nonce="c-1", key=HOLDER):
    return json.loads(
        present_credential(
            credential, key, nonce=nonce, audience="https://v.example", created=world.clock.now()
        )
    )


def verify_presentation(client, presentation, **options):
    body = {"verifiablePresentation": presentation, "options": options}
    return post(client, "/presentations/verify", body)


@clause("WC-61")
def test_a_presentation_is_verified_with_what_it_holds(world, client):
    vp = presented(world, of_stranger(world))
    assert verify_presentation(client, vp).status_code == 200
    good = verify_presentation(client, vp, challenge="c-1", domain="https://v.example")
    assert (good.status_code, good.json["verified"]) == (200, True), good.json
    for options in ({"challenge": "c-2"}, {"domain": "https://other.example"}):
        bad = verify_presentation(client, vp, **options)
        assert (bad.status_code, bad.json["problemDetails"][0]["title"]) == (400, "request_binding")
    inside = changed(vp, ("verifiableCredential", 0, "credentialSubject", "degree"), "Law")
    again = sign_again(inside, HOLDER)
    titles = {p["title"] for p in verify_presentation(client, again).json["problemDetails"]}
    assert "issuer_signature" in titles


@clause("WC-61")
@pytest.mark.parametrize(
    "change",
    [
        lambda vp: changed(vp, ("proof", "challenge"), "c-2"),
        lambda vp: {**vp, "holder": STRANGER.did},
        lambda vp: sign_again(vp, HOLDER, proofPurpose="assertionMethod"),
        lambda vp: sign_again(vp, HOLDER, created="2090-01-01T00:00:00Z"),
        lambda vp: sign_again(vp, HOLDER, expires="2020-01-01T00:00:00Z"),
        lambda vp: changed(vp, ("proof",), None),
        lambda vp: changed(vp, ("holder",), None),
        lambda _vp: {},
        lambda _vp: "eyJ",
    ],
)
def test_a_presentation_that_is_not_well_signed_is_told(world, client, change):
    reply = verify_presentation(client, change(presented(world, of_stranger(world))))
    assert (reply.status_code, reply.json["verified"]) == (400, False)
    assert reply.json["problemDetails"]


@clause("WC-61")
@pytest.mark.parametrize("path", ["/credentials/verify", "/presentations/verify"])
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"\xff", b'{"a":1,"a":2}', b"{}", b'{"verifiableCredential":5}',
     b'{"verifiablePresentation":{},"options":5}',
     b'{"verifiablePresentation":{},"options":{"challenge":5}}', b'{"a":' * 200,
     b'{"verifiableCredential":"' + b"x" * 140_000 + b'"}'],
)  # fmt: skip
def test_no_request_makes_it_fail(client, path, body):
    reply = post(client, path, body)
    assert (reply.status_code, reply.json["verified"]) == (400, False)


@clause("WC-61")
def test_a_registry_that_lies_or_is_away_is_no_failure_either(world, source, tmp_path, monkeypatch):
    credential = json.loads(issue(world))

    def lie(*_args, **_options):
        raise ProofError("it does not prove itself")

    monkeypatch.setattr(type(world.registry), "did", lie)
    client = served(world, world.policy(status_credentials=source), tmp_path)
    reply = verify(client, credential)
    assert (reply.status_code, reply.json["problemDetails"][0]["title"]) == (400, "issuer_key")


@clause("WC-61")
def test_the_switch_opens_the_routes_whether_or_not_a_registry_answers(world, tmp_path):
    with held_port() as node:
        network = {
            "name": "test",
            "genesis_hash": world.registry.genesis_hash.hex(),
            "nodes": [f"http://127.0.0.1:{node.getsockname()[1]}"],
        }
        chosen = settings(
            world, tmp_path, networks=[network], unsafe_loopback_http=True, vc_api=True
        )
        client = wired(chosen, clock=world.clock).test_client()
        assert verify(client, of_stranger(world)).status_code == 200
        away = verify(client, json.loads(issue(world)))
        assert (away.status_code, away.json["problemDetails"][0]["title"]) == (400, "issuer_key")


@clause("WC-63")
def test_without_the_switch_there_are_no_such_routes(world, tmp_path):
    client = build(world, tmp_path).test_client()
    for path in ("/credentials/verify", "/presentations/verify"):
        assert post(client, path, {}).status_code in {403, 404}
    assert issuer_key(world).did.startswith("did:weid:")
