"""What CometBFT asks of an application, as plain values: `ConsensusApplication`.

The calls are those of ABCI 2.0 without what a registry has no use for (gas, priorities, vote
extensions, events: those are our own feed). Nothing here is protobuf; `dispatch` translates.

    init_chain · propose · accept · finalize · commit     one thread at a time
    info · check · query · list_snapshots · load_chunk    any thread, on committed state
    offer_snapshot · apply_chunk                          one thread, before the chain is followed
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from registry_chain.state_machine.block import Misbehaviour, ValidatorUpdate
from registry_chain.state_sync.verdicts import ChunkAnswer, OfferResult, StateSnapshot


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the application stands.

    `height` and `app_hash` are those of the persisted state, 0 and empty before the chain begins;
    `version` is the software's, for people; `app_version` is what block headers carry.
    """

    height: int
    app_hash: bytes
    version: str
    app_version: int


@dataclass(frozen=True, slots=True)
class ChainStart:
    """How CometBFT's genesis says that the chain begins; `time_ns` since 1970.

    `block_bytes` is the largest block as CometBFT counts it (0: the genesis says nothing).
    """

    chain_id: str
    time_ns: int
    initial_height: int
    validators: tuple[ValidatorUpdate, ...]
    app_state: bytes
    block_bytes: int = 0


@dataclass(frozen=True, slots=True)
class InitialState:
    """The state that the first block is computed over.

    `validators` is empty where the genesis' set stands; else it is the whole set instead of it.
    `block_bytes` is 0 where the genesis' block size stands; else it takes its place.
    """

    app_hash: bytes
    validators: tuple[ValidatorUpdate, ...] = ()
    block_bytes: int = 0


class Checked(NamedTuple):
    """What a filter found: `code` 0 lets the transaction into the mempool, else `log` says why."""

    code: int
    log: str = ""


@dataclass(frozen=True, slots=True)
class DecidedBlock:
    """A block that the network has decided.

    `hash` is its header's; `time_ns` since 1970; `proposer` a validator's address (20 bytes).
    """

    height: int
    time_ns: int
    hash: bytes
    transactions: tuple[bytes, ...]
    misbehaviour: tuple[Misbehaviour, ...]
    next_validators_hash: bytes
    proposer: bytes


class Executed(NamedTuple):
    """What became of one transaction: both members are consensus."""

    code: int
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class FinalizedBlock:
    """What a decided block gives: one result for each of its transactions, in their order.

    `app_hash` is in the next header; `validator_updates` take effect two blocks later;
    `block_bytes` is CometBFT's block size from the next block on, 0 where it stays as it is.
    """

    results: tuple[Executed, ...]
    app_hash: bytes
    validator_updates: tuple[ValidatorUpdate, ...] = ()
    block_bytes: int = 0


class Answered(NamedTuple):
    """An answer to a query: `code` 0 and a value, or another code and why in `log`."""

    code: int
    value: bytes = b""
    log: str = ""


class ConsensusApplication(Protocol):
    """The state machine as CometBFT drives it.

    1. `init_chain`, `propose`, `accept`, `finalize` and `commit` never run at the same time, in
       whatever threads; the others run at any time and wait for none of these.
    2. `finalize` depends on nothing but the state before and the block; `accept` on nothing but
       these either, and neither it nor `propose` changes the state.
    3. What any of them raises, but for `check`, `query`, `accept` and the serving of snapshots,
       ends the service of the process.
    """

    def info(self) -> Standing:
        """Return where the application stands: CometBFT replays every block above that height."""
        ...

    def init_chain(self, start: ChainStart) -> InitialState:
        """Begin the chain, or find that it has begun in just this way."""
        ...

    def check(self, raw: bytes, *, recheck: bool) -> Checked:
        """Judge a transaction for the mempool; `recheck` says that it is there and a block came."""
        ...

    def propose(self, transactions: Sequence[bytes], *, max_bytes: int) -> Sequence[bytes]:
        """Return what to propose of these, in their order."""
        ...

    def accept(self, transactions: Sequence[bytes], *, height: int) -> bool:
        """Return whether another's proposal may become a block."""
        ...

    def finalize(self, block: DecidedBlock) -> FinalizedBlock:
        """Compute a decided block over the state of the one before."""
        ...

    def commit(self) -> int:
        """Take the computed block as final; return the lowest height to keep, 0 for every one."""
        ...

    def query(self, path: str, data: bytes, *, height: int, prove: bool) -> Answered:
        """Answer a query; `/p2p/filter/…` asks whether a peer is let in, by code 0."""
        ...

    def list_snapshots(self) -> Sequence[StateSnapshot]:
        """Return the snapshots that can be given to others."""
        ...

    def load_chunk(self, height: int, format_: int, chunk: int) -> bytes:
        """Return a piece of a snapshot, empty where there is none."""
        ...

    def offer_snapshot(self, snapshot: StateSnapshot, app_hash: bytes) -> OfferResult:
        """Say whether to restore a snapshot; `app_hash` is the proved one of its height."""
        ...

    def apply_chunk(self, index: int, chunk: bytes, sender: str) -> ChunkAnswer:
        """Take the next piece of the accepted snapshot."""
        ...
