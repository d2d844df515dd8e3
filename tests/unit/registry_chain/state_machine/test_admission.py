"""Admission: what gets into a block at all, and what leaves no trace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cbor2
import pytest

from registry_chain.state_machine.admission import check
from registry_chain.state_machine.block import BlockInput
from registry_chain.state_machine.transition import apply_block
from tests.support.clauses import clause
from tests.support.scripted_chain import ScriptedChain, person, raw_key, signer
from weid import limits
from weid.crypto.keys import KeyKind, PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.registry.codes import ResultCode
from weid.registry.operations import (
    AnchorEvidence,
    CreateDid,
    DeactivateDid,
    GrantRole,
    KeyPurpose,
    MarkKeyCompromised,
    Operation,
    Role,
    RotateControllers,
    UpdateDid,
)
from weid.registry.records import AccountRecord, CounterRecord, DidRecord, EvidenceRecord
from weid.registry.signing import new_key
from weid.registry.transaction import SignedTransaction, next_keys_commitment
from weid.registry.wire import encode_signed

EVIDENCE = AnchorEvidence(b"e" * 32)


class World:
    """Ada has a role; Bob has none."""

    def __init__(self, **parameters: int) -> None:
        self.chain = ScriptedChain(parameters=parameters)
        self.ada = self.chain.register("ada", recovery=["vault"])
        self.chain.govern(GrantRole(self.ada.did, Role.ISSUER))
        self.bob = self.chain.register("bob")

    def code(self, signed: SignedTransaction | bytes) -> ResultCode:
        """Apply one transaction; what leaves no trace must leave none, and `check` agrees."""
        raw = signed if isinstance(signed, bytes) else encode_signed(signed)
        checked = check(self.chain.state, raw, time=self.chain.time + 1)
        before = self.chain.state.summary
        outcome = self.chain.block(raw)
        result = outcome.results[0]
        if not result.code.recorded:
            assert checked.code == result.code
            assert outcome.app_hash == before.app_hash
            assert (outcome.records, outcome.events, outcome.receipts) == ({}, (), ())
            assert result.receipt is None
        else:
            assert checked.code == ResultCode.OK
        return result.code


@pytest.fixture
def world() -> World:
    return World()


def test_a_role_holder_needs_nobody(world: World) -> None:
    assert world.code(world.chain.sign(world.ada, EVIDENCE)) == ResultCode.OK


# --- Bytes, network, time ------------------------------------------------------------------------


@clause("TX-01", "TX-02", "TX-05", "R6", "R8", "R9")
def test_bytes_that_are_not_a_transaction_leave_no_trace(world: World) -> None:
    good = encode_signed(world.chain.sign(world.ada, EVIDENCE))
    payload = cbor2.loads(good)[1]
    respelt = cbor2.dumps([*cbor2.loads(payload), 0], canonical=True)
    for bad in (b"", b"junk", good + b"\0", good[:-1], cbor2.dumps([1, respelt, [b"s" * 64], []])):
        assert world.code(bad) == ResultCode.MALFORMED
    assert world.code(b"\0" * (limits.TRANSACTION_BYTES + 1)) == ResultCode.TOO_LARGE


@clause("TX-05", "R5")
def test_a_transaction_of_another_network_is_refused(world: World) -> None:
    stranger = person("ada", network="other")
    signed = world.chain.sign(stranger, CreateDid(stranger.inception), network="other")
    assert world.code(signed) == ResultCode.WRONG_NETWORK


@clause("TX-05", "R39")
def test_block_time_alone_decides_whether_it_is_too_late(world: World) -> None:
    time = world.chain.time
    late = world.chain.sign(world.ada, EVIDENCE, valid_until=time)
    assert world.code(late) == ResultCode.TOO_LATE
    last = world.chain.sign(world.ada, EVIDENCE, valid_until=world.chain.time + 1)
    assert world.code(last) == ResultCode.OK
    far = world.chain.sign(world.ada, AnchorEvidence(b"f" * 32), valid_until=2**63 - 1)
    assert world.code(far) == ResultCode.OK


# --- Keys ----------------------------------------------------------------------------------------


@clause("TX-06")
def test_an_author_must_be_registered_or_create_itself(world: World) -> None:
    eve = person("eve")
    assert world.code(world.chain.sign(eve, EVIDENCE)) == ResultCode.AUTHOR_UNKNOWN
    later = world.chain.sign(eve, EVIDENCE, CreateDid(eve.inception))
    assert world.code(later) == ResultCode.AUTHOR_UNKNOWN


@clause("TX-06", "R25", "R17")
def test_a_new_did_is_the_one_that_its_inception_derives(world: World) -> None:
    eve, mallory = person("eve"), person("mallory")
    cases: dict[str, Operation] = {
        "another's inception": CreateDid(mallory.inception),
        "another network's inception": CreateDid(replace(eve.inception, network="other")),
        "an inception that derives nothing": CreateDid(replace(eve.inception, threshold=2)),
    }
    for name, operation in cases.items():
        signed = world.chain.sign(eve, operation, endorser=world.chain.governor)
        assert world.code(signed) == ResultCode.AUTHOR_NOT_DERIVED, name


UNKNOWN_KEYS = {
    "that it never had": "key-9",
    "beyond its controllers": "control-2",
    "of no number": "control-0",
    "with another's DID in front": "did:weid:demo:x#control-1",
    "of a commitment that it does not have": "next-1",
    "for recovery, outside a recovery": "recovery-1",
}


@clause("TX-06", "R17")
@pytest.mark.parametrize("case", UNKNOWN_KEYS)
def test_a_key_is_unknown(case: str, world: World) -> None:
    key = UNKNOWN_KEYS[case]
    extra = {key: signer("ada 0")}
    signed = world.chain.sign(world.ada, EVIDENCE, keys=[key], signers=extra)
    assert world.code(signed) == ResultCode.KEY_UNKNOWN


@clause("TX-06")
def test_a_creation_names_its_own_controllers_only(world: World) -> None:
    eve = person("eve")
    for key in ("control-2", "control-01", "key-1", "recovery-1"):
        signed = world.chain.sign(
            eve,
            CreateDid(eve.inception),
            keys=[key],
            signers={key: eve.signers["control-1"]},
            endorser=world.chain.governor,
        )
        assert world.code(signed) == ResultCode.KEY_UNKNOWN


@clause("TX-06")
def test_a_stranger_cannot_burn_sequences_as_a_committed_key(world: World) -> None:
    commitment = next_keys_commitment((raw_key("next"),), 1)
    carol = world.chain.register("carol", next_keys=commitment)
    for operation in (
        RotateControllers(carol.did, 1, (raw_key("mallory"),), 1, b""),
        RotateControllers(carol.did, 1, (raw_key("next"),), 300, b""),
        RotateControllers(carol.did, 1, (), 1, b""),
    ):
        signed = world.chain.sign(
            carol,
            operation,
            keys=["next-1"],
            signers={"next-1": signer("mallory")},
            endorser=world.chain.governor,
        )
        assert world.code(signed) == ResultCode.KEY_UNKNOWN
    assert world.chain.next_sequence(carol.did) == 1


@clause("TX-07", "R19")
def test_a_key_that_is_retired_or_marked_acts_no_more(world: World) -> None:
    chain, ada = world.chain, world.ada
    for name in ("daily", "spare"):
        key = new_key(ada.did, name, signer(name), [KeyPurpose.AUTHENTICATION])
        version = chain.get(DidRecord, ada.did).version.number
        chain.do(ada, UpdateDid(ada.did, version, (key,)))
    extra = {name: signer(name) for name in ("daily", "spare")}
    assert world.code(chain.sign(ada, EVIDENCE, keys=["daily"], signers=extra)) == ResultCode.OK
    version = chain.get(DidRecord, ada.did).version.number
    chain.do(ada, UpdateDid(ada.did, version, retire_keys=("daily",)))
    chain.do(ada, MarkKeyCompromised(ada.did, "spare", chain.time))
    other = AnchorEvidence(b"f" * 32)
    for name in ("daily", "spare"):
        signed = chain.sign(ada, other, keys=[name], signers=extra)
        assert world.code(signed) == ResultCode.KEY_NOT_IN_FORCE


@clause("TX-07", "R19")
def test_a_key_retired_earlier_in_the_block_acts_no_more(world: World) -> None:
    chain, ada = world.chain, world.ada
    key = new_key(ada.did, "daily", signer("daily"), [KeyPurpose.AUTHENTICATION])
    chain.do(ada, UpdateDid(ada.did, 1, (key,)))
    sequence = chain.next_sequence(ada.did)
    retire = chain.sign(ada, UpdateDid(ada.did, 2, retire_keys=("daily",)))
    use = chain.sign(
        ada, EVIDENCE, keys=["daily"], signers={"daily": signer("daily")}, sequence=sequence + 1
    )
    codes = [result.code for result in chain.block(retire, use).results]
    assert codes == [ResultCode.OK, ResultCode.KEY_NOT_IN_FORCE]


@clause("TX-06", "R15")
def test_a_key_of_another_purpose_or_kind_does_not_sign_transactions(world: World) -> None:
    chain, ada = world.chain, world.ada
    p256 = signer("p256", KeyKind.P256)
    keys = (
        new_key(ada.did, "issue", signer("issue"), [KeyPurpose.ASSERTION]),
        new_key(ada.did, "p256", p256, [KeyPurpose.AUTHENTICATION]),
    )
    chain.do(ada, UpdateDid(ada.did, 1, keys))
    for name in ("issue", "p256"):
        signed = chain.sign(ada, EVIDENCE, keys=[name], signers={name: signer("issue")})
        assert world.code(signed) == ResultCode.KEY_NOT_AUTHORISED


@clause("TX-06", "R23")
def test_a_deactivated_did_asks_for_nothing(world: World) -> None:
    chain = world.chain
    chain.do(world.ada, DeactivateDid(world.ada.did, 1))
    for operation in (EVIDENCE, CreateDid(world.ada.inception)):
        signed = chain.sign(world.ada, operation, endorser=chain.governor)
        assert world.code(signed) == ResultCode.AUTHOR_DEACTIVATED


# --- Standing ------------------------------------------------------------------------------------


@clause("TX-08")
def test_without_a_role_an_endorser_is_needed(world: World) -> None:
    chain = world.chain
    assert world.code(chain.sign(world.bob, EVIDENCE)) == ResultCode.ENDORSEMENT_REQUIRED
    eve = person("eve")
    alone = chain.sign(eve, CreateDid(eve.inception))
    assert world.code(alone) == ResultCode.ENDORSEMENT_REQUIRED
    endorsed = chain.sign(world.bob, EVIDENCE, endorser=chain.governor)
    assert world.code(endorsed) == ResultCode.OK


@clause("TX-08")
def test_registrars_and_governors_endorse_and_nobody_else(world: World) -> None:
    chain, ada = world.chain, world.ada
    signed = chain.sign(world.bob, EVIDENCE, endorser=ada)
    assert world.code(signed) == ResultCode.ENDORSER_NOT_AUTHORISED
    chain.govern(GrantRole(ada.did, Role.REGISTRAR))
    assert world.code(chain.sign(world.bob, EVIDENCE, endorser=ada)) == ResultCode.OK
    self_endorsed = chain.sign(ada, AnchorEvidence(b"f" * 32), endorser=ada)
    assert world.code(self_endorsed) == ResultCode.ENDORSER_NOT_AUTHORISED
    stranger = chain.sign(world.bob, AnchorEvidence(b"g" * 32), endorser=person("nobody"))
    assert world.code(stranger) == ResultCode.ENDORSER_NOT_AUTHORISED


@clause("TX-08", "R23")
def test_a_deactivated_endorser_endorses_nothing(world: World) -> None:
    chain, ada = world.chain, world.ada
    chain.govern(GrantRole(ada.did, Role.REGISTRAR))
    chain.do(ada, DeactivateDid(ada.did, 1))
    signed = chain.sign(world.bob, EVIDENCE, endorser=ada)
    assert world.code(signed) == ResultCode.ENDORSER_NOT_AUTHORISED


@clause("TX-08", "R37")
def test_open_creation_has_one_budget_for_block_and_day() -> None:
    world = World(open_did_creation=1, open_did_per_block=2, open_did_per_day=3)
    chain = world.chain
    people = [person(f"open {n}") for n in range(5)]
    created = [chain.sign(one, CreateDid(one.inception)) for one in people]
    codes = [result.code for result in chain.block(*created[:3]).results]
    assert codes == [ResultCode.OK, ResultCode.OK, ResultCode.BUDGET_SPENT]
    assert world.code(created[2]) == ResultCode.OK
    assert world.code(created[3]) == ResultCode.BUDGET_SPENT
    assert chain.get(CounterRecord, "open_did").value == 3
    endorsed = chain.sign(people[3], CreateDid(people[3].inception), endorser=chain.governor)
    assert world.code(endorsed) == ResultCode.OK
    chain.time += 86_400
    fresh = chain.sign(people[4], CreateDid(people[4].inception))
    assert world.code(fresh) == ResultCode.OK
    assert chain.get(CounterRecord, "open_did").value == 1


@clause("TX-08")
def test_where_creation_is_open_a_did_keeps_itself_and_does_nothing_else_alone() -> None:
    world = World(open_did_creation=1)
    chain, bob = world.chain, world.bob
    key = new_key(bob.did, "key-1", signer("bob key"), [KeyPurpose.ASSERTION])
    assert world.code(chain.sign(bob, UpdateDid(bob.did, 1, (key,)))) == ResultCode.OK
    assert world.code(chain.sign(bob, EVIDENCE)) == ResultCode.ENDORSEMENT_REQUIRED
    both = chain.sign(bob, UpdateDid(bob.did, 2, retire_keys=("key-1",)), EVIDENCE)
    assert world.code(both) == ResultCode.ENDORSEMENT_REQUIRED


# --- Signatures ----------------------------------------------------------------------------------


def forgeries(world: World) -> dict[str, Callable[[SignedTransaction], SignedTransaction]]:
    order = 2**252 + 27742317777372353535851937790883648493

    def twin(signature: bytes) -> bytes:
        s = int.from_bytes(signature[32:], "little") + order
        return signature[:32] + s.to_bytes(32, "little")

    def flip(signature: bytes) -> bytes:
        return bytes((signature[0] ^ 1,)) + signature[1:]

    return {
        "changed": lambda one: replace(one, author_signatures=(flip(one.author_signatures[0]),)),
        "the S + L twin": lambda one: replace(
            one, author_signatures=(twin(one.author_signatures[0]),)
        ),
        "missing": lambda one: replace(one, author_signatures=()),
        "one too many": lambda one: replace(one, author_signatures=one.author_signatures * 2),
        "all zeros": lambda one: replace(one, author_signatures=(bytes(64),)),
        "the endorser's changed": lambda one: replace(
            one, endorser_signatures=(flip(one.endorser_signatures[0]),)
        ),
        "the endorser's missing": lambda one: replace(one, endorser_signatures=()),
        "author's and endorser's exchanged": lambda one: replace(
            one,
            author_signatures=one.endorser_signatures,
            endorser_signatures=one.author_signatures,
        ),
    }


@clause("TX-09", "R10", "R12")
@pytest.mark.parametrize("forgery", forgeries(World()))
def test_a_signature_leaves_no_trace_that_is(forgery: str, world: World) -> None:
    good = world.chain.sign(world.bob, EVIDENCE, endorser=world.chain.governor)
    assert world.code(forgeries(world)[forgery](good)) == ResultCode.SIGNATURE_INVALID
    assert world.chain.next_sequence(world.bob.did) == 1
    assert world.code(good) == ResultCode.OK


@clause("TX-09", "R13")
def test_a_small_order_key_signs_nothing_into_existence() -> None:
    world = World(open_did_creation=1)
    identity_point = b"\x01" + bytes(31)
    eve = person("eve")
    fake = replace(eve, inception=replace(eve.inception, controllers=(identity_point,)))
    signed = world.chain.sign(fake, CreateDid(fake.inception))
    forged = replace(signed, author_signatures=(identity_point + bytes(32),))
    assert world.code(forged) == ResultCode.SIGNATURE_INVALID


@clause("TX-09")
def test_known_signatures_are_not_verified_again_and_cover_exactly_these(world: World) -> None:
    chain = world.chain
    good = chain.sign(world.ada, EVIDENCE)
    known = check(chain.state, encode_signed(good), time=chain.time)
    assert (known.code, known.author, known.sequence) == (ResultCode.OK, world.ada.did, 1)
    forged = replace(good, author_signatures=(bytes(64),))

    def code(signed: SignedTransaction, verified: frozenset[bytes]) -> ResultCode:
        height = chain.state.summary.height + 1
        block = BlockInput(height, chain.time, (encode_signed(signed),))
        return apply_block(chain.state, block, verified=verified).results[0].code

    assert code(good, frozenset({known.verified})) == ResultCode.OK
    assert code(forged, frozenset({known.verified})) == ResultCode.SIGNATURE_INVALID
    # Who says that it is known is believed: the caller has verified, and nobody else is asked.
    digest = check(chain.state, encode_signed(forged), time=chain.time, verified=Everything())
    assert code(forged, frozenset({digest.verified})) == ResultCode.OK


class Everything(frozenset[bytes]):
    """A cache that knows every signature."""

    def __contains__(self, item: object) -> bool:
        return True


# --- Sequence ------------------------------------------------------------------------------------


@clause("TX-10", "R1", "R2")
def test_a_transaction_is_executed_once_in_a_block_and_for_ever(world: World) -> None:
    chain = world.chain
    signed = chain.sign(world.ada, EVIDENCE)
    results = chain.block(signed, signed).results
    assert [result.code for result in results] == [ResultCode.OK, ResultCode.SEQUENCE_USED]
    for _ in range(3):
        chain.block()
    assert world.code(signed) == ResultCode.SEQUENCE_USED
    assert len(chain.get(EvidenceRecord, EVIDENCE.digest).notes) == 1


@clause("TX-10", "R3")
def test_a_gap_is_never_executed_before_it_is_filled(world: World) -> None:
    chain = world.chain
    first = chain.sign(world.ada, AnchorEvidence(b"1" * 32), sequence=1)
    second = chain.sign(world.ada, AnchorEvidence(b"2" * 32), sequence=2)
    assert world.code(second) == ResultCode.SEQUENCE_NOT_NEXT
    codes = [result.code for result in chain.block(second, first, second).results]
    assert codes == [ResultCode.SEQUENCE_NOT_NEXT, ResultCode.OK, ResultCode.OK]


@clause("TX-10")
def test_the_filter_lets_as_many_wait_as_it_is_told(world: World) -> None:
    chain = world.chain
    raw = encode_signed(chain.sign(world.ada, EVIDENCE, sequence=4))
    assert check(chain.state, raw, time=chain.time, pending=3).code == ResultCode.OK
    assert check(chain.state, raw, time=chain.time, pending=2).code == ResultCode.SEQUENCE_NOT_NEXT


@clause("TX-11", "R36")
def test_what_a_rule_refuses_burns_its_sequence_and_has_a_receipt(world: World) -> None:
    chain = world.chain
    chain.do(world.ada, EVIDENCE)
    result = chain.send(world.ada, EVIDENCE)
    assert result.code == ResultCode.NO_CHANGE
    assert result.receipt is not None
    assert (result.receipt.code, result.receipt.data) == (ResultCode.NO_CHANGE, b"\0\0")
    assert chain.get(AccountRecord, world.ada.did).next_sequence == 3


@clause("TX-11", "R36")
def test_what_passed_the_filter_may_fail_in_the_block_and_harms_no_other(world: World) -> None:
    chain = world.chain
    mine = chain.sign(world.ada, EVIDENCE)
    stop = chain.sign(world.chain.governor, AnchorEvidence(b"g" * 32))
    mark = MarkKeyCompromised(world.ada.did, "control-1", chain.time)
    rescue = chain.sign(world.ada, mark, keys=["recovery-1"])
    for one in (mine, stop, rescue):
        assert check(chain.state, encode_signed(one), time=chain.time).code == ResultCode.OK
    codes = [result.code for result in chain.block(rescue, mine, stop).results]
    assert codes == [ResultCode.OK, ResultCode.KEY_NOT_IN_FORCE, ResultCode.OK]


def test_a_key_of_x25519_never_signs(world: World) -> None:
    private = PrivateKey.from_seed(b"x" * 32, KeyKind.X25519)
    with pytest.raises(Exception, match="does not sign"):
        InMemorySigner(private)
