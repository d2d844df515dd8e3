"""List each spec clause and threat with the tests that cover it; fail on a gap.

A clause is a paragraph of `specs/*.md` that starts with `**ID**`; a threat is a row of
`specs/threats.md`. A test covers one by `@clause("ID")`. A threat in `specs/later.txt` has no
surface yet, with its reason; once a test cites it, it must leave that list.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CLAUSE = re.compile(r"^(?:\| )?\*\*([A-Z]{1,4}(?:\d+|-[A-Z0-9-]+))\*\*", re.MULTILINE)


class Collector:
    """A pytest plugin that gathers the ids of every collected test."""

    def __init__(self) -> None:
        self.tests: defaultdict[str, list[str]] = defaultdict(list)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Read the marks of all tests."""
        for item in session.items:
            for mark in item.iter_markers("clause"):
                for clause in mark.args:
                    self.tests[clause].append(item.nodeid)


def written() -> dict[str, str]:
    """Return every clause id with the page that it stands on."""
    found: dict[str, str] = {}
    for page in sorted((ROOT / "specs").glob("*.md")):
        for clause in CLAUSE.findall(page.read_text(encoding="utf-8")):
            if clause in found:
                sys.exit(f"clause {clause} stands in {found[clause]} and in {page.name}")
            found[clause] = page.name
    return found


def later() -> dict[str, str]:
    """Return the threats without a surface, each with its reason."""
    entries = {}
    for line in (ROOT / "specs" / "later.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            clause, reason = line.split(None, 1)
            entries[clause] = reason
    return entries


def main() -> int:
    """Print the table; return 1 when a clause has no test or a test cites no clause."""
    collector = Collector()
    with contextlib.redirect_stdout(io.StringIO()):
        code = pytest.main(["--collect-only", "-q", str(ROOT / "tests")], plugins=[collector])
    if code != 0:
        print("the tests cannot be collected: run `make test`")
        return 1
    pages, excused = written(), later()
    for clause, page in pages.items():
        tests = collector.tests.get(clause, [])
        note = f"{len(tests)} tests, e.g. {tests[0]}" if tests else excused.get(clause, "NO TEST")
        print(f"{clause:12} {page:28} {note}")
    missing = [c for c in pages if not collector.tests.get(c) and c not in excused]
    unknown = sorted(set(collector.tests) - set(pages))
    stale = [c for c in excused if collector.tests.get(c) or c not in pages]
    for title, ids in (
        ("no test covers", missing),
        ("cited but not written", unknown),
        ("in specs/later.txt although it has a test or is not written", stale),
    ):
        if ids:
            print(f"{title}: {' '.join(ids)}")
    print(f"{len(pages)} clauses, {len(missing)} without a test")
    return 1 if missing or unknown or stale else 0


if __name__ == "__main__":
    sys.exit(main())
