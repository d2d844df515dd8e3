"""Proofs of the operation log, against logs of the real chain and a slow reference."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_chain.commitment.operation_log import (
    append_leaves,
    prove_consistency,
    prove_inclusion,
)
from tests.support.clauses import clause
from tests.support.page_store import PageStore
from tests.support.refusals import refuses
from weid.errors import ProofError
from weid.registry.log_proofs import (
    LogConsistencyProof,
    LogInclusionProof,
    log_leaf,
    verify_log_consistency,
    verify_log_inclusion,
    verify_receipt,
)
from weid.registry.proofs import EMPTY
from weid.registry.records import Receipt

LEAVES = [log_leaf(hashlib.sha256(b"%d" % n).digest(), 1 + n // 7, n, b"") for n in range(600)]
STORE = PageStore()
STORE.apply(append_leaves(STORE, 0, LEAVES))


def reference_root(leaves: list[bytes]) -> bytes:
    """RFC 9162 clause 2.1.1, word for word, with our tag."""
    if not leaves:
        return EMPTY
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\3" + reference_root(leaves[:k]) + reference_root(leaves[k:])).digest()


SIZES = st.integers(1, len(LEAVES))


@clause("ST-08", "ST-09")
@given(SIZES, st.data())
def test_every_leaf_is_proved_in_every_size(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    root = reference_root(LEAVES[:size])
    proof = prove_inclusion(STORE, index, size)
    verify_log_inclusion(root, LEAVES[index], proof)
    wrong = {
        "another leaf": (root, LEAVES[index - 1 if size > 1 else 1], proof),
        "another root": (EMPTY, LEAVES[index], proof),
        "another position": (root, LEAVES[index], replace(proof, index=(index + 1) % (size + 1))),
        "a hash more": (root, LEAVES[index], replace(proof, path=(*proof.path, EMPTY))),
    }
    if proof.path:
        wrong["a hash less"] = (root, LEAVES[index], replace(proof, path=proof.path[:-1]))
    for name, (said_root, leaf, said) in wrong.items():
        assert refuses(ProofError, verify_log_inclusion, said_root, leaf, said), name


@clause("ST-09")
@given(st.integers(0, len(LEAVES)), st.integers(0, len(LEAVES)))
def test_every_size_is_proved_to_be_the_beginning_of_every_later_one(a: int, b: int) -> None:
    first, second = sorted((a, b))
    early, late = reference_root(LEAVES[:first]), reference_root(LEAVES[:second])
    proof = prove_consistency(STORE, first, second)
    verify_log_consistency(early, late, proof)
    forged = hashlib.sha256(early).digest()
    with pytest.raises(ProofError):
        verify_log_consistency(forged, late, proof)
    if 0 < first < second:
        with pytest.raises(ProofError):
            verify_log_consistency(early, forged, proof)
        for path in (proof.path[:-1], (*proof.path, EMPTY), ()):
            with pytest.raises(ProofError):
                verify_log_consistency(early, late, replace(proof, path=path))
    elif second:
        with pytest.raises(ProofError):
            verify_log_consistency(early, late, replace(proof, path=(EMPTY,)))


@clause("ST-09", "B14")
def test_a_rewritten_log_is_not_consistent() -> None:
    forged = [*LEAVES[:100], EMPTY, *LEAVES[101:]]
    store = PageStore()
    root = store.apply(append_leaves(store, 0, forged))
    proof = prove_consistency(store, 200, 600)
    with pytest.raises(ProofError):
        verify_log_consistency(reference_root(LEAVES[:200]), root, proof)
    with pytest.raises(ProofError, match="order"):
        verify_log_consistency(root, root, LogConsistencyProof(5, 4, ()))
    with pytest.raises(ProofError, match="outside"):
        verify_log_inclusion(root, EMPTY, LogInclusionProof(5, 5, ()))
    with pytest.raises(ValueError, match="no such leaf"):
        prove_inclusion(store, 600, 600)
    with pytest.raises(ValueError, match="order"):
        prove_consistency(store, 7, 6)


@clause("ST-09", "TX-11")
def test_a_receipt_is_proved_by_its_leaf() -> None:
    identity = hashlib.sha256(b"5").digest()
    receipt = Receipt(identity, height=1, position=5, code=5)
    root = reference_root(LEAVES)
    proof = prove_inclusion(STORE, 5, 600)
    verify_receipt(root, receipt, proof)
    for wrong in (
        replace(receipt, code=0),
        replace(receipt, data=b"x"),
        replace(receipt, position=6),
    ):
        with pytest.raises(ProofError):
            verify_receipt(root, wrong, proof)
