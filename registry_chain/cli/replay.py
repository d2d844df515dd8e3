"""`registry-chain replay`: every app hash derived again from the blocks."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import click

from registry_chain.cli.command import ChainCommand
from registry_chain.cli.folder import DATABASE, FOLDER, NodeFolder, copy_first
from registry_chain.replay import replay as run_again
from registry_chain.state_machine.genesis import Genesis
from registry_chain.state_sync import FORMAT, SNAPSHOTS, SnapshotMaker, SnapshotTaker
from registry_chain.state_sync.verdicts import ChunkResult
from registry_chain.storage.errors import StoreDamagedError
from registry_chain.storage.memory import MemoryChainStore
from registry_chain.storage.sealed_block import read_block
from registry_chain.storage.sqlite import SqliteChainStore
from registry_chain.storage.store import ChainStore
from weid.cli.output import Console, pass_console
from weid.errors import NotFoundError

_IN_MEMORY = 16 * 1024 * 1024
"""Bytes of blocks and state up to which the chain is replayed in memory, else in a file."""
_TOLD = 1000
"""Heights between two lines of progress."""


@click.command(cls=ChainCommand)
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option(
    "--archive",
    "archives",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File with blocks that the chain keeps no more; may be given several times.",
)
@click.option(
    "--from-snapshot",
    "height",
    type=click.IntRange(min=1),
    default=None,
    help="Begin with the node's snapshot of this height, not with the genesis.",
)
@pass_console
def replay(
    console: Console, *, folder: Path, archives: tuple[Path, ...], height: int | None
) -> None:
    """Apply every block of the stopped node in DIR again and compare all that comes of it.

    DIR may also be a backup. The first height whose app hash or results differ is named, with exit
    code 1. What the chain makes is put into a temporary file where it is large.
    """
    node = NodeFolder(folder)
    store = node.open_store(reading=True, meanwhile=copy_first(folder, "replay"))
    try:
        size = (store.folder / DATABASE).stat().st_size
        size += sum(path.stat().st_size for path in archives if path.is_file())
        with tempfile.TemporaryDirectory() as scratch:
            target: ChainStore = (
                MemoryChainStore() if size < _IN_MEMORY else SqliteChainStore(Path(scratch))
            )
            try:
                if height is not None:
                    _begin_with(store, node.genesis(), height, target)
                result = run_again(store, target, archives=archives, progress=_told(console))
            finally:
                target.close()
    finally:
        store.close()
    text = result.difference or f"the same up to height {result.height}"
    console.show(
        text,
        {"same": result.same, "height": result.height, "difference": result.difference},
    )
    if not result.same:
        raise StoreDamagedError("the chain is not what its blocks make", height=result.height)


def _told(console: Console) -> Callable[[int], None]:
    def tell(height: int) -> None:
        if height % _TOLD == 0:
            console.say(f"height {height}")

    return tell


def _begin_with(store: SqliteChainStore, genesis: Genesis, height: int, target: ChainStore) -> None:
    """Take the node's own snapshot of a height, which the header after it must prove."""
    maker = SnapshotMaker(store, store.folder / SNAPSHOTS)
    found = [manifest for manifest in maker.manifests() if manifest.height == height]
    with store.snapshot() as snapshot:
        block = read_block(snapshot, height + 1, with_transactions=False)
    if not found or block is None:
        raise NotFoundError(
            f"there is no snapshot of height {height} here, or no block after it",
            hint="the node has snapshots of "
            + (", ".join(str(one.height) for one in maker.manifests()) or "no height"),
        )
    taker = SnapshotTaker(target, genesis, found[0], app_hash=block.header.app_hash, height=height)
    for index in range(len(found[0].chunks)):
        answer = taker.apply(index, maker.chunk(height, FORMAT, index) or b"")
        if answer.result is not ChunkResult.ACCEPT:
            raise StoreDamagedError(f"the snapshot of height {height}: {answer.reason}")
