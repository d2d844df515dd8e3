"""The response: a `vp_token` with the presentations by query id, or an error (section 8).

Clauses PP-14 … PP-16 and PP-47 of specs/presentation-profile.md.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from weid import limits
from weid.encoding import JsonObject, JsonValue, json_dumps, json_loads_object
from weid.errors import MalformedError, ProtocolError
from weid.verification.dcql import MAX_CREDENTIALS
from weid.verification.request import PresentationRequest

MAX_BYTES: Final = 4 * limits.PRESENTATION_BYTES
"""A whole vp_token: four of the largest presentations."""
ERRORS: Final = frozenset(
    {
        "access_denied",
        "invalid_request",
        "invalid_client",
        "vp_formats_not_supported",
        "invalid_request_uri_method",
        "invalid_transaction_data",
        "wallet_unavailable",
    }
)
"""What a wallet may say instead of an answer (section 8.5)."""
OTHER_ERROR: Final = "other"
"""What stands for a code that the protocol does not have: strangers' text is not kept."""
_CODE: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")


@dataclass(frozen=True, slots=True)
class PresentationResponse:
    """An answer: presentations by query id, and the state of the request."""

    presentations: Mapping[str, tuple[str, ...]]
    state: str | None = None

    def to_json(self) -> JsonObject:
        """Return the members of the answer, which a wallet encrypts (direct_post.jwt)."""
        value: JsonObject = {
            "vp_token": {name: list(texts) for name, texts in self.presentations.items()}
        }
        return value if self.state is None else {**value, "state": self.state}

    def to_form(self) -> dict[str, str]:
        """Return the fields that a wallet posts (response_mode direct_post)."""
        token = {name: list(texts) for name, texts in self.presentations.items()}
        form = {"vp_token": json_dumps(token).decode("utf-8")}
        if self.state is not None:
            form["state"] = self.state
        return form


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """A refusal by the wallet or the person: its code and the state of the request."""

    error: str
    state: str | None = None

    def to_form(self) -> dict[str, str]:
        """Return the fields that a wallet posts."""
        form = {"error": self.error}
        if self.state is not None:
            form["state"] = self.state
        return form


def parse_response(
    fields: Mapping[str, list[str]], *, expected: PresentationRequest
) -> PresentationResponse | ErrorResponse:
    """Read posted fields, each with every value that was sent for it.

    Raises:
        ProtocolError: a field twice, another state, neither answer nor known error, or both.
    """
    for name, values in fields.items():
        if len(values) != 1:
            raise ProtocolError("invalid_request", f"{_printable(name)} is not there just once")
    state = fields["state"][0] if "state" in fields else None
    if not _same_state(state, expected.state):
        raise ProtocolError("invalid_request", "state is not the one of this request")
    if ("vp_token" in fields) == ("error" in fields):
        raise ProtocolError("invalid_request", "the response needs vp_token or error")
    if "error" in fields:
        error = fields["error"][0]
        return ErrorResponse(_known_error(error), state)
    try:
        value = json_loads_object(fields["vp_token"][0], what="vp_token", max_bytes=MAX_BYTES)
        return PresentationResponse(parse_vp_token(value), state)
    except MalformedError as error:
        raise ProtocolError("invalid_request", error.message) from None


def parse_members(
    members: JsonObject, *, expected: PresentationRequest
) -> PresentationResponse | ErrorResponse:
    """Read the members of an answer that came encrypted (section 8.3): JSON, not form fields.

    Raises:
        ProtocolError: another state, neither answer nor known error, or both.
    """
    state = members.get("state")
    if not isinstance(state, str | None) or not _same_state(state, expected.state):
        raise ProtocolError("invalid_request", "state is not the one of this request")
    if ("vp_token" in members) == ("error" in members):
        raise ProtocolError("invalid_request", "the response needs vp_token or error")
    if "error" in members:
        return ErrorResponse(_known_error(members["error"]), state)
    try:
        return PresentationResponse(parse_vp_token(members["vp_token"]), state)
    except MalformedError as error:
        raise ProtocolError("invalid_request", error.message) from None


def _known_error(error: JsonValue) -> str:
    if not isinstance(error, str) or _CODE.match(error) is None:
        raise ProtocolError("invalid_request", "error is not a code that a wallet may send")
    return error if error in ERRORS else OTHER_ERROR


def parse_vp_token(value: JsonValue) -> dict[str, tuple[str, ...]]:
    """Read a vp_token: an object of arrays of presentations by query id.

    Raises:
        MalformedError: with what is wrong.
    """
    if not isinstance(value, dict):
        raise MalformedError("vp_token is not an object")
    if not value or len(value) > MAX_CREDENTIALS:
        raise MalformedError(f"vp_token does not hold 1 to {MAX_CREDENTIALS} answers")
    return {query_id: _texts(texts) for query_id, texts in value.items()}


def _texts(value: JsonValue) -> tuple[str, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_CREDENTIALS:
        raise MalformedError("an answer in vp_token is not an array of presentations")
    texts: list[str] = []
    for item in value:
        if not isinstance(item, str):
            raise MalformedError("a presentation in vp_token is not text")
        texts.append(item)
    return tuple(texts)


def _same_state(state: str | None, expected: str | None) -> bool:
    if state is None or expected is None:
        return state is expected
    # Half a character is no state of ours, and must not be an exception either.
    return hmac.compare_digest(state.encode("utf-8", "surrogatepass"), expected.encode("utf-8"))


def _printable(name: str) -> str:
    return name if name.isascii() and name.isidentifier() and len(name) <= 32 else "a field"
