"""`weid verify` on W3C credentials and presentations: the same report and the same exit codes."""

from __future__ import annotations

import json

import pytest

from tests.support.clauses import clause
from tests.support.w3c import changed, issue, present
from tests.unit.cli.test_verify_codes import Counter
from weid.verification.request import PresentationRequest
from weid.w3c.create import JCS, JOSE
from weid.w3c.secured import kind_of


@pytest.fixture
def counter(shell):
    return Counter(shell)


def verify(counter, text, *more, how=("--unbound",)):
    counter.bundle()
    (counter.shell.folder / "document").write_text(text)
    genesis = counter.world.registry.genesis_hash.hex()
    trust = ("--bundle", "test.bundle", "--genesis", genesis, "--without-status")
    return counter.shell.run("verify", "document", *how, *trust, *more)


def request_of(counter) -> PresentationRequest:
    made = counter.world.verifier().request(counter.world.template, "name", valid_for=600)
    (counter.shell.folder / "request.json").write_text(made.to_text())
    return made


@clause("WC-70", "VF-08")
@pytest.mark.parametrize("securing", [JCS, JOSE])
def test_a_w3c_credential_gets_the_report(counter, securing):
    text = issue(counter.world, holder=None, securing=securing)
    code, out, err = verify(counter, text)
    assert (code, out.splitlines()[0]) == (0, "valid, but check"), out + err
    assert "Ada Lovelace" in out
    assert "passed" in out
    assert "issuer_signature" in out


@clause("WC-70", "VF-08")
@pytest.mark.parametrize("securing", [JCS, JOSE])
def test_a_w3c_presentation_answers_a_request(counter, securing):
    request = request_of(counter)
    text = present(
        counter.world, issue(counter.world, securing=securing), request, securing=securing
    )
    how = ("--request", "request.json")
    code, out, err = verify(counter, text, how=how)
    assert (code, "Ada Lovelace" in out) == (0, True), out + err
    again, out, _ = verify(counter, text, how=how)
    assert (again, "Ada Lovelace" in out) == (14, False)


@clause("WC-70", "VF-08")
def test_what_was_changed_is_refused_with_the_code_of_its_fault(counter):
    document = json.loads(issue(counter.world, holder=None))
    forged = changed(document, ("credentialSubject", "name"), "Eve")
    code, out, _ = verify(counter, json.dumps(forged))
    assert (code, out.splitlines()[0]) == (10, "not valid")
    assert "Eve" not in out


@clause("VF-08")
def test_without_a_list_the_status_could_not_be_checked(counter):
    text = issue(counter.world, holder=None)
    counter.bundle()
    (counter.shell.folder / "document").write_text(text)
    genesis = counter.world.registry.genesis_hash.hex()
    trust = ("--bundle", "test.bundle", "--genesis", genesis)
    code, out, _ = counter.shell.run("verify", "document", "--unbound", *trust)
    assert (code, "Ada Lovelace" in out) in {(20, False), (11, False)}


HANDED_OVER = {
    "a credential that answers a request": (False, ("--request", "request.json")),
    "a presentation by itself": (True, ("--unbound",)),
    "a presentation as a code": (True, ("--shown",)),
    "a credential as a code": (False, ("--shown",)),
}


@clause("WC-70")
@pytest.mark.parametrize(("presented", "how"), HANDED_OVER.values(), ids=HANDED_OVER)
def test_what_is_handed_over_otherwise_is_told_how(counter, presented, how):
    request = request_of(counter)
    text = issue(counter.world, holder=None)
    if presented:
        text = present(counter.world, issue(counter.world), request)
    code, out, err = verify(counter, text, how=how)
    assert (code, out) == (1, "")
    assert "is not handed over so" in err


def test_inspect_says_what_it_is(counter):
    (counter.shell.folder / "document").write_text(issue(counter.world, holder=None))
    assert counter.shell.json("inspect", "document")["kind"] == "W3C credential"


TEXTS = {
    "an SD-JWT": ("eyJ0eXAiOiJkYytzZC1qd3QifQ.e30.x~", None),
    "a JWT of another type": ("eyJ0eXAiOiJKV1QifQ.e30.x", None),
    "no header": ("a.b.c", None),
    "words": ("not a document. at all", None),
    "a JWT": ("eyJ0eXAiOiJ2Yytqd3QifQ.e30.x", "credential"),
    "a JWT with its whole type": ("eyJ0eXAiOiJhcHBsaWNhdGlvbi92cCtqd3QifQ.e30.x", "presentation"),
    "JSON that is none": ("{", None),
    "a request": ('{"dcql_query": {}}', None),
    "a credential": ('{"@context": [], "type": ["VerifiableCredential"]}', "credential"),
    "a presentation": ('{"@context": [], "type": "VerifiablePresentation"}', "presentation"),
}


@clause("WC-24")
@pytest.mark.parametrize(("text", "kind"), TEXTS.values(), ids=TEXTS)
def test_what_a_text_is_is_seen_from_outside(text, kind):
    assert kind_of(text) == kind
