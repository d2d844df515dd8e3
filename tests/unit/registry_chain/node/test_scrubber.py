"""The scrubber finds a changed byte, tells it once, and the node is no longer ready."""

from __future__ import annotations

import threading

from registry_chain.node.scrubber import Scrubber
from registry_chain.storage.store import Checkpoint, Table
from tests.support.clauses import clause
from tests.support.node_world import node_world


@clause("D7", "NA-14")
def test_damage_is_found_and_ends_readiness(caplog):
    world = node_world()
    parts = world.parts()
    client = world.app(faults=parts.faults).test_client()
    store = world.registry.engine.application.store
    scrubber = Scrubber(store, parts.faults, parts.closing)
    scrubber.look()
    assert parts.faults == []
    assert client.get("/readyz").status_code == 200
    with store.snapshot() as snapshot:
        key, value = next(iter(snapshot.items(Table.RECORDS)))
    store.write({Table.RECORDS: {key: value[:-1] + b"\x7f"}}, Checkpoint(0, b"", b""))
    scrubber.look()
    scrubber.look()
    assert len(parts.faults) == len(set(parts.faults)) >= 1
    assert "the store is damaged" in caplog.text
    reply = client.get("/readyz")
    assert reply.status_code == 503
    assert "damaged" in reply.json["message"]


@clause("D7")
def test_it_looks_again_and_again_until_the_node_closes():
    world = node_world()
    faults, closing, looked = [], threading.Event(), threading.Event()

    class Counting(Scrubber):
        def look(self):
            super().look()
            looked.set()

    Counting(world.registry.engine.application.store, faults, closing, every=0.001).start()
    assert looked.wait(10)
    looked.clear()
    assert looked.wait(10)
    closing.set()
    assert faults == []
