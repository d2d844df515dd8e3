"""Write docs/conformance.md: what of which standard is shown by which test; --check compares.

Run: python -m tools.conformance [--check]

Where WEID_VECTORS names the folder of the published vectors, they are run too, and
tests/conformance/results.json is written (with --check: compared). Where it does not, the page is
made of that file as it stands.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.conformance.all_results import DATA, ConformanceError, gather
from tests.conformance.published import FOLDER
from tools import peer_runs
from tools.clauses import later, written
from tools.suite_checks import PLANS, Check

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "conformance.md"
STANDARDS = {
    "credential-profile.md": "RFC 9901 (SD-JWT), SD-JWT VC, Token Status List",
    "issuance-profile.md": (
        "OpenID4VCI 1.0; RFC 7636, 8414, 9126, 9207, 9449; attestation-based client authentication"
    ),
    "presentation-profile.md": "OpenID4VP 1.0, DCQL",
    "w3c-profile.md": (
        "VCDM 2.0, vc-data-integrity 1.0, vc-di-eddsa 1.0, VC-JOSE-COSE, Bitstring Status List 1.0"
    ),
    "verification.md": "verification of all of these, with trust from the registry; RFC 5280",
    "did-method-weid.md": "DID Core 1.0, DID Resolution",
    "qr.md": "RFC 9285, RFC 1951, RFC 8949",
}
"""The standards that a page of specs/ profiles; the other pages are of our own making."""

BEGINNING = """\
# Conformance

What of the standards is done, and which test shows it. Made by `python -m tools.conformance`
(`make conformance`) from the specs, the tests and a run of the published vectors: change those, not
this.

Everything here is what our own tests show. Nothing is certified, and the OpenID Foundation's and
the W3C's suites themselves are no part of these runs.
"""
VECTORS = """\
## Published vectors

*Passes* means that we do what the vector expects: accept with these values, or refuse. They are
other people's data and are not kept here: `WEID_VECTORS` names their folder, and the tests skip
without it. This table is of the last run with them.

| set | vectors | pass | not done | run by |
|---|---|---|---|---|
"""
CLAUSES = """\
## Clauses

Each page of `specs/` has numbered clauses, and each clause at least one test, but for the threats
at the end of this page: `make clauses` lists them and fails on a gap. Tests are counted as
functions, of which most run over a table of cases. There are at least so many.

| standards | profile | clauses | tests |
|---|---|---|---|
"""
SUITE = """\
## Checks of the OpenID conformance suite

What the suite's plans check, as tests of our own. In those of the verifier `True` stands for an
encrypted answer.
"""
PEERS = """\
## Peers

Programs of others that are run against ours, from the public package indexes, pinned. Their tests
skip where npm or the index cannot be had; the results are of the last run in which they did not.
"""
LEFT_OUT = """\
## What we do not do

From *Not done* of the specs, and what no test can cover yet.
"""


def page(data: dict[str, Any]) -> str:
    """Return the whole page, for a table of results."""
    parts = (
        BEGINNING,
        VECTORS + "".join(_vector_rows(data)),
        "".join(_reasons(data)),
        CLAUSES + "".join(_clause_rows(data)),
        SUITE + "".join(_suite()),
        PEERS + "".join(_peers(data)),
        LEFT_OUT + "".join(_not_done()),
    )
    return "\n".join(parts)


def _vector_rows(data: dict[str, Any]) -> Iterator[str]:
    for one in data["sets"]:
        missing = len(one["not_done"]) or "none"
        test = one["test"].removeprefix("tests/conformance/")
        yield f"| {one['name']} | {one['vectors']} | {one['passes']} | {missing} | `{test}` |\n"
    for one in data["left_out"]:
        yield f"| {one['name']} | {one['vectors']} | none | all | |\n"


def _reasons(data: dict[str, Any]) -> Iterator[str]:
    yield "Not done:\n\n"
    for one in data["sets"]:
        for vector, why in one["not_done"].items():
            yield f"- `{vector}`: {why}.\n"
    for one in data["left_out"]:
        yield f"- {one['name']}: {one['why']}.\n"
    remarks = [pair for one in data["sets"] for pair in one["remarks"].items()]
    if remarks:
        yield "\nPasses, with a remark:\n\n"
    for vector, why in remarks:
        yield f"- `{vector}`: {why}.\n"


def _clause_rows(data: dict[str, Any]) -> Iterator[str]:
    clauses = Counter(written().values())
    known = [name for name in STANDARDS if name in clauses]
    for name in known + sorted(set(clauses) - set(known)):
        told = STANDARDS.get(name, "our own")
        link = f"[{name}](../specs/{name})"
        yield f"| {told} | {link} | {clauses[name]} | {data['tests'].get(name, 0)} |\n"


def tests_by_page() -> dict[str, int]:
    """Return how many test functions cover at least one clause of each page of specs/.

    Read from the source and not from a collection: functions, whatever parameters they have, and
    only marks that are written out, so never more than there are.
    """
    pages = written()
    found: Counter[str] = Counter()
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        of_module = _clauses_of([node for node in tree.body if _is_pytestmark(node)])
        for test in _tests_in(tree):
            ids = _clauses_of(test.decorator_list) | of_module
            found.update({pages[each] for each in ids if each in pages})
    return dict(sorted(found.items()))


def _tests_in(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node


def _is_pytestmark(node: ast.stmt) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else []
    return any(isinstance(each, ast.Name) and each.id == "pytestmark" for each in targets)


def _clauses_of(nodes: list[ast.expr] | list[ast.stmt]) -> set[str]:
    """Return the ids in every call of `clause(…)` within these nodes."""
    found = (node for each in nodes for node in ast.walk(each) if isinstance(node, ast.Call))
    calls = (call for call in found if ast.unparse(call.func).split(".")[-1] == "clause")
    return {
        argument.value
        for call in calls
        for argument in call.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }


def _suite() -> Iterator[str]:
    for plan in PLANS:
        yield f"\n### {plan.name}\n\n| check | tests |\n|---|---|\n"
        for check in plan.checks:
            yield f"| {check.what} | {_told(check)} |\n"


def _told(check: Check) -> str:
    if check.not_done:
        return f"none: {check.not_done}"
    return "<br>".join(f"`{test}`" for test in check.tests)


def _peers(data: dict[str, Any]) -> Iterator[str]:
    cases = peer_runs.cases()
    if not cases:
        yield "\nNone yet.\n"
        return
    named = ", ".join(f"{name} {version}" for name, version in peer_runs.packages().items())
    yield f"\nPackages: {named}.\n\n| case | result | run by |\n|---|---|---|\n"
    for case in cases:
        file, _, name = case.partition("::")
        sentence = name.removeprefix("test_").replace("_", " ")
        yield f"| {sentence} | {data['peers'].get(case, 'not run yet')} | `{file}` |\n"


def _not_done() -> Iterator[str]:
    for file in sorted((ROOT / "specs").glob("*.md")):
        text = file.read_text(encoding="utf-8")
        section = re.search(r"^## Not done\n\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        if section:
            title = text.splitlines()[0].lstrip("# ")
            yield f"\n**[{title}](../specs/{file.name})**\n\n{section[1].rstrip()}\n"
    yield "\n**Threats whose surface does not exist yet**\n\n"
    for threat, reason in later().items():
        yield f"- {threat}: {reason}.\n"


def load() -> dict[str, Any]:
    """Return the table of results as it is kept."""
    found: dict[str, Any] = json.loads(DATA.read_text(encoding="utf-8"))
    return found


def faults(kept: dict[str, Any]) -> Iterator[str]:
    """Give what is not true of the table that is kept, or of the page."""
    if FOLDER and {**gather(), "tests": kept["tests"], "peers": kept["peers"]} != kept:
        yield f"{DATA.name} is not what the published vectors give"
    counted = tests_by_page()
    for name, number in kept["tests"].items():
        if counted.get(name, 0) < number:
            yield f"{DATA.name} tells of {number} tests of {name}; there are fewer"
    for case in sorted(set(kept["peers"]) - set(peer_runs.cases())):
        yield f"{DATA.name} tells of {case}, which is not there"
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page(kept):
        yield f"{PAGE.name} is not what is generated"


def main(arguments: list[str]) -> int:
    """Write table and page, or compare them."""
    try:
        if "--check" in arguments:
            found = list(faults(load()))
            for fault in found:
                print(f"{fault}: run make conformance")
            return 1 if found else 0
        return _write()
    except ConformanceError as error:
        print(error)
        return 1


def _write() -> int:
    kept = load() if DATA.exists() else {}
    if not FOLDER:
        print("WEID_VECTORS is not set: the results of the last run are kept")
    results = gather() if FOLDER else kept
    peers = peer_runs.run(kept.get("peers", {}))
    data = {**results, "tests": tests_by_page(), "peers": peers}
    DATA.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    PAGE.write_text(page(data), encoding="utf-8")
    print(f"written: {DATA.relative_to(ROOT)}, {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
