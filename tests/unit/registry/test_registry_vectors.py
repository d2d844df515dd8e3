"""The published vectors of the registry, read as a stranger would."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from registry_chain.commitment.sparse_merkle import update_tree
from registry_chain.state_machine.block import BlockInput
from registry_chain.state_machine.genesis import Genesis
from registry_chain.state_machine.memory_state import MemoryState
from registry_chain.state_machine.transition import apply_block, apply_genesis
from tests.support.clauses import clause
from tests.support.page_store import PageStore
from weid.crypto.keys import KeyKind, PublicKey
from weid.registry.batch_tree import BatchProof, issuance_leaf, verify_batch_proof
from weid.registry.list_proofs import ListPage, ListProof, verify_complete_list
from weid.registry.log_proofs import (
    LogConsistencyProof,
    LogInclusionProof,
    log_leaf,
    verify_log_consistency,
    verify_log_inclusion,
)
from weid.registry.merkle_path import merkle_root
from weid.registry.operations import KINDS
from weid.registry.proofs import StateProof, app_hash, verify_state_proof
from weid.registry.records import IndexRecord
from weid.registry.transaction import possession_message, signing_message
from weid.registry.wire import (
    decode_payload,
    decode_signed,
    encode_operation,
    encode_payload,
    encode_signed,
)

VECTORS = Path(__file__).parents[3] / "specs" / "vectors" / "registry"
H = bytes.fromhex


def vectors(name: str) -> Any:
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


@clause("TX-01", "TX-03", "TX-04", "TX-09", "TX-15", "R6")
def test_transactions() -> None:
    body = vectors("transactions.json")
    author = PublicKey(KeyKind.ED25519, H(body["author_key"]))
    endorser = PublicKey(KeyKind.ED25519, H(body["endorser_key"]))
    assert {case["kind"] for case in body["transactions"]} == {k.__name__ for k in KINDS.values()}
    for case in body["transactions"]:
        signed = decode_signed(H(case["signed"]))
        assert encode_signed(signed).hex() == case["signed"]
        assert (signed.payload.hex(), signed.id.hex()) == (case["payload"], case["id"])
        assert signed.id == hashlib.sha256(b"weid/tx/1" + signed.payload).digest()
        transaction = decode_payload(signed.payload)
        assert encode_payload(transaction) == signed.payload
        assert encode_operation(transaction.operations[0]).hex() == case["operation"]
        author.verify(signed.author_signatures[0], signing_message(signed.payload))
        endorser.verify(signed.endorser_signatures[0], signing_message(signed.payload))
    proof = body["possession"]
    assert possession_message(proof["did"], H(proof["multikey"])).hex() == proof["message"]


@clause("ST-04", "ST-05", "ST-07")
def test_tree_and_lists() -> None:
    body = vectors("tree.json")
    store = PageStore()
    for step in body["growth"]:
        change = {H(step["key"]): hashlib.sha256(H(step["value"])).digest()}
        assert store.apply(update_tree(store, "", change)).hex() == step["root"]
    root = H(body["root"])
    for case in body["proofs"]:
        value = None if case["value"] is None else H(case["value"])
        verify_state_proof(root, H(case["key"]), value, StateProof.from_bytes(H(case["proof"])))
    pages = [
        ListPage(
            tuple((H(key), H(value)) for key, value in page["entries"]),
            ListProof.from_bytes(H(page["proof"])),
        )
        for page in body["pages"]
    ]
    verify_complete_list(IndexRecord("list", len(body["growth"]), root), pages)


@clause("ST-08", "ST-09")
def test_log() -> None:
    body = vectors("log.json")
    leaves = [
        log_leaf(H(one["id"]), one["height"], one["code"], H(one["data"])) for one in body["leaves"]
    ]
    assert [leaf.hex() for leaf in leaves] == [one["leaf"] for one in body["leaves"]]
    roots = [H(root) for root in body["roots"]]
    for size, root in enumerate(roots[1:], 1):
        assert merkle_root(leaves[:size], b"\x03") == root
    for case in body["inclusion"]:
        path = tuple(H(one) for one in case["path"])
        proof = LogInclusionProof(case["index"], case["size"], path)
        verify_log_inclusion(roots[proof.size], leaves[proof.index], proof)
    for case in body["consistency"]:
        path = tuple(H(one) for one in case["path"])
        proof = LogConsistencyProof(case["first"], case["second"], path)
        verify_log_consistency(roots[proof.first], roots[proof.second], proof)


@clause("ST-14")
def test_batches() -> None:
    body = vectors("batches.json")
    leaves = []
    for one in body["leaves"]:
        leaves.append(issuance_leaf(H(one["salt"]), one["signing_input"].encode()))
        assert leaves[-1].hex() == one["leaf"]
    for batch in body["batches"]:
        for leaf, raw in zip(leaves, batch["proofs"], strict=False):
            proof = BatchProof.from_bytes(H(raw))
            verify_batch_proof(H(batch["root"]), leaf, proof, expected_size=batch["size"])


@clause("ST-10", "ST-11", "ST-15", "B17")
def test_a_chain_from_genesis() -> None:
    body = vectors("chain.json")
    genesis = Genesis.from_json(json.dumps(body["genesis"]).encode())
    state = MemoryState(apply_genesis(genesis))
    assert state.summary.app_hash.hex() == body["app_hash_before"]
    for one in body["blocks"]:
        raw = tuple(H(transaction) for transaction in one["transactions"])
        outcome = apply_block(state, BlockInput(one["height"], one["time"], raw))
        assert [result.code for result in outcome.results] == one["codes"]
        assert [result.data.hex() for result in outcome.results] == one["data"]
        parts = (H(one["smt_root"]), one["log_size"], H(one["log_root"]))
        summary = outcome.summary
        assert (summary.smt_root, summary.log_size, summary.log_root) == parts
        assert app_hash(*parts).hex() == one["app_hash"] == outcome.app_hash.hex()
        state.write(outcome)
