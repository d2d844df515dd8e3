"""`registry-chain verify`: every byte of a stopped node's chain."""

from __future__ import annotations

from pathlib import Path

import click

from registry_chain.cli.command import ChainCommand
from registry_chain.cli.counting import counted
from registry_chain.cli.folder import FOLDER, NodeFolder, copy_first, require_genesis
from registry_chain.replay import replay
from registry_chain.state_machine.genesis import Genesis
from registry_chain.storage.committed import SnapshotState
from registry_chain.storage.errors import StoreDamagedError
from registry_chain.storage.integrity import find_damage
from registry_chain.storage.sqlite import SqliteChainStore
from weid.cli.output import Console, pass_console


@click.command(cls=ChainCommand)
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--replay", "again", is_flag=True, help="Also apply every block again and compare.")
@pass_console
def verify(console: Console, *, folder: Path, again: bool) -> None:
    """Check every block, record, proof page and receipt of the stopped node in DIR.

    DIR may also be a backup. Each fault is printed with its place. Exit code 1 when there is one.
    """
    node = NodeFolder(folder)
    genesis = node.genesis()
    height: int | None = None
    try:
        # A store that its checkpoint contradicts opens too: that is one of the faults.
        store = node.open_store(inspect=True, meanwhile=copy_first(folder, "verify"))
    except StoreDamagedError as damaged:
        faults = [damaged.message]
    else:
        try:
            faults, height = _faults(store, genesis, again=again, sealed=not node.comet.exists())
        finally:
            store.close()
    text = "\n".join(faults) if faults else f"intact up to height {height}"
    console.show(text, {"intact": not faults, "height": height, "faults": faults})
    if faults:
        raise StoreDamagedError(
            f"{counted(len(faults), 'fault')} {'was' if len(faults) == 1 else 'were'} found"
        )


def _faults(
    store: SqliteChainStore, genesis: Genesis, *, again: bool, sealed: bool
) -> tuple[list[str], int | None]:
    """Return what is wrong with a store, and its height where that can be read."""
    faults = [str(damage) for damage in find_damage(store, sealed=sealed)]
    try:
        if again and not faults:
            difference = replay(store).difference
            faults += [] if difference is None else [difference]
        with store.snapshot() as snapshot:
            require_genesis(snapshot, genesis)
            return faults, SnapshotState(snapshot).summary.height
    except StoreDamagedError as damaged:
        return faults or [damaged.message], None
