"""The nodes of a one-machine network as processes in the background.

A pid file names a process by its number and the time of its start, so that a number that has gone
to somebody else's process is never taken for ours (clause NT-13).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from registry_chain.storage.whole_file import replace_file
from weid.encoding import json_loads_object
from weid.errors import MalformedError, WeidError

PID_FILE: Final = "node.pid"
LOG_FILE: Final = "node.log"
_STARTING: Final = "node.starting"
"""Locked by who starts the node, as long as it is not known by its pid file."""
_PID_BYTES: Final = 1024
_STARTED_FIELD: Final = 19
"""Place of the start time in /proc/PID/stat, counted from behind the name (proc(5), field 22)."""


class NodeProcessError(WeidError):
    """A node's process could not be started or stopped."""


class NodeRunsError(NodeProcessError):
    """A node that was to be started is running."""


@dataclass(frozen=True, slots=True)
class NodeProcess:
    """A process by its number and what the system says of its start."""

    pid: int
    started: str


def start_time(pid: int) -> str | None:
    """Return a text that differs for each process that ever had this number; None: no process."""
    try:
        # The name may hold anything, parentheses too: fields are counted behind the last one.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None if Path("/proc/self/stat").exists() else _asked_ps(pid)
    except (ProcessLookupError, PermissionError):
        return None
    behind = fields.rpartition(")")[2].split()
    if behind[0] in {"Z", "X"}:
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot} {behind[_STARTED_FIELD]}"


def _asked_ps(pid: int) -> str | None:
    done = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)],  # noqa: S607 - where the system has it
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or None


def running_node(folder: Path) -> NodeProcess | None:
    """Return the process that a folder's pid file names, if it is still that process.

    The file must be of the user who asks: one that somebody else wrote may name any process.
    """
    try:
        with (folder / PID_FILE).open("rb") as file:
            if os.fstat(file.fileno()).st_uid != os.geteuid():
                return None
            body = json_loads_object(
                file.read(_PID_BYTES), what="the pid file", max_bytes=_PID_BYTES
            )
    except (OSError, MalformedError):
        return None
    pid, started = body.get("pid"), body.get("started")
    if type(pid) is not int or pid < 1 or not isinstance(started, str):
        return None
    return NodeProcess(pid, started) if start_time(pid) == started else None


def start_node(folder: Path, command: Sequence[str]) -> NodeProcess:
    """Start a node in the background, its output behind that of earlier runs in `node.log`.

    Of two that start it at once one does, and the other one is told so: else the pid file would
    name a process that found the node running and ended, and nobody could stop the one that runs.

    Raises:
        NodeRunsError: it runs already.
        NodeProcessError: it could not be started.
    """
    with _alone(folder):
        if running_node(folder) is not None:
            raise NodeRunsError(
                f"the node in {folder} is running",
                hint="stop the network first: registry-chain net stop",
            )
        return _start(folder, command)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until nobody else starts this node, and keep others waiting as long as this goes on."""
    try:
        descriptor = os.open(folder / _STARTING, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise NodeProcessError(
            f"the node in {folder} could not be started: {error.strerror}"
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _start(folder: Path, command: Sequence[str]) -> NodeProcess:
    try:
        log = os.open(folder / LOG_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        finally:
            os.close(log)
        found = NodeProcess(process.pid, start_time(process.pid) or "")
        facts = {"pid": found.pid, "started": found.started}
        try:
            replace_file(folder / PID_FILE, json.dumps(facts).encode())
        except OSError:
            # What no pid file names could never be stopped: it has done nothing yet.
            process.kill()
            process.wait()
            raise
    except OSError as error:
        raise NodeProcessError(
            f"the node in {folder} could not be started: {error.strerror}"
        ) from None
    # It runs on when we are gone, and is looked after by its pid file, not by this object.
    process.returncode = 0
    return found


def stop_nodes(
    folders: Sequence[Path],
    *,
    monotonic: Callable[[], float],
    sleep: Callable[[float], None],
    seconds: float = 60.0,
) -> dict[Path, str]:
    """Stop the nodes of these folders in order; return what became of each.

    Only a process that its pid file still names is told to stop (SIGTERM). One that does not end
    in time is left and said: killing a node is a decision of a person.
    """
    told = {folder: process for folder in folders if (process := running_node(folder)) is not None}
    for process in told.values():
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)
    deadline = monotonic() + seconds
    became = dict.fromkeys(folders, "was not running")
    for folder, process in told.items():
        while (left := deadline - monotonic()) > 0 and _is_there(process):
            sleep(min(left, 0.1))
        became[folder] = "does not end" if _is_there(process) else "stopped"
    for folder, what in became.items():
        if what != "does not end" and _is_ours(folder / PID_FILE):
            (folder / PID_FILE).unlink(missing_ok=True)
    return became


def _is_ours(path: Path) -> bool:
    try:
        return path.stat().st_uid == os.geteuid()
    except OSError:
        return False


def _is_there(process: NodeProcess) -> bool:
    # A child of ours that ended stays on the table until it is waited for.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)
    return start_time(process.pid) == process.started
