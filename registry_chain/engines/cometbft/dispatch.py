"""AbciApplication: each ABCI request becomes one call of a `ConsensusApplication` (clauses CN-…).

Three ways of failing, by what an error can have left behind:

    a consensus call, Info, restoring a state    ConsensusFailedError; no such call ever again
    a proposal of somebody else                  refused, and logged
    CheckTx, Query, serving of snapshots         an answer with a code other than 0, or an empty one
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import Any, Final

from registry_chain.engines.cometbft.calls import (
    ChainStart,
    ConsensusApplication,
    DecidedBlock,
    FinalizedBlock,
)
from registry_chain.engines.cometbft.messages import ABCI_VERSION, Response, call_of
from registry_chain.engines.embedded.sealing import APP_VERSION
from registry_chain.state_machine.block import Misbehaviour, ValidatorUpdate
from registry_chain.state_sync.verdicts import OfferResult, StateSnapshot
from weid.errors import MalformedError, RegistryError, WeidError
from weid.registry.comet_encoding import NANOSECONDS, varint

FAILED: Final = 999
"""Code of an answer that could not be given: no `ResultCode`, and never part of a block."""

_ACCEPT: Final = 1
_REJECT: Final = 2
_RECHECK: Final = 1
_MISBEHAVIOUR: Final = {1: "duplicate_vote", 2: "light_client_attack"}
_KEY_BYTES: Final = 32
_NO_GAS_LIMIT: Final = -1

_log = logging.getLogger(__name__)


class ConsensusFailedError(RegistryError):
    """A call failed after which the process must not go on; start it and CometBFT again."""


class AbciApplication:
    """Answers ABCI requests from as many threads as there are connections."""

    def __init__(self, application: ConsensusApplication) -> None:
        self._application = application
        self._lock = Lock()
        self._failure = ""
        self._simple: dict[str, Callable[[Any, Any], None]] = {
            "check_tx": self._check_tx,
            "echo": _echo,
            "flush": _nothing,
            "query": self._query,
            "list_snapshots": self._list_snapshots,
            "load_snapshot_chunk": self._load_chunk,
            "extend_vote": _nothing,
            "verify_vote_extension": _verify_vote_extension,
            "insert_tx": _insert_tx,
            "reap_txs": _nothing,
        }
        self._consensus: dict[str, Callable[[Any, Any], None]] = {
            "init_chain": self._init_chain,
            "prepare_proposal": self._prepare_proposal,
            "process_proposal": self._process_proposal,
            "finalize_block": self._finalize_block,
            "commit": self._commit,
        }
        # They stand outside the consensus lock, but not one may go on after a failure.
        self._standing: dict[str, Callable[[Any, Any], None]] = {
            "info": self._info,
            "offer_snapshot": self._offer_snapshot,
            "apply_snapshot_chunk": self._apply_chunk,
        }

    def answer(self, request: Any) -> Any:
        """Return the `Response` to a `Request`.

        Raises:
            MalformedError: the request is of no kind that there is.
            ConsensusFailedError: a call failed after which the process must not go on; from then
                on every such call does.
        """
        call = call_of(request)
        response = Response()
        simple = self._simple.get(call)
        if simple is not None:
            reply = getattr(response, call)
            reply.SetInParent()
            simple(getattr(request, call), reply)
            return response
        if call in self._consensus:
            with self._lock:
                self._guarded(self._consensus[call], request, response)
        elif call in self._standing:
            self._guarded(self._standing[call], request, response)
        else:
            raise MalformedError("a request of a kind that ABCI 2.0 does not have")
        return response

    def _guarded(self, fill: Callable[[Any, Any], None], request: Any, response: Any) -> None:
        """Make the call; after its first failure, and that of any other such call, never again."""
        call = call_of(request)
        if self._failure:
            raise ConsensusFailedError(f"{call} was not done: {self._failure}")
        reply = getattr(response, call)
        reply.SetInParent()
        try:
            fill(getattr(request, call), reply)
        except Exception as error:
            self._failure = f"{call} failed: {_reason(error)}"
            _log.exception("%s failed: the process must not go on", call)
            raise ConsensusFailedError(
                self._failure, hint="start the application and CometBFT again; both go on together"
            ) from error

    # --- How it stands and begins ----------------------------------------------------------------

    def _info(self, request: Any, reply: Any) -> None:
        version = request.abci_version
        # Empty: asked over CometBFT's RPC, or by its command line.
        if version and not version.startswith(f"{ABCI_VERSION}."):
            raise MalformedError(
                f"CometBFT {request.version} speaks ABCI {version}, and we speak {ABCI_VERSION}",
                hint="run a version of CometBFT that this release names",
            )
        found = self._application.info()
        reply.data = "weid"
        reply.version = found.version
        reply.app_version = found.app_version
        reply.last_block_height = found.height
        reply.last_block_app_hash = found.app_hash

    def _init_chain(self, request: Any, reply: Any) -> None:
        validators = []
        for update in request.validators:
            if update.pub_key.WhichOneof("sum") != "ed25519":
                raise MalformedError("a validator of the genesis has another key than Ed25519")
            validators.append(ValidatorUpdate(update.pub_key.ed25519, update.power))
        start = ChainStart(
            chain_id=request.chain_id,
            time_ns=_nanoseconds(request.time),
            initial_height=request.initial_height,
            validators=tuple(validators),
            app_state=request.app_state_bytes,
            block_bytes=request.consensus_params.block.max_bytes,
        )
        state = self._application.init_chain(start)
        reply.app_hash = state.app_hash
        _add_updates(reply.validators, state.validators)
        _set_block_size(reply, "consensus_params", state.block_bytes)

    # --- The mempool and queries -----------------------------------------------------------------

    def _check_tx(self, request: Any, reply: Any) -> None:
        try:
            code, log = self._application.check(request.tx, recheck=request.type == _RECHECK)
            reply.code = code
            reply.log = log
        except Exception as error:  # noqa: BLE001 - one transaction must not end the process
            _log.warning("CheckTx failed: %s", _reason(error))
            reply.code = FAILED
            reply.log = "the transaction cannot be judged now"

    def _query(self, request: Any, reply: Any) -> None:
        try:
            found = self._application.query(
                request.path, request.data, height=request.height, prove=request.prove
            )
            reply.code = found.code
            reply.value = found.value
            reply.log = found.log
        except Exception as error:  # noqa: BLE001 - one query must not end the process
            _log.warning("Query failed: %s", _reason(error))
            reply.Clear()
            reply.code = FAILED
            reply.log = "the query cannot be answered now"

    # --- Blocks ----------------------------------------------------------------------------------

    def _prepare_proposal(self, request: Any, reply: Any) -> None:
        most = request.max_tx_bytes
        chosen = self._application.propose(list(request.txs), max_bytes=most)
        reply.txs.extend(_fitting(chosen, most))

    def _process_proposal(self, request: Any, reply: Any) -> None:
        try:
            accepted = self._application.accept(list(request.txs), height=request.height)
        except Exception:  # noqa: BLE001 - another's proposal must not end the process
            # It has changed nothing; and what one proposer can send must not stop every validator.
            _log.exception("the proposal at height %d is refused", request.height)
            accepted = False
        reply.status = _ACCEPT if accepted else _REJECT

    def _finalize_block(self, request: Any, reply: Any) -> None:
        block = DecidedBlock(
            height=request.height,
            time_ns=_nanoseconds(request.time),
            hash=request.hash,
            transactions=tuple(request.txs),
            misbehaviour=tuple(map(_misbehaviour, request.misbehavior)),
            next_validators_hash=request.next_validators_hash,
            proposer=request.proposer_address,
        )
        outcome = self._application.finalize(block)
        _require_whole(block, outcome)
        for code, data in outcome.results:
            reply.tx_results.add(code=code, data=data)
        _add_updates(reply.validator_updates, outcome.validator_updates)
        reply.app_hash = outcome.app_hash
        _set_block_size(reply, "consensus_param_updates", outcome.block_bytes)

    def _commit(self, _request: Any, reply: Any) -> None:
        reply.retain_height = self._application.commit()

    # --- Snapshots -------------------------------------------------------------------------------

    def _list_snapshots(self, _request: Any, reply: Any) -> None:
        try:
            for found in self._application.list_snapshots():
                reply.snapshots.add(
                    height=found.height,
                    format=found.format,
                    chunks=found.chunks,
                    hash=found.hash,
                    metadata=found.metadata,
                )
        except Exception as error:  # noqa: BLE001 - others can be asked for snapshots too
            _log.warning("ListSnapshots failed: %s", _reason(error))
            reply.Clear()

    def _load_chunk(self, request: Any, reply: Any) -> None:
        try:
            reply.chunk = self._application.load_chunk(
                request.height, request.format, request.chunk
            )
        except Exception as error:  # noqa: BLE001 - others can be asked for the chunk too
            _log.warning("LoadSnapshotChunk failed: %s", _reason(error))
            reply.Clear()

    def _offer_snapshot(self, request: Any, reply: Any) -> None:
        if not request.HasField("snapshot"):
            reply.result = OfferResult.REJECT
            return
        snapshot = request.snapshot
        offered = StateSnapshot(
            snapshot.height, snapshot.format, snapshot.chunks, snapshot.hash, snapshot.metadata
        )
        reply.result = self._application.offer_snapshot(offered, request.app_hash)

    def _apply_chunk(self, request: Any, reply: Any) -> None:
        applied = self._application.apply_chunk(request.index, request.chunk, request.sender)
        reply.result = applied.result
        reply.refetch_chunks.extend(applied.refetch)
        reply.reject_senders.extend(applied.rejected_senders)


# --- Calls that no application is asked for ------------------------------------------------------


def _nothing(_request: Any, _reply: Any) -> None:
    """Answer with an empty message."""


def _echo(request: Any, reply: Any) -> None:
    reply.message = request.message


def _verify_vote_extension(request: Any, reply: Any) -> None:
    reply.status = _REJECT if request.vote_extension else _ACCEPT


def _insert_tx(_request: Any, reply: Any) -> None:
    # CometBFT keeps the mempool; with its type "app" nothing would come into a block.
    reply.code = FAILED


# --- Translating ---------------------------------------------------------------------------------


def _nanoseconds(time: Any) -> int:
    """Return a Timestamp as nanoseconds since 1970."""
    return int(time.seconds) * NANOSECONDS + int(time.nanos)


def _misbehaviour(found: Any) -> Misbehaviour:
    kind = _MISBEHAVIOUR.get(found.type)
    if kind is None:
        raise MalformedError(f"misbehaviour of the unknown kind {found.type}")
    return Misbehaviour(found.validator.address, found.height, kind)


def _fitting(transactions: Iterable[bytes], most: int) -> list[bytes]:
    """Return the first of the transactions that fit, counted as CometBFT does: as block data."""
    chosen: list[bytes] = []
    total = 0
    for raw in transactions:
        total += 1 + len(varint(len(raw))) + len(raw)
        if total > most:
            break
        chosen.append(raw)
    return chosen


def _require_whole(block: DecidedBlock, outcome: FinalizedBlock) -> None:
    if len(outcome.results) != len(block.transactions):
        raise MalformedError(
            f"block {block.height} has {len(block.transactions)} transactions and "
            f"{len(outcome.results)} results"
        )


def _add_updates(field: Any, updates: Sequence[ValidatorUpdate]) -> None:
    """Write the updates; CometBFT stops at a set that it cannot take, so find that here."""
    if len({update.public_key for update in updates}) != len(updates):
        raise MalformedError("two updates of one validator")
    for public_key, power in updates:
        if len(public_key) != _KEY_BYTES or power < 0:
            raise MalformedError("an update of no Ed25519 key, or of a power below zero")
        update = field.add(power=power)
        update.pub_key.ed25519 = public_key


def _set_block_size(reply: Any, member: str, block_bytes: int) -> None:
    """Write a new block size, if there is one, into a reply's consensus parameters.

    CometBFT takes both members of `block` as they are given, and the version of the next headers
    from the parameters as soon as there are any: its genesis has no such version.
    """
    if block_bytes:
        parameters = getattr(reply, member)
        parameters.block.max_bytes = block_bytes
        parameters.block.max_gas = _NO_GAS_LIMIT
        parameters.version.app = APP_VERSION


def _reason(error: Exception) -> str:
    """Return what may be said of an error; only ours have messages made for that."""
    return error.message if isinstance(error, WeidError) else type(error).__name__
