"""`import weid`: every public name, none imported before it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import weid


@pytest.mark.parametrize("name", weid.__all__)
def test_each_public_name_is_there(name: str):
    assert getattr(weid, name).__name__ == name


def test_what_is_listed_is_what_has_a_home():
    assert sorted(weid.__all__) == sorted(weid._HOME_OF)
    assert dir(weid) == sorted(weid.__all__)


def test_another_name_is_not_there():
    with pytest.raises(AttributeError, match="nobody"):
        weid.nobody  # noqa: B018


def test_importing_weid_imports_nothing_else():
    program = "import sys, weid; print(sorted(m for m in sys.modules if m.startswith('weid.')))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
