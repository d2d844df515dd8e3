"""`registry-chain start`: run a node."""

from __future__ import annotations

import ipaddress
import logging
import os
import sys
from pathlib import Path

import click

from registry_chain.application import RegistryApplication
from registry_chain.cli.command import ChainCommand
from registry_chain.cli.folder import FOLDER, NodeFolder, require_genesis
from registry_chain.engines.embedded.node_key import load_node_key
from registry_chain.node.control import listen_for_orders
from registry_chain.node.settings import NodeSettings
from registry_chain.snapshot import back_up
from registry_chain.state_machine.genesis import Genesis
from registry_chain.storage.errors import StoreRefusedError
from registry_chain.storage.integrity import check_sample
from registry_chain.storage.sqlite import DATABASE, SqliteChainStore
from weid.cli.output import Console, pass_console
from weid.cli.passphrases import passphrase_option, read_passphrase
from weid.clock import SystemClock
from weid.crypto.signer import InMemorySigner
from weid.encoding import JsonObject
from weid.errors import KeyFileError, MalformedError, WeidError

_OURS = ("weid", "registry_chain")
_FORMAT_WITHIN = 200
"""Bytes at the beginning of a key file in which its format stands."""


@click.command(cls=ChainCommand)
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8700, show_default=True, help="0: any free."
)
@click.option("--operator", default="", help="Who runs this node, shown on its pages.")
@click.option(
    "--trusted-proxy",
    "proxies",
    multiple=True,
    metavar="NETWORK",
    help="A proxy (address or network) whose X-Forwarded-For is believed.",
)
@click.option("--ready-fd", type=int, default=None, help="Write the address to this descriptor.")
@passphrase_option
@pass_console
def start(  # noqa: PLR0913 - the options of the command
    console: Console,
    *,
    folder: Path,
    host: str,
    port: int,
    operator: str,
    proxies: tuple[str, ...],
    ready_fd: int | None,
    passphrase_file: Path | None,
) -> None:
    """Run the node in DIR until it is told to stop (SIGTERM, or Ctrl-C).

    Prints one line, `listening on http://…`, when it answers. Put a TLS proxy before it where
    others are to reach it.
    """
    try:
        from registry_chain.node.listening import Listening  # noqa: PLC0415 - an extra
        from registry_chain.node.serve import serve  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        if (error.name or "").startswith(_OURS):
            raise
        raise _missing(error.name) from None
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    node = NodeFolder(folder)
    genesis = node.genesis()
    settings = NodeSettings(operator=operator, trusted_proxies=_networks(proxies))
    _require_open(ready_fd)
    if not node.sealing_key.exists():
        raise KeyFileError(
            f"the node has no sealing key: {node.sealing_key} is not there",
            hint="bring it back from where it is kept; without it no block can be sealed",
        )
    passphrase = (
        read_passphrase(passphrase_file, what="passphrase of the sealing key")
        if _is_encrypted(node.sealing_key)
        else None
    )
    key = load_node_key(node.sealing_key, passphrase=passphrase)
    _require_not_lost(node)
    store = SqliteChainStore(node.chain)
    try:
        _begin(RegistryApplication(store), node, genesis)
    except BaseException:
        store.close()
        raise
    console.say(f"network {genesis.network}, genesis hash {genesis.genesis_hash.hex()}")

    def announce(listening: Listening) -> None:
        _write_address(node.address_file, listening.from_here)
        click.echo(f"listening on {listening.address}")
        sys.stdout.flush()
        if ready_fd is not None:
            with os.fdopen(ready_fd, "w") as ready:
                ready.write(listening.address + "\n")

    try:
        with listen_for_orders(node.control_socket, {"backup": lambda a: _backup(store, a)}):
            serve(
                store,
                InMemorySigner(key),
                Listening(host, port),
                clock=SystemClock(),
                settings=settings,
                announce=announce,
            )
    finally:
        node.address_file.unlink(missing_ok=True)
    console.say("stopped")


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
        check_sample(application.store)
    application.init_chain(genesis)
    node.begun_file.touch()


def _missing(module: str | None) -> WeidError:
    return WeidError(
        f"running a node needs the node extra, which is not installed ({module} is not here)",
        hint="pip install '.[node]'",
    )


def _require_open(descriptor: int | None) -> None:
    try:
        if descriptor is not None:
            os.fstat(descriptor)
    except (OSError, OverflowError):
        raise click.UsageError(f"--ready-fd: {descriptor} is not open") from None


def _networks(
    texts: tuple[str, ...],
) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    try:
        return tuple(ipaddress.ip_network(text) for text in texts)
    except ValueError as error:
        raise click.UsageError(f"--trusted-proxy: {error}") from None


def _is_encrypted(path: Path) -> bool:
    """Return whether a key file is of the encrypted form; what else is wrong is said on loading."""
    try:
        return b"weid-key-file" in path.read_bytes()[:_FORMAT_WITHIN]
    except OSError:
        return False


def _write_address(path: Path, address: str) -> None:
    new = path.with_name(path.name + ".new")
    new.write_text(address + "\n", encoding="ascii")
    new.replace(path)


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
