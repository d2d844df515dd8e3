"""Proofs of the state tree as a client checks them; the trees are made by the real chain."""

from __future__ import annotations

import hashlib

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_chain.commitment.sparse_merkle import prove_key, update_tree
from tests.support.clauses import clause
from tests.support.page_store import PageStore
from tests.support.refusals import refuses
from weid.errors import MalformedError, ProofError
from weid.registry.proofs import (
    EMPTY,
    StateProof,
    app_hash,
    leaf_hash,
    node_hash,
    verify_state_proof,
)

VALUES = {hashlib.sha256(b"%d" % n).digest(): b"value %d" % n for n in range(300)}
STORE = PageStore()
ROOT = STORE.apply(
    update_tree(STORE, "", {k: hashlib.sha256(v).digest() for k, v in VALUES.items()})
)


def prove(key: bytes) -> StateProof:
    return prove_key(STORE, "", key, lambda other: hashlib.sha256(VALUES[other]).digest())


PRESENT = sorted(VALUES)[17]
ABSENT = hashlib.sha256(b"absent").digest()


@clause("ST-05", "R40")
def test_presence_and_absence_are_proved() -> None:
    for key, value in VALUES.items():
        verify_state_proof(ROOT, key, value, prove(key))
    for n in range(300):
        key = hashlib.sha256(b"absent %d" % n).digest()
        verify_state_proof(ROOT, key, None, prove(key))


@clause("ST-05", "R40", "B26")
def test_a_proof_shows_nothing_else() -> None:
    present, absent = prove(PRESENT), prove(ABSENT)
    other_root = hashlib.sha256(ROOT).digest()
    lies = {
        "another value": (ROOT, PRESENT, b"another", present),
        "another key": (ROOT, sorted(VALUES)[18], VALUES[PRESENT], present),
        "another root": (other_root, PRESENT, VALUES[PRESENT], present),
        "present said to be absent": (ROOT, PRESENT, None, present),
        "absent said to be present": (ROOT, ABSENT, b"value", absent),
        "absence of another key": (ROOT, PRESENT, None, absent),
        "a key of another length": (ROOT, PRESENT[:31], VALUES[PRESENT], present),
        "presence with another leaf": (
            ROOT,
            PRESENT,
            VALUES[PRESENT],
            StateProof(present.siblings, (ABSENT, EMPTY)),
        ),
        "the key itself as the other leaf": (
            ROOT,
            PRESENT,
            None,
            StateProof(present.siblings, (PRESENT, hashlib.sha256(VALUES[PRESENT]).digest())),
        ),
        "an other leaf from elsewhere": (
            ROOT,
            ABSENT,
            None,
            StateProof(present.siblings, (PRESENT, EMPTY)),
        ),
        "a path too long": (ROOT, PRESENT, None, StateProof((EMPTY,) * 257)),
        "an end below the tree": (ROOT, PRESENT, None, StateProof((*present.siblings, EMPTY))),
        "a sibling less": (ROOT, PRESENT, VALUES[PRESENT], StateProof(present.siblings[:-1])),
    }
    for name, (root, key, value, proof) in lies.items():
        assert refuses(ProofError, verify_state_proof, root, key, value, proof), name


@clause("ST-05")
@given(st.integers(0, 31), st.integers(1, 255), st.data())
def test_no_changed_byte_of_a_proof_passes(at: int, mask: int, data: st.DataObject) -> None:
    proof = prove(PRESENT)
    depth = data.draw(st.integers(0, len(proof.siblings) - 1))
    sibling = bytearray(proof.siblings[depth])
    sibling[at] ^= mask
    forged = StateProof((*proof.siblings[:depth], bytes(sibling), *proof.siblings[depth + 1 :]))
    with pytest.raises(ProofError):
        verify_state_proof(ROOT, PRESENT, VALUES[PRESENT], forged)


def test_the_empty_tree_and_the_tree_of_one_have_short_proofs() -> None:
    verify_state_proof(EMPTY, PRESENT, None, StateProof(()))
    root = leaf_hash(PRESENT, hashlib.sha256(b"v").digest())
    verify_state_proof(root, PRESENT, b"v", StateProof(()))
    other = (PRESENT, hashlib.sha256(b"v").digest())
    verify_state_proof(root, ABSENT, None, StateProof((), other))
    with pytest.raises(ProofError):
        verify_state_proof(root, ABSENT, None, StateProof(()))


@clause("ST-05")
def test_a_proof_has_one_spelling_in_bytes() -> None:
    for key in (PRESENT, ABSENT):
        proof = prove(key)
        assert StateProof.from_bytes(proof.to_bytes()) == proof
    sparse = StateProof((EMPTY, b"s" * 32, EMPTY), (ABSENT, PRESENT))
    assert StateProof.from_bytes(sparse.to_bytes()) == sparse
    h = b"s" * 32
    faults = {
        "another version": [2, 1, b"\x80", [h], None],
        "no array": {1: 2},
        "a member less": [1, 1, b"\x80", [h]],
        "a depth past the key": [1, 257, b"\x80", [h], None],
        "a depth that is text": [1, "1", b"\x80", [h], None],
        "a bitmap that is text": [1, 1, "x", [h], None],
        "a bitmap too long": [1, 1, b"\x80\0", [h], None],
        "a mark below the depth": [1, 1, b"\xc0", [h, h], None],
        "fewer hashes than marks": [1, 2, b"\xc0", [h], None],
        "an empty hash written out": [1, 1, b"\x80", [EMPTY], None],
        "a short hash": [1, 1, b"\x80", [b"s"], None],
        "hashes that are no list": [1, 1, b"\x80", h, None],
        "an other leaf of one": [1, 1, b"\x80", [h], [h]],
        "an other leaf that is short": [1, 1, b"\x80", [h], [h, b"s"]],
    }
    for name, fault in faults.items():
        raw = cbor2.dumps(fault, canonical=True)
        assert refuses(MalformedError, StateProof.from_bytes, raw), name


@clause("ST-04")
def test_leaves_and_nodes_cannot_stand_for_each_other() -> None:
    assert leaf_hash(PRESENT, ABSENT) != node_hash(PRESENT, ABSENT)
    assert leaf_hash(PRESENT, ABSENT) == hashlib.sha256(b"\0" + PRESENT + ABSENT).digest()
    assert node_hash(PRESENT, ABSENT) == hashlib.sha256(b"\1" + PRESENT + ABSENT).digest()


@clause("ST-10")
def test_the_app_hash_covers_tree_size_and_log() -> None:
    plain = app_hash(EMPTY, 0, EMPTY)
    assert plain == hashlib.sha256(b"weid/app/1" + bytes(32) + bytes(8) + bytes(32)).digest()
    assert (
        len({plain, app_hash(ROOT, 0, EMPTY), app_hash(EMPTY, 1, EMPTY), app_hash(EMPTY, 0, ROOT)})
        == 4
    )
