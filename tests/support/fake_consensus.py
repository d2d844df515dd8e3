"""A small application for the ABCI layer: a ledger of words, over a store that outlives it.

A transaction is `set:<word>=<value>`, `del:<word>`, or `val:<key in hex>:<power>`; anything else
leaves no trace.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

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
from registry_chain.state_machine.block import ValidatorUpdate
from registry_chain.state_sync.verdicts import ChunkAnswer, ChunkResult, OfferResult, StateSnapshot
from weid.errors import MalformedError

MOST_BYTES = 100
MALFORMED, UNKNOWN = 1, 2


@dataclass
class Persisted:
    """What a crash leaves: the state at a height."""

    height: int = 0
    words: dict[str, str] = field(default_factory=dict)
    begun: bool = False


class LedgerApplication:
    """`lag` blocks are computed and final, but not yet persisted: as with a settler."""

    def __init__(self, store: Persisted, *, lag: int = 0) -> None:
        self.store = store
        self._lag = lag
        self._final: list[tuple[int, dict[str, str]]] = []
        self._computed: tuple[int, dict[str, str]] | None = None
        self.called: list[str] = []

    def info(self) -> Standing:
        self.called.append("info")
        app_hash = _hash(self.store.words) if self.store.height else b""
        return Standing(self.store.height, app_hash, "0.1", 7)

    def init_chain(self, start: ChainStart) -> InitialState:
        self.called.append("init_chain")
        if not self.store.begun:
            self.store.words["chain"] = start.chain_id + start.app_state.decode()
            self.store.begun = True
        return InitialState(_hash(self.store.words))

    def check(self, raw: bytes, *, recheck: bool) -> Checked:
        words = dict(self.store.words)
        try:
            result, _ = _execute(words, raw)
        except MalformedError as error:
            return Checked(MALFORMED, error.message)
        return Checked(result.code, "known already" if recheck else "")

    def propose(self, transactions: Sequence[bytes], *, max_bytes: int) -> list[bytes]:
        self.called.append("propose")
        return [raw for raw in transactions if len(raw) <= MOST_BYTES]

    def accept(self, transactions: Sequence[bytes], *, height: int) -> bool:
        self.called.append("accept")
        return all(len(raw) <= MOST_BYTES for raw in transactions)

    def finalize(self, block: DecidedBlock) -> FinalizedBlock:
        self.called.append("finalize")
        height, before = self._final[-1] if self._final else (self.store.height, self.store.words)
        if height and block.height != height + 1:
            raise MalformedError(f"block {block.height} does not follow {height}")
        words = dict(before)
        results, updates = [], {}
        for raw in block.transactions:
            try:
                result, update = _execute(words, raw)
            except MalformedError:
                results.append(Executed(MALFORMED))
                continue
            results.append(result)
            if update:
                updates[update.public_key] = update
        for fault in block.misbehaviour:
            words[fault.address.hex()] = f"{fault.kind} {fault.height}"
        self._computed = (block.height, words)
        return FinalizedBlock(tuple(results), _hash(words), tuple(updates.values()))

    def commit(self) -> int:
        self.called.append("commit")
        assert self._computed is not None
        self._final.append(self._computed)
        self._computed = None
        while len(self._final) > self._lag:
            self.store.height, self.store.words = self._final.pop(0)
        return max(0, self.store.height - 100)

    def query(self, path: str, data: bytes, *, height: int, prove: bool) -> Answered:
        if path.startswith("/p2p/filter/id/"):
            return Answered(0 if path.endswith("friend") else 1)
        if path == "/word":
            value = self.store.words.get(data.decode())
            return Answered(2, log="no such word") if value is None else Answered(0, value.encode())
        return Answered(1, log=f"{path} {height} {prove}")

    def list_snapshots(self) -> list[StateSnapshot]:
        return [StateSnapshot(self.store.height, 1, 2, b"snapshot", b"about it")]

    def load_chunk(self, height: int, format_: int, chunk: int) -> bytes:
        return f"{height}/{format_}/{chunk}".encode()

    def offer_snapshot(self, snapshot: StateSnapshot, app_hash: bytes) -> OfferResult:
        return (
            OfferResult.ACCEPT if snapshot.format == 1 and app_hash else OfferResult.REJECT_FORMAT
        )

    def apply_chunk(self, index: int, chunk: bytes, sender: str) -> ChunkAnswer:
        if chunk != b"good":
            return ChunkAnswer(ChunkResult.RETRY, (index,), (sender,))
        return ChunkAnswer(ChunkResult.ACCEPT)


def _execute(words: dict[str, str], raw: bytes) -> tuple[Executed, ValidatorUpdate | None]:
    try:
        kind, rest = raw.decode().split(":", 1)
        if kind == "val":
            key, power = rest.split(":")
            return Executed(0), ValidatorUpdate(bytes.fromhex(key), int(power))
        if kind == "set":
            word, value = rest.split("=")
            words[word] = value
            return Executed(0, word.encode()), None
        if kind == "del":
            return Executed(0 if words.pop(rest, None) is not None else UNKNOWN), None
    except ValueError:
        pass
    raise MalformedError("no transaction")


def _hash(words: dict[str, str]) -> bytes:
    return hashlib.sha256(repr(sorted(words.items())).encode()).digest()
