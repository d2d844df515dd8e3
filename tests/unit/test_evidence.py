"""Evidence: anchored digests and batches, proved with one call."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.clauses import clause
from tests.support.world import World
from weid.cbor import cbor_encode
from weid.clock import FixedClock
from weid.errors import MalformedError, ProofError
from weid.evidence import (
    PURPOSE,
    BatchEvidence,
    EvidenceEntry,
    SaltedDigest,
    anchor_digest,
    anchor_digests,
    prove_digest,
    prove_document,
    salted_digest,
)
from weid.registry.batch_tree import build_batch
from weid.registry.operations import AnchorBatch, AnchorEvidence, Operation
from weid.registry.plain import PlainRegistry
from weid.registry.records import (
    BatchRecord,
    EvidenceNote,
    EvidenceRecord,
    Receipt,
    Version,
)

NOTARY = "did:weid:test:notary"
STRANGER = "did:weid:test:stranger"


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
                own = next((one for one in there if one.signer == self.did), None)
                notes = () if own is None else own.notes
                record = EvidenceRecord(
                    operation.digest,
                    self.did,
                    first=not there if own is None else own.first,
                    notes=(*notes, EvidenceNote(operation.note, now)),
                    version=Version(len(notes) + 1, 1, now),
                )
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


@clause("VF-61", "VF-63")
def test_a_digest_is_proved_by_a_signer_that_is_known_whoever_else_signed():
    desk = Desk()
    digest = salted_digest(b"contract", bytes(16))
    desk.did = STRANGER
    anchor_digest(desk, digest, note="before anybody else")
    desk.clock.advance(60)
    desk.did = NOTARY
    anchor_digest(desk, digest)
    desk.clock.advance(60)
    anchor_digest(desk, digest, note="again")
    proved = prove_document(desk.registry, b"contract", bytes(16), signer=NOTARY)
    assert proved.anchored_at == 1_780_000_060
    assert [(entry.signer, entry.note) for entry in proved.signers] == [
        (NOTARY, ""),
        (NOTARY, "again"),
    ]
    everybody = prove_digest(desk.registry, digest)
    assert [entry.signer for entry in everybody.signers] == [STRANGER, NOTARY, NOTARY]
    with pytest.raises(ProofError):
        prove_digest(desk.registry, digest, signer="did:weid:test:nobody")


@clause("VF-61")
def test_signers_at_one_time_come_in_one_order():
    desk = Desk()
    for did in (STRANGER, NOTARY, "did:weid:test:clerk"):
        desk.did = did
        anchor_digest(desk, bytes(32), note="b")
        anchor_digest(desk, bytes(32), note="a")
    told = [(entry.signer, entry.note) for entry in prove_digest(desk.registry, bytes(32)).signers]
    signers = (STRANGER, "did:weid:test:clerk", NOTARY)
    assert told == [(did, note) for did in signers for note in "ba"]


@clause("VF-62", "VF-63")
def test_evidence_of_a_batch_is_its_authors_and_no_other():
    """Another's batch of the same root says when the other anchored it."""
    desk = Desk()
    (evidence,) = anchor_digests(desk, [bytes(32)])
    desk.clock.advance(60)
    desk.did = STRANGER
    assert anchor_digests(desk, [bytes(32)])[0] == replace(evidence, author=STRANGER)
    for author, time in ((NOTARY, 1_780_000_000), (STRANGER, 1_780_000_060)):
        named = replace(evidence, author=author)
        proved = prove_digest(desk.registry, bytes(32), evidence=named, signer=author)
        assert (proved.signers[0].signer, proved.anchored_at) == (author, time)
    with pytest.raises(ProofError):
        prove_digest(desk.registry, bytes(32), evidence=evidence, signer=STRANGER)
    with pytest.raises(ProofError):
        prove_digest(
            desk.registry, bytes(32), evidence=replace(evidence, author="did:weid:test:nobody")
        )


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
    other = BatchEvidence(NOTARY, bytes(32), evidences[0].proof)
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
    batch = desk.registry.batch(NOTARY, evidence.root)
    assert batch is not None
    assert batch.purpose == PURPOSE
    desk.registry.put(BatchRecord(evidence.root, NOTARY, 1, "issuance", batch.version))
    with pytest.raises(ProofError):
        prove_digest(desk.registry, bytes(32), evidence=evidence)


PROOF = build_batch([bytes(32)]).proofs[0].to_bytes()
BAD = {
    "empty": b"",
    "another form": b"\x80",
    "another version": cbor_encode([2, NOTARY, bytes(32), PROOF]),
    "a version that is no number": cbor_encode([True, NOTARY, bytes(32), PROOF]),
    "no author": cbor_encode([1, bytes(32), PROOF]),
    "an author that is no DID": cbor_encode([1, "notary", bytes(32), PROOF]),
    "an author that is a DID and more": cbor_encode([1, f"{NOTARY}/", bytes(32), PROOF]),
    "a short root": cbor_encode([1, NOTARY, bytes(31), PROOF]),
    "no proof": cbor_encode([1, NOTARY, bytes(32), 1]),
    "a proof of another form": cbor_encode([1, NOTARY, bytes(32), b""]),
    "one item too many": cbor_encode([1, NOTARY, bytes(32), PROOF, 0]),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_evidence_of_another_form_is_refused(data: bytes):
    with pytest.raises(MalformedError):
        BatchEvidence.from_bytes(data)


def test_what_is_bad_above_is_good_with_that_mended():
    good = cbor_encode([1, NOTARY, bytes(32), PROOF])
    assert BatchEvidence.from_bytes(good).to_bytes() == good


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
    registry.endorser.submit(AnchorEvidence(salted.digest, "seen"))
    seen = prove_document(registry, b"contract", salted.salt)
    assert [entry.note for entry in seen.signers] == ["contract of the year", "seen"]
    only = prove_document(registry, b"contract", salted.salt, signer=registry.governor.did)
    assert [entry.note for entry in only.signers] == ["seen"]
    digests = [SaltedDigest.of(bytes([number])).digest for number in range(5)]
    evidences = anchor_digests(author, digests)
    for digest, evidence in zip(digests, evidences, strict=True):
        found = prove_digest(registry, digest, evidence=evidence)
        assert found.signers[0].signer == world.issuer.did
