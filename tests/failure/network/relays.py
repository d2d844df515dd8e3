"""The wires between the nodes: a relay of TCP for each direction of dialling, with faults on it.

A cut wire passes nothing and closes nothing, as a pulled cable does; what was under way comes when
it is mended. Loss and delay are those that a program sees behind TCP: a lost segment holds up all
that follows it until it was sent again (after 200 ms, then twice as long each time). It takes
neither rights over the machine's network nor its clock: kernels differ in what they can do (`tc
netem`, namespaces), and this is the same on all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from random import Random

_CHUNK = 16 * 1024
_SEGMENT = 1448
_UNDER_WAY = 256
_RESEND = 0.2
_MOST_RESENDS = 5


@dataclass
class _Wire:
    """From one node to another that it dials: where it listens and where it leads."""

    listener: socket.socket
    target: int
    connections: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])


class Relays:
    """The wires of a network; the methods that change them may be called from any thread."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._wires: dict[tuple[str, str], _Wire] = {}
        self._cut: set[frozenset[str]] = set()
        self._loss = 0.0
        self._delay = 0.0
        self._loop = asyncio.new_event_loop()
        self._mended = asyncio.Event()
        self._servers: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="relays", daemon=True)

    def lay(self, dialler: str, listener: str, port: int) -> int:
        """Lay a wire to a node that listens at a port; return the port to dial instead."""
        opened = socket.create_server(("127.0.0.1", 0))
        self._wires[dialler, listener] = _Wire(opened, port)
        return self._wires[dialler, listener].port

    def start(self) -> None:
        """Begin to pass on."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(30)

    def close(self) -> None:
        """Close every connection and stop."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(30)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        for wire in self._wires.values():
            wire.listener.close()
        self._loop.close()

    # --- Faults ----------------------------------------------------------------------------------

    def cut(self, one: str, other: str) -> None:
        """Let nothing pass between two nodes."""
        self._change(lambda: self._cut.add(frozenset({one, other})))

    def isolate(self, name: str) -> None:
        """Cut one node off from all others."""
        self.split({name})

    def split(self, part: Collection[str]) -> None:
        """Cut every wire between a part of the nodes and the rest."""
        for one, other in self._wires:
            if (one in part) != (other in part):
                self.cut(one, other)

    def disturb(self, *, loss: float = 0.0, delay: float = 0.0) -> None:
        """Lose this share of the segments, and let all come so many seconds later."""
        self._loss, self._delay = loss, delay

    def reset(self) -> None:
        """Break off every connection, as a machine between them that is switched off does."""

        def break_off() -> None:
            for wire in self._wires.values():
                for each in wire.connections:
                    each.close()

        self._change(break_off)

    def mend(self) -> None:
        """Undo every fault."""
        self._loss = self._delay = 0.0

        def mend() -> None:
            self._cut.clear()
            self._mended.set()
            self._mended = asyncio.Event()

        self._change(mend)

    def _change(self, change: Callable[[], None]) -> None:
        async def run() -> None:
            change()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(30)

    # --- Passing on ------------------------------------------------------------------------------

    async def _serve(self) -> None:
        for (dialler, listener), wire in self._wires.items():
            pair = frozenset({dialler, listener})

            async def take(
                reader: asyncio.StreamReader,
                writer: asyncio.StreamWriter,
                pair: frozenset[str] = pair,
                wire: _Wire = wire,
            ) -> None:
                await self._connect(reader, writer, pair, wire)

            self._servers.append(await asyncio.start_server(take, sock=wire.listener))

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connect(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        pair: frozenset[str],
        wire: _Wire,
    ) -> None:
        with _closing(wire, writer):
            await self._wait_while_cut(pair)
            with contextlib.suppress(OSError):
                there, onward = await asyncio.open_connection("127.0.0.1", wire.target)
                with _closing(wire, onward):
                    ways = [
                        asyncio.ensure_future(self._pass(reader, onward, pair)),
                        asyncio.ensure_future(self._pass(there, writer, pair)),
                    ]
                    try:
                        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        for way in ways:
                            way.cancel()
                        await asyncio.gather(*ways, return_exceptions=True)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pair: frozenset[str]
    ) -> None:
        """Pass one direction on: read as it comes, write when it is due."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_UNDER_WAY)
        reading = asyncio.ensure_future(self._read(reader, under_way))
        try:
            while True:
                due, data = await under_way.get()
                wait = due - self._loop.time()
                if wait > 0:
                    await asyncio.sleep(wait)
                await self._wait_while_cut(pair)
                if not data:
                    return
                writer.write(data)
                with contextlib.suppress(OSError):
                    await writer.drain()
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(
        self, reader: asyncio.StreamReader, under_way: asyncio.Queue[tuple[float, bytes]]
    ) -> None:
        due = 0.0
        data = b"begun"
        while data:
            try:
                data = await reader.read(_CHUNK)
            except OSError:
                data = b""
            due = max(due, self._loop.time() + self._delay + self._held_up(len(data)))
            await under_way.put((due, data))

    def _held_up(self, size: int) -> float:
        """Return for how long lost segments hold up so many bytes."""
        longest = 0.0
        for _ in range(-(-size // _SEGMENT)):
            lost = 0
            while lost < _MOST_RESENDS and self._random.random() < self._loss:
                lost += 1
            longest = max(longest, _RESEND * (2**lost - 1))
        return longest

    async def _wait_while_cut(self, pair: frozenset[str]) -> None:
        while pair in self._cut:
            await self._mended.wait()


@contextlib.contextmanager
def _closing(wire: _Wire, writer: asyncio.StreamWriter) -> Iterator[None]:
    wire.connections.add(writer)
    try:
        yield
    finally:
        wire.connections.discard(writer)
        writer.close()
