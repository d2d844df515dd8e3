"""What a web application hands to an endpoint and gets back: values, no framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qsl

from weid.encoding import JsonObject, json_dumps
from weid.errors import ProtocolError

_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"
_NEVER_KEPT: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
_MAX_FIELDS: Final = 32


@dataclass(frozen=True, slots=True)
class EndpointRequest:
    """The parts of an HTTP request that the endpoints look at."""

    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    def header(self, name: str) -> str:
        """Return a header by its name in any case; empty where it is missing."""
        return next((v for k, v in self.headers.items() if k.lower() == name.lower()), "")

    def form(self, *, max_bytes: int) -> dict[str, list[str]]:
        """Return the fields of a posted form, each with every value that was sent for it.

        Raises:
            ProtocolError: another content type, not UTF-8, too many fields; 413 for too much.
        """
        if len(self.body) > max_bytes:
            raise ProtocolError("invalid_request", "the request is too large", status=413)
        if self.header("Content-Type").partition(";")[0].strip().lower() != _FORM:
            raise ProtocolError("invalid_request", f"the request is not {_FORM}")
        try:
            pairs = parse_qsl(
                self.body.decode("ascii"),
                keep_blank_values=True,
                strict_parsing=bool(self.body),
                errors="strict",
                max_num_fields=_MAX_FIELDS,
            )
        except ValueError:  # UnicodeError is one
            raise ProtocolError("invalid_request", "the form cannot be read") from None
        fields: dict[str, list[str]] = {}
        for name, value in pairs:
            fields.setdefault(name, []).append(value)
        return fields


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP response: status, headers, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def json_reply(value: JsonObject) -> Reply:
    """Return a JSON reply that no cache may keep."""
    return Reply(200, {"Content-Type": _JSON, **_NEVER_KEPT}, json_dumps(value))


def text_reply(text: str, content_type: str) -> Reply:
    """Return a reply of ASCII text, such as a token, that no cache may keep."""
    return Reply(200, {"Content-Type": content_type, **_NEVER_KEPT}, text.encode("ascii"))


def error_reply(error: ProtocolError) -> Reply:
    """Return the reply that a refusal is on the wire."""
    status, body = error.to_reply()
    return Reply(status, {"Content-Type": _JSON, **_NEVER_KEPT}, json_dumps(body))
