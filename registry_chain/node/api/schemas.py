"""JSON Schemas of the API's answers, as /openapi.json shows them."""

from __future__ import annotations

from typing import Final

from weid.encoding import JsonObject, JsonValue


def _object(required: JsonObject, optional: JsonObject | None = None) -> JsonObject:
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **(optional or {})},
    }


def _array(items: JsonValue) -> JsonObject:
    return {"type": "array", "items": items}


def _ref(name: str) -> JsonObject:
    return {"$ref": f"#/components/schemas/{name}"}


_BYTES: Final[JsonObject] = {
    "type": "string",
    "pattern": "^[A-Za-z0-9_-]*$",
    "description": "bytes in base64url without padding",
}
_BYTES_OR_NULL: Final[JsonObject] = {"type": ["string", "null"], "pattern": "^[A-Za-z0-9_-]*$"}
_TEXT: Final[JsonObject] = {"type": "string"}
_NUMBER: Final[JsonObject] = {"type": "integer", "minimum": 0}
_TIME: Final[JsonObject] = {"type": "string", "format": "date-time"}

SCHEMAS: Final[dict[str, JsonObject]] = {
    "Problem": _object(
        {"code": _TEXT, "message": _TEXT, "hint": _TEXT}, {"result_code": _NUMBER, "first": _NUMBER}
    ),
    "Genesis": _object({"genesis": _BYTES, "genesis_hash": _TEXT}),
    "LightBlock": _object(
        {
            "signed_header": _object({"header": {"type": "object"}, "commit": {"type": "object"}}),
            "validators": _array({"type": "object"}),
        }
    ),
    "StateRoots": _object(
        {"height": _NUMBER, "smt_root": _BYTES, "log_size": _NUMBER, "log_root": _BYTES}
    ),
    "RecordAnswer": _object(
        {"state": _ref("StateRoots"), "value": _BYTES_OR_NULL, "proof": _BYTES}
    ),
    "ListAnswer": _object(
        {
            "state": _ref("StateRoots"),
            "index": _BYTES_OR_NULL,
            "proof": _BYTES,
            "page": {
                "anyOf": [
                    {"type": "null"},
                    _object({"entries": _array(_array(_BYTES)), "proof": _BYTES}),
                ]
            },
        }
    ),
    "HistoryAnswer": _object({"versions": _array(_BYTES)}),
    "ReceiptAnswer": _object(
        {"state": _ref("StateRoots"), "receipt": _BYTES, "path": _array(_BYTES)}
    ),
    "ConsistencyAnswer": _object(
        {"state": _ref("StateRoots"), "first": _NUMBER, "path": _array(_BYTES)}
    ),
    "Block": _object({"header": {"type": "object"}, "hash": _TEXT, "transactions": _array(_BYTES)}),
    "JsonRpc": _object(
        {"jsonrpc": _TEXT}, {"result": {"type": "object"}, "error": {"type": "object"}}
    ),
    "Submitted": _object(
        {
            "transaction": _BYTES,
            "height": _NUMBER,
            "position": _NUMBER,
            "code": _NUMBER,
            "message": _TEXT,
            "receipt": _BYTES,
        }
    ),
    "Event": _object(
        {
            "position": _NUMBER,
            "height": _NUMBER,
            "time": _TIME,
            "name": _TEXT,
            "subject": _TEXT,
            "author": _TEXT,
            "transaction": _TEXT,
            "operation": _NUMBER,
        }
    ),
    "EventPage": _object(
        {
            "events": _array(_ref("Event")),
            "last": {"type": "integer", "minimum": -1},
            "height": _NUMBER,
            "more": {"type": "boolean"},
        }
    ),
    "Status": _object(
        {
            "network": _TEXT,
            "chain_id": _TEXT,
            "genesis_hash": _TEXT,
            "height": _NUMBER,
            "time": _TIME,
            "age_seconds": _NUMBER,
            "transactions": _NUMBER,
            "operator": _TEXT,
        }
    ),
    "KeySet": _object({"keys": _array({"type": "object"})}),
    "Health": _object({"status": _TEXT}, {"age_seconds": _NUMBER}),
}
