"""Batches: one root, one proof for each leaf."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clauses import clause
from weid import limits
from weid.errors import MalformedError, ProofError
from weid.registry.batch_tree import BatchProof, build_batch, issuance_leaf, verify_batch_proof
from weid.registry.log_proofs import verify_log_inclusion

LEAF = st.binary(min_size=32, max_size=32)


@clause("ST-14")
@given(st.lists(LEAF, min_size=1, max_size=70), st.data())
def test_every_leaf_of_a_batch_is_proved_and_no_other(
    leaves: list[bytes], data: st.DataObject
) -> None:
    batch = build_batch(leaves)
    assert batch.count == len(leaves)
    for leaf, proof in zip(leaves, batch.proofs, strict=True):
        verify_batch_proof(batch.root, leaf, proof, expected_size=len(leaves))
        assert BatchProof.from_bytes(proof.to_bytes()) == proof
    stranger = data.draw(LEAF.filter(lambda leaf: leaf not in leaves))
    proof = batch.proofs[data.draw(st.integers(0, len(leaves) - 1))]
    with pytest.raises(ProofError):
        verify_batch_proof(batch.root, stranger, proof, expected_size=len(leaves))
    with pytest.raises(ProofError):
        verify_batch_proof(batch.root, leaves[proof.index], proof, expected_size=len(leaves) + 1)
    bigger = replace(proof, size=proof.size * 2 + 1)
    with pytest.raises(ProofError):
        verify_batch_proof(batch.root, leaves[proof.index], bigger, expected_size=bigger.size)


@clause("ST-14")
def test_a_batch_leaf_never_passes_as_a_leaf_of_the_log() -> None:
    leaves = [hashlib.sha256(b"%d" % n).digest() for n in range(4)]
    batch = build_batch(leaves)
    proof = batch.proofs[0]
    with pytest.raises(ProofError):
        verify_log_inclusion(batch.root, leaves[0], proof)  # type: ignore[arg-type]


@clause("ST-14")
def test_an_issuance_leaf_needs_its_salt() -> None:
    one = issuance_leaf(b"s" * 16, b"header.payload")
    assert one != issuance_leaf(b"t" * 16, b"header.payload")
    assert one != issuance_leaf(b"s" * 16, b"header.payloae")
    with pytest.raises(MalformedError, match="16 bytes"):
        issuance_leaf(b"short", b"header.payload")


def test_a_batch_is_bounded_and_its_leaves_are_digests() -> None:
    for wrong in ([], [b"short"], [bytes(32)] * (limits.BATCH_ROWS + 1)):
        with pytest.raises(MalformedError):
            build_batch(wrong)


def test_a_batch_proof_has_one_spelling_in_bytes() -> None:
    h = bytes(32)
    faults = [
        [2, 0, 1, []],
        [1, 0, 1],
        {1: 2},
        [1, "0", 1, []],
        [1, 0, 1, h],
        [1, 1, 1, []],
        [1, -1, 1, []],
        [1, 0, limits.BATCH_ROWS + 1, []],
        [1, 0, 2, [h] * 18],
        [1, 0, 2, [b"short"]],
        [1, 0, 2, ["x"]],
    ]
    for fault in faults:
        with pytest.raises(MalformedError):
            BatchProof.from_bytes(cbor2.dumps(fault, canonical=True))
