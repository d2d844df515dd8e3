"""Sealing a block: what was staged becomes pages, tiles, roots and the outcome to be written."""

from __future__ import annotations

from registry_chain.commitment.nodes import STATE_TREE
from registry_chain.commitment.operation_log import LogUpdate, append_leaves
from registry_chain.commitment.sparse_merkle import update_tree
from registry_chain.state_machine.block import BlockOutcome, TransactionResult
from registry_chain.state_machine.nodes import validator_updates
from registry_chain.state_machine.staged import UNVERSIONED, StagedState
from registry_chain.state_machine.state import CommittedState, StateSummary
from weid.registry.log_proofs import log_leaf
from weid.registry.records import IndexRecord
from weid.registry.state_keys import list_of


def seal(
    state: CommittedState, staged: StagedState, results: tuple[TransactionResult, ...]
) -> BlockOutcome:
    """Return the outcome of a block whose transactions were all applied to `staged`."""
    pages = _update_lists(state, staged)
    records: dict[bytes, bytes] = {}
    hashes: dict[bytes, bytes] = {}
    superseded: dict[bytes, bytes] = {}
    for entry in staged.written():
        records[entry.key] = entry.raw
        hashes[entry.key] = entry.hash
        if type(entry.record) not in UNVERSIONED:
            superseded.update({older.hash: older.raw for older in entry.superseded()})
    smt_root = state.summary.smt_root
    if hashes:
        tree = update_tree(state, STATE_TREE, hashes)
        smt_root = tree.root
        pages.update(tree.pages)
    log = _append_log(state, staged.height, results)
    summary = StateSummary(staged.network, staged.height, staged.time, smt_root, log.size, log.root)
    return BlockOutcome(
        results,
        records,
        superseded,
        pages,
        log.tiles,
        staged.contents,
        tuple(staged.events),
        summary,
        validator_updates(staged),
    )


def _update_lists(state: CommittedState, staged: StagedState) -> dict[bytes, bytes]:
    """Bring each list that a written record belongs to up to date; return its pages."""
    changed: dict[str, dict[bytes, bytes]] = {}
    for entry in staged.written():
        list_id = None if entry.record is None else list_of(entry.record)
        if list_id is not None:
            changed.setdefault(list_id, {})[entry.key] = entry.hash
    pages: dict[bytes, bytes] = {}
    for list_id in sorted(changed):
        tree = update_tree(state, list_id, changed[list_id])
        index = staged.read(IndexRecord, list_id.encode())
        count = (0 if index is None else index.count) + tree.inserted
        staged.write(IndexRecord(list_id, count, tree.root))
        pages.update(tree.pages)
    return pages


def _append_log(
    state: CommittedState, height: int, results: tuple[TransactionResult, ...]
) -> LogUpdate:
    leaves = [
        log_leaf(result.transaction_id, height, int(result.code), result.data)
        for result in results
        if result.receipt is not None
    ]
    if not leaves:
        return LogUpdate(state.summary.log_size, state.summary.log_root, {})
    return append_leaves(state, state.summary.log_size, leaves)
