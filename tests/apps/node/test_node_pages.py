"""The page about nodes: role, status, operator, power, since when, whatever their names hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registry_chain.node.explorer import node_pages
from registry_chain.reader import RecordReader
from tests.support.clauses import clause
from tests.support.network_nodes import admission, key_of, node_id, rotation
from tests.support.node_world import node_world
from weid.clock import format_time
from weid.registry.node_operations import (
    ConsensusEngine,
    HandOver,
    NodeRole,
    RemoveNode,
    ScheduleRules,
    SuspendNode,
)
from weid.registry.operations import NameOrganisation
from weid.registry.records import HandoverRecord, Version

KEY = key_of("harbour")
HOSTILE = '<script>alert(1)</script>{{7*7}} {actor} "><img src=x>'


def ids(number):
    return node_id(str(number))


def admit(*fields):
    return admission(*fields, network="local")


@pytest.fixture
def world():
    world = node_world()
    decide = world.registry.governor.decide
    decide(admit(ids(1), NodeRole.OBSERVER, "Audit office", world.issuer_did))
    world.admitted = world.clock.now()
    world.clock.advance(100)
    decide(admit(ids(2), NodeRole.VALIDATOR, "Harbour", "", KEY, 10))
    decide(admit(ids(3), NodeRole.SENTRY, HOSTILE))
    decide(SuspendNode(ids(1)))
    return world


def text_of(world, path="/nodes"):
    return world.app().test_client().get(path).get_data(as_text=True)


def facts_of(world):
    return world.app().test_client().get("/nodes.json").json


@clause("NA-19", "OP-23")
def test_the_page_tells_role_status_operator_power_and_since_when(world):
    page = text_of(world)
    assert "Audit office" in page
    assert "University of Examples" in page
    assert "validator, power 10" in page
    assert "Suspended" in page
    listed = facts_of(world)["nodes"]
    assert [one["node_id"] for one in listed] == [ids(n).hex() for n in (2, 3, 1)]
    harbour, gate, audit = listed
    assert (harbour["role"], harbour["status"], harbour["power"]) == ("validator", "active", 10)
    assert harbour["validator_key"] == KEY.hex()
    assert harbour["operator"] is None
    assert (gate["role"], gate["power"], gate["validator_key"]) == ("sentry", None, None)
    assert audit["status"] == "suspended"
    assert audit["operator"]["text"] == "University of Examples"
    assert audit["operator"]["href"] == f"/dids/{world.issuer_did}"
    assert audit["since"] == format_time(world.admitted)
    assert audit["changed"] == format_time(world.clock.now())


@clause("W8", "W9")
def test_the_name_of_a_node_is_text_and_nothing_else(world):
    page = text_of(world)
    assert "<script>alert" not in page
    assert "<img src=x>" not in page
    assert "{{7*7}} {actor}" in page
    assert facts_of(world)["nodes"][1]["name"] == HOSTILE
    newest = text_of(world, "/")
    assert "<script>alert" not in newest


@clause("W33")
def test_the_page_is_told_in_chinese(world):
    page = text_of(world, "/nodes?lang=zh-Hant")
    for words in ("節點", "驗證節點", "投票權 10", "已暫停", "營運者"):
        assert words in page
    assert "Validators vote" not in page


def test_removed_and_renamed_nodes_come_last_and_say_where_they_went(world):
    decide = world.registry.governor.decide
    decide(rotation(ids(3), ids(9), network="local"))
    decide(RemoveNode(ids(1)))
    listed = facts_of(world)["nodes"]
    assert [one["status"] for one in listed] == ["active", "active", "removed", "removed"]
    left = next(one for one in listed if one["node_id"] == ids(3).hex())
    assert left["replaced_by"] == ids(9).hex()
    assert f'href="#{ids(9).hex()}"' in text_of(world)


@clause("OP-27", "OP-28")
def test_scheduled_rules_and_a_hand_over_are_told(world):
    decide = world.registry.governor.decide
    decide(ScheduleRules(2, 5000))
    decide(HandOver())
    page = text_of(world)
    assert "Version 2 of the rules is scheduled from height 5000 on." in page
    assert "handed over to the engine cometbft at height" in page
    facts = facts_of(world)
    assert (facts["scheduled_rules"], facts["scheduled_height"]) == (2, 5000)
    assert facts["handed_over_to"] == "cometbft"


@clause("NA-19")
def test_nodes_are_listed_by_role_then_name_whatever_their_power(world):
    decide = world.registry.governor.decide
    other = key_of("aqueduct")
    decide(admit(ids(4), NodeRole.VALIDATOR, "Aqueduct", "", other, 1))
    decide(admit(ids(5), NodeRole.OBSERVER, "Zoo"))
    listed = [one["name"] for one in facts_of(world)["nodes"]]
    assert listed == ["Aqueduct", "Harbour", "Zoo", HOSTILE, "Audit office"]


@pytest.mark.parametrize("path", ["/nodes", "/nodes?lang=zh-Hant"])
def test_a_network_that_was_founded_as_one_was_not_handed_over(world, monkeypatch, path):
    version = Version(1, 0, 0)
    founded = HandoverRecord(0, ConsensusEngine.COMETBFT, bytes(32), version)
    monkeypatch.setattr(RecordReader, "handover", lambda _: founded)
    assert facts_of(world)["handed_over_to"] is None
    assert "cometbft" not in text_of(world, path)
    monkeypatch.setattr(RecordReader, "handover", lambda _: replace(founded, height=1))
    assert "cometbft" in text_of(world, path)


def test_the_home_page_of_a_network_says_that_its_validators_sign(world):
    home = "sealing key is trusted", "More than two thirds of the validators"
    assert [words in text_of(world, "/") for words in home] == [True, False]
    world.registry.governor.decide(HandOver())
    assert [words.replace("'", "&#39;") in text_of(world, "/") for words in home] == [False, True]
    assert (
        text_of(world, "/").count('href="/nodes">Nodes</a>') == 2
    )  # one of them in the navigation
    assert "超過三分之二投票權的驗證節點" in text_of(world, "/?lang=zh-Hant")


@clause("LC-HANDOVER")
def test_a_node_that_handed_over_is_not_ready_and_says_why(world):
    client = world.app().test_client()
    assert client.get("/readyz").status_code == 200
    world.registry.governor.decide(HandOver())
    reply = client.get("/readyz")
    assert reply.status_code == 503
    assert "handed over to other validators" in reply.json["message"]
    world.registry.engine.failure = "the registry has stopped: secret path"
    reply = client.get("/readyz")
    assert reply.status_code == 503
    assert b"secret" not in reply.data


def test_a_long_list_says_that_it_is_not_all(world, monkeypatch):
    for most in (2, 3):
        monkeypatch.setattr(node_pages, "SHOWN", most)
        facts = facts_of(world)
        assert (facts["shown"], facts["more"]) == (most, most < 3)
        assert ("Not all nodes are shown" in text_of(world)) is (most < 3)


def test_the_page_of_governance_leads_to_it(world):
    assert '<p><a href="/nodes">' in text_of(world, "/governance")


@clause("NA-19")
@pytest.mark.parametrize(("tag", "word"), [("en", "Nodes"), ("zh-Hant", "節點")])
def test_the_navigation_of_every_page_leads_to_it_and_says_when_one_is_there(world, tag, word):
    for path in ("/", "/issuers", "/governance", "/blocks"):
        page = text_of(world, f"{path}?lang={tag}")
        assert f'<a href="/nodes">{word}</a>' in page.partition("</nav>")[0]
    header = text_of(world, f"/nodes?lang={tag}").partition("</nav>")[0]
    assert f'<a href="/nodes" aria-current="page">{word}</a>' in header
    assert header.count("aria-current") == 1


def proposals_of(world):
    return world.app().test_client().get("/governance.json").json["proposals"]


def plain(sentence):
    return sentence["text"].format(**{k: v["text"] for k, v in sentence["terms"].items()})


@clause("NA-19", "W8")
def test_governance_names_the_nodes_and_who_proposed_with_their_ids(world):
    decide = world.registry.governor.decide
    decide(NameOrganisation(world.registry.governor.did, "Ministry"))
    decide(SuspendNode(ids(3)))
    page = text_of(world, "/governance")
    assert f'href="/nodes#{ids(1).hex()}"><bdi>Audit office ({ids(1).hex()[:12]}…)</bdi>' in page
    assert "<script>alert" not in page
    governor = world.registry.governor.did
    proposed = proposals_of(world)
    assert {each["proposer"] for each in proposed} == {governor}
    assert page.count(f'<span class="when mono">{governor}</span>') == len(proposed) + 1
    assert "<bdi>Ministry</bdi>" in page
    newest = text_of(world, "/")
    assert f"Audit office ({ids(1).hex()[:12]}…)" in newest
