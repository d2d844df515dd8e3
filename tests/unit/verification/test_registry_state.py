"""What happens when the registry is out of reach, unproved, old, or broken; and what is kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from registry_chain import LocalRegistry
from tests.support.clauses import clause
from tests.support.reports import doubt, stop, warnings
from tests.support.world import AUDIENCE, START, World
from tests.unit.verification.listed import listed_policy
from weid import limits
from weid.credential.status_list import StatusList
from weid.errors import ProofError, RegistryUnavailableError
from weid.registry.bundle_export import BundleScope, export_from
from weid.registry.plain import PlainRegistry
from weid.registry.records import ParameterRecord, Version
from weid.registry.trust_bundle import TrustBundle
from weid.verification.checks import TABLE, Row
from weid.verification.context import Context, Subject
from weid.verification.finding import Finding
from weid.verification.known import Known, KnownStatusList, Recent
from weid.verification.policy import Mode, TrustedNetwork, TrustPolicy
from weid.verification.report import CHECKS, Conclusion, VerificationReport
from weid.verifier import Verifier

DAY = 86_400


@pytest.fixture
def world() -> World:
    return World.begin()


@pytest.fixture(scope="module")
def still() -> World:
    """A world that no test changes."""
    return World.begin()


class Failing:
    """The world's registry, of which one question raises an error."""

    def __init__(self, world: World, name: str, error: Exception) -> None:
        self._registry = world.registry
        self._name = name
        self._error = error
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> object:
        self.asked.append(name)
        if name == self._name:
            return self._fail
        return getattr(self._registry, name)

    def status_token(self, uri: str) -> object:
        # Named, because a protocol is recognized by the names that a class has.
        return self.__getattr__("status_token")(uri)  # type: ignore[operator]

    def _fail(self, *_: object, **__: object) -> object:
        raise self._error


QUESTIONS = {
    "head": "issuer_key",
    "parameter": "issuer_key",
    "did": "issuer_key",
    "recognition": "issuer_recognition",
    "template": "template_conformance",
    "template_document": "template_conformance",
    "status_list": "status",
}


def check(world: World, reader: object) -> VerificationReport:
    verifier = Verifier(AUDIENCE, registry=reader, clock=world.clock)  # type: ignore[arg-type]
    request = verifier.request(world.template, "name")
    return verifier.verify(world.present(request), request)


@clause("VF-05", "VF-07", "V20")
@pytest.mark.parametrize(("question", "name"), QUESTIONS.items())
def test_a_registry_out_of_reach_is_could_not_check(still: World, question: str, name: str):
    report = check(still, Failing(still, question, RegistryUnavailableError("no route")))
    assert doubt(report) == (name, "registry_unavailable")
    assert report.conclusion is Conclusion.COULD_NOT_CHECK


@clause("VF-07", "R40", "R41", "B26", "V20")
@pytest.mark.parametrize(("question", "name"), QUESTIONS.items())
def test_an_unproved_answer_is_could_not_check(still: World, question: str, name: str):
    report = check(still, Failing(still, question, ProofError("not proved")))
    assert doubt(report) == (name, "registry_unproved")


@clause("VF-07", "V19")
@pytest.mark.parametrize(("question", "name"), QUESTIONS.items())
def test_a_broken_registry_is_not_valid(still: World, question: str, name: str):
    report = check(still, Failing(still, question, ZeroDivisionError("secret")))
    assert stop(report) == (name, "internal_error")
    assert "secret" not in str(report)
    assert "ZeroDivisionError" in str(report)


@clause("VF-07", "V19")
@pytest.mark.parametrize("name", CHECKS)
def test_an_exception_inside_any_check_never_leads_to_accepted(
    still: World, name: str, monkeypatch: pytest.MonkeyPatch
):
    def explode(subject: Subject, context: Context) -> Finding:
        del subject, context
        raise KeyError("claim")

    table = {**TABLE, name: Row(explode, TABLE[name].needs)}
    monkeypatch.setattr("weid.verification.examine.TABLE", table)
    report = check(still, still.registry)
    assert stop(report) == (name, "internal_error")


@clause("V19")
def test_an_issuers_name_that_cannot_be_had_is_left_out(still: World):
    reader = Failing(still, "organisation", RegistryUnavailableError("no route"))
    assert check(still, reader).require().issuer_name is None
    assert check(still, still.registry).require().issuer_name == "Test University"


def test_an_issuer_without_a_confirmed_name_has_none(still: World):
    class Nameless(Failing):
        def _fail(self, *_: object, **__: object) -> object:
            return None

    reader = Nameless(still, "organisation", Exception())
    assert check(still, reader).require().issuer_name is None


# --- Age --------------------------------------------------------------------------------------------


class Standing:
    """The world's registry as it stood at one head."""

    def __init__(self, registry: LocalRegistry) -> None:
        self._registry = registry
        self._head = registry.head()

    def __getattr__(self, name: str) -> object:
        return getattr(self._registry, name)

    def status_token(self, uri: str) -> str | None:
        return self._registry.status_token(uri)

    def head(self) -> object:
        return self._head


@clause("VF-12", "V20", "V22")
def test_an_old_registry_state_is_used_with_a_warning_and_then_not(world: World):
    assert world.credential
    reader = Standing(world.registry)
    world.wait(DAY)
    assert check(world, reader).warnings == ()
    world.wait(1)
    report = check(world, reader)
    assert warnings(report) == ["registry_state_old"]
    assert report.registry is not None
    assert report.registry.age == DAY + 1
    assert report.conclusion is Conclusion.VALID_BUT_CHECK
    world.wait(6 * DAY - 1)
    assert "7 days" in str(check(world, reader))
    world.wait(1)
    assert doubt(check(world, reader)) == ("issuer_key", "registry_too_old")


@clause("S22")
@pytest.mark.parametrize(
    ("warn_after", "refuse_after", "conclusion"),
    [
        (DAY, 7 * DAY, Conclusion.VALID),
        (3600, 7 * DAY, Conclusion.VALID_BUT_CHECK),
        (3600, 3600, Conclusion.COULD_NOT_CHECK),
    ],
)
def test_a_clock_two_hours_ahead_shows_the_age_and_the_policy_decides(
    world: World, warn_after: int, refuse_after: int, conclusion: Conclusion
):
    assert world.credential
    reader = Standing(world.registry)
    world.clock.advance(2 * 3600)
    network = TrustedNetwork(
        reader=reader,  # type: ignore[arg-type]
        genesis_hash=world.registry.genesis_hash,
        warn_after=warn_after,
        refuse_after=refuse_after,
    )
    policy = TrustPolicy(networks={"test": network})
    verifier = Verifier(AUDIENCE, policy=policy, clock=world.clock)
    request = verifier.request(world.template, "name")
    report = verifier.verify(world.present(request), request)
    assert report.conclusion is conclusion
    if conclusion is Conclusion.COULD_NOT_CHECK:
        assert doubt(report) == ("issuer_key", "registry_too_old")
    else:
        assert report.registry is not None
        assert report.registry.age == 2 * 3600
    if conclusion is not Conclusion.VALID:
        assert "2 hours" in str(report)


@clause("VF-12", "VF-36", "V22")
def test_with_a_trust_bundle_verification_needs_no_network(world: World):
    assert world.credential
    data = export_from(
        [world.registry.committed],
        genesis_hash=world.registry.genesis_hash,
        scope=BundleScope(issuers=(world.issuer.did,)),
        status_tokens=world.registry,
        clock=world.clock,
    )
    world.clock.advance(3600)
    bundle = TrustBundle(data, genesis_hash=world.registry.genesis_hash, clock=world.clock)
    verifier = Verifier(AUDIENCE, registry=bundle, clock=world.clock)
    assert verifier.policy.networks["test"].offline is True
    request = verifier.request(world.template, "name")
    assert verifier.verify(world.present(request), request).accepted
    world.clock.advance(2 * DAY)
    request = verifier.request(world.template, "name")
    report = verifier.verify(world.present(request), request)
    assert warnings(report) == ["registry_state_old"]
    world.clock.advance(5 * DAY)
    request = verifier.request(world.template, "name")
    report = verifier.verify(world.present(request), request)
    assert doubt(report) == ("issuer_key", "registry_too_old")


# --- Lag ----------------------------------------------------------------------------------------------


@clause("VF-21")
def test_the_lag_of_a_network_is_its_own_parameter(still: World):
    class Slow(Failing):
        def _fail(self, *_: object, **__: object) -> object:
            return ParameterRecord("max_time_lag", 300, Version(1, 1, START))

    text = still.forge({"iat": START - 300})
    reader = Slow(still, "parameter", Exception())
    verifier = Verifier(AUDIENCE, registry=reader, clock=still.clock)  # type: ignore[arg-type]
    request = verifier.request(still.template, "name")
    assert verifier.verify(still.bind(text, request), request).accepted
    assert not still.verify(text).accepted


# --- Keeping answers -------------------------------------------------------------------------------------


@clause("VF-12")
def test_under_one_head_nothing_is_asked_twice_and_under_the_next_all_again(world: World):
    class Counting(Failing):
        pass

    reader = Counting(world, "", Exception())
    verifier = Verifier(AUDIENCE, registry=reader, clock=world.clock)  # type: ignore[arg-type]

    def verify() -> list[str]:
        request = verifier.request(world.template, "name")
        text = world.present(request)
        reader.asked.clear()
        assert verifier.verify(text, request).accepted
        return [name for name in reader.asked if name != "head"]

    assert "did" in verify()
    assert [name for name in verify() if name not in {"recognition", "accreditation"}] == []
    world.issuer.revoke(world.issue())
    assert "did" in verify()


def test_of_a_registry_of_values_everything_is_asked_every_time(still: World):
    plain = PlainRegistry("test", clock=still.clock)
    verifier = Verifier(AUDIENCE, registry=plain, clock=still.clock)
    request = verifier.request(still.template, "name")
    text = still.present(request)
    assert stop(verifier.verify(text, request)) == ("issuer_key", "issuer_unknown")
    record = still.registry.did(still.issuer.did)
    assert record is not None
    plain.put(record)
    assert stop(verifier.verify(text, request)) == ("issuer_recognition", "issuer_not_recognized")


def test_what_was_not_used_for_long_is_dropped_first():
    recent: Recent[int] = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    assert recent.get("a") == 1
    recent.put("c", 3)
    assert (recent.get("a"), recent.get("b"), recent.get("c")) == (1, None, 3)


def test_what_is_kept_weighs_no_more_than_it_may():
    recent: Recent[bytes] = Recent(8, weigh=len, most_weight=10)
    for name in ("a", "b", "c"):
        recent.put(name, bytes(4))
    assert [recent.get(name) for name in ("a", "b", "c")] == [None, bytes(4), bytes(4)]
    recent.put("b", bytes(6))
    assert (recent.get("b"), recent.get("c")) == (bytes(6), bytes(4))
    recent.put("c", bytes(5))
    assert (recent.get("b"), recent.get("c")) == (None, bytes(5))
    recent.put("d", bytes(11))
    assert [recent.get(name) for name in ("c", "d")] == [None, None]
    recent.put("e", bytes(10))
    assert recent.get("e") == bytes(10)


@clause("S8")
def test_the_status_lists_that_a_verifier_keeps_are_bounded_by_their_bytes():
    kept = Known().status_lists
    size = limits.STATUS_LIST_BYTES
    largest = StatusList(8, size, bytes(size))
    fit = limits.STATUS_LISTS_KEPT // size
    for number in range(fit + 1):
        kept.put(number, KnownStatusList(largest, b"", 0, 0, 0))
    assert [kept.get(number) is not None for number in range(fit + 1)] == [False] + fit * [True]


# --- Policies ----------------------------------------------------------------------------------------------


REFUSED: dict[str, Callable[[World], object]] = {
    "nobody": lambda _: TrustPolicy(),
    "another genesis": lambda w: TrustedNetwork(reader=w.registry, genesis_hash=bytes(32)),
    "another name": lambda w: TrustPolicy(networks={"other": w.policy().networks["test"]}),
    "a listing without a resolver": lambda w: dataclasses.replace(listed_policy(w), resolver=None),
    "a listing without a type": lambda w: listed_policy(w, types=()),
    "a listed did:weid": lambda w: listed_policy(w, did=w.issuer.did),
    "warning after refusing": lambda w: dataclasses.replace(
        w.policy().networks["test"], warn_after=8 * DAY
    ),
    "warning at once": lambda w: dataclasses.replace(w.policy().networks["test"], warn_after=0),
}


@clause("VF-10", "B23")
@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_a_policy_is_refused_that_trusts(still: World, make: Callable[[World], object]):
    with pytest.raises(ValueError, match=r"."):
        make(still)


@clause("VF-09")
def test_the_expected_checks_follow_from_policy_and_way_only(still: World):
    policy = still.policy(accept_without_status=True, accept_unbound_credentials=True)
    assert policy.expected_checks(Mode.REQUESTED, query=True) == CHECKS
    assert policy.expected_checks(Mode.SHOWN, query=False) == CHECKS[:-1]
    assert policy.expected_checks(Mode.UNBOUND, query=False) == CHECKS[:-2]
    assert policy.expected_checks(Mode.UNBOUND, query=True) == (*CHECKS[:-2], CHECKS[-1])


@clause("VF-10")
def test_each_issuer_is_judged_by_the_registry_of_its_own_network(still: World):
    world = still
    other_clock = world.clock
    other = LocalRegistry(network="other", clock=other_clock)
    policy = TrustPolicy(
        networks={
            "test": world.policy().networks["test"],
            "other": TrustedNetwork(reader=other, genesis_hash=other.genesis_hash),
        }
    )
    verifier = Verifier(AUDIENCE, policy=policy, clock=world.clock)
    request = verifier.request(world.template, "name")
    assert verifier.verify(world.present(request), request).accepted
    only_other = TrustPolicy.for_registry(other)
    verifier = Verifier(AUDIENCE, policy=only_other, clock=world.clock)
    request = verifier.request(world.template, "name")
    assert stop(verifier.verify(world.present(request), request)) == (
        "issuer_key",
        "network_not_trusted",
    )
