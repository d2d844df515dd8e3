"""Evidence: anchored digests and batches, proved with one call."""

from __future__ import annotations

import pytest

from tests.support.clauses import clause
from tests.support.world import World
from weid.clock import FixedClock
from weid.errors import MalformedError, ProofError
from weid.evidence import (
    PURPOSE,
    BatchEvidence,
    SaltedDigest,
    anchor_digest,
    anchor_digests,
    prove_digest,
    prove_document,
    salted_digest,
)
from weid.registry.operations import AnchorBatch, AnchorEvidence, Operation
from weid.registry.plain import PlainRegistry
from weid.registry.records import (
    BatchRecord,
    EvidenceEntry,
    EvidenceRecord,
    Receipt,
    Version,
)

NOTARY = "did:weid:test:notary"


class Desk:
    """An author whose operations land in values in memory, as a registry would record them."""

    def __init__(self, did: str = NOTARY) -> None:
        self.did = did
        self.clock = FixedClock(1_780_000_000)
        self.registry = PlainRegistry("test", clock=self.clock)

    def submit(self, *operations: Operation) -> Receipt:
        now = self.clock.now()
        for operation in operations:
            if isinstance(operation, AnchorEvidence):
                there = self.registry.evidence(operation.digest)
                entries = () if there is None else there.entries
                entry = EvidenceEntry(self.did, operation.note, now)
                version = Version(len(entries) + 1, 1, now)
                record = EvidenceRecord(operation.digest, (*entries, entry), version)
                self.registry.put(record)
            elif isinstance(operation, AnchorBatch):
                self.registry.put(
                    BatchRecord(
                        operation.root,
                        self.did,
                        operation.count,
                        operation.purpose,
                        Version(1, 1, now),
                    )
                )
        return Receipt(bytes(32), 1, 0, 0)


@clause("VF-60")
def test_a_salted_digest_is_found_again_with_its_salt_only():
    one = SaltedDigest.of(b"contract")
    assert one.digest == salted_digest(b"contract", one.salt)
    assert one.digest != salted_digest(b"contract", bytes(16))
    assert len({SaltedDigest.of(b"contract").digest for _ in range(64)}) == 64
    with pytest.raises(MalformedError):
        salted_digest(b"contract", b"short")


@clause("VF-61")
def test_a_digest_is_proved_with_every_signer():
    desk = Desk()
    salted = SaltedDigest.of(b"contract")
    anchor_digest(desk, salted.digest, note="first")
    desk.clock.advance(60)
    desk.did = "did:weid:test:witness"
    anchor_digest(desk, salted.digest)
    proved = prove_document(desk.registry, b"contract", salted.salt)
    assert proved.anchored_at == 1_780_000_000
    assert [entry.signer for entry in proved.signers] == [NOTARY, "did:weid:test:witness"]
    assert proved.signers[0].note == "first"


@clause("VF-62")
@pytest.mark.parametrize("count", [1, 2, 3, 7, 100])
def test_each_digest_of_a_batch_is_proved_by_its_own_evidence(count: int):
    desk = Desk()
    digests = [SaltedDigest.of(bytes([number])).digest for number in range(count)]
    for digest, evidence in zip(digests, anchor_digests(desk, digests), strict=True):
        kept = BatchEvidence.from_bytes(evidence.to_bytes())
        proved = prove_digest(desk.registry, digest, evidence=kept)
        assert proved.signers == (EvidenceEntry(NOTARY, "", 1_780_000_000),)


@clause("VF-63")
def test_what_was_not_anchored_is_not_proved():
    desk = Desk()
    digests = [bytes([number]) * 32 for number in range(4)]
    evidences = anchor_digests(desk, digests)
    other = BatchEvidence(bytes(32), evidences[0].proof)
    with pytest.raises(ProofError):
        prove_digest(desk.registry, digests[0])
    with pytest.raises(ProofError):
        prove_digest(desk.registry, digests[0], evidence=other)
    with pytest.raises(ProofError):
        prove_digest(desk.registry, digests[0], evidence=evidences[1])
    with pytest.raises(ProofError):
        prove_digest(desk.registry, bytes([9]) * 32, evidence=evidences[0])


@clause("VF-62", "VF-63")
def test_a_batch_of_issued_credentials_is_no_evidence():
    desk = Desk()
    (evidence,) = anchor_digests(desk, [bytes(32)])
    batch = desk.registry.batch(evidence.root)
    assert batch is not None
    assert batch.purpose == PURPOSE
    desk.registry.put(BatchRecord(evidence.root, NOTARY, 1, "issuance", batch.version))
    with pytest.raises(ProofError):
        prove_digest(desk.registry, bytes(32), evidence=evidence)


BAD = {
    "empty": b"",
    "another form": b"\x80",
    "another version": b"\x83\x02\x40\x40",
    "a short root": b"\x83\x01\x41\x00\x40",
    "no proof": b"\x83\x01\x58\x20" + bytes(32) + b"\x01",
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_evidence_of_another_form_is_refused(data: bytes):
    with pytest.raises(MalformedError):
        BatchEvidence.from_bytes(data)


def test_a_digest_is_32_bytes():
    desk = Desk()
    with pytest.raises(MalformedError):
        anchor_digest(desk, b"short")
    with pytest.raises(MalformedError):
        anchor_digests(desk, [b"short"])


@clause("VF-61", "VF-62")
def test_on_a_real_registry_it_is_the_same():
    world = World.begin()
    author, registry = world.issuer.author, world.registry
    salted = SaltedDigest.of(b"contract")
    anchor_digest(author, salted.digest, note="contract of the year")
    proved = prove_document(registry, b"contract", salted.salt)
    assert [(entry.signer, entry.note) for entry in proved.signers] == [
        (world.issuer.did, "contract of the year")
    ]
    digests = [SaltedDigest.of(bytes([number])).digest for number in range(5)]
    evidences = anchor_digests(author, digests)
    for digest, evidence in zip(digests, evidences, strict=True):
        found = prove_digest(registry, digest, evidence=evidence)
        assert found.signers[0].signer == world.issuer.did
