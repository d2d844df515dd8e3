"""Answers of several credentials: each good, all of one person, nothing missing or beside it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

import pytest

from tests.support.clauses import clause
from tests.support.world import AUDIENCE, CLAIMS, World, draft, seeded
from weid.credential.claim_path import ClaimPath
from weid.credential.credential import Credential
from weid.credential.template import CredentialTemplate
from weid.crypto.keys import PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.encoding import JsonObject
from weid.errors import RejectedError, UndeterminedError
from weid.verification.answer import AnswerReport
from weid.verification.dcql import ClaimQuery, CredentialQuery, CredentialSetQuery, DcqlQuery
from weid.verification.policy import TrustedNetwork, TrustPolicy
from weid.verification.report import Conclusion, Verdict
from weid.verification.request import PresentationRequest
from weid.verifier import Verifier


@dataclass
class Desk:
    """A world with two templates, and credentials of two holders."""

    world: World
    doctorate: CredentialTemplate

    def issue(
        self, template: CredentialTemplate, key: PrivateKey, claims: JsonObject | None = None
    ) -> Credential:
        return self.world.issuer.issue(
            template,
            claims or CLAIMS,
            holder_key=key.public,
            valid_for=timedelta(days=1),
        )

    def query(self, **options: bool) -> DcqlQuery:
        return DcqlQuery(
            (
                self.part("diploma", self.world.template, **options),
                self.part("doctorate", self.doctorate),
            )
        )

    @staticmethod
    def part(query_id: str, template: CredentialTemplate, **options: bool) -> CredentialQuery:
        claims = (ClaimQuery(ClaimPath(("name",))), ClaimQuery(ClaimPath(("born",))))
        return CredentialQuery(query_id, (template.vct,), claims, **options)

    def bind(self, credential: Credential, request: PresentationRequest, key: PrivateKey) -> str:
        return self.world.bind(credential.text, request, signer=InMemorySigner(key))


ADA, EVE = seeded(7), seeded(8)


@pytest.fixture(scope="module")
def desk() -> Desk:
    world = World.begin()
    doctorate = world.issuer.publish(draft(cpt_id="doctorate"))
    world.registry.governor.recognize(world.issuer.did, doctorate)
    return Desk(world, doctorate)


def both(
    desk: Desk, request: PresentationRequest, *, second: PrivateKey = ADA
) -> dict[str, list[str]]:
    return {
        "diploma": [desk.bind(desk.issue(desk.world.template, ADA), request, ADA)],
        "doctorate": [desk.bind(desk.issue(desk.doctorate, second), request, second)],
    }


@clause("VF-39", "PP-06")
def test_two_credentials_of_one_key_are_accepted_together_once(desk: Desk):
    verifier = desk.world.verifier()
    request = verifier.request_query(desk.query())
    answer = both(desk, request)
    report = verifier.verify_answer(answer, request)
    assert report.accepted
    assert report.conclusion is Conclusion.VALID
    verified = report.require()
    assert verified["doctorate"][0].claims["name"] == "Ada Lovelace"
    again = verifier.verify_answer(answer, request)
    assert [problem.code for problem in again.problems] == ["already_used"]
    assert again.verdict is Verdict.REJECTED


@clause("VF-39", "P18")
def test_credentials_of_two_persons_are_refused_unless_linked(desk: Desk):
    verifier = desk.world.verifier()
    request = verifier.request_query(desk.query())
    report = verifier.verify_answer(both(desk, request, second=EVE), request)
    assert [problem.code for problem in report.problems] == ["holders_not_linked"]
    with pytest.raises(RejectedError, match="one person"):
        report.require()
    linking = desk.world.verifier(link_claims=(("name",), ("born",)))
    request = linking.request_query(desk.query())
    assert linking.verify_answer(both(desk, request, second=EVE), request).accepted
    lenient = desk.world.verifier(accept_unlinked_credentials=True)
    request = lenient.request_query(desk.query())
    assert lenient.verify_answer(both(desk, request, second=EVE), request).accepted


@clause("VF-39", "P18")
def test_a_wallet_with_a_key_for_each_credential_needs_a_policy_that_links(desk: Desk):
    keys = seeded(21), seeded(22)
    for options, accepted in (
        ({}, False),
        ({"link_claims": (("name",), ("born",))}, True),
        ({"accept_unlinked_credentials": True}, True),
    ):
        verifier = desk.world.verifier(**options)
        request = verifier.request_query(desk.query())
        answer = {
            "diploma": [desk.bind(desk.issue(desk.world.template, keys[0]), request, keys[0])],
            "doctorate": [desk.bind(desk.issue(desk.doctorate, keys[1]), request, keys[1])],
        }
        assert verifier.verify_answer(answer, request).accepted is accepted


@clause("VF-39", "P18")
def test_linking_claims_must_be_there_and_agree(desk: Desk):
    verifier = desk.world.verifier(link_claims=(("name",),))
    request = verifier.request_query(desk.query())
    other = desk.issue(desk.doctorate, EVE, {**CLAIMS, "name": "Eve"})
    answer = both(desk, request) | {"doctorate": [desk.bind(other, request, EVE)]}
    report = verifier.verify_answer(answer, request)
    assert [problem.code for problem in report.problems] == ["holders_not_linked"]
    not_asked = desk.world.verifier(link_claims=(("degree",),))
    request = not_asked.request_query(desk.query())
    report = not_asked.verify_answer(both(desk, request, second=EVE), request)
    assert [problem.code for problem in report.problems] == ["holders_not_linked"]


@clause("VF-39")
def test_a_credential_missing_beside_or_twice_is_named(desk: Desk):
    verifier = desk.world.verifier()
    request = verifier.request_query(desk.query())
    answer = both(desk, request)
    only = verifier.verify_answer({"diploma": answer["diploma"]}, request)
    assert [problem.code for problem in only.problems] == ["credential_missing"]
    assert "doctorate" in only.problems[0].sentence
    beside = verifier.verify_answer(answer | {"passport": ["x"]}, request)
    assert [problem.code for problem in beside.problems] == ["credential_not_asked"]
    second = desk.bind(desk.issue(desk.world.template, ADA), request, ADA)
    many = verifier.verify_answer(answer | {"diploma": [*answer["diploma"], second]}, request)
    assert [problem.code for problem in many.problems] == ["too_many_credentials"]
    multiple = verifier.request_query(desk.query(multiple=True))
    twice = both(desk, multiple)
    twice["diploma"] *= 2
    report = verifier.verify_answer(twice, multiple)
    assert [problem.code for problem in report.problems] == ["already_used"]
    nothing = verifier.verify_answer({}, request)
    assert nothing.verdict is Verdict.REJECTED
    with pytest.raises(RejectedError, match="no credential answers"):
        nothing.require()


@clause("PP-06")
def test_where_one_of_two_will_do_one_is_enough(desk: Desk):
    query = DcqlQuery(
        desk.query().credentials, (CredentialSetQuery((("doctorate",), ("diploma",))),)
    )
    verifier = desk.world.verifier()
    request = verifier.request_query(query)
    answer = both(desk, request)
    assert verifier.verify_answer({"diploma": answer["diploma"]}, request).accepted


@clause("VF-39", "V18")
def test_one_bad_presentation_makes_the_whole_not_valid(desk: Desk):
    verifier = desk.world.verifier()
    request = verifier.request_query(desk.query())
    answer = both(desk, request)
    bad = answer | {"doctorate": [answer["doctorate"][0][:-1]]}
    report = verifier.verify_answer(bad, request)
    assert report.conclusion is Conclusion.NOT_VALID
    with pytest.raises(RejectedError) as refused:
        report.require()
    assert refused.value.report is report.reports["doctorate"][0]
    # The nonce was not used up: the right answer may still come.
    assert verifier.verify_answer(answer, request).accepted


def _kept_back(report: AnswerReport) -> list[str | None]:
    """Return why each part of an answer gives out no claims; a part that does fails the test."""
    why: list[str | None] = []
    for part in (part for parts in report.reports.values() for part in parts):
        assert not part.accepted
        with pytest.raises((RejectedError, UndeterminedError)):
            part.require()
        why.append(part.first_problem and part.first_problem.reason.code)
    return why


@clause("VF-39", "VF-03")
def test_a_part_gives_out_no_claims_when_the_whole_is_not_accepted(desk: Desk):
    verifier = desk.world.verifier()
    request = verifier.request_query(desk.query())
    stranger = verifier.verify_answer(both(desk, request, second=EVE), request)
    assert _kept_back(stranger) == ["holders_not_linked"] * 2
    answer = both(desk, request)
    only = verifier.verify_answer({"diploma": answer["diploma"]}, request)
    assert _kept_back(only) == ["credential_missing"]
    bad = answer | {"doctorate": [answer["doctorate"][0][:-1]]}
    assert "answer_not_accepted" in _kept_back(verifier.verify_answer(bad, request))
    assert verifier.verify_answer(answer, request).accepted
    assert _kept_back(verifier.verify_answer(answer, request)) == ["already_used"] * 2


class Half:
    """A host that has the status list of one template only."""

    def __init__(self, desk: Desk) -> None:
        self._registry = desk.world.registry

    def status_token(self, uri: str) -> str | None:
        return None if "doctorate" in uri else self._registry.status_token(uri)


@clause("VF-39", "VF-05")
def test_a_part_gives_out_no_claims_while_another_could_not_be_checked(desk: Desk):
    registry = desk.world.registry
    verifier = Verifier(
        AUDIENCE, registry=registry, status_tokens=Half(desk), clock=desk.world.clock
    )
    request = verifier.request_query(desk.query())
    report = verifier.verify_answer(both(desk, request), request)
    assert report.verdict is Verdict.UNDETERMINED
    assert _kept_back(report) == ["answer_not_accepted", "status_unreachable"]
    with pytest.raises(UndeterminedError, match="status"):
        report.require()
    alone = {"doctorate": both(desk, request)["doctorate"]}
    with pytest.raises(RejectedError, match="no credential answers diploma"):
        verifier.verify_answer(alone, request).require()


class Unreachable:
    def status_token(self, uri: str) -> str | None:
        del uri


@clause("VF-39", "VF-05")
def test_one_that_cannot_be_checked_leaves_the_whole_open(desk: Desk):
    registry = desk.world.registry
    network = TrustedNetwork(
        reader=registry,
        genesis_hash=registry.genesis_hash,
        status_tokens=Unreachable(),
    )
    policy = TrustPolicy(networks={"test": network})
    verifier = Verifier(AUDIENCE, policy=policy, clock=desk.world.clock)
    request = verifier.request_query(desk.query())
    report = verifier.verify_answer(both(desk, request), request)
    assert report.conclusion is Conclusion.COULD_NOT_CHECK
    with pytest.raises(UndeterminedError):
        report.require()


@clause("VF-31")
def test_what_could_not_be_checked_may_be_presented_again(desk: Desk):
    registry = desk.world.registry
    source = Unreachable()
    network = TrustedNetwork(
        reader=registry, genesis_hash=registry.genesis_hash, status_tokens=source
    )
    policy = TrustPolicy(networks={"test": network})
    verifier = Verifier(AUDIENCE, policy=policy, clock=desk.world.clock)
    request = verifier.request(desk.world.template, "name")
    text = desk.world.present(request)
    assert verifier.verify(text, request).verdict is Verdict.UNDETERMINED
    source.status_token = registry.status_token  # type: ignore[method-assign]
    assert verifier.verify(text, request).accepted


@clause("P12", "V6")
def test_of_many_answers_at_once_exactly_one_is_accepted(desk: Desk):
    verifier = desk.world.verifier()
    request = verifier.request_query(desk.query())
    answers = [both(desk, request) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        reports = list(pool.map(lambda answer: verifier.verify_answer(answer, request), answers))
    assert [report.accepted for report in reports].count(True) == 1


@clause("VF-04")
def test_an_answers_report_has_no_truth_value_and_warns_as_its_parts_do(desk: Desk):
    verifier = desk.world.verifier()
    request = verifier.request_query(desk.query())
    report = verifier.verify_answer(both(desk, request), request)
    with pytest.raises(TypeError):
        bool(report)
    assert report.warnings == ()
    assert json.dumps([part[0].to_json() for part in report.reports.values()])
