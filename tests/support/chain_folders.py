"""Folders of nodes and backups, without a node that runs."""

from __future__ import annotations

from contextlib import contextmanager

from registry_chain.application import RegistryApplication
from registry_chain.engines.embedded.inline import InlineEngine
from registry_chain.engines.embedded.node_key import load_node_key
from registry_chain.state_machine.genesis import Genesis
from registry_chain.storage.sqlite import SqliteChainStore
from weid.clock import SystemClock
from weid.crypto.signer import InMemorySigner


def tree(folder):
    """Return every path below a folder, with the bytes of the files."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def begin_chain(folder):
    """Make the chain of a founded node with its first block, as its first start does."""
    with open_chain(folder) as store:
        application = RegistryApplication(store)
        application.init_chain(Genesis.from_json((folder / "genesis.json").read_bytes()))
        signer = InMemorySigner(load_node_key(folder / "sealing.key"))
        InlineEngine(application, signer, clock=SystemClock()).close()


@contextmanager
def open_chain(folder):
    """Hold the chain of a node open, as the running node does."""
    store = SqliteChainStore(folder / "chain")
    try:
        yield store
    finally:
        store.close()
