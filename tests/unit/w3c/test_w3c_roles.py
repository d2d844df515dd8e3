"""Issuer, holder and verifier of W3C credentials: the same report as for SD-JWT VC."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.support.clauses import clause
from tests.support.w3c import (
    HOLDER,
    OPEN_CLAIMS,
    STRANGER,
    Served,
    changed,
    issue,
    issuer_key,
    key_of,
    present,
    sign_again,
    verifier,
)
from tests.support.world import World
from weid.credential.status_list import StatusList
from weid.credential.status_reference import StatusReference
from weid.crypto.keys import KeyKind
from weid.errors import CannotDiscloseError
from weid.holder import Holder
from weid.verification.dcql import TrustedAuthority
from weid.verification.report import CHECKS, Outcome, Verdict
from weid.verification.transaction_data import TransactionData
from weid.w3c.bitstring import REVOCATION, SUSPENSION, StatusEntry

LIST = "https://university.example/status/revocation"
JOSE_HOLDERS = {
    "did:key Ed25519": key_of(7),
    "did:key P-256": key_of(8, KeyKind.P256),
    "did:jwk Ed25519": key_of(9, method="jwk"),
    "did:jwk P-256": key_of(10, KeyKind.P256, method="jwk"),
}


@pytest.fixture
def world():
    return World.begin()


def answered(world, credential, *, key=HOLDER, securing="eddsa-jcs-2022", change=None, **options):
    """Return the report on a credential as the answer to a request."""
    checker = verifier(world, **options)
    request = checker.request(world.template, "name", "degree")
    text = present(world, credential, request, key=key, securing=securing)
    if change is not None:
        text = json.dumps(change(json.loads(text)))
    return checker.verify_w3c(text, request)


def reason_of(report):
    problem = report.first_problem
    return None if problem is None else (problem.name, problem.reason.code)


@clause("WC-50", "WC-51", "WC-53", "WC-54", "WC-56")
@pytest.mark.parametrize("securing", ["eddsa-jcs-2022", "jose"])
def test_a_w3c_credential_is_accepted_with_the_report_of_every_format(world, securing):
    report = answered(world, issue(world, securing=securing), securing=securing)
    assert report.accepted, str(report)
    assert tuple(check.name for check in report.checks) == CHECKS
    found = report.require()
    assert dict(found.claims) == {"name": "Ada Lovelace", "degree": "Mathematics"}
    assert found.issuer == world.issuer.did
    assert found.vct == world.template.vct
    assert found.facts.holder_key == HOLDER.signer.public_key


@clause("WC-20", "WC-56")
@pytest.mark.parametrize("name", JOSE_HOLDERS)
def test_holders_with_these_dids_present_by_jose(world, name):
    key = JOSE_HOLDERS[name]
    credential = issue(world, holder=key, securing="jose")
    report = answered(world, credential, key=key, securing="jose")
    assert report.accepted, str(report)


@clause("WC-43")
def test_the_holder_answers_a_request_with_either_form(world):
    checker = verifier(world)
    for securing in ("eddsa-jcs-2022", "jose"):
        request = checker.request(world.template, "name")
        text = Holder.present_w3c(
            issue(world, securing=securing),
            request,
            key=HOLDER,
            securing=securing,
            clock=world.clock,
        )
        assert checker.verify_w3c(text, request).accepted


@clause("WC-56")
def test_an_answer_counts_once(world):
    checker = verifier(world)
    request = checker.request(world.template, "name")
    text = present(world, issue(world), request)
    assert checker.verify_w3c(text, request).accepted
    again = checker.verify_w3c(text, request)
    assert reason_of(again) == ("request_binding", "already_used")


@clause("WC-56")
def test_an_answer_to_another_request_or_verifier_is_refused(world):
    checker = verifier(world)
    first = checker.request(world.template, "name")
    second = checker.request(world.template, "name")
    text = present(world, issue(world), first)
    assert reason_of(checker.verify_w3c(text, second)) == ("request_binding", "nonce_wrong")
    other = json.loads(text)
    other["proof"] = sign_again(other, HOLDER, domain="https://other.example")["proof"]
    report = checker.verify_w3c(json.dumps(other), first)
    assert reason_of(report) == ("request_binding", "audience_wrong")


@clause("WC-56")
def test_an_old_presentation_is_refused(world):
    checker = verifier(world)
    request = checker.request(world.template, "name", valid_for=3600)
    text = present(world, issue(world), request)
    world.clock.advance(1200)
    assert reason_of(checker.verify_w3c(text, request)) == ("request_binding", "too_old")


HOLDER_FORGERIES = {
    "signed by a stranger": lambda vp: sign_again(vp, STRANGER),
    "signed by a stranger who names himself holder": lambda vp: sign_again(
        {**vp, "holder": STRANGER.did}, STRANGER
    ),
    "without a holder": lambda vp: sign_again(changed(vp, ("holder",), None), HOLDER),
    "for another purpose": lambda vp: sign_again(vp, HOLDER, proofPurpose="assertionMethod"),
    "without a challenge": lambda vp: sign_again(vp, HOLDER, challenge=None),
    "without a domain": lambda vp: sign_again(vp, HOLDER, domain=None),
    "for two domains": lambda vp: sign_again(
        vp, HOLDER, domain=["https://employer.example", "https://other.example"]
    ),
    "without a date": lambda vp: sign_again(vp, HOLDER, created=None),
    "with a changed challenge": lambda vp: changed(vp, ("proof", "challenge"), "another"),
    "with two proofs": lambda vp: {**vp, "proof": [vp["proof"], sign_again(vp, STRANGER)["proof"]]},
    "with a key of its own under the holder's name": lambda vp: changed(
        vp, ("proof", "verificationMethod"), f"{HOLDER.did}#other"
    ),
}


@clause("WC-56")
@pytest.mark.parametrize("name", HOLDER_FORGERIES)
def test_a_presentation_that_the_subject_did_not_sign_is_refused(world, name):
    report = answered(world, issue(world), change=HOLDER_FORGERIES[name])
    assert report.verdict is Verdict.REJECTED
    assert report.first_problem.name == "key_binding"


ISSUER_FORGERIES = {
    "a claim changed": (
        lambda vc, _world: changed(vc, ("credentialSubject", "name"), "Eve"),
        ("issuer_signature", "signature_wrong"),
    ),
    "a claim added": (
        lambda vc, _world: changed(vc, ("credentialSubject", "rank"), "Dr"),
        ("issuer_signature", "signature_wrong"),
    ),
    "the proof of another credential": (
        lambda vc, world: {**vc, "proof": json.loads(issue(world, claims=OTHER))["proof"]},
        ("issuer_signature", "signature_wrong"),
    ),
    "the proof replaced by a stranger's": (
        lambda vc, _world: sign_again(vc, STRANGER),
        ("issuer_key", "key_id_of_another"),
    ),
    "a stranger's proof under the issuer's key id": (
        lambda vc, world: changed(
            sign_again(vc, STRANGER), ("proof", "verificationMethod"), issuer_key(world).key_id
        ),
        ("issuer_signature", "signature_wrong"),
    ),
    "another key of the issuer": (
        lambda vc, world: changed(
            vc, ("proof", "verificationMethod"), f"{world.issuer.did}#nobody"
        ),
        ("issuer_key", "key_unknown"),
    ),
    "the issuer's controlling key": (
        lambda vc, world: changed(
            vc, ("proof", "verificationMethod"), f"{world.issuer.did}#control-1"
        ),
        ("issuer_key", "key_purpose_wrong"),
    ),
    "a proof for another purpose": (
        lambda vc, world: sign_again(vc, issuer_key(world), proofPurpose="authentication"),
        ("issuer_key", "key_purpose_wrong"),
    ),
    "a proof that is over": (
        lambda vc, world: sign_again(vc, issuer_key(world), expires="2020-01-01T00:00:00Z"),
        ("validity_period", "expired"),
    ),
    "a proof of the future": (
        lambda vc, world: sign_again(vc, issuer_key(world), created="2090-01-01T00:00:00Z"),
        ("validity_period", "issued_in_future"),
    ),
    "a credential from before the issuer was registered": (
        lambda vc, world: sign_again(vc, issuer_key(world), created="2001-01-01T00:00:00Z"),
        ("issuer_key", "issued_before_registration"),
    ),
    "a credential that is over": (
        lambda vc, world: sign_again(
            changed(
                changed(vc, ("validFrom",), "2020-01-01T00:00:00Z"),
                ("validUntil",),
                "2021-01-01T00:00:00Z",
            ),
            issuer_key(world),
        ),
        ("validity_period", "expired"),
    ),
    "a term without a meaning": (
        lambda vc, world: sign_again({**vc, "admin": True}, issuer_key(world)),
        ("format", "malformed"),
    ),
    "a claim that the template does not have": (
        lambda vc, world: sign_again(
            changed(vc, ("credentialSubject", "rank"), "Dr"), issuer_key(world)
        ),
        ("template_conformance", "claims_do_not_conform"),
    ),
    "another template's text": (
        lambda vc, world: sign_again(
            changed(vc, ("credentialSchema", "digestSRI"), "sha256-AAAA"), issuer_key(world)
        ),
        ("template_conformance", "template_mismatch"),
    ),
    "a template of nobody": (
        lambda vc, world: sign_again(
            changed(vc, ("credentialSchema", "id"), "urn:weid:test:cpt:passport:1"),
            issuer_key(world),
        ),
        ("issuer_recognition", "issuer_not_recognized"),
    ),
    "an issuer of another network": (
        lambda vc, _world: changed(vc, ("issuer",), "did:weid:other:11111111111111111111"),
        ("issuer_key", "key_id_of_another"),
    ),
    "an issuer who is nobody": (
        lambda vc, _world: sign_again({**vc, "issuer": STRANGER.did}, STRANGER),
        ("issuer_key", "did_method_not_trusted"),
    ),
}
OTHER = {**OPEN_CLAIMS, "name": "Eve"}


@clause("WC-52", "WC-53", "WC-54", "WC-55")
@pytest.mark.parametrize("name", ISSUER_FORGERIES)
def test_what_the_issuer_did_not_sign_as_it_should_is_refused(world, name):
    change, expected = ISSUER_FORGERIES[name]
    credential = json.dumps(change(json.loads(issue(world)), world))
    report = answered(world, credential)
    assert report.verdict is Verdict.REJECTED, str(report)
    assert reason_of(report) == expected


@clause("WC-52")
def test_a_second_signature_of_a_set_must_hold_too(world):
    vc = json.loads(issue(world))
    second = sign_again(vc, STRANGER)["proof"]
    both = {**vc, "proof": [vc["proof"], second]}
    assert answered(world, json.dumps(both)).accepted
    broken = {**both, "proof": [vc["proof"], {**second, "created": "2026-01-01T00:00:00Z"}]}
    assert reason_of(answered(world, json.dumps(broken))) == (
        "issuer_signature",
        "signature_wrong",
    )


@clause("WC-52")
def test_a_retired_key_does_not_sign_any_more_and_a_marked_one_never_did(world):
    old = issuer_key(world)
    credential = json.loads(issue(world))
    world.clock.advance(600)
    world.add_key("assertion-2", key_of(21).signer._key, retire="assertion-1")
    assert answered(world, json.dumps(credential)).accepted
    world.clock.advance(600)
    late = sign_again(credential, old, created="2026-05-28T20:50:00Z")
    assert reason_of(answered(world, json.dumps(late))) == ("issuer_key", "key_retired")


@clause("WC-56")
def test_a_credential_about_a_did_needs_its_presentation(world):
    checker = verifier(world, accept_unbound_credentials=True)
    report = checker.verify_w3c_credential(issue(world))
    assert reason_of(report) == ("key_binding", "key_binding_missing")
    bare = checker.verify_w3c_credential(issue(world, holder=None))
    assert bare.accepted
    assert [warning.code for warning in bare.warnings] == ["not_bound_to_holder"]
    strict = verifier(world).verify_w3c_credential(issue(world, holder=None))
    assert reason_of(strict) == ("key_binding", "unbound_not_allowed")


# --- status ---------------------------------------------------------------------------------------


def with_status(world, *, index=94567, uri=LIST, purpose=REVOCATION):
    entry = StatusEntry(StatusReference(uri, index), purpose, 1)
    return issue(world, status=[entry])


def published(world, source, *, revoked=(), uri=LIST, purpose=REVOCATION, **options):
    statuses = StatusList.create(bits=1).set_all(dict.fromkeys(revoked, 1))
    source.texts[uri] = world.issuer.w3c.publish_list(
        world.template, statuses, uri=uri, purpose=purpose, **options
    )


@clause("WC-57", "WC-42")
@pytest.mark.parametrize("securing", ["eddsa-jcs-2022", "jose"])
def test_a_list_that_the_registry_vouches_for_says_whether_it_counts(world, securing):
    source = Served()
    published(world, source, securing=securing)
    credential = with_status(world)
    assert answered(world, credential, source=source).accepted
    world.clock.advance(120)
    published(world, source, revoked=[94567], securing=securing)
    assert reason_of(answered(world, credential, source=source)) == ("status", "revoked")


@clause("WC-57")
def test_a_suspension_list_says_suspended(world):
    source = Served()
    published(world, source, revoked=[5], purpose=SUSPENSION)
    report = answered(world, with_status(world, index=5, purpose=SUSPENSION), source=source)
    assert reason_of(report) == ("status", "suspended")


@clause("WC-57")
def test_an_old_list_is_noticed_and_none_is_not_taken_for_valid(world):
    source = Served()
    published(world, source)
    before = source.texts[LIST]
    credential = with_status(world)
    world.clock.advance(300)
    published(world, source, revoked=[94567])
    world.clock.advance(300)
    source.texts[LIST] = before
    assert reason_of(answered(world, credential, source=source)) == (
        "status",
        "status_rolled_back",
    )
    source.texts.clear()
    away = answered(world, credential, source=source)
    assert away.verdict is Verdict.UNDETERMINED
    assert reason_of(away) == ("status", "status_unreachable")


def _signed_by_another(world, text):
    return json.dumps(sign_again({**json.loads(text), "issuer": STRANGER.did}, STRANGER))


WRONG_LISTS = {
    "not JSON": lambda _world, _text: "{",
    "changed": lambda _world, text: text.replace("revocation", "suspension"),
    "signed by another": _signed_by_another,
    "another list's": lambda world, text: json.dumps(
        sign_again({**json.loads(text), "id": "https://university.example/2"}, issuer_key(world))
    ),
    "for another purpose": lambda world, text: json.dumps(
        sign_again(
            changed(json.loads(text), ("credentialSubject", "statusPurpose"), "suspension"),
            issuer_key(world),
        )
    ),
    "of the future": lambda world, text: json.dumps(
        sign_again(json.loads(text), issuer_key(world), created="2090-01-01T00:00:00Z")
    ),
    "no list": lambda world, _text: issue(world),
}


@clause("WC-57")
@pytest.mark.parametrize("name", WRONG_LISTS)
def test_a_list_that_cannot_be_believed_leaves_the_status_open(world, name):
    source = Served()
    published(world, source)
    source.texts[LIST] = WRONG_LISTS[name](world, source.texts[LIST])
    report = answered(world, with_status(world), source=source)
    assert report.verdict is Verdict.UNDETERMINED, str(report)
    assert reason_of(report) == ("status", "status_list_wrong")


@clause("WC-57")
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"statusListIndex": 5}, "status_malformed"),
        ({"statusListIndex": "131072"}, "status_out_of_range"),
        ({"statusListIndex": "-1"}, "status_malformed"),
        ({"statusPurpose": "message"}, "status_malformed"),
        ({"type": "StatusList2021Entry"}, "status_malformed"),
        ({"statusSize": 3}, "status_malformed"),
        ({"statusListCredential": "https://university.example/unknown"}, "status_list_unknown"),
    ],
)
def test_a_reference_that_cannot_be_used_is_refused(world, change, code):
    source = Served()
    published(world, source)
    vc = json.loads(with_status(world))
    vc["credentialStatus"] |= change
    report = answered(world, json.dumps(sign_again(vc, issuer_key(world))), source=source)
    assert report.verdict is Verdict.REJECTED
    # A type that no context of everyday defines is a template's, so that it stays well-formed.
    assert reason_of(report) == ("status", code)


@clause("WC-57")
def test_every_list_of_a_credential_is_asked(world):
    source = Served()
    second = "https://university.example/status/suspension"
    published(world, source)
    published(world, source, revoked=[3], uri=second, purpose=SUSPENSION)
    entries = [
        StatusEntry(StatusReference(LIST, 3), REVOCATION, 1),
        StatusEntry(StatusReference(second, 3), SUSPENSION, 1),
    ]
    report = answered(world, issue(world, status=entries), source=source)
    assert reason_of(report) == ("status", "suspended")


@clause("WC-57")
def test_a_credential_without_a_status_is_refused_unless_the_policy_takes_it(world):
    report = answered(world, issue(world), accept_without_status=False)
    assert reason_of(report) == ("status", "status_missing")


@clause("WC-50")
@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "null", "{" * 100, '{"a":1,"a":2}', "eyJ.e.e", "x.y.z", "\ud800", "é.é.é"],
)
def test_nothing_that_is_sent_raises(world, text):
    checker = verifier(world, accept_unbound_credentials=True)
    request = checker.request(world.template, "name")
    for report in (
        checker.verify_w3c(text, request),
        checker.verify_w3c_credential(text),
    ):
        assert report.check("format").outcome is Outcome.FAILED
        assert report.verdict is Verdict.REJECTED


@clause("WC-56")
def test_a_presentation_of_several_credentials_is_not_one_answer(world):
    checker = verifier(world)
    request = checker.request(world.template, "name")
    vp = json.loads(present(world, issue(world), request))
    for credentials in ([], vp["verifiableCredential"] * 2):
        text = json.dumps(sign_again({**vp, "verifiableCredential": credentials}, HOLDER))
        report = checker.verify_w3c(text, request)
        assert reason_of(report) == ("format", "malformed")


@clause("WC-54", "PP-33")
def test_no_authority_that_a_query_names_fits(world):
    checker = verifier(world)
    request = checker.request(world.template, "name")
    (asked,) = request.query.credentials
    asked = replace(asked, trusted_authorities=(TrustedAuthority("aki", ("AAAA",)),))
    request = replace(request, query=replace(request.query, credentials=(asked,)))
    report = checker.verify_w3c(present(world, issue(world), request), request)
    assert report.first_problem.reason.code == "authority_not_requested"


@clause("WC-43", "WC-54", "PP-50")
def test_a_transaction_is_agreed_to_by_no_presentation(world):
    checker = verifier(world)
    request = checker.request(world.template, "name")
    entry = TransactionData.create("payment", [request.query.credentials[0].id], {})
    request = replace(request, transaction_data=(entry,))
    report = checker.verify_w3c(present(world, issue(world), request), request)
    assert report.first_problem.reason.code == "transaction_not_agreed"
    with pytest.raises(CannotDiscloseError, match="transaction"):
        Holder.present_w3c(issue(world), request, key=HOLDER, clock=world.clock)
