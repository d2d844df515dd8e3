"""Genesis: one value, one hash, and the state that it founds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from registry_chain.state_machine.founding import apply_genesis
from registry_chain.state_machine.genesis import Genesis, GenesisGovernor, GenesisValidator
from registry_chain.state_machine.parameters import PARAMETERS
from registry_chain.state_machine.state import EmptyState
from tests.support.clauses import clause
from tests.support.scripted_chain import START, ScriptedChain, person, raw_key
from weid.errors import MalformedError
from weid.registry.operations import Role
from weid.registry.records import (
    CounterRecord,
    DidRecord,
    OrganisationRecord,
    ParameterRecord,
    RoleRecord,
)

SMALL_ORDER = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")


def genesis(**changes: object) -> Genesis:
    members: dict[str, object] = {
        "network": "demo",
        "chain_id": "demo-1",
        "genesis_time": START,
        "governors": (
            GenesisGovernor(person("g1").inception, "First"),
            GenesisGovernor(person("g2", controllers=2, threshold=2, recovery=["v"]).inception),
        ),
        "validators": (GenesisValidator(raw_key("validator"), 10),),
        "parameters": {"governance_threshold": 2, "max_time_lag": 90},
    }
    return Genesis(**{**members, **changes})  # type: ignore[arg-type]


@clause("ST-11", "ST-12")
def test_the_founded_state_has_governors_roles_names_and_every_parameter() -> None:
    chain = ScriptedChain(2, parameters={"governance_threshold": 2, "max_time_lag": 90})
    assert chain.founding.summary.height == 0
    assert chain.founding.summary.time == START
    assert chain.founding.summary.log_size == 0
    for governor in chain.governors:
        record = chain.get(DidRecord, governor.did)
        assert (record.version.height, record.created) == (0, START)
        assert chain.get(RoleRecord, governor.did).roles == (Role.GOVERNOR,)
        assert chain.get(OrganisationRecord, governor.did).name == governor.name
    assert chain.get(CounterRecord, "governors").value == 2
    values = {name: chain.get(ParameterRecord, name).value for name in PARAMETERS}
    expected = {name: parameter.default for name, parameter in PARAMETERS.items()}
    assert values == {**expected, "governance_threshold": 2, "max_time_lag": 90}


@clause("ST-11")
def test_a_governor_without_name_has_no_organisation_record() -> None:
    founding = apply_genesis(genesis())
    assert sum(1 for raw in founding.records.values() if b"First" in raw) == 1


@clause("ST-11")
def test_the_same_genesis_has_the_same_hash_and_file_and_any_change_another() -> None:
    one = genesis()
    assert genesis().to_json() == one.to_json()
    assert Genesis.from_json(one.to_json()) == one
    spaced = json.dumps(json.loads(one.to_json())).encode()
    assert Genesis.from_json(spaced).genesis_hash == one.genesis_hash
    others = [
        genesis(
            network="test",
            governors=(GenesisGovernor(person("g", network="test").inception),),
            parameters={},
        ),
        genesis(chain_id="demo-2"),
        genesis(genesis_time=START + 1),
        genesis(governors=one.governors[::-1]),
        genesis(parameters={"governance_threshold": 2}),
        genesis(validators=(GenesisValidator(raw_key("validator"), 11),)),
        genesis(initial_height=1001),
    ]
    assert len({one.genesis_hash, *[other.genesis_hash for other in others]}) == len(others) + 1


@clause("ST-11")
def test_a_later_initial_height_is_founded_one_before_it() -> None:
    assert apply_genesis(genesis(initial_height=1001)).summary.height == 1000


IMPOSSIBLE: dict[str, dict[str, object]] = {
    "a network name in capitals": {"network": "Demo"},
    "no chain id": {"chain_id": ""},
    "a chain id that is too long": {"chain_id": "x" * 51},
    "a chain id beyond ASCII": {"chain_id": "d\u00e9mo"},
    "another suite": {"suite": "sm3-sm2"},
    "a time before 1970": {"genesis_time": -1},
    "a height of 0": {"initial_height": 0},
    "no governor": {"governors": ()},
    "a governor twice": {"governors": (GenesisGovernor(person("g").inception),) * 2},
    "a governor of another network": {
        "governors": (GenesisGovernor(person("g", network="other").inception),) * 1,
        "parameters": {},
    },
    "fewer governors than the threshold": {"parameters": {"governance_threshold": 3}},
    "an unknown parameter": {"parameters": {"gas": 1}},
    "a parameter out of range": {"parameters": {"max_time_lag": 1}},
    "no validator": {"validators": ()},
    "a validator twice": {"validators": (GenesisValidator(raw_key("v"), 1),) * 2},
    "a validator's key that is short": {"validators": (GenesisValidator(b"v", 1),)},
    "a validator without power": {"validators": (GenesisValidator(raw_key("v"), 0),)},
}


@clause("ST-11")
@pytest.mark.parametrize("fault", IMPOSSIBLE)
def test_a_genesis_cannot_have(fault: str) -> None:
    with pytest.raises(MalformedError):
        genesis(**IMPOSSIBLE[fault])


@clause("ST-11", "R13")
def test_a_governor_cannot_have_a_key_that_anybody_has() -> None:
    weak = replace(person("g").inception, recovery_keys=(SMALL_ORDER,))
    with pytest.raises(MalformedError, match="cannot be"):
        apply_genesis(genesis(governors=(GenesisGovernor(weak),), parameters={}))


def edits() -> dict[str, Callable[[dict[str, Any]], object]]:
    return {
        "another format": lambda body: body.update(format="weid-genesis/2"),
        "a member missing": lambda body: body.pop("network"),
        "an unknown member": lambda body: body.update(extra=1),
        "a time that is text": lambda body: body.update(genesis_time="1"),
        "a time that is true": lambda body: body.update(genesis_time=True),
        "governors that are no list": lambda body: body.update(governors={}),
        "a governor that is text": lambda body: body.update(governors=["x"]),
        "an unknown member of a governor": lambda body: body["governors"][0].update(x=1),
        "an unknown member of an inception": lambda body: body["governors"][0]["inception"].update(
            x=1
        ),
        "an unknown member of a validator": lambda body: body["validators"][0].update(x=1),
        "another DID than its inception": lambda body: body["governors"][0].update(
            did=body["governors"][1]["did"]
        ),
        "a DID that is none": lambda body: body["governors"][0].update(did="ada"),
        "hexadecimal in capitals": lambda body: body["validators"][0].update(public_key="AB" * 32),
        "no hexadecimal": lambda body: body["validators"][0].update(public_key="zz"),
        "a key that is a number": lambda body: body["governors"][0]["inception"].update(
            controllers=[1]
        ),
        "parameters that are no object": lambda body: body.update(parameters=[]),
        "a parameter that is text": lambda body: body.update(parameters={"max_time_lag": "90"}),
        "another hash": lambda body: body.update(genesis_hash="00" * 32),
        "another time under the same hash": lambda body: body.update(genesis_time=START + 1),
    }


@clause("ST-11")
@pytest.mark.parametrize("edit", edits())
def test_a_genesis_file_is_refused_with(edit: str) -> None:
    body = json.loads(genesis().to_json())
    edits()[edit](body)
    with pytest.raises(MalformedError):
        Genesis.from_json(json.dumps(body).encode())


def test_before_genesis_there_is_nothing() -> None:
    empty = EmptyState("demo", height=0, time=START)
    assert empty.get(bytes(32)) is empty.page(b"") is empty.tile(b"") is None
