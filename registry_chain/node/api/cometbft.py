"""What a CometBFT that joins by state sync asks of others: headers, over our API (clause NA-22).

CometBFT's own RPC knows no caller and offers far more than reading, so it stays on the node's own
machine. The three methods that its light client needs are passed on here; what they answer is
proved by its signatures.
"""

from __future__ import annotations

from typing import Final

from flask import Response, request

from registry_chain.node.api.problems import problem_of_status, unavailable
from registry_chain.node.api.reading import json_reply
from registry_chain.node.parts import NodeParts
from weid.encoding import JsonObject, JsonValue, json_loads_object
from weid.errors import MalformedError, RegistryUnavailableError

_ASKED_BYTES: Final = 2048
_PARAMETERS: Final = {
    "commit": {"height"},
    "validators": {"height", "page", "per_page"},
    "consensus_params": {"height"},
}
"""Methods that are passed on, each with its parameters."""
_REFUSED: Final[JsonObject] = {"code": -32601, "message": "Method not found", "data": ""}


def ask_cometbft(node: NodeParts) -> Response:
    """Pass one JSON-RPC question on to the node's CometBFT; 404 where it has none."""
    if node.cometbft is None:
        raise problem_of_status(404)
    try:
        asked = json_loads_object(
            request.get_data(cache=False), what="the question", max_bytes=_ASKED_BYTES
        )
    except MalformedError:
        raise problem_of_status(400) from None
    parameters = _parameters(asked)
    identity = asked.get("id")
    if parameters is None or isinstance(identity, bool) or not isinstance(identity, int | str):
        return json_reply({"jsonrpc": "2.0", "id": -1, "error": _REFUSED})
    try:
        answer = node.cometbft(str(asked["method"]), parameters)
    except RegistryUnavailableError:
        raise unavailable("this node's CometBFT does not answer") from None
    return json_reply({**answer, "jsonrpc": "2.0", "id": identity})


def _parameters(asked: JsonObject) -> JsonObject | None:
    """Return the parameters if the method is one of ours and they are plain; None otherwise."""
    known = _PARAMETERS.get(str(asked.get("method")))
    given: JsonValue = asked.get("params") or {}
    if known is None or not isinstance(given, dict) or not given.keys() <= known:
        return None
    plain = all(_is_number(value) for value in given.values())
    return given if plain else None


def _is_number(value: JsonValue) -> bool:
    """Return whether a parameter is a number as CometBFT's clients write one."""
    return isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20
