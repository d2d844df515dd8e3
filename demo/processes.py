"""Starting and stopping the servers of the demonstration; every one of them is a real process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from queue import Empty, Queue

BIN = Path(sys.executable).parent
START_SECONDS = 40
STOP_SECONDS = 10


class DemoError(Exception):
    """A step of the demonstration did not do what it must; the message says which and why."""


class Server:
    """A server process that says `listening on URL` when it is ready."""

    def __init__(self, name: str, command: list[str], *, log: Path, env: Mapping[str, str]) -> None:
        self.name = name
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            [str(BIN / command[0]), *command[1:]],
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=dict(env),
            start_new_session=True,
        )
        self._lines: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.url = self._wait_for_address(log)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def _read(self) -> None:
        stream = self._process.stdout
        if stream is None:
            return
        for line in stream:
            self._log.write(line)
            self._log.flush()
            self._lines.put(line.decode("utf-8", "replace"))

    def _wait_for_address(self, log: Path) -> str:
        while True:
            try:
                line = self._lines.get(timeout=START_SECONDS)
            except Empty:
                self.stop()
                raise DemoError(f"{self.name} did not start; see {log}") from None
            for sign in ("listening on ", "listens on "):
                if sign in line:
                    return line.split(sign, 1)[1].split()[0]

    def stop(self) -> None:
        """Ask the process to end, and wait for it."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()


def run(
    command: list[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    accepted: tuple[int, ...] = (0,),
) -> subprocess.CompletedProcess[str]:
    """Run a command of ours to its end.

    Raises:
        DemoError: it ended with a code that is not accepted.
    """
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        env=dict(env) if env is not None else None,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in accepted:
        raise DemoError(
            f"`{' '.join(command[:4])} …` ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        )
    return done


def plain_environment(**extra: str) -> dict[str, str]:
    """Return an environment with nothing of this user's but where programs are."""
    return {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", **extra}
