"""What the commands that serve a chain share: their options, and how a chain is opened."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from registry_chain.application import RegistryApplication
from registry_chain.archives import Pruner, Retention
from registry_chain.cli.folder import NodeFolder, require_genesis
from registry_chain.engines.cometbft.snapshot_schedule import EVERY
from registry_chain.events import EventFeed
from registry_chain.snapshot import back_up
from registry_chain.state_machine.genesis import Genesis
from registry_chain.storage.errors import StoreRefusedError
from registry_chain.storage.integrity import check_sample
from registry_chain.storage.sqlite import SqliteChainStore
from registry_chain.storage.sqlite_opening import DATABASE
from registry_chain.storage.store import ChainStore
from registry_chain.storage.whole_file import replace_file
from weid.clock import Clock
from weid.encoding import JsonObject
from weid.errors import MalformedError, WeidError

if TYPE_CHECKING:
    from registry_chain.node.listening import Listening

_OURS = ("weid", "registry_chain")
_Command = TypeVar("_Command", bound=Callable[..., object])


def serving_options(command: _Command) -> _Command:
    """Add the options that say where a node listens and who runs it."""
    options = (
        click.option(
            "--host", default="127.0.0.1", show_default=True, help="Address to listen on."
        ),
        click.option(
            "--port",
            type=click.IntRange(0, 65535),
            default=8700,
            show_default=True,
            help="0: any free.",
        ),
        click.option("--operator", default="", help="Who runs this node, shown on its pages."),
        click.option(
            "--trusted-proxy",
            "proxies",
            multiple=True,
            metavar="NETWORK",
            help="A proxy (address or network) whose X-Forwarded-For is believed.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def keeping_options(command: Callable[..., object]) -> Callable[..., object]:
    """Add the options that say which old blocks stay; the command takes them as `keeping`."""
    blocks = click.option(
        "--keep-blocks",
        type=click.IntRange(1),
        default=None,
        help="Blocks that stay in the store (default: all).",
    )
    days = click.option(
        "--keep-days",
        type=click.IntRange(1),
        default=None,
        help="Days whose blocks stay in the store (default: all).",
    )
    folder = click.option(
        "--archives",
        type=click.Path(file_okay=False, path_type=Path),
        default=None,
        help="Folder for the archives of blocks that go (default: they are dropped).",
    )

    @wraps(command)
    def kept(
        *arguments: object,
        keep_blocks: int | None,
        keep_days: int | None,
        archives: Path | None,
        **options: object,
    ) -> object:
        if archives is not None:
            if keep_blocks is None and keep_days is None:
                raise click.UsageError(
                    "--archives is of no use alone: --keep-blocks or --keep-days says what goes"
                )
            _require_place(archives)
        keeping = Keeping(Retention(blocks=keep_blocks, days=keep_days), archives)
        return command(*arguments, keeping=keeping, **options)

    return blocks(days(folder(kept)))


def _require_place(folder: Path) -> None:
    """Require that a folder for archives can be made: the first one may be months away."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        raise click.UsageError(f"--archives: nothing can be written into {place}")


def snapshot_option(command: _Command) -> _Command:
    """Add the option that says how often a node makes snapshots for others."""
    return click.option(
        "--snapshot-blocks",
        type=click.IntRange(0),
        default=EVERY,
        show_default=True,
        help="Blocks from one snapshot for joining nodes to the next; 0: none.",
    )(command)


@dataclass(frozen=True, slots=True)
class Keeping:
    """Which old blocks stay in a node's store, and where the others go."""

    retention: Retention
    archives: Path | None

    def arguments(self) -> list[str]:
        """Return the options that say this, for another process."""
        said = (
            ("--keep-blocks", self.retention.blocks),
            ("--keep-days", self.retention.days),
            ("--archives", None if self.archives is None else self.archives.absolute()),
        )
        return [f"{option}={value}" for option, value in said if value is not None]

    def tidy(self, store: ChainStore, clock: Clock) -> Callable[[int], object]:
        """Return what is called after each write with the newest height, by who writes."""
        pruner = Pruner(store, self.retention, folder=self.archives)
        return lambda height: pruner.step(height, now=clock.now())


def open_chain(node: NodeFolder, genesis: Genesis, *, begin: bool = True) -> SqliteChainStore:
    """Return the store of a node's chain, begun with its genesis where it is new.

    Without `begin` a new one stays empty: others give the node its state.

    Raises:
        StoreRefusedError: the chain is gone, or of another genesis.
        StoreDamagedError: a byte is not what was written.
    """
    _require_not_lost(node)
    store = SqliteChainStore(node.chain)
    try:
        application = RegistryApplication(store)
        if begin or application.begun:
            _begin(application, node, genesis)
    except BaseException:
        store.close()
        raise
    return store


def announcer(node: NodeFolder, ready_fd: int | None = None) -> Callable[[Listening], None]:
    """Return what tells where a node listens: in its folder, on stdout, and to a descriptor."""

    def announce(listening: Listening) -> None:
        replace_file(node.address_file, f"{listening.from_here}\n".encode("ascii"))
        click.echo(f"listening on {listening.address}")
        sys.stdout.flush()
        if ready_fd is not None:
            with os.fdopen(ready_fd, "w") as ready:
                ready.write(listening.address + "\n")

    return announce


def orders(store: SqliteChainStore) -> dict[str, Callable[[JsonObject], JsonObject]]:
    """Return the orders that a node with this store takes from its operator."""
    return {
        "backup": lambda asked: _backup(store, asked),
        "newest-event": lambda _: {"position": EventFeed(store).newest()},
    }


def missing_extra(error: ModuleNotFoundError) -> WeidError:
    """Return what to say where a package of the node extra is not installed.

    Raises:
        ModuleNotFoundError: it is a module of ours that is missing.
    """
    if (error.name or "").startswith(_OURS):
        raise error
    return WeidError(
        f"running a node needs the node extra, which is not installed ({error.name} is not here)",
        hint="pip install '.[node]'",
    )


def networks(
    texts: tuple[str, ...],
) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """Return the networks of proxies; anything else is told as a wrong call."""
    try:
        return tuple(ipaddress.ip_network(text) for text in texts)
    except ValueError as error:
        raise click.UsageError(f"--trusted-proxy: {error}") from None


def _require_not_lost(node: NodeFolder) -> None:
    if node.begun_file.exists() and not (node.chain / DATABASE).exists():
        raise StoreRefusedError(
            f"the chain of {node.path} is gone: there is no {node.chain / DATABASE}",
            hint="bring it back with `registry-chain restore`; to begin another history, which "
            f"clients will refuse, remove {node.begun_file} first",
        )


def _begin(application: RegistryApplication, node: NodeFolder, genesis: Genesis) -> None:
    """Begin the chain, or look at the one that is there."""
    if application.begun:
        with application.store.snapshot() as snapshot:
            require_genesis(snapshot, genesis)
        # CometBFT gives the newest blocks again after a crash: they may be missing at the start.
        check_sample(application.store, sealed=not node.comet.exists())
    application.init_chain(genesis)
    node.begun_file.touch()


def _backup(store: SqliteChainStore, asked: JsonObject) -> JsonObject:
    target = asked.get("folder")
    if not isinstance(target, str) or not Path(target).is_absolute():
        raise MalformedError("the order names no folder")
    checkpoint = back_up(store, Path(target))
    return {
        "height": checkpoint.height,
        "block_hash": checkpoint.block_hash.hex(),
        "app_hash": checkpoint.app_hash.hex(),
    }
