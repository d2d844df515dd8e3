"""`@clause("TX-07", "R5")` ties a test to spec clauses and threats; `make clauses` lists them."""

from __future__ import annotations

import pytest


def clause(*ids: str) -> pytest.MarkDecorator:
    """Mark a test as covering these clauses or threats."""
    return pytest.mark.clause(*ids)
