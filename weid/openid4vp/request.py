"""The request as a link: `openid4vp://?…`, with the parameters in it or a reference to them.

A link with parameters is unsigned, so the verifier's identifier is where the answer goes: the
prefix `redirect_uri:` and the response URI (section 5.9.3). A link by reference names where a
signed request object is fetched (`request_object`); nothing else in it counts (section 5.10.1).
Clauses PP-11 … PP-13 and PP-39 of specs/presentation-profile.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from weid import limits
from weid.encoding import JsonObject, json_dumps, json_loads
from weid.errors import MalformedError, ProtocolError
from weid.verification.policy_reference import MEMBER as POLICY_MEMBER
from weid.verification.request import PresentationRequest
from weid.verification.stated_purpose import MEMBER as VERIFIER_INFO

__all__ = [
    "PresentationRequest",
    "RequestReference",
    "check_response_place",
    "client_id_for",
    "create_request_uri",
    "parse_request_link",
    "parse_request_uri",
]

SCHEME: Final = "openid4vp"
_SCHEMES: Final = frozenset({SCHEME, "haip-vp"})
# What stands where a host would, as many verifiers write it, and means nothing.
_NAMES: Final = frozenset({"", "authorize"})
_PREFIX: Final = "redirect_uri:"
_WHAT: Final = "the request link"
# Parameters that are JSON in a link and a member of their own in a request object.
_JSON_PARAMETERS: Final = frozenset(
    {"dcql_query", "client_metadata", "transaction_data", POLICY_MEMBER, VERIFIER_INFO}
)
_METHODS: Final = frozenset({"get", "post"})
_URI_CHARS: Final = 2 * limits.TEXT_FIELD
_TIME_PARAMETERS: Final = frozenset({"iat", "exp"})
_REFUSED: Final = {
    "request": "signed requests are taken by reference only",
    "presentation_definition": "only DCQL queries are taken",
    "scope": "only DCQL queries are taken",
}


@dataclass(frozen=True, slots=True)
class RequestReference:
    """Where a signed request is fetched, who is to have signed it, and by which method.

    `method` is `get` or `post`; a wallet may always use GET.
    """

    client_id: str
    request_uri: str
    method: str = "get"

    def to_link(self) -> str:
        """Return the reference as a link that opens a wallet."""
        parameters = {"client_id": self.client_id, "request_uri": self.request_uri}
        if self.method != "get":
            parameters["request_uri_method"] = self.method
        return f"{SCHEME}://?{urlencode(parameters, quote_via=quote)}"


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
    """Read a request link with the parameters in it.

    Raises:
        MalformedError: with what is wrong; a wallet shows nothing of such a request.
    """
    found = parse_request_link(uri)
    if isinstance(found, RequestReference):
        raise MalformedError(f"{_WHAT} has request_uri: requests by reference are not taken here")
    return found


def parse_request_link(uri: str) -> PresentationRequest | RequestReference:
    """Read a request link of either kind.

    Raises:
        MalformedError: with what is wrong; a wallet shows nothing of such a request.
        ProtocolError: a method that is neither get nor post.
    """
    parameters = _parameters(uri)
    for name, why in _REFUSED.items():
        if name in parameters:
            raise MalformedError(f"{_WHAT} has {name}: {why}")
    if "request_uri" in parameters:
        return _reference(parameters)
    if "request_uri_method" in parameters:
        raise MalformedError(f"{_WHAT} has request_uri_method without request_uri")
    return PresentationRequest.from_json(_members(parameters))


def _parameters(uri: str) -> dict[str, str]:
    if len(uri) > limits.PRESENTATION_BYTES:
        raise MalformedError(f"{_WHAT} is too long")
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise MalformedError(f"{_WHAT} is not a link") from None
    if parts.scheme not in _SCHEMES or parts.netloc not in _NAMES or parts.path not in ("", "/"):
        raise MalformedError(f"{_WHAT} does not start with {SCHEME}://?")
    try:
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True, errors="strict")
    except (ValueError, UnicodeError):
        raise MalformedError(f"the parameters of {_WHAT} cannot be read") from None
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        raise MalformedError(f"{_WHAT} has a parameter twice")
    return parameters


def _reference(parameters: dict[str, str]) -> RequestReference:
    client_id, place = parameters.get("client_id", ""), parameters["request_uri"]
    method = parameters.get("request_uri_method", "get")
    if method not in _METHODS:
        raise ProtocolError("invalid_request_uri_method", "the method is neither get nor post")
    if not 0 < len(client_id) <= limits.TEXT_FIELD or not 0 < len(place) <= _URI_CHARS:
        raise MalformedError(f"client_id or request_uri of {_WHAT} is missing or too long")
    return RequestReference(client_id, place, method)


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
