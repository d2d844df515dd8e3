"""Whether a node's supervisor is there: it holds a lock for as long as it lives (clause NT-12).

What `supervisor.json` says is a word from the past, and the number of a process goes to another
one when it ends. The kernel gives the lock back however the supervisor ended: it tells of now.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from registry_chain.engines.cometbft.node_processes import NodeProcessError, start_time
from registry_chain.engines.cometbft.supervisor_status import read_status
from registry_chain.storage.folder_lock import refused
from weid.encoding import JsonObject

LOCK_FILE: Final = "supervisor.lock"
KILLED: Final = "killed"
"""The state of a node whose supervisor ended without a word."""
_ENDED: Final = ("stopped", "failed")
_TRIES: Final = 20
_PAUSE: Final = 0.1


@contextmanager
def supervising(folder: Path, *, sleep: Callable[[float], None]) -> Iterator[None]:
    """Hold the lock of the folder's supervisor as long as the block runs; the file stays.

    Raises:
        NodeProcessError: another supervisor has it.
        StoreRefusedError: the folder cannot be used.
    """
    try:
        descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise refused(folder, error) from error
    try:
        _take(descriptor, folder, sleep)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, folder: Path, sleep: Callable[[float], None]) -> None:
    # Who only looks has the lock too, for a moment: that is no reason to give up.
    for _ in range(_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sleep(_PAUSE)
        except OSError as error:
            raise refused(folder, error) from error
        else:
            return
    raise NodeProcessError(
        f"the node in {folder} is running", hint="stop it first, by Ctrl-C or SIGTERM"
    )


def is_supervised(folder: Path) -> bool:
    """Return whether a supervisor runs the node in this folder now.

    A supervisor of an earlier version took no lock: then whatever process has its number counts,
    since to take a running node for a stopped one is the worse mistake.
    """
    held = _is_held(folder)
    if held is not None:
        return held
    said = read_status(folder) or {}
    process = said.get("supervisor")
    if said.get("state") in _ENDED or type(process) is not int:
        return False
    return start_time(process) is not None


def _is_held(folder: Path) -> bool | None:
    """Return whether somebody holds the lock; None: it cannot be said, or there never was one."""
    try:
        descriptor = os.open(folder / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    else:
        return False
    finally:
        os.close(descriptor)


def present_status(folder: Path) -> JsonObject | None:
    """Return what the supervisor said last, with the state `killed` if it is there no more.

    One that ended in order said so itself: `stopped` or `failed`.
    """
    is_there = is_supervised(folder)
    # Read afterwards: what it says as the last thing, it says before it gives the lock back.
    said = read_status(folder)
    if is_there or said is None or "state" not in said or said["state"] in _ENDED:
        return said
    return {**said, "state": KILLED}
