"""Whether an issuer had authority for a template at a time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from tests.support.clauses import clause
from weid import limits
from weid.registry.authority import (
    ACCREDITOR_DERECOGNIZED,
    ISSUER_DERECOGNIZED,
    Authority,
    issuer_authority,
)
from weid.registry.records import (
    AccreditationRecord,
    RecognitionRecord,
    TrustRecordT,
    Version,
)
from weid.registry.wire import encode_record, value_hash

SCHOOL, MINISTRY, BOARD = "did:weid:demo:school", "did:weid:demo:ministry", "did:weid:demo:board"
V = Version(1, 1, 1)


def recognition(**changes: object) -> RecognitionRecord:
    record = RecognitionRecord(
        SCHOOL, "diploma", "", 1000, None, None, None, False, 1, None, None, b"", V
    )
    return replace(record, **changes)  # type: ignore[arg-type]


def accreditation(holder: str = MINISTRY, **changes: object) -> AccreditationRecord:
    record = AccreditationRecord(
        holder, "diploma", "", True, 500, None, None, None, False, 1, None, None, b"", V
    )
    return replace(record, **changes)  # type: ignore[arg-type]


@dataclass
class Trust:
    """A reader of what is put in; of versions of one record the last is the newest."""

    recognitions: list[RecognitionRecord] = field(default_factory=list)
    accreditations: list[AccreditationRecord] = field(default_factory=list)
    looked_back: int = 0

    def recognition(self, issuer: str, cpt_id: str) -> RecognitionRecord | None:
        found = [r for r in self.recognitions if (r.issuer, r.cpt_id) == (issuer, cpt_id)]
        return found[-1] if found else None

    def accreditation(self, accreditor: str, cpt_id: str) -> AccreditationRecord | None:
        found = [a for a in self.accreditations if (a.accreditor, a.cpt_id) == (accreditor, cpt_id)]
        return found[-1] if found else None

    def former(self, record: TrustRecordT) -> TrustRecordT | None:
        self.looked_back += 1
        for one in (*self.recognitions, *self.accreditations):
            if isinstance(one, type(record)) and hash_of(one) == record.before:
                return one
        return None


def hash_of(record: RecognitionRecord | AccreditationRecord) -> bytes:
    return value_hash(encode_record(record))


def again_after(lost: TrustRecordT, **changes: object) -> TrustRecordT:
    """Return the window that is given after a record ended as compromised."""
    since = lost.compromised_since
    assert since is not None
    earlier = lost.compromised_before
    given = replace(
        lost,
        ended_at=None,
        compromised_since=None,
        not_before=lost.ended_at,
        compromised_before=since if earlier is None else min(since, earlier),
        before=hash_of(lost),
    )
    return replace(given, **changes)  # type: ignore[arg-type]


def reader_of(*records: RecognitionRecord | AccreditationRecord) -> Trust:
    return Trust(
        [r for r in records if isinstance(r, RecognitionRecord)],
        [r for r in records if isinstance(r, AccreditationRecord)],
    )


def judge(
    *records: RecognitionRecord | AccreditationRecord, at: int = 2000, lag: int = 0
) -> Authority:
    return issuer_authority(reader_of(*records), SCHOOL, "diploma", at, lag=lag)


BY_MINISTRY = recognition(recognized_by=MINISTRY)


@clause("ST-16")
def test_governance_recognizes_directly() -> None:
    assert judge(recognition()) == Authority(recognized=True)


@clause("ST-16")
def test_an_accreditor_recognizes_below_governance() -> None:
    assert judge(BY_MINISTRY, accreditation()) == Authority(recognized=True, path=(MINISTRY,))
    deep = judge(BY_MINISTRY, accreditation(accredited_by=BOARD), accreditation(BOARD))
    assert deep == Authority(recognized=True, path=(MINISTRY, BOARD))


NO_AUTHORITY: dict[str, tuple[list[RecognitionRecord | AccreditationRecord], int]] = {
    "nobody recognized": ([], 2000),
    "an issuer of another template": ([recognition(cpt_id="licence")], 2000),
    "an accreditor's own DID": ([replace(accreditation(), accreditor=SCHOOL)], 2000),
    "before the recognition begins": ([recognition()], 999),
    "when the recognition has run out": ([recognition(valid_until=2000)], 2000),
    "after the recognition ended": ([recognition(ended_at=2000)], 2000),
    "an accreditor that is unknown": ([BY_MINISTRY], 2000),
    "an accreditor for another template": ([BY_MINISTRY, accreditation(cpt_id="x")], 2000),
    "before the accreditation begins": ([BY_MINISTRY, accreditation(valid_from=2001)], 2000),
    "when the accreditation has run out": ([BY_MINISTRY, accreditation(valid_until=1500)], 2000),
    "after the accreditation ended": ([BY_MINISTRY, accreditation(ended_at=1500)], 2000),
    "an accreditor above that may not accredit": (
        [BY_MINISTRY, accreditation(accredited_by=BOARD), accreditation(BOARD, may_accredit=False)],
        2000,
    ),
    "accreditors in a circle": (
        [
            BY_MINISTRY,
            accreditation(accredited_by=BOARD),
            accreditation(BOARD, accredited_by=MINISTRY),
        ],
        2000,
    ),
    "five accreditors deep": (
        [
            BY_MINISTRY,
            accreditation(accredited_by="a"),
            accreditation("a", accredited_by="b"),
            accreditation("b", accredited_by="c"),
            accreditation("c", accredited_by="d"),
            accreditation("d"),
        ],
        2000,
    ),
}


@clause("ST-16", "C6", "C32", "C34")
@pytest.mark.parametrize("case", NO_AUTHORITY)
def test_there_is_no_authority_for(case: str) -> None:
    records, at = NO_AUTHORITY[case]
    assert judge(*records, at=at) == Authority(recognized=False)


@clause("ST-16", "C32")
def test_what_ended_later_warns() -> None:
    ended = judge(recognition(ended_at=3000))
    assert ended == Authority(recognized=True, warnings=(ISSUER_DERECOGNIZED,))
    above = judge(BY_MINISTRY, accreditation(ended_at=3000))
    assert (above.recognized, above.warnings) == (True, (ACCREDITOR_DERECOGNIZED,))
    both = judge(
        replace(BY_MINISTRY, ended_at=2500),
        accreditation(accredited_by=BOARD),
        accreditation(BOARD, ended_at=3000),
    )
    assert both.warnings == (ISSUER_DERECOGNIZED, ACCREDITOR_DERECOGNIZED)


@clause("ST-16", "C32")
def test_the_earliest_compromise_above_an_issuer_comes_down_to_it() -> None:
    own = judge(recognition(ended_at=3000, compromised_since=2500))
    assert (own.recognized, own.compromised_since) == (True, 2500)
    above = judge(
        replace(BY_MINISTRY, ended_at=3000, compromised_since=2500),
        accreditation(accredited_by=BOARD, ended_at=3000, compromised_since=1200),
        accreditation(BOARD),
    )
    assert (above.recognized, above.compromised_since) == (True, 1200)


@clause("ST-16")
def test_a_lag_of_block_times_widens_both_ends() -> None:
    reader = Trust([recognition(ended_at=3000)])
    assert issuer_authority(reader, SCHOOL, "diploma", 950, lag=60).recognized
    assert issuer_authority(reader, SCHOOL, "diploma", 3050, lag=60).recognized
    assert not issuer_authority(reader, SCHOOL, "diploma", 939, lag=60).recognized
    assert not issuer_authority(reader, SCHOOL, "diploma", 3060, lag=60).recognized


@clause("ST-16")
def test_four_accreditors_deep_is_as_deep_as_it_goes() -> None:
    chain = [accreditation(accredited_by="a")]
    chain += [accreditation("a", accredited_by="b"), accreditation("b", accredited_by="c")]
    assert judge(BY_MINISTRY, *chain, accreditation("c")).path == (MINISTRY, "a", "b", "c")


# --- What was given again after a compromise ------------------------------------------------------


@clause("ST-16", "C32")
def test_nothing_from_before_the_end_of_a_compromise_counts_where_nobody_knows_what_was_then() -> (
    None
):
    again = recognition(valid_from=2000, not_before=2000)
    above = accreditation(valid_from=500, not_before=2000)
    links: dict[str, list[RecognitionRecord | AccreditationRecord]] = {
        "the issuer's": [again],
        "its accreditor's": [replace(BY_MINISTRY, valid_from=500, given_at=2100), above],
    }
    for name, records in links.items():
        for at, counts in ((1999, False), (2000, True)):
            assert judge(*records, at=at, lag=60).recognized is counts, f"{name} at {at}"


def at(number: int, time: int) -> Version:
    return Version(number, number, time)


FIRST = recognition(given_at=900, version=at(1, 900))
LOST = replace(FIRST, ended_at=3000, compromised_since=2500, version=at(2, 3000))
AGAIN = again_after(LOST, valid_from=3100, given_at=3050, version=at(3, 3050))
LOST_AGAIN = replace(AGAIN, ended_at=5000, compromised_since=4500, version=at(4, 5000))
THIRD = again_after(LOST_AGAIN, valid_from=5000, given_at=5000, version=at(5, 5000))
HISTORY = (FIRST, LOST, AGAIN, LOST_AGAIN, THIRD)
ENDED = (ISSUER_DERECOGNIZED,)

WINDOWS: dict[str, tuple[int, int, Authority]] = {
    "before the first": (999, 3, Authority(recognized=False)),
    "in the first": (1000, 3, Authority(True, ENDED, 2500)),
    "in the first, after its compromise": (2600, 3, Authority(True, ENDED, 2500)),
    "at the end of the first, which only the lag reaches": (
        3000,
        3,
        Authority(recognized=False),
    ),
    "between the two": (3050, 3, Authority(recognized=False)),
    "in the second": (3100, 3, Authority(True)),
    "in the first, when the second is lost too": (2000, 4, Authority(True, ENDED, 2500)),
    "in the second, when it is lost": (4000, 4, Authority(True, ENDED, 4500)),
    "in the first, of three": (2000, 5, Authority(True, ENDED, 2500)),
    "between the first two, of three": (3050, 5, Authority(recognized=False)),
    "in the second, of three": (4000, 5, Authority(True, ENDED, 4500)),
    "in the second after its compromise, of three": (4600, 5, Authority(True, ENDED, 4500)),
    "in the third": (5000, 5, Authority(True)),
}


@clause("ST-16", "VF-34", "C32")
@pytest.mark.parametrize("case", WINDOWS)
def test_a_time_before_a_compromise_ended_is_judged_by_what_stood_then(case: str) -> None:
    time, versions, expected = WINDOWS[case]
    assert judge(*HISTORY[:versions], at=time) == expected


@clause("ST-16", "C32")
def test_giving_it_again_changes_nothing_for_the_time_before() -> None:
    for time in range(900, 3000, 50):
        for lag in (0, 60):
            before = judge(FIRST, LOST, at=time, lag=lag)
            assert judge(FIRST, LOST, AGAIN, at=time, lag=lag) == before


@clause("ST-16", "C32")
def test_the_lag_never_takes_a_new_window_back_over_a_compromise() -> None:
    soon = replace(AGAIN, valid_from=3000)
    assert judge(FIRST, LOST, soon, at=2999, lag=60).compromised_since == 2500
    assert judge(FIRST, LOST, soon, at=3000, lag=60) == Authority(True)


@clause("ST-16", "C32")
def test_an_earlier_date_that_a_later_window_states_holds_for_the_earlier_ones() -> None:
    stated = replace(LOST_AGAIN, compromised_since=1500)
    third = again_after(stated, valid_from=5000, version=at(5, 5000))
    for versions in ((FIRST, LOST, AGAIN, stated), (FIRST, LOST, AGAIN, stated, third)):
        assert judge(*versions, at=1200).compromised_since == 1500
        assert judge(*versions, at=4000).compromised_since == 1500


@clause("ST-16")
def test_versions_in_between_change_nothing() -> None:
    marked = replace(LOST, compromised_since=2800, version=at(2, 2900))
    longer = replace(AGAIN, valid_until=9000, version=at(4, 3200))
    versions = (FIRST, replace(FIRST, valid_until=8000), marked, LOST, AGAIN, longer)
    assert judge(*versions, at=2000) == Authority(True, ENDED, 2500)


@clause("ST-16")
def test_today_is_judged_without_looking_back() -> None:
    reader = reader_of(*HISTORY)
    assert issuer_authority(reader, SCHOOL, "diploma", 5000, lag=60).recognized
    assert reader.looked_back == 0


@clause("ST-16", "C32")
def test_versions_written_since_do_not_push_out_what_stood_before_a_compromise() -> None:
    often = [replace(AGAIN, version=at(3 + n, 3050)) for n in range(2 * limits.TRUST_VERSIONS)]
    reader = reader_of(FIRST, LOST, *often)
    before = issuer_authority(reader, SCHOOL, "diploma", 2000, lag=0)
    assert before == Authority(True, ENDED, 2500)
    assert reader.looked_back == 1


@clause("ST-16")
def test_a_reader_that_always_has_one_more_is_not_asked_for_ever() -> None:
    class Endless(Trust):
        def former(self, record: TrustRecordT) -> TrustRecordT | None:
            self.looked_back += 1
            return record

    reader = Endless([AGAIN])
    assert not issuer_authority(reader, SCHOOL, "diploma", 2000, lag=0).recognized
    assert reader.looked_back == limits.TRUST_VERSIONS


@clause("ST-16", "C32")
def test_the_accreditor_of_then_is_asked_for_what_it_gave() -> None:
    by_board = replace(FIRST, recognized_by=BOARD)
    lost = replace(LOST, recognized_by=BOARD)
    by_ministry = replace(again_after(lost), valid_from=3100, recognized_by=MINISTRY)
    records = (by_board, lost, by_ministry, accreditation(), accreditation(BOARD))
    assert judge(*records, at=2000) == Authority(True, ENDED, 2500, (BOARD,))
    assert judge(*records, at=3500) == Authority(recognized=True, path=(MINISTRY,))


@clause("ST-16", "C32")
def test_an_accreditation_given_again_is_judged_like_a_recognition() -> None:
    first = accreditation(version=at(1, 400))
    lost = replace(first, ended_at=3000, compromised_since=2500, version=at(2, 3000))
    again = again_after(lost, valid_from=3000, version=at(3, 3000))
    school = replace(BY_MINISTRY, given_at=900)
    warned = (ACCREDITOR_DERECOGNIZED,)
    assert judge(school, first, lost, again, at=2000) == Authority(True, warned, 2500, (MINISTRY,))
    assert judge(school, first, lost, again, at=3000) == Authority(True, path=(MINISTRY,))
    below = (school, accreditation(accredited_by=BOARD, given_at=900))
    narrower = replace(lost, accreditor=BOARD, may_accredit=False)
    wider = again_after(narrower, valid_from=3000, may_accredit=True)
    assert not judge(*below, narrower, wider, at=2000).recognized, "it might not accredit then"
    assert judge(*below, narrower, wider, at=3000).recognized


# --- What a stolen accreditation gave -------------------------------------------------------------


@clause("ST-16", "C32")
def test_what_an_accreditor_gave_after_its_compromise_counts_for_no_time_at_all() -> None:
    stolen = accreditation(ended_at=3000, compromised_since=2500, version=at(2, 3000))
    for given, counts in ((2439, True), (2440, False), (2600, False)):
        friend = replace(BY_MINISTRY, valid_from=1000, given_at=given)
        assert judge(friend, stolen, at=1500, lag=60).recognized is counts, given
        ended = replace(friend, ended_at=4000, version=at(2, 4000))
        assert judge(ended, stolen, at=1500, lag=60).recognized is counts, given


@clause("ST-16", "C32")
def test_nor_does_what_was_given_below_it() -> None:
    stolen = accreditation(BOARD, ended_at=3000, compromised_since=2500, version=at(2, 3000))
    for middle, given, counts in ((2000, 2100, True), (2000, 2600, False), (2600, 2600, False)):
        below = accreditation(accredited_by=BOARD, given_at=middle)
        school = replace(BY_MINISTRY, given_at=given)
        assert judge(school, below, stolen, at=1500).recognized is counts, (middle, given)


STOLEN = accreditation(ended_at=3000, compromised_since=2500, version=at(2, 3000))
MENDED = again_after(STOLEN, valid_from=3000, version=at(3, 3000))

GIVEN: dict[int, bool] = {
    2439: True,  # before, by more than the lag
    2440: False,  # the clock may have been past it
    2600: False,
    2999: False,
    3000: False,  # perhaps a moment before the end
    3001: True,
}


@clause("ST-16", "C32")
@pytest.mark.parametrize("given", GIVEN)
def test_what_a_thief_gave_does_not_come_back_when_the_accreditor_does(given: int) -> None:
    friend = replace(BY_MINISTRY, given_at=given)
    assert judge(friend, STOLEN, MENDED, at=6000, lag=60).recognized is GIVEN[given]
    # Nor what another accreditor gave below one that the thief accredited.
    of_board = again_after(replace(STOLEN, accreditor=BOARD))
    below = accreditation(accredited_by=BOARD, given_at=given)
    school = replace(BY_MINISTRY, given_at=4000)
    assert judge(school, below, of_board, at=6000, lag=60).recognized is GIVEN[given]


@clause("ST-16", "C32")
def test_after_several_compromises_only_what_was_given_outside_all_of_them_counts() -> None:
    lost = replace(MENDED, ended_at=5000, compromised_since=4500)
    third = again_after(lost, valid_from=5000)
    assert (third.not_before, third.compromised_before) == (5000, 2500)
    for given, now, then in ((2000, True, True), (2600, False, False), (3500, False, True)):
        school = replace(BY_MINISTRY, given_at=given)
        records = (school, STOLEN, lost, third)
        assert judge(*records, at=6000).recognized is now, given
        assert judge(*records, at=4000).recognized is then, given
    assert judge(replace(BY_MINISTRY, given_at=5001), third, at=6000).recognized


@clause("ST-16")
def test_an_end_without_a_beginning_of_a_compromise_lets_nothing_before_it_count() -> None:
    unknown = replace(MENDED, compromised_before=None)
    assert not judge(replace(BY_MINISTRY, given_at=100), unknown, at=6000).recognized
    assert judge(replace(BY_MINISTRY, given_at=3001), unknown, at=6000).recognized
