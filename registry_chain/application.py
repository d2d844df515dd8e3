"""RegistryApplication: the state machine behind calls shaped as ABCI's, over a chain store.

    info · init_chain          where the chain stands; how it begins
    check                      a filter before a block, on committed state, from any thread
    propose · accept           leave out, or refuse, what no block may hold
    finalize_block · commit    compute, then persist: nothing is written before `commit`
    query                      is `registry_chain.reader`: committed snapshots, from any thread

`finalize_block` and `commit` belong to one thread, the engine's. A crash between the two means
computing again, with the same result. `commit` is also there in its three steps, so that a block
can be on its way to the disk while the next one is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Final

from registry_chain.state_machine import admission
from registry_chain.state_machine.admission import Check
from registry_chain.state_machine.block import BlockInput, BlockOutcome
from registry_chain.state_machine.founding import apply_genesis
from registry_chain.state_machine.genesis import Genesis
from registry_chain.state_machine.parameters import MAX_BLOCK_BYTES, PARAMETERS
from registry_chain.state_machine.transition import apply_block
from registry_chain.storage.checkpoint import NO_BLOCK_HASH
from registry_chain.storage.committed import (
    GENESIS,
    POSITION,
    Position,
    read_genesis,
    read_position,
)
from registry_chain.storage.errors import StoreRefusedError
from registry_chain.storage.layered import LayeredState, StateCache
from registry_chain.storage.sealed_block import (
    SealedBlock,
    encode_block,
    encode_validators,
    height_key,
    results_root,
)
from registry_chain.storage.store import ChainStore, Checkpoint, Table
from registry_chain.storage.stored_event import encode_events
from weid import limits
from weid.errors import RegistryUnavailableError
from weid.registry.comet_encoding import merkle_root
from weid.registry.validators import Validator, ValidatorSet
from weid.registry.wire import encode_receipt

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
        outcome = apply_genesis(genesis)
        validators = genesis_validators(genesis)
        position = Position(outcome.summary, merkle_root(()), validators.hash(), 0)
        position, writes = _writes(position, (outcome,), ())
        writes[Table.VALIDATORS] = {validators.hash(): encode_validators(validators)}
        writes[Table.SETTINGS][GENESIS] = genesis.to_json()
        self.store.write(
            writes, Checkpoint(outcome.summary.height, NO_BLOCK_HASH, outcome.app_hash)
        )
        self._genesis = genesis
        self._position = position
        self._cache.take(outcome)
        return outcome.app_hash

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

    def propose(self, transactions: Sequence[bytes], *, max_bytes: int) -> list[bytes]:
        """Return those that a block of so many bytes can hold, in their order."""
        chosen: list[bytes] = []
        total = 0
        for raw in transactions:
            total += len(raw)
            if total > max_bytes:
                break
            if len(raw) <= limits.TRANSACTION_BYTES:
                chosen.append(raw)
        return chosen

    def accept(self, transactions: Sequence[bytes]) -> bool:
        """Return whether another's block may be judged at all: no transaction is too large."""
        most = PARAMETERS[MAX_BLOCK_BYTES].most
        return (
            all(len(raw) <= limits.TRANSACTION_BYTES for raw in transactions)
            and sum(map(len, transactions)) <= most
        )

    # --- a block ---------------------------------------------------------------------------------

    def finalize_block(self, block: BlockInput) -> BlockOutcome:
        """Compute a block over the state with all staged blocks, and stage it; write nothing.

        Raises:
            InvalidBlockError: its height or time cannot follow.
        """
        with self._lock:
            state = LayeredState(self._cache, self._staged, self.position.summary)
        self._cache.trim()
        while len(self._verified) > VERIFIED_KEPT:
            self._verified.pop(next(iter(self._verified)), None)
        with self._cache.reading():
            outcome = apply_block(state, block, verified=self._verified)
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
        position, writes = _writes(replace(before, events=events), outcomes, tuple(blocks))
        header = blocks[-1].header
        writes[Table.VALIDATORS] = {found.hash(): encode_validators(found) for found in validators}
        checkpoint = Checkpoint(
            header.height, blocks[-1].commit.block_id.hash, outcomes[-1].app_hash
        )
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

    def abandon(self) -> None:
        """Drop every staged block: the chain stands where its store does."""
        with self._lock:
            self._staged = ()
            self._prepared = 0


def genesis_validators(genesis: Genesis) -> ValidatorSet:
    """Return the set that seals a chain's first block."""
    return ValidatorSet.of([Validator(v.public_key, v.power) for v in genesis.validators])


def _writes(
    before: Position, outcomes: tuple[BlockOutcome, ...], blocks: tuple[SealedBlock, ...]
) -> tuple[Position, dict[Table, dict[bytes, bytes | None]]]:
    """Return where the chain stands after the outcomes, and all that their commit writes."""
    writes: dict[Table, dict[bytes, bytes | None]] = {table: {} for table in Table}
    events = before.events
    for outcome in outcomes:
        summary = outcome.summary
        writes[Table.RECORDS].update(outcome.records)
        writes[Table.VERSIONS].update(outcome.superseded)
        writes[Table.PAGES].update(outcome.pages)
        writes[Table.LOG].update(outcome.tiles)
        writes[Table.CONTENTS].update(outcome.contents)
        writes[Table.RECEIPTS].update(
            {receipt.transaction_id: encode_receipt(receipt) for receipt in outcome.receipts}
        )
        runs = encode_events(outcome.events, first=events, height=summary.height, time=summary.time)
        writes[Table.EVENTS].update(runs)
        events += len(outcome.events)
    for block in blocks:
        writes[Table.BLOCKS][height_key(block.header.height)] = encode_block(block)
    position = replace(before, summary=outcomes[-1].summary, events=events)
    if blocks:
        position = replace(
            position,
            results_hash=results_root(
                (receipt.code, receipt.data) for receipt in outcomes[-1].receipts
            ),
            validators_hash=blocks[-1].header.next_validators_hash,
        )
    writes[Table.SETTINGS][POSITION] = position.encode()
    return position, writes
