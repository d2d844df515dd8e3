"""The order to stop before a node's server runs: it is noted, and everything is closed in order."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from registry_chain.node.comet_node import CometSurroundings, serve_comet
from registry_chain.node.listening import Listening
from registry_chain.node.serve import noting_signals, stop_on_signal
from registry_chain.node.settings import NodeSettings
from registry_chain.storage.memory import MemoryChainStore
from tests.support.chain_world import NOW, genesis
from weid.clock import FixedClock

SECONDS = 60
STOPS = (signal.SIGTERM, signal.SIGINT)


@pytest.fixture
def handlers():
    """Handlers by which a signal that nobody takes is seen, not the end of the tests."""
    lost: list[int] = []
    before = {number: signal.signal(number, lambda n, _: lost.append(n)) for number in STOPS}
    yield lost
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", STOPS)
def test_an_order_between_the_waiting_and_the_server_is_taken_by_the_server(handlers, number):
    closing, called = threading.Event(), []
    with noting_signals() as told:
        os.kill(os.getpid(), number)
        assert told.is_set()
        stop_on_signal(closing, lambda: 0, at_signal=lambda: called.append(1), told=told)
        assert closing.is_set()
        with pytest.raises(SystemExit):
            threading.Event().wait(SECONDS)
    assert called == [1]
    assert handlers == []


def test_without_an_order_the_server_runs(handlers):
    closing = threading.Event()
    with noting_signals() as told:
        stop_on_signal(closing, lambda: 0, told=told)
    assert not closing.is_set()
    os.kill(os.getpid(), signal.SIGTERM)
    assert handlers == [signal.SIGTERM]


def test_a_node_that_is_stopped_before_it_has_a_state_closes_what_it_opened(handlers, tmp_path):
    socket = tmp_path / "abci.sock"
    seen = []

    def waits():
        seen.append(socket.exists())
        os.kill(os.getpid(), signal.SIGTERM)

    serve_comet(
        MemoryChainStore(),
        genesis(),
        CometSurroundings(
            rpc_address="http://127.0.0.1:1",
            socket=socket,
            initial_height=1,
            version="test",
            snapshots=tmp_path / "snapshots",
            snapshot_blocks=0,
            has_peers=False,
        ),
        Listening("127.0.0.1", 0),
        clock=FixedClock(NOW),
        settings=NodeSettings(operator="", folder=None, trusted_proxies=()),
        announce=lambda _: None,
        waits=waits,
        tidy=lambda _: None,
    )
    assert seen == [True]
    assert not socket.exists()
    assert handlers == []
