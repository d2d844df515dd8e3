"""Kills, failing disks and power cuts against a real process; what it acknowledged must be there.

Short by default; `WEID_FAULTS=long` runs the same for as long as the reliability goals ask.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from registry_chain.engines.embedded.inline import InlineEngine
from registry_chain.replay import replay
from registry_chain.storage.integrity import check_sample, find_damage
from registry_chain.storage.sqlite import SqliteChainStore
from tests.support.chain_world import ChainWorld
from tests.support.clauses import clause
from weid.clock import SystemClock

pytestmark = pytest.mark.faults

_LONG = os.environ.get("WEID_FAULTS") == "long"
_ROOT = Path(__file__).parents[2]
_PROGRAM = [sys.executable, "-m", "tests.failure.writer_process"]


_running: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def _ended() -> Iterator[None]:
    """End every process that a failed test left behind."""
    yield
    while _running:
        process = _running[-1]
        process.kill()
        finish(process)


def run(*command: str, check: bool = True) -> int:
    """Run a tool of the system; return its exit code."""
    return subprocess.run(command, check=check).returncode


def start(
    folder: Path, ledger: Path, *more: str, before: tuple[str, ...] = ()
) -> subprocess.Popen[str]:
    """Start the writer, under another program where `before` names one."""
    command = [*before, *_PROGRAM, str(folder), str(ledger), *more]
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    process = subprocess.Popen(
        command,
        cwd=_ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    _running.append(process)
    return process


def lines(ledger: Path) -> list[str]:
    return ledger.read_text().splitlines() if ledger.exists() else []


def acknowledged(ledger: Path) -> list[bytes]:
    # The last line may be cut short: it was not synced, so nobody was told.
    return [bytes.fromhex(line) for line in lines(ledger) if len(line) == 64]


def wait_for_lines(ledger: Path, count: int, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while len(lines(ledger)) < count:
        assert time.monotonic() < until, "the writer does not write"
        time.sleep(0.005)


def require_sound(folder: Path, ledger: Path, *, whole: bool = True) -> int:
    """Require that every acknowledged transaction is there and the store is what it should be."""
    store = SqliteChainStore(folder)
    try:
        check_sample(store)
        world = ChainWorld(store, make=InlineEngine, clock=SystemClock())  # type: ignore[arg-type]
        missing = [i.hex() for i in acknowledged(ledger) if world.records.receipt(i) is None]
        assert missing == [], "acknowledged and lost"
        if whole:
            assert list(find_damage(store)) == []
            assert replay(store).same
        return world.engine.head().height
    finally:
        store.close()


def finish(process: subprocess.Popen[str]) -> int:
    code = process.wait(timeout=60)
    if process in _running:
        _running.remove(process)
    return code


# --- kill -9 -------------------------------------------------------------------------------------


@clause("D1", "D18")
def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path: Path) -> None:
    rounds = 1000 if _LONG else 6
    random = Random(1)
    folder, ledger = tmp_path / "chain", tmp_path / "ledger"
    height = 0
    for number in range(rounds):
        before = len(lines(ledger))
        process = start(folder, ledger)
        wait_for_lines(ledger, before + 1)
        time.sleep(random.uniform(0.0, 0.4))
        process.send_signal(signal.SIGKILL)
        assert finish(process) == -signal.SIGKILL
        last = number == rounds - 1 or number % 50 == 49
        now = require_sound(folder, ledger, whole=last)
        assert now >= height
        height = now
    assert len(acknowledged(ledger)) >= rounds


# --- SIGTERM -------------------------------------------------------------------------------------


@clause("D20")
def test_sigterm_under_load_finishes_the_block_and_ends_well(tmp_path: Path) -> None:
    folder, ledger = tmp_path / "chain", tmp_path / "ledger"
    process = start(folder, ledger)
    wait_for_lines(ledger, 20)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert finish(process) == 0
    assert time.monotonic() - began < 60
    require_sound(folder, ledger)


# --- System calls that fail, or never return -----------------------------------------------------


def strace(*injected: str) -> tuple[str, ...]:
    calls = ",".join(sorted({rule.split(":", 1)[0] for rule in injected}))
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}"]
    for rule in injected:
        command += ["-e", f"inject={rule}"]
    return tuple(command)


def _can_trace() -> bool:
    if shutil.which("strace") is None:
        return False
    done = subprocess.run(
        [*strace("fdatasync:error=EIO:when=1"), "true"], capture_output=True, check=False
    )
    return done.returncode == 0


needs_strace = pytest.mark.skipif(not _can_trace(), reason="strace is not there or may not trace")


@pytest.fixture
def prepared(tmp_path: Path) -> tuple[Path, Path]:
    """Return a store with a few blocks, and the ledger of its writer."""
    folder, ledger = tmp_path / "chain", tmp_path / "ledger"
    for _ in range(2):
        assert finish(start(folder, ledger, "one")) == 0
    return folder, ledger


@needs_strace
@clause("D2")
@pytest.mark.parametrize("call", ["pwrite64", "fdatasync"])
def test_a_kill_at_any_write_or_sync_leaves_the_block_before_or_after(
    prepared: tuple[Path, Path], tmp_path: Path, call: str
) -> None:
    folder, ledger = prepared
    survived = False
    for number in range(1, 200):
        copy, book = tmp_path / f"copy {number}", tmp_path / f"book {number}"
        shutil.copytree(folder, copy)
        shutil.copy(ledger, book)
        rule = f"{call}:signal=SIGKILL:when={number}"
        code = finish(start(copy, book, "one", before=strace(rule)))
        require_sound(copy, book)
        shutil.rmtree(copy)
        if code == 0:
            survived = True
            break
    assert survived, "every write of a block was a crash point"


@needs_strace
@clause("D5")
def test_an_io_error_of_a_sync_stops_the_writer_and_a_restart_recovers(
    prepared: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, ledger = prepared
    codes = set()
    for number in range(1, 6):
        copy, book = tmp_path / f"copy {number}", tmp_path / f"book {number}"
        shutil.copytree(folder, copy)
        shutil.copy(ledger, book)
        rule = f"fdatasync:error=EIO:when={number}+"
        codes.add(finish(start(copy, book, "one", before=strace(rule))))
        require_sound(copy, book)
        if 0 in codes:
            break
    assert 4 in codes, "a sync that fails stops the engine"


@needs_strace
@clause("D4")
def test_no_space_at_any_write_refuses_or_never_was_needed(
    prepared: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, ledger = prepared
    codes = []
    for number in range(1, 60):
        copy, book = tmp_path / f"copy {number}", tmp_path / f"book {number}"
        shutil.copytree(folder, copy)
        shutil.copy(ledger, book)
        rule = f"pwrite64:error=ENOSPC:when={number}+"
        codes.append(finish(start(copy, book, "one", before=strace(rule))))
        require_sound(copy, book)
        if codes[-1] == 0:
            break
    assert 3 in codes, "storage full is told as such"


# --- Size ----------------------------------------------------------------------------------------


@clause("D17")
def test_a_million_rows_are_written_read_and_copied_in_two_gigabytes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.failure.large_store_process", str(tmp_path)]
    done = subprocess.run(
        command,
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert (done.returncode, done.stdout) == (0, "1000000 1000000\n"), done.stderr


# --- Power ---------------------------------------------------------------------------------------


def _can_cut_power() -> str:
    if os.geteuid() != 0:
        return "only root may mount"
    for tool in ("xfs_io", "mkfs.ext4", "mount", "umount"):
        if shutil.which(tool) is None:
            return f"{tool} is not there"
    return ""


@clause("D3")
def test_a_power_cut_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    reason = _can_cut_power()
    if reason:
        pytest.skip(reason)
    image, mount = tmp_path / "disk.img", tmp_path / "disk"
    mount.mkdir()
    with image.open("wb") as file:
        file.truncate(192 * 2**20)
    run("mkfs.ext4", "-q", str(image))
    if run("mount", "-o", "loop", str(image), str(mount), check=False):
        pytest.skip("loop mounts are refused here")
    ledger = tmp_path / "ledger"
    random = Random(2)
    try:
        for _ in range(200 if _LONG else 2):
            before = len(lines(ledger))
            process = start(mount / "chain", ledger)
            wait_for_lines(ledger, before + 5)
            time.sleep(random.uniform(0.0, 0.5))
            # Without a flush: what the disk did not have is gone, as when the power fails.
            run("xfs_io", "-x", "-c", "shutdown", str(mount))
            process.kill()
            finish(process)
            run("umount", str(mount))
            run("mount", "-o", "loop", str(image), str(mount))
            require_sound(mount / "chain", ledger)
    finally:
        run("umount", "-l", str(mount), check=False)
