"""`make lint` reads what deploy/ holds: each linter refuses what is wrong there."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from registry_chain.engines.cometbft.deployment import compose_file
from registry_chain.engines.cometbft.network import plan_one_machine
from tests.support.clauses import clause

ROOT = Path(__file__).parents[4]
PROGRAMS = Path(sys.executable).parent
RECIPE = re.search(
    r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
)
LINTERS = [
    line.strip().replace("$(BIN)", str(PROGRAMS))
    for line in RECIPE[1].splitlines()
    if "deploy" in line
]
COMPOSE, ALERTS, IMAGE = "compose.yaml", "alerts.yml", "Containerfile"
DAMAGES = {
    "a member that a service does not have": (COMPOSE, "read_only: true", "read_onli: true"),
    "a value of another kind": (COMPOSE, "pids_limit: 512", "pids_limit: [512]"),
    "a network that is no mapping": (COMPOSE, "  chain: {}", "  - chain"),
    "a service's member twice": (
        COMPOSE, "    hostname: validator-2\n", "    hostname: validator-2\n" * 2,
    ),
    "no YAML": (COMPOSE, "services:", "services: ["),
    "an alert's member that there is not": (ALERTS, "annotations:", "annotation:"),
    "an alert without a name": (ALERTS, "alert: WeidNoBlocks", "alert: 120"),
    "a time that is none": (ALERTS, "for: 2m", "for: 2 minutes"),
    "a severity that nobody listens to": (ALERTS, "severity: page", "severity: pages"),
    "an alert's member twice": (ALERTS, "for: 2m", "for: 2m\n        for: 3m"),
    "an instruction that there is not": (IMAGE, "STOPSIGNAL", "STOPSIGNL"),
    "a base without a version": (IMAGE, "python:3.12.12-slim-bookworm AS", "python AS"),
    "a place that is relative": (IMAGE, "WORKDIR /node", "WORKDIR node"),
    "a shell in the way of signals": (IMAGE, 'ENTRYPOINT ["registry-chain"]', "ENTRYPOINT x"),
}  # fmt: skip


def readers_of(name):
    """Return the linters that read a file: those of the whole folder, and its own."""
    return [line for line in LINTERS if line.endswith((" deploy", f" deploy/{name}"))]


def refused(folder, name):
    """Run the linters of a file where the copy of deploy/ lies; return those that refuse it."""
    return [
        line
        for line in readers_of(name)
        if subprocess.run(
            shlex.split(line), cwd=folder, capture_output=True, check=False
        ).returncode
    ]


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    shutil.copy(ROOT / ".yamllint.yaml", tmp_path)
    return tmp_path


@clause("NT-15")
@pytest.mark.parametrize("name", [COMPOSE, ALERTS, IMAGE])
def test_what_lies_there_is_read_by_a_linter_and_good(copy, name):
    assert any(line.endswith(f" deploy/{name}") for line in readers_of(name))
    assert refused(copy, name) == []


@clause("NT-15")
@pytest.mark.parametrize("what", DAMAGES)
def test_what_is_wrong_there_is_refused(copy, what):
    name, good, bad = DAMAGES[what]
    path = copy / "deploy" / name
    text = path.read_text(encoding="utf-8")
    assert good in text
    path.write_text(text.replace(good, bad, 1), encoding="utf-8")
    assert refused(copy, name)


@clause("NT-15")
def test_what_net_init_writes_for_one_machine_is_good_too(copy):
    plans = plan_one_machine(
        validators=2, observers=1, sentries=1, base_port=26650, first_address="127.0.0.1"
    )
    text = compose_file(plans)
    assert yaml.safe_load(text)["services"]
    (copy / "deploy" / COMPOSE).write_text(text, encoding="utf-8")
    assert refused(copy, COMPOSE) == []
