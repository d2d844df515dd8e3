"""The checks of who presents, to whom and what: key binding, request binding, requested claims."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.support.clauses import clause
from tests.support.reports import stop, warnings
from tests.support.world import AUDIENCE, CLAIMS, START, World, draft, seeded
from weid.credential.key_binding import sd_hash
from weid.credential.sd_jwt import SdJwt, choose
from weid.crypto.jws import create_jws
from weid.crypto.keys import KeyKind, PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.encoding import JsonObject, JsonValue, base64url_encode, json_dumps
from weid.holder import Holder
from weid.issuer import ASSERTION_KEY, Issuer
from weid.verification.checks_holder import (
    check_request_binding,
    check_requested_claims,
    use_request,
)
from weid.verification.context import Subject
from weid.verification.dcql import ClaimQuery, CredentialQuery, DcqlQuery
from weid.verification.examine import examine
from weid.verification.finding import NotPassedError
from weid.verification.listed_issuers import find_listed_key
from weid.verification.policy import Mode
from weid.verification.replay import MemoryReplayMemory
from weid.verification.report import CHECKS, VerificationReport
from weid.verification.request import SHOWN_AUDIENCE, PresentationRequest
from weid.verifier import Verifier, query_of


@pytest.fixture
def world() -> World:
    return World.begin()


@pytest.fixture(scope="module")
def still() -> World:
    """A world that no test changes."""
    return World.begin()


def bound(
    world: World,
    request: PresentationRequest,
    *,
    header: JsonObject | None = None,
    signer: InMemorySigner | None = None,
    **changes: JsonValue,
) -> str:
    """Return a presentation whose key binding says something else (None leaves it out)."""
    sd_jwt = choose(world.credential.sd_jwt, ["name"])
    claims: JsonObject = {
        "iat": world.clock.now(),
        "aud": request.audience,
        "nonce": request.nonce,
        "sd_hash": sd_hash(sd_jwt),
        **changes,
    }
    body = {name: value for name, value in claims.items() if value != "leave out"}
    full: JsonObject = {"typ": "kb+jwt", **(header or {})}
    return sd_jwt + create_jws(full, json_dumps(body), signer or InMemorySigner(world.holder))


def verify(world: World, **changes: object) -> VerificationReport:
    verifier = world.verifier()
    request = verifier.request(world.template, "name")
    return verifier.verify(bound(world, request, **changes), request)  # type: ignore[arg-type]


HASHES: dict[str, Callable[[str], JsonObject]] = {
    "missing": lambda _: {"sd_hash": "leave out"},
    "under its old name": lambda t: {"sd_hash": "leave out", "_sd_hash": sd_hash(t)},
    "null": lambda _: {"sd_hash": None},
    "over the issuer token only": lambda t: {"sd_hash": sd_hash(t.split("~")[0])},
    "without the last tilde": lambda t: {"sd_hash": sd_hash(t[:-1])},
    "in hex": lambda t: {"sd_hash": hashlib.sha256(t.encode()).hexdigest()},
    "by SHA-512": lambda t: {"sd_hash": base64url_encode(hashlib.sha512(t.encode()).digest())},
    "padded": lambda t: {"sd_hash": sd_hash(t) + "="},
    "of another credential": lambda _: {"sd_hash": sd_hash("x~")},
}


@clause("VF-28", "P4", "P9")
@pytest.mark.parametrize("change", HASHES.values(), ids=HASHES)
def test_an_sd_hash_is_refused_that_is(still: World, change: Callable[[str], JsonObject]):
    text = choose(still.credential.sd_jwt, ["name"])
    assert stop(verify(still, **change(text))) == ("key_binding", "key_binding_wrong")


def rebuilt(world: World, header: bytes, signature: str = "") -> VerificationReport:
    """Verify a key binding with another header, unsigned or with a signature of another."""
    verifier = world.verifier()
    request = verifier.request(world.template, "name")
    *front, binding = bound(world, request).split("~")
    _, body, _ = binding.split(".")
    text = "~".join([*front, f"{base64url_encode(header)}.{body}.{signature}"])
    return verifier.verify(text, request)


def _foreign(world: World, key: PrivateKey) -> VerificationReport:
    signer = InMemorySigner(key)
    return verify(world, signer=signer, header={"jwk": signer.public_key.to_jwk()})


BINDINGS: dict[str, Callable[[World], VerificationReport]] = {
    "signed by a thief": lambda w: verify(w, signer=InMemorySigner(seeded(66))),
    "signed by a thief who brings his key": lambda w: _foreign(w, seeded(66)),
    "signed by the issuer": lambda w: verify(w, signer=w.signer),
    "of the other curve": lambda w: _foreign(w, PrivateKey.generate(KeyKind.P256)),
    "unsigned": lambda w: rebuilt(w, b'{"alg":"none","typ":"kb+jwt"}'),
    "HS256": lambda w: rebuilt(w, b'{"alg":"HS256","typ":"kb+jwt"}', "A" * 43),
    "of type JWT": lambda w: verify(w, header={"typ": "JWT"}),
    "with a b64 header": lambda w: rebuilt(w, b'{"alg":"EdDSA","typ":"kb+jwt","b64":false}', "A"),
    **{
        f"nonce {value!r}": lambda w, value=value: verify(w, nonce=value)
        for value in (None, 1, ["n"], "leave out", "")
    },
    **{
        f"aud {value!r}": lambda w, value=value: verify(w, aud=value)
        for value in (None, [AUDIENCE], "leave out", "")
    },
    **{
        f"iat {value!r}": lambda w, value=value: verify(w, iat=value)
        for value in (None, str(START), True, 1.5, "leave out")
    },
    "nbf a text": lambda w: verify(w, nbf="0"),
    "exp null": lambda w: verify(w, exp=None),
}


@clause("VF-28", "P2", "P3", "P6", "P7")
@pytest.mark.parametrize("make", BINDINGS.values(), ids=BINDINGS)
def test_a_key_binding_is_refused_that_is(
    still: World, make: Callable[[World], VerificationReport]
):
    assert stop(make(still)) == ("key_binding", "key_binding_wrong")


JWK = seeded(7).public.to_jwk()
KEYS: dict[str, JsonValue] = {
    "null": None,
    "{}": {},
    "a text": "key",
    "kid only": {"kid": "x"},
    "jku": {"jku": "https://evil.example/"},
    "a jwk and a kid": {"jwk": JWK, "kid": "x"},
    "a private key": {"jwk": seeded(7).to_private_jwk()},
    "oct": {"jwk": {"kty": "oct", "k": "AAAA"}},
    "RSA": {"jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}},
    "X25519": {"jwk": PrivateKey.generate(KeyKind.X25519).public.to_jwk()},
    "off the curve": {"jwk": {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}},
    "the identity point": {
        "jwk": {"kty": "OKP", "crv": "Ed25519", "x": base64url_encode(b"\1" + bytes(31))}
    },
}


@clause("VF-28", "P8", "R13")
@pytest.mark.parametrize("confirmation", KEYS.values(), ids=KEYS)
def test_a_holders_key_is_refused_that_is(still: World, confirmation: JsonValue):
    report = still.verify(still.forge({"cnf": confirmation}))
    assert stop(report) == ("key_binding", "holder_key_unusable")


@clause("VF-28", "P8")
def test_a_credential_bound_to_nobody_cannot_answer_a_request(still: World):
    report = still.verify(still.forge(without=("cnf",)))
    assert stop(report) == ("key_binding", "holder_key_missing")


@clause("VF-28", "P1")
def test_a_presentation_without_key_binding_is_refused_although_the_credential_is_good(
    still: World,
):
    verifier = still.verifier()
    request = verifier.request(still.template, "name")
    report = verifier.verify(choose(still.credential.sd_jwt, ["name"]), request)
    assert stop(report) == ("key_binding", "key_binding_missing")
    assert report.exit_code == 14


@clause("VF-28")
def test_a_holders_key_on_the_other_curve_is_as_good(still: World):
    key = PrivateKey.generate(KeyKind.P256)
    text = still.forge({"cnf": {"jwk": key.public.to_jwk()}})
    verifier = still.verifier()
    request = verifier.request(still.template, "name")
    bound_text = still.bind(text, request, signer=InMemorySigner(key))
    assert verifier.verify(bound_text, request).accepted


# --- Request binding ---------------------------------------------------------------------------------


def _as(nonce: str) -> Callable[[str], str]:
    return lambda _: nonce


NONCES: dict[str, Callable[[str], str]] = {
    "another": _as("6h2yqNUwfuIXv5Pkb0pS5A"),
    "longer": lambda nonce: nonce + "A",
    "shorter": lambda nonce: nonce[:-1],
    "with a NUL": lambda nonce: nonce + "\0",
    "in another case": lambda nonce: nonce.swapcase(),
}


@clause("VF-29", "P2", "V2")
@pytest.mark.parametrize("change", NONCES.values(), ids=NONCES)
def test_a_nonce_is_refused_that_is(still: World, change: Callable[[str], str]):
    verifier = still.verifier()
    request = verifier.request(still.template, "name")
    report = verifier.verify(bound(still, request, nonce=change(request.nonce)), request)
    assert stop(report) == ("request_binding", "nonce_wrong")


@clause("VF-29", "P3")
@pytest.mark.parametrize(
    "audience",
    [
        "https://evil.example",
        AUDIENCE[:-1],
        AUDIENCE + "/",
        AUDIENCE.upper(),
        "weid:shown",
    ],
)
def test_an_audience_is_refused_that_is(still: World, audience: str):
    assert stop(verify(still, aud=audience)) == ("request_binding", "audience_wrong")


TIMES: dict[str, tuple[JsonObject, str | None]] = {
    "as old as allowed": ({"iat": START - 300}, None),
    "older": ({"iat": START - 301}, "too_old"),
    "a year old": ({"iat": START - 366 * 86_400}, "too_old"),
    "ahead within the leeway": ({"iat": START + 60}, None),
    "ahead of it": ({"iat": START + 61}, "made_in_future"),
    "nbf ahead": ({"nbf": START + 61}, "made_in_future"),
    "nbf past": ({"nbf": START - 10}, None),
    "exp past within the leeway": ({"exp": START - 59}, None),
    "exp past": ({"exp": START - 60}, "too_old"),
    "exp ahead": ({"exp": START + 5}, None),
}


@clause("VF-29", "P7")
@pytest.mark.parametrize(("changes", "code"), TIMES.values(), ids=TIMES)
def test_a_binding_dated(still: World, changes: JsonObject, code: str | None):
    report = verify(still, **changes)
    if code is None:
        assert report.accepted
    else:
        assert stop(report) == ("request_binding", code)


@clause("VF-29", "P13", "V1")
def test_an_answer_that_arrives_after_the_request_ended_is_refused(world: World):
    verifier = world.verifier()
    request = verifier.request(world.template, "name", valid_for=120)
    text = world.present(request)
    world.clock.advance(121)
    report = verifier.verify(text, request)
    assert stop(report) == ("request_binding", "request_expired")
    world.clock.advance(-1)
    assert verifier.verify(text, request).accepted


@clause("VF-31", "P10", "V1")
def test_a_presentation_is_accepted_once(world: World):
    verifier = world.verifier()
    request = verifier.request(world.template, "name")
    text = world.present(request)
    first = verifier.verify(text, request)
    assert stop(verifier.verify(text, request)) == ("request_binding", "already_used")
    assert first.accepted
    another = verifier.verify(bound(world, request), request)
    assert stop(another) == ("request_binding", "already_used")


@clause("VF-31")
def test_a_nonce_is_remembered_until_it_is_stale(world: World):
    verifier = world.verifier()
    request = verifier.request(world.template, "name", valid_for=100_000)
    ahead = bound(world, request, iat=START + 60)
    assert verifier.verify(ahead, request).accepted
    world.clock.advance(360)
    assert stop(verifier.verify(ahead, request)) == ("request_binding", "already_used")
    world.clock.advance(1)
    assert stop(verifier.verify(ahead, request)) == ("request_binding", "too_old")


@clause("VF-31", "P10")
@pytest.mark.parametrize("seconds", [361, 1800, 3600])
def test_a_request_that_lives_long_is_answered_once_however_fresh_the_binding(
    world: World, seconds: int
):
    verifier = world.verifier()
    request = verifier.request(world.template, "name", valid_for=3600)
    assert verifier.verify(world.present(request), request).accepted
    world.wait(seconds)
    again = verifier.verify(world.present(request), request)
    assert stop(again) == ("request_binding", "already_used")


@clause("VF-29", "VF-31")
def test_a_request_without_an_end_ends_with_the_age_of_a_binding(world: World):
    verifier = world.verifier()
    made = verifier.request(world.template, "name")
    request = dataclasses.replace(made, expires_at=None)
    assert verifier.verify(world.present(request), request).accepted
    world.clock.advance(300)
    again = verifier.verify(world.present(request), request)
    assert stop(again) == ("request_binding", "already_used")
    world.clock.advance(1)
    late = verifier.verify(world.present(request), request)
    assert stop(late) == ("request_binding", "request_expired")
    timeless = dataclasses.replace(request, created_at=None)
    endless = verifier.verify(world.present(timeless), timeless)
    assert stop(endless) == ("request_binding", "request_endless")


def _unrecognized(world: World, request: PresentationRequest) -> str:
    nobody = Issuer.register("Nobody", registry=world.registry, clock=world.clock)
    assert nobody.keys is not None
    key = seeded(50)
    text = world.forge({"iss": nobody.did, "cnf": {"jwk": key.public.to_jwk()}})
    header: JsonObject = {"kid": f"{nobody.did}#{ASSERTION_KEY}"}
    signed = world.sign_again(text, header=header, signer=InMemorySigner(nobody.keys.assertion))
    return world.bind(signed, request, signer=InMemorySigner(key))


def _revoked(world: World, request: PresentationRequest) -> str:
    credential = world.issue()
    world.issuer.revoke(credential)
    return world.present(request, credential)


def _without_the_claim(world: World, request: PresentationRequest) -> str:
    return world.bind(choose(world.credential.sd_jwt, []), request)


BEFORE: dict[str, tuple[Callable[[World, PresentationRequest], str], tuple[str, str]]] = {
    "of an issuer recognized for nothing": (
        _unrecognized,
        ("issuer_recognition", "issuer_not_recognized"),
    ),
    "revoked": (_revoked, ("status", "revoked")),
    "without what was asked": (_without_the_claim, ("requested_claims", "claims_missing")),
}


@clause("VF-31", "P12")
@pytest.mark.parametrize(("make", "stopped"), BEFORE.values(), ids=BEFORE)
def test_a_refused_presentation_does_not_use_up_the_request(
    world: World,
    make: Callable[[World, PresentationRequest], str],
    stopped: tuple[str, str],
):
    verifier = world.verifier()
    request = verifier.request(world.template, "name")
    assert stop(verifier.verify(make(world, request), request)) == stopped
    assert verifier.verify(world.present(request), request).accepted
    again = verifier.verify(world.present(request), request)
    assert stop(again) == ("request_binding", "already_used")


@clause("VF-31", "P12")
def test_of_one_presentation_many_times_at_once_exactly_one_is_accepted(world: World):
    verifier = world.verifier()
    request = verifier.request(world.template, "name")
    text = world.present(request)
    start = threading.Barrier(16)

    def post(_: int) -> VerificationReport:
        start.wait()
        return verifier.verify(text, request)

    with ThreadPoolExecutor(16) as pool:
        reports = list(pool.map(post, range(16)))
    assert [report.accepted for report in reports].count(True) == 1
    refused = {stop(report) for report in reports if not report.accepted}
    assert refused == {("request_binding", "already_used")}


class _Unreadable:
    def remember(self, key: str, *, until: int, now: int) -> bool:
        raise OSError(f"{key} {until} {now}")


@clause("VF-07", "VF-31")
def test_a_replay_memory_that_breaks_fails_closed(world: World):
    verifier = Verifier(
        AUDIENCE, registry=world.registry, clock=world.clock, replay_memory=_Unreadable()
    )
    request = verifier.request(world.template, "name")
    report = verifier.verify(world.present(request), request)
    assert stop(report) == ("request_binding", "internal_error")


@clause("VF-31")
def test_two_verifiers_of_one_memory_do_not_take_the_same_answer_twice(world: World):
    memory = MemoryReplayMemory()
    verifiers = [
        Verifier(AUDIENCE, registry=world.registry, clock=world.clock, replay_memory=memory)
        for _ in range(2)
    ]
    request = verifiers[0].request(world.template, "name")
    text = world.present(request)
    assert verifiers[0].verify(text, request).accepted
    assert stop(verifiers[1].verify(text, request)) == ("request_binding", "already_used")


@clause("PP-08", "P11")
def test_every_request_has_its_own_nonce_of_128_bits(still: World):
    verifier = still.verifier()
    nonces = {verifier.request(still.template).nonce for _ in range(200)}
    assert len(nonces) == 200
    assert {len(nonce) for nonce in nonces} == {22}


# --- Shown codes --------------------------------------------------------------------------------------


def show(world: World, **options: object) -> str:
    return Holder.show(
        world.credential,
        disclose=["name"],
        signer=InMemorySigner(world.holder),
        clock=world.clock,
        **options,  # type: ignore[arg-type]
    )


@clause("VF-32", "P14")
def test_a_shown_code_is_refused_by_default(still: World):
    assert stop(still.verifier().verify_shown(show(still))) == (
        "request_binding",
        "shown_not_allowed",
    )


@clause("VF-32", "PP-19", "P14")
def test_a_shown_code_is_accepted_once_for_two_minutes_and_always_with_a_warning(world: World):
    verifier = world.verifier(accept_shown_codes=True)
    text = show(world)
    report = verifier.verify_shown(text)
    assert warnings(report) == ["not_bound_to_this_verifier"]
    assert report.require().claims["name"] == "Ada Lovelace"
    assert stop(verifier.verify_shown(text)) == ("request_binding", "already_used")
    again = show(world)
    world.clock.advance(120)
    assert verifier.verify_shown(again).accepted
    late = show(world)
    world.clock.advance(121)
    assert stop(verifier.verify_shown(late)) == ("request_binding", "too_old")


@clause("VF-32")
def test_an_answer_to_a_request_is_no_shown_code_and_the_other_way_round(world: World):
    verifier = world.verifier(accept_shown_codes=True)
    request = verifier.request(world.template, "name")
    assert stop(verifier.verify_shown(world.present(request))) == (
        "request_binding",
        "audience_wrong",
    )
    assert stop(verifier.verify(show(world), request)) == ("request_binding", "nonce_wrong")


@clause("VF-32")
def test_a_shown_code_needs_a_nonce_that_nobody_guesses(still: World):
    verifier = still.verifier(accept_shown_codes=True)
    short = show(still, random=lambda count: bytes(count - 1))
    assert stop(verifier.verify_shown(short)) == ("request_binding", "nonce_wrong")


@clause("VF-32", "VF-30")
def test_of_a_shown_code_one_can_ask_for_claims_too(still: World):
    verifier = still.verifier(accept_shown_codes=True)
    asked = query_of(still.template.vct, ["name"])
    report = verifier.verify_shown(show(still), query=asked)
    assert dict(report.require().claims) == {"name": "Ada Lovelace"}
    missing = verifier.verify_shown(show(still), query=query_of(still.template.vct, ["born"]))
    assert stop(missing) == ("requested_claims", "claims_missing")


# --- Unbound credentials ----------------------------------------------------------------------------------


def paper(world: World) -> str:
    return world.issuer.issue(
        world.template, CLAIMS, holder_key=None, valid_for=timedelta(days=30)
    ).text


@clause("VF-33")
def test_a_credential_on_paper_is_refused_by_default(still: World):
    report = still.verifier().verify_credential(paper(still))
    assert stop(report) == ("key_binding", "unbound_not_allowed")


@clause("VF-33", "P14")
def test_a_credential_on_paper_is_accepted_with_the_advice_to_look_at_the_person(still: World):
    verifier = still.verifier(accept_unbound_credentials=True)
    report = verifier.verify_credential(paper(still))
    assert warnings(report) == ["not_bound_to_holder"]
    assert dict(report.require().claims) == CLAIMS
    assert report.require().facts.holder_key is None
    assert report.check("request_binding") is None


@clause("VF-33", "P1")
def test_a_bound_credential_is_never_accepted_without_its_binding(still: World):
    verifier = still.verifier(accept_unbound_credentials=True, accept_shown_codes=True)
    for text in (still.credential.text, show(still)):
        assert stop(verifier.verify_credential(text)) == ("key_binding", "key_binding_missing")
    stripped = choose(still.credential.sd_jwt, ["name"])
    assert stop(verifier.verify_shown(stripped)) == ("key_binding", "key_binding_missing")


# --- Requested claims -----------------------------------------------------------------------------------------


@clause("VF-30", "P15")
def test_what_was_not_asked_for_is_dropped(still: World):
    verifier = still.verifier()
    request = verifier.request(still.template, "name", "address.city")
    text = still.bind(still.credential.text, request)
    verified = verifier.verify(text, request).require()
    assert dict(verified.claims) == {"name": "Ada Lovelace", "address": {"city": "London"}}


@clause("VF-30", "PP-04", "P15")
def test_when_nothing_is_asked_for_only_what_is_never_withheld_is_given_out(still: World):
    verifier = still.verifier()
    request = verifier.request(still.template)
    text = still.bind(still.credential.text, request)
    assert dict(verifier.verify(text, request).require().claims) == {"number": "D-2026-0001"}


@clause("VF-30", "P16", "VF-06")
def test_what_is_missing_is_named_by_its_fields_only(still: World):
    verifier = still.verifier()
    request = verifier.request(still.template, "name", "born", "address.city")
    text = still.bind(choose(SdJwt.parse(still.credential.text), ["name"]), request)
    report = verifier.verify(text, request)
    assert stop(report) == ("requested_claims", "claims_missing")
    detail = report.check("requested_claims").detail  # type: ignore[union-attr]
    assert "born, address.city" in detail
    assert "Ada" not in str(report.to_json())


@clause("VF-30", "P17")
def test_a_credential_of_another_type_is_refused_whatever_claims_it_has(world: World):
    other = world.issuer.publish(draft(cpt_id="doctorate"))
    world.registry.governor.recognize(world.issuer.did, other)
    theirs = world.issuer.issue(
        other, CLAIMS, holder_key=world.holder.public, valid_for=timedelta(days=1)
    )
    verifier = world.verifier()
    request = verifier.request(world.template, "name")
    report = verifier.verify(world.bind(theirs.text, request), request)
    assert stop(report) == ("requested_claims", "type_not_requested")
    assert report.exit_code == 1


@clause("VF-30", "PP-05")
def test_a_value_other_than_asked_for_is_refused(still: World):
    verifier = still.verifier()
    path = query_of("t", ["degree"]).claims[0].path
    asked = CredentialQuery("c", (still.template.vct,), (ClaimQuery(path, None, ("Physics",)),))
    request = verifier.request_query(DcqlQuery((asked,)))
    report = verifier.verify(still.bind(still.credential.text, request), request)
    assert stop(report) == ("requested_claims", "values_not_accepted")


# --- The verifier itself -------------------------------------------------------------------------------------------


def test_a_verifier_needs_one_source_of_trust_and_an_identifier(still: World):
    with pytest.raises(ValueError, match="registry or a trust policy"):
        Verifier(AUDIENCE)
    with pytest.raises(ValueError, match="registry or a trust policy"):
        Verifier(AUDIENCE, status_tokens=still.registry)
    with pytest.raises(ValueError, match="not both"):
        Verifier(AUDIENCE, registry=still.registry, policy=still.policy())
    with pytest.raises(ValueError, match="status_tokens"):
        Verifier(AUDIENCE, policy=still.policy(), status_tokens=still.registry)
    for audience in ("", SHOWN_AUDIENCE):
        with pytest.raises(ValueError, match="identifier"):
            Verifier(audience, registry=still.registry)


def test_a_verifier_does_not_take_the_answer_to_anothers_request(still: World):
    other = Verifier("https://other.example", registry=still.registry, clock=still.clock)
    request = other.request(still.template, "name")
    with pytest.raises(ValueError, match="not made by this verifier"):
        still.verifier().verify(still.present(request), request)


def test_a_verifier_by_registry_may_get_its_status_lists_elsewhere(still: World):
    verifier = Verifier(
        AUDIENCE, registry=still.registry, status_tokens=still.registry, clock=still.clock
    )
    request = verifier.request(still.template.vct, "name")
    assert verifier.verify(still.present(request), request).accepted


@clause("VF-07", "V19")
def test_a_context_that_lacks_something_fails_closed(still: World):
    verifier = still.verifier()
    request = verifier.request(still.template, "name")
    text = still.present(request)
    context = verifier._context(Mode.REQUESTED, request=request, query=request.credential_query())
    without_request = dataclasses.replace(context, request=None)
    assert stop(examine(text, without_request)) == ("request_binding", "nonce_wrong")
    assert not use_request(without_request)
    subject = Subject(text)
    subject.key_binding, subject.holder_key, subject.vct = None, None, still.template.vct
    with pytest.raises(NotPassedError, match="key_binding_missing"):
        check_request_binding(subject, context)
    with pytest.raises(NotPassedError, match="type_not_requested"):
        check_requested_claims(subject, dataclasses.replace(context, query=None))
    with pytest.raises(NotPassedError, match="did_method_not_trusted"):
        find_listed_key("did:jwk:x", "0", context)


@clause("VF-06")
def test_a_stranger_writes_no_line_into_the_report(world: World):
    name = "x\x1b[2J\n  passed       format                is a well-formed SD-JWT VC\n\u202e"
    report = world.verify(world.forge({name: 1}, withheld=()))
    assert stop(report) == ("template_conformance", "claims_do_not_conform")
    told = str(report)
    assert all(line.isprintable() for line in told.split("\n"))
    assert [line.split()[1] for line in told.split("\n")[1:12]] == list(CHECKS)
