"""config.toml: what stands in it, and that nobody's text becomes a setting."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest

from registry_chain.engines.cometbft.configuration import (
    REQUEST_BATCH,
    NodeSettings,
    Peer,
    StateSync,
    config_toml,
    read_settings,
    with_state_sync,
)
from tests.support.clauses import clause
from weid import limits
from weid.errors import MalformedError
from weid.registry.node_operations import NodeRole

IDS = [f"{number:040x}" for number in range(1, 4)]
NODE = NodeSettings(
    name="north",
    role=NodeRole.VALIDATOR,
    p2p_address="tcp://0.0.0.0:26656",
    rpc_address="tcp://127.0.0.1:26657",
    peers=(Peer(IDS[0], "10.0.0.2:26656"), Peer(IDS[1], "[fd00::1]:26656")),
    private=(IDS[2],),
    unconditional=(IDS[0],),
)


def read(**changes):
    return tomllib.loads(config_toml(replace(NODE, **changes)))


@clause("NT-03")
def test_what_we_decide_stands_in_it():
    body = read()
    assert body["filter_peers"] is True
    assert body["proxy_app"] == "unix://abci.sock"
    assert body["rpc"]["laddr"] == "tcp://127.0.0.1:26657"
    assert body["p2p"]["pex"] is False
    assert body["p2p"]["persistent_peers"] == (f"{IDS[0]}@10.0.0.2:26656,{IDS[1]}@[fd00::1]:26656")
    assert body["p2p"]["private_peer_ids"] == IDS[2]
    assert body["p2p"]["unconditional_peer_ids"] == IDS[0]
    assert body["mempool"]["type"] == "flood"
    assert body["mempool"]["max_tx_bytes"] == limits.TRANSACTION_BYTES
    assert body["consensus"]["create_empty_blocks"] is False
    assert body["consensus"]["create_empty_blocks_interval"] == f"{limits.HEARTBEAT}s"
    assert body["consensus"]["timeout_commit"] == "1s"
    assert body["storage"]["discard_abci_responses"] is True
    assert body["tx_index"]["indexer"] == "null"
    assert body["instrumentation"]["prometheus"] is False
    assert "statesync" not in body


@clause("NT-03")
def test_every_setting_has_its_reason_above_it():
    lines = config_toml(NODE).splitlines()
    settings = [number for number, line in enumerate(lines) if " = " in line and line[0] != "#"]
    assert len(settings) > 30
    assert all(lines[number - 1].startswith("# ") for number in settings)


@clause("NT-03")
def test_our_submitter_s_batches_are_taken():
    from registry_chain.engines.cometbft.engine import HANDED_AT_ONCE

    body = read()
    assert body["rpc"]["max_request_batch_size"] == REQUEST_BATCH >= HANDED_AT_ONCE
    assert body["rpc"]["max_body_bytes"] >= 2 * 512 * 1024


@clause("NT-03")
@pytest.mark.parametrize(
    "text",
    ['x"\nfilter_peers = false\n#', "\\", 'a"b', "é\u202e", "\x00\x1f\x7f", '"""', "\\u0041"],
)
def test_text_stays_text(text):
    body = read(name=text)
    assert body["moniker"] == text
    assert body["filter_peers"] is True


@clause("NT-03")
@pytest.mark.parametrize(
    "address",
    [
        "tcp://0.0.0.0:1",
        "tcp://10.0.0.1:1",
        "tcp://:1",
        "tcp://127.0.0.1",
        "tcp://127.0.0.1.evil:1",
    ],
)
def test_the_rpc_listens_on_this_machine_or_not_at_all(address):
    with pytest.raises(MalformedError) as refused:
        replace(NODE, rpc_address=address)
    assert "no passwords" in refused.value.hint


@pytest.mark.parametrize("time", ["0s", "1", "1m", "-1s", "1.5s", "01s", "", "1s\n", "0ms"])
def test_a_block_time_that_is_none_is_refused(time):
    with pytest.raises(MalformedError, match="no block time"):
        replace(NODE, block_time=time)


def test_one_machine_s_nodes_may_share_an_address():
    assert read(shared_addresses=True)["p2p"]["allow_duplicate_ip"] is True
    assert read()["p2p"]["allow_duplicate_ip"] is False
    assert read()["p2p"]["addr_book_strict"] is False


def test_there_is_room_for_every_listed_peer():
    peers = tuple(Peer(f"{number:040x}", f"10.0.1.{number}:26656") for number in range(200))
    body = read(peers=peers)["p2p"]
    assert body["max_num_outbound_peers"] >= 200
    assert body["max_num_inbound_peers"] >= 200


def test_measures_are_given_where_they_are_asked_for():
    body = read(prometheus="127.0.0.1:26660")["instrumentation"]
    assert body == {"prometheus": True, "prometheus_listen_addr": "127.0.0.1:26660"}


def test_a_joining_node_begins_with_a_header_that_a_person_checked():
    sync = StateSync(height=7, block_hash="ab" * 32, rpc_servers=("http://a:1", "http://b:1"))
    assert read(state_sync=sync)["statesync"] == {
        "enable": True,
        "rpc_servers": "http://a:1,http://b:1",
        "trust_height": 7,
        "trust_hash": "AB" * 32,
        "trust_period": f"{limits.TRUST_PERIOD}s",
    }


@pytest.mark.parametrize(
    "change",
    [
        {"height": 0},
        {"block_hash": "ab"},
        {"rpc_servers": ("http://a:1",)},
        {"rpc_servers": ("http://a:1", "b")},
        {"rpc_servers": ("http://a:1", "http://b c:1")},
        {"rpc_servers": ("http://a:1", "http://b:1,http://c:1")},
        {"rpc_servers": ("http://a:1", "ftp://b:1")},
    ],
    ids=str,
)
def test_state_sync_without_a_header_or_a_witness_is_refused(change):
    good = {"height": 7, "block_hash": "ab" * 32, "rpc_servers": ("http://a:1", "http://b:1")}
    with pytest.raises(MalformedError):
        StateSync(**{**good, **change})


@clause("NT-21", "NT-03")
def test_a_node_that_is_set_up_anew_begins_with_another_snapshot_or_with_none():
    sync = StateSync(height=7, block_hash="ab" * 32, rpc_servers=("http://a/1", "http://b/2"))
    later = replace(sync, height=9)
    plain = config_toml(NODE)
    once = with_state_sync(plain, sync)
    assert tomllib.loads(once) == tomllib.loads(config_toml(replace(NODE, state_sync=sync)))
    assert tomllib.loads(with_state_sync(once, later))["statesync"]["trust_height"] == 9
    for text in (plain, once, config_toml(replace(NODE, state_sync=sync))):
        assert tomllib.loads(with_state_sync(text, None)) == tomllib.loads(plain)


def test_what_was_written_is_read_again():
    written = read_settings(config_toml(NODE))
    assert written.rpc_address == "tcp://127.0.0.1:26657"
    assert written.has_peers
    assert not written.takes_state
    sync = StateSync(height=5, block_hash="ab" * 32, rpc_servers=("a:1", "b:1"))
    assert read_settings(config_toml(replace(NODE, state_sync=sync))).takes_state
    assert not read_settings(config_toml(replace(NODE, peers=()))).has_peers


@pytest.mark.parametrize(
    "text", ["", "rpc = 1", "[rpc]\nladdr = 1", '[rpc]\nladdr = "a"\n[[p2p]]', "p2p = 1", "["]
)
def test_settings_that_a_person_spoiled_are_refused_and_no_more(text):
    with pytest.raises(MalformedError, match="settings of CometBFT"):
        read_settings(text)
