"""Which faults are in the short list of every day and which in the long one; what chance gives."""

from __future__ import annotations

import os
from collections.abc import Mapping

import pytest

USUAL_SEED = 7


def seed_of(environment: Mapping[str, str]) -> int:
    """Return the number that the seeded faults come from: `WEID_FAULTS_SEED`, else the usual."""
    text = environment.get("WEID_FAULTS_SEED", "")
    if not text:
        return USUAL_SEED
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise pytest.UsageError(f"WEID_FAULTS_SEED is {text!r}, and has to be a whole number")
    return int(text)


SEED = seed_of(os.environ)
LONG = os.environ.get("WEID_FAULTS") == "long"
in_the_long_list = pytest.mark.skipif(not LONG, reason="in the long list: make faults-long")
