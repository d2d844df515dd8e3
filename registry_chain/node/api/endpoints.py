"""The API's table: every path with its meaning, its parameters, its answer and what it costs.

Routes and /openapi.json are made from this table, so neither has what the other has not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from flask import Response

from registry_chain.node.api import cometbft, reading, resolving, watching, writing
from registry_chain.node.parts import NodeParts
from weid.encoding import JsonObject


class Cost(Enum):
    """Which rate limit a request counts for."""

    FREE = "free"
    """Asked by the operator's own machines: health and metrics."""
    READ = "read"
    SUBMIT = "submit"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A part of the path or query; `schema` is JSON Schema."""

    name: str
    place: str
    meaning: str
    schema: JsonObject
    required: bool = True


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path; `path` is in Flask's spelling, `answer` a schema or media type."""

    method: str
    path: str
    name: str
    summary: str
    answer: str
    function: Callable[..., Response]
    parameters: tuple[Parameter, ...] = ()
    refusals: tuple[int, ...] = ()
    cost: Cost = Cost.READ


_BYTES: Final[JsonObject] = {"type": "string", "pattern": "^[A-Za-z0-9_-]*$"}
_NUMBER: Final[JsonObject] = {"type": "integer", "minimum": 0}
_TEXT: Final[JsonObject] = {"type": "string"}
_POSITION: Final[JsonObject] = {
    "anyOf": [{"type": "integer", "minimum": -1, "default": -1}, {"const": "newest"}]
}


def _in_path(name: str, meaning: str, schema: JsonObject = _BYTES) -> Parameter:
    return Parameter(name, "path", meaning, schema)


def _in_query(name: str, meaning: str, schema: JsonObject) -> Parameter:
    return Parameter(name, "query", meaning, schema, required=False)


_AFTER: Final = _in_query(
    "after", "position after which to begin; -1: the beginning; newest: what comes from now on",
    _POSITION,
)  # fmt: skip


def endpoints(node: NodeParts) -> tuple[Endpoint, ...]:
    """Return the table of a node's API."""
    watched = watching.Watching(node)
    return (
        *_READING,
        Endpoint(
            "GET",
            "/events",
            "readEvents",
            "What came about, in order, after a position of the feed",
            "EventPage",
            watched.read_events,
            (
                _AFTER,
                _in_query("limit", "most events of the answer", _NUMBER),
                _in_query("wait", "seconds to wait where there is none yet", _NUMBER),
            ),
            (400, 410),
        ),
        Endpoint(
            "GET",
            "/v1/events/stream",
            "streamEvents",
            "What comes about, as server-sent events; ends after a while, come back then",
            "text/event-stream",
            watched.streaming.stream_events,
            (
                _AFTER,
                Parameter("Last-Event-ID", "header", "position of the last event that was seen; "
                          "goes before `after`", _POSITION, required=False),
                _in_query("names", "names of the events wanted, with commas between", _TEXT),
                _in_query("subject", "how the subject of the events wanted begins", _TEXT),
            ),
            (400, 410),
        ),
        Endpoint("GET", "/.well-known/weid-webhooks", "readWebhookKeys",
                 "The keys (JWK Set) that sign this node's webhooks", "KeySet",
                 watching.read_webhook_keys, (), (404,)),
        Endpoint("GET", "/metrics", "readMetrics", "Counters in Prometheus' text format",
                 "text/plain", watched.read_metrics, cost=Cost.FREE),
    )  # fmt: skip


_HEIGHT = _in_path("height", "height of a block", _NUMBER)
_READING: Final = (
    Endpoint("GET", "/v1/status", "readStatus", "Which registry this is and where it stands",
             "Status", watching.read_status),
    Endpoint("GET", "/v1/genesis", "readGenesis", "The genesis, whose hash names the registry",
             "Genesis", reading.read_genesis),
    Endpoint("GET", "/v1/light-blocks/latest", "readNewestLightBlock",
             "The newest header with its commit and validators", "LightBlock",
             reading.read_newest_light_block),
    Endpoint("GET", "/v1/light-blocks/<int:height>", "readLightBlock",
             "The header at a height with its commit and validators", "LightBlock",
             reading.read_light_block, (_HEIGHT,), (404,)),
    Endpoint("GET", "/v1/blocks/<int:height>", "readBlock",
             "A block's header and the ids of its recorded transactions", "Block",
             reading.read_block, (_HEIGHT,), (404,)),
    Endpoint("GET", "/v1/records/<namespace>/<record_id>", "readRecord",
             "A record, or that there is none, with proof", "RecordAnswer", reading.read_record,
             (_in_path("namespace", "kind of record, such as did or template", {"type": "string"}),
              _in_path("record_id", "id inside its namespace, in base64url")), (400, 404)),
    Endpoint("GET", "/v1/lists/<list_id>", "readList", "A page of a complete list, with proof",
             "ListAnswer", reading.read_list,
             (_in_path("list_id", "id of the list, in base64url of its UTF-8"),
              _in_query("start", "key (32 bytes) at which the page begins", _BYTES)), (400, 404)),
    Endpoint("GET", "/v1/history/<digest>", "readHistory",
             "A former version of a record, named by its SHA-256, and some before it",
             "HistoryAnswer", reading.read_history,
             (_in_path("digest", "SHA-256 of the version, as the later one names it"),),
             (400, 404)),
    Endpoint("GET", "/v1/contents/<digest>", "readContent",
             "A template document by its SHA-256", "application/octet-stream",
             reading.read_content, (_in_path("digest", "SHA-256 of the document"),), (400, 404)),
    Endpoint("GET", "/v1/receipts/<transaction_id>", "readReceipt",
             "What became of a transaction, with its place in the log", "ReceiptAnswer",
             reading.read_receipt, (_in_path("transaction_id", "id of the transaction"),),
             (400, 404)),
    Endpoint("GET", "/v1/transactions/<transaction_id>", "readTransaction",
             "A recorded transaction as it was submitted", "application/cbor",
             reading.read_transaction, (_in_path("transaction_id", "id of the transaction"),),
             (400, 404)),
    Endpoint("GET", "/1.0/identifiers/<path:identifier>", "resolveDid",
             "Resolve a DID: its document with metadata (DID Resolution); without proof",
             resolving.RESOLUTION, resolving.resolve_did,
             (_in_path("identifier", "the DID, or a DID URL with its parameters escaped", _TEXT),
              _in_query("versionId", "number of the version that is meant", _TEXT),
              _in_query("versionTime", "time in whose version the document is meant", _TEXT)),
             (400, 404, 406, 410, 501)),
    Endpoint("GET", "/v1/log/consistency", "readConsistency",
             "How the operation log grew from an earlier size", "ConsistencyAnswer",
             reading.read_consistency,
             (_in_query("first", "the earlier size of the log", _NUMBER),), (400,)),
    Endpoint("POST", "/v1/transactions", "submitTransaction",
             "Submit a signed transaction; safe to repeat", "Submitted", writing.submit,
             (), (413, 415, 422), Cost.SUBMIT),
    Endpoint("POST", "/v1/cometbft", "askCometbft",
             "Headers for a CometBFT that joins by state sync, as JSON-RPC", "JsonRpc",
             cometbft.ask_cometbft, (), (400, 404)),
    Endpoint("GET", "/healthz", "readHealth", "Whether the process is alive", "Health",
             watching.read_health, cost=Cost.FREE),
    Endpoint("GET", "/readyz", "readReadiness", "Whether the newest block is recent", "Health",
             watching.read_readiness, cost=Cost.FREE),
)  # fmt: skip
