"""Presentation policies: read strictly, compiled to a query and to trust, and held to."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from tests.support.clauses import clause
from tests.support.policies import DIPLOMA, draft, publish, source
from tests.support.reports import doubt, stop, warnings
from tests.support.world import AUDIENCE, World
from weid import limits
from weid.encoding import json_dumps
from weid.errors import CannotDiscloseError, MalformedError, RegistryUnavailableError
from weid.holder import Holder
from weid.openid4vp.request import client_id_for, create_request_uri, parse_request_uri
from weid.registry.policy_operations import WithdrawPolicy
from weid.registry.records import PolicyRecord, Version
from weid.verification.dcql import ClaimQuery, DcqlQuery
from weid.verification.policy import TrustedNetwork, TrustPolicy
from weid.verification.policy_reference import PolicyReference
from weid.verification.presentation_policy import MOST_OPTIONAL, PresentationPolicy
from weid.verification.request import PresentationRequest
from weid.verifier import Verifier

STRANGER = "did:weid:test:6FF2G25D6afUgZTbkdcLcCEauE4G"


@pytest.fixture
def world() -> World:
    return World.begin()


# --- Reading -------------------------------------------------------------------------------------


@clause("PP-70")
def test_a_policy_is_read_back_from_what_is_published() -> None:
    published = draft().for_network("test", 3)
    again = PresentationPolicy.from_json(published.document)
    assert again == published
    assert (again.network, again.version, again.policy_id) == ("test", 3, "library-card")
    assert again.to_json()["uri"] == "urn:weid:test:policy:library-card:3"
    assert again.name.name("pt") == "Cartão"
    assert again.purpose.name("zh-Hant") == "To give you a library card."
    assert again.retention.text == "P1Y6M"
    assert again.reference.digest == again.digest


@clause("PP-70")
def test_a_draft_is_not_named_and_a_published_text_is_no_draft() -> None:
    with pytest.raises(MalformedError, match="draft"):
        _ = draft().reference
    with pytest.raises(MalformedError, match="publishing gives"):
        PresentationPolicy.from_source(draft().for_network("test", 1).document)


FAULTS: dict[str, dict[str, Any]] = {
    "no purpose": {"purpose": None},
    "an empty purpose": {"purpose": []},
    "a purpose that is blank": {"purpose": [{"locale": "en", "text": " "}]},
    "no retention": {"retention": None},
    "a retention of nothing": {"retention": "P0D"},
    "a retention for ever": {"retention": "for ever"},
    "an unknown member": {"secret": 1},
    "no credentials": {"credentials": []},
    "an id that no uri can name": {"policy_id": "Library"},
    "an end that is no time": {"valid_until": "2030"},
    "an end that is true": {"valid_until": True},
    "an unknown member of a credential": {"credential": {"wanted": []}},
    "no types": {"credential": {"types": []}},
    "a type twice": {"credential": {"types": [DIPLOMA, DIPLOMA]}},
    "an id that no query can have": {"credential": {"id": "two words"}},
    "an id that is no text": {"credential": {"id": 7}},
    "a claim that is text": {"credential": {"required": ["name"]}},
    "a claim twice": {"credential": {"required": [["name"], ["name"]]}},
    "a claim required and optional": {"credential": {"optional": [["name"]]}},
    "a claim required and forbidden": {"credential": {"forbidden": [["name"]]}},
    "a claim inside a forbidden one": {"credential": {"required": [["born", "year"]]}},
    "a claim around a forbidden one": {
        "credential": {"required": [["address"]], "forbidden": [["address", "street"]]}
    },
    "an element of a list that is forbidden": {
        "credential": {"required": [["notes", 1]], "forbidden": [["notes", None]]}
    },
    "only optional claims": {"credential": {"required": []}},
    "too many optional claims": {
        "credential": {"optional": [[f"o{n}"] for n in range(MOST_OPTIONAL + 1)]}
    },
    "an issuer that is no DID": {"credential": {"issuers": ["University"]}},
    "an issuer twice": {"credential": {"issuers": [STRANGER, STRANGER]}},
}


@clause("PP-70", "PP-71")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_policy_is_refused_with(fault: str) -> None:
    with pytest.raises(MalformedError):
        draft(**FAULTS[fault])


@clause("PP-70")
def test_a_policy_is_as_long_as_the_limit_and_no_longer() -> None:
    name = "x" * 400
    texts = [{"locale": f"a{chr(97 + n)}", "text": name} for n in range(26)]
    texts += [{"locale": f"b{chr(97 + n)}", "text": name} for n in range(10)]
    size = len(draft(name=texts).document)
    assert size <= limits.POLICY_BYTES
    many = [{"locale": f"c{chr(97 + n)}", "text": name} for n in range(16)]
    with pytest.raises(MalformedError, match="larger"):
        draft(name=texts, purpose=many)


@clause("PP-70")
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b":policy:", b":cpt:"),
        lambda text: text.replace(b":library-card:1", b":library-card:2"),
        lambda text: text.replace(b"urn:weid:test", b"urn:weid:T"),
        lambda text: text.replace(b'"version":1', b'"version":true'),
        lambda text: text.replace(b'"version":1', b'"version": 1'),
        lambda text: text.replace(b',"version":1', b""),
        lambda text: text.replace(b'"uri":', b'"url":'),
        lambda text: b" " + text,
        lambda _: b"[]",
        lambda text: text[:-1],
    ],
)
def test_a_published_text_is_its_one_spelling(change: Any) -> None:
    document = draft().for_network("test", 1).document
    with pytest.raises(MalformedError):
        PresentationPolicy.from_json(change(document))


# --- What it compiles to -------------------------------------------------------------------------


@clause("PP-72")
def test_required_claims_are_asked_for_and_optional_ones_in_order_of_preference() -> None:
    (query,) = draft().query().credentials
    assert query.types == (DIPLOMA,)
    sets = [[str(claim.path) for claim in claims] for claims in query.alternatives()]
    assert sets == [
        ["name", "degree", "languages"],
        ["name", "degree"],
        ["name", "languages"],
        ["name"],
    ]
    assert DcqlQuery.from_json(draft().query().to_json()) == draft().query()


@clause("PP-72")
def test_without_optional_claims_there_are_no_sets() -> None:
    (query,) = draft(credential={"optional": []}).query().credentials
    assert query.claim_sets == ()
    assert query.to_json()["claims"] == [{"path": ["name"]}]


@clause("PP-72")
def test_accepted_issuers_narrow_what_is_trusted_and_never_widen_it(world: World) -> None:
    own = world.issuer.did
    free = draft().restrict(world.policy())
    assert free.accepted_issuers == {}
    narrowed = draft(credential={"issuers": [own, STRANGER]}).restrict(world.policy())
    assert narrowed.accepted_issuers == {DIPLOMA: frozenset({own, STRANGER})}
    further = draft(credential={"issuers": [STRANGER]}).restrict(narrowed)
    assert further.accepted_issuers == {DIPLOMA: frozenset({STRANGER})}


@clause("PP-77", "PP-72")
def test_a_trust_policy_refuses_an_issuer_that_it_does_not_accept(world: World) -> None:
    for accepted, good in ((world.issuer.did, True), (STRANGER, False)):
        policy = draft(credential={"issuers": [accepted]}).restrict(world.policy())
        verifier = Verifier(AUDIENCE, policy=policy, clock=world.clock)
        request = verifier.request(DIPLOMA, "name")
        report = verifier.verify(world.present(request), request)
        if good:
            assert report.accepted, str(report)
        else:
            assert stop(report) == ("issuer_recognition", "issuer_not_accepted")


@clause("PP-77")
def test_a_type_is_restricted_under_every_name_that_it_goes_by(world: World) -> None:
    policy = dataclasses.replace(
        world.policy(type_metadata=_extends_base),
        accepted_issuers={"https://types.example/base": frozenset({STRANGER})},
    )
    verifier = Verifier(AUDIENCE, policy=policy, clock=world.clock)
    request = verifier.request(DIPLOMA, "name")
    report = verifier.verify(world.present(request), request)
    assert stop(report) == ("issuer_recognition", "issuer_not_accepted")


def _extends_base(vct: str, integrity: str | None) -> dict[str, Any] | None:
    del integrity
    return {"vct": vct, "extends": "https://types.example/base"} if vct == DIPLOMA else {"vct": vct}


# --- The request ---------------------------------------------------------------------------------


@clause("PP-74")
def test_a_request_names_its_policy_wherever_it_is_written(world: World) -> None:
    policy = publish(world)
    request = world.verifier().request_for_policy(policy)
    member = request.to_json()["weid_policy"]
    assert isinstance(member, dict)
    assert (member["network"], member["id"], member["version"]) == ("test", "library-card", 1)
    assert PresentationRequest.from_text(request.to_text()) == request
    place = "https://verifier.example/answer"
    sent = dataclasses.replace(request, audience=client_id_for(place), response_uri=place)
    assert parse_request_uri(create_request_uri(sent)).policy == policy.reference


@clause("PP-74")
@pytest.mark.parametrize(
    "change",
    [
        {"network": "T"},
        {"network": None},
        {"id": "Library"},
        {"version": 0},
        {"version": True},
        {"version": "1"},
        {"digest": "AAAA"},
        {"digest": "not base64url!"},
        {"digest": 7},
    ],
)
def test_a_reference_that_names_no_policy_is_refused(change: dict[str, Any]) -> None:
    reference = draft().for_network("test", 1).reference
    assert PolicyReference.from_json({**reference.to_json(), "more": 1}) == reference
    with pytest.raises(MalformedError):
        PolicyReference.from_json({**reference.to_json(), **change})
    with pytest.raises(MalformedError):
        PolicyReference.from_json("library-card")


@clause("PP-73")
def test_nobody_asks_by_a_draft_or_for_a_purpose_that_is_over(world: World) -> None:
    with pytest.raises(MalformedError, match="draft"):
        world.verifier().request_for_policy(draft())
    now = world.clock.now()
    world.verifier().request_for_policy(draft(valid_until=now + 1).for_network("test", 1))
    with pytest.raises(MalformedError, match="over"):
        world.verifier().request_for_policy(draft(valid_until=now).for_network("test", 1))


# --- The answer ----------------------------------------------------------------------------------


@clause("PP-75")
def test_an_answer_that_keeps_to_the_policy_is_accepted(world: World) -> None:
    verifier = world.verifier()
    request = verifier.request_for_policy(publish(world, credential={"issuers": []}))
    claims = verifier.verify(world.present(request), request).require().claims
    assert set(claims) == {"name", "degree", "languages"}


@clause("PP-72", "PP-75")
@pytest.mark.parametrize(
    ("agreed", "shown"),
    [
        (["name"], {"name"}),
        (["name", "languages"], {"name", "languages"}),
        (["name", "degree", "languages"], {"name", "degree", "languages"}),
    ],
)
def test_a_person_leaves_out_what_is_optional(
    world: World, agreed: list[str], shown: set[str]
) -> None:
    verifier = world.verifier()
    request = verifier.request_for_policy(publish(world))
    text = Holder.present(
        world.credential, request, signer=_signer(world), disclose=agreed, clock=world.clock
    )
    assert set(verifier.verify(text, request).require().claims) == shown


@clause("PP-72")
@pytest.mark.parametrize("agreed", [["degree"], ["name", "born"], ["name", "degree", "born"]])
def test_what_is_required_cannot_be_left_out_nor_anything_be_added(
    world: World, agreed: list[str]
) -> None:
    request = world.verifier().request_for_policy(publish(world))
    with pytest.raises(CannotDiscloseError):
        Holder.present(
            world.credential, request, signer=_signer(world), disclose=agreed, clock=world.clock
        )


def _signer(world: World) -> Any:
    from weid.crypto.signer import InMemorySigner

    return InMemorySigner(world.holder)


def _showing_more(world: World, request: PresentationRequest) -> str:
    """Return an answer in which a careless wallet shows the date of birth as well."""
    (asked,) = request.query.credentials
    more = ClaimQuery(asked.claims[0].path.__class__(["born"]))
    wider = dataclasses.replace(asked, claims=(asked.claims[0], more), claim_sets=())
    return world.present(dataclasses.replace(request, query=DcqlQuery((wider,))))


@clause("PP-75")
def test_a_forbidden_claim_that_is_shown_is_refused_and_named(world: World) -> None:
    verifier = world.verifier()
    request = verifier.request_for_policy(publish(world))
    report = verifier.verify(_showing_more(world, request), request)
    assert stop(report) == ("requested_claims", "claims_forbidden")
    problem = report.first_problem
    assert problem is not None
    assert problem.reason.parameters == {"paths": "born"}
    plain = verifier.request(DIPLOMA, "name")
    assert verifier.verify(_showing_more(world, plain), plain).accepted


@clause("PP-75")
def test_an_issuer_that_the_policy_does_not_accept_is_refused(world: World) -> None:
    verifier = world.verifier()
    for issuers, good in (([world.issuer.did], True), ([STRANGER], False)):
        request = verifier.request_for_policy(publish(world, credential={"issuers": issuers}))
        report = verifier.verify(world.present(request), request)
        if good:
            assert report.accepted, str(report)
        else:
            assert stop(report) == ("requested_claims", "issuer_not_accepted")


@clause("PP-75")
def test_a_policy_that_is_not_published_accepts_nothing(world: World) -> None:
    publish(world)
    other = draft(retention="P1D").for_network("test", 1)
    later = draft().for_network("test", 2)
    elsewhere = draft().for_network("other", 1)
    for policy in (other, later, elsewhere):
        verifier = world.verifier()
        request = verifier.request_for_policy(policy)
        report = verifier.verify(world.present(request), request)
        assert stop(report) == ("requested_claims", "policy_not_published")


@clause("PP-75")
def test_a_request_for_something_else_than_its_policy_says_accepts_nothing(world: World) -> None:
    policy, verifier = publish(world), world.verifier()
    (asked,) = policy.query().credentials
    for query in (
        dataclasses.replace(asked, claims=asked.claims[:1], claim_sets=()),
        dataclasses.replace(asked, id="other"),
    ):
        request = verifier.request_query(DcqlQuery((query,)), policy=policy.reference)
        report = verifier.verify(world.present(request), request)
        assert stop(report) == ("requested_claims", "policy_not_followed")


@clause("PP-73", "PP-75")
def test_a_policy_that_is_withdrawn_or_over_meanwhile_accepts_nothing(world: World) -> None:
    ends = world.clock.now() + 100
    verifier = world.verifier()
    request = verifier.request_for_policy(publish(world))
    lasting = verifier.request_for_policy(publish(world, valid_until=ends))
    world.issuer.author.submit(WithdrawPolicy("library-card", 1))
    report = verifier.verify(world.present(request), request)
    assert stop(report) == ("requested_claims", "policy_withdrawn")
    world.clock.advance(100)
    report = verifier.verify(world.present(lasting), lasting)
    assert stop(report) == ("requested_claims", "policy_over")


@clause("PP-75", "VF-07")
def test_a_policy_that_cannot_be_looked_up_now_is_not_lifted(world: World) -> None:
    policy = publish(world)

    class Away:
        def __getattr__(self, name: str) -> Any:
            return self._none if name == "policy" else getattr(world.registry, name)

        def _none(self, *_: object) -> None:
            raise RegistryUnavailableError("no route")

        def status_token(self, uri: str) -> str | None:
            return world.registry.status_token(uri)

    verifier = Verifier(
        AUDIENCE,
        policy=TrustPolicy.for_registry(Away()),
        clock=world.clock,  # type: ignore[arg-type]
    )
    request = verifier.request_for_policy(policy)
    report = verifier.verify(world.present(request), request)
    assert doubt(report) == ("requested_claims", "registry_unavailable")


class Elsewhere:
    """The registry of another network, known in a state that is some seconds old."""

    network, genesis_hash = "other", bytes(32)

    def __init__(self, world: World, document: bytes, age: int) -> None:
        self._head = dataclasses.replace(world.registry.head(), time=world.clock.now() - age)
        version = Version(1, 1, world.clock.now() - age)
        self._record = PolicyRecord("library-card", 1, STRANGER, document, None, version)

    def head(self) -> Any:
        return self._head

    def parameter(self, name: str) -> None:
        del name

    def policy(self, policy_id: str, version: int) -> PolicyRecord:
        del policy_id, version
        return self._record

    def status_token(self, uri: str) -> None:
        del uri


@clause("PP-75")
@pytest.mark.parametrize("days", [0, 2, 8])
def test_the_registry_of_the_policy_is_as_new_as_that_of_the_issuer(
    world: World, days: int
) -> None:
    policy = draft().for_network("other", 1)
    reader: Any = Elsewhere(world, policy.document, days * 86_400)
    further = TrustedNetwork(reader=reader, genesis_hash=reader.genesis_hash)
    trust = world.policy()
    both = dataclasses.replace(trust, networks={**trust.networks, "other": further})
    verifier = Verifier(AUDIENCE, policy=both, clock=world.clock)
    request = verifier.request_for_policy(policy)
    report = verifier.verify(world.present(request), request)
    if days == 8:
        assert doubt(report) == ("requested_claims", "registry_too_old")
    else:
        assert warnings(report) == (["registry_state_old"] if days else [])


@clause("PP-75")
def test_what_a_node_keeps_as_a_policy_and_nobody_can_read_accepts_nothing(world: World) -> None:
    from weid.registry.policy_operations import PublishPolicy

    raw = b'{"policy_id": "odd-one", "uri": "urn:weid:test:policy:odd-one:1", "version": 1}'
    data = world.issuer.author.submit(PublishPolicy("odd-one", 1, raw)).data
    verifier = world.verifier()
    reference = PolicyReference("test", "odd-one", 1, data)
    request = verifier.request_query(draft().query(), policy=reference)
    report = verifier.verify(world.present(request), request)
    assert stop(report) == ("requested_claims", "policy_not_published")


@clause("PP-70")
def test_the_example_of_the_documentation_can_be_published() -> None:
    assert PresentationPolicy.from_source(json_dumps(source())) == draft()
    assert json.loads(draft().document) == source()
