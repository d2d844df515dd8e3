"""`registry-chain backup` and `restore`: the chain's copy, made, verified and brought back."""

from __future__ import annotations

from pathlib import Path

import click

from registry_chain.cli.console import Console, pass_console
from registry_chain.cli.folder import FOLDER, NodeFolder
from registry_chain.node.control import give_order
from registry_chain.snapshot import back_up
from registry_chain.snapshot import restore as bring_back
from registry_chain.storage.store import Checkpoint
from weid.encoding import JsonObject
from weid.errors import MalformedError, RegistryUnavailableError

_HINT = "It holds neither the sealing key nor the governors' keys: back these up elsewhere."


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.argument("target", metavar="BACKUP", type=FOLDER)
@pass_console
def backup(console: Console, *, folder: Path, target: Path) -> None:
    """Copy the chain of the node in DIR to the new folder BACKUP, running or stopped.

    The copy is of one committed state and verified whole. Keep the printed height and hash with
    it: `restore` can require them.
    """
    node = NodeFolder(folder)
    genesis = node.genesis()
    facts = _backup_of_running(node, target) or _backup_of_stopped(node, target)
    (target / "genesis.json").write_bytes(genesis.to_json())
    console.show(f"height {facts['height']}, block hash {facts['block_hash']}", facts)
    console.say(_HINT)


def _backup_of_running(node: NodeFolder, target: Path) -> JsonObject | None:
    if not node.control_socket.exists():
        return None
    try:
        return give_order(node.control_socket, "backup", folder=str(target.absolute()))
    except RegistryUnavailableError:
        return None


def _backup_of_stopped(node: NodeFolder, target: Path) -> JsonObject:
    store = node.open_store()
    try:
        return _facts(back_up(store, target.absolute()))
    finally:
        store.close()


@click.command()
@click.argument("source", metavar="BACKUP", type=FOLDER)
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--expected-height", type=int, default=None, help="Height that was printed.")
@click.option("--expected-hash", default=None, help="Block hash that was printed.")
@pass_console
def restore(
    console: Console,
    *,
    source: Path,
    folder: Path,
    expected_height: int | None,
    expected_hash: str | None,
) -> None:
    """Bring BACKUP back as the chain of the node in DIR, which must have none.

    DIR has the node's genesis and sealing key (or only the genesis, for reading it).
    """
    node = NodeFolder(folder)
    if not node.genesis_file.exists() and (source / "genesis.json").exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        node.genesis_file.write_bytes((source / "genesis.json").read_bytes())
    genesis = node.genesis()
    expected = None
    if expected_height is not None or expected_hash is not None:
        expected = _checkpoint(expected_height, expected_hash)
    checkpoint = bring_back(
        source,
        node.chain,
        expected_genesis_hash=genesis.genesis_hash,
        expected_checkpoint=expected,
    )
    facts = _facts(checkpoint)
    console.show(f"height {facts['height']}, block hash {facts['block_hash']}", facts)
    if not node.sealing_key.exists():
        console.say(f"The node cannot seal blocks until its sealing key is in {node.sealing_key}.")


def _checkpoint(height: int | None, block_hash: str | None) -> Checkpoint:
    try:
        value = bytes.fromhex(block_hash or "")
    except ValueError:
        value = b""
    if height is None or len(value) != 32:
        raise MalformedError(
            "the expected block is not a height and 64 hexadecimal digits",
            hint="give both --expected-height and --expected-hash, as backup printed them",
        )
    return Checkpoint(height, value, b"")


def _facts(checkpoint: Checkpoint) -> JsonObject:
    return {
        "height": checkpoint.height,
        "block_hash": checkpoint.block_hash.hex(),
        "app_hash": checkpoint.app_hash.hex(),
    }
