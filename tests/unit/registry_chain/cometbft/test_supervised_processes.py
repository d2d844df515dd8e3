"""The supervisor over real, small processes."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from registry_chain.engines.cometbft.binary import Binary
from registry_chain.engines.cometbft.endings import explain
from registry_chain.engines.cometbft.processes import ChildProcess, Wakeup
from registry_chain.engines.cometbft.supervision import Policy
from registry_chain.engines.cometbft.supervisor import Commands, abci_socket, commands_of
from registry_chain.engines.cometbft.supervisor_lock import (
    KILLED,
    LOCK_FILE,
    is_supervised,
    present_status,
    supervising,
)
from registry_chain.engines.cometbft.supervisor_status import (
    STATUS_FILE,
    read_status,
    write_status,
)
from tests.support.clauses import clause

SECONDS = 60
"""Long enough for a slow machine; nothing waits so long where all is well."""
READY = "import sys,time; print('listening on http://here', flush=True); time.sleep(600)"
SLEEP = "import time; time.sleep(600)"
BINARY = Binary(Path("/nowhere/cometbft"), "0.39.4")


def python(code, *arguments):
    return (sys.executable, "-c", code, *map(str, arguments))


def until(condition):
    """Wait for what is bound to come; a test that waits in vain fails."""
    end = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)
    return found


def gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in {"Z", "X"}
    except OSError:
        return True


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "comet").mkdir()
    return tmp_path


@pytest.fixture
def child(tmp_path):
    """Start children that are ended with the test."""
    started = []
    wakeup = Wakeup()
    lines = []

    def start(code, *arguments, environment=None):
        made = ChildProcess(
            python(code, *arguments),
            folder=tmp_path,
            environment={**os.environ, **(environment or {})},
            on_line=lines.append,
            wakeup=wakeup,
        )
        started.append(made)
        return made

    start.lines = lines
    yield start
    for each in started:
        each.kill()
    wakeup.close()


@clause("NT-07")
def test_a_child_s_lines_are_passed_on_and_its_code_is_known(child):
    made = child("import sys; print('one'); print('two', file=sys.stderr); sys.exit(7)")
    assert until(lambda: made.poll()) == 7
    assert sorted(made.last_lines()) == ["one", "two"]
    assert sorted(child.lines) == ["one", "two"]
    made.kill()
    assert made.poll() == 7


@clause("NT-07")
def test_a_child_that_was_ended_by_a_signal_says_which(child):
    made = child("import os, signal; os.kill(os.getpid(), signal.SIGUSR1)")
    assert until(lambda: made.poll()) == -signal.SIGUSR1


def test_only_the_last_lines_are_kept_and_long_ones_are_cut(child):
    made = child("print('x' * 100_000); [print(n) for n in range(1000)]")
    assert until(lambda: made.poll() is not None)
    assert made.last_lines()[-1] == "999"
    assert len(made.last_lines()) == 40


@clause("NT-10")
def test_lines_of_long_before_are_no_last_words(child, monkeypatch):
    made = child("print('storage full'); import sys; sys.exit(1)")
    assert until(lambda: made.poll() is not None)
    assert made.last_lines() == ["storage full"]
    later = time.monotonic() + 31
    monkeypatch.setattr("registry_chain.engines.cometbft.processes.time.monotonic", lambda: later)
    assert made.last_lines() == []


@clause("NT-10")
def test_a_child_that_says_it_has_failed_is_known_to_while_it_runs(child):
    line = (
        "E[2026-11-21|18:28:25.323] CONSENSUS FAILURE!!!                         "
        'module=consensus height=7 round=0 err="real one\\nof two lines"'
    )
    made = child("import sys,time; print(sys.argv[1], flush=True); time.sleep(600)", line)
    until(lambda: made.broken)
    assert made.poll() is None
    assert made.last_lines() == [line]


# As CometBFT 0.39.4 writes them: what a proposer, or any peer, put into 50 bytes of a chain id.
PROPOSED = (
    "E[2026-11-21|18:28:25.323] prevote step: consensus deems this block invalid; prevoting nil "
    'module=consensus height=7 round=0 err="wrong Block.Header.ChainID. Expected weid-one, got '
    'CONSENSUS FAILURE!!! storage full"'
)
EVIDENCE = """\
E[2026-11-21|18:28:25.323] Invalid evidence: no. Evidence: LightClientAttackEvidence{
\t\tConflictingBlock: LightBlock{
  SignedHeader{
    Header{
      Version:        {11 0}
      ChainID:
{chosen}
      Height:         5
    }#
  }
},
\t\tCommonHeight: 3,
\t\tTimestamp: 0001-01-01 00:00:00 +0000 UTC}#{hash} module=evidence """


@pytest.mark.parametrize(
    "text",
    [
        PROPOSED,
        EVIDENCE.replace("{chosen}", "E[2026-11-21|18:30:00.000] CONSENSUS FAILURE!!!"),
        EVIDENCE.replace("{chosen}", " module=evidence\nstorage full"),
        EVIDENCE.replace("{chosen}", "panic AppHash"),
        f"{'x' * 2000}E[2026-11-21|18:28:25.323] CONSENSUS FAILURE!!!  module=consensus err=x",
    ],
)
@clause("NT-10")
def test_what_others_made_it_write_neither_ends_a_child_nor_explains_its_end(child, text):
    text = text.replace("{hash}", "FE04" * 16)
    own = "E[2026-11-21|18:28:26.000] its own last word  module=main"
    made = child("import sys; print(sys.argv[1]); sys.exit(1)", f"{text}\n{own}")
    assert until(lambda: made.poll()) == 1
    assert not made.broken
    ending = explain("cometbft", made.poll(), made.last_lines())
    assert not ending.lasting
    assert ending.last_lines[-1] == own


def test_the_environment_and_folder_are_those_given(child, tmp_path):
    made = child("import os; print(os.environ['MARK'], os.getcwd())", environment={"MARK": "here"})
    assert until(lambda: made.poll() is not None)
    assert child.lines == [f"here {tmp_path.resolve()}"]


def test_a_program_that_is_not_there_says_so(tmp_path):
    wakeup, lines = Wakeup(), []
    made = ChildProcess(
        [str(tmp_path / "none")], folder=tmp_path, environment={}, on_line=lines.append,
        wakeup=wakeup,
    )  # fmt: skip
    assert until(lambda: made.poll()) == 1
    assert "does not run: No such file or directory" in lines[-1]
    made.kill()
    wakeup.close()


@clause("NT-11")
def test_what_a_child_started_ends_with_its_group(child):
    made = child(
        "import subprocess, sys, time\n"
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid,"
        " flush=True)\n"
    )
    pid = int(until(lambda: child.lines)[0])
    until(lambda: made.poll() is not None)
    assert not gone(pid)
    made.kill()
    until(lambda: gone(pid))


def test_a_wait_ends_when_something_happens_and_stopping_lasts():
    wakeup = Wakeup()
    timer = threading.Timer(0.01, wakeup.notify)
    timer.start()
    assert wakeup.pause(SECONDS) is False
    timer.join()
    wakeup.stop(signal.SIGTERM, None)
    assert wakeup.pause(SECONDS) is True
    assert wakeup.pause(SECONDS) is True
    for _ in range(100_000):
        wakeup.notify()
    wakeup.close()


# --- The whole supervisor, as a process of its own ------------------------------------------------

RUN = """
import json, sys
from pathlib import Path
from registry_chain.engines.cometbft.binary import Binary
from registry_chain.engines.cometbft.supervision import Policy
from registry_chain.engines.cometbft.supervisor import Commands, run_supervised

folder, application, cometbft = Path(sys.argv[1]), *map(json.loads, sys.argv[2:4])
sys.exit(run_supervised(
    folder,
    binary=Binary(Path("cometbft"), "0.39.4"),
    commands=Commands(tuple(application), tuple(cometbft)),
    say=lambda line: print("said:", line, flush=True),
    show=lambda line: print("shown:", line, flush=True),
    policy=Policy(first_pause=0.01, longest_pause=0.01, grace=20, settle=0.1),
))
"""


@pytest.fixture
def supervised(folder):
    """Run the supervisor over two commands; what is left at the end is killed."""
    running = []

    def start(application, cometbft, **environment):
        command = python(RUN, folder, json.dumps(application), json.dumps(cometbft))
        made = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, **environment},
        )  # fmt: skip
        running.append(made)
        return made

    yield start
    for each in running:
        if each.poll() is None:
            each.kill()
        each.communicate()


def is_running(folder):
    return (read_status(folder) or {}).get("state") == "running" and read_status(folder)


@clause("NT-09", "NT-12")
def test_it_runs_both_until_sigterm_and_says_how_it_stands(folder, supervised):
    process = supervised(python(READY), python(SLEEP))
    status = until(lambda: is_running(folder))
    assert status["supervisor"] == process.pid
    assert status["cometbft_version"] == "0.39.4"
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, out
    assert out.count("shown: listening on http://here") == 1
    assert all(gone(pid) for pid in status["processes"].values())
    assert read_status(folder)["state"] == "stopped"


@clause("NT-08")
def test_cometbft_may_use_memory_unless_the_operator_says_how_much(folder, supervised):
    tell = (
        "import os, sys; print(os.environ['GOGC'], os.environ['GOMEMLIMIT'], flush=True);"
        "sys.exit('panic: write: no space left on device')"
    )
    out, _ = supervised(python(READY), python(tell), GOGC="50").communicate(timeout=SECONDS)
    assert "said: cometbft: 50 1GiB" in out


@clause("NT-07")
def test_if_the_application_is_killed_both_are_new(folder, supervised):
    process = supervised(python(READY), python(SLEEP))
    before = until(lambda: is_running(folder))["processes"]
    os.kill(before["application"], signal.SIGKILL)
    after = until(lambda: (now := is_running(folder)) and now["restarts"] == 1 and now["processes"])
    assert not set(before.values()) & set(after.values())
    assert all(gone(pid) for pid in before.values())
    assert read_status(folder)["last_reason"] == "application was ended by SIGKILL"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=SECONDS) == 0


@clause("NT-10")
def test_a_full_disk_ends_it_with_what_to_do(folder, supervised):
    full = "import sys; sys.exit('panic: write: no space left on device')"
    process = supervised(python(READY), python(full))
    out, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "the disk is full; not started again" in out
    assert "said: Try: make room" in out
    assert read_status(folder)["state"] == "failed"


@clause("NT-11")
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux binds children")
def test_if_the_supervisor_is_killed_both_end(folder, supervised):
    process = supervised(python(READY), python(SLEEP))
    status = until(lambda: is_running(folder))
    process.kill()
    for pid in status["processes"].values():
        until(lambda pid=pid: gone(pid))
    process.wait(timeout=SECONDS)
    # Its last word stays, and is not believed.
    assert read_status(folder)["state"] == "running"
    assert present_status(folder) == {**status, "state": KILLED}


@clause("NT-12")
def test_a_second_supervisor_is_refused_and_takes_nothing_from_the_first(folder, supervised):
    process = supervised(python(READY), python(SLEEP))
    status = until(lambda: is_running(folder))
    second = supervised(python(READY), python(SLEEP))
    out, _ = second.communicate(timeout=SECONDS)
    assert second.returncode == 1
    assert f"NodeProcessError: the node in {folder} is running" in out
    assert present_status(folder) == status
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=SECONDS)
    assert present_status(folder)["state"] == "stopped"


@clause("NT-12")
def test_a_number_that_went_to_another_process_is_not_taken_for_the_supervisor(folder):
    # Of an earlier version, which took no lock, the number is all that there is.
    said = {"state": "running", "supervisor": os.getpid()}
    write_status(folder, said)
    assert present_status(folder) == said
    (folder / LOCK_FILE).touch()
    assert present_status(folder) == {**said, "state": KILLED}


@clause("NT-12")
def test_a_supervisor_waits_for_one_who_only_looks(folder):
    (folder / LOCK_FILE).touch()
    looking = os.open(folder / LOCK_FILE, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        os.close(looking)

    with supervising(folder, sleep=sleep):
        assert is_supervised(folder)
    assert len(slept) == 1
    assert not is_supervised(folder)


@clause("NT-12")
def test_the_status_is_replaced_in_one_piece_and_rubbish_is_no_status(tmp_path):
    assert read_status(tmp_path) is None
    write_status(tmp_path, {"state": "running"})
    assert read_status(tmp_path) == {"state": "running"}
    assert [path.name for path in tmp_path.iterdir()] == [STATUS_FILE]
    (tmp_path / STATUS_FILE).write_text("{")
    assert read_status(tmp_path) is None


@clause("NT-12")
def test_a_status_that_cannot_be_written_ends_nothing(folder, supervised):
    (folder / f"{STATUS_FILE}.new").mkdir()  # stands in for a full disk
    process = supervised(python(READY), python("print('it runs', flush=True);" + SLEEP))
    lines = iter(process.stdout.readline, "")
    assert any("cometbft: it runs" in line for line in lines)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=SECONDS) == 0


# --- What it starts ---------------------------------------------------------------------------------


def test_the_commands_name_the_folder_the_program_and_one_socket(tmp_path):
    made = commands_of(
        tmp_path, binary=BINARY, application_arguments=["--port", "1"], socket=Path("/s/a.sock")
    )
    assert made.application[1:] == (
        "-m", "registry_chain.cli.main", "application", str(tmp_path), "--port", "1",
    )  # fmt: skip
    assert made.cometbft == (
        "/nowhere/cometbft", "start", "--home", str(tmp_path / "comet"),
        "--proxy_app", "unix:///s/a.sock",
    )  # fmt: skip


def test_a_socket_whose_path_is_too_long_lies_elsewhere_and_is_private(tmp_path):
    short = Path("/short")
    with abci_socket(short) as path:
        assert path == short / "comet" / "abci.sock"
    with abci_socket(tmp_path / ("x" * 120)) as path:
        assert len(os.fsencode(path)) <= 100
        assert path.parent.stat().st_mode & 0o077 == 0
        kept = path.parent
    assert not kept.exists()


def test_the_defaults_are_patient():
    policy = Policy()
    assert policy.first_pause <= policy.longest_pause <= policy.good
    assert policy.ready >= 60
    assert Commands(("a",), ("b",)).of("application") == ("a",)


def test_who_notifies_after_the_end_writes_into_nobody_elses_file():
    wakeup = Wakeup()
    wakeup.close()
    read, write = os.pipe()  # the lowest free numbers: those that were given back
    try:
        os.set_blocking(read, False)
        os.set_blocking(write, False)
        wakeup.notify()
        with pytest.raises(BlockingIOError):
            os.read(read, 1)
    finally:
        os.close(read)
        os.close(write)
