"""Asking this machine's own CometBFT over its JSON-RPC: blocks with their seals, and handing in.

Only the loopback RPC of the node's own process is asked, which is as trusted as the process; what
goes to clients is proved by the seals themselves. One connection for each thread.
"""

from __future__ import annotations

import base64
import http.client
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import orjson

from registry_chain.engines.cometbft.evidence import misbehaviour_of
from registry_chain.state_machine.block import Misbehaviour
from registry_chain.storage.sealed_block import SealedBlock
from weid.encoding import JsonObject, JsonValue
from weid.errors import MalformedError, RegistryUnavailableError
from weid.registry.comet_json import (
    integer_member,
    members_of,
    object_member,
    parse_base64,
    text_member,
)
from weid.registry.headers import Commit, Header
from weid.registry.validators import ValidatorSet

_ANSWER_BYTES: Final = 256 * 2**20
"""Above any answer that the node gives: a block of 64 MB is 86 MB in base64."""
_PAGE: Final = 100
"""Validators that the RPC gives at once."""
_SECONDS: Final = 10.0
_NODE: Final = "the node's engine"
_IN_CACHE: Final = "tx already exists in cache"


@dataclass(frozen=True, slots=True)
class KeptBlock:
    """A block as the node keeps it: sealed, with the commit of the block before.

    `commit_before` is the canonical commit of the block before (None at the first height): what
    sealed that block for good, where the node itself may have seen other votes first.
    """

    sealed: SealedBlock
    commit_before: Commit | None


@dataclass(frozen=True, slots=True)
class BlockBody:
    """What a block holds beside its header and seal, as FinalizeBlock gave it."""

    transactions: tuple[bytes, ...]
    misbehaviour: tuple[Misbehaviour, ...]


@dataclass(frozen=True, slots=True)
class HandedIn:
    """What CometBFT said when it was given a transaction, before the application has judged it.

    `is_known` says that it waits already or was seen before; `trouble` is the node's text when it
    could not take anything.
    """

    is_known: bool = False
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """Where the node stands: its heights, whether it is still catching up, and who it is."""

    node_id: str
    latest: int
    earliest: int
    catching_up: bool


class CometRpc:
    """The RPC at `http://host:port`; `timeout` in seconds for one answer.

    Every method raises `RegistryUnavailableError` when the node does not answer, or answers with
    an error.
    """

    def __init__(self, address: str, *, timeout: float = _SECONDS) -> None:
        parts = urlsplit(address.replace("tcp://", "http://"))
        if not parts.hostname or not parts.port:
            raise MalformedError(f"{address} is not the address of an RPC")
        self._place = (parts.hostname, parts.port)
        self._timeout = timeout
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open: set[http.client.HTTPConnection] = set()
        self._closed = False

    def close(self) -> None:
        """Close the connections of all threads; nothing can be asked any more."""
        with self._lock:
            self._closed = True
            connections, self._open = self._open, set()
        for connection in connections:
            connection.close()

    def status(self) -> SyncStatus:
        """Return where the node stands."""
        answer = self._call("status", {})
        sync = object_member(answer, "sync_info", _NODE)
        return SyncStatus(
            text_member(object_member(answer, "node_info", _NODE), "id", _NODE),
            integer_member(sync, "latest_block_height", _NODE),
            integer_member(sync, "earliest_block_height", _NODE),
            sync.get("catching_up") is True,
        )

    def peers(self) -> tuple[str, ...]:
        """Return the node ids (40 hexadecimal digits) of the peers that are connected now."""
        return peer_ids(self._call("net_info", {}))

    def admits(self, node_id: str) -> bool:
        """Return whether the node's application lets a peer with this id in."""
        asked: JsonObject = {"path": f"/p2p/filter/id/{node_id}"}
        return not object_member(self._call("abci_query", asked), "response", _NODE).get("code")

    def block(self, height: int, body: BlockBody | None = None) -> KeptBlock:
        """Return the block at a height with its seal.

        Where its `body` is known, it is not asked for: in JSON it is most of the answer.
        """
        header, commit = self._sealed_header(height)
        if body is None:
            return self._whole(header, commit)
        sealed = SealedBlock(header, commit, body.transactions, body.misbehaviour)
        if not header.last_block_id.hash:
            return KeptBlock(sealed, None)
        try:
            _, before = self._sealed_header(height - 1)
        except RegistryUnavailableError:
            # After state sync the node does not have the block before its first one.
            return self._whole(header, commit)
        if before.hash() != header.last_commit_hash:
            raise MalformedError(f"the node gave another commit than the one in block {height}")
        return KeptBlock(sealed, before)

    def _sealed_header(self, height: int) -> tuple[Header, Commit]:
        signed = object_member(
            self._call("commit", {"height": str(height)}), "signed_header", _NODE
        )
        header = Header.from_json(signed.get("header"))
        commit = Commit.from_json(signed.get("commit"))
        if header.height != height or commit.block_id.hash != header.hash():
            raise MalformedError(f"the node gave another block than that of height {height}")
        return header, commit

    def _whole(self, header: Header, commit: Commit) -> KeptBlock:
        block = object_member(self._call("block", {"height": str(header.height)}), "block", _NODE)
        if Header.from_json(block.get("header")) != header:
            raise MalformedError(f"the node gave another block {header.height} than its commit's")
        transactions = object_member(block, "data", "a block").get("txs") or []
        if not isinstance(transactions, list):
            raise MalformedError("the node gave a block without transactions")
        before = block.get("last_commit")
        has_before = isinstance(before, dict) and bool(before.get("signatures"))
        sealed = SealedBlock(
            header,
            commit,
            tuple(parse_base64(str(raw), what="a transaction") for raw in transactions),
            misbehaviour_of(object_member(block, "evidence", "a block").get("evidence")),
        )
        return KeptBlock(sealed, Commit.from_json(before) if has_before else None)

    def validators(self, height: int) -> ValidatorSet:
        """Return the validators that seal a height."""
        listed: list[JsonValue] = []
        while True:
            page = len(listed) // _PAGE + 1
            asked: JsonObject = {
                "height": str(height),
                "page": str(page),
                "per_page": str(_PAGE),
            }
            answer = self._call("validators", asked)
            part = answer.get("validators")
            if not isinstance(part, list) or not part:
                raise MalformedError("the node gave no validators")
            listed += part
            if len(listed) >= integer_member(answer, "total", _NODE):
                return ValidatorSet.from_json(listed)

    def hand_in(self, transactions: Sequence[bytes]) -> list[HandedIn]:
        """Hand transactions to the node's pool, in one request; return what it said to each.

        What the application says of one is not waited for: in a batch CometBFT would wait for each
        before it takes the next, and flushes its socket to us only every 20 ms.
        """
        requests: list[JsonObject] = [
            {
                "jsonrpc": "2.0",
                "id": number,
                "method": "broadcast_tx_async",
                "params": {"tx": base64.b64encode(raw).decode("ascii")},
            }
            for number, raw in enumerate(transactions)
        ]
        body = orjson.dumps(requests[0] if len(requests) == 1 else requests)
        answer = self._post(body)
        answers = answer if isinstance(answer, list) else [answer]
        found: dict[int, HandedIn] = {}
        for one in answers:
            number = one.get("id") if isinstance(one, dict) else None
            if isinstance(one, dict) and isinstance(number, int):
                found[number] = _handed_in(one)
        silent = HandedIn(trouble="the node said nothing to it")
        return [found.get(number, silent) for number in range(len(requests))]

    def ask(self, method: str, params: JsonObject) -> JsonObject:
        """Return the node's answer to any method as it gave it: with `result` or `error`."""
        request = {"jsonrpc": "2.0", "id": 0, "method": method, "params": params}
        answer = self._post(orjson.dumps(request))
        if not isinstance(answer, dict):
            raise RegistryUnavailableError(f"the node's engine gave no answer to {method}")
        return answer

    # --- one request -----------------------------------------------------------------------------

    def _call(self, method: str, params: JsonObject) -> JsonObject:
        answer = self.ask(method, params)
        result = answer.get("result")
        if isinstance(result, dict):
            return result
        raise RegistryUnavailableError(f"the node's engine refused {method}: {_error(answer)}")

    def _post(self, body: bytes) -> JsonValue:
        for attempt in (1, 2):
            is_kept = getattr(self._local, "connection", None) is not None
            try:
                return self._exchange(body)
            except (OSError, http.client.HTTPException) as error:
                self._drop()
                # A kept connection may have been closed meanwhile; a fresh one says the truth. One
                # on which nothing came in time was open: asking anew would only wait twice.
                if attempt == 1 and is_kept and not isinstance(error, TimeoutError):
                    continue
                raise RegistryUnavailableError(
                    f"the node's engine does not answer at {self._place[0]}:{self._place[1]}"
                ) from error
        raise AssertionError("unreachable")

    def _exchange(self, body: bytes) -> JsonValue:
        connection: http.client.HTTPConnection = (
            getattr(self._local, "connection", None) or self._connect()
        )
        connection.request("POST", "/", body, {"Content-Type": "application/json"})
        with connection.getresponse() as response:
            data = response.read(_ANSWER_BYTES + 1)
        if len(data) > _ANSWER_BYTES:
            self._drop()  # the rest of it is still to come there
            raise RegistryUnavailableError(
                f"the node's engine gave an answer of more than {_ANSWER_BYTES} bytes"
            )
        try:
            answer: JsonValue = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise RegistryUnavailableError(
                f"the node's engine answered with status {response.status}"
            ) from None
        return answer

    def _connect(self) -> http.client.HTTPConnection:
        """Open this thread's connection, known to `close`, which may come at any moment."""
        connection = http.client.HTTPConnection(*self._place, timeout=self._timeout)
        self._local.connection = connection
        with self._lock:
            if not self._closed:
                self._open.add(connection)
        if not self._closed:
            connection.connect()
            # Once closed it stays closed: opened again by itself, nobody would close it.
            connection.auto_open = 0
        if self._closed:
            self._drop()
            raise RegistryUnavailableError("the node's engine is asked no more: the node stops")
        return connection

    def _drop(self) -> None:
        connection = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is not None:
            connection.close()
            with self._lock:
                self._open.discard(connection)


def peer_ids(net_info: JsonObject) -> tuple[str, ...]:
    """Return the node ids (40 hexadecimal digits) of the peers that `net_info` tells of.

    Raises:
        MalformedError: a peer is told of without saying who it is.
    """
    listed = net_info.get("peers")
    peers = listed if isinstance(listed, list) else []
    infos = [object_member(members_of(peer, "a peer"), "node_info", "a peer") for peer in peers]
    return tuple(sorted(text_member(info, "id", "a peer") for info in infos))


def _handed_in(answer: JsonObject) -> HandedIn:
    if isinstance(answer.get("result"), dict):
        return HandedIn()
    text = _error(answer)
    return HandedIn(is_known=_IN_CACHE in text, trouble="" if _IN_CACHE in text else text)


def _error(answer: JsonValue) -> str:
    error = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(error, dict):
        return f"{error.get('message', '')}: {error.get('data', '')}"[:500]
    return "no result"
