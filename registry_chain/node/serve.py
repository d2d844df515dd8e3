"""Running a node: store, engine, app and server put together, and taken down in order."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import FrameType
from typing import Final

from werkzeug.wsgi import ClosingIterator

from registry_chain.application import RegistryApplication
from registry_chain.engines.collection import search_less_often
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
from registry_chain.node.webhooks.opening import with_webhooks
from registry_chain.reader import CommittedReader, RecordReader
from registry_chain.storage.store import ChainStore
from weid.clock import Clock
from weid.crypto.signer import Signer
from weid.encoding import JsonObject
from weid.registry.pinned_genesis import parse_genesis

DRAIN_SECONDS: Final = 5.0
"""How long requests in work may go on after the signal to stop."""
_FLUSH_SECONDS: Final = 0.2


def build_parts(engine: Engine, *, clock: Clock, settings: NodeSettings) -> NodeParts:
    """Return the parts of a node's face over a running engine."""
    store = engine.application.store
    source = CommittedReader(store)
    genesis_hash = engine.application.genesis.genesis_hash
    parts = NodeParts(
        engine=engine,
        genesis=parse_genesis(source.genesis(), expected_genesis_hash=genesis_hash),
        source=source,
        chain=ChainView(source),
        feed=EventFeed(store),
        clock=clock,
        settings=settings,
    )
    return parts if settings.folder is None else with_webhooks(parts, settings.folder)


class _Requests:
    """Counts requests in work, so that stopping can wait for them."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app
        self._lock = threading.Lock()
        self.in_work = 0

    def __call__(self, environ: object, start_response: object) -> Iterable[bytes]:
        with self._lock:
            self.in_work += 1
        try:
            answer = self._app(environ, start_response)
        except BaseException:
            self._done()
            raise
        # A stream is in work until its last byte.
        return ClosingIterator(answer, self._done)

    def _done(self) -> None:
        with self._lock:
            self.in_work -= 1


def serve(  # noqa: PLR0913 - its surroundings, each named
    store: ChainStore,
    signer: Signer,
    listening: Listening,
    *,
    clock: Clock,
    settings: NodeSettings,
    announce: Callable[[Listening], None],
    tidy: Callable[[int], object] = lambda _: None,
    runs: Callable[[EmbeddedEngine], None] = lambda _: None,
) -> None:
    """Serve a chain until SIGTERM or SIGINT; then finish what is in work and close the store.

    `announce` is called with the place once connections are accepted. Must run in the main
    thread. `tidy` is the engine's; `runs` is given the engine, for orders of the operator. After
    the signal no request is begun; those in work have `DRAIN_SECONDS`; the block in work is
    finished (D20).

    Raises:
        RegistryUnavailableError: the address cannot be listened on.
    """
    engine = EmbeddedEngine(RegistryApplication(store), signer, clock=clock, tidy=tidy)
    runs(engine)
    serve_engine(engine, listening, clock=clock, settings=settings, announce=announce)


def serve_engine(  # noqa: PLR0913 - same
    engine: Engine,
    listening: Listening,
    *,
    clock: Clock,
    settings: NodeSettings,
    announce: Callable[[Listening], None],
    at_signal: Callable[[], None] = lambda: None,
    told: threading.Event | None = None,
    stop_first: Callable[[], None] = lambda: None,
    sealed: bool = True,
    cometbft: Callable[[str, JsonObject], JsonObject] | None = None,
) -> None:
    """Serve the chain of a running engine, which is closed at the end; otherwise as `serve`.

    `at_signal` is called when the stop is ordered: for what would be waited for in vain; `told` is
    set where that was before (`noting_signals`). `stop_first` is called before the engine is
    closed: for what drives it from elsewhere. `sealed` as False says that the newest blocks may
    follow their state, as under CometBFT; `cometbft` asks that one for the headers that others
    need to join.
    """
    store = engine.application.store
    with ExitStack() as until_closed:
        until_closed.callback(engine.close)
        until_closed.callback(stop_first)
        parts = build_parts(engine, clock=clock, settings=settings)
        records = RecordReader(store, head=engine.head)
        parts = replace(parts, cometbft=cometbft, records=records)
        app = create_app(parts, lambda: Register(records, CommittedReader(store), parts.chain))
        requests = _Requests(app)
        server, there = listen(requests, listening, settings)
        Scrubber(store, parts.faults, parts.closing, sealed=sealed).start()
        stop_on_signal(parts.closing, lambda: requests.in_work, at_signal=at_signal, told=told)
        if parts.webhooks is not None:
            parts.webhooks.start()
            until_closed.callback(parts.webhooks.stop)
        search_less_often()
        announce(there)
        # Ends by SystemExit, which the handler raises in this thread and the server takes.
        server.run()
        server.close()


def stop_on_signal(
    closing: threading.Event,
    in_work: Callable[[], int],
    *,
    at_signal: Callable[[], None] = lambda: None,
    told: threading.Event | None = None,
) -> None:
    """Have SIGTERM and SIGINT stop the server that runs in this (the main) thread, in order.

    The first signal sets `closing` and lets `at_signal` be called; once no request is in work, or
    `DRAIN_SECONDS` have passed, SystemExit is raised in the main thread. `told` that is set counts
    as the first signal.
    """
    main = threading.main_thread()
    drained = threading.Event()

    def drain() -> None:
        at_signal()
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
    # Asked after the handlers are there: what came before them was noted, what comes now is taken.
    if told is not None and told.is_set():
        stop(signal.SIGTERM, None)


@contextmanager
def noting_signals() -> Iterator[threading.Event]:
    """Note SIGTERM and SIGINT in the event, until `stop_on_signal` takes them or the block ends.

    For what begins before a server runs: it can be closed in order then too. Main thread only.
    """
    told = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: told.set())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
