"""A new node takes the state of others by CometBFT's calls and goes on with their blocks (B18)."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from registry_chain.application import RegistryApplication
from registry_chain.engines.cometbft.consensus import Snapshots
from registry_chain.engines.cometbft.state_snapshots import StateSnapshots
from registry_chain.state_machine.block import BlockInput
from registry_chain.state_sync import SnapshotMaker, is_unfinished
from registry_chain.state_sync.verdicts import ChunkResult, OfferResult
from registry_chain.storage.errors import StoreRefusedError
from registry_chain.storage.integrity import find_damage
from registry_chain.storage.memory import MemoryChainStore
from registry_chain.storage.sqlite import SqliteChainStore
from tests.support.clauses import clause
from tests.support.decided_chain import DecidedChain, random_decided


@pytest.fixture
def chain() -> DecidedChain:
    return random_decided(MemoryChainStore(), 9, 25)


@clause("SS-08", "SS-09", "B18")
def test_a_new_node_takes_the_state_and_goes_on(chain: DecidedChain, tmp_path: Path) -> None:
    maker = SnapshotMaker(chain.store, tmp_path / "ours", size=1000)
    maker.make()
    giving: Snapshots = StateSnapshots(chain.application, chain.genesis, maker)
    height = chain.application.info().height
    application = RegistryApplication(SqliteChainStore(tmp_path / "theirs"))
    taken: list[int] = []
    taking = StateSnapshots(
        application,
        chain.genesis,
        SnapshotMaker(application.store, tmp_path / "their snapshots"),
        on_taken=lambda: taken.append(application.info().height),
    )
    assert taking.list_snapshots() == []
    assert taking.load_chunk(height, 1, 0) == b""
    assert taking.apply_chunk(0, b"", "peer").result is ChunkResult.ABORT
    (offered,) = giving.list_snapshots()
    app_hash = chain.application.info().app_hash
    assert taking.offer_snapshot(offered, bytes(32)) is OfferResult.REJECT
    other = dataclasses.replace(offered, format=7)
    assert taking.offer_snapshot(other, app_hash) is OfferResult.REJECT_FORMAT
    assert taking.offer_snapshot(offered, app_hash) is OfferResult.ACCEPT
    for index in range(offered.chunks):
        chunk = giving.load_chunk(height, 1, index)
        wrong = taking.apply_chunk(index, chunk[:-1], "liar")
        assert (wrong.result, wrong.refetch) == (ChunkResult.RETRY, (index,))
        assert wrong.rejected_senders == ("liar",)
        assert not application.begun
        assert taking.apply_chunk(index, chunk, "peer").result is ChunkResult.ACCEPT
    assert taken == [height]
    assert application.info() == chain.application.info()
    assert taking.offer_snapshot(offered, app_hash) is OfferResult.ABORT
    with pytest.raises(StoreRefusedError):
        application.take_over()
    header = chain.block(time=chain.blocks[-1].header.time + 5).header
    for block in chain.blocks[height:]:
        application.finalize_block(
            BlockInput(block.header.height, block.header.time, block.transactions)
        )
    assert application.staged[-1].app_hash == chain.outcomes[header.height - 1].app_hash
    application.store.close()


@clause("SS-08")
def test_a_chain_that_begins_after_all_finds_no_remains(
    chain: DecidedChain, tmp_path: Path
) -> None:
    maker = SnapshotMaker(chain.store, tmp_path, size=1000)
    maker.make()
    application = RegistryApplication(MemoryChainStore())
    taking = StateSnapshots(application, chain.genesis, maker)
    (offered,) = taking.list_snapshots()
    taking.offer_snapshot(offered, chain.application.info().app_hash)
    for index in range(2):
        taking.apply_chunk(index, taking.load_chunk(offered.height, 1, index), "peer")
    assert is_unfinished(application.store)
    application.init_chain(chain.genesis)
    assert not is_unfinished(application.store)
    assert list(find_damage(application.store)) == []
