"""The nodes of a genesis: bytes, file, what must fit, and the records that they found."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from registry_chain.state_machine.founding import apply_genesis
from registry_chain.state_machine.genesis import Genesis, GenesisValidator
from registry_chain.state_machine.genesis_nodes import GenesisNode
from registry_chain.state_machine.nodes import VALIDATORS, active_validators
from tests.support.clauses import clause
from tests.support.network_nodes import key_of, node_id, validator
from tests.support.scripted_chain import ScriptedChain, person
from weid import limits
from weid.cbor import cbor_decode, cbor_encode
from weid.errors import MalformedError
from weid.registry.headers import address
from weid.registry.node_operations import NodeRole
from weid.registry.pinned_genesis import genesis_hash, parse_genesis
from weid.registry.records import CounterRecord, NodeRecord, NodeStatus, ValidatorKeyRecord

OPERATOR = person("operator").did


def observer(which: str, **changes: object) -> GenesisNode:
    return GenesisNode(
        node_id(which), **{"role": NodeRole.OBSERVER, "name": f"Node {which}", **changes}  # type: ignore[arg-type]
    )  # fmt: skip


NODES = (
    validator("a", 10, OPERATOR),
    validator("b", 3),
    observer("c"),
    observer("d", role=NodeRole.SENTRY, validator_key=key_of("d"), name="示例節點"),
)


def genesis(nodes: tuple[GenesisNode, ...] = NODES) -> Genesis:
    return ScriptedChain(nodes=nodes).genesis


@clause("ST-17", "OP-23")
def test_the_nodes_of_a_genesis_have_their_records() -> None:
    chain = ScriptedChain(nodes=NODES)
    for node in NODES:
        record = chain.get(NodeRecord, node.node_id)
        assert (record.role, record.name, record.operator) == (node.role, node.name, node.operator)
        assert (record.validator_key, record.power) == (node.validator_key, node.power)
        assert (record.status, record.version.height) == (NodeStatus.ACTIVE, 0)
    assert chain.get(ValidatorKeyRecord, address(key_of("d"))).node_id == node_id("d")
    assert chain.get(CounterRecord, VALIDATORS).value == 2
    found = {one.public_key: one.power for one in active_validators(chain.state)}
    assert found == {key_of("a"): 10, key_of("b"): 3}


@clause("ST-17", "ST-11")
def test_a_genesis_with_nodes_survives_its_file_and_has_a_hash_of_its_own() -> None:
    one = genesis()
    assert Genesis.from_json(one.to_json()) == one
    without = replace(one, nodes=())
    assert without.genesis_hash != one.genesis_hash
    assert b'"nodes"' not in without.to_json()
    assert len(cbor_decode(without.to_bytes(), what="it", max_bytes=9999)) == 9  # type: ignore[arg-type]
    fewer = replace(one, nodes=one.nodes[:3])
    assert len({one.genesis_hash, without.genesis_hash, fewer.genesis_hash}) == 3


@clause("ST-17", "NA-03")
def test_a_reader_takes_network_and_validators_from_a_genesis_with_nodes() -> None:
    one = genesis()
    pinned = parse_genesis(one.to_bytes(), expected_genesis_hash=one.genesis_hash)
    assert pinned.network == "demo"
    powers = {v.public_key: v.power for v in pinned.root.validators.validators}
    assert powers == {key_of("a"): 10, key_of("b"): 3}


@clause("ST-17", "NA-03")
@pytest.mark.parametrize("rest", [[[]], [[[]], 1], ["nodes"], [{}]], ids=str)
def test_a_reader_refuses_what_else_a_genesis_ends_with(rest: list[Any]) -> None:
    members: Any = cbor_decode(replace(genesis(), nodes=()).to_bytes(), what="it", max_bytes=9999)
    body = cbor_encode([*members, *rest])
    with pytest.raises(MalformedError, match="form"):
        parse_genesis(body, expected_genesis_hash=genesis_hash(body))


IMPOSSIBLE = {
    "an id of 19 bytes": {"node_id": bytes(19)},
    "a key of 31 bytes": {"validator_key": bytes(31)},
    "no name": {"name": ""},
    "a name with a blank before it": {"name": " a"},
    "a name with a control character": {"name": "a\u200bb"},
    "an operator that is no DID": {"operator": "somebody"},
    "a validator without key": {"role": NodeRole.VALIDATOR, "validator_key": b""},
    "a validator without power": {"role": NodeRole.VALIDATOR, "power": 0},
    "too much power": {"power": limits.VALIDATOR_POWER + 1},
    "an observer with power": {"role": NodeRole.OBSERVER},
}


@clause("ST-17")
@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_a_node_that_cannot_be_is_refused(what: str) -> None:
    with pytest.raises(MalformedError):
        replace(validator("a"), **IMPOSSIBLE[what])  # type: ignore[arg-type]


@clause("ST-17")
def test_nodes_that_do_not_fit_together_are_refused() -> None:
    one = genesis()
    other_key = GenesisValidator(key_of("x"), 10)
    for changes in (
        {"nodes": (*NODES, NODES[0])},
        {"nodes": (*NODES, observer("e", validator_key=key_of("d")))},
        {"nodes": NODES[1:]},
        {"nodes": (replace(NODES[0], power=9), *NODES[1:])},
        {"nodes": NODES[2:]},
        {"validators": (*one.validators, other_key)},
        {"validators": one.validators[:1]},
        {"nodes": (*NODES, observer("e", operator="did:weid:other:6FF2G25D6afUgZTbkdcLcCEauE4G"))},
    ):
        with pytest.raises(MalformedError):
            replace(one, **changes)  # type: ignore[arg-type]


@clause("ST-17")
def test_a_node_with_a_key_of_small_order_founds_nothing() -> None:
    weak = observer("c", validator_key=b"\x01" + bytes(31))
    with pytest.raises(MalformedError, match="node"):
        apply_genesis(replace(genesis(), nodes=(*NODES[:2], weak)))


@clause("ST-17")
def test_a_file_with_a_strange_node_is_refused() -> None:
    body = json.loads(genesis().to_json())
    for changes in (
        {"nodes": []},
        {"nodes": {}},
        {"nodes": ["a"]},
        {"nodes": [{**body["nodes"][0], "role": "king"}]},
        {"nodes": [{**body["nodes"][0], "colour": "red"}]},
        {"nodes": [{k: v for k, v in body["nodes"][0].items() if k != "name"}]},
        {"nodes": body["nodes"][:2]},
    ):
        with pytest.raises(MalformedError):
            Genesis.from_json(json.dumps({**body, **changes}).encode())
