"""A node as a process of its own, for tests of the whole."""

from __future__ import annotations

import json
import select
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

COMMAND = [sys.executable, "-m", "registry_chain.cli.main"]
READY_SECONDS = 60


def call(*arguments, check=True):
    """Run `registry-chain` and return what it printed."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60
    )
    if check and done.returncode != 0:
        raise AssertionError(f"{arguments} ended with {done.returncode}: {done.stderr}")
    return done


def found(folder, *options):
    """Found a registry in `folder/node` and return what the command says of it."""
    passphrase = folder / "passphrase"
    passphrase.write_text("correct horse battery\n")
    passphrase.chmod(0o600)
    said = call(
        "--json", "init", folder / "node", "--network", "example", "--keys-out",
        folder / "governors", "--passphrase-file", passphrase, *options,
    )  # fmt: skip
    return json.loads(said.stdout)


class NodeProcess:
    """A running node: its address, and ways to end it."""

    def __init__(self, folder, *options):
        self.folder = folder
        self.process = subprocess.Popen(
            [*COMMAND, "start", str(folder), "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        ready, _, _ = select.select([self.process.stdout], [], [], READY_SECONDS)
        line = self.process.stdout.readline() if ready else ""
        if not line.startswith("listening on "):
            self.process.kill()
            raise AssertionError(f"the node did not start: {self.process.communicate()}")
        self.address = line.removeprefix("listening on ").strip()

    def terminate(self):
        """Send SIGTERM; return exit code and seconds until it ended."""
        start = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=30)
        return code, time.monotonic() - start

    def kill(self):
        """Send SIGKILL and wait."""
        self.process.kill()
        self.process.wait(timeout=30)


@contextmanager
def running(folder, *options):
    """Run a node in a folder that `found` has made, and stop it at the end."""
    node = NodeProcess(folder, *options)
    try:
        yield node
    finally:
        if node.process.poll() is None:
            node.kill()
        node.process.communicate()
