"""docs/conformance.md is what specs, tests and results say, and every test that it names exists."""

from __future__ import annotations

import copy
import os
import re
import subprocess
import sys
from collections import Counter

import pytest

from tools import conformance, peer_runs
from tools.clauses import later, written
from tools.suite_checks import PLANS, all_tests

KEPT = conformance.load()
TEXT = conformance.PAGE.read_text(encoding="utf-8")


@pytest.fixture
def without_vectors(monkeypatch):
    monkeypatch.setattr(conformance, "FOLDER", None)


def test_the_page_is_what_is_generated(without_vectors):
    assert list(conformance.faults(KEPT)) == [], "run: make conformance"


def test_every_test_that_makes_a_check_of_the_suite_exists():
    # A process of its own: collecting within a test would mix with the run that this is part of.
    files = sorted({test.partition("::")[0] for test in all_tests()})
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *files],
        cwd=conformance.ROOT,
        env={name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"},
        capture_output=True,
        text=True,
        check=True,
    )
    missing = set(all_tests()) - set(found.stdout.splitlines())
    assert not missing


def test_every_check_of_the_suite_has_a_test_or_a_reason_and_not_both():
    checks = [check for plan in PLANS for check in plan.checks]
    assert all(bool(check.tests) != bool(check.not_done) for check in checks)
    for plan in PLANS:
        names = [check.what for check in plan.checks]
        assert len(names) == len(set(names))
    assert [check.what for check in checks if check.not_done] == ["session transcript of an mdoc"]


def test_every_clause_counts_once():
    rows = re.findall(r"^\| .* \| \[(\S+)\]\(\S+\) \| (\d+) \| (\d+) \|$", TEXT, re.MULTILINE)
    assert {name: int(number) for name, number, _ in rows} == Counter(written().values())
    assert all(int(tests) for _, _, tests in rows)


def test_tests_are_counted_by_function_wherever_the_mark_stands(tmp_path, monkeypatch):
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "test_one.py").write_text(
        "pytestmark = [clause('A-1')]\n"
        "@clause('B-1', 'B-2')\ndef test_x(): ...\n"
        "@parametrize(marks=pytest.mark.clause('B-2'))\ndef test_y(): ...\n"
        "def helper(): clause('B-1')\n"
        "class T:\n    def test_z(self): clause('B-1')\n"
    )
    monkeypatch.setattr(conformance, "ROOT", tmp_path)
    pages = {"A-1": "a.md", "B-1": "b.md", "B-2": "b.md"}
    monkeypatch.setattr(conformance, "written", lambda: pages)
    assert conformance.tests_by_page() == {"a.md": 3, "b.md": 2}


def test_more_tests_than_are_told_of_are_no_fault_and_fewer_are(without_vectors, monkeypatch):
    fewer = {name: number - 1 for name, number in KEPT["tests"].items()}
    monkeypatch.setattr(conformance, "tests_by_page", lambda: fewer)
    assert len(list(conformance.faults(KEPT))) == len(fewer)
    more = {name: number + 1 for name, number in KEPT["tests"].items()}
    monkeypatch.setattr(conformance, "tests_by_page", lambda: more)
    assert list(conformance.faults(KEPT)) == []


def test_other_results_of_the_vectors_are_a_fault(monkeypatch):
    other = copy.deepcopy({name: KEPT[name] for name in ("files", "sets", "left_out")})
    monkeypatch.setattr(conformance, "FOLDER", "somewhere")
    monkeypatch.setattr(conformance, "gather", lambda: other)
    assert list(conformance.faults(KEPT)) == []
    other["sets"][0]["passes"] -= 1
    assert list(conformance.faults(KEPT)) == ["results.json is not what the published vectors give"]


def test_a_peers_case_that_is_gone_is_a_fault(without_vectors):
    data = copy.deepcopy(KEPT)
    data["peers"]["tests/peers/test_gone.py::test_it"] = "passes"
    found = list(conformance.faults(data))
    assert "results.json tells of tests/peers/test_gone.py::test_it, which is not there" in found


def test_cases_with_peers_are_listed_with_their_results(tmp_path, monkeypatch):
    peers = tmp_path / "tests" / "peers"
    peers.mkdir(parents=True)
    (peers / "package.json").write_text('{"dependencies": {"b": "2.0", "a": "1.0"}}')
    (peers / "test_x.py").write_text("def test_a_peer_answers(): ...\ndef test_b(): ...\n")
    cases = peer_runs.cases(peers)
    assert cases == [
        "tests/peers/test_x.py::test_a_peer_answers",
        "tests/peers/test_x.py::test_b",
    ]
    assert list(peer_runs.packages(peers)) == ["a", "b"]
    monkeypatch.setattr(peer_runs, "cases", lambda: cases)
    monkeypatch.setattr(peer_runs, "packages", lambda: {"a": "1.0"})
    text = conformance.page({**KEPT, "peers": {cases[0]: "passes"}})
    assert "Packages: a 1.0.\n" in text
    assert "| a peer answers | passes | `tests/peers/test_x.py` |" in text
    assert "| b | not run yet | `tests/peers/test_x.py` |" in text


def test_what_becomes_of_a_case_with_a_peer(monkeypatch):
    monkeypatch.setattr(peer_runs, "cases", lambda: ["a", "b", "c"])
    found = {"a": {"passed"}, "b": {"passed", "skipped"}, "c": {"skipped"}}
    assert dict(peer_runs._told(found, {"c": "passes", "gone": "passes"})) == {
        "a": "passes",
        "c": "passes",
    }
    with pytest.raises(conformance.ConformanceError, match="b fails"):
        dict(peer_runs._told({"b": {"passed", "failed"}}, {}))


def test_what_is_not_done_is_said_of_every_profile():
    left_out = TEXT.split("\n## What we do not do\n")[1]
    for name in ("credential", "issuance", "presentation", "w3c"):
        assert f"(../specs/{name}-profile.md)" in left_out
    for word in ("mdoc", "BBS", "ES384", "OCSP", "COSE", "interactive authorization"):
        assert word in left_out
    for threat in later():
        assert f"- {threat}: " in left_out


def test_clauses_that_are_named_are_written():
    named = set(re.findall(r"\b(?:CP|IP|PP|WC|VF)-\d+\b", TEXT))
    assert named
    assert named <= set(written())


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", TEXT):
        assert (conformance.PAGE.parent / target).exists(), target
