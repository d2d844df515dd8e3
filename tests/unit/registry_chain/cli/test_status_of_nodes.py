"""`registry-chain status` with several nodes: what each shows, and whether they agree."""

from __future__ import annotations

import json

import pytest

from registry_chain import LocalRegistry
from tests.support.clauses import clause
from tests.support.cli_world import NodeServer

NOBODY = "http://127.0.0.1:1"
LOCAL = "--unsafe-loopback-http"


@pytest.fixture
def node():
    server = NodeServer(LocalRegistry(network="test"))
    yield server
    server.close()


@clause("NA-21")
def test_several_nodes_are_compared_and_each_is_named(chain, node):
    words = ("status", "--node", NOBODY, "--node", node.url, "--genesis", node.genesis, LOCAL)
    code, out, err = chain("--json", *words)
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert "address" not in facts
    dead, good = facts["nodes"]
    assert (dead["url"], dead["state"], dead["height"]) == (NOBODY, "unreachable", None)
    assert "cannot be reached" in dead["error"]
    assert (good["url"], good["state"], good["error"]) == (node.url, "good", None)
    assert good["height"] == facts["height"]
    code, out, _ = chain(*words)
    assert code == 0
    assert "unreachable" in out
    assert node.url in out


@clause("NA-21")
def test_one_node_is_shown_as_before(chain, node):
    code, out, _ = chain("--json", "status", "--node", node.url, "--genesis", node.genesis, LOCAL)
    facts = json.loads(out)
    assert code == 0
    assert (facts["address"], "nodes" in facts) == (node.url, False)


@clause("NA-13", "NA-21")
def test_where_none_proves_itself_each_is_said_why(chain, node):
    code, out, err = chain(
        "status", "--node", NOBODY, "--node", node.url, "--genesis", "00" * 32, LOCAL
    )  # fmt: skip
    assert code != 0
    assert out == ""
    assert f"{NOBODY}: unreachable: 127.0.0.1 cannot be reached" in err
    assert f"{node.url}: lying: the genesis is not the one that was asked for" in err
