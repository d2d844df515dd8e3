"""Whether an issuer had authority for a template at a time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from tests.support.clauses import clause
from weid.registry.authority import (
    ACCREDITOR_DERECOGNIZED,
    ISSUER_DERECOGNIZED,
    Authority,
    issuer_authority,
)
from weid.registry.records import AccreditationRecord, RecognitionRecord, Version

SCHOOL, MINISTRY, BOARD = "did:weid:demo:school", "did:weid:demo:ministry", "did:weid:demo:board"
V = Version(1, 1, 1)


def recognition(**changes: object) -> RecognitionRecord:
    record = RecognitionRecord(SCHOOL, "diploma", "", 1000, None, None, None, False, None, V)
    return replace(record, **changes)  # type: ignore[arg-type]


def accreditation(holder: str = MINISTRY, **changes: object) -> AccreditationRecord:
    record = AccreditationRecord(holder, "diploma", "", True, 500, None, None, None, False, None, V)
    return replace(record, **changes)  # type: ignore[arg-type]


@dataclass
class Trust:
    """A reader of what is put in."""

    recognitions: list[RecognitionRecord] = field(default_factory=list)
    accreditations: list[AccreditationRecord] = field(default_factory=list)

    def recognition(self, issuer: str, cpt_id: str) -> RecognitionRecord | None:
        found = [r for r in self.recognitions if (r.issuer, r.cpt_id) == (issuer, cpt_id)]
        return found[0] if found else None

    def accreditation(self, accreditor: str, cpt_id: str) -> AccreditationRecord | None:
        found = [a for a in self.accreditations if (a.accreditor, a.cpt_id) == (accreditor, cpt_id)]
        return found[0] if found else None


def judge(*records: RecognitionRecord | AccreditationRecord, at: int = 2000) -> Authority:
    reader = Trust(
        [r for r in records if isinstance(r, RecognitionRecord)],
        [r for r in records if isinstance(r, AccreditationRecord)],
    )
    return issuer_authority(reader, SCHOOL, "diploma", at)


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


@clause("ST-16", "C32")
def test_nothing_from_before_the_end_of_a_compromise_counts_even_within_the_lag() -> None:
    again = recognition(valid_from=2000, not_before=2000)
    above = accreditation(valid_from=500, not_before=2000)
    links: dict[str, list[RecognitionRecord | AccreditationRecord]] = {
        "the issuer's": [again],
        "its accreditor's": [replace(BY_MINISTRY, valid_from=500), above],
    }
    for name, records in links.items():
        reader = Trust(
            [r for r in records if isinstance(r, RecognitionRecord)],
            [r for r in records if isinstance(r, AccreditationRecord)],
        )
        for at, counts in ((1999, False), (2000, True)):
            judged = issuer_authority(reader, SCHOOL, "diploma", at, lag=60)
            assert judged.recognized is counts, f"{name} at {at}"
