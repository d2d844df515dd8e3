"""A chain of light blocks sealed by keys that a test holds, for tests of what clients believe."""

from __future__ import annotations

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


def validators(*keys: PrivateKey) -> ValidatorSet:
    """Return these keys as validators of power 1."""
    return ValidatorSet.of([Validator(k.public.raw, 1) for k in keys])


def commit(header: Header, keys: tuple[PrivateKey, ...], signers: tuple[PrivateKey, ...]) -> Commit:
    """Return the commit of `signers` (of the set `keys`) under a header."""
    block_id = BlockId(header.hash(), 1, header.hash())
    unsigned = Commit(header.height, 0, block_id, ())
    by_raw = {k.public.raw: k for k in keys}
    signing = {k.public.raw for k in signers}
    entries = []
    for validator in validators(*keys).validators:
        if validator.public_key not in signing:
            entries.append(
                CommitSignature(VoteFlag.ABSENT, b"", -62_135_596_800 * NANOSECONDS, b"")
            )
            continue
        message = sign_bytes(header.chain_id, unsigned, header.time_ns)
        signature = by_raw[validator.public_key].sign(message)
        entries.append(
            CommitSignature(VoteFlag.COMMIT, validator.address, header.time_ns, signature)
        )
    return dataclasses.replace(unsigned, signatures=tuple(entries))


class LightChain:
    """Blocks at one second each; `blocks[i]` has height i + 1. It is a HeaderSource too."""

    def __init__(self, *keys: PrivateKey, chain_id: str = CHAIN, label: str = "") -> None:
        self.keys = keys
        self.chain_id = chain_id
        self.label = label
        self.blocks: list[LightBlock] = []
        self.asked: list[int | None] = []
        self.root = TrustRoot(b"\x11" * 32, chain_id, validators(*keys), START)

    def grow(
        self,
        count: int = 1,
        *,
        next_keys: tuple[PrivateKey, ...] | None = None,
        signers: tuple[PrivateKey, ...] | None = None,
        **changes: object,
    ) -> LightBlock:
        """Add blocks; `next_keys` seal what comes after the last of them."""
        for number in range(count):
            last = number == count - 1
            following = next_keys if last and next_keys is not None else self.keys
            header = self._header(following)
            if changes and last:
                header = dataclasses.replace(header, **changes)  # type: ignore[arg-type]
            sealed = commit(header, self.keys, self.keys if signers is None else signers)
            self.blocks.append(LightBlock(header, sealed, validators(*self.keys)))
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
            validators_hash=validators(*self.keys).hash(),
            next_validators_hash=validators(*following).hash(),
            consensus_hash=digest,
            app_hash=digest,
            last_results_hash=digest,
            evidence_hash=digest,
            proposer_address=validators(*self.keys).validators[0].address,
        )

    def light_block(self, height: int | None) -> LightBlock:
        """Return a block, as a node would, and remember that it was asked for."""
        self.asked.append(height)
        return self.blocks[-1 if height is None else height - 1]
