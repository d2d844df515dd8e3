"""The checks `template_conformance` and `validity_period`."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from collections.abc import Callable

import pytest

from tests.support.clauses import clause
from tests.support.reports import doubt, stop
from tests.support.world import AUDIENCE, CLAIMS, START, World, draft
from weid.encoding import JsonObject, JsonValue
from weid.errors import NotFoundError
from weid.registry.records import TemplateRecord
from weid.verifier import Verifier

DAY = 86_400


@pytest.fixture(scope="module")
def world() -> World:
    return World.begin()


FAULTS: dict[str, tuple[JsonObject, str]] = {
    "another type": ({"name": 7}, "name"),
    "an impossible date": ({"born": "1815-02-31"}, "born"),
    "a two-digit year": ({"born": "15-12-10"}, "born"),
    "too long": ({"name": "A" * 81}, "name"),
    "empty": ({"name": ""}, "name"),
    "a claim of its own": ({"title": "Countess"}, "title"),
    "a wrong part": ({"address": {"city": 1}}, "address.city"),
    "a wrong element": ({"languages": ["en", 2]}, "languages[1]"),
    "a required one missing": ({"number": "leave out"}, "number"),
}


@clause("VF-25", "VF-06", "C29", "C39")
@pytest.mark.parametrize(("changes", "path"), FAULTS.values(), ids=FAULTS)
def test_claims_do_not_conform_with(world: World, changes: JsonObject, path: str):
    without = tuple(name for name, value in changes.items() if value == "leave out")
    report = world.verify(world.forge(changes, without=without, withheld=("born",)))
    assert stop(report) == ("template_conformance", "claims_do_not_conform")
    detail = report.check("template_conformance").detail  # type: ignore[union-attr]
    assert detail.endswith(path)


@clause("VF-25", "C29")
def test_what_is_kept_back_is_not_missed(world: World):
    verifier = world.verifier()
    request = verifier.request(world.template, "degree")
    assert verifier.verify(world.present(request), request).accepted


@clause("VF-25")
def test_a_claim_that_the_template_never_withholds_must_not_come_in_a_disclosure(world: World):
    text = world.forge(withheld=("number", "born"))
    assert stop(world.verify(text)) == ("template_conformance", "claims_do_not_conform")


def integrity(algorithm: str, data: bytes) -> str:
    digest = hashlib.new(algorithm, data).digest()
    return f"{algorithm}-{base64.b64encode(digest).decode()}"


@clause("VF-25", "C30", "R33")
def test_another_digest_than_the_published_is_a_mismatch(world: World):
    document = world.template.document
    for value in (integrity("sha256", document + b" "), integrity("sha512", document), "x"):
        report = world.verify(world.forge({"vct#integrity": value}))
        assert stop(report) == ("template_conformance", "template_mismatch")


@clause("VF-25", "C30")
def test_without_a_digest_the_published_template_counts(world: World):
    assert world.verify(world.forge(without=("vct#integrity",))).accepted


@clause("VF-25")
def test_a_template_version_that_was_not_published_is_unknown(world: World):
    vct = world.template.vct[:-1] + "2"
    assert stop(world.verify(world.forge({"vct": vct}))) == (
        "template_conformance",
        "template_unknown",
    )


class Documents:
    """The world's registry, which gives other bytes for a template."""

    def __init__(self, world: World, document: bytes | None, *, own_digest: bool = False) -> None:
        self._registry = world.registry
        self._document = document
        self._own_digest = own_digest

    def __getattr__(self, name: str) -> object:
        return getattr(self._registry, name)

    def template(self, cpt_id: str, version: int) -> TemplateRecord | None:
        found = self._registry.template(cpt_id, version)
        if found is None or self._document is None or not self._own_digest:
            return found
        return dataclasses.replace(found, digest=hashlib.sha256(self._document).digest())

    def template_document(self, record: TemplateRecord) -> bytes:
        if self._document is None:
            raise NotFoundError(record.cpt_id)
        return self._document


def with_document(world: World, document: bytes | None, **options: bool) -> object:
    reader = Documents(world, document, **options)
    verifier = Verifier(AUDIENCE, registry=reader, clock=world.clock)  # type: ignore[arg-type]
    request = verifier.request(world.template, "name")
    return verifier.verify(world.present(request), request)


@clause("VF-25", "V20")
def test_a_template_whose_bytes_are_not_kept_leaves_it_open(world: World):
    assert doubt(with_document(world, None)) == (  # type: ignore[arg-type]
        "template_conformance",
        "template_unavailable",
    )


@clause("VF-25", "R40")
def test_bytes_of_another_template_are_no_answer(world: World):
    other = draft(name="Other").for_network("test", 1).document
    assert doubt(with_document(world, other)) == (  # type: ignore[arg-type]
        "template_conformance",
        "registry_unproved",
    )


UNREADABLE: dict[str, Callable[[World], bytes]] = {
    "no template": lambda _: b"{}",
    "of another version": lambda _: draft().for_network("test", 2).document,
    "of another id": lambda _: draft(cpt_id="doctorate").for_network("test", 1).document,
}


@clause("VF-25")
@pytest.mark.parametrize("make", UNREADABLE.values(), ids=UNREADABLE)
def test_a_published_document_is_refused_that_is(world: World, make: Callable[[World], bytes]):
    report = with_document(world, make(world), own_digest=True)
    assert stop(report) == ("template_conformance", "template_unusable")  # type: ignore[arg-type]


# --- Times ------------------------------------------------------------------------------------------

TIMES: dict[str, tuple[JsonObject, str | None]] = {
    "exp ahead": ({"exp": START + 1}, None),
    "exp past within the leeway": ({"exp": START - 59}, None),
    "exp past by the leeway": ({"exp": START - 60}, "expired"),
    "exp past by 61 s": ({"exp": START - 61}, "expired"),
    "exp 0": ({"exp": 0}, "expired"),
    "exp in milliseconds": ({"exp": (START + DAY) * 1000}, "lifetime_too_long"),
    "exp past the year 9999": ({"exp": 2**53 - 1}, "lifetime_too_long"),
    "nbf past": ({"nbf": START - DAY}, None),
    "nbf ahead within the leeway": ({"nbf": START + 60}, None),
    "nbf ahead": ({"nbf": START + 61}, "not_yet_valid"),
    "nbf in milliseconds": ({"nbf": START * 1000}, "not_yet_valid"),
    "iat ahead within the leeway": ({"iat": START + 60}, None),
    "iat ahead": ({"iat": START + 61}, "issued_in_future"),
}


@clause("VF-26", "C13", "C14", "C15")
@pytest.mark.parametrize(("changes", "code"), TIMES.values(), ids=TIMES)
def test_a_credential_with(world: World, changes: JsonObject, code: str | None):
    report = world.verify(world.forge(changes))
    if code is None:
        assert report.accepted
    else:
        assert stop(report) == ("validity_period", code)
        assert report.exit_code == 12


@clause("VF-26")
def test_a_credential_without_an_end_is_refused_unless_the_policy_says_otherwise(world: World):
    text = world.forge(without=("exp",))
    assert stop(world.verify(text)) == ("validity_period", "expiry_missing")
    verifier = world.verifier(accept_without_expiry=True)
    request = verifier.request(world.template, "name")
    verified = verifier.verify(world.bind(text, request), request).require()
    assert verified.facts.expires_at is None


@clause("V21", "S22")
@pytest.mark.parametrize(
    ("jump", "where"),
    [(400 * DAY, "validity_period"), (-2 * DAY, "validity_period")],
)
def test_when_the_verifiers_clock_jumps_nothing_is_accepted(jump: int, where: str):
    world = World.begin()
    text = world.credential.text
    world.clock.advance(jump)
    verifier = world.verifier()
    request = verifier.request(world.template, "name")
    report = verifier.verify(world.bind(text, request), request)
    assert not report.accepted
    assert not report.check(where).passed  # type: ignore[union-attr]


@clause("S22")
def test_a_clock_two_hours_behind_accepts_nothing_and_says_why():
    world = World.begin()
    text = world.credential.text
    world.clock.advance(-2 * 3600)
    verifier = world.verifier()
    request = verifier.request(world.template, "name")
    report = verifier.verify(world.bind(text, request), request)
    assert stop(report) == ("validity_period", "issued_in_future")
    assert "clock" in (report.first_problem.reason.hint or "")  # type: ignore[union-attr]


@clause("C37")
def test_names_in_any_script_pass_as_they_are():
    world = World.begin()
    name: JsonValue = "\u9673\u5927\u6587 \u202eAda\u202c <script>{{7*7}}"
    verified = world.verify(world.issue({**CLAIMS, "name": name}).text, "name").require()
    assert verified.claims["name"] == name
