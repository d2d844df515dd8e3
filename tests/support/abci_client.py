"""The client side of ABCI: a `ConsensusApplication` that asks another one through its messages.

`exchange` carries the bytes of one request to the bytes of its response: in memory, or over a
socket. So whatever drives an application can drive it through the codec too.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from registry_chain.engines.cometbft.calls import (
    Answered,
    ChainStart,
    Checked,
    DecidedBlock,
    Executed,
    FinalizedBlock,
    InitialState,
    Standing,
)
from registry_chain.engines.cometbft.dispatch import AbciApplication
from registry_chain.engines.cometbft.framing import FrameDecoder, encode_frame
from registry_chain.engines.cometbft.messages import (
    Request,
    call_of,
    decode_request,
    decode_response,
)
from registry_chain.state_machine.block import ValidatorUpdate
from registry_chain.state_sync.verdicts import ChunkAnswer, ChunkResult, OfferResult, StateSnapshot
from weid.registry.comet_encoding import NANOSECONDS

KINDS = {"duplicate_vote": 1, "light_client_attack": 2}


class AbciExceptionError(Exception):
    """The application answered with an exception: CometBFT would end."""


def in_memory(application: AbciApplication) -> Callable[[bytes], bytes]:
    """Return an exchange with an application of this process."""
    return lambda raw: application.answer(decode_request(raw)).SerializeToString()


class Wire:
    """A connection to an ABCI socket that speaks frames."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(60)
        try:
            self.socket.connect(str(path))
        except OSError:
            self.socket.close()
            raise
        self._decoder = FrameDecoder()
        self._found: list[bytes] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()

    def send(self, *payloads: bytes) -> None:
        """Send messages as one write."""
        self.socket.sendall(b"".join(map(encode_frame, payloads)))

    def receive(self) -> bytes | None:
        """Return the next message, None at the end of the stream."""
        while not self._found:
            piece = self.socket.recv(65536)
            if not piece:
                return None
            self._found = list(self._decoder.feed(piece))
        return self._found.pop(0)

    def exchange(self, raw: bytes) -> bytes:
        """Send one message and return its answer."""
        self.send(raw)
        found = self.receive()
        if found is None:
            raise ConnectionError("the server has closed the connection")
        return found


class AbciClient:
    """Asks through `exchange`; sends each call as CometBFT does."""

    def __init__(self, exchange: Callable[[bytes], bytes]) -> None:
        self._exchange = exchange

    def ask(self, request: Any) -> Any:
        """Return the reply to a request; the call's own message."""
        response = decode_response(self._exchange(request.SerializeToString()))
        call = call_of(response)
        if call == "exception":
            raise AbciExceptionError(response.exception.error)
        assert call == call_of(request)
        return getattr(response, call)

    def info(self) -> Standing:
        request = Request()
        request.info.abci_version = "2.0.0"
        found = self.ask(request)
        return Standing(
            found.last_block_height, found.last_block_app_hash, found.version, found.app_version
        )

    def init_chain(self, start: ChainStart) -> InitialState:
        request = Request()
        asked = request.init_chain
        asked.time.seconds, asked.time.nanos = divmod(start.time_ns, NANOSECONDS)
        asked.chain_id = start.chain_id
        asked.initial_height = start.initial_height
        asked.app_state_bytes = start.app_state
        for public_key, power in start.validators:
            asked.validators.add(power=power).pub_key.ed25519 = public_key
        if start.block_bytes:
            asked.consensus_params.block.max_bytes = start.block_bytes
        found = self.ask(request)
        size = found.consensus_params.block.max_bytes
        return InitialState(found.app_hash, _updates(found.validators), size)

    def check(self, raw: bytes, *, recheck: bool) -> Checked:
        request = Request()
        request.check_tx.tx = raw
        request.check_tx.type = int(recheck)
        found = self.ask(request)
        return Checked(found.code, found.log)

    def propose(self, transactions: Sequence[bytes], *, max_bytes: int) -> list[bytes]:
        request = Request()
        request.prepare_proposal.txs.extend(transactions)
        request.prepare_proposal.max_tx_bytes = max_bytes
        return list(self.ask(request).txs)

    def accept(self, transactions: Sequence[bytes], *, height: int) -> bool:
        request = Request()
        request.process_proposal.txs.extend(transactions)
        request.process_proposal.height = height
        status = self.ask(request).status
        assert status in {1, 2}
        return bool(status == 1)

    def finalize(self, block: DecidedBlock) -> FinalizedBlock:
        request = Request()
        asked = request.finalize_block
        asked.txs.extend(block.transactions)
        asked.height = block.height
        asked.time.seconds, asked.time.nanos = divmod(block.time_ns, NANOSECONDS)
        asked.hash = block.hash
        asked.next_validators_hash = block.next_validators_hash
        asked.proposer_address = block.proposer
        for address, height, kind in block.misbehaviour:
            fault = asked.misbehavior.add(type=KINDS[kind], height=height)
            fault.validator.address = address
        found = self.ask(request)
        results = tuple(Executed(result.code, result.data) for result in found.tx_results)
        size = found.consensus_param_updates.block.max_bytes
        return FinalizedBlock(results, found.app_hash, _updates(found.validator_updates), size)

    def commit(self) -> int:
        request = Request()
        request.commit.SetInParent()
        return int(self.ask(request).retain_height)

    def query(self, path: str, data: bytes, *, height: int, prove: bool) -> Answered:
        request = Request()
        request.query.path = path
        request.query.data = data
        request.query.height = height
        request.query.prove = prove
        found = self.ask(request)
        return Answered(found.code, found.value, found.log)

    def list_snapshots(self) -> list[StateSnapshot]:
        request = Request()
        request.list_snapshots.SetInParent()
        return [
            StateSnapshot(s.height, s.format, s.chunks, s.hash, s.metadata)
            for s in self.ask(request).snapshots
        ]

    def load_chunk(self, height: int, format_: int, chunk: int) -> bytes:
        request = Request()
        asked = request.load_snapshot_chunk
        asked.height, asked.format, asked.chunk = height, format_, chunk
        return bytes(self.ask(request).chunk)

    def offer_snapshot(self, snapshot: StateSnapshot, app_hash: bytes) -> OfferResult:
        request = Request()
        asked = request.offer_snapshot
        asked.app_hash = app_hash
        offered = asked.snapshot
        offered.height, offered.format = snapshot.height, snapshot.format
        offered.chunks, offered.hash = snapshot.chunks, snapshot.hash
        offered.metadata = snapshot.metadata
        return OfferResult(self.ask(request).result)

    def apply_chunk(self, index: int, chunk: bytes, sender: str) -> ChunkAnswer:
        request = Request()
        asked = request.apply_snapshot_chunk
        asked.index, asked.chunk, asked.sender = index, chunk, sender
        found = self.ask(request)
        return ChunkAnswer(
            ChunkResult(found.result), tuple(found.refetch_chunks), tuple(found.reject_senders)
        )


def _updates(field: Any) -> tuple[ValidatorUpdate, ...]:
    return tuple(ValidatorUpdate(update.pub_key.ed25519, update.power) for update in field)
