"""The API's description (OpenAPI 3.1), made from the table of endpoints."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from registry_chain.node.api.endpoints import Cost, Endpoint
from registry_chain.node.api.resolving import RESOLUTION
from registry_chain.node.api.schemas import SCHEMAS
from weid.encoding import JsonObject, JsonValue

_FLASK_PART: Final = re.compile(r"<(?:\w+:)?(\w+)>")
_REASONS: Final = {
    400: "The request is not well formed.",
    404: "There is no such thing here.",
    406: "No such representation; see Accept.",
    410: "Gone: events so early are not kept here (`first` is the first one that is), or the DID "
    "is deactivated.",
    413: "The body is too large.",
    415: "The body is of another type.",
    422: "The transaction was not admitted; `result_code` says why.",
    501: "Not resolved here: another method, or a parameter that is not known.",
    429: "Too many requests from one peer; wait as Retry-After says.",
    503: "Not now; ask again, or another node.",
}


def describe_api(table: Iterable[Endpoint], *, network: str) -> JsonObject:
    """Return the description of these endpoints."""
    paths: dict[str, JsonValue] = {}
    for endpoint in table:
        place = paths.setdefault(openapi_path(endpoint.path), {})
        if isinstance(place, dict):
            place[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Registry {network}",
            "version": "1",
            "description": (
                "Answers carry proofs: check them against a header that you trust, or use the "
                "weid library, which does. Byte strings are base64url without padding."
            ),
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": dict(SCHEMAS)},
    }


def openapi_path(path: str) -> str:
    """Return a path in OpenAPI's spelling."""
    return _FLASK_PART.sub(r"{\1}", path)


def _operation(endpoint: Endpoint) -> JsonObject:
    refusals = {*endpoint.refusals, 503}
    if endpoint.cost is not Cost.FREE:
        refusals.add(429)
    operation: JsonObject = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "parameters": [
            {
                "name": parameter.name,
                "in": parameter.place,
                "description": parameter.meaning,
                "required": parameter.required,
                "schema": parameter.schema,
            }
            for parameter in endpoint.parameters
        ],
        "responses": {
            "200": {"description": endpoint.summary, "content": _content(endpoint.answer)},
            **{str(status): _refusal(status) for status in sorted(refusals)},
        },
    }
    if endpoint.cost is Cost.SUBMIT:
        operation["requestBody"] = {
            "required": True,
            "description": "A signed transaction in deterministic CBOR.",
            "content": {"application/cbor": {"schema": {"type": "string", "format": "binary"}}},
        }
    return operation


def _content(answer: str) -> JsonObject:
    if answer in SCHEMAS:
        return {"application/json": {"schema": {"$ref": f"#/components/schemas/{answer}"}}}
    if answer == RESOLUTION:
        return {answer: {"schema": {"type": "object"}}}
    if answer in ("text/plain", "text/event-stream"):
        return {answer: {"schema": {"type": "string"}}}
    return {answer: {"schema": {"type": "string", "format": "binary"}}}


def _refusal(status: int) -> JsonObject:
    return {
        "description": _REASONS[status],
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
