"""`registry-chain backup` and `restore`: the chain's copy, made, verified and brought back."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

import click

from registry_chain.cli.command import ChainCommand
from registry_chain.cli.folder import DATABASE, FOLDER, NodeFolder
from registry_chain.cli.net_rejoining import require_stopped_node
from registry_chain.cli.undoing import leaving_nothing
from registry_chain.engines.cometbft.data_folder import (
    COPIED,
    DATA,
    DataRefusedError,
    bring_data,
    copy_data,
    require_no_data,
    require_signed,
    sign_only_from,
)
from registry_chain.node.control import give_order
from registry_chain.snapshot import back_up
from registry_chain.snapshot import restore as bring_back
from registry_chain.state_machine.genesis import Genesis
from registry_chain.storage.sqlite_statements import APPLICATION_ID
from registry_chain.storage.store import Checkpoint
from weid.cli.output import Console, pass_console
from weid.encoding import JsonObject
from weid.errors import MalformedError, NotFoundError, RegistryUnavailableError

_SQLITE = b"SQLite format 3\0"
_HEADER_BYTES = 100
_APPLICATION = slice(68, 72)
"""Where a database's header says whose it is (the file format of SQLite, clause 1.3)."""
_BESIDE_DATABASE = ("lock", "checkpoint", f"{DATABASE}-wal", f"{DATABASE}-shm")
"""What opening a store may make beside its database."""
_COMET = "comet"
"""Where a backup has the data of CometBFT."""
_HINT = "It holds neither the sealing key nor the governors' keys: back these up elsewhere."
_NETWORK_HINT = "It holds neither the node's keys nor the governors' keys: back these up elsewhere."


@click.command(cls=ChainCommand)
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.argument("target", metavar="BACKUP", type=FOLDER)
@pass_console
def backup(console: Console, *, folder: Path, target: Path) -> None:
    """Copy the chain of the node in DIR to the new folder BACKUP, running or stopped.

    The copy is of one committed state and verified whole. Keep the printed height and hash with
    it: `restore` can require them. Of a stopped node of a network the data of its CometBFT is
    copied too: only such a backup can be a node of the network again, the others are for reading.
    """
    node = NodeFolder(folder)
    genesis = node.genesis()
    with leaving_nothing(target):
        facts = _backup_of_running(node, target) or _backup_of_stopped(node, target)
        (target / "genesis.json").write_bytes(genesis.to_json())
    console.show(f"height {facts['height']}, block hash {facts['block_hash']}", facts)
    console.say(_NETWORK_HINT if node.comet.is_dir() or genesis.nodes else _HINT)


def _backup_of_running(node: NodeFolder, target: Path) -> JsonObject | None:
    if not node.control_socket.exists():
        return None
    try:
        return give_order(node.control_socket, "backup", folder=str(target.absolute()))
    except RegistryUnavailableError:
        return None


def _backup_of_stopped(node: NodeFolder, target: Path) -> JsonObject:
    store = node.open_store(reading=True)
    try:
        facts = _facts(back_up(store, target.absolute()))
        if node.comet.is_dir():
            # Nothing writes it as long as this command holds the store.
            copy_data(node.comet, target / _COMET)
        return facts
    finally:
        store.close()


@click.command(cls=ChainCommand)
@click.argument("source", metavar="BACKUP", type=FOLDER)
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--expected-height", type=int, default=None, help="Height that was printed.")
@click.option("--expected-hash", default=None, help="Block hash that was printed.")
@click.option(
    "--nothing-signed-from",
    type=click.IntRange(2),
    default=None,
    metavar="HEIGHT",
    help="Of a network: the key has signed nothing from HEIGHT on; below, it signs nothing.",
)
@pass_console
def restore(
    console: Console,
    *,
    source: Path,
    folder: Path,
    expected_height: int | None,
    expected_hash: str | None,
    nothing_signed_from: int | None,
) -> None:
    """Bring BACKUP back as the chain of the node in DIR, which must have none.

    DIR has the node's genesis and sealing key (or only the genesis, for reading it). A node of a
    network has its keys, and the record of what its validator key has signed, which must be the
    newest one: no backup holds it. Without it, --nothing-signed-from says what is safe.
    """
    node = NodeFolder(folder)
    if node.comet.is_dir():
        _require_for_network(source, node, nothing_signed_from)
    elif nothing_signed_from is not None:
        raise click.UsageError(
            f"--nothing-signed-from is for a node of a network, and {folder} has no comet: the key "
            "of a registry's one node keeps no such record"
        )
    _require_backup(source)
    expected = None
    if expected_height is not None or expected_hash is not None:
        expected = _checkpoint(expected_height, expected_hash)
    genesis = _genesis_for(source, node)
    beside = [source / name for name in _BESIDE_DATABASE]
    if node.comet.is_dir():
        beside += [node.comet / DATA / name for name in COPIED]
    with leaving_nothing(folder, node.chain, node.genesis_file, *beside):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        checkpoint = bring_back(
            source,
            node.chain,
            expected_genesis_hash=genesis.genesis_hash,
            expected_checkpoint=expected,
        )
        if not node.genesis_file.exists():
            node.genesis_file.write_bytes(genesis.to_json())
        if node.comet.is_dir():
            _bring_network_data(source, node, nothing_signed_from)
    facts = _facts(checkpoint)
    console.show(f"height {facts['height']}, block hash {facts['block_hash']}", facts)
    if node.sealing_key.exists() or node.comet.is_dir():
        return
    if _is_of_network(source, node):
        console.say(
            "The chain is of a network: here it can be read; a node of it has a folder of its own, "
            "from registry-chain net add-node."
        )
    else:
        console.say(f"The node cannot seal blocks until its sealing key is in {node.sealing_key}.")


def _is_of_network(source: Path, node: NodeFolder) -> bool:
    """Return whether the chain that was brought back is not one that a sealing key continues."""
    from registry_chain.reader import RecordReader  # noqa: PLC0415 - when it is used

    if (source / _COMET).is_dir():
        return True
    store = node.open_store()
    try:
        # There from the beginning of a network, or since the registry was handed over to one.
        return RecordReader(store).handover() is not None
    finally:
        store.close()


def _require_for_network(source: Path, node: NodeFolder, signed_from: int | None) -> None:
    """Refuse what would not run, or could sign twice, before anything is written."""
    require_stopped_node(node)
    if not (source / _COMET).is_dir():
        raise DataRefusedError(
            f"{source} was made of a running node: it has no data of CometBFT",
            hint="it is good for verify and export; a node that is to follow the others again gets "
            f"the chain from them: registry-chain net rejoin {quote(str(node.path))}",
        )
    require_no_data(node.comet)
    if signed_from is None:
        require_signed(node.comet)


def _bring_network_data(source: Path, node: NodeFolder, signed_from: int | None) -> None:
    if signed_from is not None:
        sign_only_from(node.comet, signed_from)
    bring_data(source / _COMET, node.comet)


def _require_backup(source: Path) -> None:
    """Refuse what is no backup before it is opened: opening a database changes it."""
    try:
        with (source / DATABASE).open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        header = b""
    if header.startswith(_SQLITE) and header[_APPLICATION] == APPLICATION_ID.to_bytes(4, "big"):
        return
    if NodeFolder(source).chain.is_dir():
        raise NotFoundError(
            f"{source} is a node's folder, not a backup",
            hint=f"make a backup of it first: registry-chain backup {quote(str(source))} BACKUP",
        )
    raise NotFoundError(
        f"{source} is not a backup: it holds no database of a chain"
        if source.is_dir()
        else f"there is no folder {source}",
        hint="name the folder that registry-chain backup made",
    )


def _genesis_for(source: Path, node: NodeFolder) -> Genesis:
    """Return the genesis of the node, else the one that lies in the backup."""
    if node.genesis_file.exists():
        return node.genesis()
    try:
        return NodeFolder(source).genesis()
    except NotFoundError:
        raise NotFoundError(
            f"neither {node.path} nor {source} has a genesis.json",
            hint=f"put the registry's genesis into {node.path}: any of its nodes gives it away",
        ) from None


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
