"""Result codes: fixed numbers, a sentence for each."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.clauses import clause
from weid.registry.codes import SENTENCES, ResultCode, describe

VECTOR = Path(__file__).parents[3] / "specs" / "vectors" / "registry" / "codes.json"


@clause("TX-16")
def test_every_code_has_a_sentence_and_the_number_that_it_always_had() -> None:
    assert set(SENTENCES) == set(ResultCode)
    assert json.loads(VECTOR.read_text())["codes"] == {c.name: c.value for c in ResultCode}
    assert all(code.sentence.endswith(".") for code in ResultCode)
    assert describe(10) == ResultCode.SIGNATURE_INVALID.sentence
    assert "4711" in describe(4711)


@clause("TX-11", "TX-16")
def test_a_code_says_by_itself_whether_it_leaves_a_trace() -> None:
    assert ResultCode.OK.recorded
    assert ResultCode.NOT_PERMITTED.recorded
    assert not ResultCode.SIGNATURE_INVALID.recorded
    assert not ResultCode.BLOCK_FULL.recorded
