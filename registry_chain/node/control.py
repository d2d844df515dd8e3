"""Orders of the operator to the running node: a socket in the node's folder, for its owner only.

One line of JSON asked, one answered. Orders are what a second process could not do: the store has
one, and so has the seal.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from weid.encoding import JsonObject, json_loads_object
from weid.errors import MalformedError, RegistryUnavailableError, WeidError

_LINE_BYTES: Final = 16 * 1024
_PATH_BYTES: Final = 100
"""A socket's path may be no longer than this on any system."""
_ANSWER_SECONDS: Final = 3600
"""Longest backup that is waited for."""

Orders = dict[str, Callable[[JsonObject], JsonObject]]


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        answer: JsonObject
        try:
            asked = json_loads_object(
                self.rfile.readline(_LINE_BYTES).strip(), what="the order", max_bytes=_LINE_BYTES
            )
            order = self.server.orders.get(str(asked.get("order")))
            if order is None:
                raise MalformedError("the node does not know that order")
            answer = {"done": order(asked)}
        except WeidError as error:
            answer = {"message": error.message, "hint": error.hint}
        except OSError as error:
            answer = {"message": f"the order failed: {error.strerror}", "hint": None}
        with contextlib.suppress(OSError):
            self.wfile.write(json.dumps(answer).encode() + b"\n")


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, path: str, orders: Orders) -> None:
        self.orders = orders
        super().__init__(path, _Handler)


@contextmanager
def listen_for_orders(path: Path, orders: Orders) -> Iterator[None]:
    """Take orders at a socket for as long as the `with` block runs.

    Where the path is too long for a socket, there is none, and nobody can give orders.
    """
    if len(os.fsencode(path)) > _PATH_BYTES:
        yield
        return
    path.unlink(missing_ok=True)
    before = os.umask(0o177)
    try:
        server = _Server(str(path), orders)
    finally:
        os.umask(before)
    thread = threading.Thread(target=server.serve_forever, name="orders", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        path.unlink(missing_ok=True)


def give_order(path: Path, order: str, **members: str) -> JsonObject:
    """Give the running node an order and return what it answers.

    Raises:
        RegistryUnavailableError: no node listens there.
        MalformedError: the node refuses, with its reason.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(_ANSWER_SECONDS)
            client.connect(str(path))
            client.sendall(json.dumps({"order": order, **members}).encode() + b"\n")
            with client.makefile("rb") as lines:
                line = lines.readline(_LINE_BYTES)
    except OSError:
        raise RegistryUnavailableError("no node is running in that folder") from None
    answer = json_loads_object(line.strip(), what="the node's answer", max_bytes=_LINE_BYTES)
    done = answer.get("done")
    if isinstance(done, dict):
        return done
    hint = answer.get("hint")
    raise MalformedError(str(answer.get("message")), hint=hint if isinstance(hint, str) else None)
