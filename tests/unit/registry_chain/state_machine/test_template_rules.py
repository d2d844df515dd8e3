"""Credential templates: immutable, gap-free, owned; documents that say what they are."""

from __future__ import annotations

import hashlib
import json

import pytest

from tests.support.clauses import clause
from tests.support.scripted_chain import Person, ScriptedChain
from weid.registry.codes import ResultCode
from weid.registry.operations import (
    DeactivateTemplate,
    GrantRole,
    Propose,
    PublishTemplate,
    Role,
)
from weid.registry.records import IndexRecord, TemplateRecord


class World:
    """Ada issues, Rita registers, Bob has no role."""

    def __init__(self) -> None:
        self.chain = ScriptedChain()
        self.ada, self.rita, self.bob = map(self.chain.register, ("ada", "rita", "bob"))
        self.chain.govern(GrantRole(self.ada.did, Role.ISSUER))
        self.chain.govern(GrantRole(self.rita.did, Role.REGISTRAR))

    def code(self, author: Person, operation: object, **options: object) -> ResultCode:
        return self.chain.send(author, operation, **options).code  # type: ignore[arg-type]


@pytest.fixture
def world() -> World:
    return World()


def document(cpt_id: str = "diploma", version: int = 1, **members: object) -> bytes:
    body = {
        "vct": f"urn:weid:demo:cpt:{cpt_id}:{version}",
        "cpt_id": cpt_id,
        "version": version,
        "schema": {"type": "object", "properties": {"name": {"type": "string"}}},
    }
    return json.dumps({**body, **members}).encode()


def publication(cpt_id: str = "diploma", version: int = 1, **members: object) -> PublishTemplate:
    return PublishTemplate(cpt_id, version, document(cpt_id, version, **members))


@clause("OP-11", "ST-06")
def test_a_published_template_is_its_digest_on_chain_and_its_bytes_beside(world: World) -> None:
    result = world.chain.do(world.ada, publication())
    digest = hashlib.sha256(document()).digest()
    record = world.chain.get(TemplateRecord, "diploma/1")
    assert (record.digest, record.publisher, result.data) == (digest, world.ada.did, digest)
    assert world.chain.outcomes[-1].contents == {digest: document()}
    world.chain.do(world.ada, publication(version=2))
    assert world.chain.get(IndexRecord, "templates").count == 2


@clause("OP-11", "R29", "R38")
def test_issuers_and_governors_publish_and_others_when_endorsed(world: World) -> None:
    assert world.code(world.rita, publication("licence")) == ResultCode.NOT_PERMITTED
    assert world.code(world.bob, publication("licence")) == ResultCode.ENDORSEMENT_REQUIRED
    assert world.code(world.bob, publication("licence"), endorser=world.rita) == ResultCode.OK
    assert world.code(world.chain.governor, publication("permit")) == ResultCode.OK


@clause("OP-11", "R33")
def test_a_version_never_changes_and_leaves_no_gap(world: World) -> None:
    chain, ada = world.chain, world.ada
    chain.do(ada, publication())
    for again in (publication(), publication(title="another meaning")):
        assert world.code(ada, again) == ResultCode.TEMPLATE_EXISTS
    assert world.code(ada, publication(version=3)) == ResultCode.TEMPLATE_VERSION_GAP
    assert world.code(ada, publication(version=0)) == ResultCode.TEMPLATE_VERSION_GAP
    assert world.code(chain.governor, publication(version=2)) == ResultCode.NOT_PERMITTED
    chain.do(ada, publication(version=2))
    record = chain.get(TemplateRecord, "diploma/1")
    assert record.digest == hashlib.sha256(document()).digest()


FAULTY = {
    "no JSON": b"{",
    "an array": b"[]",
    "a member twice": document()[:-1] + b', "version": 1}',
    "NaN": document()[:-1] + b', "x": NaN}',
    "another vct": document(vct="urn:weid:demo:cpt:diploma:2"),
    "the vct of another network": document(vct="urn:weid:other:cpt:diploma:1"),
    "another id": document(cpt_id="diploma").replace(b'"cpt_id": "diploma"', b'"cpt_id": "x"'),
    "another version": document().replace(b'"version": 1', b'"version": 2'),
    "a version that is true": document().replace(b'"version": 1', b'"version": true'),
    "a version that is a float": document().replace(b'"version": 1', b'"version": 1.0'),
    "no version": document().replace(b'"version": 1, ', b""),
    "a reference to another server": document(schema={"$ref": "https://evil.example/s.json"}),
    "a reference to a file": document(schema={"allOf": [{"$ref": "file:///etc/passwd"}]}),
    "a depth without end": document(schema=1)[:-2] + b"[" * 40 + b"]" * 40 + b"}",
}


@clause("OP-11", "R34", "R35", "R7")
@pytest.mark.parametrize("fault", FAULTY)
def test_a_document_is_refused_with(fault: str, world: World) -> None:
    operation = PublishTemplate("diploma", 1, FAULTY[fault])
    assert world.code(world.ada, operation) == ResultCode.TEMPLATE_INVALID
    assert not world.chain.outcomes[-1].contents


@clause("OP-11")
def test_references_within_the_document_pass(world: World) -> None:
    inner = {"$defs": {"a": {}}, "$ref": "#/$defs/a", "properties": {"$ref": {"type": "string"}}}
    assert world.code(world.ada, publication(schema=inner)) == ResultCode.OK


@clause("OP-11", "R26")
def test_an_id_has_one_spelling(world: World) -> None:
    for name in (
        "Diploma",
        "di/ploma",
        "",
        "ab",
        "1diploma",
        "di.ploma",
        "di_ploma",
        "diploma ",
        "x" * 65,
    ):
        operation = PublishTemplate(name, 1, document(name))
        assert world.code(world.ada, operation) == ResultCode.FIELD_INVALID


@clause("OP-12", "C31")
def test_owner_and_governance_deactivate_once(world: World) -> None:
    chain, ada = world.chain, world.ada
    for version in (1, 2):
        chain.do(ada, publication(version=version))
    foreign = world.code(world.rita, DeactivateTemplate("diploma", 1))
    assert foreign == ResultCode.NOT_PERMITTED
    assert world.code(ada, DeactivateTemplate("diploma", 3)) == ResultCode.TEMPLATE_UNKNOWN
    chain.do(ada, DeactivateTemplate("diploma", 1))
    assert chain.get(TemplateRecord, "diploma/1").deactivated_at == chain.time
    again = world.code(ada, DeactivateTemplate("diploma", 1))
    assert again == ResultCode.TEMPLATE_DEACTIVATED
    chain.govern(DeactivateTemplate("diploma", 2))
    assert chain.get(TemplateRecord, "diploma/2").deactivated_at == chain.time


@clause("OP-12", "OP-18")
def test_a_proposal_about_a_template_that_is_not_there_is_refused_whole(world: World) -> None:
    chain = world.chain
    proposal = Propose(DeactivateTemplate("nothing", 1), chain.time + 100)
    assert world.code(chain.governor, proposal) == ResultCode.TEMPLATE_UNKNOWN
    assert not chain.outcomes[-1].events
