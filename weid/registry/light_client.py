"""The light client: which block headers to believe, knowing only a genesis.

One client for both engines, because both seal headers in CometBFT's format. It does no I/O: a
`HeaderSource` fetches, a `TrustedHeadStore` remembers, a clock tells the time. What it believes:

- *commit*: more than two thirds of a set's power signed this header (LC-COMMIT);
- *adjacent*: the next header's set is the one that the trusted header names (LC-ADJACENT);
- *skipping*: more than one third of the trusted set's power signed too (LC-SKIPPING);
- never a header below, beside or long before one that it has believed (LC-HEADS, LC-TIME).

Not here: headers below one that is believed (`weid.registry.past_headers`), proofs of records
against a header's app hash (`weid.registry.proofs`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from weid import limits
from weid.clock import Clock, format_time
from weid.crypto import ed25519
from weid.errors import (
    InvalidSignatureError,
    NodeBehindError,
    ProofError,
    RegistryUnavailableError,
    UndecidableError,
)
from weid.registry.comet_encoding import NANOSECONDS
from weid.registry.headers import Header, VoteFlag, sign_bytes
from weid.registry.light_block import LightBlock
from weid.registry.records import Head
from weid.registry.trusted_heads import MemoryTrustedHeads, TrustedHeadStore
from weid.registry.validators import ValidatorSet

_BISECTION_STEPS: Final = 4096
"""Headers that one update may ask for: 64 for each change of the whole set, with room."""
_BISECTION_SECONDS: Final = 60
"""How long a node may take to show them; a witness has less, because readers wait meanwhile."""
_JUDGING_SECONDS: Final = 15


@dataclass(frozen=True, slots=True)
class TrustRoot:
    """Where trust begins: what a pinned genesis says about headers.

    `genesis_hash` names the registry; `validators` seal the first block, `initial_height`;
    `time` is the genesis time in seconds.
    """

    genesis_hash: bytes
    chain_id: str
    validators: ValidatorSet
    time: int
    initial_height: int = 1


class HeaderSource(Protocol):
    """Where light blocks come from; nothing that it says is believed unproved."""

    def light_block(self, height: int | None) -> LightBlock:
        """Return the light block at a height, or the newest.

        Raises:
            RegistryUnavailableError: no answer can be had now.
        """
        ...


def verify_commit(chain_id: str, block: LightBlock) -> None:
    """Verify that more than two thirds of the block's own validators signed its header.

    Every signature that claims to commit must verify, also those past two thirds.

    Raises:
        ProofError: the parts do not belong together, or the signatures do not carry.
    """
    _check_parts(chain_id, block)
    power = 0
    entries = block.commit.signatures
    for validator, entry in zip(block.validators.validators, entries, strict=True):
        if entry.flag is not VoteFlag.COMMIT:
            continue
        if entry.validator_address != validator.address:
            raise ProofError("a signature of the commit is in another validator's place")
        try:
            ed25519.verify_vote(
                validator.public_key,
                entry.signature,
                sign_bytes(chain_id, block.commit, entry.time_ns),
            )
        except InvalidSignatureError:
            raise ProofError("a signature of the commit does not verify") from None
        power += validator.power
    if power * 3 <= block.validators.total_power * 2:
        raise ProofError("no more than two thirds of the validators' power signed the header")


def _check_parts(chain_id: str, block: LightBlock) -> None:
    header, commit, validators = block.header, block.commit, block.validators
    if header.chain_id != chain_id:
        raise ProofError(f"the header is of chain {header.chain_id!r}, not {chain_id!r}")
    if commit.height != header.height:
        raise ProofError("the commit is for another height than the header")
    if commit.block_id.hash != header.hash():
        raise ProofError("the commit is for another header")
    if header.validators_hash != validators.hash():
        raise ProofError("the validators are not those that the header names")
    if len(commit.signatures) != len(validators.validators):
        raise ProofError("the commit does not have one entry for each validator")


def trusted_power(block: LightBlock, trusted: ValidatorSet) -> int:
    """Return the power, in the trusted set, of those who signed the (verified) block."""
    signers = {
        validator.public_key
        for validator, entry in zip(
            block.validators.validators, block.commit.signatures, strict=True
        )
        if entry.flag is VoteFlag.COMMIT
    }
    return sum(v.power for v in trusted.validators if v.public_key in signers)


Confirm = Callable[[LightBlock], None]
"""Called with a verified block before it is believed; what it raises refuses the block."""


@dataclass(frozen=True, slots=True)
class _Trusted:
    """What the next header is judged by."""

    height: int
    time_ns: int
    next_validators_hash: bytes
    validators: ValidatorSet


class LightClient:
    """Follows one chain from its genesis.

    `heads` remembers the newest head between runs; without it a restarted client can be shown an
    older or another history by whoever holds the sealing keys. `trust_period` (seconds) is how
    long a remembered head may vouch for a later one (30 days unless said otherwise, None for
    ever); `max_head_age` (seconds) is the oldest newest head that `update` accepts, None for any;
    `drift` (seconds) is how far a header may be ahead of `clock`.
    """

    def __init__(
        self,
        root: TrustRoot,
        *,
        clock: Clock,
        heads: TrustedHeadStore | None = None,
        trust_period: int | None = limits.TRUST_PERIOD,
        max_head_age: int | None = None,
        drift: int = limits.HEADER_DRIFT,
    ) -> None:
        self._root = root
        self._clock = clock
        self._heads: TrustedHeadStore = MemoryTrustedHeads() if heads is None else heads
        self._trust_period = trust_period
        self._max_head_age = max_head_age
        self._drift = drift
        self._newest: LightBlock | None = None
        self.recall()

    @property
    def root(self) -> TrustRoot:
        """The genesis that this client is pinned to."""
        return self._root

    @property
    def newest(self) -> LightBlock | None:
        """The newest block believed so far, None before the first."""
        return self._newest

    def update(self, source: HeaderSource, *, confirm: Confirm | None = None) -> Head:
        """Ask the source for its newest block, and headers in between; believe or refuse it.

        Raises:
            ProofError: the source shows something that cannot be believed.
            RegistryUnavailableError: it does not answer, or its newest head is too old.
        """
        self.recall()
        head = self._advance(source.light_block(None), source, confirm)
        self._require_fresh(head)
        return head

    def accept(self, block: LightBlock) -> Head:
        """Believe this block, or refuse it, without asking anybody for more.

        Raises:
            ProofError: it cannot be believed from what is trusted now.
        """
        return self._advance(block, None, None)

    def judge(self, block: LightBlock, source: HeaderSource, *, since: LightBlock | None) -> None:
        """Verify a block as if `since` (None: the genesis) were the newest believed.

        Nothing is believed or remembered by it.

        Raises:
            ProofError: it does not follow; at `since`'s own height: its set did not sign it.
            RegistryUnavailableError: headers in between cannot be had.
        """
        if since is not None and block.header.height <= since.header.height:
            verify_commit(self._root.chain_id, block)
            self._require_sealed_by(since.validators, block)
            return
        self._check_trust_period(since)
        self._lead(self._begin(since), block, source, seconds=_JUDGING_SECONDS)

    def require_fresh(self) -> Head:
        """Return the newest head if it is no older than `max_head_age`.

        Raises:
            RegistryUnavailableError: nothing is believed yet, or the head is too old.
        """
        if self._newest is None:
            raise RegistryUnavailableError("no head of the registry is known yet")
        head = self._newest.head()
        self._require_fresh(head)
        return head

    def recall(self) -> None:
        """Take over what another process has come to believe since, by the store of heads."""
        block = self._heads.load(self._root.genesis_hash)
        if block is not None and block.header.chain_id != self._root.chain_id:
            raise ProofError("the remembered head is of another chain")
        if block is not None and (
            self._newest is None or block.header.height > self._newest.header.height
        ):
            self._newest = block

    # --- one step of trust -----------------------------------------------------------------------

    def _advance(
        self, target: LightBlock, source: HeaderSource | None, confirm: Confirm | None
    ) -> Head:
        newest = self._newest
        if newest is not None and target.header.height <= newest.header.height:
            head = self._known_or_refused(newest, target)
            if confirm is not None:
                confirm(target)
            return head
        self._check_trust_period(newest)
        self._lead(self._begin(newest), target, source)
        if confirm is not None:
            confirm(target)
        self.recall()
        if self._newest is not None and self._newest.header.height > target.header.height:
            # Another process moved on while this one was asking: nobody lied.
            return self._newest.head()
        self._heads.advance(self._root.genesis_hash, target)
        self._newest = target
        return target.head()

    def _lead(
        self,
        trusted: _Trusted,
        target: LightBlock,
        source: HeaderSource | None,
        *,
        seconds: int = _BISECTION_SECONDS,
    ) -> None:
        """Verify that what is trusted leads to the target, by headers in between where needed."""
        pending = [target]
        begun = self._clock.now()
        for _ in range(_BISECTION_STEPS):
            candidate = pending[-1]
            if self._follows(trusted, candidate):
                pending.pop()
                trusted = _trusted_block(candidate)
                if not pending:
                    return
                continue
            if source is None:
                raise ProofError(
                    "no more than one third of the trusted validators' power signed the header",
                    hint="ask a node for the headers in between",
                )
            if self._clock.now() - begun > seconds:
                raise RegistryUnavailableError("the headers in between take too long to come")
            middle = (trusted.height + candidate.header.height) // 2
            between = source.light_block(middle)
            if between.header.height != middle:
                raise ProofError("the source gave a header of another height than asked for")
            pending.append(between)
        raise ProofError("the validators changed too often to follow")

    def _begin(self, newest: LightBlock | None) -> _Trusted:
        if newest is not None:
            return _trusted_block(newest)
        root = self._root
        return _Trusted(
            root.initial_height - 1,
            # The first header may carry the genesis time itself.
            root.time * NANOSECONDS - 1,
            root.validators.hash(),
            root.validators,
        )

    def _known_or_refused(self, newest: LightBlock, block: LightBlock) -> Head:
        verify_commit(self._root.chain_id, block)
        if block.header.hash() == newest.header.hash():
            return newest.head()
        height, known = block.header.height, newest.header.height
        if height < known and not _sealed_alone(newest):
            # A node that catches up shows what the others have passed.
            raise NodeBehindError(
                f"the node is at height {height}, and height {known} is known",
                hint="ask another node, or try again in a moment",
            )
        # Only what trusted validators signed is worth keeping as evidence.
        self._require_sealed_by(newest.validators, block)
        self._heads.advance(self._root.genesis_hash, block)
        raise ProofError("the header is lower than the trusted one")

    def _require_sealed_by(self, trusted: ValidatorSet, block: LightBlock) -> None:
        if trusted_power(block, trusted) * 3 <= trusted.total_power:
            raise ProofError("the header is not newer than the trusted one, nor sealed by its set")

    def _follows(self, trusted: _Trusted, block: LightBlock) -> bool:
        """Return whether the block may be believed now; False asks for one in between."""
        header = block.header
        if header.height <= trusted.height:
            raise ProofError("the header is not above the trusted one")
        self._check_time(trusted, header)
        verify_commit(self._root.chain_id, block)
        if header.height == trusted.height + 1:
            if header.validators_hash != trusted.next_validators_hash:
                raise ProofError("the header's validators are not those announced before it")
            return True
        return (
            header.validators_hash == trusted.next_validators_hash
            or trusted_power(block, trusted.validators) * 3 > trusted.validators.total_power
        )

    def _check_time(self, trusted: _Trusted, header: Header) -> None:
        now = self._clock.now()
        if header.time_ns <= trusted.time_ns:
            raise ProofError("the header's time is not after the trusted header's")
        if header.time > now + self._drift:
            raise UndecidableError(
                f"the header is of {format_time(header.time)}, which is in the future",
                hint="set this machine's clock",
            )

    def _check_trust_period(self, newest: LightBlock | None) -> None:
        """Refuse to go on from a remembered head whose sealing keys may be out of use for long.

        A genesis is not judged: who pins it says that it counts now.
        """
        if self._trust_period is None or newest is None:
            return
        expired = -(-newest.header.time_ns // NANOSECONDS) + self._trust_period
        if expired < self._clock.now():
            raise UndecidableError(
                f"the remembered head vouches for nothing since {format_time(expired)}: "
                "its trust period has expired",
                hint="ask the registry's operator for height and hash of a present block, then: "
                "weid trust reset NETWORK --head HEIGHT:HASH",
            )

    def _require_fresh(self, head: Head) -> None:
        if self._max_head_age is not None and head.time + self._max_head_age < self._clock.now():
            raise NodeBehindError(
                f"the registry's newest block is of {format_time(head.time)}, which is too old",
                hint="try again later, or ask another node",
            )


def _sealed_alone(block: LightBlock) -> bool:
    """Return whether the embedded engine sealed this block: no other node could be ahead of it.

    Only there the block's one part has the block's own hash (LC-SEAL).
    """
    name = block.commit.block_id
    return len(block.validators.validators) == 1 and name.parts_hash == name.hash


def _trusted_block(block: LightBlock) -> _Trusted:
    header = block.header
    return _Trusted(header.height, header.time_ns, header.next_validators_hash, block.validators)
