"""The operation log: any way of appending gives the same tiles and RFC 9162's roots."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from registry_chain.commitment.nodes import EMPTY_ROOT, tile_id
from registry_chain.commitment.operation_log import append_leaves, leaf_at, log_root
from tests.support.clauses import clause
from tests.support.page_store import PageStore
from tests.unit.registry.test_log_proofs import reference_root

LEAVES = [hashlib.sha256(b"%d" % n).digest() for n in range(1100)]


@clause("ST-08")
@given(st.lists(st.integers(1, 300), min_size=1, max_size=6))
def test_any_way_of_appending_gives_the_same_log(steps: list[int]) -> None:
    store, size = PageStore(), 0
    for step in steps:
        update = append_leaves(store, size, LEAVES[size : size + step])
        store.apply(update)
        size = update.size
        assert update.root == reference_root(LEAVES[:size]) == log_root(store, size)
    whole = PageStore()
    whole.apply(append_leaves(whole, 0, LEAVES[:size]))
    assert whole.tiles == store.tiles


@clause("ST-08")
def test_a_full_tile_becomes_one_hash_of_the_level_above() -> None:
    store = PageStore()
    store.apply(append_leaves(store, 0, LEAVES))
    assert len(store.tiles[tile_id(0, 3)]) == 256 * 32
    assert len(store.tiles[tile_id(1, 0)]) == 4 * 32
    assert store.tiles[tile_id(1, 0)][:32] == reference_root(LEAVES[:256])
    assert leaf_at(store, 700) == LEAVES[700]
    assert log_root(store, 0) == EMPTY_ROOT
    assert append_leaves(store, 1100, []).root == reference_root(LEAVES)
