"""Running a node: store, engine, app and server put together, and taken down in order."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Final

from registry_chain.application import RegistryApplication
from registry_chain.engines.embedded.embedded import EmbeddedEngine
from registry_chain.engines.engine import Engine
from registry_chain.events import EventFeed
from registry_chain.node.app import create_app
from registry_chain.node.chain_view import ChainView
from registry_chain.node.explorer.register import Register
from registry_chain.node.listening import Listening, listen
from registry_chain.node.parts import NodeParts
from registry_chain.node.scrubber import Scrubber
from registry_chain.node.settings import NodeSettings
from registry_chain.reader import CommittedReader, RecordReader
from registry_chain.storage.store import ChainStore
from weid.clock import Clock
from weid.crypto.signer import Signer
from weid.registry.pinned_genesis import parse_genesis

DRAIN_SECONDS: Final = 5.0
"""How long requests in work may go on after the signal to stop."""
_FLUSH_SECONDS: Final = 0.2


def build_parts(engine: Engine, *, clock: Clock, settings: NodeSettings) -> NodeParts:
    """Return the parts of a node's face over a running engine."""
    store = engine.application.store
    source = CommittedReader(store)
    genesis_hash = engine.application.genesis.genesis_hash
    return NodeParts(
        engine=engine,
        genesis=parse_genesis(source.genesis(), expected_genesis_hash=genesis_hash),
        source=source,
        chain=ChainView(source),
        feed=EventFeed(store),
        clock=clock,
        settings=settings,
    )


class _Requests:
    """Counts requests in work, so that stopping can wait for them."""

    def __init__(self, app: Callable[..., object]) -> None:
        self._app = app
        self._lock = threading.Lock()
        self.in_work = 0

    def __call__(self, environ: object, start_response: object) -> object:
        with self._lock:
            self.in_work += 1
        try:
            return self._app(environ, start_response)
        finally:
            with self._lock:
                self.in_work -= 1


def serve(
    store: ChainStore,
    signer: Signer,
    listening: Listening,
    *,
    clock: Clock,
    settings: NodeSettings,
    announce: Callable[[Listening], None],
) -> None:
    """Serve a chain until SIGTERM or SIGINT; then finish what is in work and close the store.

    `announce` is called with the place once connections are accepted. Must run in the main
    thread. After the signal no request is begun; those in work have `DRAIN_SECONDS`; the block in
    work is finished (D20).

    Raises:
        RegistryUnavailableError: the address cannot be listened on.
    """
    engine = EmbeddedEngine(RegistryApplication(store), signer, clock=clock)
    try:
        parts = build_parts(engine, clock=clock, settings=settings)
        records = RecordReader(store, head=engine.head)
        app = create_app(parts, lambda: Register(records, CommittedReader(store), parts.chain))
        requests = _Requests(app)
        server, there = listen(requests, listening, settings)
        Scrubber(store, parts.faults, parts.closing).start()
        stop_on_signal(parts.closing, lambda: requests.in_work)
        announce(there)
        # Ends by SystemExit, which the handler raises in this thread and the server takes.
        server.run()
        server.close()
    finally:
        engine.close()


def stop_on_signal(closing: threading.Event, in_work: Callable[[], int]) -> None:
    """Have SIGTERM and SIGINT stop the server that runs in this (the main) thread, in order.

    The first signal sets `closing`; once no request is in work, or `DRAIN_SECONDS` have passed,
    SystemExit is raised in the main thread.
    """
    main = threading.main_thread()
    drained = threading.Event()

    def drain() -> None:
        end = time.monotonic() + DRAIN_SECONDS
        while in_work() and time.monotonic() < end:
            time.sleep(0.02)
        # What was answered last is still on its way to the sockets.
        time.sleep(_FLUSH_SECONDS)
        drained.set()
        if main.ident is not None:
            signal.pthread_kill(main.ident, signal.SIGTERM)

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        if drained.is_set():
            raise SystemExit(0)
        if not closing.is_set():
            closing.set()
            threading.Thread(target=drain, name="drain", daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
