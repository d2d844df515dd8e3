"""Nodes in the background: started once, found again, and nobody else's process touched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from registry_chain.engines.cometbft.node_processes import (
    LOG_FILE,
    PID_FILE,
    NodeProcessError,
    running_node,
    start_node,
    start_time,
    stop_nodes,
)
from tests.support.clauses import clause

SLEEP = [sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(600)"]
DEAF_CODE = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('begun', flush=True)
time.sleep(600)
"""
DEAF = [sys.executable, "-c", DEAF_CODE]
SECONDS = 60


@pytest.fixture
def node(tmp_path):
    """Start processes in folders of their own; what is left is killed."""
    started = []

    def start(name, command=SLEEP):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        log = folder / LOG_FILE
        before = len(log.read_text()) if log.exists() else 0
        process = start_node(folder, command)
        started.append(process)
        end = time.monotonic() + SECONDS
        while "begun" not in log.read_text()[before:]:
            assert time.monotonic() < end
            time.sleep(0.01)
        return folder, process

    yield start
    for process in started:
        if start_time(process.pid) == process.started:
            os.kill(process.pid, signal.SIGKILL)
        try:
            os.waitpid(process.pid, 0)
        except ChildProcessError:
            continue


def stop(*folders, seconds=SECONDS):
    return stop_nodes(folders, monotonic=time.monotonic, sleep=time.sleep, seconds=seconds)


@clause("NT-13")
def test_a_node_is_found_again_and_stopped(node):
    folder, process = node("a")
    assert running_node(folder) == process
    assert stop(folder) == {folder: "stopped"}
    assert running_node(folder) is None
    assert not (folder / PID_FILE).exists()
    assert stop(folder) == {folder: "was not running"}


@clause("NT-13")
def test_a_process_that_no_pid_file_could_name_does_not_stay(tmp_path, monkeypatch):
    begun = []
    start = subprocess.Popen

    def note(*arguments, **options):
        begun.append(start(*arguments, **options))
        return begun[-1]

    monkeypatch.setattr(subprocess, "Popen", note)
    (tmp_path / f"{PID_FILE}.new").mkdir()
    with pytest.raises(NodeProcessError, match="could not be started"):
        start_node(tmp_path, SLEEP)
    assert start_time(begun[0].pid) is None
    assert running_node(tmp_path) is None


@clause("NT-13")
def test_a_node_is_not_started_twice(node):
    folder, process = node("a")
    with pytest.raises(NodeProcessError, match="is running"):
        start_node(folder, SLEEP)
    assert running_node(folder) == process


@clause("NT-13")
@clause("NT-13")
def test_of_two_that_start_a_node_at_once_one_does(node, tmp_path, monkeypatch):
    """Else the pid file would name the one that gave up, and nobody could stop the other one."""
    system, made, refused = subprocess.Popen, [], []

    def other():
        try:
            start_node(tmp_path / "one", SLEEP)
        except NodeProcessError as error:
            refused.append(error)

    second = threading.Thread(target=other)

    def popen(*arguments, **options):
        made.append(arguments)
        if len(made) == 1:
            second.start()
            second.join(0.5)  # it would be through by now if it did not wait
        return system(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", popen)
    folder, process = node("one")
    second.join()
    assert len(made) == len(refused) == 1
    assert running_node(folder) == process


def test_a_number_that_has_gone_to_another_process_is_left_alone(node, tmp_path):
    folder, _ = node("a")
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        text = (folder / PID_FILE).read_text()
        body = json.loads(text)
        (folder / PID_FILE).write_text(json.dumps({**body, "pid": other.pid}))
        assert running_node(folder) is None
        assert stop(folder) == {folder: "was not running"}
        assert other.poll() is None
        (folder / PID_FILE).write_text(text)
    finally:
        other.kill()
        other.wait()


@clause("NT-13")
@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "1", '{"pid": 1}', '{"pid": "1", "started": "x"}',
     '{"pid": -1, "started": "x"}', '{"pid": 0, "started": "x"}', '{"pid": true, "started": "x"}',
     '{"pid": 99999999999999, "started": "x"}', '{"pid": 1, "started": null}'],
)  # fmt: skip
def test_a_pid_file_that_is_none_names_nobody(tmp_path, text):
    (tmp_path / PID_FILE).write_text(text)
    assert running_node(tmp_path) is None


@clause("NT-13")
def test_one_that_does_not_end_is_said_and_left(node):
    folder, process = node("a", DEAF)
    times = iter(range(0, 1000, 10))
    became = stop_nodes([folder], monotonic=lambda: next(times), sleep=lambda _: None, seconds=60)
    assert became == {folder: "does not end"}
    assert running_node(folder) == process


@clause("NT-13")
def test_all_are_told_before_any_is_waited_for(node):
    slow, _ = node("slow", DEAF)
    quick, process = node("quick")
    times = iter(range(0, 1000, 10))
    became = stop_nodes(
        [slow, quick],
        monotonic=lambda: next(times),
        sleep=lambda _: (
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            if start_time(process.pid)
            else None
        ),
        seconds=60,
    )
    assert became[slow] == "does not end"
    assert start_time(process.pid) != process.started


def test_what_it_says_goes_behind_what_was_said_before_in_a_private_file(node):
    folder, _ = node("a")
    stop(folder)
    node("a")
    assert (folder / LOG_FILE).read_text() == "begun\nbegun\n"
    assert (folder / LOG_FILE).stat().st_mode & 0o077 == 0


def test_a_program_that_is_not_there_is_told(tmp_path):
    with pytest.raises(NodeProcessError, match="could not be started"):
        start_node(tmp_path, [str(tmp_path / "none")])
    assert running_node(tmp_path) is None


def test_a_process_has_one_time_of_start_and_none_when_it_is_gone():
    assert start_time(os.getpid()) == start_time(os.getpid())
    # A child: whoever started us may have been started in the same tick of the clock as we.
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    ) as child:
        assert start_time(child.pid) not in {None, start_time(os.getpid())}
    assert start_time(child.pid) is None


@clause("NT-13")
def test_a_pid_file_of_somebody_else_names_no_process(node, monkeypatch):
    """Whoever stops the nodes of another's folder must not stop what its owner chose."""
    folder, process = node("one")
    assert running_node(folder) == process
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert running_node(folder) is None
    became = stop_nodes([folder], monotonic=time.monotonic, sleep=time.sleep)
    assert became == {folder: "was not running"}
    assert start_time(process.pid) == process.started
    assert (folder / PID_FILE).exists()
