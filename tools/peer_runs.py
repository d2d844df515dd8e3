"""The tests against peers: which there are, and what became of them in a run."""

from __future__ import annotations

import ast
import contextlib
import io
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.all_results import ConformanceError

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "tests" / "peers"


class Outcomes:
    """A pytest plugin that gathers the outcomes of every test function."""

    def __init__(self) -> None:
        self.found: defaultdict[str, set[str]] = defaultdict(set)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Read what became of a test; a fault in its setup is one of the test."""
        if report.when == "call" or report.outcome != "passed":
            self.found[report.nodeid.partition("[")[0]].add(report.outcome)


def cases(folder: Path = FOLDER) -> list[str]:
    """Return the id of every test function in the folder, from the source."""
    return [
        f"{file.relative_to(folder.parents[1]).as_posix()}::{node.name}"
        for file in sorted(folder.glob("test_*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


def packages(folder: Path = FOLDER) -> dict[str, str]:
    """Return the peers' packages with the versions that are pinned."""
    file = folder / "package.json"
    if not file.exists():
        return {}
    found: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))["dependencies"]
    return dict(sorted(found.items()))


def run(known: dict[str, str]) -> dict[str, str]:
    """Run the tests against peers and return what is known of each case now.

    Args:
        known: what earlier runs gave; it stands for a case that is skipped here.

    Raises:
        ConformanceError: a case fails.
    """
    outcomes = Outcomes()
    if not cases():
        return {}
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main(["-q", str(FOLDER)], plugins=[outcomes])
    return dict(_told(outcomes.found, known))


def _told(found: dict[str, set[str]], known: dict[str, str]) -> Iterator[tuple[str, str]]:
    for case in cases():
        outcomes = found.get(case, set())
        if "failed" in outcomes:
            raise ConformanceError(f"{case} fails: run it by itself to see why")
        if outcomes == {"passed"}:
            yield case, "passes"
        elif case in known:
            yield case, known[case]
