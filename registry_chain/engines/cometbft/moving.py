"""Moving a registry from the embedded engine to CometBFT, with its history and its name.

The embedded chain's last header announces the validators who go on (`next_validators_hash`), and
CometBFT begins at the height after it, over the same state. A light client therefore follows by
its adjacent rule, without a new pin. CometBFT's first header names no block before it; the link is
kept in `app_state`, and in every node's store.
"""

from __future__ import annotations

from registry_chain.commitment.index import list_keys
from registry_chain.engines.cometbft.founding import ChainEnd
from registry_chain.storage.committed import SnapshotState
from registry_chain.storage.errors import StoreRefusedError
from registry_chain.storage.sealed_block import read_block, read_validators
from registry_chain.storage.store import ChainStore
from weid.registry.records import HandoverRecord, NodeRecord
from weid.registry.state_keys import ENGINE, NAMESPACE_OF, NODES, state_key
from weid.registry.wire import decode_record_as

_HANDOVER_KEY = state_key(NAMESPACE_OF[HandoverRecord], ENGINE)


def moved_chain(store: ChainStore) -> ChainEnd:
    """Return where the chain of a store ended.

    Raises:
        StoreRefusedError: it was not handed over, or it has gone on since.
    """
    with store.snapshot() as snapshot:
        state = SnapshotState(snapshot)
        value = state.get(_HANDOVER_KEY)
        if value is None:
            raise StoreRefusedError(
                "the registry was not handed over to CometBFT",
                hint="governors decide that: registry-chain governance propose hand-over",
            )
        record = decode_record_as(HandoverRecord, value)
        block = read_block(snapshot, state.summary.height, with_transactions=False)
        # The block after the one that handed over is the last one of the embedded engine.
        if block is None or block.header.height != record.height + 1:
            raise StoreRefusedError(
                f"the registry has gone on since its hand-over at height {record.height}",
                hint="it runs on CometBFT already: a new node joins by registry-chain net add-node",
            )
        if block.header.next_validators_hash != record.validators_hash:
            raise StoreRefusedError("the last block announces other validators than the hand-over")
        return ChainEnd(
            block.header.height,
            block.header.time_ns,
            block.header.hash(),
            state.summary.app_hash,
            read_validators(snapshot, record.validators_hash),
        )


def node_records(store: ChainStore) -> tuple[NodeRecord, ...]:
    """Return every node that a store's state has, in the order of their keys in the tree."""
    with store.snapshot() as snapshot:
        state = SnapshotState(snapshot)
        found = state.get_many(list_keys(state, NODES))
        return tuple(
            decode_record_as(NodeRecord, value) for value in found.values() if value is not None
        )
