"""The sparse Merkle tree against a slow reference that follows the clause word for word."""

from __future__ import annotations

import hashlib
import random

from hypothesis import given
from hypothesis import strategies as st

from registry_chain.commitment.nodes import EMPTY_ROOT, page_id
from registry_chain.commitment.sparse_merkle import prove_key, tree_root, update_tree
from registry_chain.commitment.tree_pages import BUCKET_LEAVES, INLINE_LEAVES, Branch, bucket_leaves
from tests.support.clauses import clause
from tests.support.page_store import PageStore
from weid.registry.proofs import leaf_hash, node_hash, verify_state_proof

# Keys that crowd together: alike in their first bits, in all but their last, or not at all.
KEYS = st.one_of(
    st.binary(min_size=32, max_size=32),
    st.integers(0, 63).map(lambda n: bytes(31) + bytes((n,))),
    st.integers(0, 255).map(lambda n: b"\x5a\xa5" + bytes((n,)) + b"\x77" * 29),
    st.tuples(st.integers(0, 15), st.integers(0, 255)).map(
        lambda pair: bytes((pair[0] << 4 | 3, pair[1])) + bytes(30)
    ),
)
VALUE = st.binary(min_size=32, max_size=32)


def reference_root(leaves: list[tuple[bytes, bytes]], depth: int = 0) -> bytes:
    """No leaf: 32 zero bytes. One leaf: its hash. More: the hash over both halves."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaf_hash(*leaves[0])
    halves: tuple[list[tuple[bytes, bytes]], list[tuple[bytes, bytes]]] = ([], [])
    for leaf in leaves:
        halves[leaf[0][depth // 8] >> (7 - depth % 8) & 1].append(leaf)
    return node_hash(reference_root(halves[0], depth + 1), reference_root(halves[1], depth + 1))


@clause("ST-04")
@given(st.lists(st.dictionaries(KEYS, VALUE, max_size=60), min_size=1, max_size=6))
def test_any_history_of_batches_gives_the_reference_root(batches: list[dict[bytes, bytes]]) -> None:
    store, model = PageStore(), {}
    for batch in batches:
        before = len(model)
        update = update_tree(store, "tree", batch)
        model.update(batch)
        assert update.inserted == len(model) - before
        assert update.root == reference_root(list(model.items()))
        store.apply(update)
        assert tree_root(store, "tree") == update.root


@clause("ST-04", "ST-15")
@given(st.dictionaries(KEYS, VALUE, min_size=1, max_size=80), st.randoms(use_true_random=False))
def test_the_pages_depend_on_the_leaves_and_not_on_their_history(
    leaves: dict[bytes, bytes], order: random.Random
) -> None:
    at_once, one_by_one = PageStore(), PageStore()
    at_once.apply(update_tree(at_once, "", leaves))
    items = list(leaves.items())
    order.shuffle(items)
    for key, value in items:
        one_by_one.apply(update_tree(one_by_one, "", {key: bytes(32)}))
        one_by_one.apply(update_tree(one_by_one, "", {key: value}))
    assert at_once.pages == one_by_one.pages


@clause("ST-05")
@given(st.dictionaries(KEYS, st.binary(max_size=5), max_size=60), st.lists(KEYS, max_size=8))
def test_every_key_there_or_not_is_proved(leaves: dict[bytes, bytes], asked: list[bytes]) -> None:
    store = PageStore()
    hashes = {key: hashlib.sha256(value).digest() for key, value in leaves.items()}
    root = store.apply(update_tree(store, "", hashes))
    for key in [*leaves, *asked]:
        proof = prove_key(store, "", key, hashes.__getitem__)
        verify_state_proof(root, key, leaves.get(key), proof)


def test_trees_of_one_store_do_not_meet() -> None:
    store = PageStore()
    store.apply(update_tree(store, "issuers/diploma", {bytes(32): bytes(32)}))
    assert tree_root(store, "") == tree_root(store, "issuers/dipl") == EMPTY_ROOT
    assert page_id("a", b"\1") != page_id("a\1", b"")


def test_no_change_reads_and_writes_nothing() -> None:
    store = PageStore()
    update = update_tree(store, "", {})
    assert (update.root, update.pages, update.inserted) == (EMPTY_ROOT, {}, 0)


def test_pages_take_each_of_their_forms() -> None:
    store = PageStore()
    few = {bytes((n, 0)) + bytes(30): bytes(32) for n in range(BUCKET_LEAVES)}
    store.apply(update_tree(store, "", few))
    assert bucket_leaves(store.pages[page_id("", b"")]) is not None
    more = {bytes((0x10 | n, n)) + bytes(30): bytes(32) for n in range(INLINE_LEAVES + 1)}
    store.apply(update_tree(store, "", more))
    root = Branch(store.pages[page_id("", b"")])
    assert [root.is_page(slot) for slot in range(3)] == [True, True, False]
    assert len(store.pages) == 3


@clause("ST-05")
def test_a_proof_stays_short_where_there_are_many_keys() -> None:
    store = PageStore()
    keys = [hashlib.sha256(b"%d" % n).digest() for n in range(20_000)]
    root = store.apply(update_tree(store, "", dict.fromkeys(keys, hashlib.sha256(b"v").digest())))
    sizes = []
    for key in keys[:200]:
        proof = prove_key(store, "", key, lambda _: hashlib.sha256(b"v").digest())
        verify_state_proof(root, key, b"v", proof)
        sizes.append(len(proof.to_bytes()))
    # log2(20,000) + 1.3 siblings; a million keys add 5.6 more, which stays below 1 kB.
    assert max(sizes) + 6 * 34 < 1000
    assert sum(sizes) / len(sizes) < 560
