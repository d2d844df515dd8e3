"""The holder: which credentials answer, what is disclosed, with which key."""

from __future__ import annotations

import pytest

from tests.support.clauses import clause
from tests.support.world import World, draft, seeded
from weid.credential.claim_path import ClaimPath
from weid.credential.key_binding import KeyBinding
from weid.credential.sd_jwt import SdJwt, reconstruct
from weid.crypto.signer import InMemorySigner
from weid.errors import CannotDiscloseError, CredentialNotHeldError
from weid.holder import Holder
from weid.verification.dcql import ClaimQuery, CredentialQuery, DcqlQuery
from weid.verification.request import SHOWN_AUDIENCE, PresentationRequest


@pytest.fixture(scope="module")
def world() -> World:
    return World.begin()


def request(world: World, *claims: str) -> PresentationRequest:
    return world.verifier().request(world.template, *claims)


def present(world: World, asked: PresentationRequest, **options: object) -> str:
    return Holder.present(
        world.credential,
        asked,
        signer=InMemorySigner(world.holder),
        clock=world.clock,
        **options,  # type: ignore[arg-type]
    )


def disclosed(text: str) -> set[str]:
    return {str(path) for path in reconstruct(SdJwt.parse(text)).paths}


@clause("PP-17", "PP-04")
def test_only_what_is_asked_for_is_disclosed(world: World):
    text = present(world, request(world, "name", "address.city"))
    assert disclosed(text) == {"name", "address", "address.city"}


@clause("PP-17")
def test_what_the_person_agreed_to_may_be_said_by_path(world: World):
    asked = request(world, "name", "address")
    agreed = ["name", ("address",)]
    assert "address.street" in disclosed(present(world, asked, disclose=agreed))


@clause("PP-17")
def test_nothing_is_disclosed_that_was_not_asked_for(world: World):
    with pytest.raises(CannotDiscloseError, match="does not ask for born"):
        present(world, request(world, "name"), disclose=["name", "born"])


@clause("PP-17")
def test_an_answer_that_lacks_what_is_needed_is_not_made(world: World):
    with pytest.raises(CannotDiscloseError, match="needs degree"):
        present(world, request(world, "name", "degree"), disclose=["name"])
    with pytest.raises(CannotDiscloseError, match="needs address"):
        present(world, request(world, "address"), disclose=["address.city"])


@clause("PP-18")
def test_the_key_binding_names_the_request_and_the_moment(world: World):
    asked = request(world, "name")
    sd_jwt = SdJwt.parse(present(world, asked))
    assert sd_jwt.key_binding is not None
    binding = KeyBinding.parse(sd_jwt.key_binding)
    assert (binding.audience, binding.nonce) == (asked.audience, asked.nonce)
    assert binding.issued_at == world.clock.now()


@clause("PP-18", "P9")
def test_only_the_credentials_own_key_can_present_it(world: World):
    asked = request(world, "name")
    with pytest.raises(CannotDiscloseError, match="not the one"):
        Holder.present(world.credential, asked, signer=InMemorySigner(seeded(8)))


@clause("PP-17")
def test_a_credential_of_another_type_or_without_the_claims_does_not_answer(world: World):
    other = world.verifier().request("urn:weid:test:cpt:passport:1", "name")
    with pytest.raises(CredentialNotHeldError):
        present(world, other)
    with pytest.raises(CredentialNotHeldError) as refused:
        present(world, request(world, "name", "title"))
    assert refused.value.hint == "Missing: title"


@clause("PP-17", "PP-05")
def test_the_answers_are_the_credentials_that_have_everything(world: World):
    second = world.issue()
    asked = DcqlQuery(
        (
            CredentialQuery("a", (world.template.vct,), (ClaimQuery(ClaimPath(("name",))),)),
            CredentialQuery("b", (world.template.vct,), (ClaimQuery(ClaimPath(("title",))),)),
            CredentialQuery("c", ("urn:weid:test:cpt:passport:1",)),
        )
    )
    found = Holder.answers([world.credential, second], world.verifier().request_query(asked))
    assert [(answer.query.id, answer.credential) for answer in found] == [
        ("a", world.credential),
        ("a", second),
    ]
    assert found[0].required == (("name",),)
    assert found[0].always == ("number",)


@clause("PP-19")
def test_a_shown_code_is_for_nobody_and_never_twice_the_same(world: World):
    def show() -> KeyBinding:
        text = Holder.show(
            world.credential,
            disclose=["name"],
            signer=InMemorySigner(world.holder),
            clock=world.clock,
        )
        assert disclosed(text) == {"name"}
        binding = SdJwt.parse(text).key_binding
        assert binding is not None
        return KeyBinding.parse(binding)

    first, second = show(), show()
    assert first.audience == second.audience == SHOWN_AUDIENCE
    assert first.nonce != second.nonce
    assert len(first.nonce) == 22


def test_with_the_machines_clock_an_answer_is_dated_now(world: World):
    asked = request(world, "name")
    text = Holder.present(world.credential, asked, signer=InMemorySigner(world.holder))
    binding = SdJwt.parse(text).key_binding
    assert binding is not None
    assert KeyBinding.parse(binding).issued_at > 0


@clause("PP-06")
def test_one_query_of_several_is_answered_by_its_id(world: World):
    other = draft(cpt_id="doctorate").for_network("test", 1)
    query = DcqlQuery(
        (
            CredentialQuery("doctorate", (other.vct,)),
            CredentialQuery("diploma", (world.template.vct,)),
        )
    )
    asked = world.verifier().request_query(query)
    assert disclosed(present(world, asked, query_id="diploma")) == set()
