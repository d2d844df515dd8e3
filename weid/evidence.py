"""Evidence: anchor digests on the registry, and prove later that they were there, and by whom.

One digest becomes a record of its own for each who signs for it; many become one Merkle root, and
each keeps a short proof. Only digests travel: salt what could be guessed.
Clauses VF-60 … VF-63 of specs/verification.md.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from weid.cbor import CborValue, cbor_decode, cbor_encode
from weid.crypto.keys import RandomBytes
from weid.did.syntax import Did
from weid.errors import MalformedError, ProofError
from weid.registry.batch_tree import BatchProof, build_batch, verify_batch_proof
from weid.registry.operations import AnchorBatch, AnchorEvidence, Operation
from weid.registry.records import EvidenceRecord, Receipt
from weid.registry.registry import RegistryReader

PURPOSE: Final = "evidence"
_DIGEST_BYTES: Final = 32
_SALT_BYTES: Final = 16
_TAG: Final = b"weid/evidence/1"
_PROOF_BYTES: Final = 4096


class Submitter(Protocol):
    """Who signs and submits operations: `weid.registry.author.Author`."""

    @property
    def did(self) -> str:
        """The DID that signs."""
        ...

    def submit(self, *operations: Operation) -> Receipt:
        """Submit operations in one transaction and return its receipt."""
        ...


@dataclass(frozen=True, slots=True)
class SaltedDigest:
    """A digest that says nothing about its document without the salt; keep both."""

    digest: bytes
    salt: bytes

    @classmethod
    def of(cls, document: bytes, *, random: RandomBytes = secrets.token_bytes) -> SaltedDigest:
        """Return the digest of a document under a new salt of 128 bits."""
        salt = random(_SALT_BYTES)
        return cls(salted_digest(document, salt), salt)


def salted_digest(document: bytes, salt: bytes) -> bytes:
    """Return the SHA-256 over tag, salt (16 bytes) and the document's SHA-256 (clause VF-60)."""
    if len(salt) != _SALT_BYTES:
        raise MalformedError(f"the salt of evidence is not {_SALT_BYTES} bytes long")
    return hashlib.sha256(_TAG + salt + hashlib.sha256(document).digest()).digest()


@dataclass(frozen=True, slots=True)
class BatchEvidence:
    """What proves that a digest is in an anchored batch: its author, its root, the path to it."""

    author: str
    root: bytes
    proof: BatchProof

    def to_bytes(self) -> bytes:
        """Return the evidence as CBOR, to be kept beside the document."""
        return cbor_encode([1, self.author, self.root, self.proof.to_bytes()])

    @classmethod
    def from_bytes(cls, data: bytes) -> BatchEvidence:
        """Read evidence.

        Raises:
            MalformedError: not evidence in its only spelling.
        """
        value: CborValue = cbor_decode(data, what="the evidence", max_bytes=_PROOF_BYTES)
        match value:
            case [1, str(author), bytes(root), bytes(proof)] if len(root) == _DIGEST_BYTES:
                found = cls(str(Did.parse(author)), root, BatchProof.from_bytes(proof))
            case _:
                raise MalformedError("the evidence has another form or version")
        if found.to_bytes() != data:
            raise MalformedError("the evidence is not in its only spelling")
        return found


@dataclass(frozen=True, slots=True)
class EvidenceEntry:
    """One signer's note on a digest, at a block time (seconds)."""

    signer: str
    note: str
    time: int


@dataclass(frozen=True, slots=True)
class ProvedEvidence:
    """When a digest was on the registry at the latest, and who signed for it.

    `signers` holds each signer with note and block time (seconds), the first one first; of a batch
    that is its author alone.
    """

    digest: bytes
    signers: tuple[EvidenceEntry, ...]

    @property
    def anchored_at(self) -> int:
        """Block time (seconds) of the first signer."""
        return self.signers[0].time


def anchor_digest(author: Submitter, digest: bytes, *, note: str = "") -> Receipt:
    """Anchor a digest (32 bytes) with the author as signer, or add a note of the author's.

    `note` is public for ever: nothing personal belongs in it.
    """
    _check_digest(digest)
    return author.submit(AnchorEvidence(digest, note))


def anchor_digests(author: Submitter, digests: Sequence[bytes]) -> tuple[BatchEvidence, ...]:
    """Anchor many digests as one root; return each one's evidence in their order."""
    for digest in digests:
        _check_digest(digest)
    batch = build_batch(digests)
    author.submit(AnchorBatch(batch.root, batch.count, PURPOSE))
    return tuple(BatchEvidence(author.did, batch.root, proof) for proof in batch.proofs)


def prove_digest(
    registry: RegistryReader,
    digest: bytes,
    *,
    signer: str | None = None,
    evidence: BatchEvidence | None = None,
) -> ProvedEvidence:
    """Return who anchored a digest and when; for one of a batch, with its evidence.

    `signer` is the DID on whose word it rests: then nobody else's counts, however many signed.

    Raises:
        ProofError: the registry has no such record, or the evidence does not lead to it.
        RegistryUnavailableError: nothing can be said now.
    """
    _check_digest(digest)
    if evidence is not None:
        return _prove_in_batch(registry, digest, evidence, signer)
    entries = [
        EvidenceEntry(record.signer, note.text, note.time)
        for record in _records_of(registry, digest, signer)
        for note in record.notes
    ]
    if not entries:
        raise ProofError("the registry has no evidence of this digest")
    # Stable: of one time, the first signer's stay first and each one's notes in their order.
    return ProvedEvidence(digest, tuple(sorted(entries, key=lambda entry: entry.time)))


def _records_of(
    registry: RegistryReader, digest: bytes, signer: str | None
) -> tuple[EvidenceRecord, ...]:
    if signer is None:
        return registry.evidence(digest)
    record = registry.evidence_by(signer, digest)
    return () if record is None else (record,)


def _prove_in_batch(
    registry: RegistryReader, digest: bytes, evidence: BatchEvidence, signer: str | None
) -> ProvedEvidence:
    if signer not in {None, evidence.author}:
        raise ProofError("the evidence is of a batch that somebody else anchored")
    batch = registry.batch(evidence.author, evidence.root)
    if batch is None or batch.purpose != PURPOSE:
        raise ProofError("the registry has no evidence batch of this root")
    verify_batch_proof(evidence.root, digest, evidence.proof, expected_size=batch.count)
    entry = EvidenceEntry(batch.author, "", batch.version.time)
    return ProvedEvidence(digest, (entry,))


def prove_document(
    registry: RegistryReader,
    document: bytes,
    salt: bytes,
    *,
    signer: str | None = None,
    evidence: BatchEvidence | None = None,
) -> ProvedEvidence:
    """Return who anchored a document and when; see `prove_digest`.

    Raises:
        ProofError: the document is not the one that was anchored, or none was.
    """
    digest = salted_digest(document, salt)
    return prove_digest(registry, digest, signer=signer, evidence=evidence)


def _check_digest(digest: bytes) -> None:
    if len(digest) != _DIGEST_BYTES:
        raise MalformedError(f"a digest to anchor is {_DIGEST_BYTES} bytes long")
