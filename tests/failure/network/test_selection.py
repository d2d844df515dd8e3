"""Where the seeded faults come from."""

from __future__ import annotations

import pytest

from tests.failure.network.selection import USUAL_SEED, seed_of


@pytest.mark.parametrize(
    ("environment", "seed"),
    [
        ({}, USUAL_SEED),
        ({"WEID_FAULTS_SEED": ""}, USUAL_SEED),
        ({"WEID_FAULTS_SEED": "0"}, 0),
        ({"WEID_FAULTS_SEED": "20261121"}, 20261121),
    ],
)
def test_the_seed_is_the_usual_one_unless_it_is_given(environment, seed):
    assert seed_of(environment) == seed


@pytest.mark.parametrize("text", ["today", "-1", "1.5", "٣", "9" * 19])
def test_a_seed_that_is_no_number_is_refused(text):
    with pytest.raises(pytest.UsageError, match="WEID_FAULTS_SEED"):
        seed_of({"WEID_FAULTS_SEED": text})
