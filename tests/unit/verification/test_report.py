"""Reports: verdicts, words, exit codes, and the one way to the claims."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import json
import pickle
import re
import string
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.clauses import clause
from weid.errors import RejectedError, UndeterminedError
from weid.verification import examine, presentation
from weid.verification.checks import TABLE
from weid.verification.presentation import CredentialFacts, VerifiedPresentation
from weid.verification.reasons import REASONS, Reason, reason
from weid.verification.report import (
    CHECKS,
    Check,
    Conclusion,
    Outcome,
    RegistryState,
    Verdict,
    VerificationReport,
    verdict_of,
)

P, F, S, U = Outcome.PASSED, Outcome.FAILED, Outcome.SKIPPED, Outcome.UNDETERMINED
FACTS = CredentialFacts("did:weid:test:x", "Test", "t", "Diploma", 0, None, None)
WORDS = {P: "format_good", F: "revoked", S: "needs_earlier", U: "registry_unavailable"}


def check(name: str, outcome: Outcome) -> Check:
    return Check(name, outcome, reason(WORDS[outcome], check="format"))


def sealed() -> VerifiedPresentation:
    return VerifiedPresentation({"name": "Ada"}, FACTS, (), seal=presentation._SEAL)


def report(
    outcomes: dict[str, Outcome], *, expected: tuple[str, ...] = CHECKS
) -> VerificationReport:
    checks = tuple(check(name, outcome) for name, outcome in outcomes.items())
    return VerificationReport(
        checks=checks, expected=expected, verified_at=1_780_000_000, _verified=sealed()
    )


ALL_PASSED = dict.fromkeys(CHECKS, P)


@clause("VF-01", "VF-11")
def test_the_table_has_every_check_in_order_and_needs_only_earlier_ones():
    assert tuple(TABLE) == CHECKS
    for place, row in enumerate(TABLE.values()):
        assert set(row.needs) <= set(CHECKS[:place])


@clause("VF-02")
@pytest.mark.parametrize("outcomes", list(itertools.product(Outcome, repeat=3)))
def test_the_verdict_is_accepted_only_when_all_passed(outcomes: tuple[Outcome, ...]):
    names = ("format", "status", "key_binding")
    checks = tuple(check(name, outcome) for name, outcome in zip(names, outcomes, strict=True))
    verdict = verdict_of(checks, names)
    assert (verdict is Verdict.ACCEPTED) == (set(outcomes) == {P})
    assert (verdict is Verdict.REJECTED) == (F in outcomes)


OTHER_LISTS: dict[str, tuple[dict[str, Outcome], tuple[str, ...]]] = {
    "a check is missing": ({"format": P}, ("format", "status")),
    "a check too many": ({"format": P, "status": P}, ("format",)),
    "another order": ({"status": P, "format": P}, ("format", "status")),
    "nothing expected": ({}, ()),
}


@clause("VF-02", "V18")
@pytest.mark.parametrize(("made", "expected"), OTHER_LISTS.values(), ids=OTHER_LISTS.keys())
def test_a_list_other_than_the_expected_one_is_rejected(
    made: dict[str, Outcome], expected: tuple[str, ...]
):
    found = report(made, expected=expected)
    assert found.verdict is Verdict.REJECTED
    assert not found.accepted
    with pytest.raises(RejectedError) as refused:
        found.require()
    assert refused.value.report is found
    assert found.exit_code == 1


@clause("VF-03", "V18")
def test_a_list_of_passes_without_a_verification_is_rejected():
    checks = tuple(check(name, P) for name in CHECKS)
    made_up = VerificationReport(checks=checks, expected=CHECKS, verified_at=0)
    assert made_up.verdict is Verdict.REJECTED
    assert made_up.exit_code == 1
    with pytest.raises(RejectedError):
        made_up.require()


def _replace() -> object:
    return dataclasses.replace(sealed())  # type: ignore[type-var]


def _subclass() -> object:
    return type("Forged", (VerifiedPresentation,), {})


MADE_ELSEWHERE: dict[str, Callable[[], object]] = {
    "called": lambda: VerifiedPresentation({}, FACTS, ()),
    "called with a guess": lambda: VerifiedPresentation({}, FACTS, (), seal=object()),
    "subclassed": _subclass,
    "replaced": _replace,
    "copied": lambda: copy.copy(sealed()),
    "deeply copied": lambda: copy.deepcopy(sealed()),
    "pickled": lambda: pickle.dumps(sealed()),
    "assigned to": lambda: setattr(sealed(), "claims", {}),
    "made without a constructor": lambda: object.__new__(VerifiedPresentation).claims,
    "claims altered": lambda: sealed().claims.__setitem__("name", "Eve"),  # type: ignore[attr-defined]
}


@clause("VF-03", "V18")
@pytest.mark.parametrize("make", MADE_ELSEWHERE.values(), ids=MADE_ELSEWHERE.keys())
def test_verified_claims_cannot_be_made_or_altered_elsewhere(make: Callable[[], object]):
    with pytest.raises((TypeError, AttributeError)):
        make()


@clause("VF-03", "V18")
def test_only_examine_knows_the_seal():
    root = Path(presentation.__file__).parents[2]
    holders = {
        path.name
        for package in ("weid", "registry_chain", "issuer_app", "verifier_app")
        for path in (root / package).rglob("*.py")
        if re.search(r"\b_SEAL\b", path.read_text("utf-8"))
    }
    assert holders == {Path(presentation.__file__).name, Path(examine.__file__).name}


def test_a_verified_presentation_tells_what_it_is_without_its_claims():
    verified = sealed()
    assert "Ada" not in repr(verified)
    assert verified.claims == {"name": "Ada"}
    assert (verified.issuer, verified.issuer_name, verified.vct) == ("did:weid:test:x", "Test", "t")
    assert (verified.facts, verified.warnings) == (FACTS, ())


@clause("VF-04")
def test_a_report_has_no_truth_value():
    with pytest.raises(TypeError):
        bool(report(ALL_PASSED))


@clause("VF-04")
def test_require_gives_the_claims_of_an_accepted_report():
    assert report(ALL_PASSED).require().claims == {"name": "Ada"}


CONCLUSIONS: dict[str, tuple[dict[str, Outcome], Conclusion, int]] = {
    "all passed": (ALL_PASSED, Conclusion.VALID, 0),
    "format failed": ({**ALL_PASSED, "format": F}, Conclusion.NOT_VALID, 1),
    "issuer_key failed": ({**ALL_PASSED, "issuer_key": F}, Conclusion.NOT_VALID, 13),
    "issuer_signature failed": ({**ALL_PASSED, "issuer_signature": F}, Conclusion.NOT_VALID, 10),
    "issuer_recognition failed": (
        {**ALL_PASSED, "issuer_recognition": F},
        Conclusion.NOT_VALID,
        13,
    ),
    "disclosure_integrity failed": (
        {**ALL_PASSED, "disclosure_integrity": F},
        Conclusion.NOT_VALID,
        10,
    ),
    "template_conformance failed": (
        {**ALL_PASSED, "template_conformance": F},
        Conclusion.NOT_VALID,
        1,
    ),
    "validity_period failed": ({**ALL_PASSED, "validity_period": F}, Conclusion.NOT_VALID, 12),
    "status failed": ({**ALL_PASSED, "status": F}, Conclusion.NOT_VALID, 11),
    "key_binding failed": ({**ALL_PASSED, "key_binding": F}, Conclusion.NOT_VALID, 14),
    "request_binding failed": ({**ALL_PASSED, "request_binding": F}, Conclusion.NOT_VALID, 14),
    "requested_claims failed": ({**ALL_PASSED, "requested_claims": F}, Conclusion.NOT_VALID, 1),
    "the first failed one counts": (
        {**ALL_PASSED, "validity_period": F, "status": F},
        Conclusion.NOT_VALID,
        12,
    ),
    "a failure after something unknown": (
        {**ALL_PASSED, "status": U, "key_binding": F},
        Conclusion.NOT_VALID,
        14,
    ),
    "status unknown": ({**ALL_PASSED, "status": U}, Conclusion.COULD_NOT_CHECK, 20),
    "unknown and skipped": (
        {**ALL_PASSED, "issuer_key": U, "issuer_signature": S},
        Conclusion.COULD_NOT_CHECK,
        20,
    ),
    "only skipped": ({**ALL_PASSED, "status": S}, Conclusion.COULD_NOT_CHECK, 20),
}


@clause("VF-05", "VF-08")
@pytest.mark.parametrize(
    ("outcomes", "conclusion", "code"), CONCLUSIONS.values(), ids=CONCLUSIONS.keys()
)
def test_word_and_exit_code_follow_from_the_checks(
    outcomes: dict[str, Outcome], conclusion: Conclusion, code: int
):
    found = report(outcomes)
    assert found.conclusion is conclusion
    assert found.exit_code == code
    if conclusion is not Conclusion.VALID:
        error = UndeterminedError if code == 20 else RejectedError
        with pytest.raises(error) as refused:
            found.require()
        problem = found.first_problem
        assert problem is not None
        assert problem.name in str(refused.value)
        assert refused.value.hint == problem.reason.hint


@clause("VF-05")
def test_a_warning_makes_valid_but_check():
    warning = reason("registry_state_old", age="2 days")
    checks = tuple(
        Check(name, P, reason("format_good"), (warning,) if name == "status" else ())
        for name in CHECKS
    )
    found = VerificationReport(checks=checks, expected=CHECKS, verified_at=0, _verified=sealed())
    assert found.conclusion is Conclusion.VALID_BUT_CHECK
    assert found.warnings == (warning,)
    assert found.exit_code == 0
    assert warning.sentence in str(found)
    assert str(warning.hint) in str(found)


def test_a_report_prints_one_line_for_each_check():
    lines = str(report(ALL_PASSED)).splitlines()
    assert lines[0] == "valid"
    assert [line.split()[1] for line in lines[1:]] == list(CHECKS)


def test_a_report_prints_what_to_do():
    hint = reason("revoked").hint
    assert str(report({**ALL_PASSED, "status": F})).endswith(f"→ {hint}")


def test_a_report_as_json_has_everything_but_claims():
    state = RegistryState("test", 7, 1_780_000_000, 30)
    found = dataclasses.replace(report({**ALL_PASSED, "status": F}), registry=state)
    value = found.to_json()
    assert "Ada" not in json.dumps(value)
    assert value["verdict"] == "rejected"
    assert value["exit_code"] == 11
    assert value["registry"] == {
        "network": "test",
        "height": 7,
        "time": "2026-05-28T20:26:40Z",
        "age": 30,
    }
    assert report(ALL_PASSED).to_json()["registry"] is None


def test_a_check_is_found_by_name():
    found = report(ALL_PASSED)
    assert found.check("status") == found.checks[7]
    assert found.check("mood") is None


@clause("VF-06")
@pytest.mark.parametrize("code", REASONS)
def test_each_code_has_a_sentence_that_its_parameters_fill(code: str):
    text = REASONS[code]
    names = {
        name
        for part in (text.sentence, text.hint or "")
        for _, name, _, _ in string.Formatter().parse(part)
        if name is not None
    }
    filled = reason(code, **dict.fromkeys(names, "x"))
    assert filled.sentence
    assert "{" not in filled.sentence + (filled.hint or "")
    assert filled.to_json()["code"] == code


@clause("VF-06")
def test_a_code_outside_the_table_is_refused():
    with pytest.raises(KeyError):
        reason("because")


ODD: dict[str, tuple[str, str]] = {
    "a line of its own": ("x\n  passed  format", r"x\u000a  passed  format"),
    "a terminal's command": ("x\x1b[2J", r"x\u001b[2J"),
    "a change of direction": ("x\u202ey", r"x\u202ey"),
    "an unseen character": ("x\u200by\u2028", r"x\u200by\u2028"),
    "a half of a pair": ("x\ud800", r"x\ud800"),
    "past the first plane": ("\U000e0041", r"\U000e0041"),
    "a brace": ("{x}{0}", "{x}{0}"),
    "letters": ("學歷 Größe", "學歷 Größe"),
}


@clause("VF-06")
@pytest.mark.parametrize(("text", "told"), ODD.values(), ids=ODD)
def test_a_name_cannot_write_into_a_report(text: str, told: str):
    for made in (reason("claims_missing", paths=text), Reason("claims_missing", {"paths": text})):
        assert made.parameters["paths"] == told
        assert made.sentence == f"lacks what was asked for: {told}"
        assert made.sentence.isprintable()


@clause("VF-06")
def test_a_name_cannot_fill_a_report():
    assert len(reason("claims_missing", paths="x" * 300).parameters["paths"]) == 300
    for text in ("x" * 301, "\n" * 300, "x" * 10_000):
        told = reason("claims_missing", paths=text).parameters["paths"]
        assert len(told) <= 300
        assert told.endswith("…")
