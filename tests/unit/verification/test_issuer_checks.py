"""The checks of who issued: key, signature, recognition; compromise and its anchors."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from tests.support.clauses import clause
from tests.support.reports import stop, warnings
from tests.support.world import AUDIENCE, CLAIMS, START, World, draft, seeded
from tests.unit.verification.listed import (
    DID,
    RESOLVER,
    listed_policy,
    listed_verifier,
    museum_text,
)
from weid.credential.issuance_anchor import IssuanceAnchor
from weid.crypto.keys import KeyKind, PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.did.document import DidDocument
from weid.encoding import JsonObject, JsonValue
from weid.issuer import ASSERTION_KEY, Issuer
from weid.issuing.status_store import MemoryStatusStore
from weid.registry.operations import (
    AnchorBatch,
    DeactivateDid,
    DeactivateTemplate,
    KeyPurpose,
    MarkKeyCompromised,
    Operation,
    RecognizeIssuer,
)
from weid.registry.records import Receipt, RegisteredKey
from weid.verification.report import VerificationReport
from weid.verifier import Verifier

DAY = 86_400


@pytest.fixture
def world() -> World:
    return World.begin()


@pytest.fixture(scope="module")
def still() -> World:
    """A world that no test changes."""
    return World.begin()


def kid(world: World, value: str) -> str:
    return world.sign_again(world.forge(), header={"kid": value})


def stranger_key(world: World) -> str:
    """Return a `kid` of another registered DID, whose key signed."""
    other = Issuer.register("Other", registry=world.registry, clock=world.clock)
    assert other.keys is not None
    signer = InMemorySigner(other.keys.assertion)
    header: JsonObject = {"kid": f"{other.did}#{ASSERTION_KEY}"}
    return world.sign_again(world.forge(signer=signer), header=header, signer=signer)


Make = Callable[[World], str]
KIDS: dict[str, tuple[Make, str]] = {
    "missing": (lambda w: w.forge(header={"kid": ""}), "key_id_malformed"),
    "a path": (lambda w: kid(w, "../../dev/null"), "key_id_malformed"),
    "SQL": (lambda w: kid(w, "' OR 1=1 --"), "key_id_malformed"),
    "a URL": (lambda w: kid(w, "https://evil.example/key"), "key_id_malformed"),
    "with NUL": (lambda w: kid(w, f"{w.issuer.did}#{ASSERTION_KEY}\0"), "key_id_malformed"),
    "a homoglyph": (
        lambda w: kid(w, f"{w.issuer.did}#\u0430ssertion-1"),
        "key_id_malformed",
    ),
    "a DID without a fragment": (lambda w: kid(w, w.issuer.did), "key_id_malformed"),
    "a bare fragment": (lambda w: kid(w, f"#{ASSERTION_KEY}"), "key_id_malformed"),
    "with a query": (
        lambda w: kid(w, f"{w.issuer.did}?versionId=1#{ASSERTION_KEY}"),
        "key_id_malformed",
    ),
    "a key that is not there": (lambda w: kid(w, f"{w.issuer.did}#assertion-9"), "key_unknown"),
    "the controlling key": (lambda w: kid(w, f"{w.issuer.did}#control-1"), "key_purpose_wrong"),
    "another DID's key, which signed": (stranger_key, "key_id_of_another"),
}


@clause("VF-21", "C4", "C5")
@pytest.mark.parametrize(("make", "code"), KIDS.values(), ids=KIDS)
def test_a_kid_is_refused_that_is(still: World, make: Make, code: str):
    assert stop(still.verify(make(still))) == ("issuer_key", code)


ISSUERS: dict[str, tuple[JsonValue, str]] = {
    "a network that is not trusted": (
        "did:weid:other:5Q8mFRUmBJ1Nkv6xwyTJyRSGsZ2V",
        "network_not_trusted",
    ),
    "no did:weid": ("did:weid:test:x", "issuer_malformed"),
    "a key of its own": (
        "did:key:z6MkigjnFK3pgYLdERx3po9zWJnxzm1baNgR6hknPyPxxUwF",
        "did_method_not_trusted",
    ),
    "a web site": ("did:web:government.example", "did_method_not_trusted"),
}


@clause("VF-21", "VF-38", "C5")
@pytest.mark.parametrize(("issuer", "code"), ISSUERS.values(), ids=ISSUERS)
def test_an_issuer_is_refused_that_is(still: World, issuer: str, code: str):
    text = still.sign_again(still.forge({"iss": issuer}), header={"kid": f"{issuer}#key-1"})
    assert stop(still.verify(text)) == ("issuer_key", code)


@clause("VF-21")
def test_an_issuer_that_the_registry_does_not_have_is_refused(still: World):
    # The DID of a registry of the same name that was never told of here.
    elsewhere = World.begin().issuer.did
    text = still.sign_again(
        still.forge({"iss": elsewhere}), header={"kid": f"{elsewhere}#{ASSERTION_KEY}"}
    )
    assert stop(still.verify(text)) == ("issuer_key", "issuer_unknown")


@clause("VF-21", "VF-22", "C3")
@pytest.mark.parametrize("member", ["jwk", "jku", "x5u"])
def test_a_key_in_the_header_is_not_used(still: World, member: str):
    thief = InMemorySigner(seeded(66))
    value: JsonValue = thief.public_key.to_jwk() if member == "jwk" else "https://evil.example/"
    text = still.sign_again(still.forge(), header={member: value}, signer=thief)
    assert stop(still.verify(text)) == ("issuer_signature", "signature_wrong")


@clause("VF-22", "C2")
def test_the_algorithm_is_the_keys_and_not_the_headers(still: World):
    p256 = InMemorySigner(PrivateKey.generate(KeyKind.P256))
    payload_text = still.forge().split(".")
    header = still.forge(signer=p256).split(".")
    text = ".".join([header[0], *payload_text[1:]])
    assert stop(still.verify(text)) == ("issuer_signature", "algorithm_wrong")


@clause("VF-22", "C1")
def test_an_empty_signature_of_the_right_length_is_refused(still: World):
    first, *rest = still.forge().split("~")
    head, body, _ = first.split(".")
    text = "~".join([f"{head}.{body}.{'A' * 86}", *rest])
    assert stop(still.verify(text)) == ("issuer_signature", "signature_wrong")


# --- Windows of keys and DIDs --------------------------------------------------------------------


@clause("VF-21", "C34")
@pytest.mark.parametrize(("seconds", "accepted"), [(-60, True), (-61, False), (-DAY, False)])
def test_a_credential_dated_before_the_registration(
    still: World,
    seconds: int,
    accepted: bool,  # noqa: FBT001
):
    text = still.forge({"iat": START + seconds})
    report = still.verify(text)
    if accepted:
        # The key was in force; only the recognition was not there yet, by the lag.
        assert report.check("issuer_key").passed  # type: ignore[union-attr]
    else:
        assert stop(report) == ("issuer_key", "issued_before_registration")


@clause("VF-21", "C33")
def test_after_a_rotation_the_old_key_counts_for_what_was_signed_before(world: World):
    before = world.forge()
    world.wait(DAY)
    world.add_key("assertion-2", seeded(2), retire=ASSERTION_KEY)
    assert world.verify(before).accepted
    now = world.clock.now()
    at_the_bound = world.forge({"iat": now + 60})
    world.wait(600)
    assert world.verify(at_the_bound).accepted
    late = world.forge({"iat": now + 61})
    assert stop(world.verify(late)) == ("issuer_key", "key_retired")


@clause("VF-21", "C33")
def test_a_new_key_does_not_sign_for_the_time_before_it(world: World):
    early = world.forge()
    world.wait(DAY)
    world.add_key("assertion-2", seeded(2))
    header: JsonObject = {"kid": f"{world.issuer.did}#assertion-2"}
    signer = InMemorySigner(seeded(2))
    early = world.sign_again(early, header=header, signer=signer)
    assert stop(world.verify(early)) == ("issuer_key", "key_not_yet_valid")
    now = world.sign_again(world.forge({"iat": world.clock.now()}), header=header, signer=signer)
    assert world.verify(now).accepted


@clause("VF-21", "C35", "R23")
def test_a_deactivated_issuer_is_refused_unless_the_policy_takes_what_is_older(world: World):
    before = world.credential
    world.wait(DAY)
    record = world.registry.did(world.issuer.did)
    assert record is not None
    late = world.forge({"iat": world.clock.now() + 61})
    world.issuer.author.submit(DeactivateDid(world.issuer.did, record.version.number))
    world.clock.advance(600)
    assert stop(world.verify()) == ("issuer_key", "issuer_deactivated")
    lenient = world.verifier(accept_deactivated_issuers=True)
    request = lenient.request(world.template, "name")
    assert lenient.verify(world.present(request, before), request).accepted
    request = lenient.request(world.template, "name")
    assert stop(lenient.verify(world.bind(late, request), request)) == (
        "issuer_key",
        "issuer_deactivated",
    )


class Answers:
    """The world's registry, with other answers to some questions."""

    def __init__(self, world: World, **answers: object) -> None:
        self._registry = world.registry
        self._answers = answers

    def __getattr__(self, name: str) -> object:
        if name in self._answers:
            return lambda *_, **__: self._answers[name]
        return getattr(self._registry, name)


UNUSABLE: dict[str, bytes] = {
    "the identity point": b"\xed\x01" + b"\x01" + bytes(31),
    "an unknown kind": b"\xe7\x01" + bytes(33),
    "cut off": b"\xed\x01" + bytes(3),
}


@clause("VF-21", "R13")
@pytest.mark.parametrize("multikey", UNUSABLE.values(), ids=UNUSABLE)
def test_a_registered_key_that_cannot_be_one_is_refused(still: World, multikey: bytes):
    record = still.registry.did(still.issuer.did)
    assert record is not None
    key = RegisteredKey(ASSERTION_KEY, multikey, (KeyPurpose.ASSERTION,), START)
    reader = Answers(still, did=dataclasses.replace(record, keys=(key,)))
    verifier = Verifier(AUDIENCE, registry=reader, clock=still.clock)  # type: ignore[arg-type]
    request = verifier.request(still.template, "name")
    report = verifier.verify(still.present(request), request)
    assert stop(report) == ("issuer_key", "key_unusable")


# --- Recognition ----------------------------------------------------------------------------------


@clause("VF-23", "C6", "R30")
def test_an_issuer_that_is_not_recognized_is_refused(still: World):
    reader = Answers(still, recognition=None)
    verifier = Verifier(AUDIENCE, registry=reader, clock=still.clock)  # type: ignore[arg-type]
    request = verifier.request(still.template, "name")
    report = verifier.verify(still.present(request), request)
    assert stop(report) == ("issuer_recognition", "issuer_not_recognized")


@clause("VF-23", "C6")
def test_recognition_for_one_template_is_none_for_another(world: World):
    other = world.issuer.publish(draft(cpt_id="doctorate"))
    text = world.forge({"vct": other.vct, "vct#integrity": other.integrity})
    assert stop(world.verify(text)) == ("issuer_recognition", "issuer_not_recognized")


TYPES: dict[str, str] = {
    "another network": "urn:weid:other:cpt:diploma:1",
    "another case": "urn:weid:test:cpt:Diploma:1",
    "a slash more": "urn:weid:test:cpt:diploma:1/",
    "a homoglyph": "urn:weid:test:cpt:dipl\u043ema:1",
    "a web address": "https://example.org/diploma",
}


@clause("VF-25", "C16")
@pytest.mark.parametrize("vct", TYPES.values(), ids=TYPES)
def test_a_type_is_refused_that_is(still: World, vct: str):
    text = still.forge({"vct": vct})
    assert stop(still.verify(text)) == ("issuer_recognition", "type_malformed")


@clause("VF-23", "C32")
def test_what_was_issued_before_a_derecognition_is_valid_with_a_warning(world: World):
    before = world.credential
    world.wait(DAY)
    world.registry.governor.derecognize(world.issuer.did, world.template)
    assert before.issued_at == START
    assert warnings(world.verify()) == ["issuer_derecognized"]
    world.wait(600)
    after = world.forge({"iat": world.clock.now()})
    assert stop(world.verify(after)) == ("issuer_recognition", "issuer_not_recognized")


@clause("VF-23", "C32")
def test_below_an_accreditor_that_ended_what_is_older_is_valid_with_a_warning(world: World):
    ministry = Issuer.register("Ministry", registry=world.registry, clock=world.clock)
    college = Issuer.register("College", registry=world.registry, clock=world.clock)
    world.registry.governor.accredit(ministry.did, world.template)
    ministry.author.submit(RecognizeIssuer(college.did, "diploma", world.clock.now()))
    world.clock.advance(1)
    world.issuer = college
    assert world.verify().accepted
    world.wait(DAY)
    world.registry.governor.end_accreditation(ministry.did, world.template)
    assert warnings(world.verify()) == ["accreditor_derecognized"]


# --- Compromise and anchors ------------------------------------------------------------------------


def compromise(world: World, *, since: int) -> None:
    """Mark the issuer's first key; it goes on with a new one."""
    world.issuer.author.submit(MarkKeyCompromised(world.issuer.did, ASSERTION_KEY, since))
    world.add_key("assertion-2", seeded(2))


@clause("VF-34", "C33", "C32")
def test_a_compromised_key_needs_an_anchor_from_before(world: World):
    credential = world.credential
    assert credential.anchor is not None
    world.wait(DAY)
    compromise(world, since=START + 3600)
    assert stop(world.verify()) == ("issuer_key", "key_compromised")
    verifier = world.verifier()
    request = verifier.request(world.template, "name")
    report = verifier.verify(world.present(request), request, anchor=credential.anchor)
    assert report.accepted
    assert report.check("issuer_key").reason.code == "issuer_key_proved_earlier"  # type: ignore[union-attr]


@clause("VF-34")
def test_a_forgery_with_a_leaked_key_and_an_old_date_is_refused_whatever_anchor_it_brings(
    world: World,
):
    anchor = world.credential.anchor
    forged = world.forge({"name": "Eve"})
    world.wait(DAY)
    compromise(world, since=START + 3600)
    verifier = world.verifier()
    request = verifier.request(world.template, "name")
    report = verifier.verify(world.bind(forged, request), request, anchor=anchor)
    assert stop(report) == ("issuer_key", "key_compromised")


@clause("VF-34")
@pytest.mark.parametrize("since", [START, START + 60])
def test_an_anchor_that_may_be_from_after_the_compromise_does_not_count(world: World, since: int):
    credential = world.credential
    world.wait(DAY)
    compromise(world, since=since)
    verifier = world.verifier()
    request = verifier.request(world.template, "name")
    report = verifier.verify(world.present(request), request, anchor=credential.anchor)
    assert stop(report) == ("issuer_key", "key_compromised")


BATCHES: dict[str, dict[str, object]] = {
    "no record": {},
    "another's": {"author": "did:weid:test:x"},
    "for evidence": {"purpose": "evidence"},
    "of another count": {"count": 2},
}


@clause("VF-34")
@pytest.mark.parametrize("changes", BATCHES.values(), ids=BATCHES)
def test_an_anchor_does_not_count_whose_batch_is(world: World, changes: dict[str, object]):
    credential = world.credential
    world.wait(DAY)
    compromise(world, since=START + 3600)
    found = world.registry.batch(world.issuer.did, credential.anchor.root)  # type: ignore[union-attr]
    changed = dataclasses.replace(found, **changes) if changes else None  # type: ignore[type-var]
    reader = Answers(world, batch=changed)
    verifier = Verifier(AUDIENCE, registry=reader, clock=world.clock)  # type: ignore[arg-type]
    request = verifier.request(world.template, "name")
    report = verifier.verify(world.present(request), request, anchor=credential.anchor)
    assert stop(report) == ("issuer_key", "key_compromised")


class AnchoredBefore:
    """An author before whom the governor anchors every root."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __getattr__(self, name: str) -> object:
        return getattr(self._world.issuer.author, name)

    def submit(self, *operations: Operation) -> Receipt:
        if isinstance(operations[0], AnchorBatch):
            self._world.registry.endorser.submit(*operations)
            self._world.clock.advance(2 * DAY)
        return self._world.issuer.author.submit(*operations)


@clause("VF-34", "OP-15")
@pytest.mark.parametrize(
    ("since", "code"),
    [(START + 3 * DAY, "issuer_key_proved_earlier"), (START + DAY, "key_compromised")],
)
def test_of_a_root_that_two_anchored_the_issuers_own_time_counts(
    world: World, since: int, code: str
):
    issuer = Issuer(
        author=AnchoredBefore(world),  # type: ignore[arg-type]
        signer=world.signer,
        registry=world.registry,
        clock=world.clock,
    )
    claims = {"name": "Ada", "degree": "Mathematics", "number": "D-1"}
    credential = issuer.issue(world.template, claims, holder_key=world.holder.public)
    assert credential.anchor is not None
    theirs = world.registry.batch(world.registry.governor.did, credential.anchor.root)
    assert theirs is not None
    assert theirs.version.time < START + DAY
    world.wait(2 * DAY)
    compromise(world, since=since)
    verifier = world.verifier()
    request = verifier.request(world.template, "name")
    presented = world.present(request, credential)
    report = verifier.verify(presented, request, anchor=credential.anchor)
    assert report.check("issuer_key").reason.code == code  # type: ignore[union-attr]


@clause("VF-34", "C32")
def test_an_issuer_whose_recognition_is_compromised_needs_an_anchor_too(world: World):
    credential = world.credential
    world.wait(DAY)
    world.registry.governor.derecognize(
        world.issuer.did, world.template, compromised_since=START + 3600
    )
    assert stop(world.verify()) == ("issuer_recognition", "issuer_compromised")
    verifier = world.verifier()
    request = verifier.request(world.template, "name")
    report = verifier.verify(world.present(request), request, anchor=credential.anchor)
    assert warnings(report) == ["issuer_derecognized"]


def verify_with(world: World, text: str, anchor: IssuanceAnchor | None) -> VerificationReport:
    verifier = world.verifier()
    request = verifier.request(world.template, "name")
    return verifier.verify(world.bind(text, request), request, anchor=anchor)


@clause("VF-23", "VF-34", "ST-16", "C32")
def test_a_new_recognition_takes_nothing_from_what_is_proved_to_be_older_than_the_compromise(
    world: World,
):
    governor, issuer, template = world.registry.governor, world.issuer.did, world.template
    older = world.credential
    world.wait(2 * DAY)
    since = world.clock.now() - DAY
    younger = world.issue()
    world.clock.advance(10)
    governor.derecognize(issuer, template, compromised_since=since)
    world.wait(DAY)
    governor.recognize(issuer, template)
    world.wait(DAY)
    newest = world.issue()
    refused = ("issuer_recognition", "issuer_compromised")
    assert warnings(verify_with(world, older.text, older.anchor)) == ["issuer_derecognized"]
    assert stop(verify_with(world, older.text, None)) == refused, "without its anchor"
    assert stop(verify_with(world, younger.text, younger.anchor)) == refused, "anchored too late"
    back_dated = world.forge({"iat": older.issued_at})
    assert stop(verify_with(world, back_dated, older.anchor)) == refused, "another's anchor"
    assert warnings(verify_with(world, newest.text, None)) == [], "of the new window"
    between = world.forge({"iat": newest.issued_at - DAY - 3600})
    assert stop(verify_with(world, between, newest.anchor)) == (
        "issuer_recognition",
        "issuer_not_recognized",
    ), "of the time without recognition"

    world.clock.advance(10)
    governor.derecognize(issuer, template, compromised_since=newest.issued_at)
    world.wait(DAY)
    governor.recognize(issuer, template)
    assert warnings(verify_with(world, older.text, older.anchor)) == ["issuer_derecognized"]
    assert stop(verify_with(world, newest.text, newest.anchor)) == refused, "made when it was lost"


@clause("VF-34", "ST-16", "C32")
def test_who_takes_an_accreditors_key_cannot_recognize_a_friend_for_the_past(world: World):
    """The friend anchored forgeries long before; the accreditor had not recognized it then."""
    governor, template = world.registry.governor, world.template
    ministry = Issuer.register("Ministry", registry=world.registry, clock=world.clock)
    friend = Issuer.register("Friend", registry=world.registry, clock=world.clock)
    governor.accredit(ministry.did, template)
    governor.recognize(friend.did, template)
    world.wait(DAY)
    claims = {"name": "Eve", "degree": "Medicine", "number": "D-666"}
    forged = friend.issue(template, claims, holder_key=world.holder.public)
    governor.derecognize(friend.did, template)
    governor.recognize(friend.did, template, valid_until=world.clock.now() + 1)
    world.wait(2 * DAY)
    stolen = RecognizeIssuer(friend.did, "diploma", START)
    ministry.author.submit(stolen)
    governor.end_accreditation(ministry.did, template, compromised_since=world.clock.now() - DAY)
    assert stop(verify_with(world, forged.text, forged.anchor)) == (
        "issuer_recognition",
        "issuer_not_recognized",
    )


@clause("ST-16", "C32")
def test_whom_a_thief_recognized_does_not_come_back_with_the_accreditor(world: World):
    governor, clock, template = world.registry.governor, world.clock, world.template
    ministry = Issuer.register("Ministry", registry=world.registry, clock=clock)
    friend = Issuer.register(
        "Friend", registry=world.registry, status_store=MemoryStatusStore(), clock=clock
    )
    assert ministry.author is not None
    governor.accredit(ministry.did, template)
    clock.advance(1000)
    theft = clock.now()
    clock.advance(500)
    ministry.author.submit(RecognizeIssuer(friend.did, template.cpt_id, START))
    clock.advance(500)
    governor.end_accreditation(ministry.did, template, compromised_since=theft)
    clock.advance(500)
    governor.accredit(ministry.did, template)
    clock.advance(500)

    def verified() -> VerificationReport:
        credential = friend.issue(template, CLAIMS, holder_key=world.holder.public)
        friend.publish_status()
        verifier = world.verifier()
        request = verifier.request(template, "name", "degree")
        return verifier.verify(world.present(request, credential), request)

    assert stop(verified()) == ("issuer_recognition", "issuer_not_recognized")
    ministry.author.submit(RecognizeIssuer(friend.did, template.cpt_id, START))
    clock.advance(500)
    assert verified().accepted


# --- Templates that end ------------------------------------------------------------------------------


@clause("VF-25", "C31")
def test_a_deactivated_template_counts_for_what_was_issued_before(world: World):
    before = world.credential
    assert before.issued_at == START
    world.wait(DAY)
    world.issuer.author.submit(DeactivateTemplate("diploma", 1))
    assert world.verify().accepted
    world.wait(600)
    after = world.forge({"iat": world.clock.now()})
    assert stop(world.verify(after)) == ("template_conformance", "template_deactivated")


# --- Listed issuers ------------------------------------------------------------------------------------


@clause("VF-38")
def test_a_listed_issuer_is_accepted_for_its_types(still: World):
    verifier = listed_verifier(still, without_status=True)
    request = verifier.request(still.template, "name")
    report = verifier.verify(still.bind(museum_text(still), request), request)
    verified = report.require()
    assert verified.issuer_name == "Museum"
    assert report.registry is None


@clause("VF-38")
def test_an_issuer_listed_twice_is_refused_when_the_policy_is_made(still: World):
    policy = listed_policy(still)
    once = policy.issuers[0]
    again = dataclasses.replace(once, types=("https://museum.example/ticket",))
    with pytest.raises(ValueError, match="listed twice"):
        dataclasses.replace(policy, issuers=(once, again))


@clause("VF-38")
def test_a_listed_issuer_is_refused_for_another_type(still: World):
    verifier = listed_verifier(still, types=("https://museum.example/ticket",))
    request = verifier.request(still.template, "name")
    report = verifier.verify(still.bind(museum_text(still), request), request)
    assert stop(report) == ("issuer_recognition", "issuer_not_listed")


@clause("VF-38")
def test_a_listed_issuers_status_is_demanded_unless_the_listing_says_otherwise(still: World):
    verifier = listed_verifier(still)
    request = verifier.request(still.template, "name")
    report = verifier.verify(still.bind(museum_text(still), request), request)
    assert stop(report) == ("status", "status_missing")


@clause("VF-38")
def test_a_listed_issuers_key_must_be_in_its_document(still: World):
    verifier = listed_verifier(still, without_status=True)
    request = verifier.request(still.template, "name")
    report = verifier.verify(still.bind(museum_text(still, fragment="1"), request), request)
    assert stop(report) == ("issuer_key", "key_unknown")


class Resolves:
    """A resolver with one answer."""

    def __init__(self, document: DidDocument | None) -> None:
        self._document = document

    def resolve(self, did_url: str) -> object:
        resolution = RESOLVER.resolve(did_url)
        return dataclasses.replace(resolution, document=self._document)


DOCUMENTS: dict[str, tuple[Callable[[DidDocument], DidDocument | None], str]] = {
    "none": (lambda _: None, "issuer_unknown"),
    "another's": (lambda d: dataclasses.replace(d, id="did:web:evil.example"), "issuer_unknown"),
    "without the purpose": (
        lambda d: dataclasses.replace(d, relationships={}),
        "key_purpose_wrong",
    ),
}


@clause("VF-38")
@pytest.mark.parametrize(("change", "code"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_listed_issuers_document_is_refused_that_is(
    still: World, change: Callable[[DidDocument], DidDocument | None], code: str
):
    document = RESOLVER.resolve(DID).require()
    policy = dataclasses.replace(listed_policy(still), resolver=Resolves(change(document)))  # type: ignore[arg-type]
    verifier = Verifier(AUDIENCE, policy=policy, clock=still.clock)
    request = verifier.request(still.template, "name")
    report = verifier.verify(still.bind(museum_text(still), request), request)
    assert stop(report) == ("issuer_key", code)
