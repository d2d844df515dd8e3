"""The request as a link: `openid4vp://?…`, with the parameters in it or a reference to them.

Unsigned requests only, so the verifier's identifier is where the answer goes: the prefix
`redirect_uri:` and the response URI (section 5.9.3). A wallet can then check that the answer goes
to the one that it names.
Clauses PP-11 … PP-13 of specs/presentation-profile.md.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from weid import limits
from weid.encoding import JsonObject, json_dumps, json_loads
from weid.errors import MalformedError, ProtocolError
from weid.verification.request import PresentationRequest

__all__ = [
    "PresentationRequest",
    "check_response_place",
    "client_id_for",
    "create_request_uri",
    "parse_request_uri",
]

SCHEME: Final = "openid4vp"
_PREFIX: Final = "redirect_uri:"
_WHAT: Final = "the request link"
# Parameters that are JSON in a link and a member of their own in a request object.
_JSON_PARAMETERS: Final = frozenset({"dcql_query", "client_metadata"})
_TIME_PARAMETERS: Final = frozenset({"iat", "exp"})
_REFUSED: Final = {
    "request": "signed requests are not taken here",
    "request_uri": "requests by reference are not taken here",
    "request_uri_method": "requests by reference are not taken here",
    "presentation_definition": "only DCQL queries are taken",
    "scope": "only DCQL queries are taken",
    "transaction_data": "requests with transaction data are not taken",
}


def client_id_for(response_uri: str) -> str:
    """Return the identifier of a verifier that sends unsigned requests from a response URI."""
    return _PREFIX + response_uri


def create_request_uri(request: PresentationRequest) -> str:
    """Return the request as a link that opens a wallet."""
    parameters: dict[str, str] = {}
    for name, value in request.to_json().items():
        is_json = name in _JSON_PARAMETERS
        parameters[name] = json_dumps(value).decode("utf-8") if is_json else str(value)
    return f"{SCHEME}://?{urlencode(parameters, quote_via=quote)}"


def parse_request_uri(uri: str) -> PresentationRequest:
    """Read a request link.

    Raises:
        MalformedError: with what is wrong; a wallet shows nothing of such a request.
    """
    if len(uri) > limits.PRESENTATION_BYTES:
        raise MalformedError(f"{_WHAT} is too long")
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise MalformedError(f"{_WHAT} is not a link") from None
    if parts.scheme != SCHEME or parts.netloc or parts.path not in ("", "/"):
        raise MalformedError(f"{_WHAT} does not start with {SCHEME}://?")
    try:
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True, errors="strict")
    except (ValueError, UnicodeError):
        raise MalformedError(f"the parameters of {_WHAT} cannot be read") from None
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        raise MalformedError(f"{_WHAT} has a parameter twice")
    for name, why in _REFUSED.items():
        if name in parameters:
            raise MalformedError(f"{_WHAT} has {name}: {why}")
    return PresentationRequest.from_json(_members(parameters))


def _members(parameters: dict[str, str]) -> JsonObject:
    members: JsonObject = {}
    for name, text in parameters.items():
        if name in _JSON_PARAMETERS:
            members[name] = json_loads(text, what=f"{name} of {_WHAT}")
        elif name in _TIME_PARAMETERS:
            if not text.isascii() or not text.isdigit() or len(text) > limits.JSON_INTEGER_DIGITS:
                raise MalformedError(f"{name} of {_WHAT} is not a time in seconds")
            members[name] = int(text)
        else:
            members[name] = text
    return members


def check_response_place(request: PresentationRequest) -> str:
    """Return where a wallet posts its answer, once that place is the one that asks.

    Raises:
        ProtocolError: no place, not https, or another place than the verifier's identifier.
    """
    place = request.response_uri
    if place is None or not place.startswith("https://"):
        raise ProtocolError("invalid_request", "the response does not go to an https address")
    if request.audience != client_id_for(place):
        raise ProtocolError(
            "invalid_request",
            "the response would go elsewhere than to the verifier who is named",
            hint="Do not answer: the request may be relayed by someone else.",
        )
    return place
