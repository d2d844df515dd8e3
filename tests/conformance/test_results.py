"""The table that docs/conformance.md is made of is true."""

from __future__ import annotations

import json

import pytest

from tests.conformance import all_results, ietf_results, w3c_results
from tests.conformance.published import needs_vectors
from tests.conformance.w3c_results import HAS_RDF, LEFT_OUT, NOT_DONE, PASSES, vectors_of

needs_rdf = pytest.mark.skipif(not HAS_RDF, reason="needs the extra 'w3c' (PyLD)")


@needs_vectors
@needs_rdf
def test_the_table_is_what_the_vectors_give():
    kept = json.loads(all_results.DATA.read_text(encoding="utf-8"))
    found = all_results.gather()
    assert {name: kept[name] for name in found} == found, "run: make conformance"


@needs_vectors
@pytest.mark.parametrize("file", all_results.FILES)
def test_every_vector_of_a_file_is_in_one_row(file):
    sets = [one for one in (*ietf_results.SETS, *w3c_results.SETS) if one.file == file]
    told = [vector["id"] for one in sets for vector in vectors_of(one)]
    parts = tuple(part.ids for part in all_results.PARTS_LEFT_OUT if part.file == file)
    told += [each for each in all_results.ids_in(file) if parts and each.startswith(parts)]
    assert sorted(told) == sorted(all_results.ids_in(file))


@needs_vectors
def test_every_vector_of_the_ietf_passes_or_has_a_reason():
    for _, vector, outcome, why in ietf_results.results():
        assert outcome in {PASSES, NOT_DONE}, vector
        assert bool(why) == (outcome == NOT_DONE), vector


@needs_vectors
@pytest.mark.parametrize(
    "broken", ["claims", "signature", "audience"], ids=lambda name: f"another {name}"
)
def test_an_outcome_that_is_neither_is_told(broken):
    one = ietf_results.SD_JWT_SETS[0]
    vector = next(each for each in vectors_of(one) if each["key_binding"]["required"])
    vector = json.loads(json.dumps(vector))
    if broken == "claims":
        vector["expected"]["claims"]["sub"] = "somebody else"
    elif broken == "signature":
        vector["issuer_jwk"] = vector["expected"]["claims"]["cnf"]["jwk"]
    else:
        vector["key_binding"]["aud"] += "/"
    assert ietf_results.outcome(one, vector) == w3c_results.WRONG


def test_a_table_with_a_wrong_outcome_is_not_made():
    named = {"name": "a set"}
    for row in (("one", "wrong", ""), ("one", NOT_DONE, "")):
        with pytest.raises(all_results.ConformanceError, match="a set: one is"):
            all_results._set(named, [("good", PASSES, ""), row])


def test_every_part_that_is_left_out_has_a_reason():
    assert [part.name for part in all_results.PARTS_LEFT_OUT] == list(LEFT_OUT)
