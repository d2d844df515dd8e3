"""Answers over HTTP: one node's API as a ProofSource (clauses NA-…). It believes nothing either."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from weid import limits
from weid.encoding import JsonObject, JsonValue, base64url_encode, json_loads_object
from weid.errors import (
    MalformedError,
    NodeBehindError,
    RegistryUnavailableError,
    TransactionRejectedError,
    TransportError,
)
from weid.registry.answers import (
    ConsistencyAnswer,
    Fields,
    HistoryAnswer,
    ListAnswer,
    ReceiptAnswer,
    RecordAnswer,
)
from weid.registry.codes import describe
from weid.registry.light_block import LightBlock
from weid.registry.pinned_genesis import GENESIS_BYTES
from weid.transport import HttpReply, HttpTransport

JSON: Final = "application/json"
CBOR: Final = "application/cbor"
_ANSWER_BYTES: Final = 32 * limits.FETCH_BYTES
"""A page of a list whose every record is as large as can be."""
_HEADER_SECONDS: Final = 2 * limits.FETCH_SECONDS
"""Longest wait for a light block, which is small: a witness that hangs must not hold readers up."""
_SUBMIT_SECONDS: Final = 25
"""Longest wait for a submission's answer; nodes answer within 15 s."""
_PROBLEM_BYTES: Final = 16 * 1024
"""Longest refusal whose words are shown."""
_WORDS: Final = 300
"""Longest message or hint of a node that is shown, in characters."""


class HttpSource:
    """The API of the node at `url`; `timeout` is for one answer, in seconds."""

    def __init__(
        self, url: str, transport: HttpTransport, *, timeout: float = 4 * limits.FETCH_SECONDS
    ) -> None:
        self.url = url.rstrip("/")
        self._transport = transport
        self._timeout = timeout

    def genesis(self) -> bytes:
        """Return the canonical genesis bytes."""
        fields = Fields(self._get("/v1/genesis"), "the genesis answer")
        return fields.octets("genesis", max_bytes=GENESIS_BYTES)

    def light_block(self, height: int | None) -> LightBlock:
        """Return the light block at a height, or the newest."""
        place = "latest" if height is None else str(height)
        reply = self._ask(f"/v1/light-blocks/{place}", _ANSWER_BYTES, JSON, timeout=_HEADER_SECONDS)
        if height is not None and _says_not_found(reply):
            raise NodeBehindError(f"the node has no block {height}", hint=_OTHER)
        return LightBlock.from_json(_json(reply))

    def record(self, namespace: str, record_id: bytes) -> RecordAnswer:
        """Return a record or its absence, with proof."""
        path = f"/v1/records/{quote(namespace, safe='')}/{base64url_encode(record_id)}"
        return RecordAnswer.from_json(self._get(path))

    def list_page(self, list_id: str, start: bytes) -> ListAnswer:
        """Return a page of a list from a key on."""
        path = f"/v1/lists/{base64url_encode(list_id.encode())}?start={base64url_encode(start)}"
        return ListAnswer.from_json(self._get(path))

    def history(self, digest: bytes) -> HistoryAnswer:
        """Return former versions of a record from one on."""
        return HistoryAnswer.from_json(self._get(f"/v1/history/{base64url_encode(digest)}"))

    def content(self, digest: bytes) -> bytes | None:
        """Return a template document; None: this node does not keep it."""
        reply = self._ask(f"/v1/contents/{base64url_encode(digest)}", limits.TEMPLATE_BYTES, "*/*")
        return None if _says_not_found(reply) else _body(reply)

    def receipt(self, transaction_id: bytes) -> ReceiptAnswer | None:
        """Return a receipt with its place in the log; None: this node knows none."""
        reply = self._ask(f"/v1/receipts/{base64url_encode(transaction_id)}", _ANSWER_BYTES, JSON)
        return None if _says_not_found(reply) else ReceiptAnswer.from_json(_json(reply))

    def consistency(self, first: int) -> ConsistencyAnswer:
        """Return how the log grew from `first` leaves to what it is now."""
        return ConsistencyAnswer.from_json(self._get(f"/v1/log/consistency?first={first}"))

    def submit(self, transaction: bytes) -> None:
        """Submit a signed transaction's bytes; return once the node says that it is recorded.

        Raises:
            TransactionRejectedError: the node says that it was not admitted, and why.
            RegistryUnavailableError: it says nothing certain; submit the same bytes again.
        """
        try:
            reply = self._transport.post(
                f"{self.url}/v1/transactions",
                transaction,
                content_type=CBOR,
                accept=JSON,
                timeout=_SUBMIT_SECONDS,
            )
        except TransportError as error:
            raise RegistryUnavailableError(error.message, hint=error.hint or _AGAIN) from None
        if reply.status == 422:
            code = Fields(_parsed(reply), "the node's refusal").integer("result_code")
            raise TransactionRejectedError(describe(code), code=code)
        if reply.status >= 500:
            raise _left_open(reply)
        _body(reply)

    def _get(self, path: str) -> JsonObject:
        return _json(self._ask(path, _ANSWER_BYTES, JSON))

    def _ask(
        self, path: str, max_bytes: int, accept: str, *, timeout: float | None = None
    ) -> HttpReply:
        try:
            return self._transport.get(
                self.url + path,
                accept=accept,
                max_bytes=max_bytes,
                timeout=min(self._timeout, timeout or self._timeout),
            )
        except TransportError as error:
            raise RegistryUnavailableError(error.message, hint=error.hint or _OTHER) from None


_OTHER: Final = "check the node's address, or name another node"
_AGAIN: Final = "submit the same transaction again; it is done at most once"


def _says_not_found(reply: HttpReply) -> bool:
    """Return whether the node itself says so; a 404 of something else is not an answer."""
    if reply.status != 404:
        return False
    try:
        return _parsed(reply).get("code") == "not_found"
    except MalformedError:
        return False


def _body(reply: HttpReply) -> bytes:
    if reply.status == 200:
        return reply.body
    if reply.status == 429:
        raise RegistryUnavailableError(
            "the node has had too many requests from here", hint="wait a moment and try again"
        )
    message, hint = _told(reply)
    raise RegistryUnavailableError(message, hint=hint or _OTHER)


def _left_open(reply: HttpReply) -> RegistryUnavailableError:
    """Return what to say when a node does not say what became of a transaction (NA-12)."""
    message, hint = _told(reply)
    return RegistryUnavailableError(
        f"{message}; the transaction may still be carried out",
        hint=f"{_AGAIN} (the node says: {hint})" if hint else _AGAIN,
    )


def _told(reply: HttpReply) -> tuple[str, str]:
    """Return what is said of a refusal: with the node's own words, and its hint or nothing."""
    message = f"the node answered with status {reply.status}"
    if reply.content_type != JSON:
        return message, ""
    try:
        problem = json_loads_object(reply.body, what="the refusal", max_bytes=_PROBLEM_BYTES)
    except MalformedError:
        return message, ""
    said = _one_line(problem.get("message"))
    return (f"{message}: {said}", _one_line(problem.get("hint"))) if said else (message, "")


def _one_line(value: JsonValue) -> str:
    """Return a node's words as people may see them; a node may be hostile to their terminal."""
    if not isinstance(value, str):
        return ""
    words = "".join(c if c.isprintable() else " " for c in value).split()
    return " ".join(words)[:_WORDS]


def _json(reply: HttpReply) -> JsonObject:
    _body(reply)
    return _parsed(reply)


def _parsed(reply: HttpReply) -> JsonObject:
    return json_loads_object(reply.body, what="the node's answer", max_bytes=_ANSWER_BYTES)
