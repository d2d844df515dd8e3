"""One network for all faults: each test begins with it healthy, and mends what it broke."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from registry_chain.engines.cometbft.binary import Binary
from tests.failure.network.cluster import Cluster
from tests.failure.network.drill import Drill, Report
from tests.failure.network.selection import SEED

_REPORT = pytest.StashKey[Report]()
_LOG_LINES = 30
_LINE_CHARS = 300


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest) -> Report:
    """What came of each fault."""
    return request.config.stash.setdefault(_REPORT, Report())


@pytest.fixture(scope="session")
def cluster(cometbft_binary: Binary) -> Iterator[Cluster]:
    """Return a network that is laid out; it is gone at the end, whatever happened."""
    folder = Path(tempfile.mkdtemp(prefix="weid-faults-"))
    made: Cluster | None = None
    try:
        made = Cluster(folder, cometbft_binary, seed=SEED)
        made.start()
        yield made
    finally:
        if made is not None:
            made.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def drill(
    cluster: Cluster, report: Report, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Drill]:
    """Return the network under load."""
    name = request.node.name.removeprefix("test_").replace("_", " ")
    made = Drill(cluster, report, name, tmp_path)
    try:
        made.begin()
        yield made
    finally:
        made.end()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what the nodes have said last with the report of a test that failed."""
    made = yield
    drill = getattr(item, "funcargs", {}).get("drill")
    if made.failed and isinstance(drill, Drill):
        made.sections.append(("the same faults again", f"WEID_FAULTS_SEED={SEED}"))
        for node in drill.cluster.usual:
            if node.log.exists():
                last = node.log.read_text("utf-8", "replace").splitlines()[-_LOG_LINES:]
                said = "\n".join(line[:_LINE_CHARS] for line in last)
                made.sections.append((f"{node.name}: {node.status()}", said))
    return made


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Tell how long the way back took."""
    report = config.stash.get(_REPORT, None)
    if report is None or not report.rows:
        return
    terminalreporter.section("faults of a network, and the way back")
    for name, what, seconds in report.rows:
        terminalreporter.write_line(f"{seconds:7.1f} s  {name}{': ' if what else ''}{what}")
    terminalreporter.write_line(
        f"{len(report.acknowledged)} acknowledged registrations; WEID_FAULTS_SEED={SEED}"
    )
