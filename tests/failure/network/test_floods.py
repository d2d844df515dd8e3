"""Strangers who ask too much, or send what nothing means: others are served meanwhile."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import urllib.error
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from random import Random
from typing import Any

import pytest

from tests.failure.network.cluster import Cluster
from tests.failure.network.drill import Drill
from tests.failure.network.nodes import Node
from tests.support.clauses import clause

pytestmark = pytest.mark.faults

_SOCKETS = 1000


@contextmanager
def held(port: int, count: int, begun: bytes) -> Iterator[int]:
    """Hold so many connections on which a request is begun and never ended."""
    with ExitStack() as stack:
        held_open = 0
        for _ in range(count):
            with contextlib.suppress(OSError):
                one = stack.enter_context(socket.create_connection(("127.0.0.1", port), 5))
                one.sendall(begun)
                held_open += 1
        yield held_open


def refused(node: Node, method: str, **parameters: object) -> bool:
    """Ask a node's CometBFT for what it must not do; return whether it said no."""
    try:
        answer: dict[str, Any] = node.ask(method, **parameters)
    except (KeyError, OSError, urllib.error.URLError):
        return True
    return bool(answer.get("code", 0))


@clause("B21")
def test_a_thousand_sockets_slow_clients_and_ten_megabytes(drill: Drill) -> None:
    node = drill.cluster.validators[0]
    slow = b"POST /v1/transactions HTTP/1.1\r\nHost: here\r\nContent-Length: 100000\r\n\r\nx"
    large = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 10485760\r\n\r\n"
    with held(node.api_port, _SOCKETS, slow) as api, held(node.rpc_port, _SOCKETS, b"G") as rpc:
        assert api > _SOCKETS // 2
        assert rpc > 0
        drill.goes_on(5)
        for port in (node.api_port, node.rpc_port):
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", port), 5) as one,
            ):
                one.sendall(large + bytes(10 * 2**20))
        drill.goes_on(3)
        drill.cluster.caught_up(drill.cluster.validators[1:])
    raw = base64.b64encode(bytes(10 * 2**20)).decode()
    assert refused(node, "broadcast_tx_sync", tx=raw)
    drill.recovered()


@clause("B22")
def test_garbage_for_evidence_transactions_and_peers(drill: Drill) -> None:
    random = Random(22)
    cluster: Cluster = drill.cluster
    node = cluster.validators[1]
    for number in range(200):
        raw = random.randbytes(random.randrange(1, 2000))
        assert refused(node, "broadcast_tx_sync", tx=base64.b64encode(raw).decode())
        evidence = {"type": "tendermint/DuplicateVoteEvidence", "value": {"n": number}}
        assert refused(node, "broadcast_evidence", evidence=evidence)
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", node.p2p_port), 5) as one,
        ):
            one.sendall(os.urandom(random.randrange(1, 4096)))
    drill.goes_on(5)
    drill.recovered()
