"""A shell of its own for each test."""

from __future__ import annotations

import pytest

from tests.support.cli_world import Shell


@pytest.fixture
def shell(tmp_path):
    return Shell(tmp_path)
