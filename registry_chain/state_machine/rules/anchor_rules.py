"""Anchors: evidence and roots of batches, each its author's own (clauses OP-14, OP-15)."""

from __future__ import annotations

from registry_chain.state_machine.context import Context
from registry_chain.state_machine.errors import require
from weid import limits
from weid.registry.codes import ResultCode
from weid.registry.operations import AnchorBatch, AnchorEvidence
from weid.registry.records import BatchRecord, EvidenceNote, EvidenceRecord
from weid.registry.state_keys import anchor_id
from weid.registry.text import WORD


def anchor_evidence(context: Context, operation: AnchorEvidence) -> bytes:
    """Anchor a digest with the author as signer, or add to what the author said of it."""
    staged = context.staged
    digest, author = operation.digest, context.author
    # read
    record = staged.read(EvidenceRecord, digest)
    first = record is None or record.signer == author
    identity = digest if first else anchor_id(author, digest)
    record = record if first else staged.read(EvidenceRecord, identity)
    notes = () if record is None else record.notes
    # check
    require(len(notes) < limits.EVIDENCE_NOTES, ResultCode.EVIDENCE_FULL)
    require(all(note.text != operation.note for note in notes), ResultCode.NO_CHANGE)
    # write
    note = EvidenceNote(operation.note, context.time)
    version = staged.next_version(EvidenceRecord, identity)
    staged.write(EvidenceRecord(digest, author, first, (*notes, note), version))
    return b""


def anchor_batch(context: Context, operation: AnchorBatch) -> bytes:
    """Anchor the root of a batch; an author anchors a root once."""
    staged = context.staged
    identity = anchor_id(context.author, operation.root)
    # read
    record = staged.read(BatchRecord, identity)
    # check
    require(record is None, ResultCode.BATCH_EXISTS)
    fits = 1 <= operation.count <= limits.BATCH_ROWS and WORD.match(operation.purpose)
    require(fits, ResultCode.FIELD_INVALID)
    # write
    version = staged.next_version(BatchRecord, identity)
    staged.write(
        BatchRecord(operation.root, context.author, operation.count, operation.purpose, version)
    )
    return b""
