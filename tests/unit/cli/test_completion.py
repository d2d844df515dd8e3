"""Completion: the scripts, and what a shell is answered."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_each_script_asks_the_command(shell, shell_name):
    code, out, _ = shell.run("completion", shell_name)
    assert code == 0
    assert f"_WEID_COMPLETE={shell_name}_complete" in out


@pytest.mark.parametrize(
    ("line", "index", "offered"),
    [
        ("weid ver", 1, {"verify", "verifier"}),
        ("weid wallet pa", 2, {"passwd"}),
        ("weid verify --unb", 2, {"--unbound"}),
        ("weid key generate --kind P", 4, {"P-256"}),
    ],
)
def test_a_shell_is_answered(line, index, offered):
    environ = {
        **os.environ,
        "_WEID_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(index),
    }
    done = subprocess.run(
        [sys.executable, "-m", "weid.cli"], env=environ, capture_output=True, check=False
    )
    assert {row.split(",")[1] for row in done.stdout.decode().split()} == offered
