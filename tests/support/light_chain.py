"""A chain of light blocks sealed by keys that a test holds, for tests of what clients believe."""

from __future__ import annotations

import copy
import dataclasses
import hashlib

from weid.crypto.keys import PrivateKey
from weid.registry.comet_encoding import NANOSECONDS
from weid.registry.headers import (
    NO_BLOCK,
    BlockId,
    Commit,
    CommitSignature,
    Header,
    VoteFlag,
    sign_bytes,
)
from weid.registry.light_block import LightBlock
from weid.registry.light_client import TrustRoot
from weid.registry.validators import Validator, ValidatorSet

START = 1_800_000_000
CHAIN = "test-chain"


def key(name: str) -> PrivateKey:
    """Return the key of a made-up person."""
    return PrivateKey.from_seed(hashlib.sha256(name.encode()).digest())


def validators(*keys: PrivateKey, powers: Powers | None = None) -> ValidatorSet:
    """Return these keys as validators, of power 1 unless `powers` says more."""
    known = powers or {}
    return ValidatorSet.of([Validator(k.public.raw, known.get(k.public.raw, 1)) for k in keys])


Powers = dict[bytes, int]
"""Raw public key → power."""


def commit(
    header: Header,
    keys: tuple[PrivateKey, ...],
    signers: tuple[PrivateKey, ...],
    *,
    nil: tuple[PrivateKey, ...] = (),
    commit_round: int = 0,
    powers: Powers | None = None,
) -> Commit:
    """Return the commit of `signers` (of the set `keys`) under a header; `nil` voted for none."""
    block_id = BlockId(header.hash(), 1, header.hash())
    unsigned = Commit(header.height, commit_round, block_id, ())
    by_raw = {k.public.raw: k for k in keys}
    signing = {k.public.raw for k in signers}
    against = {k.public.raw for k in nil}
    entries = []
    for number, validator in enumerate(validators(*keys, powers=powers).validators):
        if validator.public_key not in signing | against:
            entries.append(
                CommitSignature(VoteFlag.ABSENT, b"", -62_135_596_800 * NANOSECONDS, b"")
            )
            continue
        # Each votes at a time of its own.
        time_ns = header.time_ns + number
        voted = NO_BLOCK if validator.public_key in against else block_id
        vote = dataclasses.replace(unsigned, block_id=voted)
        signature = by_raw[validator.public_key].sign(sign_bytes(header.chain_id, vote, time_ns))
        flag = VoteFlag.NIL if validator.public_key in against else VoteFlag.COMMIT
        entries.append(CommitSignature(flag, validator.address, time_ns, signature))
    return dataclasses.replace(unsigned, signatures=tuple(entries))


class LightChain:
    """Blocks at one second each; `blocks[i]` has height i + 1. It is a HeaderSource too."""

    def __init__(
        self,
        *keys: PrivateKey,
        chain_id: str = CHAIN,
        label: str = "",
        powers: Powers | None = None,
    ) -> None:
        self.keys = keys
        self.powers: Powers = powers or {}
        self.chain_id = chain_id
        self.label = label
        self.blocks: list[LightBlock] = []
        self.asked: list[int | None] = []
        self.root = TrustRoot(b"\x11" * 32, chain_id, self.set_of(keys), START)

    def set_of(self, keys: tuple[PrivateKey, ...]) -> ValidatorSet:
        """Return keys as validators with the powers that this chain gives them."""
        return validators(*keys, powers=self.powers)

    def copy(self, *, label: str = "") -> LightChain:
        """Return a chain that begins as this one and may go on otherwise."""
        other = copy.copy(self)
        other.blocks, other.asked, other.label = list(self.blocks), [], label
        return other

    def grow(
        self,
        count: int = 1,
        *,
        next_keys: tuple[PrivateKey, ...] | None = None,
        signers: tuple[PrivateKey, ...] | None = None,
        nil: tuple[PrivateKey, ...] = (),
        commit_round: int = 0,
        **changes: object,
    ) -> LightBlock:
        """Add blocks; `next_keys` seal what comes after the last of them."""
        for number in range(count):
            last = number == count - 1
            following = next_keys if last and next_keys is not None else self.keys
            header = self._header(following)
            if changes and last:
                header = dataclasses.replace(header, **changes)  # type: ignore[arg-type]
            sealed = commit(
                header,
                self.keys,
                self.keys if signers is None else signers,
                nil=nil,
                commit_round=commit_round,
                powers=self.powers,
            )
            self.blocks.append(LightBlock(header, sealed, self.set_of(self.keys)))
            self.keys = following
        return self.blocks[-1]

    def _header(self, following: tuple[PrivateKey, ...]) -> Header:
        height = len(self.blocks) + 1
        before = self.blocks[-1] if self.blocks else None
        digest = hashlib.sha256(f"{self.label}{height}".encode()).digest()
        return Header(
            block_version=11,
            app_version=1,
            chain_id=self.chain_id,
            height=height,
            time_ns=(START + height) * NANOSECONDS,
            last_block_id=before.commit.block_id if before else NO_BLOCK,
            last_commit_hash=before.commit.hash() if before else hashlib.sha256(b"").digest(),
            data_hash=digest,
            validators_hash=self.set_of(self.keys).hash(),
            next_validators_hash=self.set_of(following).hash(),
            consensus_hash=digest,
            app_hash=self.app_hash(height),
            last_results_hash=digest,
            evidence_hash=digest,
            proposer_address=self.set_of(self.keys).validators[0].address,
        )

    def app_hash(self, height: int) -> bytes:
        """Return the app hash that the header at a height carries."""
        return hashlib.sha256(f"{self.label}{height}".encode()).digest()

    def light_block(self, height: int | None) -> LightBlock:
        """Return a block, as a node would, and remember that it was asked for."""
        self.asked.append(height)
        return self.blocks[-1 if height is None else height - 1]
