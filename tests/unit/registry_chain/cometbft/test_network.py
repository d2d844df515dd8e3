"""Who knows whom in a network, what its list of hosts may say, and what its public file holds."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace

import pytest

from registry_chain.engines.cometbft.configuration import config_toml
from registry_chain.engines.cometbft.founding import NodeKeys, read_public_keys
from registry_chain.engines.cometbft.network import (
    NetworkNode,
    PlannedNode,
    check_plan,
    lay_out_node,
    plan_containers,
    plan_from_file,
    plan_one_machine,
    settings_of,
)
from registry_chain.engines.cometbft.network_file import (
    ListedNode,
    NetworkFile,
    read_network,
    same_machine,
)
from tests.support.clauses import clause
from weid.errors import MalformedError, NotFoundError
from weid.registry.node_operations import NodeRole


def plan(**changes):
    counts = {"validators": 4, "observers": 1, "sentries": 0, "base_port": 26650}
    return plan_one_machine(**{**counts, "first_address": "127.0.0.1", **changes})


def with_keys(plans):
    return [
        NetworkNode(each, NodeKeys.generate(lambda size, n=number: bytes([n]) * size))
        for number, each in enumerate(plans, 1)
    ]


def knows(nodes, **options):
    """Return for each node the names of the peers in its settings."""
    names = {node.id: node.plan.name for node in nodes}
    return {
        node.plan.name: {
            names[peer.node_id]
            for peer in settings_of(node, nodes, block_time="1s", **options).peers
        }
        for node in nodes
    }


@clause("NT-06")
def test_validators_know_each_other_and_an_observer_knows_them_all():
    known = knows(with_keys(plan()))
    validators = {f"validator-{number}" for number in range(1, 5)}
    assert known["observer-1"] == validators
    for name in validators:
        assert known[name] == validators - {name}


@clause("NT-03")
@pytest.mark.parametrize(
    ("addresses", "shared"),
    [
        (("10.0.0.1", "10.0.0.2", "10.0.0.3"), False),
        (("10.0.0.1", "10.0.0.2", "10.0.0.2"), True),
        (("fd00::1", "fd00:0::1", "10.0.0.3"), True),
        (("a.example", "A.example", "10.0.0.3"), True),
    ],
)
def test_where_two_of_a_list_share_an_address_every_node_lets_both_in(addresses, shared):
    nodes = with_keys(
        PlannedNode(
            name=f"n{number}", role=NodeRole.VALIDATOR, address=address, p2p_port=26656 + number
        )
        for number, address in enumerate(addresses)
    )
    check_plan([node.plan for node in nodes])
    for node in nodes:
        settings = tomllib.loads(config_toml(settings_of(node, nodes, block_time="1s")))
        assert settings["p2p"]["allow_duplicate_ip"] is shared


@clause("NT-06")
def test_a_validator_behind_sentries_knows_only_these_and_nobody_else_knows_it():
    nodes = with_keys(plan(validators=2, sentries=2, observers=1))
    known = knows(nodes)
    ids = {node.plan.name: node.id for node in nodes}
    sentries = {f"sentry-{one}-{two}" for one in (1, 2) for two in (1, 2)}
    for number in (1, 2):
        own = {f"sentry-{number}-1", f"sentry-{number}-2"}
        validator = f"validator-{number}"
        assert known[validator] == own
        for name in own:
            assert known[name] == (sentries - {name}) | {validator}
        assert {name for name, peers in known.items() if validator in peers} == own
    assert known["observer-1"] == sentries
    guard = next(node for node in nodes if node.plan.name == "sentry-1-1")
    settings = settings_of(guard, nodes, block_time="1s")
    assert settings.private == (ids["validator-1"],)
    assert ids["validator-1"] in settings.unconditional


@clause("NT-06")
def test_some_behind_sentries_and_some_not():
    hosts = plan_from_file(
        '[[node]]\nname="a"\nrole="validator"\naddress="10.0.0.1"\nsentries=["s"]\n'
        '[[node]]\nname="s"\nrole="sentry"\naddress="10.0.0.2"\n'
        '[[node]]\nname="b"\nrole="validator"\naddress="10.0.0.3"\n'
        '[[node]]\nname="c"\nrole="validator"\naddress="10.0.0.4"\n'
        '[[node]]\nname="o"\nrole="observer"\naddress="10.0.0.5"\n'
    )
    check_plan(hosts)
    known = knows(with_keys(hosts))
    assert known == {
        "a": {"s"},
        "s": {"a", "b", "c"},
        "b": {"s", "c"},
        "c": {"s", "b"},
        "o": {"s", "b", "c"},
    }


@clause("NT-06")
@pytest.mark.parametrize("sentries", [0, 1, 2])
def test_whoever_is_there_the_network_hangs_together(sentries):
    known = knows(with_keys(plan(sentries=sentries, observers=2)))
    seen, new = set(), {"validator-1"}
    while new:
        seen |= new
        reached = {peer for name in seen for peer in known[name]}
        reached |= {name for name, peers in known.items() if peers & seen}
        new = reached - seen
    assert seen == set(known)


def test_on_one_machine_no_port_is_taken_twice_and_peers_stay_inside():
    nodes = with_keys(plan(sentries=1))
    ports = [port for node in nodes for port in node.plan.ports]
    assert len(set(ports)) == len(ports)
    for node in nodes:
        settings = settings_of(node, nodes, block_time="1s")
        assert settings.p2p_address == f"tcp://127.0.0.1:{node.plan.p2p_port}"
        assert settings.shared_addresses


def test_each_node_may_have_an_address_of_its_own():
    plans = plan(first_address="127.0.0.11")
    assert [each.address for each in plans] == [f"127.0.0.{11 + at}" for at in range(5)]
    assert settings_of(with_keys(plans)[1], [], block_time="1s").p2p_address.startswith(
        "tcp://127.0.0.12:"
    )


@pytest.mark.parametrize("address", ["somewhere", "255.255.255.254", "127.0.0.1:3", ""])
def test_an_address_that_begins_no_row_is_refused(address):
    with pytest.raises(MalformedError):
        plan(first_address=address)


def test_ports_beyond_the_last_are_refused():
    with pytest.raises(MalformedError, match="port"):
        plan(base_port=65530)


def test_on_hosts_of_their_own_they_listen_to_the_network_and_say_where_they_are():
    host = PlannedNode(name="a", role=NodeRole.VALIDATOR, address="10.0.0.1")
    settings = settings_of(with_keys([host])[0], [], block_time="1s")
    assert settings.p2p_address == "tcp://0.0.0.0:26656"
    assert settings.external_address == "10.0.0.1:26656"
    assert settings.rpc_address == "tcp://127.0.0.1:26657"
    six = settings_of(with_keys([replace(host, address="fd00::1")])[0], [], block_time="1s")
    assert (six.p2p_address, six.external_address) == ("tcp://[::]:26656", "[fd00::1]:26656")


def test_in_containers_they_reach_each_other_by_name():
    plans = plan_containers(plan())
    assert [each.reached_at for each in plans][:2] == ["validator-1:26656", "validator-2:26656"]
    check_plan(plans)


GOOD = '[[node]]\nname="a"\nrole="validator"\naddress="10.0.0.1"\n'
BAD_FILES = {
    "not TOML": "[[node",
    "nothing": "",
    "another table": '[[host]]\nname="a"',
    "a member beside": GOOD + "[other]\nx=1",
    "no table but a value": "node = 3",
    "without address": '[[node]]\nname="a"\nrole="validator"',
    "a role that is none": GOOD.replace("validator", "king"),
    "a name with a slash": GOOD.replace('"a"', '"../a"'),
    "an empty name": GOOD.replace('"a"', '""'),
    "a name that is a number": GOOD.replace('"a"', "3"),
    "an unknown member": GOOD + 'colour="red"',
    "an address with a port": GOOD.replace("10.0.0.1", "10.0.0.1:3"),
    "an address with a zone": GOOD.replace("10.0.0.1", "fe80::1%eth0"),
    "an address with a comma": GOOD.replace("10.0.0.1", "a,b@c"),
    "an address that is nearly one": GOOD.replace("10.0.0.1", "10.0.0.256"),
    "an address with a line end": GOOD.replace("10.0.0.1", "a\\nb"),
    "a port that is none": GOOD + "p2p_port=70000",
    "a port that is a truth": GOOD + "p2p_port=true",
    "a power that is none": GOOD + "power=0",
    "an operator that is none": GOOD + 'operator="did:weid:"',
    "sentries that are none": GOOD + "sentries=[3]",
    "an API on a place that is none": GOOD + 'api_host="x y"',
    "sentries of an observer": GOOD.replace("validator", "observer") + 'sentries=["s"]',
    "too long": "#" * 300_000,
}


@pytest.mark.parametrize("what", BAD_FILES)
def test_a_list_of_hosts_that_cannot_be_is_refused(what):
    with pytest.raises(MalformedError):
        plan_from_file(BAD_FILES[what])


NODE_B = GOOD.replace('"a"', '"b"').replace("10.0.0.1", "10.0.0.2")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + GOOD, "two nodes of the name a"),
        (GOOD + GOOD.replace('"a"', '"b"'), "both at 10.0.0.1:26656"),
        (GOOD.replace("validator", "observer"), "no validator"),
        (GOOD + 'sentries=["b"]', "named as a sentry"),
        (GOOD + 'sentries=["b"]\n' + NODE_B, "named as a sentry"),
        (GOOD + NODE_B.replace("validator", "sentry"), "sentry of nobody"),
    ],
)
def test_nodes_that_do_not_fit_together_are_refused(text, said):
    with pytest.raises(MalformedError, match=said):
        check_plan(plan_from_file(text))


def test_a_folder_is_complete_and_new(tmp_path):
    nodes = with_keys(plan())
    settings = settings_of(nodes[0], nodes, block_time="500ms")
    files = {"genesis.json": b"{}", "comet/config/genesis.json": b"[]"}
    lay_out_node(tmp_path / "node", nodes[0].keys, settings, files)
    home = tmp_path / "node" / "comet"
    assert (home / "config" / "config.toml").read_text() == config_toml(settings)
    assert tomllib.loads(config_toml(settings))["consensus"]["timeout_commit"] == "500ms"
    assert (home / "config" / "genesis.json").read_bytes() == b"[]"
    assert (tmp_path / "node" / "genesis.json").read_bytes() == b"{}"
    assert read_public_keys(home)[0] == nodes[0].keys.node.public
    with pytest.raises(MalformedError, match="not empty"):
        lay_out_node(tmp_path / "node", nodes[0].keys, settings, files)


# --- The public file ------------------------------------------------------------------------------

LISTED = NetworkFile(
    network="example",
    chain_id="weid-example-1",
    genesis_hash="ab" * 32,
    block_time="1s",
    nodes=tuple(ListedNode.of(node) for node in with_keys(plan(sentries=1))),
)


def test_the_public_file_comes_back_as_it_was_and_holds_no_private_key():
    data = LISTED.to_json()
    assert NetworkFile.from_json(data) == LISTED
    assert same_machine(LISTED.nodes)
    for number in range(1, 10):
        assert (bytes([number]) * 32).hex().encode() not in data


def damaged(change):
    body = json.loads(LISTED.to_json())
    change(body)
    return json.dumps(body).encode()


DAMAGES = {
    "no format": lambda body: body.pop("format"),
    "another format": lambda body: body.update(format="weid-network/2"),
    "a member beside": lambda body: body.update(more="x"),
    "no chain": lambda body: body.pop("chain_id"),
    "a number for a name": lambda body: body.update(network=3),
    "nodes that are no list": lambda body: body.update(nodes={}),
    "a node that is none": lambda body: body["nodes"].append(3),
    "a node without a port": lambda body: body["nodes"][0].pop("p2p_port"),
    "a port that is a text": lambda body: body["nodes"][0].update(p2p_port="1"),
    "a role that is none": lambda body: body["nodes"][0].update(role="king"),
    "a role that is a list": lambda body: body["nodes"][0].update(role=[]),
    "an id that is none": lambda body: body["nodes"][0].update(node_id="zz"),
    "a key that is none": lambda body: body["nodes"][0].update(validator_key="AB" * 32),
    "sentries that are none": lambda body: body["nodes"][0].update(sentries="x"),
    "a name that leaves the folder": lambda body: body["nodes"][0].update(name="../../x"),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_a_damaged_public_file_is_refused(what, tmp_path):
    data = damaged(DAMAGES[what])
    with pytest.raises(MalformedError):
        NetworkFile.from_json(data)
    (tmp_path / "network.json").write_bytes(data)
    with pytest.raises(MalformedError, match=r"network\.json"):
        read_network(tmp_path)


def test_a_folder_that_is_no_network_s_is_told(tmp_path):
    with pytest.raises(NotFoundError, match=r"no network\.json"):
        read_network(tmp_path)
