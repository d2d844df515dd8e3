"""Anchors: evidence with its signers, and roots of batches (clauses OP-14, OP-15)."""

from __future__ import annotations

from registry_chain.state_machine.context import Context
from registry_chain.state_machine.errors import require
from weid import limits
from weid.registry.codes import ResultCode
from weid.registry.operations import AnchorBatch, AnchorEvidence
from weid.registry.records import BatchRecord, EvidenceEntry, EvidenceRecord
from weid.registry.text import WORD


def anchor_evidence(context: Context, operation: AnchorEvidence) -> bytes:
    """Anchor a digest, or add the author's entry to one that is anchored."""
    staged = context.staged
    # read
    record = staged.read(EvidenceRecord, operation.digest)
    entries = () if record is None else record.entries
    # check
    if entries:
        _check_addition(entries, context.author, operation.note)
    # write
    entry = EvidenceEntry(context.author, operation.note, context.time)
    version = staged.next_version(EvidenceRecord, operation.digest)
    staged.write(EvidenceRecord(operation.digest, (*entries, entry), version))
    return b""


def _check_addition(entries: tuple[EvidenceEntry, ...], author: str, note: str) -> None:
    signers = {entry.signer for entry in entries}
    room = len(entries) < limits.EVIDENCE_ENTRIES and (
        author in signers or len(signers) < limits.EVIDENCE_SIGNERS
    )
    require(room, ResultCode.EVIDENCE_FULL)
    if author in signers:
        said = any(entry.signer == author and entry.note == note for entry in entries)
        require(not said, ResultCode.NO_CHANGE)


def anchor_batch(context: Context, operation: AnchorBatch) -> bytes:
    """Anchor the root of a batch; a root is anchored once."""
    staged = context.staged
    # read
    record = staged.read(BatchRecord, operation.root)
    # check
    require(record is None, ResultCode.BATCH_EXISTS)
    fits = 1 <= operation.count <= limits.BATCH_ROWS and WORD.match(operation.purpose)
    require(fits, ResultCode.FIELD_INVALID)
    # write
    version = staged.next_version(BatchRecord, operation.root)
    staged.write(
        BatchRecord(operation.root, context.author, operation.count, operation.purpose, version)
    )
    return b""
