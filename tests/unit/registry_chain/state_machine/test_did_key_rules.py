"""The keys that hold a DID: rotation, commitment, recovery, compromise."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.support.clauses import clause
from tests.support.scripted_chain import Person, ScriptedChain, raw_key, signer
from weid.crypto.keys import KeyKind, PublicKey
from weid.registry.codes import ResultCode
from weid.registry.operations import (
    AnchorEvidence,
    GrantRole,
    KeyPurpose,
    MarkKeyCompromised,
    Operation,
    RecoverDid,
    Role,
    RotateControllers,
    UpdateDid,
)
from weid.registry.records import DidRecord
from weid.registry.signing import new_agreement_key, new_key, prove_possession
from weid.registry.transaction import next_keys_commitment

EVIDENCE = AnchorEvidence(b"e" * 32)


class World:
    """Ada: two of three controllers, a commitment, a recovery key. Bob: one controller."""

    def __init__(self) -> None:
        self.chain = ScriptedChain()
        commitment = next_keys_commitment((raw_key("next"),), 1)
        self.ada = self.chain.register(
            "ada", controllers=3, threshold=2, next_keys=commitment, recovery=["vault", "safe"]
        )
        self.bob = self.chain.register("bob", recovery=["bob vault"])
        for one in (self.ada, self.bob):
            self.chain.govern(GrantRole(one.did, Role.ISSUER))

    def code(self, author: Person, *operations: Operation, **options: object) -> ResultCode:
        return self.chain.send(author, *operations, **options).code

    def record(self, one: Person) -> DidRecord:
        return self.chain.get(DidRecord, one.did)


@pytest.fixture
def world() -> World:
    return World()


def rotation(
    one: Person,
    *names: str,
    version: int = 1,
    threshold: int = 1,
    next_keys: bytes = b"",
    proofs: Sequence[str] | None = None,
) -> RotateControllers:
    """Return a rotation to named keys with the proofs of these (or other) names."""
    ordered = sorted(names, key=raw_key)
    proved = ordered if proofs is None else proofs
    return RotateControllers(
        one.did,
        version,
        tuple(raw_key(name) for name in ordered),
        threshold,
        next_keys,
        tuple(prove_possession(one.did, signer(name)) for name in proved),
    )


@clause("OP-06", "R22")
def test_without_a_commitment_the_controllers_rotate_to_keys_that_prove_themselves(
    world: World,
) -> None:
    bob = world.bob
    assert world.code(bob, rotation(bob, "new")) == ResultCode.OK
    record = world.record(bob)
    assert record.controllers == (raw_key("new"),)
    old, new = record.keys
    assert (old.id, old.retired_at) == ("control-1", world.chain.time)
    assert (new.id, new.valid_from, new.retired_at) == ("control-2", world.chain.time, None)
    with_old = world.chain.sign(bob, EVIDENCE)
    assert world.chain.block(with_old).results[0].code == ResultCode.KEY_NOT_IN_FORCE
    extra = {"control-2": signer("new")}
    assert world.code(bob, EVIDENCE, keys=["control-2"], signers=extra) == ResultCode.OK


@clause("OP-06")
def test_a_controller_may_stay_and_keeps_its_id(world: World) -> None:
    bob = world.bob
    both = rotation(bob, "bob 0", "second", threshold=2)
    assert world.code(bob, both) == ResultCode.OK
    record = world.record(bob)
    assert {key.id: key.retired_at for key in record.keys} == {"control-1": None, "control-2": None}
    assert world.code(bob, UpdateDid(bob.did, 2, services=())) == ResultCode.THRESHOLD_NOT_MET
    signers = {"control-2": signer("second")}
    update = UpdateDid(bob.did, 2, services=())
    assert world.code(bob, update, keys=["control-1", "control-2"], signers=signers) == 0


@clause("OP-04", "OP-06", "R13", "R20", "R21", "R22")
def test_a_rotation_is_refused(world: World) -> None:
    bob = world.bob
    unproved = rotation(bob, "new", proofs=[])
    foreign = rotation(world.ada, "new")
    small = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
    good = rotation(bob, "new")
    two = rotation(bob, "new", "other")
    agree = new_agreement_key("agree", PublicKey(KeyKind.X25519, raw_key("agreed")))
    world.chain.do(bob, UpdateDid(bob.did, 1, (agree,)))

    def with_(**changes: object) -> RotateControllers:
        fields = {name: getattr(good, name) for name in good.__dataclass_fields__}
        return RotateControllers(**{**fields, "expected_version": 2, **changes})  # type: ignore[arg-type]

    cases: dict[str, tuple[RotateControllers, ResultCode]] = {
        "without controllers": (with_(controllers=(), proofs=()), ResultCode.KEY_INVALID),
        "with a threshold of none": (with_(threshold=0), ResultCode.FIELD_INVALID),
        "with a threshold past its keys": (with_(threshold=2), ResultCode.FIELD_INVALID),
        "of a version that has passed": (good, ResultCode.STALE_VERSION),
        "without proof": (with_(proofs=unproved.proofs), ResultCode.POSSESSION_NOT_PROVED),
        "with a proof for another DID": (
            with_(proofs=foreign.proofs),
            ResultCode.POSSESSION_NOT_PROVED,
        ),
        "with keys in another order": (
            with_(controllers=two.controllers[::-1], proofs=two.proofs),
            ResultCode.KEY_INVALID,
        ),
        "with a key twice": (with_(controllers=good.controllers * 2), ResultCode.KEY_INVALID),
        "to a key of small order": (with_(controllers=(small,)), ResultCode.KEY_INVALID),
        "to its own recovery key": (
            with_(
                controllers=(raw_key("bob vault"),),
                proofs=(prove_possession(bob.did, signer("bob vault")),),
            ),
            ResultCode.KEY_INVALID,
        ),
    }
    for name, (operation, code) in cases.items():
        assert world.code(bob, operation) == code, name
    other = world.chain.register("carol")
    world.chain.govern(GrantRole(other.did, Role.ISSUER))
    assert world.code(other, with_()) == ResultCode.NOT_PERMITTED


@clause("OP-04", "OP-06")
def test_a_key_that_was_held_before_does_not_come_back(world: World) -> None:
    bob = world.bob
    world.chain.do(bob, rotation(bob, "second"))
    extra = {"control-2": signer("second"), "control-3": signer("third")}
    back = rotation(bob, "bob 0", version=2)
    assert world.code(bob, back, keys=["control-2"], signers=extra) == ResultCode.KEY_EXISTS
    mark = MarkKeyCompromised(bob.did, "control-2", world.chain.time)
    world.chain.do(bob, mark, keys=["recovery-1"])
    recover = recovery(bob, "second", version=3, vault="bob vault 2")
    assert world.code(bob, recover, keys=["recovery-1"]) == ResultCode.KEY_EXISTS


@clause("OP-02", "OP-05")
def test_a_threshold_counts_distinct_controllers_in_force(world: World) -> None:
    ada = world.ada
    update = UpdateDid(ada.did, 1, services=())
    assert world.code(ada, update, keys=["control-1"]) == ResultCode.THRESHOLD_NOT_MET
    daily = new_key(ada.did, "daily", signer("daily"), [KeyPurpose.AUTHENTICATION])
    two = ["control-1", "control-3"]
    world.chain.do(ada, UpdateDid(ada.did, 1, (daily,)), keys=two)
    extra = {"daily": signer("daily")}
    one_and_daily = world.code(
        ada, UpdateDid(ada.did, 2, services=()), keys=["control-1", "daily"], signers=extra
    )
    assert one_and_daily == ResultCode.THRESHOLD_NOT_MET
    assert world.code(ada, EVIDENCE, keys=["daily"], signers=extra) == ResultCode.OK
    assert world.code(ada, UpdateDid(ada.did, 2, services=()), keys=two) == ResultCode.OK


# --- Commitment ----------------------------------------------------------------------------------

NEXT = {"next-1": signer("next")}


@clause("OP-06")
def test_with_a_commitment_only_the_committed_keys_rotate(world: World) -> None:
    ada = world.ada
    all_old = ["control-1", "control-2", "control-3"]
    plain = rotation(ada, "mallory")
    assert world.code(ada, plain, keys=all_old) == ResultCode.COMMITMENT_NOT_MET
    revealed = rotation(ada, "next", proofs=[])
    assert world.code(ada, revealed, keys=all_old) == ResultCode.COMMITMENT_NOT_MET
    assert world.code(ada, revealed, keys=["next-1"], signers=NEXT) == ResultCode.OK
    record = world.record(ada)
    assert (record.controllers, record.threshold) == ((raw_key("next"),), 1)
    assert record.next_keys == b""
    assert [key.id for key in record.keys if key.retired_at is None] == ["control-4"]


@clause("OP-06")
def test_the_current_keys_cannot_take_away_commitment_or_recovery(world: World) -> None:
    ada = world.ada
    all_old = ["control-1", "control-2", "control-3"]
    same = rotation(ada, "ada 0", "ada 1", "ada 2", threshold=2)
    assert world.code(ada, same, keys=all_old) == ResultCode.COMMITMENT_NOT_MET
    take = recovery(ada, "mallory")
    assert world.code(ada, take, keys=all_old) == ResultCode.THRESHOLD_NOT_MET
    assert world.record(ada).version.number == 1


@clause("OP-06")
def test_committed_keys_bring_no_proofs_and_all_of_them_sign(world: World) -> None:
    ada = world.ada
    proved = rotation(ada, "next")
    assert world.code(ada, proved, keys=["next-1"], signers=NEXT) == ResultCode.FIELD_INVALID
    bob = world.bob
    pair = sorted(("n1", "n2"), key=raw_key)
    commitment = next_keys_commitment(tuple(raw_key(name) for name in pair), 1)
    world.chain.do(bob, rotation(bob, "second", next_keys=commitment))
    reveal = rotation(bob, *pair, version=2, proofs=[])
    extra = {f"next-{n}": signer(name) for n, name in enumerate(pair, 1)}
    one = world.code(bob, reveal, keys=["next-1"], signers=extra)
    assert one == ResultCode.COMMITMENT_NOT_MET
    assert world.code(bob, reveal, keys=["next-1", "next-2"], signers=extra) == ResultCode.OK


@clause("TX-06", "OP-06")
def test_a_committed_key_that_is_not_there_is_unknown(world: World) -> None:
    ada = world.ada
    reveal = rotation(ada, "next", proofs=[])
    extra = {"next-2": signer("next")}
    assert world.code(ada, reveal, keys=["next-2"], signers=extra) == ResultCode.KEY_UNKNOWN


# --- Recovery ------------------------------------------------------------------------------------


def recovery(
    one: Person, *names: str, version: int = 1, vault: str = "vault 2", next_keys: bytes = b""
) -> RecoverDid:
    ordered = sorted(names, key=raw_key)
    return RecoverDid(
        one.did,
        version,
        tuple(raw_key(name) for name in ordered),
        1,
        next_keys,
        (raw_key(vault),),
        tuple(prove_possession(one.did, signer(name)) for name in ordered),
    )


@clause("OP-07")
def test_a_recovery_key_takes_a_did_back_in_spite_of_a_commitment(world: World) -> None:
    ada = world.ada
    result = world.chain.send(ada, recovery(ada, "saved"), keys=["recovery-2"])
    assert result.code == ResultCode.OK
    record = world.record(ada)
    assert record.controllers == (raw_key("saved"),)
    assert record.recovery_keys == (raw_key("vault 2"),)
    assert record.next_keys == b""
    assert [event.name for event in world.chain.outcomes[-1].events] == ["did_recovered"]
    again = world.code(ada, recovery(ada, "other", version=2), keys=["recovery-1"])
    assert again == ResultCode.SIGNATURE_INVALID


@clause("OP-07", "R22")
def test_a_recovery_is_refused(world: World) -> None:
    ada = world.ada
    unproved = recovery(ada, "saved")
    cases: dict[str, tuple[RecoverDid, list[str], ResultCode]] = {
        "by the controllers": (unproved, ["control-1", "control-2"], ResultCode.THRESHOLD_NOT_MET),
        "of a version that has passed": (
            recovery(ada, "saved", version=2),
            ["recovery-1"],
            ResultCode.STALE_VERSION,
        ),
        "without proof of possession": (
            RecoverDid(ada.did, 1, unproved.controllers, 1, b"", (), ()),
            ["recovery-1"],
            ResultCode.POSSESSION_NOT_PROVED,
        ),
        "to a key that recovers and controls": (
            recovery(ada, "vault 2"),
            ["recovery-1"],
            ResultCode.KEY_INVALID,
        ),
        "of another DID": (recovery(world.bob, "saved"), ["recovery-1"], ResultCode.NOT_PERMITTED),
        "by a recovery key that is not there": (unproved, ["recovery-3"], ResultCode.KEY_UNKNOWN),
    }
    for name, (operation, keys, code) in cases.items():
        extra = {"recovery-3": signer("vault")}
        assert world.code(ada, operation, keys=keys, signers=extra) == code, name


@clause("OP-07")
def test_a_recovery_key_recovers_and_does_nothing_else(world: World) -> None:
    ada = world.ada
    for operation in (EVIDENCE, UpdateDid(ada.did, 1, services=())):
        assert world.code(ada, operation, keys=["recovery-1"]) == ResultCode.KEY_UNKNOWN
    first = recovery(ada, "saved")
    evidence = world.code(ada, first, EVIDENCE, keys=["recovery-1"])
    assert evidence == ResultCode.KEY_NOT_IN_FORCE
    assert world.record(ada).version.number == 1


# --- Compromise ----------------------------------------------------------------------------------


@clause("OP-09")
def test_a_marked_key_is_retired_and_its_date_only_moves_back(world: World) -> None:
    bob, chain = world.bob, world.chain
    key = new_key(bob.did, "issue", signer("issue"), [KeyPurpose.ASSERTION])
    chain.do(bob, UpdateDid(bob.did, 1, (key,)))
    early, late = chain.time - 500, chain.time - 100
    chain.do(bob, MarkKeyCompromised(bob.did, "issue", late))
    marked = world.record(bob).keys[1]
    assert (marked.retired_at, marked.compromised_since) == (chain.time, late)
    retired = chain.time
    later = MarkKeyCompromised(bob.did, "issue", late + 50)
    assert world.code(bob, later) == ResultCode.NO_CHANGE
    chain.do(bob, MarkKeyCompromised(bob.did, "issue", early))
    marked = world.record(bob).keys[1]
    assert (marked.retired_at, marked.compromised_since) == (retired, early)


@clause("OP-09", "R39")
def test_a_mark_is_refused(world: World) -> None:
    bob, chain = world.bob, world.chain
    cases: dict[str, tuple[MarkKeyCompromised, ResultCode]] = {
        "of a key that is not there": (
            MarkKeyCompromised(bob.did, "key-9", 5),
            ResultCode.KEY_MISSING,
        ),
        "from a time to come": (
            MarkKeyCompromised(bob.did, "control-1", chain.time + 50),
            ResultCode.WINDOW_INVALID,
        ),
        "of another's key": (
            MarkKeyCompromised(world.ada.did, "control-1", 5),
            ResultCode.NOT_PERMITTED,
        ),
    }
    for name, (operation, code) in cases.items():
        assert world.code(bob, operation) == code, name
    one = MarkKeyCompromised(world.ada.did, "control-1", 5)
    assert world.code(world.ada, one) == ResultCode.THRESHOLD_NOT_MET


@clause("OP-09")
def test_recovery_key_and_governance_mark_too(world: World) -> None:
    chain, ada, bob = world.chain, world.ada, world.bob
    mark = MarkKeyCompromised(ada.did, "control-1", chain.time)
    chain.do(ada, mark, keys=["recovery-1"])
    two = world.code(ada, UpdateDid(ada.did, 2, services=()), keys=["control-2", "control-3"])
    assert two == ResultCode.OK
    chain.govern(MarkKeyCompromised(bob.did, "control-1", chain.time))
    assert world.code(bob, EVIDENCE) == ResultCode.KEY_NOT_IN_FORCE


@clause("OP-02", "R19")
def test_authority_is_judged_after_the_operations_before_it(world: World) -> None:
    bob = world.bob
    mark = MarkKeyCompromised(bob.did, "control-1", world.chain.time)
    assert world.code(bob, mark, EVIDENCE) == ResultCode.KEY_NOT_IN_FORCE
    rotate = rotation(bob, "new")
    two = world.code(bob, rotate, UpdateDid(bob.did, 2, services=()))
    assert two == ResultCode.THRESHOLD_NOT_MET
    assert world.record(bob).version.number == 1
