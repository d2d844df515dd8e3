"""Offices with their registry, their application and a signed-in browser for each role."""

from __future__ import annotations

import pytest

from tests.apps.issuer.support import Office


@pytest.fixture
def new_office(tmp_path):
    """Make offices in the test's folder, and close them all after it."""
    made = []

    def make(**settings):
        made.append(Office(tmp_path, **settings))
        return made[-1]

    yield make
    for office in made:
        office.close()


@pytest.fixture
def office(new_office):
    return new_office()
