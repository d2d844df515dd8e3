"""A WSGI application behind the real server, on a free port of this machine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import waitress
from flask import Flask


@contextmanager
def served(make: Callable[[str], Flask]) -> Iterator[str]:
    """Serve the application that `make(url)` returns; the address is known before it is made."""
    late: dict[str, Flask] = {}
    server = waitress.create_server(
        lambda environ, start: late["app"](environ, start),
        host="127.0.0.1",
        port=0,
        threads=4,
        ident=None,
    )
    url = f"http://127.0.0.1:{server.effective_port}"
    late["app"] = make(url)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield url
    finally:
        server.close()
        thread.join(10)
