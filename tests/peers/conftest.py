"""The peers: other houses' libraries from their public registry, at the versions that are locked.

They are installed once for a run, into a folder that is thrown away. Where npm is not there, or
cannot reach its registry, the tests skip and say so.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from weid.encoding import JsonObject

HERE = Path(__file__).parent
INSTALL_SECONDS = 240
RUN_SECONDS = 120
Run = Callable[..., JsonObject]


@pytest.fixture(scope="session")
def peers(tmp_path_factory) -> Path:
    """Return the folder that the peers are installed in."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("there is no npm here: the peers are not installed")
    folder = tmp_path_factory.mktemp("peers")
    for file in [*HERE.glob("*.mjs"), *HERE.glob("package*.json")]:
        shutil.copy(file, folder)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"the peers were not installed in {INSTALL_SECONDS} s")
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason"])[-1]
        pytest.skip(f"the peers cannot be installed: {last}")
    return folder


@pytest.fixture
def run(peers) -> Run:
    """Return how a peer's script is run: its name and what it is given → what it tells."""

    def run(script: str, **given: object) -> JsonObject:
        done = subprocess.run(
            [shutil.which("node") or "node", script],
            cwd=peers,
            input=json.dumps(given),
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
