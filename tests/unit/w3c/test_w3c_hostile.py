"""What somebody else sends: issuers outside the registry, keys of others, and broken bytes."""

from __future__ import annotations

import json
import random
import sys

import pytest

from tests.support.clauses import clause
from tests.support.w3c import (
    HOLDER,
    OPEN_CLAIMS,
    STRANGER,
    issue,
    issuer_key,
    key_of,
    present,
    sign_again,
    verifier,
)
from tests.support.world import AUDIENCE, World
from weid.did.document import DidDocument, Relationship, VerificationMethod
from weid.did.methods import local_methods
from weid.did.resolver import UniversalResolver, resolved
from weid.encoding import base58_encode
from weid.errors import RegistryUnavailableError
from weid.verification.policy import ListedIssuer, TrustPolicy
from weid.verification.report import Outcome, Verdict
from weid.verifier import Verifier
from weid.w3c.create import SigningKey, credential_document, sign_credential
from weid.w3c.data_integrity import RDFC, hash_data
from weid.w3c.secured import read_credential
from weid.w3c.terms import Contexts

MUSEUM = key_of(5, method="jwk")


@pytest.fixture
def world():
    return World.begin()


def listed_verifier(world, key=MUSEUM, resolver=None, **changes):
    members = {
        "did": key.did,
        "types": (world.template.vct,),
        "template": world.template,
        "without_status": True,
    }
    policy = TrustPolicy(
        issuers=(ListedIssuer(**(members | changes)),),
        resolver=resolver or UniversalResolver(local_methods([])),
    )
    return Verifier(AUDIENCE, policy=policy, clock=world.clock)


def of_museum(world, key=MUSEUM):
    now = world.clock.now()
    document = credential_document(
        world.template,
        OPEN_CLAIMS,
        issuer=key.did,
        holder=HOLDER.did,
        issued_at=now,
        expires_at=now + 3600,
        status=(),
    )
    return sign_credential(document, key, created=now)


def answer(world, checker, credential, **options):
    request = checker.request(world.template, "name")
    return checker.verify_w3c(present(world, credential, request, **options), request)


@clause("WC-52", "WC-54")
def test_a_listed_issuer_is_taken_for_its_types(world):
    report = answer(world, listed_verifier(world), of_museum(world))
    assert report.accepted, str(report)
    other = answer(world, listed_verifier(world, types=("urn:x:1",)), of_museum(world))
    assert other.check("issuer_recognition").reason.code == "issuer_not_listed"


class OneDocument:
    """A resolver of one DID document."""

    def __init__(self, document):
        self.document = document

    def resolve(self, did_url):
        del did_url
        if self.document is None:
            raise RegistryUnavailableError("away")
        return resolved(self.document)


def web_document(did, *, controller=None, relationships=(Relationship.ASSERTION,)):
    key_id = f"{did}#k"
    method = VerificationMethod(key_id, controller or did, STRANGER.signer.public_key)
    return DidDocument(
        id=did, methods=(method,), relationships=dict.fromkeys(relationships, (key_id,))
    )


WEB = "did:web:museum.example"
SECOND = {
    "its own": (web_document(WEB), None),
    "another's": (web_document(WEB, controller=HOLDER.did), "key_unknown"),
    "for another purpose": (
        web_document(WEB, relationships=(Relationship.AUTHENTICATION,)),
        "key_purpose_wrong",
    ),
    "of another document": (web_document("did:web:other.example"), "key_unknown"),
}


@clause("WC-52")
@pytest.mark.parametrize("name", SECOND)
def test_a_second_signature_counts_with_a_key_of_its_own_document_alone(world, name):
    document, code = SECOND[name]
    checker = listed_verifier(world, MUSEUM)
    checker.policy = TrustPolicy(
        networks=world.policy().networks, resolver=OneDocument(document), accept_without_status=True
    )
    vc = json.loads(issue(world))
    web = SigningKey(WEB, f"{WEB}#k", STRANGER.signer)
    both = {**vc, "proof": [vc["proof"], sign_again(vc, web)["proof"]]}
    report = answer(world, checker, json.dumps(both))
    if code is None:
        assert report.accepted, str(report)
    else:
        assert report.check("issuer_key").reason.code == code


@clause("WC-50", "WC-56")
def test_a_holder_whose_registry_is_away_is_not_refused(world):
    web = SigningKey(WEB, f"{WEB}#k", STRANGER.signer)
    checker = verifier(world, resolver=OneDocument(None))
    report = answer(world, checker, issue(world, holder=web), key=web)
    assert report.verdict is Verdict.UNDETERMINED
    assert report.check("key_binding").outcome is Outcome.UNDETERMINED


# --- eddsa-rdfc-2022 ------------------------------------------------------------------------------


def signed_as_rdf(world):
    vc = json.loads(issue(world))
    document = {name: value for name, value in vc.items() if name != "proof"}
    config = {n: v for n, v in vc["proof"].items() if n not in {"proofValue", "@context"}}
    config["cryptosuite"] = RDFC
    hashed = hash_data(document, config | {"@context": document["@context"]}, contexts=Contexts())
    value = "z" + base58_encode(issuer_key(world).signer.sign(hashed))
    return json.dumps({**document, "proof": {**config, "proofValue": value}})


@clause("WC-15", "WC-53")
def test_a_credential_signed_as_rdf_is_accepted_where_the_library_is_and_open_where_not(
    world, monkeypatch
):
    pytest.importorskip("pyld", reason="eddsa-rdfc-2022 needs the extra 'w3c' (PyLD)")
    credential = signed_as_rdf(world)
    assert answer(world, verifier(world), credential).accepted
    wrong = credential.replace("Mathematics", "Physics")
    report = answer(world, verifier(world), wrong)
    assert report.check("issuer_signature").reason.code == "signature_wrong"
    monkeypatch.setitem(sys.modules, "pyld", None)
    without = answer(world, verifier(world), credential)
    assert without.verdict is Verdict.UNDETERMINED
    assert without.check("issuer_signature").reason.code == "suite_missing"


def _in_list(vc):
    vc["credentialSchema"]["type"] = ["JsonSchema"]


def _turned(vc):
    vc["type"].reverse()


def _spelled_type(vc):
    vc["credentialSchema"]["type"] = "https://www.w3.org/2018/credentials#JsonSchema"


def _spelled_digest(vc):
    kind = "https://www.w3.org/2018/credentials#sriString"
    value = {"@value": vc["credentialSchema"].pop("digestSRI"), "@type": kind}
    vc["credentialSchema"]["https://www.w3.org/2018/credentials#digestSRI"] = value


def _schema_twice(vc):
    plain = {"id": vc["credentialSchema"]["id"], "type": "JsonSchema"}
    vc["credentialSchema"] = [plain, vc["credentialSchema"]]


def _claim_spelled(vc):
    vocabulary = vc["@context"][1]["@vocab"]
    vc["credentialSubject"][f"{vocabulary}degree"] = vc["credentialSubject"].pop("degree")


@clause("WC-06", "WC-16")
@pytest.mark.parametrize(
    ("respell", "taken"),
    [
        (_in_list, True),
        (_turned, True),
        (_spelled_type, False),
        (_spelled_digest, False),
        (_schema_twice, False),
        (_claim_spelled, False),
    ],
)
def test_what_rdf_holds_for_the_same_changes_nothing_or_is_refused(world, respell, taken):
    """The holder writes the JSON anew, so that the signature over the RDF still holds."""
    pytest.importorskip("pyld", reason="eddsa-rdfc-2022 needs the extra 'w3c' (PyLD)")
    vc = json.loads(signed_as_rdf(world))
    respell(vc)
    report = answer(world, verifier(world), json.dumps(vc))
    assert report.accepted == taken, str(report)
    if not taken:
        assert report.check("issuer_signature").reason.code == "signature_wrong"


# --- broken bytes ---------------------------------------------------------------------------------


def mutations(text, seed):
    """Give texts that differ from one in a few places, always the same ones."""
    drawn = random.Random(seed)
    pieces = ['"', "{", "}", "[", "]", ",", ":", "null", "1e9", "\\u0000", "z", "did:", "0", "é"]
    for _ in range(150):
        at, length = drawn.randrange(len(text)), drawn.choice((0, 1, 1, 3, 20))
        yield text[:at] + drawn.choice(pieces) + text[at + length :]


def replaced_values(value, drawn):
    """Return JSON with one value somewhere replaced by one of another kind."""
    odd = [None, True, 0, -1, 2**70, 0.5, "", "x", "did:key:z", [], {}, [[]], {"@value": 1}]
    if isinstance(value, dict) and value and drawn.random() < 0.85:
        name = drawn.choice(sorted(value))
        return {**value, name: replaced_values(value[name], drawn)}
    if isinstance(value, list) and value and drawn.random() < 0.85:
        at = drawn.randrange(len(value))
        return [*value[:at], replaced_values(value[at], drawn), *value[at + 1 :]]
    return drawn.choice(odd)


@clause("WC-50")
@pytest.mark.parametrize("securing", ["eddsa-jcs-2022", "jose"])
def test_no_broken_presentation_raises_or_is_accepted(world, securing):
    checker = verifier(world)
    request = checker.request(world.template, "name")
    good = present(world, issue(world, securing=securing), request, securing=securing)
    whole = json.loads(good) if securing != "jose" else None
    for text in mutations(good, 11):
        if whole is not None:
            try:
                if json.loads(text) == whole:
                    continue
            except ValueError:
                pass
        report = checker.verify_w3c(text, request)
        assert report.verdict is not Verdict.ACCEPTED, text
        assert all(check.reason.code != "internal_error" for check in report.checks), str(report)
    assert checker.verify_w3c(good, request).accepted


@clause("WC-50")
def test_no_value_of_another_kind_raises_or_is_accepted(world):
    checker = verifier(world)
    request = checker.request(world.template, "name")
    good = json.loads(present(world, issue(world), request))
    drawn = random.Random(12)
    for _ in range(300):
        broken = replaced_values(good, drawn)
        if broken == good:
            continue
        report = checker.verify_w3c(json.dumps(broken), request)
        assert report.verdict is not Verdict.ACCEPTED, broken
        assert all(check.reason.code != "internal_error" for check in report.checks), str(report)


@clause("WC-24")
def test_nothing_that_is_read_is_believed(world):
    secured = read_credential(issue(world), Contexts())
    assert [each.purpose for each in secured.signatures] == ["assertionMethod"]
