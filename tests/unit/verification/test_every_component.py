"""Whatever single part of a good presentation is changed, it is no longer accepted (V18)."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.clauses import clause
from tests.support.reports import stop
from tests.support.world import World, seeded
from weid.crypto.signer import InMemorySigner
from weid.verification.report import CHECKS
from weid.verification.request import PresentationRequest
from weid.verifier import Verifier

ALPHABET = string.ascii_letters + string.digits + "-_.~"


@dataclass
class Presented:
    world: World
    verifier: Verifier
    request: PresentationRequest
    text: str

    @property
    def parts(self) -> list[str]:
        return self.text.split("~")


@pytest.fixture(scope="module")
def presented() -> Presented:
    world = World.begin()
    verifier = world.verifier()
    request = verifier.request(world.template, "name", "degree", "born")
    return Presented(world, verifier, request, world.present(request))


@clause("V18", "P5", "VF-02")
def test_any_character_changed_is_noticed(presented: Presented):
    generator = random.Random(20260630)
    for place, old in enumerate(presented.text):
        new = generator.choice(ALPHABET.replace(old, ""))
        changed = presented.text[:place] + new + presented.text[place + 1 :]
        report = presented.verifier.verify(changed, presented.request)
        assert not report.accepted, f"{old} → {new} at {place}"


@clause("V18")
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_piece_cut_out_repeated_or_put_in_is_noticed(presented: Presented, data: st.DataObject):
    text = presented.text
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 200)))
    inserted = data.draw(st.text(ALPHABET, max_size=5) | st.just(text[start:end] * 2))
    changed = text[:start] + inserted + text[end:]
    if changed != text:
        assert not presented.verifier.verify(changed, presented.request).accepted


@clause("V19")
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(max_size=300))
def test_whatever_is_presented_nothing_is_raised(presented: Presented, text: str):
    report = presented.verifier.verify(text, presented.request)
    assert not report.accepted
    assert tuple(check.name for check in report.checks) == CHECKS


def parts_of_another(presented: Presented) -> list[str]:
    world = presented.world
    credential = world.issue()
    return world.present(presented.request, credential).split("~")


def with_part(place: int) -> Callable[[Presented], list[str]]:
    def swap(presented: Presented) -> list[str]:
        parts = presented.parts
        parts[place] = parts_of_another(presented)[place]
        return parts

    return swap


def _sorted(presented: Presented) -> list[str]:
    first, *disclosures, last = presented.parts
    return [first, *reversed(disclosures), last]


COMPONENTS: dict[str, tuple[Callable[[Presented], list[str]], tuple[str, str]]] = {
    "the issuer token of another credential of the holder": (
        with_part(0),
        ("disclosure_integrity", "disclosure_wrong"),
    ),
    "a disclosure of another credential of the holder": (
        with_part(1),
        ("disclosure_integrity", "disclosure_wrong"),
    ),
    "the key binding of another credential of the holder": (
        with_part(-1),
        ("key_binding", "key_binding_wrong"),
    ),
    "a disclosure removed": (
        lambda p: [p.parts[0], *p.parts[2:]],
        ("key_binding", "key_binding_wrong"),
    ),
    "a disclosure twice": (
        lambda p: [p.parts[0], p.parts[1], *p.parts[1:]],
        ("disclosure_integrity", "disclosure_wrong"),
    ),
    "disclosures in another order": (_sorted, ("key_binding", "key_binding_wrong")),
    "the key binding stripped": (
        lambda p: [*p.parts[:-1], ""],
        ("key_binding", "key_binding_missing"),
    ),
    "a disclosure added that the holder kept back": (
        lambda p: [*p.parts[:-1], p.world.credential.sd_jwt.disclosures[-1], p.parts[-1]],
        ("key_binding", "key_binding_wrong"),
    ),
    "two key bindings": (
        lambda p: [*p.parts, p.parts[-1]],
        ("disclosure_integrity", "disclosure_wrong"),
    ),
    "the issuer token as key binding": (
        lambda p: [*p.parts[:-1], p.parts[0]],
        ("key_binding", "key_binding_wrong"),
    ),
}


@clause("V18", "P1", "P5", "P9", "C17")
@pytest.mark.parametrize(("swap", "where"), COMPONENTS.values(), ids=COMPONENTS)
def test_a_component_is_missed(
    presented: Presented, swap: Callable[[Presented], list[str]], where: tuple[str, str]
):
    report = presented.verifier.verify("~".join(swap(presented)), presented.request)
    assert stop(report) == where


@clause("V18", "P6")
def test_another_holder_cannot_present_it(presented: Presented):
    world, request = presented.world, presented.request
    thief = InMemorySigner(seeded(8))
    text = "~".join([*presented.parts[:-1], ""])
    report = presented.verifier.verify(world.bind(text, request, signer=thief), request)
    assert stop(report) == ("key_binding", "key_binding_wrong")


@clause("V18")
def test_after_all_of_that_the_presentation_itself_is_accepted_once(presented: Presented):
    assert presented.verifier.verify(presented.text, presented.request).accepted
    again = presented.verifier.verify(presented.text, presented.request)
    assert stop(again) == ("request_binding", "already_used")
