"""Networks that were laid out here, run by the real CometBFT: `make cometbft`."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager

import pytest

from registry_chain.engines.cometbft.network_file import read_network
from registry_chain.engines.cometbft.node_processes import LOG_FILE, running_node
from registry_chain.engines.cometbft.rpc import CometRpc
from registry_chain.engines.cometbft.supervisor_status import read_status
from tests.support.clauses import clause
from weid.crypto.keys import PrivateKey
from weid.errors import RegistryUnavailableError

pytestmark = pytest.mark.cometbft
GOVERNOR = "Ministry=" + PrivateKey.from_seed(b"\x01" * 32).public.to_multikey()
SECONDS = 240
"""For what is bound to come on a slow machine; nothing waits so long where all is well."""


def free_ports(count):
    """Return the first of so many ports in a row that are free now."""
    for first in random.Random(os.getpid()).sample(range(20_000, 30_000, 10), 200):
        with ExitStack() as taken:
            try:
                for port in range(first, first + count):
                    taken.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise AssertionError("no ports are free")


def command(binary, *words, code=0):
    done = subprocess.run(
        [sys.executable, "-m", "registry_chain.cli.main", "--json", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * SECONDS,
        env={**os.environ, "WEID_COMETBFT": str(binary.path)},
    )
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if done.stdout else None


def until(condition):
    end = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)
    return found


@pytest.fixture
def network(tmp_path, cometbft_binary):
    """Lay out a network on this machine; what of it runs at the end is killed."""
    out = tmp_path / "net"

    def make(*options):
        command(
            cometbft_binary, "net", "init", out, "--network", "example", "--governor", GOVERNOR,
            "--block-time", "100ms", "--base-port", free_ports(70), *options,
        )  # fmt: skip
        return out

    yield make
    for folder in (out / "nodes").iterdir() if out.exists() else ():
        process = running_node(folder)
        if process is not None:
            os.kill(process.pid, signal.SIGKILL)


@contextmanager
def asking(node):
    rpc = CometRpc(f"http://127.0.0.1:{node.plan.rpc_port}")
    try:
        yield rpc
    finally:
        rpc.close()


def height(node):
    with asking(node) as rpc:
        try:
            return rpc.status().latest
        except RegistryUnavailableError:
            return 0


@clause("NT-03", "NT-04", "NT-05", "NT-06")
def test_cometbft_takes_what_was_laid_out_and_makes_blocks_in_every_version(
    network, cometbft_binary
):
    # CometBFT's own application stands in for ours: what is tried is folders, keys and peers.
    out = network("--validators", "4", "--observers", "1", "--sentries", "0")
    nodes = read_network(out).nodes
    with ExitStack() as running:
        for node in nodes:
            home = out / "nodes" / node.plan.name / "comet"
            log = running.enter_context((home / "log").open("wb"))
            process = subprocess.Popen(
                [cometbft_binary.path, "start", "--home", home, "--proxy_app", "kvstore"],
                stdout=log, stderr=log,
            )  # fmt: skip
            running.callback(process.wait)
            running.callback(process.kill)
        until(lambda: all(height(node) >= 1 for node in nodes))
        expected = {node.id for node in nodes[:4]}
        with asking(nodes[4]) as rpc:
            assert rpc.status().node_id == nodes[4].id
            until(lambda: set(rpc.peers()) == expected)
            assert len(rpc.validators(1).validators) == 4


@clause("NT-06", "NT-07", "NT-13", "NT-14", "NT-17")
def test_a_network_starts_goes_on_after_a_kill_and_stops_in_every_version(network, cometbft_binary):
    out = network("--validators", "4", "--observers", "1")
    started = command(cometbft_binary, "net", "start", out, "--wait", SECONDS)
    assert [node["state"] for node in started["nodes"]] == ["ok"] * 5
    assert len({node["app_hash"] for node in started["nodes"]}) == 1
    folder = out / "nodes" / "validator-2"
    before = read_status(folder)
    os.kill(before["processes"]["application"], signal.SIGKILL)
    after = until(
        lambda: (now := read_status(folder)) and now["restarts"] == 1
        and now["state"] == "running" and now
    )  # fmt: skip
    assert not set(before["processes"].values()) & set(after["processes"].values())
    assert after["last_reason"] == "application was ended by SIGKILL"
    until(lambda: height(read_network(out).nodes[1]))
    stopped = command(cometbft_binary, "net", "stop", out, "--wait", SECONDS)
    assert set(stopped.values()) == {"stopped"}
    for node in (out / "nodes").iterdir():
        assert read_status(node)["state"] == "stopped", (node / LOG_FILE).read_text()
    command(cometbft_binary, "net", "status", out, code=20)


@clause("NT-06")
def test_a_network_behind_sentries_makes_blocks(network, cometbft_binary):
    out = network("--validators", "2", "--sentries", "1", "--observers", "1")
    command(cometbft_binary, "net", "start", out, "--wait", SECONDS)
    nodes = {node.plan.name: node for node in read_network(out).nodes}
    with asking(nodes["validator-1"]) as rpc:
        assert rpc.peers() == (nodes["sentry-1-1"].id,)
    command(cometbft_binary, "net", "stop", out, "--wait", SECONDS)


@clause("NT-10")
def test_settings_that_cannot_be_read_are_said_and_not_tried_again(network, cometbft_binary):
    out = network("--validators", "1")
    folder = out / "nodes" / "validator-1"
    path = folder / "comet" / "config" / "config.toml"
    path.write_text(path.read_text().replace("[consensus]", "[consensus]\ntimeout_propose = 'x'"))
    done = subprocess.run(
        [sys.executable, "-m", "registry_chain.cli.main", "start", folder, "--port", "0"],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
        env={**os.environ, "WEID_COMETBFT": str(cometbft_binary.path)},
    )
    assert done.returncode == 1, done.stderr
    assert "the settings in comet/config cannot be read" in done.stderr
    assert read_status(folder)["state"] == "failed"
