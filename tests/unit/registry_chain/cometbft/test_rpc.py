"""Asking CometBFT's RPC: recorded answers over a real socket, and what cannot be believed."""

from __future__ import annotations

import base64
import http.client
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from registry_chain.engines.cometbft.rpc import BlockBody, CometRpc, HandedIn
from registry_chain.state_machine.block import Misbehaviour
from registry_chain.storage.sealed_block import transactions_root
from weid.errors import MalformedError, RegistryUnavailableError
from weid.registry.headers import Commit, Header

_RECORDED = Path(__file__).parents[3] / "fixtures" / "cometbft" / "cometbft39.light.json"

Answer = Callable[[str, dict[str, Any]], Any]


class Node:
    """A server that answers each method as a test says."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        node = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                many = asked if isinstance(asked, list) else [asked]
                answers = [node.answer(one) for one in many]
                body = json.dumps(answers if isinstance(asked, list) else answers[0]).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self._rpc = CometRpc(f"tcp://127.0.0.1:{self.server.server_port}")

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((asked["method"], asked["params"]))
        found = self.answers[asked["method"]]
        result = found(asked["params"]) if callable(found) else found
        head = {"jsonrpc": "2.0", "id": asked["id"]}
        return (
            {**head, "error": result.args[0]}
            if isinstance(result, Exception)
            else {
                **head,
                "result": result,
            }
        )

    def rpc(self) -> CometRpc:
        return self._rpc

    def close(self) -> None:
        self._rpc.close()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def node() -> Iterator[Node]:
    found = Node()
    yield found
    found.close()


def recorded() -> list[dict[str, Any]]:
    """Return the recorded heights, each with signed header and validators."""
    blocks: dict[str, dict[str, Any]] = json.loads(_RECORDED.read_text())["blocks"]
    return [blocks[height] for height in sorted(blocks, key=int)]


def test_the_node_says_where_it_stands_and_who_its_peers_are(node: Node) -> None:
    node.answers["status"] = {
        "node_info": {"id": "ab" * 20},
        "sync_info": {
            "latest_block_height": "12",
            "earliest_block_height": "3",
            "catching_up": True,
        },
    }
    node.answers["net_info"] = {"peers": [{"node_info": {"id": "cd"}}, {"node_info": {"id": "ab"}}]}
    status = node.rpc().status()
    assert (status.node_id, status.latest, status.earliest) == ("ab" * 20, 12, 3)
    assert status.catching_up
    assert node.rpc().peers() == ("ab", "cd")


@pytest.mark.parametrize("height", ["9" * 5000, "-1", "\u0667", 1.5, None])
def test_a_height_that_is_none_is_refused(node: Node, height: object) -> None:
    node.answers["status"] = {
        "node_info": {"id": "ab" * 20},
        "sync_info": {"latest_block_height": height, "earliest_block_height": "3"},
    }
    with pytest.raises(MalformedError, match="latest_block_height"):
        node.rpc().status()


def test_validators_are_read_page_by_page(node: Node) -> None:
    keys = [
        {
            "pub_key": {
                "type": "tendermint/PubKeyEd25519",
                "value": base64.b64encode(_key(number)).decode(),
            },
            "voting_power": "1",
        }
        for number in range(130)
    ]

    def page(params: dict[str, Any]) -> dict[str, Any]:
        start = 100 * (int(params["page"]) - 1)
        return {"validators": keys[start : start + 100], "total": "130"}

    node.answers["validators"] = page
    assert len(node.rpc().validators(5).validators) == 130
    assert [params["page"] for _, params in node.asked] == ["1", "2"]


def test_a_pool_says_something_to_each_transaction(node: Node) -> None:
    said = {
        b"taken": {"code": 0, "log": ""},
        b"known": Exception({"message": "Internal error", "data": "tx already exists in cache"}),
        b"full": Exception({"message": "Internal error", "data": "mempool is full"}),
    }
    node.answers["broadcast_tx_async"] = lambda params: said[base64.b64decode(params["tx"])]
    found = node.rpc().hand_in(list(said))
    assert found[:2] == [HandedIn(), HandedIn(is_known=True)]
    assert "mempool is full" in found[2].trouble
    assert node.rpc().hand_in([b"taken"]) == [HandedIn()]


def test_what_the_engine_refuses_is_told(node: Node) -> None:
    node.answers["commit"] = Exception({"message": "Internal error", "data": "height 9 is too low"})
    with pytest.raises(RegistryUnavailableError, match="height 9 is too low"):
        node.rpc().block(9)


def test_an_engine_that_is_not_there_is_told_by_its_address() -> None:
    with pytest.raises(RegistryUnavailableError, match=r"127\.0\.0\.1:9"):
        CometRpc("tcp://127.0.0.1:9").status()


@pytest.mark.parametrize(
    ("error", "asked"), [(TimeoutError("timed out"), 1), (ConnectionResetError("reset"), 2)]
)
def test_a_kept_connection_is_made_anew_where_it_was_closed_and_not_where_nothing_came(
    node: Node, monkeypatch: pytest.MonkeyPatch, error: OSError, asked: int
) -> None:
    node.answers["net_info"] = {"peers": []}
    rpc = node.rpc()
    assert rpc.peers() == ()
    sent = []

    def broken(self: http.client.HTTPConnection, *_: object) -> None:
        sent.append(self)
        raise error

    monkeypatch.setattr(http.client.HTTPConnection, "request", broken)
    with pytest.raises(RegistryUnavailableError, match="does not answer"):
        rpc.peers()
    assert len(sent) == asked


def test_what_was_closed_is_opened_no_more(node: Node) -> None:
    node.answers["net_info"] = {"peers": []}
    rpc = node.rpc()
    assert rpc.peers() == ()
    rpc.close()
    for _ in range(2):
        with pytest.raises(RegistryUnavailableError, match="asked no more"):
            rpc.peers()
    assert len(node.asked) == 1


def test_what_is_closed_while_it_connects_leaves_nothing_open(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    rpc = node.rpc()
    made = []
    connect = http.client.HTTPConnection.connect

    def closing(self: http.client.HTTPConnection) -> None:
        made.append(self)
        rpc.close()
        connect(self)

    monkeypatch.setattr(http.client.HTTPConnection, "connect", closing)
    with pytest.raises(RegistryUnavailableError, match="asked no more"):
        rpc.peers()
    assert [one.sock for one in made] == [None]


def test_an_answer_that_is_too_large_is_told_as_that(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.answers["net_info"] = {"peers": []}
    rpc = node.rpc()
    monkeypatch.setattr("registry_chain.engines.cometbft.rpc._ANSWER_BYTES", 10)
    with pytest.raises(RegistryUnavailableError, match="more than 10 bytes"):
        rpc.peers()
    monkeypatch.undo()
    assert rpc.peers() == ()


@pytest.mark.parametrize("address", ["", "unix:///tmp/rpc", "tcp://127.0.0.1"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(MalformedError, match="address"):
        CometRpc(address)


def test_a_block_is_put_together_of_block_and_commit(node: Node) -> None:
    signed = _signed(recorded()[1])
    node.answers["block"] = {
        "block": {
            "header": signed["header"],
            "data": {"txs": [base64.b64encode(b"a").decode()]},
            "evidence": {"evidence": [_DUPLICATE]},
            "last_commit": _signed(recorded()[0])["commit"],
        }
    }
    node.answers["commit"] = {"signed_header": signed}
    height = int(signed["header"]["height"])
    found = node.rpc().block(height)
    assert found.sealed.header == Header.from_json(signed["header"])
    assert found.sealed.transactions == (b"a",)
    assert found.sealed.misbehaviour == (Misbehaviour(bytes(range(20)), 7, "duplicate_vote"),)
    assert found.commit_before is not None
    assert found.commit_before.height == height - 1
    assert transactions_root(found.sealed.transactions) != found.sealed.header.data_hash


def test_a_block_of_another_height_is_refused(node: Node) -> None:
    signed = _signed(recorded()[1])
    node.answers["block"] = {
        "block": {"header": signed["header"], "data": {"txs": None}, "evidence": {}}
    }
    node.answers["commit"] = {"signed_header": signed}
    with pytest.raises(MalformedError, match="another block"):
        node.rpc().block(int(signed["header"]["height"]) + 1)


def test_of_a_block_whose_body_is_known_only_header_and_commits_are_asked(node: Node) -> None:
    first, second = _signed(recorded()[0]), _signed(recorded()[1])
    by_height = {entry["header"]["height"]: entry for entry in (first, second)}
    node.answers["commit"] = lambda params: {"signed_header": by_height[params["height"]]}
    body = BlockBody((b"a",), (Misbehaviour(bytes(20), 7, "duplicate_vote"),))
    found = node.rpc().block(int(second["header"]["height"]), body)
    assert found.sealed.header == Header.from_json(second["header"])
    assert (found.sealed.transactions, found.sealed.misbehaviour) == (
        body.transactions,
        body.misbehaviour,
    )
    assert found.commit_before == Commit.from_json(first["commit"])
    assert {method for method, _ in node.asked} == {"commit"}


def test_a_commit_that_is_not_the_one_in_the_next_block_is_refused(node: Node) -> None:
    """What the node saw first is not what counts."""
    first, second = _signed(recorded()[0]), _signed(recorded()[1])
    seen = {**first, "commit": {**first["commit"], "round": 1 + first["commit"]["round"]}}
    by_height = {entry["header"]["height"]: entry for entry in (seen, second)}
    node.answers["commit"] = lambda params: {"signed_header": by_height[params["height"]]}
    seen["commit"]["signatures"] = second["commit"]["signatures"]
    with pytest.raises(MalformedError, match="another commit"):
        node.rpc().block(int(second["header"]["height"]), BlockBody((), ()))


def test_where_the_block_before_is_not_there_the_whole_block_is_asked_for(node: Node) -> None:
    """After state sync a node has blocks from the snapshot on, and no commit of the one before."""
    first, second = _signed(recorded()[0]), _signed(recorded()[1])
    height = second["header"]["height"]

    def commit(params: dict[str, Any]) -> Any:
        missing = Exception({"message": "Internal error", "data": "lowest height is 2"})
        return {"signed_header": second} if params["height"] == height else missing

    node.answers["commit"] = commit
    node.answers["block"] = {
        "block": {
            "header": second["header"],
            "data": {"txs": [base64.b64encode(b"a").decode()]},
            "evidence": {},
            "last_commit": first["commit"],
        }
    }
    found = node.rpc().block(int(height), BlockBody((b"a",), ()))
    assert found.sealed.transactions == (b"a",)
    assert found.commit_before == Commit.from_json(first["commit"])


def test_the_first_block_has_no_commit_before_it(node: Node) -> None:
    (first,) = (_signed(entry) for entry in recorded() if _signed(entry)["header"]["height"] == "1")
    node.answers["commit"] = {"signed_header": first}
    assert node.rpc().block(1, BlockBody((), ())).commit_before is None


_DUPLICATE = {
    "type": "tendermint/DuplicateVoteEvidence",
    "value": {"vote_a": {"validator_address": bytes(range(20)).hex().upper(), "height": "7"}},
}


def _signed(entry: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = entry["signed_header"]
    return found


def _key(number: int) -> bytes:
    from weid.crypto.keys import PrivateKey

    return PrivateKey.from_seed(number.to_bytes(32, "big")).public.raw


@pytest.mark.parametrize(
    ("response", "admitted"), [({"code": 1}, False), ({"code": 0}, True), ({}, True)]
)
def test_whether_a_peer_is_let_in_is_asked_of_the_application(
    node: Node,
    response: dict[str, int],
    admitted: bool,  # noqa: FBT001 - a row
) -> None:
    node.answers["abci_query"] = {"response": response}
    assert node.rpc().admits("0a" * 20) is admitted
    assert node.asked == [("abci_query", {"path": "/p2p/filter/id/" + "0a" * 20})]
