"""`registry-chain verify`: every byte of a stopped node's chain."""

from __future__ import annotations

from pathlib import Path

import click

from registry_chain.cli.console import Console, pass_console
from registry_chain.cli.folder import FOLDER, NodeFolder
from registry_chain.replay import replay
from registry_chain.storage.committed import SnapshotState, read_genesis
from registry_chain.storage.errors import StoreDamagedError, StoreRefusedError
from registry_chain.storage.integrity import find_damage


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--replay", "again", is_flag=True, help="Also apply every block again and compare.")
@pass_console
def verify(console: Console, *, folder: Path, again: bool) -> None:
    """Check every block, record, proof page and receipt of the (stopped) node in DIR.

    Each fault is printed with its place. Exit code 1 when there is one.
    """
    node = NodeFolder(folder)
    genesis = node.genesis()
    store = node.open_store()
    try:
        faults = [str(damage) for damage in find_damage(store)]
        if again and not faults:
            result = replay(store)
            faults += [] if result.difference is None else [result.difference]
        with store.snapshot() as snapshot:
            if read_genesis(snapshot).genesis_hash != genesis.genesis_hash:
                raise StoreRefusedError("the chain in the folder is of another genesis")
            height = SnapshotState(snapshot).summary.height
    finally:
        store.close()
    text = "\n".join(faults) if faults else f"intact up to height {height}"
    console.show(text, {"intact": not faults, "height": height, "faults": faults})
    if faults:
        raise StoreDamagedError(f"{len(faults)} faults were found")
