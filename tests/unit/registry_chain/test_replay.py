"""Replaying from the genesis gives the same state at every height, in any process (B16, B17)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from registry_chain.application import RegistryApplication
from registry_chain.replay import replay
from registry_chain.state_machine.block import BlockInput
from registry_chain.storage.errors import StoreDamagedError
from registry_chain.storage.memory import MemoryChainStore
from registry_chain.storage.sqlite import SqliteChainStore
from registry_chain.storage.store import Checkpoint, Table
from tests.support.chain_world import NOW, ChainWorld, genesis
from tests.support.clauses import clause
from tests.support.rich_chain import rich_chain
from weid.registry.wire import encode_signed

POINT = Checkpoint(0, bytes(32), bytes(32))


@clause("B17")
def test_a_whole_chain_replays_to_the_same_tables(tmp_path: Path) -> None:
    world = rich_chain(tmp_path / "chain")
    heights: list[int] = []
    into = SqliteChainStore(tmp_path / "again")
    result = replay(world.store, into, progress=heights.append)
    assert result.same
    assert heights == list(range(1, world.engine.head().height + 1))
    assert replay(into).same
    world.engine.close()
    into.close()


@clause("B17", "B12")
def test_the_first_height_that_differs_is_named(tmp_path: Path) -> None:
    world = rich_chain(tmp_path)
    with world.store.snapshot() as snapshot:
        blocks = dict(snapshot.items(Table.BLOCKS))
    # Block 6 gets the transactions of block 8: the state after it differs from header 7 on.
    six, eight = (n.to_bytes(8, "big") for n in (6, 8))
    header_and_commit = blocks[six][: -len(_transactions_part(blocks[six]))]
    world.store.write(
        {Table.BLOCKS: {six: header_and_commit + _transactions_part(blocks[eight])}}, POINT
    )
    result = replay(world.store)
    assert not result.same
    assert result.difference == "the app hash differs at height 7"
    world.store.write({Table.BLOCKS: {six: None}}, POINT)
    with pytest.raises(StoreDamagedError, match="height 6"):
        replay(world.store)
    world.engine.close()


def _transactions_part(block: bytes) -> bytes:
    start = 0
    for _ in range(2):
        start += 4 + int.from_bytes(block[start : start + 4], "big")
    return block[start:]


@clause("B12")
def test_a_changed_record_is_told_by_its_table_and_key() -> None:
    store = MemoryChainStore()
    world = ChainWorld(store)
    world.submit(world.anchor())
    with store.snapshot() as snapshot:
        key, value = next(iter(snapshot.items(Table.RECORDS)))
    store.write({Table.RECORDS: {key: value + b"\0"}}, POINT)
    result = replay(store)
    assert result.difference == f"table records differs at key {key.hex()}"


@clause("B16")
@pytest.mark.parametrize("seed", ["0", "1", "4711"])
def test_other_hash_seeds_locales_and_time_zones_give_the_same_state(
    tmp_path: Path, seed: str
) -> None:
    world = rich_chain(tmp_path)
    world.engine.close()
    program = (
        "import sys; from pathlib import Path\n"
        "from registry_chain.replay import replay\n"
        "from registry_chain.storage.sqlite import SqliteChainStore\n"
        "result = replay(SqliteChainStore(Path(sys.argv[1])))\n"
        "print(result.height, result.difference)\n"
    )
    environment = {
        **os.environ,
        "PYTHONHASHSEED": seed,
        "TZ": "Asia/Taipei",
        "LC_ALL": "C",
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }
    command = [sys.executable, "-c", program, str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert found.stdout.split() == [str(world.application.info().height), "None"]


@clause("B7", "B17")
def test_blocks_made_elsewhere_give_the_same_app_hashes() -> None:
    """Whoever ordered them: the same blocks are the same state, the same receipts in the log."""
    ours = ChainWorld()
    transactions = []
    for number in range(12):
        transactions.append(ours.anchor(number))
        ours.submit(transactions[-1])
    application = RegistryApplication(MemoryChainStore())
    application.init_chain(genesis())
    for height in range(1, ours.engine.head().height + 1):
        block = ours.reader.block(height)
        assert block is not None
        assert application.info().app_hash == block.header.app_hash
        made = BlockInput(height, block.header.time, block.transactions)
        outcome = application.finalize_block(made)
        application.commit((block,))
        for receipt in outcome.receipts:
            assert receipt == ours.records.receipt(receipt.transaction_id)
    assert application.position.summary == ours.application.position.summary


@clause("B17", "ST-08")
def test_the_log_says_in_which_block_each_transaction_was() -> None:
    """The same transactions in other blocks do the same, and have another log."""
    ours = ChainWorld()
    transactions = [ours.anchor(number, sequence=number) for number in range(12)]
    for transaction in transactions:
        ours.submit(transaction)
    application = RegistryApplication(MemoryChainStore())
    application.init_chain(genesis())
    raw = tuple(encode_signed(transaction) for transaction in transactions)
    outcome = application.finalize_block(BlockInput(1, NOW, raw))
    theirs = {r.transaction_id: (r.code, r.position) for r in outcome.receipts}
    for transaction in transactions:
        receipt = ours.records.receipt(transaction.id)
        assert receipt is not None
        assert theirs[transaction.id] == (receipt.code, receipt.position)
    assert outcome.summary.log_root != ours.application.position.summary.log_root
