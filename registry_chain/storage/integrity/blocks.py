"""The chain of blocks in a store: seals, links, transactions, and what became of each."""

from __future__ import annotations

from collections.abc import Iterator

from registry_chain.state_machine.genesis import Genesis
from registry_chain.storage.committed import POSITION, SnapshotState
from registry_chain.storage.errors import StoreDamagedError
from registry_chain.storage.extent import newest_height, read_base
from registry_chain.storage.integrity.damage import Damage
from registry_chain.storage.integrity.handover import read_handover
from registry_chain.storage.integrity.receipts import ReceiptCheck
from registry_chain.storage.sealed_block import (
    SealedBlock,
    decode_block,
    decode_validators,
    height_key,
    transactions_root,
)
from registry_chain.storage.store import StoreSnapshot, Table
from weid.errors import ProofError
from weid.registry.comet_encoding import merkle_root
from weid.registry.headers import NO_BLOCK, Header
from weid.registry.light_block import LightBlock
from weid.registry.light_client import verify_commit
from weid.registry.validators import Validator, ValidatorSet


class BlockWalk:
    """Walks the blocks that a store has, or the last ones of them.

    `complete` says that every receipt of the log is there (None: to be counted if need be);
    otherwise a transaction without one is damage. `sealed` as False lets the newest blocks be
    missing below the state: those of a node that CometBFT runs may follow after a start.
    """

    def __init__(
        self, state: SnapshotState, genesis: Genesis, *, complete: bool | None, sealed: bool = True
    ) -> None:
        self._state = state
        self._snapshot: StoreSnapshot = state.snapshot
        self._genesis = genesis
        self._receipts = ReceiptCheck(state, complete=complete)
        self._handover = read_handover(state)
        self._sealed = sealed
        self.base = read_base(state.snapshot, genesis)
        self.sets_seen: set[bytes] = set()

    @property
    def last(self) -> int:
        """The newest height that has a block: the state's, or the one after it."""
        height = self._state.summary.height
        following = height + 1
        if self._snapshot.get(Table.BLOCKS, height_key(following)) is not None:
            return following
        if self._sealed:
            return height
        newest = newest_height(self._snapshot)
        return self.base - 1 if newest is None else min(newest, height)

    def damage(self, *, first: int | None = None) -> Iterator[Damage]:
        """Yield what is wrong with blocks from a height on, all of them when not given."""
        start = self.base if first is None else max(first, self.base)
        before = None if start == self.base else self._block(start - 1)
        if isinstance(before, Damage):
            yield before
            before = None
        results = merkle_root(()) if start == self._genesis.initial_height else None
        if before is not None:
            results = ReceiptCheck(self._state, complete=False).of(before, []).results_hash
        last = self.last
        for height in range(start, last + 1):
            block = self._block(height)
            if isinstance(block, Damage):
                yield block
                before = results = None
                self._receipts.skip()
                continue
            yield from self._seal_faults(block)
            yield from self._link_faults(block, before)
            if results is not None and block.header.last_results_hash != results:
                yield self._fault(height, "the header's results are not those of the receipts")
            results = None
            if height <= self._state.summary.height:
                faults: list[Damage] = []
                found = self._receipts.of(block, faults)
                yield from faults
                results = found.results_hash
                yield from self._position_faults(block, results)
            before = block
        yield from self._end_faults(before)

    def _block(self, height: int) -> SealedBlock | Damage:
        value = self._snapshot.get(Table.BLOCKS, height_key(height))
        if value is None:
            return self._fault(height, "the block is missing")
        try:
            return decode_block(value, height=height)
        except StoreDamagedError as error:
            return self._fault(height, error.message)

    def _seal_faults(self, block: SealedBlock) -> Iterator[Damage]:
        header = block.header
        validators = self._validators(header)
        if isinstance(validators, Damage):
            yield validators
            return
        try:
            verify_commit(self._genesis.chain_id, LightBlock(header, block.commit, validators))
        except ProofError as error:
            yield self._fault(header.height, error.message)
        if header.data_hash != transactions_root(block.transactions):
            yield self._fault(header.height, "the transactions are not those of the header")
        if block.misbehaviour and header.evidence_hash == merkle_root(()):
            yield self._fault(header.height, "the header has no evidence of misbehaviour")

    def _validators(self, header: Header) -> ValidatorSet | Damage:
        named = header.validators_hash
        self.sets_seen.update((named, header.next_validators_hash))
        value = self._snapshot.get(Table.VALIDATORS, named)
        if value is None:
            what = "the validators of a block are missing"
            return Damage(Table.VALIDATORS, named, what, header.height)
        try:
            return decode_validators(value, expected_hash=named)
        except StoreDamagedError as error:
            return Damage(Table.VALIDATORS, named, error.message, header.height)

    def _link_faults(self, block: SealedBlock, before: SealedBlock | None) -> Iterator[Damage]:
        header = block.header
        if header.height == self._genesis.initial_height:
            first = ValidatorSet.of(
                [Validator(v.public_key, v.power) for v in self._genesis.validators]
            )
            if header.last_block_id != NO_BLOCK or header.validators_hash != first.hash():
                yield self._fault(header.height, "the first block does not follow on the genesis")
        if before is None:
            return
        if self._is_handed_over(header):
            # Another engine begins here: its first block names no block before it.
            if header.last_commit_hash != merkle_root(()):
                yield self._fault(header.height, "the first block of an engine has votes before it")
        elif header.last_block_id != before.commit.block_id:
            yield self._fault(header.height, "the block does not follow on the one before")
        elif header.last_commit_hash != before.commit.hash():
            yield self._fault(header.height - 1, "the commit is not the one that the next names")
        if header.validators_hash != before.header.next_validators_hash:
            yield self._fault(header.height, "the block is sealed by others than were announced")
        if header.time_ns <= before.header.time_ns:
            yield self._fault(header.height, "the block's time is not after the one before")

    def _is_handed_over(self, header: Header) -> bool:
        """Return whether a header without a block before it is the one after the handover.

        The handover is carried out in one block and proved by the next, which is the last one of
        the engine before.
        """
        record = self._handover
        return (
            record is not None
            and header.last_block_id == NO_BLOCK
            and record.height < header.height <= record.height + 2
            and header.validators_hash == record.validators_hash
        )

    def _position_faults(self, block: SealedBlock, results: bytes | None) -> Iterator[Damage]:
        """Yield it when what is said of the state is not what its own block says."""
        summary = self._state.summary
        if block.header.height != summary.height:
            return
        position = self._state.position
        if block.header.time != summary.time or (results or position.results_hash) != (
            position.results_hash
        ):
            yield self._position_fault("where the chain stands is not what its block says")

    def _end_faults(self, newest: SealedBlock | None) -> Iterator[Damage]:
        summary = self._state.summary
        position = self._state.position
        if summary.network != self._genesis.network:
            yield self._position_fault("the network is not that of the genesis")
        if newest is None:
            return
        header = newest.header
        if header.height == self.last and position.validators_hash != header.next_validators_hash:
            yield self._position_fault("the next validators are not those of the newest block")
        if header.height < summary.height:
            return  # its proof is still to come
        if header.app_hash != summary.app_hash:
            if header.height == summary.height and newest.transactions:
                yield self._fault(summary.height, "the proof block is missing")
            else:
                yield self._position_fault("the roots are not those of the newest header")
        yield from self._receipts.end_faults()

    def _position_fault(self, what: str) -> Damage:
        return Damage(Table.SETTINGS, POSITION, what, self._state.summary.height)

    @staticmethod
    def _fault(height: int, what: str) -> Damage:
        return Damage(Table.BLOCKS, height_key(height), what, height)
