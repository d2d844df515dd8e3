"""Making a sealed block: a header in CometBFT's format and the commit of its one validator.

Pure but for the signer. A chain of these is what `weid.registry.light_client` follows; when the
network outgrows one sealer, CometBFT goes on from the last of them (clause LC-SEAL).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from registry_chain.storage.sealed_block import SealedBlock, transactions_root
from weid.crypto.keys import KeyKind
from weid.crypto.signer import Signer
from weid.errors import UnsupportedAlgorithmError
from weid.registry.comet_encoding import (
    NANOSECONDS,
    integer_field,
    merkle_root,
)
from weid.registry.headers import (
    NO_BLOCK,
    BlockId,
    Commit,
    CommitSignature,
    Header,
    VoteFlag,
    sign_bytes,
)
from weid.registry.validators import Validator, ValidatorSet

BLOCK_VERSION: Final = 11
"""CometBFT's block protocol (0.34 and later)."""
APP_VERSION: Final = 1
EMPTY_ROOT: Final = merkle_root(())
_MAX_BYTES: Final = 8 * 2**20
# HashedParams{block_max_bytes, block_max_gas}; a gas of -1 means that there is no bound.
CONSENSUS_HASH: Final = hashlib.sha256(integer_field(1, _MAX_BYTES) + integer_field(2, -1)).digest()


def sole_validator(signer: Signer) -> ValidatorSet:
    """Return the set whose only member is this signer.

    Raises:
        UnsupportedAlgorithmError: the signer's key is not Ed25519.
    """
    if signer.public_key.kind is not KeyKind.ED25519:
        raise UnsupportedAlgorithmError("blocks are sealed with Ed25519 keys")
    return ValidatorSet.of([Validator(signer.public_key.raw, 1)])


@dataclass(frozen=True, slots=True)
class ChainTip:
    """What the next header follows: the block before and what came of it.

    `block` is None before the first block; `app_hash` and `results_hash` are those after it;
    `validators` seal the next block.
    """

    chain_id: str
    height: int
    time_ns: int
    block: SealedBlock | None
    app_hash: bytes
    results_hash: bytes
    validators: ValidatorSet


def next_time(tip: ChainTip, now: int) -> int:
    """Return the next header's time: the clock's second, but always after the last header's.

    Blocks of one second differ by nanoseconds, which the state machine does not see.
    """
    return max(now * NANOSECONDS, tip.time_ns + 1)


def seal(
    tip: ChainTip,
    transactions: Sequence[bytes],
    *,
    time_ns: int,
    signer: Signer,
    next_validators: ValidatorSet,
) -> SealedBlock:
    """Return the block that follows the tip, sealed by the tip's only validator."""
    before = tip.block
    validator = tip.validators.validators[0]
    header = Header(
        block_version=BLOCK_VERSION,
        app_version=APP_VERSION,
        chain_id=tip.chain_id,
        height=tip.height + 1,
        time_ns=time_ns,
        last_block_id=before.commit.block_id if before else NO_BLOCK,
        last_commit_hash=before.commit.hash() if before else EMPTY_ROOT,
        data_hash=transactions_root(transactions),
        validators_hash=tip.validators.hash(),
        next_validators_hash=next_validators.hash(),
        consensus_hash=CONSENSUS_HASH,
        app_hash=tip.app_hash,
        last_results_hash=tip.results_hash,
        evidence_hash=EMPTY_ROOT,
        proposer_address=validator.address,
    )
    # One process has no use for block parts: the one part's hash is the block hash again.
    block_hash = header.hash()
    block_id = BlockId(block_hash, 1, block_hash)
    unsigned = Commit(header.height, 0, block_id, ())
    message = sign_bytes(tip.chain_id, unsigned, time_ns)
    entry = CommitSignature(VoteFlag.COMMIT, validator.address, time_ns, signer.sign(message))
    return SealedBlock(header, Commit(header.height, 0, block_id, (entry,)), tuple(transactions))
