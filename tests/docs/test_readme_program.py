"""The first program does what it says, word for word."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "examples" / "first_program.py"
README = ROOT / "README.md"


def programs() -> list[tuple[str, str]]:
    found = [("examples/first_program.py", PROGRAM.read_text("utf-8"))]
    if README.exists():
        blocks = README.read_text("utf-8").split("```python\n")[1:]
        texts = [block.split("```", 1)[0] for block in blocks]
        found += [("README.md", text) for text in texts if "Issuer.register" in text]
    return found


@pytest.mark.parametrize(("where", "text"), programs(), ids=[where for where, _ in programs()])
def test_the_first_program_runs(where: str, text: str, tmp_path: Path):
    del where
    shutil.copy(ROOT / "examples" / "diploma.json", tmp_path)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", text],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "valid"
    assert [line.split()[0] for line in lines[1:-1]] == ["passed"] * 11
    assert lines[-1] == "Mathematics"
    assert "1815" not in done.stdout
