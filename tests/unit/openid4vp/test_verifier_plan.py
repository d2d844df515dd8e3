"""The checks that conformance suites make of a verifier, on the endpoints themselves.

Each row changes one thing of a good answer; the verifier answers 400 with a code, never 500, says
why on its page, and takes the good answer after it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.clauses import clause
from tests.support.world import World, seeded
from tests.unit.openid4vp.asking import Desk
from weid.clock import FixedClock
from weid.credential.key_binding import create_key_binding, sd_hash
from weid.credential.sd_jwt import SdJwt, choose
from weid.crypto.jws import create_jws
from weid.crypto.keys import KeyKind, PrivateKey
from weid.crypto.signer import InMemorySigner, Signer
from weid.encoding import JsonValue, base64url_encode, json_dumps
from weid.openid4vp.posted import form_of
from weid.openid4vp.response import PresentationResponse
from weid.verification.request import PresentationRequest

YEAR = 365 * 86_400
THIEF = InMemorySigner(seeded(99))
Make = Callable[[World, PresentationRequest], str]


def shown(world: World, *claims: str) -> str:
    return choose(SdJwt.parse(world.credential.text), list(claims or ("name", "degree")))


def bound(
    world: World,
    request: PresentationRequest,
    text: str | None = None,
    *,
    at: int = 0,
    signer: Signer | None = None,
    **changes: str,
) -> str:
    """Return a presentation with a key binding of which something is changed."""
    text = shown(world) if text is None else text
    return text + create_key_binding(
        text,
        audience=changes.get("audience", request.audience),
        nonce=changes.get("nonce", request.nonce),
        signer=signer or InMemorySigner(world.holder),
        clock=FixedClock(world.clock.now() + at),
    )


def raw(world: World, request: PresentationRequest, **changes: JsonValue) -> str:
    """Return a presentation whose key binding has claims of one's own; None leaves one out."""
    text = shown(world)
    claims = {
        "iat": world.clock.now(),
        "aud": request.audience,
        "nonce": request.nonce,
        "sd_hash": sd_hash(text),
        **changes,
    }
    payload = json_dumps({name: value for name, value in claims.items() if value is not None})
    return text + create_jws({"typ": "kb+jwt"}, payload, InMemorySigner(world.holder))


def spoiled(text: str, part: int) -> str:
    """Return a presentation with the signature of its issuer (0) or holder (-1) changed."""
    parts = text.split("~")
    head, body, tail = parts[part].split(".")
    other = base64url_encode(bytes(64))
    assert tail != other
    parts[part] = f"{head}.{body}.{other}"
    return "~".join(parts)


def without_prefix(request: PresentationRequest) -> str:
    return request.audience.partition(":")[2]


BAD: dict[str, tuple[Make, str]] = {
    "an issuer's signature that does not hold": (
        lambda w, r: bound(w, r, spoiled(shown(w), 0)), "signature_wrong"),
    "a holder's signature that does not hold": (
        lambda w, r: spoiled(bound(w, r), -1), "key_binding_wrong"),
    "no key binding": (lambda w, _: shown(w), "key_binding_missing"),
    "a thief's key": (lambda w, r: bound(w, r, signer=THIEF), "key_binding_wrong"),
    "the issuer's key": (lambda w, r: bound(w, r, signer=w.signer), "key_binding_wrong"),
    "another audience": (lambda w, r: bound(w, r, audience="https://evil.example"), "audience_wrong"),
    "an audience without its prefix": (
        lambda w, r: bound(w, r, audience=without_prefix(r)), "audience_wrong"),
    "the place for an audience": (
        lambda w, r: bound(w, r, audience=str(r.response_uri)), "audience_wrong"),
    "audiences in an array": (lambda w, r: raw(w, r, aud=[r.audience]), "key_binding_wrong"),
    "no audience": (lambda w, r: raw(w, r, aud=None), "key_binding_wrong"),
    "another nonce": (lambda w, r: bound(w, r, nonce=r.nonce[:-1] + "."), "nonce_wrong"),
    "a nonce and more": (lambda w, r: bound(w, r, nonce=r.nonce + "x"), "nonce_wrong"),
    "no nonce": (lambda w, r: raw(w, r, nonce=None), "key_binding_wrong"),
    "state for a nonce": (lambda w, r: bound(w, r, nonce=str(r.state)), "nonce_wrong"),
    "another sd_hash": (lambda w, r: raw(w, r, sd_hash=base64url_encode(bytes(32))), "key_binding_wrong"),
    "no sd_hash": (lambda w, r: raw(w, r, sd_hash=None), "key_binding_wrong"),
    "sd_hash of the whole credential": (
        lambda w, r: raw(w, r, sd_hash=sd_hash(w.credential.text)), "key_binding_wrong"),
    "a year ago": (lambda w, r: bound(w, r, at=-YEAR), "too_old"),
    "a year ahead": (lambda w, r: bound(w, r, at=YEAR), "made_in_future"),
    "six minutes ago": (lambda w, r: bound(w, r, at=-361), "too_old"),
    "two minutes ahead": (lambda w, r: bound(w, r, at=120), "made_in_future"),
    "iat as text": (lambda w, r: raw(w, r, iat="now"), "key_binding_wrong"),
    "no iat": (lambda w, r: raw(w, r, iat=None), "key_binding_wrong"),
    "an end that is past": (lambda w, r: raw(w, r, exp=w.clock.now() - 61), "too_old"),
    "a start ahead": (lambda w, r: raw(w, r, nbf=w.clock.now() + 61), "made_in_future"),
    "a claim too few": (lambda w, r: bound(w, r, shown(w, "name")), "claims_missing"),
    "a disclosure taken out afterwards": (
        lambda w, r: "~".join(p for n, p in enumerate(bound(w, r).split("~")) if n != 1),
        "key_binding_wrong"),
    "a disclosure put in afterwards": (
        lambda w, r: bound(w, r).replace("~", "~" + SdJwt.parse(shown(w, "born")).disclosures[0] + "~", 1),
        "key_binding_wrong"),
    "another credential's key binding": (
        lambda w, r: shown(w) + bound(w, r, w.forge()).rpartition("~")[2], "key_binding_wrong"),
    "two key bindings": (lambda w, r: bound(w, r) + "~" + bound(w, r).rpartition("~")[2], "disclosure_wrong"),
    "nothing": (lambda _w, _r: "x", "malformed"),
    "an empty text": (lambda _w, _r: "", "malformed"),
}  # fmt: skip


def answer(desk: Desk, make: Make, *, encrypted: bool) -> tuple[int, str]:
    """Post an answer, then the good one; return the status of the first and what the page said."""
    begun = desk.begin(encrypted=encrypted)
    request = desk.wallet.read_request(begun.link).request

    def post(text: str) -> int:
        message = PresentationResponse({"diploma": (text,)}, request.state)
        reply = desk.post(begun, form_of(message, request))
        assert reply.headers["Content-Type"] == "application/json"
        assert isinstance(json.loads(reply.body), dict)
        return reply.status

    status = post(make(desk.world, request))
    told = json.dumps(desk.state(begun))
    assert post(desk.world.present(request)) == (409 if status == 200 else 200)
    return status, told


@clause("PP-44", "PP-48", "PP-59", "P1", "P2", "P3", "P4", "P5", "P6", "P7", "P9", "V18")
@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize(("make", "code"), BAD.values(), ids=BAD.keys())
def test_a_verifier_refuses(make: Make, code: str, encrypted):
    status, told = answer(Desk(), make, encrypted=encrypted)
    assert status == 400
    assert f'"{code}"' in told
    assert '"state": "not_accepted"' in told


@clause("PP-44", "PP-48")
@pytest.mark.parametrize("encrypted", [False, True])
def test_the_happy_flow(encrypted):
    status, told = answer(Desk(), bound, encrypted=encrypted)
    assert status == 200
    assert '"state": "answered"' in told


@clause("P7")
@pytest.mark.parametrize("at", [-300, 60])
def test_clocks_may_differ_a_little(at: int):
    status, _ = answer(Desk(), lambda w, r: bound(w, r, at=at), encrypted=False)
    assert status == 200


@clause("P8", "PP-51")
@pytest.mark.parametrize("kind", [KeyKind.P256, KeyKind.ED25519])
def test_a_minimal_key_is_enough(kind: KeyKind):
    """`cnf.jwk` with its required members and no others, of either kind of key."""
    desk = Desk()
    key = PrivateKey.from_seed(b"\x71" * 32, kind)
    text = desk.world.forge({"cnf": {"jwk": key.public.to_jwk()}})
    picked = choose(SdJwt.parse(text), ["name", "degree"])
    assert set(key.public.to_jwk()) <= {"kty", "crv", "x", "y"}
    begun = desk.begin(encrypted=False)
    request = desk.wallet.read_request(begun.link).request
    made = bound(desk.world, request, picked, signer=InMemorySigner(key))
    message = PresentationResponse({"diploma": (made,)}, request.state)
    assert desk.post(begun, message.to_form()).status == 200


HOLDERS: dict[str, JsonValue] = {
    "nothing": {},
    "a text": "x",
    "a kid alone": {"kid": "did:example:1#1"},
    "a private key": {"jwk": PrivateKey.from_seed(b"\x01" * 32).to_private_jwk()},
    "a secret": {"jwk": {"kty": "oct", "k": "AAAA"}},
    "a key of small order": {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": "AQ" + "A" * 41}},
    "a point off the curve": {"jwk": {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}},
    "a link": {"jku": "https://evil.example/jwks"},
}


@clause("P8", "C3")
@pytest.mark.parametrize("cnf", HOLDERS.values(), ids=HOLDERS.keys())
def test_a_holders_key_is_refused_that_is(cnf: JsonValue):
    desk = Desk()
    picked = choose(SdJwt.parse(desk.world.forge({"cnf": cnf})), ["name", "degree"])
    status, told = answer(desk, lambda w, r: bound(w, r, picked), encrypted=False)
    assert status == 400
    assert '"holder_key' in told


@clause("PP-06", "P16", "P17")
def test_what_was_not_asked_for_is_no_answer():
    desk = Desk()
    begun = desk.begin(encrypted=False)
    request = desk.wallet.read_request(begun.link).request
    text = desk.world.present(request)
    for presentations in ({"other": (text,)}, {"diploma": (text,), "other": (text,)}):
        message = PresentationResponse(presentations, request.state)
        assert desk.post(begun, message.to_form()).status == 400
    assert desk.state(begun)["state"] == "not_accepted"


@clause("P11", "PP-54")
def test_no_two_requests_have_a_nonce_in_common():
    desk = Desk()
    nonces = {desk.wallet.read_request(desk.begin().link).request.nonce for _ in range(20)}
    assert len(nonces) == 20
    assert all(len(nonce) == 43 for nonce in nonces)


@clause("P14", "VF-32")
def test_a_shown_code_answers_no_request():
    desk = Desk(accept_shown_codes=True)
    status, told = answer(
        desk,
        lambda w, r: bound(w, replace(r, audience="x"), audience="weid:shown"),
        encrypted=False,
    )
    assert status == 400
    assert "audience_wrong" in told
