"""Status lists: each its issuer's own, one shape, digests in sequence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.clauses import clause
from tests.support.scripted_chain import START, Person, ScriptedChain
from weid import limits
from weid.registry.codes import ResultCode
from weid.registry.operations import (
    DerecognizeIssuer,
    GrantRole,
    PublishStatusList,
    RecognizeIssuer,
    Role,
)
from weid.registry.records import IndexRecord, StatusListRecord
from weid.registry.state_keys import status_id

URI = "https://ada.example/status/1"
FIRST = PublishStatusList(URI, "diploma", 1, 2**17, 1, b"1" * 32)
SECOND = replace(FIRST, sequence=2, digest=b"2" * 32)


class World:
    """Ada is recognized for diplomas, Bob for licences."""

    def __init__(self, **parameters: int) -> None:
        self.chain = ScriptedChain(parameters=parameters)
        self.ada, self.bob = self.chain.register("ada"), self.chain.register("bob")
        for one, cpt_id in ((self.ada, "diploma"), (self.bob, "licence")):
            self.chain.govern(GrantRole(one.did, Role.ISSUER))
            self.chain.govern(RecognizeIssuer(one.did, cpt_id, START))

    def code(self, author: Person, operation: PublishStatusList) -> ResultCode:
        return self.chain.send(author, operation).code


@pytest.fixture
def world() -> World:
    return World()


@clause("OP-13", "ST-03", "ST-06")
def test_a_list_moves_on_and_remembers_what_it_replaced(world: World) -> None:
    chain = world.chain
    chain.do(world.ada, FIRST)
    assert chain.get(StatusListRecord, status_id(world.ada.did, URI)).superseded == b""
    chain.do(world.ada, SECOND)
    record = chain.get(StatusListRecord, status_id(world.ada.did, URI))
    assert (record.sequence, record.digest, record.superseded) == (2, b"2" * 32, b"1" * 32)
    assert (record.issuer, record.version.number) == (world.ada.did, 2)
    assert chain.get(IndexRecord, f"statuses/{world.ada.did}").count == 1
    chain.do(world.ada, replace(SECOND, sequence=3))


@clause("OP-13", "R30", "S9", "S19")
def test_a_change_is_refused(world: World) -> None:
    chain = world.chain
    chain.do(world.ada, FIRST)
    chain.govern(RecognizeIssuer(world.ada.did, "licence", START))
    cases: dict[str, tuple[Person, PublishStatusList, ResultCode]] = {
        "by one who is not recognized": (world.bob, SECOND, ResultCode.ISSUER_NOT_RECOGNIZED),
        "for another template": (
            world.ada,
            replace(SECOND, cpt_id="licence"),
            ResultCode.STATUS_SHAPE_CHANGED,
        ),
        "to other bits": (world.ada, replace(SECOND, bits=2), ResultCode.STATUS_SHAPE_CHANGED),
        "to another size": (
            world.ada,
            replace(SECOND, size=2**18),
            ResultCode.STATUS_SHAPE_CHANGED,
        ),
        "that repeats": (world.ada, FIRST, ResultCode.STATUS_SEQUENCE),
        "that goes back": (world.ada, replace(FIRST, sequence=0), ResultCode.STATUS_SEQUENCE),
        "that skips": (world.ada, replace(SECOND, sequence=3), ResultCode.STATUS_SEQUENCE),
    }
    for name, (author, operation, code) in cases.items():
        assert world.code(author, operation) == code, name


@clause("OP-13", "ST-01", "R30")
def test_whoever_names_a_list_first_takes_the_name_from_nobody(world: World) -> None:
    """Another who saw the address on its way records a list of its own, and no more than that."""
    chain = world.chain
    chain.govern(RecognizeIssuer(world.bob.did, "diploma", START))
    chain.do(world.bob, replace(FIRST, bits=8, digest=b"b" * 32))
    chain.do(world.ada, FIRST)
    chain.do(world.ada, SECOND)
    for owner, bits, sequence, digest in ((world.ada, 1, 2, b"2"), (world.bob, 8, 1, b"b")):
        record = chain.get(StatusListRecord, status_id(owner.did, URI))
        assert (record.issuer, record.bits, record.sequence) == (owner.did, bits, sequence)
        assert record.digest == digest * 32
        assert chain.get(IndexRecord, f"statuses/{owner.did}").count == 1


@clause("OP-13", "OP-21", "S6", "S11", "R30")
def test_a_first_list_is_refused(world: World) -> None:
    invalid = ResultCode.FIELD_INVALID
    most = limits.STATUS_LIST_BYTES
    cases: dict[str, tuple[PublishStatusList, ResultCode]] = {
        "for a template of another's": (
            replace(FIRST, cpt_id="licence"),
            ResultCode.ISSUER_NOT_RECOGNIZED,
        ),
        "that begins in the middle": (replace(FIRST, sequence=2), ResultCode.STATUS_SEQUENCE),
        "with plain http": (replace(FIRST, uri="http://ada.example/1"), invalid),
        "with a file": (replace(FIRST, uri="file:///status"), invalid),
        "with an inner address": (replace(FIRST, uri="https://169.254.169.254/"), invalid),
        "with the machine itself": (replace(FIRST, uri="http://localhost:8000/1"), invalid),
        "with 0 bits": (replace(FIRST, bits=0), invalid),
        "with 3 bits": (replace(FIRST, bits=3), invalid),
        "with 16 bits": (replace(FIRST, bits=16), invalid),
        "of no size": (replace(FIRST, size=0), invalid),
        "past the size that anybody reads": (replace(FIRST, size=most * 8 + 1), invalid),
    }
    for name, (operation, code) in cases.items():
        assert world.code(world.ada, operation) == code, name
    assert world.code(world.ada, replace(FIRST, bits=8, size=most)) == ResultCode.OK


@clause("OP-13", "R30", "C32")
def test_who_was_recognized_keeps_its_lists_unless_it_was_compromised(world: World) -> None:
    chain = world.chain
    chain.do(world.ada, FIRST)
    chain.govern(DerecognizeIssuer(world.ada.did, "diploma"))
    chain.do(world.ada, SECOND)
    chain.govern(DerecognizeIssuer(world.ada.did, "diploma", compromised_since=START))
    third = replace(SECOND, sequence=3, digest=b"3" * 32)
    assert world.code(world.ada, third) == ResultCode.ISSUER_NOT_RECOGNIZED


@clause("OP-21")
def test_a_demonstration_may_serve_its_lists_from_the_machine_itself() -> None:
    world = World(allow_loopback_http=1)
    local = replace(FIRST, uri="http://127.0.0.1:8000/status/1")
    assert world.code(world.ada, local) == ResultCode.OK
