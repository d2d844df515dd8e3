"""An HttpTransport that calls Flask apps in this process, by the URL's origin."""

from __future__ import annotations

from urllib.parse import urlsplit

from weid.errors import TransportError
from weid.transport import HttpReply


class FlaskTransport:
    """Sends each request to the app of its origin; unknown origins cannot be reached.

    `asked` lists the requests; `down` holds origins that do not answer now.
    """

    def __init__(self, **apps):
        self.apps = {f"https://{name}.example": app for name, app in apps.items()}
        self.asked = []
        self.down = set()

    def get(self, url, *, accept="*/*", headers=None, max_bytes=2**21, timeout=3):
        return self._ask("GET", url, accept, headers, max_bytes)

    def post(
        self, url, body, *, content_type, accept="*/*", headers=None, max_bytes=2**21, timeout=3
    ):
        headers = {**(headers or {}), "Content-Type": content_type}
        return self._ask("POST", url, accept, headers, max_bytes, body)

    def _ask(self, method, url, accept, headers, max_bytes, body=None):
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        self.asked.append((method, url))
        if origin not in self.apps or origin in self.down:
            raise TransportError(f"{parts.netloc} cannot be reached")
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        reply = (
            self.apps[origin]
            .test_client()
            .open(path, method=method, headers={**(headers or {}), "Accept": accept}, data=body)
        )
        if len(reply.data) > max_bytes:
            raise TransportError("the answer is larger than allowed", refused=True)
        return HttpReply(
            reply.status_code, {k.lower(): v for k, v in reply.headers.items()}, reply.data
        )
