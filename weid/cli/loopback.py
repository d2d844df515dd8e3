"""Hearing the answer of a sign-in: a listener on this machine, for one request (RFC 8252, 7.3)."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, HTTPServer
from types import TracebackType
from typing import Final, Self

from weid.errors import WalletError

HOST: Final = "127.0.0.1"
PATH: Final = "/weid-wallet"
SECONDS: Final = 600
"""How long a person may take to sign in."""
_PAGE: Final = b"<!doctype html><title>weid</title><p>You may close this page."
_TARGET_CHARACTERS: Final = 8192


class RedirectListener:
    """Listens on a port of the loopback address, 0 for any, until `close` or the `with` ends."""

    def __init__(self, port: int = 0, *, seconds: float = SECONDS) -> None:
        found: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                """Take the answer; whatever else the browser asks for is not there."""
                taken = self.path.partition("?")[0] == PATH and len(self.path) < _TARGET_CHARACTERS
                self.send_response(200 if taken else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Referrer-Policy", "no-referrer")
                self.send_header("Connection", "close")
                self.end_headers()
                if taken:
                    found.append(self.path)
                    self.wfile.write(_PAGE)

            def log_message(self, *_: object) -> None:
                """Write nothing: the address has a code in it."""

        self._found = found
        try:
            self._server = HTTPServer((HOST, port), Handler)
        except OSError:
            raise WalletError(
                f"nothing can listen on port {port} of this machine",
                hint="Another program may have it: choose another --redirect-port.",
            ) from None
        self._server.timeout = seconds

    @property
    def redirect_uri(self) -> str:
        """Where a browser is to bring the answer."""
        return f"http://{HOST}:{self._server.server_port}{PATH}"

    def wait(self) -> str:
        """Return the URL that the browser was sent to.

        Raises:
            WalletError: nobody came in time.
        """
        for _ in range(16):
            self._server.handle_request()
            if self._found:
                return self.redirect_uri.removesuffix(PATH) + self._found[0]
        raise WalletError("nobody came back from the sign-in", hint="Take the offer again.")

    def close(self) -> None:
        """Stop listening."""
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
