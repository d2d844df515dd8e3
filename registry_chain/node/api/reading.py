"""What the API reads: each function turns a request into one proved answer (clauses NA-…)."""

from __future__ import annotations

from typing import Final

from flask import Response, request

from registry_chain.node.api.problems import NOT_FOUND, Problem, malformed
from registry_chain.node.parts import NodeParts
from registry_chain.storage.extent import BlockNotKeptError
from weid.encoding import JsonObject, base64url_decode, base64url_encode, json_dumps
from weid.errors import MalformedError
from weid.registry.light_block import LightBlock
from weid.registry.list_proofs import FIRST_KEY
from weid.registry.pinned_genesis import genesis_hash
from weid.registry.records import NAMESPACES

FOR_EVER: Final = "public, max-age=31536000, immutable"
"""For what is named by its own hash."""
NOT_KEPT: Final = "no-store"
_ID_BYTES: Final = 2_500
_LIST_PAGE_KEYS: Final = 32


def json_reply(body: JsonObject, *, cache: str = NOT_KEPT, status: int = 200) -> Response:
    """Return a JSON answer."""
    reply = Response(json_dumps(body), status=status, mimetype="application/json")
    reply.headers["Cache-Control"] = cache
    return reply


def octets(text: str, what: str, *, length: int | None = None) -> bytes:
    """Return the bytes of a base64url path or query part, or refuse the request."""
    if len(text) > _ID_BYTES:
        raise malformed(f"{what} is too long")
    try:
        data = base64url_decode(text, what=what)
    except MalformedError as error:
        raise malformed(error.message) from None
    if length is not None and len(data) != length:
        raise malformed(f"{what} is not {length} bytes long")
    return data


def whole_number(text: str | None, what: str, *, default: int, most: int = 2**63 - 1) -> int:
    """Return a query part as a number from -1 on, or refuse the request."""
    if text is None or not text:
        return default
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 19):
        raise malformed(f"{what} is not a whole number")
    number = int(text)
    if not -1 <= number <= most:
        raise malformed(f"{what} is out of range")
    return number


def not_found(message: str) -> Problem:
    """Return the refusal for something that is not here."""
    return Problem(404, NOT_FOUND, message, "check the identifier, or ask another node")


def read_genesis(node: NodeParts) -> Response:
    """Return the genesis in its canonical bytes."""
    body = node.source.genesis()
    answer: JsonObject = {
        "genesis": base64url_encode(body),
        "genesis_hash": genesis_hash(body).hex(),
    }
    return json_reply(answer)


def read_newest_light_block(node: NodeParts) -> Response:
    """Return the newest sealed header with its commit and validators."""
    return json_reply(node.source.light_block(None).to_json())


def read_light_block(node: NodeParts, height: int) -> Response:
    """Return the sealed header at a height."""
    if not 1 <= height <= node.engine.head().height:
        raise not_found("there is no block at that height")
    return json_reply(_light_block(node, height).to_json(), cache="public, max-age=86400")


def _light_block(node: NodeParts, height: int) -> LightBlock:
    """Return a light block, or the refusal of a height whose block is not kept here (SS-15)."""
    try:
        return node.source.light_block(height)
    except BlockNotKeptError as error:
        hint = error.hint or "ask another node"
        raise Problem(404, NOT_FOUND, error.message, hint, first=error.first) from None


def read_record(node: NodeParts, namespace: str, record_id: str) -> Response:
    """Return a record, or that there is none, with proof."""
    if namespace not in NAMESPACES:
        raise not_found("there is no such kind of record")
    return json_reply(node.source.record(namespace, octets(record_id, "the record id")).to_json())


def read_list(node: NodeParts, list_id: str) -> Response:
    """Return a page of a complete list, with proof."""
    try:
        name = octets(list_id, "the list id").decode()
    except UnicodeDecodeError:
        raise malformed("the list id is not text") from None
    start = request.args.get("start", "")
    key = octets(start, "start", length=_LIST_PAGE_KEYS) if start else FIRST_KEY
    try:
        answer = node.source.list_page(name, key)
    except (KeyError, MalformedError):
        raise not_found("there is no such list") from None
    return json_reply(answer.to_json())


def read_history(node: NodeParts, digest: str) -> Response:
    """Return a former version of a record and some before it."""
    answer = node.source.history(octets(digest, "the digest", length=32))
    if not answer.versions:
        raise not_found("no former version has that digest")
    return json_reply(answer.to_json(), cache=FOR_EVER)


def read_content(node: NodeParts, digest: str) -> Response:
    """Return a template document by its SHA-256."""
    content = node.source.content(octets(digest, "the digest", length=32))
    if content is None:
        raise not_found("no document with that digest is kept here")
    # Other people's bytes: never shown as a page.
    reply = Response(content, mimetype="application/octet-stream")
    reply.headers["Cache-Control"] = FOR_EVER
    reply.headers["Content-Disposition"] = "attachment; filename=template.json"
    return reply


def read_receipt(node: NodeParts, transaction_id: str) -> Response:
    """Return what became of a transaction, with its place in the log."""
    answer = node.source.receipt(octets(transaction_id, "the transaction id", length=32))
    if answer is None:
        raise not_found("no transaction with that id is recorded")
    return json_reply(answer.to_json())


def read_consistency(node: NodeParts) -> Response:
    """Return how the log grew from an earlier size."""
    first = whole_number(request.args.get("first"), "first", default=0)
    if first < 0:
        raise malformed("first is out of range")
    try:
        answer = node.source.consistency(first)
    except ValueError:
        raise malformed("the log has never been that large") from None
    return json_reply(answer.to_json())


def read_transaction(node: NodeParts, transaction_id: str) -> Response:
    """Return a recorded transaction's bytes, as they were submitted."""
    name = octets(transaction_id, "the transaction id", length=32)
    found = node.chain.transaction(name)
    if found is None:
        recorded = node.source.receipt(name)
        if recorded is not None:
            _light_block(node, recorded.receipt.height)
        raise not_found("no transaction with that id is recorded")
    reply = Response(found.data, mimetype="application/cbor")
    reply.headers["Cache-Control"] = FOR_EVER
    return reply


def read_block(node: NodeParts, height: int) -> Response:
    """Return a block: its header and the ids of its recorded transactions."""
    block = node.chain.block(height)
    if block is None:
        if 1 <= height <= node.engine.head().height:
            _light_block(node, height)
        raise not_found("there is no block at that height")
    answer: JsonObject = {
        "header": block.header.to_json(),
        "hash": block.header.hash().hex().upper(),
        "transactions": [base64url_encode(entry.transaction_id) for entry in block.entries],
    }
    return json_reply(answer, cache="public, max-age=86400")
