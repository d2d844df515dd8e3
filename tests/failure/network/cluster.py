"""Four validators, an observer and a spare identity, wired through relays, with a judge beside."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
import time
import urllib.error
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from registry_chain.engines.cometbft.binary import Binary
from registry_chain.engines.cometbft.configuration import Peer
from registry_chain.engines.cometbft.founding import NodeKeys, comet_genesis
from registry_chain.engines.cometbft.network import (
    PORTS_FOR_EACH,
    NetworkNode,
    lay_out_node,
    plan_one_machine,
    settings_of,
)
from registry_chain.state_machine.genesis import Genesis, GenesisGovernor, GenesisValidator
from registry_chain.state_machine.genesis_nodes import GenesisNode
from tests.failure.network.nodes import Node, until
from tests.failure.network.relays import Relays
from weid.crypto.keys import PrivateKey
from weid.registry.node_operations import NodeRole
from weid.registry.operations import Inception

NETWORK = "drill"
VALIDATORS = tuple(f"validator-{number}" for number in range(1, 5))
OBSERVER = "observer-1"
TWIN = "observer-2"
"""Admitted, and never started but by the test that gives it another's validator key."""
BLOCK_TIME = "500ms"
_DISK_MIB = 256
_DISK_FILES = 4096


class Cluster:
    """A network in a folder; what it starts and mounts is gone after `close`."""

    def __init__(self, folder: Path, binary: Binary, *, seed: int) -> None:
        self.folder = folder
        self.relays = Relays(seed)
        self.governor = PrivateKey.from_seed(bytes([7]) * 32)
        inception = Inception(NETWORK, (self.governor.public.raw,), 1, b"", (), bytes(16))
        plans = plan_one_machine(
            validators=4,
            observers=2,
            sentries=0,
            base_port=_free_ports(6 * PORTS_FOR_EACH),
            first_address="127.0.0.1",
        )
        members = [NetworkNode(plan, NodeKeys.generate(os.urandom)) for plan in plans]
        validators = [each for each in members if each.plan.role is NodeRole.VALIDATOR]
        self.node_ids = {each.plan.name: bytes.fromhex(each.id) for each in members}
        self.validator_keys = {each.plan.name: each.keys.validator for each in members}
        self.genesis = Genesis(
            network=NETWORK,
            chain_id=f"{NETWORK}-1",
            genesis_time=int(time.time()) - 5,
            governors=(GenesisGovernor(inception, "Ministry"),),
            validators=tuple(
                GenesisValidator(each.keys.validator.public.raw, 10) for each in validators
            ),
            nodes=tuple(sorted(map(_listed, members), key=lambda node: node.node_id)),
        )
        self.nodes = {
            each.plan.name: Node(
                each.plan.name,
                folder / each.plan.name,
                each.plan.rpc_port,
                each.plan.api_port,
                each.plan.p2p_port,
                binary,
            )
            for each in members
        }
        self.small_disk = self._mount(self.nodes[VALIDATORS[3]].folder)
        """Why the fourth validator has no small disk of its own; empty: it has."""
        self._lay_out(members)
        self._compared = 0

    def _lay_out(self, members: Sequence[NetworkNode]) -> None:
        names = {each.keys.validator.public.raw: each.plan.name for each in members}
        files = {
            "genesis.json": self.genesis.to_json(),
            "comet/config/genesis.json": comet_genesis(self.genesis, names),
        }
        by_id = {each.id: each.plan for each in members}
        for each in members:
            settings = settings_of(each, members, block_time=BLOCK_TIME)
            wired = []
            for peer in settings.peers:
                there = by_id[peer.node_id]
                port = self.relays.lay(each.plan.name, there.name, there.p2p_port)
                wired.append(Peer(peer.node_id, f"127.0.0.1:{port}"))
            settings = replace(settings, peers=tuple(wired))
            lay_out_node(self.nodes[each.plan.name].folder, each.keys, settings, files)

    def _mount(self, folder: Path) -> str:
        program = shutil.which("mount")
        if os.geteuid() != 0 or program is None:
            return "only root may mount"
        folder.mkdir(parents=True)
        options = f"size={_DISK_MIB}m,nr_inodes={_DISK_FILES},mode=0700"
        done = subprocess.run(
            [program, "-t", "tmpfs", "-o", options, "weid-faults", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stderr.strip() if done.returncode else ""

    # --- All of it -------------------------------------------------------------------------------

    @property
    def validators(self) -> list[Node]:
        """The four validators."""
        return [self.nodes[name] for name in VALIDATORS]

    @property
    def usual(self) -> list[Node]:
        """The nodes that run when nothing is wrong."""
        return [self.nodes[name] for name in (*VALIDATORS, OBSERVER)]

    @property
    def addresses(self) -> list[str]:
        """Where clients ask."""
        return [node.url for node in self.usual]

    def start(self) -> None:
        """Start the relays."""
        self.relays.start()

    def heal(self) -> None:
        """Mend the wires, and start what does not run or stands still."""
        self.relays.mend()
        for node in self.usual:
            if node.process is not None and node.process.poll() is not None:
                node.gone()
            if node.process is None:
                node.start()
            else:
                node.pause(go_on=True)

    def close(self) -> None:
        """End every process, and take back what was mounted."""
        for node in self.nodes.values():
            node.kill()
        self.relays.close()
        if not self.small_disk:
            mounted = str(self.nodes[VALIDATORS[3]].folder)
            subprocess.run([str(shutil.which("umount")), "-l", mounted], check=False)

    # --- The judge -------------------------------------------------------------------------------

    def caught_up(self, nodes: Sequence[Node] | None = None, *, above: int | None = None) -> float:
        """Wait until all have a block above the highest of now; return seconds.

        Somebody has to write meanwhile: without news blocks come only every heartbeat.
        """
        began = time.monotonic()
        chosen = self.usual if nodes is None else nodes
        if above is None:
            above = max(node.height() for node in self.usual)
        for node in chosen:
            until(lambda: node.height() > above, f"{node.name} is above {above}")  # noqa: B023
        return time.monotonic() - began

    def agree(self) -> int:
        """Require that all nodes have the same blocks since the last look; return the height."""
        nodes = [node for node in self.usual if node.process is not None]
        last = min(node.decided() for node in nodes)
        for first in range(self._compared + 1, last + 1, 20):
            pages = {node.name: _headers(node, first, min(first + 19, last)) for node in nodes}
            assert len(set(map(str, pages.values()))) == 1, f"a fork at {first}: {pages}"
        self._compared = max(self._compared, last)
        return last


def _headers(node: Node, first: int, last: int) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    try:
        answer = node.ask("blockchain", minHeight=str(first), maxHeight=str(last))
    except (OSError, urllib.error.URLError, KeyError, json.JSONDecodeError) as error:
        raise AssertionError(f"{node.name} does not give its blocks: {error}") from None
    for each in answer["block_metas"]:
        header = each["header"]
        found.append((header["height"], each["block_id"]["hash"], header["app_hash"]))
    assert len(found) == last - first + 1, f"{node.name} lacks blocks of {first} to {last}"
    return found


def _listed(node: NetworkNode) -> GenesisNode:
    votes = node.plan.role is NodeRole.VALIDATOR
    # The spare identity has no validator key on the chain: it will use another's.
    raw = b"" if node.plan.name == TWIN else node.keys.validator.public.raw
    return GenesisNode(
        bytes.fromhex(node.id), node.plan.role, node.plan.name, "", raw, 10 if votes else 0
    )


def _free_ports(count: int) -> int:
    """Return the first of so many ports in a row that are free now."""
    for first in random.Random(os.getpid()).sample(range(12_000, 20_000, 10), 200):
        with ExitStack() as taken:
            try:
                for port in range(first, first + count):
                    taken.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise AssertionError("no ports are free")
