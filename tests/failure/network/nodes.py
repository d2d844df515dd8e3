"""One node of a network under faults: its folder, its processes, and what it says of itself."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from registry_chain.engines.cometbft import bound_process
from registry_chain.engines.cometbft.binary import Binary
from registry_chain.engines.cometbft.supervisor_status import read_status
from registry_chain.storage.sqlite import SqliteChainStore
from weid.errors import WeidError
from weid.registry.http_client import HttpRegistry
from weid.registry.http_source import HttpSource
from weid.transport import GuardedTransport

SECONDS = 300
"""For what is bound to come on a slow machine; nothing waits so long where all is well."""
ROOT = Path(__file__).parents[3]
TRANSPORT = GuardedTransport(allow_loopback_http=True)
_Found = TypeVar("_Found")


def until(condition: Callable[[], _Found | None], what: str, seconds: float = SECONDS) -> _Found:
    """Wait until a condition holds; return what it found."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"it did not come about: {what}"
        time.sleep(0.1)
    return found


@dataclass
class Node:
    """A node that is started, hurt and stopped; only processes started here are touched."""

    name: str
    folder: Path
    rpc_port: int
    api_port: int
    p2p_port: int
    binary: Binary
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Where its API is."""
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def comet(self) -> Path:
        """CometBFT's home."""
        return self.folder / "comet"

    @property
    def log(self) -> Path:
        """What its processes have said."""
        return self.folder.parent / f"{self.folder.name}.log"

    # --- Starting and stopping -------------------------------------------------------------------

    def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Start the supervisor, which starts the two processes; they end when we do."""
        assert self.process is None, f"{self.name} runs"
        command = [sys.executable, "-I", "-S", str(bound_process.__file__), str(os.getpid())]
        command += [sys.executable, "-m", "registry_chain.cli.main", "start", str(self.folder)]
        command += ["--port", str(self.api_port), "--cometbft", str(self.binary.path)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {})},
            )

    def stop(self) -> int:
        """Stop it in order; return the supervisor's exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.gone()

    def kill(self) -> None:
        """Kill everything of it at once."""
        if self.process is None:
            return
        for pid in [*self.children().values(), self.process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.gone()

    def gone(self) -> int:
        """Wait until the supervisor and its children have ended; return its exit code."""
        assert self.process is not None
        left = self.children()
        code = self.process.wait(timeout=SECONDS)
        self.process = None
        # The kernel ends them with their parent.
        until(lambda: not any(_runs(pid) for pid in left.values()), f"{self.name}'s processes end")
        return code

    def signal(self, which: str, number: int) -> None:
        """Send a signal to its `application`, its `cometbft` or its `supervisor`."""
        assert self.process is not None
        until(lambda: which == "supervisor" or which in self.children(), f"{which} runs")
        pid = self.process.pid if which == "supervisor" else self.children()[which]
        os.kill(pid, number)

    def pause(self, *, go_on: bool = False) -> None:
        """Let all of its processes stand still, or go on."""
        assert self.process is not None
        for pid in [self.process.pid, *self.children().values()]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT if go_on else signal.SIGSTOP)

    def children(self) -> dict[str, int]:
        """Return the process ids of what its supervisor runs now, as the kernel knows them."""
        if self.process is None:
            return {}
        found = {}
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        with contextlib.suppress(OSError):
            for pid in path.read_text().split():
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                is_ours = b"application" in words
                found["application" if is_ours else "cometbft"] = int(pid)
        return found

    # --- What it says ----------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """Return what its supervisor has said last."""
        return dict(read_status(self.folder) or {})

    def height(self) -> int:
        """Return the height of its newest settled block, 0 when it does not answer."""
        try:
            return HttpSource(self.url, TRANSPORT).light_block(None).header.height
        except WeidError:
            return 0

    def decided(self) -> int:
        """Return the height of the newest block that its CometBFT has."""
        return int(self.ask("status")["sync_info"]["latest_block_height"])

    def ask(self, method: str, **parameters: object) -> dict[str, Any]:
        """Ask its CometBFT."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.rpc_port}/",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            result: dict[str, Any] = json.load(answer)["result"]
        return result

    def reader(self, genesis_hash: bytes) -> HttpRegistry:
        """Return a reader that asks this node only, and believes it nothing."""
        return HttpRegistry(
            self.url, genesis_hash=genesis_hash, transport=TRANSPORT, max_head_age=None
        )

    def store(self) -> SqliteChainStore:
        """Open the store of the stopped node."""
        assert self.process is None
        return SqliteChainStore(self.folder / "chain", inspect=True)


def _runs(pid: int) -> bool:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return False
    return fields[0] not in {"Z", "X"}
