"""The chain of blocks in a store: seals, links, transactions, and what became of each."""

from __future__ import annotations

from collections.abc import Iterator

from registry_chain.commitment.operation_log import leaf_at
from registry_chain.state_machine.genesis import Genesis
from registry_chain.storage.committed import POSITION, SnapshotState
from registry_chain.storage.errors import StoreDamagedError
from registry_chain.storage.integrity.damage import Damage
from registry_chain.storage.integrity.state import log_holds
from registry_chain.storage.sealed_block import (
    SealedBlock,
    decode_block,
    decode_validators,
    height_key,
    results_root,
    transactions_root,
)
from registry_chain.storage.store import StoreSnapshot, Table
from weid.errors import MalformedError, ProofError
from weid.registry.comet_encoding import merkle_root
from weid.registry.headers import NO_BLOCK, Header
from weid.registry.light_block import LightBlock
from weid.registry.light_client import verify_commit
from weid.registry.log_proofs import log_leaf
from weid.registry.records import Receipt
from weid.registry.transaction import transaction_id
from weid.registry.validators import Validator, ValidatorSet
from weid.registry.wire import decode_receipt, decode_signed


class BlockWalk:
    """Walks all blocks, or the last ones, and collects the log's leaves on the way."""

    def __init__(self, state: SnapshotState, genesis: Genesis) -> None:
        self._state = state
        self._snapshot: StoreSnapshot = state.snapshot
        self._genesis = genesis
        self._log_holds = log_holds(state)
        self.leaves: list[bytes] = []
        self.sets_seen: set[bytes] = set()

    def damage(self, *, first: int | None = None) -> Iterator[Damage]:
        """Yield what is wrong with blocks from a height on, all of them when not given."""
        genesis = self._genesis
        start = genesis.initial_height if first is None else max(first, genesis.initial_height)
        before = None if start == genesis.initial_height else self._block(start - 1)
        if isinstance(before, Damage):
            yield before
            before = None
        results = merkle_root(()) if before is None else self._results_of(before)
        for height in range(start, self._state.summary.height + 1):
            block = self._block(height)
            if isinstance(block, Damage):
                yield block
                before = None
                continue
            yield from self._seal_faults(block)
            yield from self._link_faults(block, before)
            if before is not None and block.header.last_results_hash != results:
                yield self._fault(height, "the header's results are not those of the receipts")
            found: list[Receipt] = []
            yield from self._receipt_faults(block, found)
            results = results_root((receipt.code, receipt.data) for receipt in found)
            before = block
        yield from self._end_faults(before, results)

    def _results_of(self, block: SealedBlock) -> bytes:
        """Return the results that the header after a block must carry; its faults are not told."""
        leaves, self.leaves = self.leaves, []
        found: list[Receipt] = []
        for _ in self._receipt_faults(block, found):
            pass
        self.leaves = leaves
        return results_root((receipt.code, receipt.data) for receipt in found)

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
        if header.last_block_id != before.commit.block_id:
            yield self._fault(header.height, "the block does not follow on the one before")
        if header.last_commit_hash != before.commit.hash():
            yield self._fault(header.height - 1, "the commit is not the one that the next names")
        if header.validators_hash != before.header.next_validators_hash:
            yield self._fault(header.height, "the block is sealed by others than were announced")
        if header.time_ns <= before.header.time_ns:
            yield self._fault(header.height, "the block's time is not after the one before")

    def _receipt_faults(self, block: SealedBlock, found: list[Receipt]) -> Iterator[Damage]:
        height = block.header.height
        for raw in block.transactions:
            try:
                name = transaction_id(decode_signed(raw).payload)
            except MalformedError:
                yield self._fault(height, "a transaction cannot be read")
                continue
            value = self._snapshot.get(Table.RECEIPTS, name)
            if value is None:
                yield Damage(Table.RECEIPTS, name, "the receipt is missing", height)
                continue
            try:
                receipt = decode_receipt(value)
            except MalformedError as error:
                yield Damage(Table.RECEIPTS, name, error.message, height)
                continue
            found.append(receipt)
            leaf = log_leaf(name, height, receipt.code, receipt.data)
            self.leaves.append(leaf)
            if self._log_holds and self._leaf(receipt.position) != leaf:
                yield Damage(Table.RECEIPTS, name, "the log has another receipt", height)
            if receipt.transaction_id != name or receipt.height != height:
                yield Damage(Table.RECEIPTS, name, "the receipt is of something else", height)
            if receipt.position != found[0].position + len(found) - 1:
                yield Damage(Table.RECEIPTS, name, "the receipt has another place", height)

    def _leaf(self, position: int) -> bytes | None:
        try:
            return leaf_at(self._state, position)
        except IndexError:
            return None  # the log is not that long

    def _end_faults(self, newest: SealedBlock | None, results: bytes) -> Iterator[Damage]:
        if newest is None:
            return
        summary = self._state.summary
        position = self._state.position
        said = (summary.network, summary.time, position.results_hash, position.validators_hash)
        following = newest.header.next_validators_hash
        if said != (self._genesis.network, newest.header.time, results, following):
            what = "where the chain stands is not what the newest block says"
            yield Damage(Table.SETTINGS, POSITION, what, summary.height)
        if newest.transactions:
            yield self._fault(summary.height, "the proof block is missing")
        elif newest.header.app_hash != summary.app_hash:
            yield Damage(
                Table.SETTINGS,
                POSITION,
                "the roots are not those of the newest header",
                summary.height,
            )

    @staticmethod
    def _fault(height: int, what: str) -> Damage:
        return Damage(Table.BLOCKS, height_key(height), what, height)
