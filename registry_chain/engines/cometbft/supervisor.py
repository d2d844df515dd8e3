"""Running a node on CometBFT: its application process and CometBFT under one supervisor.

`DIR/supervisor.json` says how it stands; it is replaced in one piece with each change.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from registry_chain.engines.cometbft.binary import Binary
from registry_chain.engines.cometbft.configuration import SOCKET
from registry_chain.engines.cometbft.port_holder import port_holder
from registry_chain.engines.cometbft.processes import ChildProcess, Wakeup
from registry_chain.engines.cometbft.supervision import (
    APPLICATION,
    Child,
    Policy,
    Supervisor,
    World,
)
from registry_chain.engines.cometbft.supervisor_lock import supervising
from registry_chain.engines.cometbft.supervisor_status import write_status
from weid.clock import Clock, SystemClock, format_time
from weid.encoding import JsonObject

SOCKET_VARIABLE: Final = "WEID_ABCI_SOCKET"
"""Tells the application where to listen, where the folder's path is too long for a socket."""
_SOCKET_BYTES: Final = 100
GO_MEMORY: Final = {"GOGC": "400", "GOMEMLIMIT": "1GiB"}
"""CometBFT's own heap is some 50 MB, which Go would look through for garbage again and again: under
load a tenth of its time. It may grow to five times of what is in use, in a gigabyte at most; what
the operator sets in the environment goes before."""


@dataclass(frozen=True, slots=True)
class Commands:
    """What the supervisor starts: the command of each process, by its name."""

    application: tuple[str, ...]
    cometbft: tuple[str, ...]

    def of(self, name: str) -> tuple[str, ...]:
        """Return the command of a process."""
        return self.application if name == APPLICATION else self.cometbft


def comet_home(folder: Path) -> Path:
    """Return CometBFT's home in a node's folder."""
    return folder / "comet"


def commands_of(
    folder: Path, *, binary: Binary, application_arguments: Sequence[str] = (), socket: Path
) -> Commands:
    """Return the commands for a node's folder."""
    program = (sys.executable, "-m", "registry_chain.cli.main", "application")
    home = comet_home(folder).absolute()
    return Commands(
        application=(*program, str(folder.absolute()), *application_arguments),
        cometbft=(
            str(binary.path), "start", "--home", str(home), "--proxy_app", f"unix://{socket}",
        ),
    )  # fmt: skip


@contextmanager
def abci_socket(folder: Path) -> Iterator[Path]:
    """Give the path of the application's socket: in the folder, or in a private one if too long."""
    usual = comet_home(folder).absolute() / SOCKET
    if len(os.fsencode(usual)) <= _SOCKET_BYTES:
        yield usual
        return
    with tempfile.TemporaryDirectory(prefix="weid-") as private:
        yield Path(private) / SOCKET


def run_supervised(  # noqa: PLR0913 - what a node is made of
    folder: Path,
    *,
    binary: Binary,
    application_arguments: Sequence[str] = (),
    say: Callable[[str], None],
    show: Callable[[str], None] = print,
    policy: Policy | None = None,
    commands: Commands | None = None,
    clock: Clock | None = None,
) -> int:
    """Run a node's two processes until SIGTERM or SIGINT; return the exit code.

    `say` gets what the supervisor and the processes say, line by line; `show` gets the line
    `listening on …` each time the application answers. 0: stopped as ordered; 1: it ended in a
    way in which starting again does not help, and `say` was told why.

    Raises:
        NodeProcessError: another supervisor runs the node.
        StoreRefusedError: the folder cannot be used.
    """
    time_of_day = clock or SystemClock()
    with (
        supervising(folder, sleep=time.sleep),
        _stopped_by_signals() as wakeup,
        abci_socket(folder) as socket,
    ):
        run = commands or commands_of(
            folder, binary=binary, application_arguments=application_arguments, socket=socket
        )
        environment = {**GO_MEMORY, **os.environ, SOCKET_VARIABLE: str(socket)}

        def on_line(name: str) -> Callable[[str], None]:
            def pass_on(line: str) -> None:
                if name == APPLICATION and line.startswith("listening on "):
                    show(line)
                else:
                    say(f"{name}: {line}")

            return pass_on

        def start(name: str) -> Child:
            if name == APPLICATION:
                socket.unlink(missing_ok=True)  # of a run that was killed
            return ChildProcess(
                run.of(name),
                folder=comet_home(folder),
                environment=environment,
                on_line=on_line(name),
                wakeup=wakeup,
            )

        def report(facts: JsonObject) -> None:
            stamped = {
                **facts,
                "supervisor": os.getpid(),
                "cometbft_version": binary.version,
                "since": format_time(time_of_day.now()),
            }
            # A full disk must not end a node that runs: the next change is written again.
            with contextlib.suppress(OSError):
                write_status(folder, stamped)

        world = World(
            start=start,
            monotonic=time.monotonic,
            pause=wakeup.pause,
            wait=wakeup.wait,
            report=report,
            say=say,
            port_holder=port_holder,
        )
        return Supervisor(world, policy).run()


@contextmanager
def _stopped_by_signals() -> Iterator[Wakeup]:
    """Let SIGTERM and SIGINT order the stop, as long as the block runs."""
    wakeup = Wakeup()
    here = threading.current_thread() is threading.main_thread()
    before = {
        number: signal.signal(number, wakeup.stop) if here else None
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield wakeup
    finally:
        if here:
            for number, handler in before.items():
                signal.signal(number, handler)
        wakeup.close()
