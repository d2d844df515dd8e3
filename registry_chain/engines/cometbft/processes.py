"""The processes under the supervisor: started in groups of their own, their output read."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import IO, Final

from registry_chain.engines.cometbft.endings import OwnWords, says_broken

_BOUND: Final = Path(__file__).with_name("bound_process.py")
_KEPT_LINES: Final = 40
_LINE_CHARS: Final = 2000
_READY: Final = ("listening on ", "waiting for a snapshot")
_NO_FILE: Final = -1
_LAST_SECONDS: Final = 30.0
"""How long before the end a line was written that may be about it."""


class Wakeup:
    """Waiting that ends early when something happens, also in a signal handler."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self.stopping = False

    def notify(self) -> None:
        """End the wait that is going on, or the next one."""
        with contextlib.suppress(OSError):  # full: the wait will end anyway; closed: nobody waits
            os.write(self._write, b"!")

    def stop(self, number: int = 0, frame: FrameType | None = None) -> None:
        """Order the stop; a signal handler."""
        del number, frame
        self.stopping = True
        self.notify()

    def pause(self, seconds: float) -> bool:
        """Wait up to so many seconds; return whether to stop."""
        if not self.stopping:
            self.wait(seconds)
        return self.stopping

    def wait(self, seconds: float) -> None:
        """Wait up to so many seconds."""
        ready, _, _ = select.select([self._read], [], [], max(seconds, 0.0))
        if ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._read, 4096)

    def close(self) -> None:
        """Give both ends back; who notifies later, such as a reader that is left, does nothing."""
        ends = self._write, self._read
        # First, since their numbers may be another file's a moment after.
        self._write = self._read = _NO_FILE
        for end in ends:
            os.close(end)


class ChildProcess:
    """A process whose lines are passed on, and which does not outlive us.

    Start it from the thread that lives longest: the kernel binds a child to the thread.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        on_line: Callable[[str], None],
        wakeup: Wakeup,
    ) -> None:
        self._lines: deque[tuple[float, str]] = deque(maxlen=_KEPT_LINES)
        self._on_line = on_line
        self._wakeup = wakeup
        self._said_ready = False
        self._said_broken = False
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_BOUND), str(os.getpid()), *command],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        self._reader = threading.Thread(
            target=self._read, args=(self._process.stdout,), daemon=True
        )
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process's id, which is its group's too."""
        return self._process.pid

    @property
    def ready(self) -> bool:
        """Whether it has written that it listens, or that it waits for a state from others."""
        return self._said_ready

    @property
    def broken(self) -> bool:
        """Whether it has written that it does its work no more."""
        return self._said_broken

    def poll(self) -> int | None:
        """Return the exit code (negative: a signal), or None while it runs."""
        if self._process.returncode is not None:
            return self._process.returncode
        # Looked at and not taken off the table: until `kill` its number, which is that of its
        # group, cannot become another's.
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        found = os.waitid(os.P_PID, self._process.pid, options)
        if found is None:
            return None
        # Its last words say why; a grandchild may hold the pipe, so not for ever.
        self._reader.join(timeout=2)
        return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status

    def terminate(self) -> None:
        """Send SIGTERM to its group."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL to its group, and take the process off the table."""
        if self._process.returncode is not None:
            return
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._reader.join(timeout=2)

    def last_lines(self) -> list[str]:
        """Return the last lines of its output, as far as they are of its last moments."""
        since = time.monotonic() - _LAST_SECONDS
        return [line for at, line in list(self._lines) if at >= since]

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _read(self, stream: IO[bytes]) -> None:
        words, begins, is_own = OwnWords(), True, True
        with stream:
            while data := stream.readline(_LINE_CHARS):
                line = data.decode("utf-8", "replace").rstrip("\r\n")
                # What is behind so many characters goes on with the line, and begins none.
                taken = words.takes(line)
                is_own = taken if begins else is_own and taken
                if line and is_own:
                    self._lines.append((time.monotonic(), line))
                if begins:
                    self._notice(line)
                begins = data.endswith(b"\n")
                with contextlib.suppress(OSError, ValueError):  # our own output may be closed
                    self._on_line(line)
        self._wakeup.notify()

    def _notice(self, line: str) -> None:
        """Take note where a line says how the process is."""
        if not self._said_ready and line.startswith(_READY):
            self._said_ready = True
            self._wakeup.notify()
        if not self._said_broken and says_broken(line):
            self._said_broken = True
            self._wakeup.notify()
