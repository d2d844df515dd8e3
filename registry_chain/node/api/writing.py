"""What the API takes: signed transactions, each done at most once (clause NA-12)."""

from __future__ import annotations

from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError

from flask import Response, request

from registry_chain.node.api.problems import (
    MEMPOOL_FULL,
    REJECTED,
    STORAGE_FULL,
    Problem,
    problem_of_status,
)
from registry_chain.node.api.problems import unavailable as unavailable_now
from registry_chain.node.api.reading import json_reply
from registry_chain.node.metrics import SUBMITTED
from registry_chain.node.parts import NodeParts
from registry_chain.storage.errors import StoreFullError
from weid.encoding import base64url_encode
from weid.errors import MalformedError, RegistryUnavailableError, TransactionRejectedError
from weid.registry.codes import ResultCode, describe
from weid.registry.records import Receipt
from weid.registry.wire import decode_signed, encode_receipt


def submit(node: NodeParts) -> Response:
    """Take a signed transaction and answer once its receipt is durable.

    The receipt's proof is read at `/v1/receipts/…`. A transaction that a rule refused has a
    receipt too, with a code other than 0; one that was not admitted has none and is answered 422.
    """
    if request.mimetype != "application/cbor":
        raise problem_of_status(415)
    try:
        transaction = decode_signed(request.get_data(cache=False))
    except MalformedError as error:
        node.metrics.count(SUBMITTED, code=str(int(ResultCode.MALFORMED)))
        raise _refusal(ResultCode.MALFORMED, error.message) from None
    if node.closing.is_set():
        raise unavailable_now("the node is stopping")
    try:
        receipt = node.engine.submit(transaction).result(timeout=node.settings.submit_seconds)
    except TransactionRejectedError as error:
        if error.receipt is None:
            node.metrics.count(SUBMITTED, code=str(int(error.code)))
            raise _refusal(error.code, describe(error.code)) from None
        receipt = error.receipt
    except RegistryUnavailableError as error:
        code = STORAGE_FULL if isinstance(error, StoreFullError) else MEMPOOL_FULL
        hint = error.hint or "submit the same one again later"
        raise Problem(503, code, error.message, hint, retry_after=1) from None
    except (FutureTimeoutError, CancelledError):
        raise unavailable_now("the transaction waits for a block; submit it again") from None
    node.metrics.count(SUBMITTED, code=str(int(receipt.code)))
    return _answer(receipt)


def _answer(receipt: Receipt) -> Response:
    return json_reply(
        {
            "transaction": base64url_encode(receipt.transaction_id),
            "height": receipt.height,
            "position": receipt.position,
            "code": int(receipt.code),
            "message": describe(receipt.code),
            "receipt": base64url_encode(encode_receipt(receipt)),
        }
    )


def _refusal(code: int, message: str) -> Problem:
    hint = "nothing was recorded; correct it and send it again"
    return Problem(422, REJECTED, message, hint, result_code=int(code))
