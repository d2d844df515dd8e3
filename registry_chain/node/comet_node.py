"""A node's application process on CometBFT: engine, ABCI server and face, put together.

CometBFT itself is the other process of the node; the supervisor keeps the two together. When
either side can no longer go on, this process ends and says why.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from registry_chain.application import RegistryApplication
from registry_chain.engines.cometbft.consensus import CometApplication
from registry_chain.engines.cometbft.dispatch import AbciApplication
from registry_chain.engines.cometbft.engine import CometEngine
from registry_chain.engines.cometbft.peer_watch import PeerWatch
from registry_chain.engines.cometbft.rpc import CometRpc
from registry_chain.engines.cometbft.server import AbciServer
from registry_chain.engines.cometbft.snapshot_schedule import SnapshotSchedule
from registry_chain.engines.cometbft.state_snapshots import StateSnapshots
from registry_chain.engines.cometbft.strangers import StrangerWatch, Surroundings, surroundings
from registry_chain.node.listening import Listening
from registry_chain.node.serve import noting_signals, serve_engine
from registry_chain.node.settings import NodeSettings
from registry_chain.reader import RecordReader
from registry_chain.state_machine.genesis import Genesis
from registry_chain.state_machine.nodes import is_admitted
from registry_chain.state_sync import SnapshotMaker
from registry_chain.storage.committed import SnapshotState
from registry_chain.storage.sealed_block import read_validators
from registry_chain.storage.store import ChainStore
from weid.clock import Clock
from weid.errors import RegistryUnavailableError
from weid.registry.validators import ValidatorSet

_LOOK_SECONDS: Final = 0.2

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CometSurroundings:
    """Where this node's CometBFT is: its RPC, our socket for it, and the height it begins at.

    `version` is the software's own, as peers are told. `snapshots` is the folder of the snapshots
    that it gives to others, one every `snapshot_blocks`; with 0 it makes none. `has_peers` says
    that its settings name other nodes.
    """

    rpc_address: str
    socket: Path
    initial_height: int
    version: str
    snapshots: Path
    snapshot_blocks: int
    has_peers: bool


def serve_comet(  # noqa: PLR0913 - its surroundings, each named
    store: ChainStore,
    genesis: Genesis,
    comet: CometSurroundings,
    listening: Listening,
    *,
    clock: Clock,
    settings: NodeSettings,
    announce: Callable[[Listening], None],
    waits: Callable[[], None],
    tidy: Callable[[int], object],
) -> None:
    """Serve a chain that CometBFT orders, until SIGTERM or SIGINT, as `serve` does.

    A store without a chain takes its state from other nodes first (state sync): then `waits` is
    called, and the face is shown when the state is there. `tidy` is the settler's.

    Raises:
        RegistryUnavailableError: an address cannot be listened on, or the node had to stop.
    """
    reasons: list[str] = []

    def stop(reason: str) -> None:
        reasons.append(reason)
        _log.critical("the node stops: %s", reason)
        os.kill(os.getpid(), signal.SIGTERM)

    application = RegistryApplication(store)
    rpc = CometRpc(comet.rpc_address)
    engine = CometEngine(application, rpc, clock=clock, on_fatal=stop, tidy=tidy)
    maker = SnapshotMaker(store, comet.snapshots)
    begun = threading.Event()
    consensus = CometApplication(
        application,
        engine.settler,
        StateSnapshots(application, genesis, maker, on_taken=begun.set),
        initial_height=comet.initial_height,
        first_validators=lambda: _announced(store),
        admits=lambda node_id: _admits(application, engine, node_id),
        clock=clock,
        version=comet.version,
        on_refused=engine.refused,
    )
    server = AbciServer(comet.socket, AbciApplication(consensus).answer, on_fatal=stop)
    # From before anything can order the stop until everything is closed: none kills in between.
    with noting_signals() as told, ExitStack() as until_closed:
        until_closed.callback(rpc.close)
        until_closed.callback(engine.close)
        until_closed.callback(server.stop)
        engine.start()
        server.start()
        if not application.begun:
            waits()
            _wait_for_state(begun, told)
        if application.begun and not told.is_set():
            if comet.has_peers:
                watch = PeerWatch(
                    rpc,
                    engine.settler.stored_height,
                    on_alone=stop,
                    monotonic=time.monotonic,
                )
                watch.start()
                until_closed.callback(watch.stop)
                strangers = StrangerWatch(
                    rpc,
                    admits=lambda node_id: _admits(application, engine, node_id),
                    surroundings=lambda: _surroundings(application, engine, rpc),
                    on_stranger=stop,
                    clock=clock,
                    monotonic=time.monotonic,
                )
                strangers.start()
                until_closed.callback(strangers.stop)
            if comet.snapshot_blocks:
                schedule = SnapshotSchedule(application, maker, every=comet.snapshot_blocks)
                schedule.start()
                until_closed.callback(schedule.stop)
            serve_engine(
                engine,
                listening,
                clock=clock,
                settings=settings,
                announce=announce,
                at_signal=engine.refuse_waiting,
                told=told,
                stop_first=server.stop,
                sealed=False,
                cometbft=rpc.ask,
            )
    if reasons:
        raise RegistryUnavailableError(reasons[0], hint="start it again")


def _wait_for_state(begun: threading.Event, told: threading.Event) -> None:
    """Wait in the main thread until the state is there, or the node is told to stop."""
    while not begun.wait(_LOOK_SECONDS) and not told.is_set():
        pass


def _admits(application: RegistryApplication, engine: CometEngine, node_id: bytes) -> bool:
    """Return whether the registry has admitted a node.

    Without a state nobody can be told from anybody: what a node takes from others then is proved
    by the header that its operator named, and peers are judged as soon as the state is there.
    """
    if not application.begun:
        return True
    return is_admitted(RecordReader(application.store, head=engine.head).node(node_id))


def _surroundings(
    application: RegistryApplication, engine: CometEngine, rpc: CometRpc
) -> Surroundings | None:
    """Return what this node knows of the network, None where it is no part of it."""
    newest = engine.settler.newest
    if newest is None:
        return None
    own_id = bytes.fromhex(rpc.status().node_id)
    records = RecordReader(application.store, head=engine.head).nodes()
    with application.store.snapshot() as snapshot:
        sealers = read_validators(snapshot, newest.header.validators_hash)
    return surroundings(own_id, records, newest, sealers)


def _announced(store: ChainStore) -> ValidatorSet:
    """Return the validators that seal the next block."""
    with store.snapshot() as snapshot:
        return read_validators(snapshot, SnapshotState(snapshot).position.validators_hash)
