"""A network of nodes as processes on this machine, for tests of the whole."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from tests.support.node_process import COMMAND
from weid.clock import SystemClock
from weid.crypto.key_file import load_key_file
from weid.crypto.signer import InMemorySigner
from weid.registry.author import Author
from weid.registry.http_client import HttpRegistry
from weid.transport import GuardedTransport

PASSPHRASE = "correct horse battery"
CLOCK = SystemClock()
SECONDS = 300
"""Longest wait for anything: what is waited for usually takes seconds."""


def until(condition, what):
    """Wait until a condition holds, and return what it gave."""
    end = time.monotonic() + SECONDS
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"waited in vain: {what}"
        time.sleep(0.1)


def free_ports(count):
    """Return the first of so many ports in a row that were free just now."""
    for first in range(20_000 + os.getpid() % 9_000, 60_000, count):
        sockets = []
        try:
            for port in range(first, first + count):
                one = socket.socket()
                sockets.append(one)
                one.bind(("127.0.0.1", port))
        except OSError:
            continue
        else:
            return first
        finally:
            for one in sockets:
                one.close()
    raise AssertionError("no free ports")


class NetworkProcesses:
    """A network in a folder: laid out by `make`, and its commands."""

    def __init__(self, folder: Path, binary) -> None:
        self.folder = folder
        self.path = folder / "net"
        self.binary = binary
        self.passphrase = folder / "passphrase"
        self.facts: dict = {}

    def call(self, *arguments, check=True):
        """Run `registry-chain` with the CometBFT of this test and return what it printed."""
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            env={**os.environ, "WEID_COMETBFT": str(self.binary.path)},
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{arguments} ended with {done.returncode}: {done.stderr}")
        return done

    def told(self, *arguments):
        """Run a command and return its JSON."""
        return json.loads(self.call("--json", *arguments).stdout)

    def make(self, *options, governors=1):
        """Lay the network out."""
        self.passphrase.write_text(PASSPHRASE + "\n")
        self.passphrase.chmod(0o600)
        self.facts = self.told(
            "net", "init", self.path, "--network", "example", "--governors", governors,
            "--keys-out", self.folder / "governors", "--passphrase-file", self.passphrase,
            "--block-time", "300ms", "--base-port", free_ports(100), *options,
        )  # fmt: skip
        return self

    @property
    def genesis_hash(self) -> bytes:
        """The hash that names the registry."""
        return bytes.fromhex(self.facts["genesis_hash"])

    def nodes(self):
        """Return what `net status` says of each node."""
        return self.told("net", "status", self.path)["nodes"]

    def address(self, name):
        """Return the address of a node's API."""
        return (self.path / "nodes" / name / "address").read_text().strip()

    def registry(self, *names, **options):
        """Return the registry at some nodes."""
        return HttpRegistry(
            *[self.address(name) for name in names],
            genesis_hash=self.genesis_hash,
            transport=GuardedTransport(allow_loopback_http=True),
            clock=CLOCK,
            **options,
        )

    def governor(self, registry, number=0):
        """Return a governor as an author."""
        facts = self.facts["governors"][number]
        key = load_key_file(Path(facts["key_file"]), PASSPHRASE)
        return Author(facts["did"], {"control-1": InMemorySigner(key)}, registry, CLOCK)

    def decide(self, proposal, address, *options):
        """Run the command of a proposal that another command printed, as the first governor."""
        governor = self.facts["governors"][0]
        asked = ("--node", address, "--unsafe-loopback-http", "--genesis", self.genesis_hash.hex())
        own = ("--as", governor["did"], "--key", governor["key_file"])
        return self.told(
            *shlex.split(proposal)[1:], *own, "--passphrase-file", self.passphrase, *asked, *options
        )

    def snapshots(self, name):
        """Return the heights of the snapshots that a node keeps."""
        folder = self.path / "nodes" / name / "chain" / "snapshots"
        return (
            [entry.name for entry in folder.iterdir() if entry.name.isdecimal()]
            if (folder.is_dir())
            else []
        )

    def kill(self, name, process):
        """Kill one of a node's processes (`application`, `cometbft`) at once."""
        status = json.loads((self.path / "nodes" / name / "supervisor.json").read_text())
        os.kill(status["processes"][process], signal.SIGKILL)

    def stop(self, name):
        """Stop one node in order, by its supervisor."""
        pid = self.supervisor(name)["supervisor"]
        os.kill(pid, signal.SIGTERM)
        until(lambda: self.supervisor(name)["state"] == "stopped", f"{name} to stop")

    def supervisor(self, name):
        """Return what the supervisor of a node said last."""
        return json.loads((self.path / "nodes" / name / "supervisor.json").read_text())


@contextmanager
def running_network(folder, binary, *options, governors=1, start=()):
    """Lay a network out and run it; `start` are options of `net start`."""
    network = NetworkProcesses(folder, binary).make(*options, governors=governors)
    try:
        network.call("net", "start", network.path, *start)
        yield network
    finally:
        network.call("net", "stop", network.path, check=False)
