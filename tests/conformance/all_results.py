"""What becomes of every published vector, as one table: the data file is written from it.

`tests/conformance/results.json` keeps the table, so that docs/conformance.md can be made, and
compared, where the vectors are not. The tests beside this module hold that file to the vectors.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conformance import ietf_results, w3c_results
from tests.conformance.published import FOLDER
from tests.conformance.w3c_results import HAS_RDF, LEFT_OUT, NOT_DONE, PASSES
from weid.w3c.vocabulary import SUITE_CONTEXTS

DATA = Path(__file__).parent / "results.json"
FILES = ("sd-jwt.json", "status-lists.json", "vc-di-eddsa.json", "vc-jose-cose.json")
CONTEXTS = "JSON-LD contexts that are built in"
CONTEXTS_TEST = (
    "tests/conformance/test_w3c_vectors.py::"
    "test_the_contexts_that_are_built_in_are_the_published_ones"
)


@dataclass(frozen=True)
class LeftOut:
    """A part of a published file that is not run."""

    name: str
    file: str
    ids: str
    """What the ids of its vectors begin with."""


PARTS_LEFT_OUT = (
    LeftOut("W3C vc-jose-cose, SD-JWT part", "vc-jose-cose.json", "sdjwt/"),
    LeftOut("W3C vc-jose-cose, COSE part", "vc-jose-cose.json", "cose/"),
)


class ConformanceError(Exception):
    """A table that cannot be made: a vector with a wrong outcome, or something is missing."""


def ids_in(file: str) -> list[str]:
    """Return the ids of all vectors of a file."""
    return [vector["id"] for vector in json.loads(_bytes(file))["vectors"]]


def _bytes(file: str) -> bytes:
    if not FOLDER:
        raise ConformanceError("set WEID_VECTORS to the folder of the published vectors")
    return (Path(FOLDER) / file).read_bytes()


def gather() -> dict[str, Any]:
    """Run every published vector and return the table.

    Raises:
        ConformanceError: a vector has another outcome than *passes* and *not done*, there is no
            folder of vectors, or the extra 'w3c' is not installed, without which fewer would pass.
    """
    if not HAS_RDF:
        raise ConformanceError("the extra 'w3c' (PyLD) is not installed: run make setup")
    return {
        "files": {file: hashlib.sha256(_bytes(file)).hexdigest() for file in FILES},
        "sets": [*_sets(), _contexts()],
        "left_out": [
            {
                "name": part.name,
                "file": part.file,
                "vectors": sum(each.startswith(part.ids) for each in ids_in(part.file)),
                "why": LEFT_OUT[part.name],
            }
            for part in PARTS_LEFT_OUT
        ],
    }


def _sets() -> Iterator[dict[str, Any]]:
    rows = [*ietf_results.results(), *w3c_results.results()]
    for one in (*ietf_results.SETS, *w3c_results.SETS):
        yield _set(
            {"name": one.name, "file": one.file, "test": one.test},
            [row[1:] for row in rows if row[0] == one.name],
        )


def _set(named: dict[str, Any], rows: list[tuple[str, str, str]]) -> dict[str, Any]:
    """Return the row of a set: how many vectors, how many pass, what is not done and why."""
    for vector, outcome, why in rows:
        if outcome not in {PASSES, NOT_DONE} or (outcome == NOT_DONE and not why):
            raise ConformanceError(f"{named['name']}: {vector} is {outcome}")
    return {
        **named,
        "vectors": len(rows),
        "passes": sum(outcome == PASSES for _, outcome, _ in rows),
        "not_done": {vector: why for vector, outcome, why in rows if outcome == NOT_DONE},
        "remarks": {vector: why for vector, outcome, why in rows if outcome == PASSES and why},
    }


def _contexts() -> dict[str, Any]:
    published = w3c_results.published_contexts()
    rows = [
        (url, PASSES if document == published.document(url) else "another one", "")
        for url, document in sorted(SUITE_CONTEXTS.items())
    ]
    return _set({"name": CONTEXTS, "file": "contexts/", "test": CONTEXTS_TEST}, rows)
