"""Blocks: height, time, limits, atomic transactions, outcomes that are complete."""

from __future__ import annotations

import hashlib
from typing import cast

import cbor2
import pytest

from registry_chain.commitment.index import prove_list_page
from registry_chain.commitment.operation_log import prove_consistency, prove_inclusion
from registry_chain.commitment.sparse_merkle import prove_key, tree_root
from registry_chain.state_machine.block import BlockInput
from registry_chain.state_machine.context import Context
from registry_chain.state_machine.errors import InvalidBlockError, InvalidTransactionError
from registry_chain.state_machine.events import EVENTS
from registry_chain.state_machine.permissions import (
    _HOLDS,
    _SIGNED,
    PERMISSIONS,
    Grant,
    Signing,
    require_permission,
)
from registry_chain.state_machine.rules.table import RULES
from registry_chain.state_machine.signers import acting_author
from registry_chain.state_machine.staged import StagedState
from registry_chain.state_machine.transition import apply_block
from tests.support.clauses import clause
from tests.support.refusals import refuses
from tests.support.scripted_chain import START, Person, ScriptedChain
from weid.registry.codes import ResultCode
from weid.registry.list_proofs import verify_complete_list
from weid.registry.log_proofs import verify_log_consistency, verify_receipt
from weid.registry.operations import (
    KINDS,
    AnchorBatch,
    AnchorEvidence,
    GovernedAction,
    GrantRole,
    NameOrganisation,
    Propose,
    RecognizeIssuer,
    Role,
    SetParameter,
)
from weid.registry.proofs import verify_state_proof
from weid.registry.records import (
    NAMESPACES,
    DidRecord,
    EvidenceRecord,
    IndexRecord,
    ParameterRecord,
    RoleRecord,
)
from weid.registry.state_keys import list_namespace, state_key
from weid.registry.wire import decode_record, encode_signed, value_hash


@pytest.fixture
def chain() -> ScriptedChain:
    return ScriptedChain()


def evidence(label: str) -> AnchorEvidence:
    return AnchorEvidence(hashlib.sha256(label.encode()).digest())


# --- Blocks --------------------------------------------------------------------------------------


@clause("TX-14", "D13", "R39")
def test_a_block_follows_on_its_state(chain: ScriptedChain) -> None:
    height, time = chain.state.summary.height, chain.time
    wrong = {
        "the same height": BlockInput(height, time, ()),
        "a height left out": BlockInput(height + 2, time, ()),
        "a time before the last": BlockInput(height + 1, time - 1, ()),
        "a time with a fraction": BlockInput(height + 1, cast("int", time + 0.5), ()),
    }
    for name, block in wrong.items():
        assert refuses(InvalidBlockError, apply_block, chain.state, block), name
    same_second = apply_block(chain.state, BlockInput(height + 1, time, ()))
    assert same_second.summary.height == height + 1


@clause("ST-10", "TX-14")
def test_an_empty_block_leaves_the_app_hash(chain: ScriptedChain) -> None:
    before = chain.state.summary.app_hash
    outcome = chain.block(after=500)
    assert outcome.app_hash == before
    assert outcome.records == outcome.pages == outcome.tiles == {}


@clause("ST-15")
def test_applying_alters_nothing_until_it_is_written(chain: ScriptedChain) -> None:
    raw = encode_signed(chain.sign(chain.governor, evidence("a")))
    block = BlockInput(chain.state.summary.height + 1, chain.time, (raw,))
    before = (dict(chain.state.records), dict(chain.state.pages), dict(chain.state.tiles))
    first, second = apply_block(chain.state, block), apply_block(chain.state, block)
    assert first == second
    assert before == (chain.state.records, chain.state.pages, chain.state.tiles)


@clause("TX-13", "R37")
def test_a_block_holds_so_much_and_leaves_room_for_others() -> None:
    limits = {"max_block_transactions": 3, "max_author_transactions": 2}
    chain = ScriptedChain(2, parameters=limits)
    flood, honest = chain.governors
    start = chain.next_sequence(flood.did)
    many = [chain.sign(flood, evidence(f"{n}"), sequence=start + n) for n in range(4)]
    mine = chain.sign(honest, evidence("mine"))
    results = [result.code for result in chain.block(*many[:3], mine).results]
    assert results == [0, 0, ResultCode.AUTHOR_LIMIT, ResultCode.BLOCK_FULL]
    results = [result.code for result in chain.block(many[2], mine, many[3]).results]
    assert results == [0, 0, 0]


@clause("TX-13", "R37")
def test_a_block_holds_so_many_bytes() -> None:
    chain = ScriptedChain(parameters={"max_block_bytes": 64 * 1024})
    start = chain.next_sequence(chain.governor.did)
    notes = [AnchorEvidence(hashlib.sha256(b"%d" % n).digest(), "n" * 500) for n in range(65)]
    three = [chain.sign(chain.governor, *notes, sequence=start + n) for n in range(3)]
    codes = [result.code for result in chain.block(*three).results]
    assert codes == [ResultCode.OK, ResultCode.BLOCK_FULL, ResultCode.BLOCK_FULL]


# --- Transactions --------------------------------------------------------------------------------


@clause("TX-12")
def test_operations_are_done_all_or_none(chain: ScriptedChain) -> None:
    governor = chain.governor
    chain.do(governor, evidence("there"))
    result = chain.send(governor, evidence("new"), AnchorBatch(b"r" * 32, 5), evidence("there"))
    assert (result.code, result.data) == (ResultCode.NO_CHANGE, b"\0\2")
    outcome = chain.outcomes[-1]
    assert (outcome.events, outcome.contents) == ((), {})
    assert chain.read(EvidenceRecord, evidence("new").digest) is None
    assert len(outcome.records) == 1  # the account, whose sequence is burnt
    chain.do(governor, evidence("new"), AnchorBatch(b"r" * 32, 5))


@clause("TX-12")
def test_later_operations_see_earlier_ones(chain: ScriptedChain) -> None:
    digest = evidence("x").digest
    chain.do(chain.governor, *[AnchorEvidence(digest, f"{n}") for n in range(3)])
    record = chain.get(EvidenceRecord, digest)
    assert [note.text for note in record.notes] == ["0", "1", "2"]
    assert record.version.number == 3


@clause("TX-12")
def test_answers_of_several_operations_come_as_a_list(chain: ScriptedChain) -> None:
    ada = chain.register("ada")
    expires = chain.time + 50
    one, two = (Propose(GrantRole(ada.did, role), expires) for role in (Role.ISSUER, Role.GOVERNOR))
    both = chain.do(chain.governor, one, evidence("x"), two)
    answers = cbor2.loads(both.data)
    assert [len(answer) for answer in answers] == [32, 0, 32]
    assert chain.do(chain.governor, evidence("y"), evidence("z")).data == b""


@clause("TX-11", "ST-08", "ST-09")
def test_every_recorded_transaction_has_its_place_in_the_log(chain: ScriptedChain) -> None:
    governor = chain.governor
    start = chain.next_sequence(governor.did)
    signed = [chain.sign(governor, evidence(f"{n % 3}"), sequence=start + n) for n in range(6)]
    first = chain.block(*signed[:4], b"junk")
    second = chain.block(*signed[4:])
    receipts = [*first.receipts, *second.receipts]
    assert [receipt.position for receipt in receipts] == list(range(6))
    assert [receipt.code for receipt in receipts] == [0, 0, 0, *[ResultCode.NO_CHANGE] * 3]
    summary = chain.state.summary
    for receipt in receipts:
        proof = prove_inclusion(chain.state, receipt.position, summary.log_size)
        verify_receipt(summary.log_root, receipt, proof)
    verify_log_consistency(
        first.summary.log_root, summary.log_root, prove_consistency(chain.state, 4, 6)
    )


# --- State ---------------------------------------------------------------------------------------


@clause("ST-03")
def test_history_is_walked_by_hashes_also_within_a_block(chain: ScriptedChain) -> None:
    governor = chain.governor
    digest = evidence("x").digest
    chain.do(governor, AnchorEvidence(digest, "0"))
    chain.do(governor, *[AnchorEvidence(digest, f"{n}") for n in range(1, 4)])
    record = chain.get(EvidenceRecord, digest)
    numbers = []
    while True:
        numbers.append(record.version.number)
        if not record.version.previous:
            break
        raw = chain.state.superseded[record.version.previous]
        assert value_hash(raw) == record.version.previous
        record = cast("EvidenceRecord", decode_record("evidence", raw))
    assert numbers == [4, 3, 2, 1]


@clause("ST-04", "ST-05", "ST-06", "ST-07")
def test_every_record_and_every_list_is_proved_by_the_state(chain: ScriptedChain) -> None:
    ada = chain.register("ada")
    chain.govern(GrantRole(ada.did, Role.ISSUER))
    chain.govern(RecognizeIssuer(ada.did, "diploma", START))
    chain.do(ada, NameOrganisation(ada.did, "Ada's"), endorser=chain.governor)
    state = chain.state
    assert tree_root(state, "") == state.summary.smt_root

    def hash_of(key: bytes) -> bytes:
        return value_hash(state.records[key])

    for key, raw in state.records.items():
        proof = prove_key(state, "", key, hash_of)
        verify_state_proof(state.summary.smt_root, key, raw, proof)
    lists = {"roles": 2, "proposals": 2, "organisations": 2, "issuers/diploma": 1}
    for list_id, count in lists.items():
        index = chain.get(IndexRecord, list_id)
        assert index.count == count
        page = prove_list_page(state, list_id, state.records.__getitem__, hash_of, limit=100)
        verify_complete_list(index, [page])
        kind = NAMESPACES[list_namespace(list_id)]
        records = [decode_record(list_namespace(list_id), raw) for _, raw in page.entries]
        assert all(isinstance(record, kind) for record in records)


def test_a_parameter_without_record_has_its_default(chain: ScriptedChain) -> None:
    del chain.state.records[state_key("parameter", b"max_time_lag")]
    assert chain.read(ParameterRecord, "max_time_lag") is None
    staged = StagedState(chain.state, height=1, time=1)
    assert staged.parameter("max_time_lag") == 60


# --- Tables --------------------------------------------------------------------------------------


@clause("OP-01")
def test_every_kind_stands_in_every_table() -> None:
    kinds = set(KINDS.values())
    assert kinds == set(PERMISSIONS) == set(EVENTS)
    assert all(set(rules) == kinds for rules in RULES.values())
    assert set(_HOLDS) == set(Grant)
    assert set(_SIGNED) == set(Signing)
    assert len({name for name, _ in EVENTS.values()}) == len(EVENTS)


@clause("OP-01")
def test_what_may_be_proposed_is_what_governance_may_do() -> None:
    governed = {kind for kind, row in PERMISSIONS.items() if Grant.PROPOSAL in row.grants}
    assert governed == set(GovernedAction.__args__)
    rules = {kind for kind, row in PERMISSIONS.items() if not row.grants}
    assert not rules


def context(chain: ScriptedChain, author: Person, *, governed: bool) -> Context:
    staged = StagedState(chain.state, height=9, time=chain.time)
    one = Context(
        staged,
        author.did,
        frozenset(author.inception.controllers),
        endorsed=False,
        transaction_id=bytes(32),
        carry_out=lambda *_: b"",
    )
    return one.as_governance() if governed else one


@clause("OP-01", "R38")
def test_governance_does_only_what_the_table_lets_it(chain: ScriptedChain) -> None:
    governed = context(chain, chain.governor, governed=True)
    require_permission(governed, SetParameter("max_time_lag", 90))
    with pytest.raises(InvalidTransactionError) as caught:
        require_permission(governed, evidence("x"))
    assert caught.value.code == ResultCode.NOT_PERMITTED


def test_an_operation_without_rule_is_refused(
    chain: ScriptedChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(cast("dict[type, object]", RULES[1]), AnchorEvidence)
    result = chain.send(chain.governor, evidence("x"))
    assert result.code == ResultCode.NOT_PERMITTED


def test_an_author_without_record_has_no_authority(chain: ScriptedChain) -> None:
    del chain.state.records[state_key("did", chain.governor.did.encode())]
    with pytest.raises(InvalidTransactionError) as caught:
        acting_author(context(chain, chain.governor, governed=False))
    assert caught.value.code == ResultCode.DID_UNKNOWN
    assert chain.read(DidRecord, chain.governor.did) is None
    assert chain.get(RoleRecord, chain.governor.did).roles == (Role.GOVERNOR,)
