"""Authors: sequence, validity, endorsement, and the same transaction again when nobody answers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import cast

import pytest

from registry_chain.state_machine.block import TransactionResult
from tests.support.clauses import clause
from tests.support.scripted_chain import ScriptedChain, raw_key, signer
from weid.clock import FixedClock
from weid.crypto.keys import KeyKind, PrivateKey
from weid.errors import (
    MalformedError,
    RegistryUnavailableError,
    TransactionRejectedError,
    UnsupportedAlgorithmError,
)
from weid.registry.author import Author, KeyToAdd, create_did
from weid.registry.codes import ResultCode, describe
from weid.registry.operations import (
    AnchorEvidence,
    GrantRole,
    KeyPurpose,
    RecoverDid,
    Role,
    RotateControllers,
)
from weid.registry.records import DidRecord, EvidenceRecord, Receipt
from weid.registry.registry import Registry
from weid.registry.signing import (
    new_agreement_key,
    new_key,
    prove_possession,
    sign_transaction,
)
from weid.registry.transaction import SignedTransaction, Transaction, next_keys_commitment


class ChainRegistry:
    """The writing half of a registry over a scripted chain; it can fall silent on purpose."""

    def __init__(self, chain: ScriptedChain) -> None:
        self.chain = chain
        self.network = chain.genesis.network
        self.silent_before = 0
        self.silent_after = 0
        self.sent: list[SignedTransaction] = []
        self.stale_sequences = 0
        self._results: dict[bytes, TransactionResult] = {}
        self._lock = Lock()

    def next_sequence(self, did: str) -> int:
        with self._lock:
            if self.stale_sequences:
                self.stale_sequences -= 1
                return max(self.chain.next_sequence(did) - 1, 0)
            return self.chain.next_sequence(did)

    def receipt(self, transaction_id: bytes) -> Receipt | None:
        result = self._results.get(transaction_id)
        return None if result is None else result.receipt

    def submit(self, transaction: SignedTransaction) -> Receipt:
        with self._lock:
            self.sent.append(transaction)
            if self.silent_before:
                self.silent_before -= 1
                raise RegistryUnavailableError("no answer")
            result = self.chain.block(transaction).results[0]
            if result.receipt is not None:
                self._results[transaction.id] = result
            if self.silent_after:
                self.silent_after -= 1
                raise RegistryUnavailableError("no answer")
            if result.receipt is None:
                raise TransactionRejectedError(describe(result.code), code=result.code)
            return result.receipt


class World:
    """A chain, its registry, a governor who endorses, and an author."""

    def __init__(self) -> None:
        self.chain = ScriptedChain(parameters={"open_did_creation": 0})
        self.registry = ChainRegistry(self.chain)
        self.clock = FixedClock(self.chain.time)
        governor = self.chain.governor
        self.governor = self.author_of(governor.did, "governor 0 0")
        self.did, self.author = create_did(
            cast("Registry", self.registry),
            [signer("ada")],
            clock=self.clock,
            endorser=self.governor,
            random=bytes,
        )

    def author_of(self, did: str, name: str) -> Author:
        registry = cast("Registry", self.registry)
        return Author(did, {"control-1": signer(name)}, registry, self.clock)


EVIDENCE = AnchorEvidence(b"e" * 32)


def test_a_did_is_created_with_its_keys_and_endorsed() -> None:
    world = World()
    registry = cast("Registry", world.registry)
    did, author = create_did(
        registry,
        [signer("one"), signer("two")],
        clock=world.clock,
        threshold=2,
        recovery_keys=[raw_key("vault")],
        keys=[KeyToAdd("issue-1", signer("issuing", KeyKind.P256))],
        agreement_keys=[
            new_agreement_key("agree-1", PrivateKey.from_seed(b"x" * 32, KeyKind.X25519).public)
        ],
        endorser=world.governor,
    )
    record = world.chain.get(DidRecord, did)
    assert [key.id for key in record.keys] == ["control-1", "control-2", "issue-1", "agree-1"]
    assert record.threshold == 2
    assert author.key_ids == ("control-1", "control-2")
    assert list(author.signers) == ["control-1", "control-2"]
    author.submit(EVIDENCE)
    assert world.chain.get(EvidenceRecord, EVIDENCE.digest).signer == did


def test_two_dids_of_the_same_keys_differ_by_their_salt() -> None:
    world = World()
    registry = cast("Registry", world.registry)
    dids = {
        create_did(registry, [signer("same")], clock=world.clock, endorser=world.governor)[0]
        for _ in range(2)
    }
    assert len(dids) == 2


def test_a_refusal_is_raised_with_code_receipt_and_sentence() -> None:
    world = World()
    world.author.submit(EVIDENCE)
    with pytest.raises(TransactionRejectedError, match="changes nothing") as caught:
        world.author.submit(EVIDENCE)
    assert caught.value.code == ResultCode.NO_CHANGE
    assert caught.value.receipt is not None
    alone = world.author.with_signers({"control-1": signer("ada")})
    alone.endorser = None
    with pytest.raises(TransactionRejectedError) as caught:
        alone.submit(AnchorEvidence(b"f" * 32))
    assert caught.value.code == ResultCode.ENDORSEMENT_REQUIRED
    assert caught.value.receipt is None


@clause("TX-11", "R1")
def test_without_an_answer_the_same_transaction_is_sent_again() -> None:
    world = World()
    world.registry.silent_before = 2
    receipt = world.author.submit(EVIDENCE)
    assert receipt.code == 0
    assert len({one.id for one in world.registry.sent[-3:]}) == 1


@clause("TX-11", "R1", "R2")
def test_done_but_not_answered_is_done_once() -> None:
    world = World()
    world.registry.silent_after = 1
    receipt = world.author.submit(EVIDENCE)
    assert receipt.code == 0
    assert len(world.chain.get(EvidenceRecord, EVIDENCE.digest).notes) == 1


@clause("TX-11")
def test_submitting_the_same_again_after_silence_sends_the_same_transaction() -> None:
    world = World()
    for silent in ("silent_before", "silent_after"):
        operation = AnchorEvidence(silent.encode().ljust(32))
        setattr(world.registry, silent, 3)
        with pytest.raises(RegistryUnavailableError):
            world.author.submit(operation)
        sent = world.registry.sent[-1].id
        setattr(world.registry, silent, 0)
        assert world.author.submit(operation).transaction_id == sent
        assert len(world.chain.get(EvidenceRecord, operation.digest).notes) == 1


def test_after_silence_and_too_late_a_new_transaction_is_made() -> None:
    world = World()
    world.registry.silent_before = 3
    with pytest.raises(RegistryUnavailableError):
        world.author.submit(EVIDENCE)
    world.chain.time += 10_000
    world.clock.advance(10_000)
    assert world.author.submit(EVIDENCE).code == 0


@clause("NA-12")
def test_what_was_done_unanswered_is_not_done_again_when_its_time_has_passed() -> None:
    world = World()
    world.registry.silent_after = 3
    world.registry.sent.clear()
    with pytest.raises(RegistryUnavailableError):
        world.author.submit(EVIDENCE)
    done = world.registry.receipt(world.registry.sent[-1].id)
    assert done is not None
    world.chain.time += 10_000
    world.clock.advance(10_000)
    assert world.author.submit(EVIDENCE) == done
    assert {one.id for one in world.registry.sent} == {done.transaction_id}


def test_after_silence_a_refusal_by_rule_is_raised_and_not_tried_again() -> None:
    world = World()
    world.author.submit(EVIDENCE)
    world.registry.silent_after = 3
    with pytest.raises(RegistryUnavailableError):
        world.author.submit(EVIDENCE)
    sent = len(world.registry.sent)
    with pytest.raises(TransactionRejectedError):
        world.author.submit(EVIDENCE)
    assert len(world.registry.sent) == sent + 1


def test_other_operations_after_silence_are_another_transaction() -> None:
    world = World()
    world.registry.silent_before = 3
    with pytest.raises(RegistryUnavailableError):
        world.author.submit(EVIDENCE)
    world.author.submit(AnchorEvidence(b"f" * 32))
    assert world.chain.read(EvidenceRecord, EVIDENCE.digest) is None


def test_a_raced_sequence_is_asked_for_again_and_not_for_ever() -> None:
    world = World()
    world.registry.stale_sequences = 2
    assert world.author.submit(EVIDENCE).code == 0
    world.registry.stale_sequences = 100
    with pytest.raises(TransactionRejectedError) as caught:
        world.author.submit(AnchorEvidence(b"f" * 32))
    assert caught.value.code == ResultCode.SEQUENCE_USED


def test_many_threads_may_use_one_author() -> None:
    world = World()
    operations = [AnchorEvidence(bytes((n,)) * 32) for n in range(20)]
    with ThreadPoolExecutor(4) as pool:
        receipts = list(pool.map(world.author.submit, operations))
    assert [receipt.code for receipt in receipts] == [0] * 20


def test_an_author_goes_on_with_new_keys_after_rotation_and_recovery() -> None:
    world = World()
    registry = cast("Registry", world.registry)
    did, author = create_did(
        registry,
        [signer("old")],
        clock=world.clock,
        next_keys=next_keys_commitment((raw_key("next"),), 1),
        recovery_keys=[raw_key("vault")],
        endorser=world.governor,
    )
    author.with_signers({"next-1": signer("next")}).submit(
        RotateControllers(did, 1, (raw_key("next"),), 1, b"")
    )
    rotated = author.with_signers({"control-2": signer("next")})
    rotated.submit(EVIDENCE)
    proofs = (prove_possession(did, signer("third")),)
    author.with_signers({"recovery-1": signer("vault")}).submit(
        RecoverDid(did, 2, (raw_key("third"),), 1, b"", (raw_key("vault 2"),), proofs)
    )
    author.with_signers({"control-3": signer("third")}).submit(AnchorEvidence(b"g" * 32))


def test_signing_refuses_what_no_registry_takes() -> None:
    transaction = Transaction("demo", "did:weid:demo:x", ("control-1",), 0, 1, (EVIDENCE,))
    with pytest.raises(MalformedError, match="nobody signs"):
        sign_transaction(transaction, {})
    with pytest.raises(UnsupportedAlgorithmError):
        sign_transaction(transaction, {"control-1": signer("p", KeyKind.P256)})
    empty = Transaction("demo", "did:weid:demo:x", ("control-1",), 0, 1, ())
    with pytest.raises(MalformedError, match="no operation"):
        sign_transaction(empty, {"control-1": signer("ada")})


@clause("TX-15", "R22")
def test_a_possession_proof_is_of_this_key_for_this_did() -> None:
    one = new_key("did:weid:demo:x", "key-1", signer("k"), [KeyPurpose.ASSERTION])
    other = new_key("did:weid:demo:y", "key-1", signer("k"), [KeyPurpose.ASSERTION])
    assert one.proof != other.proof
    assert one.multikey == signer("k").public_key.to_multicodec()


def test_governance_roles_come_by_proposal_and_free_from_endorsers() -> None:
    world = World()
    world.chain.govern(GrantRole(world.did, Role.ISSUER))
    world.author.endorser = None
    assert world.author.submit(EVIDENCE).code == 0
