"""Anchors: evidence with its signers and notes; roots of batches."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.clauses import clause
from tests.support.scripted_chain import ScriptedChain
from weid import limits
from weid.registry.codes import ResultCode
from weid.registry.operations import AnchorBatch, AnchorEvidence
from weid.registry.records import BatchRecord, EvidenceNote, EvidenceRecord, IndexRecord
from weid.registry.state_keys import anchor_id, cosigners_list

DIGEST = b"d" * 32


@pytest.fixture
def chain() -> ScriptedChain:
    return ScriptedChain()


@clause("OP-14", "ST-03")
def test_evidence_gathers_each_signers_notes_in_order(chain: ScriptedChain) -> None:
    ada = chain.register("ada")
    chain.do(chain.governor, AnchorEvidence(DIGEST))
    first = chain.time
    chain.do(ada, AnchorEvidence(DIGEST, "seen"), endorser=chain.governor)
    chain.do(ada, AnchorEvidence(DIGEST, "seen again"), endorser=chain.governor)
    theirs = chain.get(EvidenceRecord, DIGEST)
    assert (theirs.signer, theirs.first, theirs.version.number) == (chain.governor.did, True, 1)
    assert theirs.notes == (EvidenceNote("", first),)
    hers = chain.get(EvidenceRecord, anchor_id(ada.did, DIGEST))
    assert (hers.signer, hers.first, hers.version.number) == (ada.did, False, 2)
    assert [note.text for note in hers.notes] == ["seen", "seen again"]
    repeated = chain.send(ada, AnchorEvidence(DIGEST, "seen"), endorser=chain.governor)
    assert repeated.code == ResultCode.NO_CHANGE
    chain.do(chain.governor, AnchorEvidence(DIGEST, "seen"))
    assert [note.text for note in chain.get(EvidenceRecord, DIGEST).notes] == ["", "seen"]


@clause("OP-14", "ST-06")
def test_all_signers_of_a_digest_but_the_first_are_in_its_list(chain: ScriptedChain) -> None:
    chain.do(chain.governor, AnchorEvidence(DIGEST), AnchorEvidence(b"o" * 32))
    for number in range(3):
        chain.do(
            chain.register(f"signer {number}"), AnchorEvidence(DIGEST), endorser=chain.governor
        )
    assert chain.get(IndexRecord, cosigners_list(DIGEST)).count == 3
    assert chain.read(IndexRecord, cosigners_list(b"o" * 32)) is None


@clause("OP-14")
def test_nobody_uses_up_the_room_of_another(chain: ScriptedChain) -> None:
    """A signer makes so many notes on a digest, and whoever comes later has as many."""
    notes = [AnchorEvidence(DIGEST, f"note {n}") for n in range(limits.EVIDENCE_NOTES)]
    stranger, mine = chain.register("stranger"), chain.register("mine")
    chain.do(stranger, *notes, endorser=chain.governor)
    for signer in (stranger, mine, chain.governor):
        endorser = None if signer is chain.governor else chain.governor
        if signer is not stranger:
            chain.do(signer, *notes, endorser=endorser)
        more = chain.send(signer, AnchorEvidence(DIGEST, "more"), endorser=endorser)
        assert more.code == ResultCode.EVIDENCE_FULL


@clause("OP-15")
def test_an_author_anchors_a_batch_root_once(chain: ScriptedChain) -> None:
    batch = AnchorBatch(DIGEST, 1000)
    chain.do(chain.governor, batch)
    record = chain.get(BatchRecord, anchor_id(chain.governor.did, DIGEST))
    assert (record.author, record.count, record.purpose) == (chain.governor.did, 1000, "issuance")
    again = chain.send(chain.governor, replace(batch, count=5))
    assert again.code == ResultCode.BATCH_EXISTS


@clause("OP-15", "ST-01")
def test_whoever_anchors_a_root_first_takes_it_from_nobody(chain: ScriptedChain) -> None:
    ada = chain.register("ada")
    chain.do(ada, AnchorBatch(DIGEST, 7, "evidence"), endorser=chain.governor)
    chain.do(chain.governor, AnchorBatch(DIGEST, 1000))
    for author, count in ((ada, 7), (chain.governor, 1000)):
        record = chain.get(BatchRecord, anchor_id(author.did, DIGEST))
        assert (record.author, record.count, record.version.number) == (author.did, count, 1)


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
