"""Endpoints behind a real server on 127.0.0.1, for clients that are programs of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from werkzeug.wrappers import Request, Response

from tests.support.cli_world import Server
from weid.transport import HttpTransport


@contextmanager
def served(transport: HttpTransport, origin: str) -> Iterator[dict[str, str]]:
    """Serve what a transport in this process reaches; yield where that origin really is."""

    @Request.application
    def app(request: Request) -> Response:
        url = origin + request.full_path.removesuffix("?")
        headers = dict(request.headers)
        if request.method == "GET":
            reply = transport.get(url, accept=headers.get("Accept", "*/*"), headers=headers)
        else:
            reply = transport.post(
                url,
                request.get_data(),
                content_type=headers.get("Content-Type", ""),
                headers=headers,
            )
        return Response(reply.body, reply.status, dict(reply.headers))

    server = Server(lambda _: app)
    try:
        yield {origin: server.url}
    finally:
        server.close()
