"""What a web application hands to an endpoint and gets back: values, no framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from weid.encoding import JsonObject, json_dumps
from weid.errors import ProtocolError

_JSON: Final = "application/json"
_NEVER_KEPT: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
RETRY_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class EndpointRequest:
    """The parts of an HTTP request that the endpoints look at; `query` is without `?`.

    `source` is who sent it as far as the application knows, such as an address or its network;
    it serves limits alone. Empty where all are to be counted as one.
    """

    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    query: str = field(default="", repr=False)
    source: str = field(default="", repr=False)

    def header(self, name: str) -> str:
        """Return a header by its name in any case; empty where it is missing."""
        return next((v for k, v in self.headers.items() if k.lower() == name.lower()), "")


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP response: status, headers, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class UnauthorizedError(ProtocolError):
    """No access token, or one that opens nothing (RFC 6750 section 3, RFC 9449 section 7.1).

    `given` says whether there was one: a request without any learns no error code. `scheme` is
    how the token came, `code` what is wrong.
    """

    def __init__(
        self,
        *,
        given: bool,
        scheme: str = "Bearer",
        code: str = "invalid_token",
        description: str = "an access token is needed",
    ) -> None:
        super().__init__(code, description, status=401)
        self.challenge = f'{scheme} error="{code}"' if given else scheme


class TooOftenError(ProtocolError):
    """Somebody asks more often than they were told to; `retry_after` seconds to wait."""

    def __init__(self, *, retry_after: int) -> None:
        super().__init__("slow_down", "this was asked too often: wait", status=429)
        self.retry_after = retry_after


def json_reply(value: JsonObject, *, status: int = 200, may_be_kept: bool = False) -> Reply:
    """Return a JSON reply; unless it `may_be_kept`, no cache may keep it."""
    headers = {"Content-Type": _JSON, **({} if may_be_kept else _NEVER_KEPT)}
    return Reply(status, headers, json_dumps(value))


def text_reply(text: str, content_type: str) -> Reply:
    """Return a reply of ASCII text, such as a token, that no cache may keep."""
    return Reply(200, {"Content-Type": content_type, **_NEVER_KEPT}, text.encode("ascii"))


def empty_reply() -> Reply:
    """Return the reply of a request that was carried out and has no answer."""
    return Reply(204, dict(_NEVER_KEPT), b"")


def redirect_reply(url: str) -> Reply:
    """Return a redirect that a browser follows with GET."""
    return Reply(303, {"Location": url, **_NEVER_KEPT}, b"")


def error_reply(error: ProtocolError) -> Reply:
    """Return the reply that a refusal is on the wire."""
    status, body = error.to_reply()
    headers = {"Content-Type": _JSON, **_NEVER_KEPT}
    if isinstance(error, UnauthorizedError):
        headers["WWW-Authenticate"] = error.challenge
    elif error.code == "insufficient_scope":
        headers["WWW-Authenticate"] = 'Bearer error="insufficient_scope"'
    if status == 503:
        headers["Retry-After"] = str(RETRY_SECONDS)
    if isinstance(error, TooOftenError):
        headers["Retry-After"] = str(error.retry_after)
    if "error_description" in body:
        body["error_description"] = _plain(body["error_description"])
    return Reply(status, headers, json_dumps(body))


def _plain(text: str) -> str:
    # RFC 6749 section 5.2: printable ASCII without quotation mark and backslash.
    return "".join(c if " " <= c <= "~" and c not in '"\\' else "?" for c in text)


def busy() -> ProtocolError:
    """Return the refusal of a request that lost every race for its session."""
    return ProtocolError("temporarily_unavailable", "too many requests at once", status=503)
