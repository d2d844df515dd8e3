"""The same blocks give the same roots: in any process, from the beginning, and in any grouping."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from registry_chain.state_machine import transition
from registry_chain.state_machine.memory_state import MemoryState
from registry_chain.state_machine.transition import apply_block, apply_genesis
from tests.support.clauses import clause
from tests.support.random_history import RandomHistory
from weid.registry.records import BatchRecord, DidRecord, EvidenceRecord, Receipt

ROOT = Path(__file__).parents[4]
BLOCKS = 60


def in_another_process(**environment: str) -> list[str]:
    command = [sys.executable, "-m", "tests.support.random_history", "7", str(BLOCKS)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        check=True,
        text=True,
    )
    return done.stdout.split()


@clause("ST-15", "B16")
@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONHASHSEED": "0"},
        {"PYTHONHASHSEED": "4242", "TZ": "Asia/Macau", "LC_ALL": "C"},
    ],
    ids=["hash seed 0", "hash seed 4242, another time zone and locale"],
)
def test_another_process_computes_the_same_roots(environment: dict[str, str]) -> None:
    here = [app_hash.hex() for app_hash in RandomHistory(7).blocks(BLOCKS)]
    assert len(set(here)) > BLOCKS // 2
    assert in_another_process(**environment) == here


@clause("ST-15", "B17")
@pytest.mark.parametrize("seed", range(4))
def test_a_replay_from_genesis_gives_the_same_root_at_every_height(seed: int) -> None:
    history = RandomHistory(seed)
    app_hashes = list(history.blocks(80))
    chain = history.chain
    assert {result.code for outcome in chain.outcomes for result in outcome.results} >= {0, 100}
    state = MemoryState(apply_genesis(chain.genesis))
    receipts: list[Receipt] = []
    for block, outcome, app_hash in zip(chain.blocks, chain.outcomes, app_hashes, strict=True):
        again = apply_block(state, block)
        assert again.app_hash == app_hash
        assert again == outcome
        state.write(again)
        receipts += again.receipts
    assert [receipt.position for receipt in receipts] == list(range(len(receipts)))
    assert state.records == chain.state.records
    assert state.pages == chain.state.pages
    assert state.tiles == chain.state.tiles


@clause("ST-15")
@pytest.mark.parametrize(
    "hint",
    [(), [(DidRecord, b"nobody"), (EvidenceRecord, bytes(32)), (BatchRecord, b"")]],
    ids=["none", "in vain"],
)
def test_what_is_expected_of_a_block_is_only_a_hint(hint, monkeypatch) -> None:
    history = list(RandomHistory(5).blocks(BLOCKS))
    monkeypatch.setattr(transition, "expected_records", lambda _: hint)
    assert list(RandomHistory(5).blocks(BLOCKS)) == history
