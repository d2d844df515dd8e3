"""Recognition and accreditation: by governance, or within an accreditor's scope."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.clauses import clause
from tests.support.scripted_chain import START, Person, ScriptedChain, person
from weid.registry.codes import ResultCode
from weid.registry.operations import (
    Accredit,
    DerecognizeIssuer,
    EndAccreditation,
    GovernedAction,
    GrantRole,
    Operation,
    Propose,
    RecognizeIssuer,
    Role,
)
from weid.registry.records import AccreditationRecord, IndexRecord, RecognitionRecord
from weid.registry.wire import encode_record, value_hash


class World:
    """Governance, a ministry and a board that it accredits for diplomas, and schools."""

    def __init__(self) -> None:
        self.chain = ScriptedChain()
        names = ("ministry", "board", "office", "desk", "school", "college")
        for name in names:
            one = self.chain.register(name)
            self.chain.govern(GrantRole(one.did, Role.ISSUER))
            setattr(self, name, one)
        self.chain.govern(Accredit(self.ministry.did, "diploma", START, may_accredit=True))

    ministry: Person
    board: Person
    office: Person
    desk: Person
    school: Person
    college: Person

    def code(self, author: Person, *operations: Operation) -> ResultCode:
        return self.chain.send(author, *operations).code

    def governed(self, action: GovernedAction) -> ResultCode:
        proposal = Propose(action, self.chain.time + 100)
        return self.code(self.chain.governor, proposal)

    def recognition(self, issuer: Person, cpt_id: str = "diploma") -> RecognitionRecord:
        return self.chain.get(RecognitionRecord, f"{issuer.did}/{cpt_id}")

    def accreditation(self, holder: Person) -> AccreditationRecord:
        return self.chain.get(AccreditationRecord, f"{holder.did}/diploma")


@pytest.fixture
def world() -> World:
    return World()


@clause("OP-16", "ST-06")
def test_governance_recognizes_and_signs_as_nobody(world: World) -> None:
    world.chain.govern(RecognizeIssuer(world.school.did, "diploma", START, START + 5000))
    record = world.recognition(world.school)
    assert (record.recognized_by, record.valid_from, record.valid_until) == (
        "",
        START,
        START + 5000,
    )
    world.chain.govern(RecognizeIssuer(world.college.did, "diploma", START))
    assert world.chain.get(IndexRecord, "issuers/diploma").count == 2


@clause("OP-16")
def test_an_accreditor_recognizes_within_its_scope_and_changes_its_own(world: World) -> None:
    ministry, school = world.ministry, world.school
    world.chain.do(ministry, RecognizeIssuer(school.did, "diploma", START))
    assert world.recognition(school).recognized_by == ministry.did
    world.chain.do(ministry, RecognizeIssuer(school.did, "diploma", START, START + 9000))
    assert world.recognition(school).version.number == 2
    other = RecognizeIssuer(school.did, "licence", START)
    assert world.code(ministry, other) == ResultCode.OUT_OF_SCOPE


@clause("OP-01", "OP-16", "R29", "R30", "R38", "C6")
def test_nobody_else_recognizes_or_accredits(world: World) -> None:
    for author in (world.school, world.board, world.chain.governor):
        recognize = RecognizeIssuer(world.school.did, "diploma", START)
        assert world.code(author, recognize) == ResultCode.OUT_OF_SCOPE
        accredit = Accredit(world.board.did, "diploma", START)
        assert world.code(author, accredit) == ResultCode.OUT_OF_SCOPE


@clause("OP-16")
def test_accreditation_goes_four_deep_and_only_where_it_may(world: World) -> None:
    def down(giver: Person, taker: Person, *, may: bool = True) -> ResultCode:
        return world.code(giver, Accredit(taker.did, "diploma", START, may_accredit=may))

    assert down(world.ministry, world.board) == ResultCode.OK
    assert down(world.board, world.office) == ResultCode.OK
    assert down(world.office, world.desk) == ResultCode.OK
    assert down(world.desk, world.college) == ResultCode.OUT_OF_SCOPE
    recognize = RecognizeIssuer(world.school.did, "diploma", START)
    assert world.code(world.desk, recognize) == ResultCode.OK
    assert down(world.board, world.office, may=False) == ResultCode.OK
    assert down(world.office, world.college) == ResultCode.OUT_OF_SCOPE
    again = RecognizeIssuer(world.school.did, "diploma", START, START + 9)
    assert world.code(world.desk, again) == ResultCode.OUT_OF_SCOPE
    fresh = RecognizeIssuer(world.college.did, "diploma", START)
    assert world.code(world.office, fresh) == ResultCode.OK


@clause("OP-16")
def test_an_accreditation_must_be_in_force_up_to_governance(world: World) -> None:
    chain = world.chain
    chain.do(world.ministry, Accredit(world.board.did, "diploma", START, may_accredit=True))
    recognize = RecognizeIssuer(world.school.did, "diploma", START)
    soon = chain.time + 50
    chain.govern(Accredit(world.ministry.did, "diploma", soon, may_accredit=True))
    assert world.code(world.board, recognize) == ResultCode.OUT_OF_SCOPE
    chain.time = soon
    assert world.code(world.board, recognize) == ResultCode.OK
    chain.govern(Accredit(world.ministry.did, "diploma", START, chain.time + 5, may_accredit=True))
    chain.time += 5
    again = RecognizeIssuer(world.college.did, "diploma", START)
    assert world.code(world.board, again) == ResultCode.OUT_OF_SCOPE


@clause("OP-16")
def test_what_another_gave_is_not_taken_over_while_it_stands(world: World) -> None:
    chain = world.chain
    chain.govern(Accredit(world.board.did, "diploma", START))
    until = chain.time + 100
    chain.do(world.ministry, RecognizeIssuer(world.school.did, "diploma", START, until))
    take = RecognizeIssuer(world.school.did, "diploma", START)
    assert world.code(world.board, take) == ResultCode.ALREADY_RECOGNIZED
    accredit = Accredit(world.board.did, "diploma", START)
    assert world.code(world.ministry, accredit) == ResultCode.ALREADY_RECOGNIZED
    chain.time = until
    assert world.code(world.board, take) == ResultCode.OK
    chain.govern(take)
    assert world.recognition(world.school).recognized_by == ""


@clause("OP-16", "R39")
def test_windows_and_subjects_must_make_sense(world: World) -> None:
    school = world.school.did
    cases: dict[str, tuple[GovernedAction, ResultCode]] = {
        "a window that ends before it begins": (
            RecognizeIssuer(school, "diploma", START, START),
            ResultCode.WINDOW_INVALID,
        ),
        "an accreditation's window": (
            Accredit(school, "diploma", START, START - 1),
            ResultCode.WINDOW_INVALID,
        ),
        "a template id that cannot be": (
            RecognizeIssuer(school, "Diploma", START),
            ResultCode.FIELD_INVALID,
        ),
        "a DID that is not there": (
            RecognizeIssuer(person("eve").did, "diploma", START),
            ResultCode.DID_UNKNOWN,
        ),
        "an accreditor that is not there": (
            Accredit(person("eve").did, "diploma", START),
            ResultCode.DID_UNKNOWN,
        ),
    }
    for name, (action, code) in cases.items():
        assert world.governed(action) == code, name
    own = Accredit(world.ministry.did, "diploma", START)
    assert world.code(world.ministry, own) == ResultCode.NOT_PERMITTED


@clause("OP-17", "C32")
def test_a_recognition_is_ended_by_who_gave_it_or_by_governance(world: World) -> None:
    chain = world.chain
    chain.do(world.ministry, RecognizeIssuer(world.school.did, "diploma", START))
    end = DerecognizeIssuer(world.school.did, "diploma")
    assert world.code(world.board, end) == ResultCode.NOT_PERMITTED
    assert world.code(world.school, end) == ResultCode.NOT_PERMITTED
    chain.do(world.ministry, end)
    assert world.recognition(world.school).ended_at == chain.time
    ended = chain.time
    assert world.code(world.ministry, end) == ResultCode.NO_CHANGE
    since = ended - 100
    chain.govern(DerecognizeIssuer(world.school.did, "diploma", since))
    record = world.recognition(world.school)
    assert (record.ended_at, record.compromised_since) == (ended, since)
    later = DerecognizeIssuer(world.school.did, "diploma", since + 50)
    assert world.governed(later) == ResultCode.NO_CHANGE
    chain.govern(DerecognizeIssuer(world.school.did, "diploma", since - 50))
    assert world.recognition(world.school).compromised_since == since - 50


@clause("OP-17", "R39")
def test_an_end_is_refused(world: World) -> None:
    school = world.school.did
    missing = ResultCode.NOT_RECOGNIZED
    assert world.governed(DerecognizeIssuer(school, "diploma")) == missing
    assert world.governed(EndAccreditation(school, "diploma")) == missing
    world.chain.govern(RecognizeIssuer(school, "diploma", START))
    future = DerecognizeIssuer(school, "diploma", world.chain.time + 500)
    assert world.governed(future) == ResultCode.WINDOW_INVALID


@clause("OP-16", "OP-17", "C32")
def test_a_new_recognition_does_not_reach_back_over_a_compromise(world: World) -> None:
    chain, school = world.chain, world.school
    chain.govern(RecognizeIssuer(school.did, "diploma", START))
    chain.govern(DerecognizeIssuer(school.did, "diploma", START + 2))
    ended = chain.time
    back = RecognizeIssuer(school.did, "diploma", START)
    assert world.governed(back) == ResultCode.WINDOW_INVALID
    chain.govern(RecognizeIssuer(school.did, "diploma", ended))
    record = world.recognition(school)
    assert (record.valid_from, record.ended_at, record.compromised_since) == (ended, None, None)
    assert record.not_before == ended
    plain = RecognizeIssuer(world.college.did, "diploma", START)
    chain.govern(plain)
    chain.govern(DerecognizeIssuer(world.college.did, "diploma"))
    chain.govern(plain)
    assert world.recognition(world.college).ended_at is None


@clause("OP-17")
def test_an_accreditation_is_ended_by_who_gave_it_or_by_governance(world: World) -> None:
    chain = world.chain
    chain.do(world.ministry, Accredit(world.board.did, "diploma", START))
    end = EndAccreditation(world.board.did, "diploma")
    assert world.code(world.office, end) == ResultCode.NOT_PERMITTED
    chain.do(world.ministry, end)
    assert world.accreditation(world.board).ended_at == chain.time
    recognize = RecognizeIssuer(world.school.did, "diploma", START)
    assert world.code(world.board, recognize) == ResultCode.OUT_OF_SCOPE
    chain.govern(EndAccreditation(world.board.did, "diploma", chain.time))
    assert world.accreditation(world.board).compromised_since is not None


@clause("OP-16", "OP-17", "C32")
def test_a_floor_after_a_compromise_outlives_what_comes_after(world: World) -> None:
    chain, school = world.chain, world.school
    chain.govern(RecognizeIssuer(school.did, "diploma", START))
    chain.govern(DerecognizeIssuer(school.did, "diploma", START + 2))
    floor = chain.time
    chain.govern(RecognizeIssuer(school.did, "diploma", floor))
    assert world.recognition(school).not_before == floor
    back = RecognizeIssuer(school.did, "diploma", floor - 1)
    assert world.governed(back) == ResultCode.WINDOW_INVALID, "in a second step"
    chain.govern(DerecognizeIssuer(school.did, "diploma"))
    assert world.governed(back) == ResultCode.WINDOW_INVALID, "after a plain end"
    chain.govern(RecognizeIssuer(school.did, "diploma", floor, chain.time + 5))
    chain.time += 5
    direct = world.code(world.ministry, back)
    assert direct == ResultCode.WINDOW_INVALID, "by an accreditor once the window ran out"
    chain.govern(DerecognizeIssuer(school.did, "diploma", START))
    later = world.recognition(school).ended_at
    assert later is not None
    assert later > floor
    between = RecognizeIssuer(school.did, "diploma", floor)
    assert world.governed(between) == ResultCode.WINDOW_INVALID, "a second compromise raises it"
    chain.govern(RecognizeIssuer(school.did, "diploma", later))
    assert world.recognition(school).not_before == later


@clause("OP-16", "OP-17", "C32")
def test_an_accreditor_reopens_only_what_an_accreditor_ended_without_compromise(
    world: World,
) -> None:
    chain, ministry, school = world.chain, world.ministry, world.school
    give = RecognizeIssuer(school.did, "diploma", START)
    end = DerecognizeIssuer(school.did, "diploma")
    chain.do(ministry, give)
    chain.do(ministry, end)
    assert world.code(ministry, give) == ResultCode.OK, "its own end"
    chain.do(ministry, end)
    chain.govern(end)
    assert world.code(ministry, give) == ResultCode.NOT_PERMITTED, "an end that governance joins"
    assert world.governed(end) == ResultCode.NO_CHANGE
    chain.govern(give)
    assert world.recognition(school).ended_by_governance is False
    chain.govern(end)
    assert world.code(ministry, give) == ResultCode.NOT_PERMITTED, "an end by governance"
    college = RecognizeIssuer(world.college.did, "diploma", START)
    chain.do(ministry, college)
    chain.do(ministry, DerecognizeIssuer(world.college.did, "diploma", START))
    again = replace(college, valid_from=chain.time)
    assert world.code(ministry, again) == ResultCode.NOT_PERMITTED, "its own compromise"
    assert world.governed(again) == ResultCode.OK


@clause("OP-16", "OP-17", "C32")
def test_an_accreditation_is_reopened_and_reaches_back_no_further_either(world: World) -> None:
    chain, ministry, board = world.chain, world.ministry, world.board
    give = Accredit(board.did, "diploma", START)
    chain.do(ministry, give)
    chain.govern(EndAccreditation(board.did, "diploma"))
    assert world.code(ministry, give) == ResultCode.NOT_PERMITTED, "an end by governance"
    chain.govern(give)
    chain.govern(EndAccreditation(board.did, "diploma", START))
    floor = chain.time
    again = replace(give, valid_from=floor)
    assert world.code(ministry, again) == ResultCode.NOT_PERMITTED, "a compromise"
    chain.govern(again)
    assert world.accreditation(board).not_before == floor
    assert world.governed(give) == ResultCode.WINDOW_INVALID, "in a second step"


# --- What stands after a compromise ---------------------------------------------------------------


@clause("OP-16", "C32")
def test_who_a_thief_accredited_may_not_give_once_the_accreditor_is_back(world: World) -> None:
    chain, ministry, board = world.chain, world.ministry, world.board
    chain.do(ministry, Accredit(world.office.did, "diploma", START))
    chain.time += 10
    theft = chain.time
    chain.do(ministry, Accredit(board.did, "diploma", START, may_accredit=True))
    chain.do(board, Accredit(world.desk.did, "diploma", START))
    chain.govern(EndAccreditation(ministry.did, "diploma", theft))
    ended = chain.time
    chain.govern(Accredit(ministry.did, "diploma", ended, may_accredit=True))
    record = world.accreditation(ministry)
    assert (record.not_before, record.compromised_before) == (ended, theft)
    recognize = RecognizeIssuer(world.school.did, "diploma", START)
    assert world.code(board, recognize) == ResultCode.OUT_OF_SCOPE
    assert world.code(world.desk, recognize) == ResultCode.OUT_OF_SCOPE, "nor who is below it"
    assert world.code(world.office, recognize) == ResultCode.OK, "given before the theft"
    again = Accredit(board.did, "diploma", START, may_accredit=True)
    assert world.code(ministry, again) == ResultCode.OK, "given again as it was: that changes it"
    assert world.code(ministry, again) == ResultCode.NO_CHANGE
    college = RecognizeIssuer(world.college.did, "diploma", START)
    assert world.code(world.desk, college) == ResultCode.OK


@clause("OP-16", "C32")
@pytest.mark.parametrize("rest", [0, 1])
def test_what_has_the_time_of_the_end_may_be_from_before_it(world: World, rest: int) -> None:
    chain, ministry = world.chain, world.ministry
    theft = chain.time
    chain.govern(EndAccreditation(ministry.did, "diploma", theft))
    ended = chain.time
    give = chain.sign(
        chain.governor,
        Propose(Accredit(ministry.did, "diploma", ended, may_accredit=True), ended + 100),
    )
    chain.block(give, after=0)
    accredit = chain.sign(ministry, Accredit(world.board.did, "diploma", START))
    assert chain.block(accredit, after=rest).results[0].code == ResultCode.OK
    recognize = RecognizeIssuer(world.school.did, "diploma", START)
    expected = ResultCode.OK if rest else ResultCode.OUT_OF_SCOPE
    assert world.code(world.board, recognize) == expected


@clause("OP-16", "ST-16", "C32")
def test_every_later_window_carries_on_what_stood_before_a_compromise(world: World) -> None:
    chain, school = world.chain, world.school
    chain.govern(RecognizeIssuer(school.did, "diploma", START))
    record = world.recognition(school)
    assert (record.given_at, record.before) == (chain.time, b"")
    assert record.compromised_before is None
    first = chain.time - 3
    chain.govern(DerecognizeIssuer(school.did, "diploma", first))
    lost = value_hash(encode_record(world.recognition(school)))
    floor = chain.time
    chain.govern(RecognizeIssuer(school.did, "diploma", floor, floor + 4))
    given = chain.time
    record = world.recognition(school)
    assert (record.not_before, record.compromised_before) == (floor, first)
    assert (record.before, record.given_at) == (lost, given)
    chain.time = floor + 4
    often = [RecognizeIssuer(school.did, "diploma", floor + n) for n in range(300)]
    chain.do(world.ministry, *often)
    record = world.recognition(school)
    assert record.version.number == 3 + len(often)
    assert (record.before, record.compromised_before) == (lost, first)
    given = record.given_at
    chain.do(world.ministry, DerecognizeIssuer(school.did, "diploma", given))
    record = world.recognition(school)
    assert (record.before, record.given_at) == (lost, given)
    second = value_hash(encode_record(record))
    chain.govern(RecognizeIssuer(school.did, "diploma", chain.time))
    record = world.recognition(school)
    assert (record.before, record.compromised_before) == (second, first)


@clause("OP-16")
def test_to_give_again_what_stands_as_it_is_makes_no_version(world: World) -> None:
    chain, ministry, school, board = world.chain, world.ministry, world.school, world.board
    give = RecognizeIssuer(school.did, "diploma", START, START + 9000)
    accredit = Accredit(board.did, "diploma", START)
    for operation in (give, accredit):
        chain.do(ministry, operation)
        assert world.code(ministry, operation) == ResultCode.NO_CHANGE
    assert world.recognition(school).version.number == 1
    assert world.code(ministry, replace(accredit, may_accredit=True)) == ResultCode.OK
    assert world.code(ministry, replace(give, valid_until=START + 9001)) == ResultCode.OK
    chain.govern(give)
    assert world.governed(give) == ResultCode.NO_CHANGE
    chain.govern(DerecognizeIssuer(school.did, "diploma"))
    assert world.governed(give) == ResultCode.OK, "an ended one"


@clause("OP-17", "C32")
def test_governance_states_in_place_of_what_a_thief_stated(world: World) -> None:
    chain, ministry, school = world.chain, world.ministry, world.school
    chain.do(ministry, RecognizeIssuer(school.did, "diploma", START))
    chain.time += 100
    chain.do(ministry, DerecognizeIssuer(school.did, "diploma", 0))
    ended = chain.time
    later = DerecognizeIssuer(school.did, "diploma", ended - 50)
    assert world.code(ministry, later) == ResultCode.NO_CHANGE, "an accreditor moves it back only"
    chain.govern(later)
    record = world.recognition(school)
    assert (record.ended_at, record.compromised_since) == (ended, ended - 50)
    assert record.ended_by_governance
    assert world.governed(replace(later, compromised_since=ended)) == ResultCode.NO_CHANGE
    assert world.governed(replace(later, compromised_since=None)) == ResultCode.NO_CHANGE
    earlier = replace(later, compromised_since=0)
    assert world.code(ministry, earlier) == ResultCode.NOT_PERMITTED, "it is governance's now"
    assert world.governed(replace(later, compromised_since=ended - 60)) == ResultCode.OK


@clause("OP-17", "C32")
def test_governance_may_state_that_there_was_no_compromise(world: World) -> None:
    chain, ministry, board = world.chain, world.ministry, world.board
    give = Accredit(board.did, "diploma", START)
    chain.do(ministry, give)
    chain.do(ministry, EndAccreditation(board.did, "diploma", 0))
    chain.govern(EndAccreditation(board.did, "diploma"))
    record = world.accreditation(board)
    assert (record.compromised_since, record.ended_by_governance) == (None, True)
    chain.govern(give)
    record = world.accreditation(board)
    assert (record.not_before, record.compromised_before, record.before) == (None, None, b"")
