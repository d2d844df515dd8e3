"""The API of an issuer application, as a client sees it (`/api/v1`, a token, JSON)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from weid.encoding import JsonObject, json_dumps, json_loads_object
from weid.errors import MalformedError, ProtocolError

if TYPE_CHECKING:
    from weid.transport import HttpReply, HttpTransport

SECONDS: Final = 120.0
"""Longest that checking a file of the most rows may take."""
ANSWER_BYTES: Final = 64 * 1024 * 1024
"""Offers of the largest batch."""
_JSON: Final = "application/json"
_DEPTH: Final = 40
_HINTS: Final = {
    401: "ask an administrator for a new token (issuer-app create-token), then: weid issuer login",
    403: "ask a colleague whose roles allow it; a batch is approved by another person.",
    404: "`weid issuer templates`, `batches` and `list` show what there is.",
    409: "look again with `weid issuer show` or `weid issuer batches`, then decide anew.",
    422: "correct what is named, then run it again.",
    429: "wait a minute, then run it again.",
}


class IssuerApi:
    """Asks one application with one token. `path` arguments are the segments below /api/v1.

    Every method raises:
        ProtocolError: the application refuses; code, words and hint say why.
        TransportError: it does not answer, or its address is refused.
        MalformedError: what answers is no such application.
    """

    hints: Mapping[int, str] = _HINTS
    """What to do about a refusal, by its status."""
    kind = "an issuer application"

    def __init__(self, url: str, token: str, transport: HttpTransport) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._transport = transport

    def get(self, *path: str, **asked: str | int) -> JsonObject:
        """Read something."""
        reply = self._transport.get(
            self._url(path, asked),
            accept=_JSON,
            headers=self._headers,
            max_bytes=ANSWER_BYTES,
            timeout=SECONDS,
        )
        return _read(reply, self.hints, self.kind)

    def change(self, *path: str, body: JsonObject | None = None) -> JsonObject:
        """Change something."""
        return self._post(path, {}, json_dumps(body or {}), _JSON)

    def send_file(self, *path: str, content: bytes, asked: Mapping[str, str]) -> JsonObject:
        """Send a file as it is."""
        return self._post(path, asked, content, "application/octet-stream")

    def _post(
        self, path: tuple[str, ...], asked: Mapping[str, str | int], body: bytes, kind: str
    ) -> JsonObject:
        reply = self._transport.post(
            self._url(path, asked),
            body,
            content_type=kind,
            accept=_JSON,
            headers=self._headers,
            max_bytes=ANSWER_BYTES,
            timeout=SECONDS,
        )
        return _read(reply, self.hints, self.kind)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def _url(self, path: tuple[str, ...], asked: Mapping[str, str | int]) -> str:
        query = f"?{urlencode(asked)}" if asked else ""
        return "/".join([f"{self.url}/api/v1", *(quote(step, safe="") for step in path)]) + query


def _read(reply: HttpReply, hints: Mapping[int, str], kind: str) -> JsonObject:
    what = "the application's answer"
    if reply.content_type != _JSON:
        raise MalformedError(
            f"{what} is not JSON (status {reply.status})",
            hint=f"look at the address: it must be that of {kind}.",
        )
    value = json_loads_object(reply.body, what=what, max_bytes=ANSWER_BYTES, max_depth=_DEPTH)
    if reply.status < 300:
        return value
    code, message, hint = (value.get(name) for name in ("error", "message", "hint"))
    raise ProtocolError(
        code if isinstance(code, str) else "server_error",
        message if isinstance(message, str) else "",
        status=reply.status,
        hint=hints.get(reply.status) or (hint if isinstance(hint, str) and hint else None),
    )


def objects(value: JsonObject, name: str) -> list[dict[str, Any]]:
    """Return a list of objects that an answer holds under a name.

    Raises:
        MalformedError: there is no such list.
    """
    found = value.get(name)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise MalformedError(f"the application's answer has no list {name}")
    return [one for one in found if isinstance(one, dict)]


def retry_pause(attempt: int) -> float:
    """Return how many seconds to wait before looking again the n-th time: 0.1 s to 2 s."""
    return min(2.0, 0.1 * 1.5 ** min(attempt, 20))
