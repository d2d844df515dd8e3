"""The sealer: turns waiting transactions into sealed blocks over an application. One thread's.

What it makes is prepared, not persisted: a tip beside the durable one says where the next block
goes on, so that a block can be computed while the one before is on its way to the disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from registry_chain.application import HANDOVER_KEY, PreparedCommit, RegistryApplication
from registry_chain.engines.embedded.sealing import ChainTip, next_time, seal, sole_validator
from registry_chain.state_machine.block import BlockInput, BlockOutcome, TransactionResult
from registry_chain.storage.errors import StoreDamagedError, StoreRefusedError
from registry_chain.storage.sealed_block import (
    SealedBlock,
    decode_validators,
    read_block,
    results_root,
)
from registry_chain.storage.store import Table
from weid import limits
from weid.clock import Clock
from weid.crypto.signer import Signer
from weid.errors import KeyFileError
from weid.registry.comet_encoding import NANOSECONDS, merkle_root
from weid.registry.records import Head
from weid.registry.validators import ValidatorSet

_NO_RESULTS: Final = merkle_root(())


@dataclass(frozen=True, slots=True)
class SealedBatch:
    """Blocks made of a batch, not yet persisted, and what became of each transaction.

    `prepared` is None where no transaction left a trace, so that there is no block.
    """

    prepared: PreparedCommit | None
    results: tuple[TransactionResult, ...]


def head_of(prepared: PreparedCommit) -> Head:
    """Return the head that a commit makes the newest one."""
    block = prepared.blocks[-1]
    header = block.header
    return Head(header.height, header.time, header.app_hash, block.commit.block_id.hash)


class Sealer:
    """Seals blocks with one key, until the registry is handed over to another engine.

    Raises:
        StoreRefusedError: that has happened.
        KeyFileError: the signer's key is not the one that the chain expects next.
    """

    def __init__(self, application: RegistryApplication, signer: Signer, *, clock: Clock) -> None:
        self._application = application
        self._clock = clock
        self._tip = _read_tip(application)
        self._signers = {signer.public_key.raw: signer}
        self.handed_over = False
        """Whether the newest block is the last one that is sealed here (LC-HANDOVER)."""
        if application.handed_over() is not None:
            raise StoreRefusedError(
                "the registry is handed over to the validators of a network: "
                "no block is made by this engine any more",
                hint="registry-chain migrate gives its chain to the nodes that go on with it",
            )
        self._require_expected(signer)

    @property
    def head(self) -> Head | None:
        """The newest block made, persisted or not; None before the first."""
        block = self._tip.block
        if block is None:
            return None
        header = block.header
        return Head(header.height, header.time, header.app_hash, block.commit.block_id.hash)

    def due(self, heartbeat: int = limits.HEARTBEAT) -> bool:
        """Return whether the newest block is so old (seconds) that an empty one must follow."""
        block = self._tip.block
        return block is None or self._clock.now() - block.header.time >= heartbeat

    def seal_batch(
        self, transactions: Sequence[bytes], upcoming: Sequence[bytes] = ()
    ) -> SealedBatch:
        """Return the block of the transactions that leave a trace, and its proof block (LC-PROOF).

        Their order is kept; `upcoming` are those that wait for the next block. Both blocks are one
        commit, so that no one ever sees a record whose proof is not there yet.
        """
        time_ns = next_time(self._tip, self._clock.now())
        height = self._tip.height + 1
        block_input = BlockInput(height, time_ns // NANOSECONDS, tuple(transactions))
        outcome = self._application.finalize_block(block_input, upcoming)
        recorded = [
            (raw, result)
            for raw, result in zip(transactions, outcome.results, strict=True)
            if result.receipt is not None
        ]
        if not recorded:
            self._application.drop_newest()
            return SealedBatch(None, outcome.results)
        block = self._seal([raw for raw, _ in recorded], time_ns)
        results = results_root((int(result.code), result.data) for _, result in recorded)
        self._follow(block, outcome.app_hash, results)
        following = self._successors(outcome)
        proof = self._seal_empty(following)
        announced = () if following is None else (following,)
        prepared = self._application.prepare_commit((block, proof), announced)
        return SealedBatch(prepared, outcome.results)

    def seal_heartbeat(self) -> PreparedCommit:
        """Return an empty block, not yet persisted (LC-HEARTBEAT)."""
        return self._application.prepare_commit((self._seal_empty(),))

    def seal_rotation(self, successor: Signer) -> PreparedCommit:
        """Return the empty block that announces another sealing key (LC-ROTATE).

        From then on the successor seals.
        """
        following = sole_validator(successor)
        block = self._seal_empty(following)
        self._signers[successor.public_key.raw] = successor
        return self._application.prepare_commit((block,), (following,))

    def go_back(self) -> None:
        """Go on from the committed chain: what was made and not persisted is dropped."""
        self._application.abandon()
        self._tip = _read_tip(self._application)
        self.handed_over = False

    def _successors(self, outcome: BlockOutcome) -> ValidatorSet | None:
        """Return who seals from the next block on if this one handed the registry over."""
        if HANDOVER_KEY not in outcome.records:
            return None
        self.handed_over = True
        return self._application.handed_over()

    # --- one block -------------------------------------------------------------------------------

    def _seal_empty(self, following: ValidatorSet | None = None) -> SealedBlock:
        time_ns = next_time(self._tip, self._clock.now())
        height = self._tip.height + 1
        outcome = self._application.finalize_block(BlockInput(height, time_ns // NANOSECONDS, ()))
        block = self._seal((), time_ns, following)
        self._follow(block, outcome.app_hash, _NO_RESULTS, following)
        return block

    def _seal(
        self, transactions: Sequence[bytes], time_ns: int, following: ValidatorSet | None = None
    ) -> SealedBlock:
        return seal(
            self._tip,
            transactions,
            time_ns=time_ns,
            signer=self._signers[self._tip.validators.validators[0].public_key],
            next_validators=following or self._tip.validators,
        )

    def _follow(
        self,
        block: SealedBlock,
        app_hash: bytes,
        results_hash: bytes,
        following: ValidatorSet | None = None,
    ) -> None:
        self._tip = ChainTip(
            self._tip.chain_id,
            block.header.height,
            block.header.time_ns,
            block,
            app_hash,
            results_hash,
            following or self._tip.validators,
        )

    def _require_expected(self, signer: Signer) -> None:
        expected = self._tip.validators.validators
        if len(expected) != 1:
            raise KeyFileError("the chain is sealed by several validators, not by one process")
        if signer.public_key.raw != expected[0].public_key:
            raise KeyFileError(
                "the sealing key is not the one that the chain announced",
                hint="use the key file that was current when this store was last written",
            )


def _read_tip(application: RegistryApplication) -> ChainTip:
    """Return where the committed chain stands."""
    position = application.position
    summary = position.summary
    with application.store.snapshot() as snapshot:
        value = snapshot.get(Table.VALIDATORS, position.validators_hash)
        block = read_block(snapshot, summary.height, with_transactions=False)
    if value is None:
        raise StoreDamagedError(
            "the validators of the next block are missing",
            table=Table.VALIDATORS,
            key=position.validators_hash,
        )
    return ChainTip(
        application.genesis.chain_id,
        summary.height,
        block.header.time_ns if block else summary.time * NANOSECONDS - 1,
        block,
        summary.app_hash,
        position.results_hash,
        decode_validators(value, expected_hash=position.validators_hash),
    )
