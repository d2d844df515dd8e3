"""An application over a store, driven block by block: sealed and committed, or lost in a crash."""

from __future__ import annotations

from collections.abc import Callable

from registry_chain.application import RegistryApplication, genesis_validators
from registry_chain.engines.embedded.sealing import EMPTY_ROOT, ChainTip, seal
from registry_chain.state_machine.block import BlockInput, BlockOutcome
from registry_chain.state_machine.genesis import Genesis
from registry_chain.storage.sealed_block import SealedBlock, results_root
from registry_chain.storage.store import ChainStore
from tests.support.scripted_chain import signer
from weid.registry.comet_encoding import NANOSECONDS


class DrivenApplication:
    """Finalizes blocks over a store that `open_store` opens, also again after a crash.

    The genesis' only validator is the signer named `validator`.
    """

    def __init__(self, open_store: Callable[[], ChainStore], genesis: Genesis) -> None:
        self._open_store = open_store
        self.application = RegistryApplication(open_store())
        self.application.init_chain(genesis)
        info = self.application.info()
        self._tip = ChainTip(
            genesis.chain_id,
            info.height,
            genesis.genesis_time * NANOSECONDS,
            None,
            info.app_hash,
            EMPTY_ROOT,
            genesis_validators(genesis),
        )
        self._sealed: list[SealedBlock] = []
        self._inputs: list[BlockInput] = []
        self._committed = self._tip

    def finalize(self, block: BlockInput) -> BlockOutcome:
        """Compute a block over those before it, committed or not."""
        outcome = self.application.finalize_block(block)
        recorded = [
            (raw, result)
            for raw, result in zip(block.transactions, outcome.results, strict=True)
            if result.receipt is not None
        ]
        sealed = seal(
            self._tip,
            [raw for raw, _ in recorded],
            time_ns=max(block.time * NANOSECONDS, self._tip.time_ns + 1),
            signer=signer("validator"),
            next_validators=self._tip.validators,
        )
        results = results_root((int(result.code), result.data) for _, result in recorded)
        self._tip = ChainTip(
            self._tip.chain_id,
            block.height,
            sealed.header.time_ns,
            sealed,
            outcome.app_hash,
            results,
            self._tip.validators,
        )
        self._sealed.append(sealed)
        self._inputs.append(block)
        return outcome

    @property
    def app_hash(self) -> bytes:
        """The app hash after the newest block, committed or not."""
        return self._tip.app_hash

    def commit(self) -> bool:
        """Commit the blocks finalized since the last commit, as one; say whether there were any."""
        if not self._sealed:
            return False
        self.application.commit(self._sealed)
        self._committed = self._tip
        self._sealed, self._inputs = [], []
        return True

    def crash(self) -> list[BlockOutcome]:
        """Lose what is not committed, open the store anew, and compute the lost blocks again."""
        lost = self._inputs
        self.close()
        self.application = RegistryApplication(self._open_store())
        self._tip = self._committed
        self._sealed, self._inputs = [], []
        return [self.finalize(block) for block in lost]

    def close(self) -> None:
        """Close the store; nothing more is written."""
        self.application.store.close()
