"""What a node stands on goes wrong: its file system takes nothing, its clock jumps."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from registry_chain.replay import replay
from registry_chain.storage.errors import StoreRefusedError
from registry_chain.storage.sealed_block import read_block
from registry_chain.storage.sqlite import SqliteChainStore
from tests.failure.test_chain_faults import _ended, acknowledged, finish, lines, start
from tests.support.chain_world import sqlite_world
from tests.support.clauses import clause

pytestmark = pytest.mark.faults
_ended_too = _ended  # no process outlives a test that failed
_FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


def _mount(*words: str) -> str:
    """Mount something; return why it could not be done."""
    program = shutil.which("mount")
    if os.geteuid() != 0 or program is None:
        return "only root may mount"
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
    return done.stderr.strip() if done.returncode else ""


@contextmanager
def small_disk(folder: Path, options: str) -> Iterator[Path]:
    """Give a file system in memory of its own."""
    folder.mkdir()
    reason = _mount("-t", "tmpfs", "-o", options, "weid-faults", str(folder))
    if reason:
        pytest.skip(reason)
    try:
        yield folder
    finally:
        subprocess.run([str(shutil.which("umount")), "-l", str(folder)], check=False)


@clause("D14")
def test_a_file_system_that_is_mounted_read_only_is_refused_at_start(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "size=64m") as disk:
        world = sqlite_world(disk / "chain")
        world.submit(world.anchor("kept"))
        world.store.close()
        assert _mount("-o", "remount,ro", str(disk)) == ""
        for place in (disk / "chain", disk / "new"):
            with pytest.raises(StoreRefusedError) as refused:
                SqliteChainStore(place)
            assert str(place) in str(refused.value)
        assert _mount("-o", "remount,rw", str(disk)) == ""
        SqliteChainStore(disk / "chain").close()


@clause("D14")
def test_a_file_system_without_inodes_is_refused_at_start(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "size=64m,nr_inodes=24") as disk:
        world = sqlite_world(disk / "chain")
        world.submit(world.anchor("kept"))
        world.store.close()
        taken = []
        with contextlib.suppress(OSError):
            for number in range(100):
                path = disk / str(number)
                path.touch()
                taken.append(path)
        for place in (disk / "chain", disk / "new"):
            with pytest.raises(StoreRefusedError) as refused:
                SqliteChainStore(place)
            assert str(place) in str(refused.value)
        for path in taken:
            path.unlink()
        SqliteChainStore(disk / "chain").close()


@clause("D13", "R39")
def test_a_clock_that_jumps_under_a_running_process_never_turns_block_time_round(
    tmp_path: Path,
) -> None:
    if os.environ.get("WEID_FAULTS") != "long":
        pytest.skip("in the long list: a thread that waits under libfaketime may wait for long")
    if not _FAKETIME.exists():
        pytest.skip("libfaketime is not there")
    folder, ledger, clock = tmp_path / "chain", tmp_path / "ledger", tmp_path / "clock"
    clock.write_text("+0\n")
    environment = {
        "LD_PRELOAD": str(_FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    before = ("env", *(f"{name}={value}" for name, value in environment.items()))
    process = start(folder, ledger, before=before)
    for change in ("+0", "-2d", "+400d", "+399d", "+0", "+401d"):
        clock.write_text(change + "\n")
        count = len(lines(ledger))
        end = time.monotonic() + 120
        while len(lines(ledger)) < count + 3:
            assert process.poll() is None, f"it ended at {change}"
            assert time.monotonic() < end, f"it stands at {change}"
            time.sleep(0.01)
    process.terminate()
    assert finish(process) == 0
    store = SqliteChainStore(folder)
    try:
        times: list[int] = []
        with store.snapshot() as snapshot:
            while block := read_block(snapshot, len(times) + 1, with_transactions=False):
                times.append(block.header.time_ns)
        assert times == sorted(set(times))
        assert times[-1] - times[0] > 300 * 86_400 * 10**9
        assert len(acknowledged(ledger)) >= 18
        assert replay(store).same
    finally:
        store.close()
