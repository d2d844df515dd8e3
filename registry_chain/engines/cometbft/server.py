"""The ABCI socket: a unix socket for the CometBFT of this node alone, a thread for each connection.

CometBFT opens four connections (consensus, mempool, query, snapshot) and sends many requests before
it reads a reply, ended by Flush. So what has come is answered together, in order.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import selectors
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, Final, Self

from registry_chain.engines.cometbft.dispatch import ConsensusFailedError
from registry_chain.engines.cometbft.framing import FRAME_BYTES, encode_frame
from registry_chain.engines.cometbft.messages import Response, call_of, decode_request
from registry_chain.engines.cometbft.request_stream import QUICK_TOGETHER, RequestStream
from weid.errors import MalformedError, RegistryUnavailableError, WeidError

REPLY_BYTES: Final = 64 * 1024
"""Replies are sent at the latest when there are so many bytes of them."""
CONNECTIONS: Final = 16
"""Most connections at once: four of CometBFT, twice while it starts anew, and some to look."""
STOP_SECONDS: Final = 5.0
"""How long a stop waits for requests in work; then all connections that are left are cut."""
RETRY_SECONDS: Final = 1.0
"""How long to wait after a connection could not be taken."""

_log = logging.getLogger(__name__)


class SocketTakenError(RegistryUnavailableError):
    """The path of the socket belongs to something else: another server, or no socket at all."""


class AbciServer:
    """Serves one application on a unix socket, from `start` to `stop`.

    Args:
        path: where the socket is; who may connect is who may open it (mode 0600).
        answer: `AbciApplication.answer`: a `Request` gives a `Response`.
        on_fatal: called once, from a thread of the server, with the reason why the process must not
            go on; CometBFT has been told by then. It may call `stop`.
        frame_bytes: largest request and reply.
    """

    def __init__(
        self,
        path: Path,
        answer: Callable[[Any], Any],
        *,
        on_fatal: Callable[[str], None],
        frame_bytes: int = FRAME_BYTES,
    ) -> None:
        self.path = path
        self._answer = answer
        self._on_fatal = on_fatal
        self._frame_bytes = frame_bytes
        self._lock = Lock()
        self._listener: socket.socket | None = None
        self._wake: socket.socket | None = None
        self._identity: tuple[int, int] | None = None
        self._accepting: Thread | None = None
        self._connections: dict[socket.socket, Thread] = {}
        self._failed = False
        self._stopping = Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Open the socket and serve, in threads of its own; a server starts once.

        Raises:
            SocketTakenError: another server listens there, or what is there is no socket.
            RegistryUnavailableError: the socket cannot be made.
        """
        if self._accepting is not None:
            raise RuntimeError("a server starts once")
        self._listener = _listen(self.path)
        found = self.path.stat()
        self._identity = (found.st_dev, found.st_ino)
        self._wake, awaited = socket.socketpair()
        self._accepting = Thread(
            target=self._accept, args=(self._listener, awaited), name="abci-accept", daemon=True
        )
        self._accepting.start()

    def stop(self) -> None:
        """Take no more requests, finish those in work, and remove the socket; may be called twice.

        Replies to requests that were already read are still sent.
        """
        with self._lock:
            first = not self._stopping.is_set()
            self._stopping.set()
            connections = dict(self._connections)
        if first and self._wake is not None:
            self._wake.close()
            self._remove_path()
        for connection in connections:
            # The end of what can be read: the thread answers what it has and leaves.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RD)
        if self._accepting is not None:
            self._accepting.join(STOP_SECONDS)
        patience = STOP_SECONDS
        for connection, thread in connections.items():
            thread.join(patience)
            if thread.is_alive():
                patience = 0
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    # --- Accepting -------------------------------------------------------------------------------

    def _accept(self, listener: socket.socket, awaited: socket.socket) -> None:
        with listener, awaited, selectors.DefaultSelector() as selector:
            selector.register(listener, selectors.EVENT_READ)
            selector.register(awaited, selectors.EVENT_READ)
            while True:
                if any(key.fileobj is awaited for key, _ in selector.select()):
                    return
                try:
                    connection, _ = listener.accept()
                except OSError as error:
                    # Mostly no file number is free, and asking at once again changes nothing.
                    _log.warning("a connection was not taken: %s", error)
                    self._stopping.wait(RETRY_SECONDS)
                    continue
                self._take(connection)

    def _take(self, connection: socket.socket) -> None:
        connection.setblocking(True)
        thread = Thread(target=self._serve, args=(connection,), name="abci", daemon=True)
        with self._lock:
            refused = f"there are {CONNECTIONS} at most"
            if not self._stopping.is_set() and len(self._connections) < CONNECTIONS:
                self._connections[connection] = thread
                refused = _started(thread)
                if refused:
                    # `stop` never sees it: only a thread that was started can be waited for.
                    del self._connections[connection]
        if refused:
            _log.warning("a connection was refused: %s", refused)
            connection.close()

    def _remove_path(self) -> None:
        """Remove the socket, unless another one is in its place by now."""
        with contextlib.suppress(OSError):
            found = self.path.stat()
            if (found.st_dev, found.st_ino) == self._identity:
                self.path.unlink()

    # --- One connection --------------------------------------------------------------------------

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                reason = self._converse(connection)
        except OSError as error:
            _log.warning("a connection of CometBFT broke: %s", error)
            return
        finally:
            # Before anybody is told: whoever stops the service then must not wait for this thread.
            with self._lock:
                self._connections.pop(connection, None)
        if reason:
            self._fail(reason)

    def _converse(self, connection: socket.socket) -> str:
        """Answer requests to their end; return why the process must not go on, or an empty text."""
        requests = RequestStream(connection, frame_bytes=self._frame_bytes)
        replies = bytearray()
        reason = ""
        held = 0
        try:
            while (payload := requests.next()) is not None:
                request = decode_request(payload)
                replies += self._reply(request)
                held += 1
                due = len(replies) > REPLY_BYTES or not requests.has_another()
                if due or (call_of(request) == "flush" and not _may_wait(requests, held)):
                    connection.sendall(replies)
                    replies.clear()
                    held = 0
        except ConsensusFailedError as error:
            reason = error.message
            replies += _exception(error.message)
        except MalformedError as error:
            _log.warning("a connection is ended: %s", error.message)
            replies += _exception(error.message)
        with contextlib.suppress(OSError):
            connection.sendall(replies)
        return reason

    def _reply(self, request: Any) -> bytes:
        try:
            response = self._answer(request)
        except WeidError:
            raise
        except Exception as error:
            # What answers turns every error of an application into one of ours.
            _log.exception("%s failed: the process must not go on", call_of(request))
            raise ConsensusFailedError(
                f"{call_of(request)} failed: {type(error).__name__}"
            ) from error
        return encode_frame(response.SerializeToString(), most=self._frame_bytes)

    def _fail(self, reason: str) -> None:
        with self._lock:
            first = not self._failed
            self._failed = True
        if first:
            _log.error("the service ends: %s", reason)
            self._on_fatal(reason)


def _started(thread: Thread) -> str:
    """Start a thread; return why the system has none to give, empty where it runs."""
    try:
        thread.start()
    except RuntimeError as error:
        return str(error)
    return ""


def _may_wait(requests: RequestStream, held: int) -> bool:
    """Return whether replies may go out together with those to the requests behind a Flush."""
    return held < QUICK_TOGETHER and requests.next_is_quick


def _exception(message: str) -> bytes:
    response = Response()
    response.exception.error = message
    return encode_frame(response.SerializeToString())


def _listen(path: Path) -> socket.socket:
    """Return a socket that listens at the path, in the place of one that nobody serves any more."""
    _clear(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        # Nobody can connect before `listen`, so that no moment is open to others.
        path.chmod(0o600)
        listener.listen(CONNECTIONS)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise _taken(path) from None
        raise RegistryUnavailableError(
            f"the socket {path} cannot be made: {error.strerror or error}",
            hint="a socket's path has at most about 100 bytes, and its folder must be writable",
        ) from None
    return listener


def _clear(path: Path) -> None:
    """Remove the socket of a server that is gone; leave anything else.

    That no two servers do this at once is the store's lock: a node has one application.
    """
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        # Not there, or not to be looked at: making the socket tells.
        return
    if not stat.S_ISSOCK(mode):
        raise SocketTakenError(
            f"{path} is no socket", hint="remove what is there, or move it elsewhere"
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
            return
        except FileNotFoundError:
            return
        except OSError:
            # A full queue, a foreign owner: somebody's all the same.
            raise _taken(path) from None
    raise _taken(path)


def _taken(path: Path) -> SocketTakenError:
    return SocketTakenError(
        f"another server listens on {path}", hint="stop the node that runs on this folder"
    )
