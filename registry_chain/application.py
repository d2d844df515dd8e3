"""RegistryApplication: the state machine behind calls shaped as ABCI's, over a chain store.

    info · init_chain          where the chain stands; how it begins
    check                      a filter before a block, on committed state, from any thread
    propose · accept           leave out, or refuse, what no block may hold
    finalize_block · commit    compute, then persist: nothing is written before `commit`
    query                      is `registry_chain.reader`: committed snapshots, from any thread

`finalize_block` and `commit` belong to one thread, the engine's. A crash between the two means
computing again, with the same result. `commit` is also there in its three steps, so that a block
can be on its way to the disk while the next one is computed. An engine that decides blocks
elsewhere seals states and blocks apart (`staged`, `prepare_decided`): a state is provable only by
the header after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from threading import Lock
from typing import Final

from registry_chain.state_machine import admission, proposing
from registry_chain.state_machine.admission import Check
from registry_chain.state_machine.block import BlockInput, BlockOutcome
from registry_chain.state_machine.founding import apply_genesis
from registry_chain.state_machine.genesis import Genesis
from registry_chain.state_machine.nodes import active_validators
from registry_chain.state_machine.parameters import MAX_BLOCK_BYTES, PARAMETERS
from registry_chain.state_machine.staged import StagedState
from registry_chain.state_machine.transition import apply_block
from registry_chain.state_sync.unfinished import clear_unfinished
from registry_chain.storage.block_writes import block_writes
from registry_chain.storage.checkpoint import NO_BLOCK_HASH
from registry_chain.storage.committed import (
    GENESIS,
    Position,
    read_genesis,
    read_position,
)
from registry_chain.storage.errors import StoreRefusedError
from registry_chain.storage.layered import LayeredState, StateCache
from registry_chain.storage.sealed_block import (
    SealedBlock,
    encode_validators,
)
from registry_chain.storage.store import ChainStore, Checkpoint, Table
from registry_chain.verifying import VerifiedAhead
from weid.errors import RegistryUnavailableError
from weid.registry.codes import ResultCode
from weid.registry.comet_encoding import merkle_root
from weid.registry.records import AccountRecord, HandoverRecord, ParameterRecord
from weid.registry.state_keys import ENGINE, NAMESPACE_OF, state_key
from weid.registry.validators import Validator, ValidatorSet
from weid.registry.wire import decode_record_as

HANDOVER_KEY: Final = state_key(NAMESPACE_OF[HandoverRecord], ENGINE)
"""Where the state says that the chain was handed over."""
VERIFIED_KEPT: Final = 100_000
"""Transactions whose verified signatures are remembered between `check` and the block."""


@dataclass(frozen=True, slots=True)
class ApplicationInfo:
    """Where the application stands: what an engine asks first after a start."""

    height: int
    app_hash: bytes


@dataclass(frozen=True, slots=True)
class PreparedCommit:
    """Blocks that are computed and not yet persisted, with all that their commit writes."""

    blocks: tuple[SealedBlock, ...]
    outcomes: tuple[BlockOutcome, ...]
    position: Position
    writes: dict[Table, dict[bytes, bytes | None]]
    checkpoint: Checkpoint


class RegistryApplication:
    """One chain's state machine over its store. Opens where the store's chain stands.

    Raises:
        StoreDamagedError: what the store says of the chain cannot be read.
    """

    def __init__(self, store: ChainStore) -> None:
        self.store = store
        self._cache = StateCache(store)
        self._verified: dict[bytes, None] = {}
        self._ahead = VerifiedAhead()
        # Guards the staged blocks and the position, which the writer's thread moves on too.
        self._lock = Lock()
        self._staged: tuple[BlockOutcome, ...] = ()
        self._prepared = 0
        self._genesis: Genesis | None = None
        self._position: Position | None = None
        with store.snapshot() as snapshot:
            self._position = read_position(snapshot)
            if self._position is not None:
                self._genesis = read_genesis(snapshot)

    # --- how it stands and begins ----------------------------------------------------------------

    @property
    def genesis(self) -> Genesis:
        """The genesis of the chain.

        Raises:
            RegistryUnavailableError: the chain has not begun.
        """
        if self._genesis is None:
            raise RegistryUnavailableError(
                "the registry has not begun", hint="give it a genesis first"
            )
        return self._genesis

    @property
    def position(self) -> Position:
        """Where the committed chain stands; staged blocks do not count."""
        if self._position is None:
            raise RegistryUnavailableError(
                "the registry has not begun", hint="give it a genesis first"
            )
        return self._position

    @property
    def staged(self) -> tuple[BlockOutcome, ...]:
        """What is computed and not yet persisted, oldest first."""
        with self._lock:
            return self._staged

    @property
    def begun(self) -> bool:
        """Whether there is a chain in the store."""
        return self._position is not None

    def info(self) -> ApplicationInfo:
        """Return committed height and app hash."""
        summary = self.position.summary
        return ApplicationInfo(summary.height, summary.app_hash)

    def init_chain(self, genesis: Genesis) -> bytes:
        """Begin the chain with a genesis, durably, and return the first app hash.

        The same genesis again changes nothing.

        Raises:
            StoreRefusedError: the store holds another chain.
        """
        if self._genesis is not None:
            if self._genesis.genesis_hash != genesis.genesis_hash:
                raise StoreRefusedError("the store holds a chain of another genesis")
            return self.info().app_hash
        clear_unfinished(self.store)
        outcome = apply_genesis(genesis)
        validators = genesis_validators(genesis)
        position = Position(outcome.summary, merkle_root(()), validators.hash(), 0)
        position, writes = block_writes(position, (outcome,), ())
        writes[Table.VALIDATORS] = {validators.hash(): encode_validators(validators)}
        writes[Table.SETTINGS][GENESIS] = genesis.to_json()
        self.store.write(
            writes, Checkpoint(outcome.summary.height, NO_BLOCK_HASH, outcome.app_hash)
        )
        self._genesis = genesis
        self._position = position
        self._cache.take(outcome)
        return outcome.app_hash

    def take_over(self) -> None:
        """Stand where the store does after state sync has installed a chain in it.

        The engine's thread only.

        Raises:
            StoreRefusedError: a chain has begun here already.
        """
        if self.begun:
            raise StoreRefusedError("the registry has begun here already")
        with self.store.snapshot() as snapshot:
            self._genesis = read_genesis(snapshot)
            self._position = read_position(snapshot)
        self._cache = StateCache(self.store)

    def handed_over(self) -> ValidatorSet | None:
        """Return who seals the chain since its hand-over to another engine; None: there was none.

        It looks at the staged blocks too: the engine's thread only.
        """
        with self._lock:
            state = LayeredState(self._cache, self._staged, self.position.summary)
        if state.get(HANDOVER_KEY) is None:
            return None
        return ValidatorSet.of(active_validators(state))

    def parameter(self, name: str) -> int:
        """Return a chain parameter's value after the newest computed block.

        The engine's thread only.
        """
        with self._lock:
            state = LayeredState(self._cache, self._staged, self.position.summary)
        raw = state.get(parameter_key(name))
        if raw is None:
            return PARAMETERS[name].default
        return decode_record_as(ParameterRecord, raw).value

    # --- before a block --------------------------------------------------------------------------

    def check(self, raw: bytes, *, time: int, pending: int = 0) -> Check:
        """Judge a transaction on committed state: a filter and no promise; see `admission.check`.

        Signatures that verify are remembered, so that the block need not verify them again.
        """
        state = self._cache.committed(self.position.summary)
        found = admission.check(state, raw, time=time, pending=pending, verified=self._verified)
        if found.verified:
            self._verified[found.verified] = None
        return found

    def following(self, author: str) -> int:
        """Return an author's next sequence number after the newest computed block; any thread."""
        key = state_key(NAMESPACE_OF[AccountRecord], author.encode())
        with self._lock:
            staged = self._staged
        for outcome in reversed(staged):
            raw = outcome.records.get(key)
            if raw is not None:
                break
        else:
            raw = self._cache.peek(key)
        return 0 if raw is None else decode_record_as(AccountRecord, raw).next_sequence

    def recheck(self, raw: bytes, *, time: int) -> ResultCode:
        """Judge again a transaction that passed `check`: only what the blocks since may have ended.

        No signature is verified again: whoever waits is asked about after every block.
        """
        state = self._cache.committed(self.position.summary)
        return proposing.recheck(state, raw, time=time)

    def propose(self, transactions: Sequence[bytes], *, max_bytes: int, time: int) -> list[bytes]:
        """Return those that a block of so many bytes should hold, in their order.

        Left out is what would leave no trace: broken, out of time, or not the author's next after
        the staged blocks and what was chosen before. The engine's thread only.
        """
        with self._lock:
            state = LayeredState(self._cache, self._staged, self.position.summary)
        return proposing.choose(state, transactions, max_bytes=max_bytes, time=time)

    def accept(self, transactions: Sequence[bytes]) -> bool:
        """Return whether another's block may be judged at all.

        Only what depends on the bytes alone counts here (each can be read, none is too large):
        what an honest proposer could not know must never refuse its block.
        """
        if sum(map(len, transactions)) > PARAMETERS[MAX_BLOCK_BYTES].most:
            return False
        readings = map(admission.read_transaction, transactions)
        return not any(isinstance(reading, ResultCode) for reading in readings)

    # --- a block ---------------------------------------------------------------------------------

    def finalize_block(self, block: BlockInput, upcoming: Sequence[bytes] = ()) -> BlockOutcome:
        """Compute a block over the state with all staged blocks, and stage it; write nothing.

        `upcoming` are transactions that wait for a later block: their signatures may be verified
        meanwhile.

        Raises:
            InvalidBlockError: its height or time cannot follow.
        """
        with self._lock:
            state = LayeredState(self._cache, self._staged, self.position.summary)
        self._cache.trim()
        # Taken out as one step: other threads, which check transactions, put in meanwhile.
        surplus = max(0, len(self._verified) - VERIFIED_KEPT)
        for name in list(islice(self._verified, surplus)):
            self._verified.pop(name, None)
        with self._cache.reading():
            later = StagedState(state, height=block.height, time=block.time)
            ahead = self._ahead.of_block(block.transactions, upcoming, later, self._verified)
            outcome = apply_block(state, block, verify_ahead=ahead)
        with self._lock:
            self._staged += (outcome,)
        return outcome

    def drop_newest(self) -> None:
        """Drop the newest staged block, which has no seal and never will."""
        with self._lock:
            self._staged = self._staged[:-1]

    def commit(
        self, blocks: Sequence[SealedBlock], validators: Sequence[ValidatorSet] = ()
    ) -> None:
        """Persist the staged blocks as one: sealed, durable, and readable when this returns.

        Raises:
            StoreFullError, StoreStoppedError: nothing is persisted, and nothing staged any more.
        """
        prepared = self.prepare_commit(blocks, validators)
        try:
            self.persist(prepared)
        except BaseException:
            self.abandon()
            raise
        self.settle(prepared)

    def prepare_commit(
        self, blocks: Sequence[SealedBlock], validators: Sequence[ValidatorSet] = ()
    ) -> PreparedCommit:
        """Return the commit of the staged blocks that are not prepared yet.

        `blocks` are their seals, in order; `validators` the sets that they announce for the first
        time.

        Raises:
            ValueError: the seals are not those of the staged blocks.
        """
        with self._lock:
            outcomes = self._staged[self._prepared :]
            earlier = self._staged[: self._prepared]
            before = self.position
            self._prepared = len(self._staged)
        heights = [outcome.summary.height for outcome in outcomes]
        if not outcomes or heights != [block.header.height for block in blocks]:
            raise ValueError("the sealed blocks are not the staged ones")
        events = before.events + sum(len(outcome.events) for outcome in earlier)
        position, writes = block_writes(replace(before, events=events), outcomes, tuple(blocks))
        header = blocks[-1].header
        writes[Table.VALIDATORS] = {found.hash(): encode_validators(found) for found in validators}
        checkpoint = Checkpoint(
            header.height, blocks[-1].commit.block_id.hash, outcomes[-1].app_hash
        )
        return PreparedCommit(tuple(blocks), outcomes, position, writes, checkpoint)

    def prepare_decided(
        self,
        count: int,
        blocks: Sequence[SealedBlock],
        validators: Sequence[ValidatorSet],
        *,
        block_hash: bytes,
    ) -> PreparedCommit:
        """Return the commit of the `count` oldest staged states, with blocks decided elsewhere.

        `blocks` are all that is new in the store, also of heights above the last of those states;
        `validators` the sets that they name; `block_hash` that of the block whose state is the
        last one persisted. With a count of 0 only blocks are written.
        """
        with self._lock:
            outcomes = self._staged[:count]
            before = self.position
            self._prepared = count
        position, writes = block_writes(before, outcomes, tuple(blocks), decided_elsewhere=True)
        writes[Table.VALIDATORS] = {found.hash(): encode_validators(found) for found in validators}
        summary = position.summary
        checkpoint = Checkpoint(summary.height, block_hash, summary.app_hash)
        return PreparedCommit(tuple(blocks), outcomes, position, writes, checkpoint)

    def persist(self, prepared: PreparedCommit) -> None:
        """Write a prepared commit; may run in another thread than the engine's."""
        self.store.write(prepared.writes, prepared.checkpoint)

    def settle(self, prepared: PreparedCommit) -> None:
        """Take note that a prepared commit, the oldest one, is persisted; from any thread."""
        count = len(prepared.outcomes)
        for outcome in prepared.outcomes:
            self._cache.take(outcome)
        with self._lock:
            if self._staged[:count] != prepared.outcomes:
                raise ValueError("another commit was prepared before this one")
            self._staged = self._staged[count:]
            self._prepared -= count
            self._position = prepared.position

    def unprepare(self) -> None:
        """Take note that a prepared commit was not persisted and will be prepared again."""
        with self._lock:
            self._prepared = 0

    def abandon(self) -> None:
        """Drop every staged block: the chain stands where its store does."""
        with self._lock:
            self._staged = ()
            self._prepared = 0


def parameter_key(name: str) -> bytes:
    """Return where the state has a chain parameter."""
    return state_key(NAMESPACE_OF[ParameterRecord], name.encode())


def genesis_validators(genesis: Genesis) -> ValidatorSet:
    """Return the set that seals a chain's first block."""
    return ValidatorSet.of([Validator(v.public_key, v.power) for v in genesis.validators])
