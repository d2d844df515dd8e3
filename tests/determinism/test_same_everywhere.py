"""The same blocks give the same state at every height, wherever and however they are computed.

A hundred thousand random transactions; `make determinism-long` takes a million. Each history is
recorded once, with the fingerprint of every block, and computed again in processes whose hash
seed, locale, time zone or version of Python is another.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

import pytest

from registry_chain.state_machine.events import EVENTS
from registry_chain.storage.sqlite import SqliteChainStore
from tests.support.clauses import clause
from tests.support.driven_application import DrivenApplication
from tests.support.random_operations import MAKERS
from tests.support.replayed_blocks import fingerprint, read_history
from weid.registry.codes import ResultCode
from weid.registry.operations import KINDS

pytestmark = pytest.mark.determinism

ROOT = Path(__file__).parents[2]
LONG = os.environ.get("WEID_DETERMINISM") == "long"
HISTORIES = 10 if LONG else 8
TRANSACTIONS = 100_000 if LONG else 12_500
WORKERS = 2
SECONDS = 6 * 3600

FEW_CODES = frozenset(
    {
        ResultCode.RECORD_TOO_LARGE,
        ResultCode.TOO_MANY_KEYS,
        ResultCode.TOO_MANY_VALIDATORS,
        ResultCode.LAST_VALIDATOR,
        ResultCode.STATUS_SHAPE_CHANGED,
    }
)
"""Codes that a random history need not meet: each takes a long preparation."""


@dataclass
class Recorded:
    """Histories in files, and how often each code and event came about in them."""

    files: list[Path]
    codes: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)


def run(module: str, *arguments: str, python: Sequence[str] = (sys.executable,), **env: str) -> str:
    done = subprocess.run(
        [*python, "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    folder = tmp_path_factory.mktemp("histories")
    files = [folder / f"{seed}" for seed in range(HISTORIES)]

    def record(seed: int) -> str:
        size = str(TRANSACTIONS)
        return run("tests.support.random_blocks", str(files[seed]), str(seed), size)

    found = Recorded(files)
    with ThreadPoolExecutor(WORKERS) as workers:
        for told in workers.map(record, range(HISTORIES)):
            counted = json.loads(told)
            found.codes.update(counted["codes"])
            found.events.update(counted["events"])
    yield found
    shutil.rmtree(folder)


def require_same(recorded: Recorded, replay: Callable[[Path], str]) -> None:
    """Compute every history again and compare every block with what was recorded."""
    with ThreadPoolExecutor(WORKERS) as workers:
        for file, told in zip(recorded.files, workers.map(replay, recorded.files), strict=True):
            expected = [outcome for _, outcome in read_history(file)[1]]
            found = told.splitlines()
            assert len(found) == len(expected)
            for here, there in zip(expected, found, strict=True):
                assert here == there


@clause("ST-15", "B16")
def test_the_histories_hold_every_kind_and_nearly_every_code(recorded: Recorded) -> None:
    print(json.dumps({"codes": recorded.codes, "events": recorded.events}, indent=1))
    assert sum(recorded.codes.values()) == HISTORIES * TRANSACTIONS
    kinds = set(KINDS.values())
    assert kinds == MAKERS.keys()
    never = {kind.__name__ for kind in kinds if not recorded.events[EVENTS[kind][0]]}
    assert never == set(), f"never carried out: {sorted(never)}"
    unmet = {code.name for code in ResultCode if not recorded.codes[code.name]}
    assert unmet <= {code.name for code in FEW_CODES}


@cache
def locales() -> tuple[str, ...]:
    """Return the names of locales that this machine has."""
    tool = shutil.which("locale")
    if tool is None:
        return ()
    listed = subprocess.run([tool, "-a"], capture_output=True, text=True, check=False)
    return tuple(listed.stdout.split())


def strange_locale() -> str:
    """Return a locale whose case and collation rules are not English, if there is one."""
    wanted = ("tr_TR", "az_AZ", "lt_LT", "de_DE", "pt_PT", "zh_TW")
    found = (name for start in wanted for name in locales() if name.startswith(start))
    return next(found, "C")


@clause("ST-15", "B16")
@pytest.mark.parametrize(
    ("environment", "options"),
    [
        ({"PYTHONHASHSEED": "0", "LC_ALL": "C", "TZ": "Pacific/Kiritimati"}, ()),
        ({"PYTHONHASHSEED": "4242", "PYTHONUTF8": "0", "TZ": "America/St_Johns"}, ("-O",)),
    ],
    ids=["hash seed 0, C, UTC+14", "hash seed 4242, another locale, UTC-3:30, without assert"],
)
def test_other_surroundings(
    recorded: Recorded, environment: dict[str, str], options: tuple[str, ...]
) -> None:
    surroundings = {"LC_ALL": strange_locale(), **environment}

    def replay(file: Path) -> str:
        python = (sys.executable, *options)
        return run("tests.support.replayed_blocks", str(file), python=python, **surroundings)

    require_same(recorded, replay)


OTHER_VERSIONS = [f"3.{minor}" for minor in (11, 12, 13, 14) if minor != sys.version_info[1]]


def interpreter(version: str) -> str:
    """Return a Python of a version that has what the state machine needs, or skip the test.

    `WEID_PYTHONS` may name interpreters, such as those of other virtual environments.
    """
    named = os.environ.get("WEID_PYTHONS", "").split(os.pathsep)
    found = [path for path in (*named, shutil.which(f"python{version}")) if path]
    for path in found:
        probe = (
            "import sys, tests.support.replayed_blocks as _; print('%d.%d' % sys.version_info[:2])"
        )
        done = subprocess.run(
            [path, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
        )
        if done.returncode == 0 and done.stdout.strip() == version:
            return path
    pytest.skip(f"no Python {version} here that has the dependencies: name it in WEID_PYTHONS")


@clause("ST-15", "B16")
@pytest.mark.parametrize("version", OTHER_VERSIONS)
def test_another_version_of_python(recorded: Recorded, version: str) -> None:
    python = (interpreter(version),)

    def replay(file: Path) -> str:
        return run("tests.support.replayed_blocks", str(file), python=python, PYTHONHASHSEED="7")

    require_same(recorded, replay)


@clause("ST-15", "B17", "D1")
def test_over_a_store_in_groups_of_blocks_with_crashes(recorded: Recorded, tmp_path: Path) -> None:
    genesis, blocks = read_history(recorded.files[0])
    driven = DrivenApplication(partial(SqliteChainStore, tmp_path / "chain"), genesis)
    for number, (block, expected) in enumerate(blocks):
        for raw in block.transactions[::3]:
            driven.application.check(raw, time=block.time, pending=5)
        assert fingerprint(driven.finalize(block)) == expected
        if number % 50 == 49:
            driven.crash()
        elif number % 4 == 3:
            driven.commit()
    driven.close()
