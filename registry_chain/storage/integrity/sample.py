"""A quick look at a store, at every start and now and then (B14, D7).

The newest part whole and a sample of the rest: under five seconds for any size.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from typing import Final

from registry_chain.commitment.nodes import STATE_TREE
from registry_chain.commitment.operation_log import prove_inclusion
from registry_chain.commitment.sparse_merkle import prove_key
from registry_chain.storage.committed import SnapshotState, read_genesis
from registry_chain.storage.errors import StoreDamagedError
from registry_chain.storage.integrity.blocks import BlockWalk
from registry_chain.storage.integrity.damage import Damage
from registry_chain.storage.integrity.state import log_holds, tree_holds
from registry_chain.storage.store import ChainStore, Table
from weid.crypto.keys import RandomBytes
from weid.errors import MalformedError, ProofError
from weid.registry.log_proofs import LogInclusionProof, verify_receipt
from weid.registry.proofs import verify_state_proof
from weid.registry.wire import decode_receipt

NEWEST_BLOCKS: Final = 32
SAMPLE: Final = 200


def check_sample(
    store: ChainStore,
    *,
    blocks: int = NEWEST_BLOCKS,
    sample: int = SAMPLE,
    random: RandomBytes = secrets.token_bytes,
    sealed: bool = True,
) -> None:
    """Check the newest blocks, both roots, and a random sample of records and receipts.

    `sealed` as False lets the newest blocks be missing; see `find_damage`.

    Raises:
        StoreDamagedError: at the first place where something is not what was written.
    """
    with store.snapshot() as snapshot:
        state = SnapshotState(snapshot)
        genesis = read_genesis(snapshot)
        summary = state.summary
        walk = BlockWalk(state, genesis, complete=None, sealed=sealed)
        for damage in walk.damage(first=summary.height - blocks + 1):
            raise _error(damage)
        if not tree_holds(state):
            raise _error(Damage(Table.PAGES, b"\0", "the state tree has another root"))
        if not log_holds(state):
            raise _error(Damage(Table.LOG, b"", "the log has another root"))
        for damage in _sampled(state, sample, random):
            raise _error(damage)


def _sampled(state: SnapshotState, sample: int, random: RandomBytes) -> Iterator[Damage]:
    for _ in range(sample):
        at = random(32)
        for key, value in state.snapshot.items(Table.RECORDS, first=at, limit=1):
            yield from _record_fault(state, key, value)
        for key, value in state.snapshot.items(Table.RECEIPTS, first=at, limit=1):
            yield from _receipt_fault(state, key, value)
        for key, value in state.snapshot.items(Table.VERSIONS, first=at, limit=1):
            if hashlib.sha256(value).digest() != key:
                yield Damage(Table.VERSIONS, key, "the bytes are not those of the key")


def _record_fault(state: SnapshotState, key: bytes, value: bytes) -> Iterator[Damage]:
    try:
        proof = prove_key(state, STATE_TREE, key, lambda _: bytes(32))
        verify_state_proof(state.summary.smt_root, key, value, proof)
    except (ProofError, MalformedError, ValueError, IndexError):
        yield Damage(Table.RECORDS, key, "the record is not the one that the state has")


def _receipt_fault(state: SnapshotState, key: bytes, value: bytes) -> Iterator[Damage]:
    size = state.summary.log_size
    try:
        receipt = decode_receipt(value)
        path = prove_inclusion(state, receipt.position, size).path
        verify_receipt(
            state.summary.log_root, receipt, LogInclusionProof(receipt.position, size, path)
        )
    except (ProofError, MalformedError, ValueError, IndexError):
        yield Damage(Table.RECEIPTS, key, "the receipt is not the one that the log has")


def _error(damage: Damage) -> StoreDamagedError:
    return StoreDamagedError(str(damage), table=damage.table, key=damage.key, height=damage.height)
