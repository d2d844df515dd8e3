"""What a node measures of itself: what is known, and what is left out where it is not."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from registry_chain.node import gauges
from registry_chain.node.gauges import measured
from registry_chain.node.settings import NodeSettings
from tests.support.clauses import clause
from tests.support.node_world import node_world
from weid.errors import RegistryUnavailableError

ANSWERS = {
    "status": {
        "sync_info": {"catching_up": True},
        "validator_info": {"voting_power": "7"},
    },
    "net_info": {"n_peers": "3"},
    "num_unconfirmed_txs": {"n_txs": "30", "total": "41"},
}


@pytest.fixture(scope="module")
def world():
    return node_world()


def asks(answers):
    def ask(method, params):
        assert params == {}
        answer = answers[method]
        if isinstance(answer, Exception):
            raise answer
        return {"result": answer}

    return ask


@clause("NA-14")
def test_one_machine_tells_of_its_chain_and_nothing_of_a_network(world):
    found = measured(world.parts())
    head = world.registry.engine.head()
    assert found[gauges.HEIGHT] == head.height
    assert found[gauges.STATE_HEIGHT] in {head.height, head.height - 1}
    assert found[gauges.BASE_HEIGHT] == 1
    assert (found[gauges.VALIDATORS], found[gauges.POWER]) == (1, 1)
    assert found[gauges.DAMAGED] == 0
    assert not found.keys() & {gauges.PEERS, gauges.COMETBFT_UP, gauges.DISK_FREE, gauges.RESTARTS}


@clause("NA-14")
def test_a_node_of_a_network_tells_what_its_cometbft_says(world):
    found = measured(replace(world.parts(), cometbft=asks(ANSWERS)))
    told = (gauges.COMETBFT_UP, gauges.CATCHING_UP, gauges.OWN_POWER, gauges.PEERS, gauges.MEMPOOL)
    assert [found[each] for each in told] == [1, 1, 7, 3, 41]
    assert found[gauges.MISBEHAVED] == 0


@clause("NA-14", "NT-24")
def test_peers_that_the_registry_does_not_admit_are_counted(world):
    peers = [{"node_info": {"id": f"{number:040x}"}} for number in (1, 2)]
    answers = ANSWERS | {"net_info": {"n_peers": "2", "peers": peers}}
    found = measured(replace(world.parts(), cometbft=asks(answers)))
    assert (found[gauges.PEERS], found[gauges.STRANGERS]) == (2, 2)
    assert measured(replace(world.parts(), cometbft=asks(ANSWERS)))[gauges.STRANGERS] == 0


@clause("NA-14")
@pytest.mark.parametrize(
    "answers",
    [
        ANSWERS | {"status": RegistryUnavailableError("away")},
        ANSWERS | {"net_info": None},
        ANSWERS | {"net_info": {}},
        ANSWERS | {"status": {"validator_info": "none"}},
    ],
)
def test_a_cometbft_that_does_not_answer_is_down_and_its_measures_are_not_made_up(world, answers):
    found = measured(replace(world.parts(), cometbft=asks(answers)))
    assert found[gauges.COMETBFT_UP] == 0
    assert gauges.PEERS not in found
    assert found[gauges.HEIGHT] > 0


@clause("NA-14")
def test_the_folder_tells_of_snapshots_restarts_and_room(world, tmp_path):
    for name in ("1000", "2000", "3000.part"):
        (tmp_path / "chain" / "snapshots" / name).mkdir(parents=True)
    (tmp_path / "supervisor.json").write_text(json.dumps({"restarts": 4}))
    parts = replace(world.parts(), settings=NodeSettings(folder=tmp_path))
    found = measured(parts)
    assert (found[gauges.SNAPSHOTS], found[gauges.SNAPSHOT_HEIGHT]) == (2, 2000)
    assert found[gauges.RESTARTS] == 4
    assert found[gauges.DISK_FREE] > 0


@clause("NA-14")
def test_a_damaged_store_shows(world):
    assert measured(replace(world.parts(), faults=["a byte"]))[gauges.DAMAGED] == 1
