"""A command of the apps as a process of its own: run to its end, or served until it is stopped."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
READY_SECONDS = 180


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WEID_")}
    return {**kept, "PYTHONPATH": str(ROOT), **(extra or {})}


def call(
    module: str,
    *arguments: object,
    environment: Mapping[str, str] | None = None,
    umask: int = -1,
):
    """Run `python -m module` to its end, with the umask of this process unless said else."""
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=ROOT,
        env=_environment(environment),
        capture_output=True,
        text=True,
        check=False,
        umask=umask,
        timeout=READY_SECONDS,
    )


def call_without(missing: str, module: str, *arguments: str):
    """Run the `main` of a module in a Python that has no package `missing`."""
    program = f"import sys; sys.modules[{missing!r}] = None; from {module} import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env=_environment(None),
        capture_output=True,
        text=True,
        check=False,
        timeout=READY_SECONDS,
    )


@contextmanager
def serving(
    module: str,
    *arguments: object,
    environment: Mapping[str, str] | None = None,
    umask: int = -1,
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run a server until the end of the block; yield its address and its process."""
    with subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=ROOT,
        env=_environment(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        umask=umask,
    ) as process:
        try:
            ready, _, _ = select.select([process.stdout], [], [], READY_SECONDS)
            line = process.stdout.readline() if ready else ""
            if not line.startswith("listening on "):
                process.kill()
                raise AssertionError(f"{module} did not start: {process.communicate()}")
            yield line.removeprefix("listening on ").strip(), process
        finally:
            if process.poll() is None:
                process.kill()


def stop(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Send SIGTERM and return the exit code and what was said on stderr."""
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=READY_SECONDS)
    return process.returncode, said


@contextmanager
def held_port() -> Iterator[socket.socket]:
    """Hold a port of this machine on which nobody listens: connections to it are refused."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held


@contextmanager
def taken_port() -> Iterator[int]:
    """Hold a port of this machine on which somebody listens."""
    with held_port() as held:
        held.listen()
        yield int(held.getsockname()[1])
