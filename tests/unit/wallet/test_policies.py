"""What a person is told of the policy by which a verifier asks."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.support.clauses import clause
from tests.support.policies import draft, publish
from tests.support.world import World
from tests.unit.wallet.holding import new_wallet
from weid.credential.duration import Duration
from weid.crypto.signer import InMemorySigner
from weid.errors import RegistryUnavailableError, WalletError
from weid.registry.policy_operations import WithdrawPolicy
from weid.verification.dcql import DcqlQuery
from weid.verification.request import PresentationRequest
from weid.wallet.consent import Consent, consent_to_present
from weid.wallet.policies import PolicyState, RecordsOf, find_policy, in_words, policy_lines


@pytest.fixture
def world() -> World:
    return World.begin()


def plain(lines: Any) -> list[str]:
    return [line.replace("\u2068", "").replace("\u2069", "") for line in lines]


def found(world: World, request: PresentationRequest, records: Any = None) -> Any:
    return find_policy(request, records or RecordsOf(world.registry), now=world.clock.now())


@clause("PP-76")
def test_a_published_policy_is_told_in_words(world: World) -> None:
    request = world.verifier().request_for_policy(publish(world))
    known = found(world, request)
    assert known.state is PolicyState.PUBLISHED
    assert plain(policy_lines(known)) == [
        "By the policy Library card, published by Test University (confirmed by the registry).",
        "Purpose: To give you a library card.",
        "Needed: name",
        "Optional, as you like: degree, languages",
        "Not wanted: born",
        "It says that it keeps what you show for 1 year 6 months.",
    ]
    assert "Cartão" in "".join(policy_lines(known, "pt"))


@clause("PP-76")
def test_a_request_without_a_policy_says_nothing_of_one(world: World) -> None:
    request = world.verifier().request(world.template, "name")
    assert found(world, request) is None


@clause("PP-76")
def test_a_policy_of_nobody_confirms_nothing_of_what_the_request_says(world: World) -> None:
    publish(world)
    for policy in (draft(retention="P1D").for_network("test", 1), draft().for_network("test", 7)):
        known = found(world, world.verifier().request_for_policy(policy))
        assert known.state is PolicyState.NOT_PUBLISHED
        text = "\n".join(plain(policy_lines(known)))
        assert "No such policy is published" in text
        assert "library card" not in text


@clause("PP-76")
def test_a_policy_that_cannot_be_looked_up_is_said_to_be_unknown(world: World) -> None:
    class Away:
        def policy_record(self, reference: object) -> None:
            raise RegistryUnavailableError("no route")

        def organisation(self, did: str) -> None:
            raise RegistryUnavailableError("no route")

    request = world.verifier().request_for_policy(publish(world))
    elsewhere = world.verifier().request_for_policy(draft().for_network("other", 1))
    for known in (
        found(world, request, Away()),
        found(world, elsewhere),
        find_policy(request, None, now=world.clock.now()),
    ):
        assert known is not None
        assert known.state is PolicyState.UNKNOWN
        assert "cannot be known now" in "".join(policy_lines(known))


@clause("PP-76")
def test_withdrawn_over_and_not_followed_are_told_before_the_purpose(world: World) -> None:
    ends = world.clock.now() + 60
    policy = publish(world)
    request = world.verifier().request_for_policy(policy)
    lasting = world.verifier().request_for_policy(publish(world, valid_until=ends))
    (asked,) = policy.query().credentials
    more = DcqlQuery((dataclasses.replace(asked, claim_sets=()),))
    wider = dataclasses.replace(request, query=more)
    assert found(world, wider).state is PolicyState.NOT_FOLLOWED
    assert "asks for something else" in plain(policy_lines(found(world, wider)))[1]
    world.issuer.author.submit(WithdrawPolicy("library-card", 1))
    assert "was withdrawn" in plain(policy_lines(found(world, request)))[1]
    world.clock.advance(60)
    assert "is over" in plain(policy_lines(found(world, lasting)))[1]


@clause("PP-76", "IP-24")
def test_a_policys_texts_cannot_turn_the_text_around(world: World) -> None:
    hostile = "a" * 500
    policy = publish(world, purpose=[{"locale": "en", "text": hostile}])
    known = found(world, world.verifier().request_for_policy(policy))
    for line in policy_lines(known):
        assert line.count("\u2068") == line.count("\u2069")
        assert len(line) < 500


@clause("PP-76")
def test_the_wallets_consent_tells_the_policy_first_and_leaves_out_what_is_optional(
    world: World, tmp_path: Any
) -> None:
    asked: list[Consent] = []
    verifier = world.verifier()
    request = verifier.request_for_policy(publish(world))
    names: Any = RecordsOf(world.registry)
    with new_wallet(tmp_path, clock=world.clock, names=names) as wallet:
        credential = world.issuer.issue(
            world.template, _claims(), holder_key=wallet.new_key(), valid_for=None
        )
        wallet.add(credential.text)
        text = wallet.present(
            request, disclose=["name"], agree=lambda one: asked.append(one) is None
        )
        with pytest.raises(WalletError):
            wallet.present(request, agree=lambda _: False)
    assert set(verifier.verify(text, request).require().claims) == {"name"}
    lines = plain(asked[0].lines())
    assert lines[1].startswith("By the policy Library card")
    assert "Purpose: To give you a library card." in lines
    assert {item.label.strip("\u2068\u2069") for item in asked[0].shown} == {"name", "number"}


def _claims() -> Any:
    return {"name": "Ada", "degree": "Mathematics", "number": "D-1", "languages": ["en"]}


@clause("PP-76")
def test_a_consent_without_a_finding_is_as_before(world: World) -> None:
    request = world.verifier().request_for_policy(publish(world))
    held = world.credential.text
    signer = InMemorySigner(world.holder)
    assert signer.public_key == world.credential.holder_key
    assert "policy" not in consent_to_present(request, held, held).text()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("P30D", "30 days"),
        ("P1D", "1 day"),
        ("P1Y", "1 year"),
        ("P18M", "1 year 6 months"),
        ("P2W", "14 days"),
        ("PT36H", "1 day 12 hours"),
        ("PT90S", "1 minute 30 seconds"),
    ],
)
def test_a_length_of_time_in_words(text: str, words: str) -> None:
    assert in_words(Duration.parse(text, what="it")) == words
