"""A node over a registry of this process, behind a socket that is held already."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from tests.support.node_world import NodeWorld


class _Silent(WSGIRequestHandler):
    def log_message(self, *_arguments):
        pass


class _Server(ThreadingMixIn, WSGIServer):
    """Ends in order from another thread, each request answered before."""

    daemon_threads = False


@contextmanager
def answering(registry, held, *, clock):
    """Answer on a socket that is bound until the end of the block; before, nobody is there."""
    host, port = held.getsockname()
    server = _Server((host, port), _Silent, bind_and_activate=False)
    server.socket.close()
    server.socket = held
    server.server_name, server.server_port = host, port
    server.setup_environ()
    server.set_app(NodeWorld(registry, clock, None, "", None).app())
    server.server_activate()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
