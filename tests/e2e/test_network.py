"""A network as processes: writing and reading anywhere, members, restarts, moving in."""

from __future__ import annotations

import http.client
import json
import re
import urllib.error
import urllib.request

import pytest

from tests.support.clauses import clause
from tests.support.network_process import CLOCK, running_network, until
from tests.support.node_process import call
from tests.support.subscribed_verifier import Recognized, SubscribedVerifier, decide
from weid.errors import RegistryUnavailableError
from weid.registry.node_operations import ChangeNode, NodeRole, RemoveNode
from weid.registry.operations import AnchorEvidence, DerecognizeIssuer, Propose, SetParameter
from weid.registry.records import NodeStatus
from weid.registry.subscription import Following, Subscription
from weid.transport import GuardedTransport

pytestmark = pytest.mark.cometbft

_MEASURES = ("weid_unadmitted_peers", "weid_peers")
VALIDATORS = ("validator-1", "validator-2", "validator-3", "validator-4")


@pytest.fixture(scope="module")
def network(cometbft_binary, tmp_path_factory):
    folder = tmp_path_factory.mktemp("network")
    with running_network(
        folder,
        cometbft_binary,
        "--validators",
        4,
        "--observers",
        1,
        start=("--snapshot-blocks", 5),
    ) as found:
        yield found


def get(address):
    with urllib.request.urlopen(address, timeout=30) as reply:
        return json.load(reply)


def propose(network, governor, action):
    return governor.submit(Propose(action, CLOCK.now() + 600))


def test_what_is_written_through_one_node_is_proved_by_every_other_in_every_version(network):
    governor = network.governor(network.registry("validator-1"))
    receipt = governor.submit(AnchorEvidence(b"\x01" * 32))
    for name in (*VALIDATORS, "observer-1"):
        registry = network.registry(name)
        until(lambda at=registry: at.receipt(receipt.transaction_id) == receipt, name)
        assert registry.evidence(b"\x01" * 32)[0].signer == governor.did
        assert {node.role for node in registry.nodes()} == {NodeRole.VALIDATOR, NodeRole.OBSERVER}


def test_the_feed_has_the_same_positions_on_every_node(network):
    governor = network.governor(network.registry("validator-2"))
    receipt = governor.submit(AnchorEvidence(b"\x02" * 32))
    feeds = []
    for name in (*VALIDATORS, "observer-1"):
        registry = network.registry(name)
        until(lambda at=registry: at.receipt(receipt.transaction_id), name)
        feeds.append(get(network.address(name) + "/events?after=-1")["events"])
    assert all(feed == feeds[0] for feed in feeds)
    assert feeds[0][-1]["transaction"] == receipt.transaction_id.hex()


@clause("B7")
@pytest.mark.parametrize("process", ["application", "cometbft"])
def test_a_node_of_which_a_process_dies_comes_back_and_says_why(network, process):
    governor = network.governor(network.registry("validator-1"))
    governor.submit(AnchorEvidence(process.encode().ljust(32, b"\0")))
    restarts = network.supervisor("validator-4")["restarts"]
    network.kill("validator-4", process)
    receipt = governor.submit(AnchorEvidence(process.encode().ljust(32, b"\1")))
    status = until(
        lambda: (s := network.supervisor("validator-4"))["restarts"] > restarts and s, "restart"
    )
    assert process in status["last_reason"]

    def has_it():
        try:
            return network.registry("validator-4").receipt(receipt.transaction_id)
        except (RegistryUnavailableError, FileNotFoundError):
            return None

    assert until(has_it, "validator-4 to catch up") == receipt


def test_a_node_is_let_in_when_governance_admits_it_and_out_when_it_says_so(network):
    registry = network.registry("validator-1", "validator-2")
    governor = network.governor(registry)
    added = network.told("net", "add-node", network.path, "observer-2")
    node_id = bytes.fromhex(added["node_id"])
    assert registry.node(node_id) is None
    network.decide(added["proposal"], network.address("validator-1"))
    network.call("net", "start", network.path, "--wait", 0)
    receipt = governor.submit(AnchorEvidence(b"\x03" * 32))

    def follows():
        try:
            return network.registry("observer-2").receipt(receipt.transaction_id)
        except (RegistryUnavailableError, FileNotFoundError):
            return None

    assert until(follows, "the new observer to follow") == receipt
    propose(
        network,
        governor,
        ChangeNode(node_id=node_id, role=NodeRole.VALIDATOR, name="observer-2", power=10),
    )
    until(lambda: len(_newest(network)["validators"]) == 5, "the fifth validator")
    propose(network, governor, RemoveNode(node_id))
    until(lambda: len(_newest(network)["validators"]) == 4, "the fifth validator to leave")
    assert registry.node(node_id).status is NodeStatus.REMOVED
    # CometBFT lets it stay until one of the two starts again; until then it is told of.
    until(lambda: _strangers(network) == (1, 5), "validator-1 to count who is still connected")
    (told,) = [node["reason"] for node in network.nodes() if node["name"] == "validator-1"]
    assert "admits it no more" in told
    assert added["node_id"] in told
    network.kill("validator-1", "application")
    until(lambda: _strangers(network) == (0, 4), "validator-1 to be without the removed node")


def _strangers(network):
    """Return how many of its peers validator-1 should not have, and how many it has."""
    try:
        address = network.address("validator-1") + "/metrics"
        with urllib.request.urlopen(address, timeout=30) as reply:
            text = reply.read().decode()
    except (OSError, http.client.HTTPException):
        return None
    found = [re.search(rf"^{name} (\d+)", text, re.MULTILINE) for name in _MEASURES]
    return tuple(int(each[1]) for each in found if each is not None)


def _newest(network):
    return get(network.address("validator-1") + "/v1/light-blocks/latest")


def test_a_client_goes_on_with_another_node_when_one_stops(network):
    registry = network.registry("validator-3", "validator-1")
    governor = network.governor(registry)
    governor.submit(AnchorEvidence(b"\x04" * 32))
    network.stop("validator-3")
    try:
        receipt = governor.submit(AnchorEvidence(b"\x05" * 32))
        assert registry.evidence(b"\x05" * 32)
    finally:
        network.call("net", "start", network.path)
    back = network.registry("validator-3")
    assert until(lambda: back.receipt(receipt.transaction_id), "validator-3") == receipt


@clause("B18", "EV-05", "EV-15")
def test_a_node_joins_with_a_snapshot_and_believes_nothing_unproved(network):
    registry = network.registry("validator-1", "validator-2")
    governor = network.governor(registry)
    until(
        lambda: network.snapshots("validator-1") and network.snapshots("validator-2"), "snapshots"
    )
    head = registry.head()
    rpcs = [network.address(name) + "/v1/cometbft" for name in ("validator-1", "validator-2")]
    added = network.told(
        "net", "add-node", network.path, "late", "--trust-height", head.height,
        "--trust-hash", head.block_hash.hex(), *[f"--rpc-server={rpc}" for rpc in rpcs],
    )  # fmt: skip
    network.decide(added["proposal"], network.address("validator-1"))
    network.call("net", "start", network.path, "--wait", 0, "--snapshot-blocks", 5)
    receipt = governor.submit(AnchorEvidence(b"\x06" * 32))
    assert until(lambda: _receipt(network, "late", receipt), "the node that joins") == receipt
    late = network.registry("late")
    assert late.evidence(b"\x01" * 32)[0].signer == governor.did
    feed = json.loads(_refused(network.address("late") + "/events?after=-1"))
    assert feed["first"] > 0
    _loses_no_event_on_the_way(network, governor, first=feed["first"])


def _loses_no_event_on_the_way(network, governor, *, first):
    """Follow from the beginning at the node that joined late, and be left by the other one."""
    seen, addresses = [], [network.address(name) for name in ("late", "validator-3")]
    subscription = Subscription(
        *addresses,
        following=Following(on_event=seen.append),
        transport=GuardedTransport(allow_loopback_http=True),
        after=-1,
    ).start()
    try:
        # What the late node does not keep comes from the other one.
        until(lambda: len(seen) > first, "the events of before the snapshot")
        network.stop("validator-3")
        receipt = governor.submit(AnchorEvidence(b"\x07" * 32))
        until(lambda: _has(seen, receipt), "an event from the node that joined")
    finally:
        subscription.close()
        network.call("net", "start", network.path, "--wait", 0, "--snapshot-blocks", 5)
    assert until(lambda: _receipt(network, "validator-3", receipt), "validator-3") == receipt
    assert [event.position for event in seen] == list(range(len(seen)))
    everything = get(network.address("validator-1") + f"/events?after=-1&limit={len(seen)}")
    assert [event.transaction.hex() for event in seen] == [
        event["transaction"] for event in everything["events"]
    ]


def _has(seen, receipt):
    return any(event.transaction == receipt.transaction_id for event in list(seen))


def _receipt(network, name, receipt):
    try:
        return network.registry(name).receipt(receipt.transaction_id)
    except (RegistryUnavailableError, FileNotFoundError):
        return None


def _refused(address):
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(address)
    with refused.value as answer:
        return answer.read()


# --- A verifier that follows -----------------------------------------------------------------------

PROMISED = 5.0
"""Seconds from a commit until a subscribed verifier refuses what it took away."""
ATTEMPTS = 3
"""One in time is enough: a box that is busy with something else may be late now and then, while
what is not pushed is late every time, since the verifier asks for nothing by itself."""


def _revoke(recognized):
    recognized.issuer.revoke(recognized.credential)


def _derecognize(recognized):
    since = CLOCK.now() - 600
    did, cpt_id = recognized.issuer.did, recognized.template.cpt_id
    decide(recognized.governor, DerecognizeIssuer(did, cpt_id, compromised_since=since))


@clause("EV-16")
@pytest.mark.parametrize(
    ("change", "event"),
    [(_revoke, "status_list_published"), (_derecognize, "issuer_derecognized")],
    ids=["revocation", "derecognition"],
)
def test_a_subscribed_verifier_refuses_within_five_seconds_of_the_commit(network, change, event):
    late = []
    for attempt in range(ATTEMPTS):
        name = f"{event.replace('_', '-')}-{attempt}"
        recognized = Recognized.begin(network, "validator-1", name)
        receipt = recognized.governor.submit(AnchorEvidence(name.encode().ljust(32, b"\0")))
        at_three = network.registry("validator-3")
        until(lambda at=at_three, of=receipt: at.receipt(of.transaction_id), "validator-3")
        with SubscribedVerifier(network, "validator-3", recognized) as verifier:
            assert verifier.accepts()
            change(recognized)
            late.append(verifier.refuses_after(event))
        if late[-1] <= PROMISED:
            return
    raise AssertionError(f"seconds from the commit to the refusal: {late}")


# --- What CometBFT is told -------------------------------------------------------------------------


def _asked(network, method, height):
    question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"height": str(height)}}
    address = network.address("validator-2") + "/v1/cometbft"
    with urllib.request.urlopen(address, json.dumps(question).encode(), timeout=30) as reply:
        return json.load(reply)["result"]


@clause("CN-33")
def test_a_larger_block_of_the_rules_is_one_of_cometbft_too(network):
    registry = network.registry("validator-1")
    governor = network.governor(registry)
    receipt = governor.submit(
        Propose(SetParameter("max_block_bytes", 16 * 2**20), CLOCK.now() + 600)
    )
    before, after = receipt.height, receipt.height + 1
    # The network goes on: every validator has made the same of it, and the header's version stays.
    later = governor.submit(AnchorEvidence(b"\x10" * 32))
    at_two = network.registry("validator-2")
    until(lambda: at_two.receipt(later.transaction_id), "validator-2")
    sizes = [
        int(_asked(network, "consensus_params", height)["consensus_params"]["block"]["max_bytes"])
        for height in (before, after)
    ]
    assert sizes[1] - sizes[0] == 8 * 2**20
    versions = {
        _asked(network, "commit", height)["signed_header"]["header"]["version"]["app"]
        for height in (before, after, later.height)
    }
    assert versions == {"1"}


def test_every_store_is_whole_at_the_end(network):
    network.call("net", "stop", network.path)
    for name in (*VALIDATORS, "observer-1", "late"):
        folder = network.path / "nodes" / name
        again = () if name == "late" else ("--replay",)
        assert call("verify", folder, *again).stdout.startswith("intact")
