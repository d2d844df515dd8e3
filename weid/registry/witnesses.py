"""Comparing what one node shows with what others show: how a fork is found (LC-WITNESS).

Validators that sign two histories show each reader only one of them. Whoever asks two nodes for the
same height sees both, and then believes neither. CometBFT calls this the detector.
"""

from __future__ import annotations

from typing import Final

from weid.clock import Clock
from weid.errors import (
    ForkError,
    MalformedError,
    NodeBehindError,
    ProofError,
    RegistryUnavailableError,
)
from weid.registry.light_block import LightBlock
from weid.registry.light_client import HeaderSource, LightClient
from weid.registry.nodes import Nodes
from weid.registry.proof_source import ProofSource
from weid.registry.trusted_heads import HeadConflict, TrustedHeadStore

LEAST_INTERVAL: Final = 5
"""Seconds between two comparisons, however fast the blocks come."""


class Witnesses:
    """Compares a head that is about to be believed with `count` other nodes.

    A comparison is made at the first head and then at most once in `interval` seconds. A head that
    a witness does not have yet is compared at the next occasion. Not for many threads at once.
    """

    def __init__(
        self,
        nodes: Nodes,
        client: LightClient,
        *,
        heads: TrustedHeadStore,
        clock: Clock,
        count: int,
        interval: int,
    ) -> None:
        self._nodes = nodes
        self._client = client
        self._heads = heads
        self._clock = clock
        self._count = count
        self._interval = max(interval, LEAST_INTERVAL)
        self._compared_at: int | None = None
        # What both sides are judged from: the last block that was believed before they differ.
        self._since = client.newest
        self._due: LightBlock | None = None
        self._agreed: LightBlock | None = None

    def compare(self, block: LightBlock, source: HeaderSource) -> None:
        """Compare a verified block with what witnesses show, if it is time to.

        Raises:
            ForkError: a witness shows another block there, signed by those who are trusted.
        """
        now = self._clock.now()
        if self._compared_at is not None and 0 <= now - self._compared_at < self._interval:
            return
        target = self._due or block
        if self._agreed is not None and self._agreed.header == target.header:
            return
        self._compared_at = now
        behind = agreed = False
        for witness in self._nodes.witnesses(source, self._count):
            try:
                self._compare_with(witness, target)
            except NodeBehindError as error:
                behind = True
                self._nodes.failed(witness, error)
            except (RegistryUnavailableError, MalformedError) as error:
                self._nodes.failed(witness, error)
            except ForkError:
                raise
            except ProofError as error:
                self._nodes.failed(witness, error)
            else:
                agreed = True
                self._nodes.answered(witness, prefer=False)
        if agreed:
            self._since = self._agreed = target
        self._due = target if behind and not agreed else None

    def _compare_with(self, witness: ProofSource, target: LightBlock) -> None:
        height = target.header.height
        shown = witness.light_block(height)
        if shown.header.height != height:
            raise ProofError("the node gave a header of another height than was asked for")
        self._nodes.shows(witness, height, newest=False)
        if shown.header.hash() == target.header.hash():
            return
        # Whoever cannot prove the other header is a liar; whoever can has found a fork.
        self._client.judge(shown, witness, since=self._since)
        root = self._client.root
        self._heads.keep(root.genesis_hash, HeadConflict(target, shown))
        raise ForkError(
            f"two nodes show different blocks at height {height}, both signed by validators that "
            "are trusted: there are two histories",
            hint="believe neither; both are kept as evidence: ask the registry's operator",
        )
