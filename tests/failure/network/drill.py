"""One fault under load: clients write, something breaks and is mended, and a judge looks at it all.

Judged are the register (one thing after the other), the set (acknowledged is there, on every node)
and the chain (one history). How long the way back took is measured and told; it is not judged by
the clock, since machines differ.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from registry_chain.reader import RecordReader
from registry_chain.replay import replay
from registry_chain.storage.integrity import find_damage
from registry_chain.storage.sealed_block import read_block
from tests.failure.network.clients import Clients, value_of
from tests.failure.network.cluster import Cluster
from tests.failure.network.nodes import Node, until
from tests.failure.network.register import find_faults
from weid.errors import RegistryUnavailableError
from weid.registry.http_client import HttpRegistry
from weid.registry.records import DidRecord

_LOOKED_AT = 40
"""Newest registrations that each node is asked for after a fault; at the end all are looked at."""


@dataclass
class Report:
    """What was tried and what came of it, for the table at the end."""

    rows: list[tuple[str, str, float]] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)


class Drill:
    """A healthy network under load, for one fault."""

    def __init__(self, cluster: Cluster, report: Report, name: str, folder: Path) -> None:
        self.cluster = cluster
        self._report = report
        self._name = name
        governor = (cluster.genesis.governors[0].did, cluster.governor)
        self.clients = Clients(
            cluster.addresses,
            genesis_hash=cluster.genesis.genesis_hash,
            governor=governor,
            ledger=folder / "ledger",
        )

    def begin(self) -> None:
        """Wait until all nodes are there, and let the clients work."""
        self.cluster.heal()
        for node in self.cluster.usual:
            until(node.height, f"{node.name} answers")
        until(self.clients.begin, "the register is made")
        self.clients.start()
        self.goes_on()
        self.cluster.caught_up()

    def end(self) -> None:
        """Let the clients end, whatever happened."""
        try:
            self.clients.stop()
        finally:
            self.clients.ledger.close()

    # --- While it is broken ----------------------------------------------------------------------

    def goes_on(self, count: int = 3) -> None:
        """Require that registrations are acknowledged from now on."""
        above = self.clients.acknowledged + count
        until(lambda: self.clients.acknowledged >= above, "registrations are acknowledged")

    def stands(self, seconds: float) -> None:
        """Require that no block is agreed on for so long, so that nothing can be acknowledged.

        One may still be: the votes for it may have passed before the fault.
        """
        highest = max(node.decided() for node in self.cluster.usual)
        time.sleep(seconds)
        assert max(node.decided() for node in self.cluster.usual) <= highest + 1

    # --- Afterwards ------------------------------------------------------------------------------

    def recovered(self, what: str = "") -> None:
        """Undo the fault, wait for the way back, and judge."""
        self.mended(what)
        self.judge()

    def mended(self, what: str = "") -> None:
        """Undo the fault, and wait until all are back: there are new blocks, and every node."""
        began = time.monotonic()
        self.cluster.heal()
        self.goes_on(1)
        self.cluster.caught_up()
        seconds = time.monotonic() - began
        self._report.rows.append((self._name, what, seconds))

    def judge(self) -> None:
        """Stop the clients, and hold what they saw against what every node has."""
        self.clients.stop()
        acknowledged = self.clients.ledger.entries
        self._report.acknowledged += acknowledged
        last = self.cluster.agree()
        for node in self.cluster.usual:
            until(lambda: node.height() >= last, f"{node.name} has block {last}")  # noqa: B023
            self._require(node, acknowledged[-_LOOKED_AT:])
        versions = self._versions(self.cluster.usual[0])
        assert list(find_faults(self.clients.history, versions)) == []
        kinds = {each.kind for each in self.clients.history}
        assert kinds == {"read", "write"}, "nobody used the register"

    def _require(self, node: Node, dids: Sequence[str]) -> None:
        reader = node.reader(self.cluster.genesis.genesis_hash)
        lost = [did for did in dids if _patiently(reader, did) is None]
        assert lost == [], f"acknowledged, and {node.name} does not have it"

    def _versions(self, node: Node) -> dict[int, str]:
        reader = node.reader(self.cluster.genesis.genesis_hash)
        newest = _patiently(reader, self.clients.register)
        assert newest is not None
        versions = {}
        for number in range(1, newest.version.number + 1):
            record = _patiently(reader, self.clients.register, number)
            assert record is not None
            versions[number] = value_of(record)
        return versions


def _patiently(reader: HttpRegistry, did: str, version: int | None = None) -> DidRecord | None:
    """Return a record; a node that has seen too many questions says so, and is asked again."""

    def ask() -> list[DidRecord | None]:
        try:
            return [reader.did(did, version=version)]
        except RegistryUnavailableError:
            return []

    return until(ask, "the node answers")[0]


def judge_stores(cluster: Cluster, report: Report) -> None:
    """Require that the stopped nodes' stores are whole and of one history, with all in it."""
    blocks: dict[int, tuple[bytes, bytes]] = {}
    for node in cluster.usual:
        store = node.store()
        try:
            assert list(find_damage(store)) == [], node.name
            assert replay(store).same, node.name
            records = RecordReader(store)
            lost = [did for did in report.acknowledged if records.did(did) is None]
            assert lost == [], f"acknowledged, and {node.name} does not have it"
            with store.snapshot() as snapshot:
                height = 1
                while (block := read_block(snapshot, height, with_transactions=False)) is not None:
                    header = block.header
                    found = blocks.setdefault(height, (header.hash(), header.app_hash))
                    assert found == (header.hash(), header.app_hash), (node.name, height)
                    height += 1
            assert height > 1
        finally:
            store.close()
