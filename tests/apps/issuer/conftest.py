"""One office with its registry, its application and a signed-in browser for each role."""

from __future__ import annotations

import pytest

from tests.apps.issuer.support import Office


@pytest.fixture
def office(tmp_path):
    made = Office(tmp_path)
    yield made
    made.close()
