"""Presentation policies on the chain: immutable versions with an owner, withdrawn once."""

from __future__ import annotations

import hashlib
import json

import pytest

from tests.support.clauses import clause
from tests.support.scripted_chain import Person, ScriptedChain, person
from weid import limits
from weid.errors import MalformedError
from weid.registry.codes import ResultCode
from weid.registry.operations import CreateDid, GrantRole, Propose, Role
from weid.registry.policy_operations import PublishPolicy, WithdrawPolicy
from weid.registry.records import IndexRecord, PolicyRecord
from weid.registry.wire import decode_payload, encode_payload


class World:
    """A chain with Ada, who issues, Rita, who endorses, and Bob, who has no role."""

    def __init__(self) -> None:
        self.chain = ScriptedChain()
        self.ada, self.rita, self.bob = person("ada"), person("rita"), person("bob")
        for who in (self.ada, self.rita, self.bob):
            self.chain.do(who, CreateDid(who.inception), endorser=self.chain.governor)
        self.chain.govern(GrantRole(self.ada.did, Role.ISSUER))
        self.chain.govern(GrantRole(self.rita.did, Role.REGISTRAR))

    def code(self, author: Person, operation: object, endorser: Person | None = None) -> ResultCode:
        signed = self.chain.sign(author, operation, endorser=endorser)  # type: ignore[arg-type]
        return ResultCode(self.chain.block(signed).results[0].code)


@pytest.fixture
def world() -> World:
    return World()


def document(policy_id: str = "library-card", version: int = 1, **members: object) -> bytes:
    uri = f"urn:weid:demo:policy:{policy_id}:{version}"
    return json.dumps({"policy_id": policy_id, "uri": uri, "version": version, **members}).encode()


def publication(policy_id: str = "library-card", version: int = 1) -> PublishPolicy:
    return PublishPolicy(policy_id, version, document(policy_id, version))


@clause("OP-30")
def test_a_policy_stands_whole_in_its_record_and_in_the_list(world: World) -> None:
    outcome = world.chain.block(world.chain.sign(world.ada, publication()))
    assert outcome.results[0].data == hashlib.sha256(document()).digest()
    record = world.chain.get(PolicyRecord, "library-card/1")
    assert (record.publisher, record.document) == (world.ada.did, document())
    assert (record.withdrawn_at, record.version.number) == (None, 1)
    (event,) = outcome.events
    assert (event.name, event.subject) == ("policy_published", "library-card/1")
    world.chain.do(world.ada, publication(version=2))
    assert world.chain.get(IndexRecord, "policies").count == 2


@clause("OP-30")
def test_issuers_and_governors_publish_and_others_when_endorsed(world: World) -> None:
    assert world.code(world.rita, publication("age-check")) == ResultCode.NOT_PERMITTED
    assert world.code(world.bob, publication("age-check")) == ResultCode.ENDORSEMENT_REQUIRED
    assert world.code(world.bob, publication("age-check"), world.rita) == ResultCode.OK
    assert world.code(world.chain.governor, publication("tax-check")) == ResultCode.OK


@clause("OP-30")
def test_a_version_never_changes_leaves_no_gap_and_has_one_owner(world: World) -> None:
    chain, ada = world.chain, world.ada
    chain.do(ada, publication())
    other = PublishPolicy("library-card", 1, document(purpose="another"))
    assert world.code(ada, other) == ResultCode.POLICY_EXISTS
    assert world.code(ada, publication(version=3)) == ResultCode.POLICY_VERSION_GAP
    assert world.code(ada, publication(version=0)) == ResultCode.POLICY_VERSION_GAP
    assert world.code(chain.governor, publication(version=2)) == ResultCode.NOT_PERMITTED
    assert chain.get(PolicyRecord, "library-card/1").document == document()


FAULTY = {
    "no JSON": b"{",
    "an array": b"[]",
    "a member twice": document()[:-1] + b', "version": 1}',
    "another uri": document(uri="urn:weid:demo:policy:library-card:2"),
    "the uri of another network": document(uri="urn:weid:other:policy:library-card:1"),
    "another id": document().replace(b'"policy_id": "library-card"', b'"policy_id": "x"'),
    "another version": document().replace(b'"version": 1', b'"version": 2'),
    "a version that is true": document().replace(b'"version": 1', b'"version": true'),
    "a version that is a float": document().replace(b'"version": 1', b'"version": 1.0'),
    "no version": document().replace(b', "version": 1', b""),
}


@clause("OP-30")
@pytest.mark.parametrize("fault", FAULTY)
def test_a_document_says_what_it_is_published_as(world: World, fault: str) -> None:
    operation = PublishPolicy("library-card", 1, FAULTY[fault])
    assert world.code(world.ada, operation) == ResultCode.POLICY_INVALID


@clause("OP-30")
@pytest.mark.parametrize("name", ["ab", "Card", "1card", "c" * 65, "karte_1", ""])
def test_an_id_is_one_that_a_uri_can_name(world: World, name: str) -> None:
    assert world.code(world.ada, publication(name)) == ResultCode.FIELD_INVALID


@clause("OP-30")
def test_a_document_is_as_long_as_the_limit_and_no_longer(world: World) -> None:
    filled = document(note="")
    largest = document(note="x" * (limits.POLICY_BYTES - len(filled)))
    assert len(largest) == limits.POLICY_BYTES
    assert world.code(world.ada, PublishPolicy("library-card", 1, largest)) == ResultCode.OK
    signed = world.chain.sign(world.ada, PublishPolicy("age-check", 1, largest))
    transaction = decode_payload(signed.payload)
    longer = PublishPolicy("age-check", 1, largest + b" ")
    with pytest.raises(MalformedError):
        decode_payload(encode_payload(type(transaction)(*_with(transaction, longer))))


def _with(transaction: object, operation: object) -> list[object]:
    names = list(transaction.__dataclass_fields__)  # type: ignore[attr-defined]
    return [(operation,) if name == "operations" else getattr(transaction, name) for name in names]


@clause("OP-31")
def test_a_policy_is_withdrawn_once_by_its_owner_or_by_governance(world: World) -> None:
    chain, ada = world.chain, world.ada
    for version in (1, 2):
        chain.do(ada, publication(version=version))
    withdraw = WithdrawPolicy("library-card", 1)
    assert world.code(chain.governor, withdraw) == ResultCode.NOT_PERMITTED
    assert world.code(ada, WithdrawPolicy("library-card", 3)) == ResultCode.POLICY_UNKNOWN
    outcome = chain.block(chain.sign(ada, withdraw))
    assert outcome.events[0].name == "policy_withdrawn"
    record = chain.get(PolicyRecord, "library-card/1")
    assert (record.withdrawn_at, record.document) == (chain.time, document())
    assert world.code(ada, withdraw) == ResultCode.POLICY_WITHDRAWN
    chain.govern(WithdrawPolicy("library-card", 2))
    assert chain.get(PolicyRecord, "library-card/2").withdrawn_at == chain.time
    chain.do(ada, publication(version=3))


@clause("OP-31")
def test_a_proposal_to_withdraw_what_is_not_there_fails_as_a_whole(world: World) -> None:
    chain = world.chain
    proposal = Propose(WithdrawPolicy("nothing", 1), chain.time + 100)
    assert world.code(chain.governor, proposal) == ResultCode.POLICY_UNKNOWN
