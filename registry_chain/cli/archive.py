"""`registry-chain archive` and `verify-archive`: old blocks into a file that checks itself."""

from __future__ import annotations

from pathlib import Path

import click

from registry_chain.archives import (
    ArchiveReport,
    Retention,
    archive_blocks,
    check_archives,
    height_to_keep,
    prune,
)
from registry_chain.cli.arguments import HASH
from registry_chain.cli.command import ChainCommand
from registry_chain.cli.counting import counted
from registry_chain.cli.folder import FOLDER, NodeFolder
from registry_chain.cli.undoing import leaving_nothing
from registry_chain.state_machine.genesis import Genesis
from registry_chain.storage.committed import read_genesis
from registry_chain.storage.compaction import compact as give_back
from registry_chain.storage.errors import StoreRefusedError
from registry_chain.storage.extent import read_base
from registry_chain.storage.sqlite import SqliteChainStore
from weid.cli.output import Console, pass_console
from weid.clock import SystemClock
from weid.encoding import JsonObject
from weid.errors import MalformedError, NotFoundError

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(cls=ChainCommand)
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.argument("file", metavar="FILE", type=FILE)
@click.option("--below", type=click.IntRange(min=1), default=None, help="Blocks below this height.")
@click.option(
    "--older-than",
    "days",
    type=click.IntRange(min=0),
    default=None,
    help="Blocks that are older than so many days.",
)
@click.option("--keep", is_flag=True, help="Leave the blocks in the chain as well.")
@click.option("--compact", is_flag=True, help="Give the space back to the disk.")
@click.option("--force", is_flag=True, help="Also blocks that light clients may still ask for.")
@pass_console
def archive(  # noqa: PLR0913 - one parameter for each option
    console: Console,
    *,
    folder: Path,
    file: Path,
    below: int | None,
    days: int | None,
    keep: bool,
    compact: bool,
    force: bool,
) -> None:
    """Write old blocks of the stopped node in DIR to the new FILE, then take them out of its chain.

    Records, receipts, proofs of them and events stay. The file is checked before a block is taken
    out. The last 1000 blocks and those of the last 30 days stay in the chain.
    """
    if (below is None) == (days is None):
        raise click.UsageError("give either --below or --older-than")
    node = NodeFolder(folder)
    store = node.open_store()
    try:
        height = _height(store, below, days, forced=force)
        with leaving_nothing(file):
            archive_blocks(store, file, below=height)
            report = check_archives(node.genesis(), [file])
        pruned = 0 if keep else prune(store, below=height)
        place = store.folder
    finally:
        store.close()
    freed = give_back(place) if compact else 0
    facts = {**_facts(report), "pruned": pruned, "bytes_freed": freed}
    console.show(f"{file}: {_sentence(report)}; {counted(pruned, 'block')} pruned", facts)
    if pruned:
        console.say("Keep the file: the blocks in it are in this chain no more.")


def _height(store: SqliteChainStore, below: int | None, days: int | None, *, forced: bool) -> int:
    """Return the lowest height that stays.

    Raises:
        StoreRefusedError: nothing may go, or less than was asked for.
    """
    now = SystemClock().now()
    asked = Retention(blocks=1) if days is None else Retention(days=days)
    with store.snapshot() as snapshot:
        height = height_to_keep(snapshot, asked, now=now, forced=forced)
        base = read_base(snapshot, read_genesis(snapshot))
    if below is not None and below > height > base:
        anyway = "" if forced else ", or --force where no light client needs them"
        raise StoreRefusedError(
            f"the blocks from height {height} on must stay, not only those from {below} on",
            hint=f"give --below {height} or less{anyway}",
        )
    height = height if below is None else min(below, height)
    if height <= base:
        raise StoreRefusedError(
            f"there is nothing to archive: the chain keeps the blocks from height {base} on",
            hint="the last 1000 blocks and those of the last 30 days stay unless --force is given",
        )
    return height


@click.command("verify-archive", cls=ChainCommand)
@click.argument("files", metavar="FILE...", type=FILE, nargs=-1, required=True)
@click.option("--genesis", "genesis_file", type=FILE, required=True, help="Genesis of the chain.")
@click.option(
    "--expected-hash",
    type=HASH,
    default=None,
    metavar="HEX",
    help="Hash of the last block, from elsewhere.",
)
@pass_console
def verify_archive(
    console: Console,
    *,
    files: tuple[Path, ...],
    genesis_file: Path,
    expected_hash: bytes | None,
) -> None:
    """Check every byte of archives that follow on each other, with nothing but the genesis.

    Seals, links, transactions and results are checked. Archives that do not begin with the first
    block only hold together: give the hash of their last block, which a later header names.
    """
    try:
        genesis = Genesis.from_json(genesis_file.read_bytes())
    except FileNotFoundError:
        raise NotFoundError(f"there is no file {genesis_file}") from None
    except MalformedError as error:
        raise MalformedError(
            f"{genesis_file}: {error.message}",
            hint="name the genesis.json of the registry; any of its nodes has it",
        ) from None
    report = check_archives(genesis, files)
    if expected_hash is not None and expected_hash != report.last_hash:
        raise StoreRefusedError(
            f"the last block is another: {report.last_hash.hex()}",
            hint="compare the hash with what other nodes say of that height",
        )
    if not report.anchored and expected_hash is None:
        raise MalformedError(
            f"the archives begin at height {report.first}: the genesis alone does not vouch for "
            "them",
            hint="give the archives from the first block on too, or --expected-hash of block "
            f"{report.last} as another node says it",
        )
    console.show(_sentence(report), _facts(report))


def _sentence(report: ArchiveReport) -> str:
    unproved = (
        f"\nreceipts of {counted(report.unproved, 'block')} are proved by a replay only"
        if report.unproved
        else ""
    )
    return (
        f"blocks {report.first} to {report.last}, {counted(report.transactions, 'transaction')}, "
        f"last hash {report.last_hash.hex()}{unproved}"
    )


def _facts(report: ArchiveReport) -> JsonObject:
    return {
        "first": report.first,
        "last": report.last,
        "last_hash": report.last_hash.hex(),
        "anchored": report.anchored,
        "transactions": report.transactions,
        "unproved": report.unproved,
    }
