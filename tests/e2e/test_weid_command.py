"""The installed command as a process: verifying from a cold start."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.cli import prepare

pytestmark = pytest.mark.e2e
WEID = Path(sys.executable).with_name("weid")


def test_the_installed_command_verifies_offline_in_an_empty_home(tmp_path):
    arguments = prepare(tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    done = subprocess.run(
        [WEID, "--json", *arguments],
        env={"HOME": str(empty)},
        cwd=empty,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["claims"]["name"] == "Ada Lovelace"
    assert {path.name for path in empty.iterdir()} == {".weid"}


def test_the_installed_command_tells_mistakes_on_stderr(tmp_path):
    done = subprocess.run(
        [WEID, "verify"], env={"HOME": str(tmp_path)}, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().splitlines()[-1] == "Try: weid verify --help"
