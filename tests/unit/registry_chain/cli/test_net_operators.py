"""Who answers for the nodes with which a network begins: named in the list of hosts."""

from __future__ import annotations

import json

import pytest

from registry_chain.engines.cometbft.network_file import read_network
from registry_chain.state_machine.genesis import Genesis
from tests.support.clauses import clause
from weid.crypto.keys import PrivateKey

KEYS = [PrivateKey.from_seed(bytes([number]) * 32).public.to_multikey() for number in (1, 2, 3)]
COUNCIL = ("Ministry", "Harbour office", "Ministry")
HOSTS = """
[[node]]
name = "north"
role = "validator"
address = "10.0.0.1"
operator = "{operator}"
[[node]]
name = "south"
role = "validator"
address = "10.0.0.2"
"""


@pytest.fixture
def lay_out(chain, tmp_path):
    def make(operator, governors=2):
        hosts = tmp_path / "hosts.toml"
        hosts.write_text(HOSTS.format(operator=operator))
        named = [
            word
            for name, key in zip(COUNCIL[:governors], KEYS, strict=False)
            for word in ("--governor", f"{name}={key}")
        ]
        return chain(
            "--json", "net", "init", tmp_path / "net", "--network", "example", "--hosts", hosts,
            *named,
        )  # fmt: skip

    return make


@clause("NT-23")
@pytest.mark.parametrize("by", ["name", "DID"])
def test_the_operator_of_a_node_of_the_founding_is_in_the_genesis(lay_out, tmp_path, by):
    did = "did:weid:example:5dUrh8p8jL84eRjpmW95VdPFfYxZ"
    code, out, err = lay_out("Harbour office" if by == "name" else did)
    assert code == 0, err
    if by == "name":
        did = json.loads(out)["governors"][1]["did"]
    genesis = Genesis.from_json((tmp_path / "net" / "genesis.json").read_bytes())
    assert {node.name: node.operator for node in genesis.nodes} == {"north": did, "south": ""}
    listed = read_network(tmp_path / "net").nodes
    assert {node.plan.name: node.plan.operator for node in listed} == {"north": did, "south": ""}


@clause("NT-23")
@pytest.mark.parametrize(
    ("operator", "governors"),
    [("Nobody", 2), ("Ministry", 3), ("did:weid:another:5dUrh8p8jL84eRjpmW95VdPFfYxZ", 2)],
    ids=["no governor", "two of one name", "of another network"],
)
def test_an_operator_that_cannot_be_is_refused_and_nothing_is_left(
    lay_out, tmp_path, operator, governors
):
    code, out, err = lay_out(operator, governors)
    assert (code, out) == (1, "")
    assert ("operator" if governors == 2 else "two governors have the name Ministry") in err
    assert not (tmp_path / "net").exists()
