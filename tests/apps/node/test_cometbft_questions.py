"""What a joining CometBFT may ask through the API, and what it may not."""

from __future__ import annotations

import json

import pytest

from tests.support.clauses import clause
from tests.support.node_world import node_world
from weid.errors import RegistryUnavailableError


class Asked:
    """A CometBFT that says what it was asked."""

    def __init__(self):
        self.questions = []
        self.down = False

    def __call__(self, method, params):
        if self.down:
            raise RegistryUnavailableError("down")
        self.questions.append((method, params))
        return {"jsonrpc": "2.0", "id": 0, "result": {"asked": method}}


@pytest.fixture
def asked():
    return Asked()


@pytest.fixture
def client(asked):
    return node_world().app(cometbft=asked).test_client()


def ask(client, **question):
    return client.post("/v1/cometbft", data=json.dumps({"jsonrpc": "2.0", "id": 7, **question}))


@clause("NA-22")
@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("commit", {"height": "5"}),
        ("commit", {}),
        ("validators", {"height": "5", "page": "1", "per_page": "100"}),
        ("consensus_params", {"height": "5"}),
    ],
)
def test_headers_and_validators_are_passed_on(client, asked, method, params):
    answer = ask(client, method=method, params=params)
    assert answer.json == {"jsonrpc": "2.0", "id": 7, "result": {"asked": method}}
    assert asked.questions == [(method, params)]


@clause("NA-22")
@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("broadcast_tx_sync", {"tx": "AA=="}),
        ("unsafe_flush_mempool", {}),
        ("net_info", {}),
        ("commit", {"height": "5", "prove": "true"}),
        ("commit", {"height": -5}),
        ("commit", {"height": "latest"}),
        ("commit", {"height": "٣"}),
        ("commit", {"height": "9" * 20}),
        ("commit", {"height": True}),
        (None, {}),
    ],
)
def test_nothing_else_is(client, asked, method, params):
    answer = ask(client, method=method, params=params)
    assert answer.json["error"]["code"] == -32601
    assert asked.questions == []


@clause("NA-22")
@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"a":' * 900])
def test_what_is_no_question_is_refused(client, asked, body):
    assert client.post("/v1/cometbft", data=body).status_code == 400
    assert asked.questions == []


def test_a_cometbft_that_is_down_is_told(client, asked):
    asked.down = True
    assert ask(client, method="commit", params={}).status_code == 503


@clause("NA-22")
def test_a_node_without_cometbft_has_no_such_place():
    client = node_world().app().test_client()
    assert ask(client, method="commit", params={}).status_code == 404


@clause("NA-22")
@pytest.mark.parametrize(
    "body", [b'{"id":1,"method":"commit","method":"tx","params":{}}', b"[" * 3000]
)
def test_a_question_of_two_minds_is_none(client, asked, body):
    assert client.post("/v1/cometbft", data=body).status_code == 400
    assert asked.questions == []
