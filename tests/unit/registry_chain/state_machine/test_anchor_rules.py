"""Anchors: evidence with its signers and notes; roots of batches."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.clauses import clause
from tests.support.scripted_chain import ScriptedChain
from weid import limits
from weid.registry.codes import ResultCode
from weid.registry.operations import AnchorBatch, AnchorEvidence
from weid.registry.records import BatchRecord, EvidenceRecord

DIGEST = b"d" * 32


@pytest.fixture
def chain() -> ScriptedChain:
    return ScriptedChain()


@clause("OP-14", "ST-03")
def test_evidence_gathers_signers_and_notes_in_order(chain: ScriptedChain) -> None:
    ada = chain.register("ada")
    chain.do(chain.governor, AnchorEvidence(DIGEST))
    first = chain.time
    chain.do(ada, AnchorEvidence(DIGEST, "seen"), endorser=chain.governor)
    chain.do(ada, AnchorEvidence(DIGEST, "seen again"), endorser=chain.governor)
    record = chain.get(EvidenceRecord, DIGEST)
    told = [(entry.signer, entry.note) for entry in record.entries]
    assert told == [(chain.governor.did, ""), (ada.did, "seen"), (ada.did, "seen again")]
    assert record.entries[0].time == first
    assert record.version.number == 3
    repeated = chain.send(ada, AnchorEvidence(DIGEST, "seen"), endorser=chain.governor)
    assert repeated.code == ResultCode.NO_CHANGE


@clause("OP-14")
def test_evidence_has_so_many_notes_and_signers_and_no_more(chain: ScriptedChain) -> None:
    notes = [AnchorEvidence(DIGEST, f"note {n}") for n in range(limits.EVIDENCE_ENTRIES)]
    chain.do(chain.governor, *notes)
    full = chain.send(chain.governor, AnchorEvidence(DIGEST, "more"))
    assert full.code == ResultCode.EVIDENCE_FULL
    other = b"o" * 32
    signers = [chain.register(f"signer {n}") for n in range(limits.EVIDENCE_SIGNERS + 1)]
    results = [chain.send(one, AnchorEvidence(other), endorser=chain.governor) for one in signers]
    assert [result.code for result in results[:-1]] == [ResultCode.OK] * limits.EVIDENCE_SIGNERS
    assert results[-1].code == ResultCode.EVIDENCE_FULL
    chain.do(signers[0], AnchorEvidence(other, "a note of one who signed"), endorser=chain.governor)


@clause("OP-15")
def test_a_batch_root_is_anchored_once(chain: ScriptedChain) -> None:
    batch = AnchorBatch(DIGEST, 1000)
    chain.do(chain.governor, batch)
    record = chain.get(BatchRecord, DIGEST)
    assert (record.author, record.count, record.purpose) == (chain.governor.did, 1000, "issuance")
    again = chain.send(chain.governor, replace(batch, count=5))
    assert again.code == ResultCode.BATCH_EXISTS


@clause("OP-15")
def test_a_batch_is_refused(chain: ScriptedChain) -> None:
    batch = AnchorBatch(DIGEST, 1)
    cases = {
        "without leaves": replace(batch, count=0),
        "past its size": replace(batch, count=limits.BATCH_ROWS + 1),
        "of no purpose": replace(batch, purpose=""),
        "of a purpose that is no word": replace(batch, purpose="Two words"),
    }
    for name, operation in cases.items():
        assert chain.send(chain.governor, operation).code == ResultCode.FIELD_INVALID, name
    chain.do(chain.governor, replace(batch, count=limits.BATCH_ROWS))
