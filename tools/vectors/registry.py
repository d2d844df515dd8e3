"""Vectors of the registry (specs/registry-operations.md, specs/registry-state.md).

Everything is derived from fixed names by the real code, with all keys synthetic; running it twice
gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Final

from registry_chain.commitment.index import prove_list_page
from registry_chain.commitment.operation_log import (
    append_leaves,
    log_root,
    prove_consistency,
    prove_inclusion,
)
from registry_chain.commitment.sparse_merkle import prove_key, update_tree
from tests.support.page_store import PageStore
from tests.support.random_history import RandomHistory
from tests.support.scripted_chain import NETWORK, START, ScriptedChain, person, raw_key, signer
from weid.encoding import JsonObject, JsonValue
from weid.registry.batch_tree import build_batch, issuance_leaf
from weid.registry.codes import ResultCode
from weid.registry.headers import address
from weid.registry.log_proofs import log_leaf
from weid.registry.node_operations import (
    AdmitNode,
    AssignOperator,
    ChangeNode,
    HandOver,
    NodeRole,
    ReinstateNode,
    RemoveNode,
    RotateNodeKeys,
    ScheduleRules,
    SuspendNode,
)
from weid.registry.node_possession import with_proofs
from weid.registry.operations import (
    Accredit,
    AnchorBatch,
    AnchorEvidence,
    Approve,
    CreateDid,
    DeactivateDid,
    DeactivateTemplate,
    DerecognizeIssuer,
    EndAccreditation,
    GrantRole,
    KeyPurpose,
    MarkKeyCompromised,
    NameOrganisation,
    NewService,
    Operation,
    Propose,
    PublishStatusList,
    PublishTemplate,
    RecognizeIssuer,
    RecoverDid,
    RevokeRole,
    Role,
    RotateControllers,
    SetParameter,
    UpdateDid,
)
from weid.registry.policy_operations import PublishPolicy, WithdrawPolicy
from weid.registry.signing import new_key, prove_possession
from weid.registry.transaction import next_keys_commitment, possession_message, proposal_id
from weid.registry.wire import encode_operation, encode_signed

_NOTE: Final = "Synthetic data; each key is the SHA-256 of 'synthetic key ' and its name."


def _text(body: JsonObject) -> str:
    return json.dumps({"note": _NOTE, **body}, indent=1, ensure_ascii=False) + "\n"


def _digest(label: str) -> bytes:
    return hashlib.sha256(label.encode()).digest()


def _codes() -> str:
    return _text({"codes": {code.name: code.value for code in ResultCode}})


def _operations() -> dict[str, Operation]:
    """Return one operation of every kind."""
    ada = person("ada", recovery=["vault"])
    did, other = ada.did, person("bob").did
    issue = new_key(did, "issue-1", signer("issue"), [KeyPurpose.ASSERTION])
    site = NewService("site", "LinkedDomains", "https://ada.example/")
    document = b'{"vct":"urn:weid:demo:cpt:diploma:1","cpt_id":"diploma","version":1}'
    policy = b'{"policy_id":"library-card","uri":"urn:weid:demo:policy:library-card:1","version":1}'
    new = (raw_key("new"),)
    proofs = (prove_possession(did, signer("new")),)
    commitment = next_keys_commitment((raw_key("next"),), 1)
    grant = GrantRole(other, Role.REGISTRAR)
    node = address(raw_key("node"))
    listed: list[Operation] = [
        CreateDid(ada.inception, (issue,), (site,)),
        UpdateDid(did, 1, (issue,), ("key-0",), None),
        RotateControllers(did, 1, new, 1, commitment, proofs),
        RecoverDid(did, 1, new, 1, b"", (raw_key("vault 2"),), proofs),
        DeactivateDid(did, 3),
        MarkKeyCompromised(did, "issue-1", START),
        NameOrganisation(did, "示例大學 Example University"),
        PublishTemplate("diploma", 1, document),
        DeactivateTemplate("diploma", 1),
        PublishStatusList("https://ada.example/s/1", "diploma", 1, 2**17, 1, _digest("list")),
        AnchorEvidence(_digest("evidence"), "seen"),
        AnchorBatch(_digest("root"), 1000),
        RecognizeIssuer(did, "diploma", START, START + 100),
        DerecognizeIssuer(did, "diploma", START),
        Accredit(did, "diploma", START, None, may_accredit=True),
        EndAccreditation(did, "diploma", None),
        grant,
        RevokeRole(other, Role.REGISTRAR),
        SetParameter("max_time_lag", 90),
        Propose(grant, START + 1000, "agreed on Monday"),
        Approve(_digest("proposal")),
        with_proofs(
            NETWORK,
            AdmitNode(
                node, NodeRole.VALIDATOR, "示例 Node", did, raw_key("val"), 10, raw_key("node")
            ),
            [signer("node"), signer("val")],
        ),
        ChangeNode(node, NodeRole.OBSERVER, None, "Observer"),
        SuspendNode(node),
        ReinstateNode(node),
        RemoveNode(node),
        with_proofs(
            NETWORK,
            RotateNodeKeys(
                node, address(raw_key("node 2")), raw_key("validator 2"), raw_key("node 2")
            ),
            [signer("node 2"), signer("validator 2")],
        ),
        AssignOperator(node, other),
        ScheduleRules(2, 1000),
        HandOver(),
        PublishPolicy("library-card", 1, policy),
        WithdrawPolicy("library-card", 1),
    ]
    return {type(operation).__name__: operation for operation in listed}


def _transactions() -> str:
    chain = ScriptedChain()
    ada = person("ada", recovery=["vault"])
    operations = _operations()
    cases: list[JsonValue] = []
    for name, operation in operations.items():
        signed = chain.sign(ada, operation, endorser=chain.governor, sequence=7)
        cases.append(
            {
                "kind": name,
                "operation": encode_operation(operation).hex(),
                "payload": signed.payload.hex(),
                "id": signed.id.hex(),
                "signed": encode_signed(signed).hex(),
            }
        )
    key = signer("issue").public_key.to_multicodec()
    return _text(
        {
            "author": ada.did,
            "author_key": raw_key("ada 0").hex(),
            "endorser_key": raw_key("governor 0 0").hex(),
            "transactions": cases,
            "possession": {
                "did": ada.did,
                "multikey": key.hex(),
                "message": possession_message(ada.did, key).hex(),
            },
            "next_keys": next_keys_commitment((raw_key("next"),), 1).hex(),
            "proposal": proposal_id(_digest("transaction"), 3).hex(),
        }
    )


def _tree() -> str:
    store = PageStore()
    values = {_digest(f"key {n}"): f"value {n}".encode() for n in range(24)}
    roots: list[JsonValue] = []
    root = b""
    for n, (key, value) in enumerate(values.items(), 1):
        root = store.apply(update_tree(store, "", {key: hashlib.sha256(value).digest()}))
        roots.append({"leaves": n, "key": key.hex(), "value": value.hex(), "root": root.hex()})

    def value_hash(key: bytes) -> bytes:
        return hashlib.sha256(values[key]).digest()

    proofs: list[JsonValue] = []
    for key in (*list(values)[:3], *(_digest(f"absent {n}") for n in range(6))):
        found = values.get(key)
        proof = prove_key(store, "", key, value_hash)
        shown = None if found is None else found.hex()
        proofs.append({"key": key.hex(), "value": shown, "proof": proof.to_bytes().hex()})
    pages: list[JsonValue] = []
    start = bytes(32)
    while True:
        page = prove_list_page(store, "", values.__getitem__, value_hash, start=start, limit=10)
        entries: list[JsonValue] = [[key.hex(), value.hex()] for key, value in page.entries]
        pages.append({"entries": entries, "proof": page.proof.to_bytes().hex()})
        if page.proof.last:
            break
        start = page.proof.end
    return _text({"growth": roots, "proofs": proofs, "root": root.hex(), "pages": pages})


def _log() -> str:
    store = PageStore()
    entries = [
        (_digest(f"transaction {n}"), 1 + n // 3, n % 3, b"\0\1" * (n % 2)) for n in range(20)
    ]
    leaves = [log_leaf(*entry) for entry in entries]
    store.apply(append_leaves(store, 0, leaves))
    listed: list[JsonValue] = [
        {
            "id": identity.hex(),
            "height": height,
            "code": code,
            "data": data.hex(),
            "leaf": leaf.hex(),
        }
        for (identity, height, code, data), leaf in zip(entries, leaves, strict=True)
    ]
    inclusion: list[JsonValue] = [
        {"index": i, "size": n, "path": [h.hex() for h in prove_inclusion(store, i, n).path]}
        for i, n in ((0, 1), (0, 8), (6, 7), (13, 20), (19, 20))
    ]
    consistency: list[JsonValue] = [
        {"first": a, "second": b, "path": [h.hex() for h in prove_consistency(store, a, b).path]}
        for a, b in ((1, 2), (4, 8), (6, 8), (7, 20), (16, 20))
    ]
    roots: list[JsonValue] = [log_root(store, size).hex() for size in range(len(leaves) + 1)]
    return _text(
        {"leaves": listed, "roots": roots, "inclusion": inclusion, "consistency": consistency}
    )


def _batches() -> str:
    leaves = [issuance_leaf(_digest(f"salt {n}")[:16], b"header.payload%d" % n) for n in range(7)]
    batches: list[JsonValue] = []
    for size in (1, 2, 3, 7):
        batch = build_batch(leaves[:size])
        proofs: list[JsonValue] = [proof.to_bytes().hex() for proof in batch.proofs]
        batches.append({"size": size, "root": batch.root.hex(), "proofs": proofs})
    listed: list[JsonValue] = [
        {
            "salt": _digest(f"salt {n}")[:16].hex(),
            "signing_input": f"header.payload{n}",
            "leaf": leaf.hex(),
        }
        for n, leaf in enumerate(leaves)
    ]
    return _text({"leaves": listed, "batches": batches})


def _chain() -> str:
    history = RandomHistory(2026)
    list(history.blocks(40))
    chain = history.chain
    blocks: list[JsonValue] = []
    for block, outcome in zip(chain.blocks, chain.outcomes, strict=True):
        summary = outcome.summary
        blocks.append(
            {
                "height": block.height,
                "time": block.time,
                "transactions": [raw.hex() for raw in block.transactions],
                "codes": [int(result.code) for result in outcome.results],
                "data": [result.data.hex() for result in outcome.results],
                "smt_root": summary.smt_root.hex(),
                "log_size": summary.log_size,
                "log_root": summary.log_root.hex(),
                "app_hash": summary.app_hash.hex(),
            }
        )
    genesis: JsonObject = json.loads(chain.genesis.to_json())
    founded = chain.founding.app_hash.hex()
    return _text({"genesis": genesis, "app_hash_before": founded, "blocks": blocks})


FILES: Final[dict[str, Callable[[], str]]] = {
    "registry/codes.json": _codes,
    "registry/transactions.json": _transactions,
    "registry/tree.json": _tree,
    "registry/log.json": _log,
    "registry/batches.json": _batches,
    "registry/chain.json": _chain,
}
