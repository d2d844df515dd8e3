"""`registry-chain application`: the application process of a node whose blocks CometBFT orders.

Started by the supervisor (`registry-chain start`), beside CometBFT; hidden from the help.
"""

from __future__ import annotations

import logging
import os
import sys
from importlib.metadata import version
from pathlib import Path

import click

from registry_chain.cli.command import ChainCommand
from registry_chain.cli.folder import FOLDER, NodeFolder
from registry_chain.cli.serving import (
    Keeping,
    announcer,
    keeping_options,
    missing_extra,
    networks,
    open_chain,
    orders,
    serving_options,
    snapshot_option,
)
from registry_chain.engines.cometbft.configuration import (
    SOCKET,
    WrittenSettings,
    read_settings,
)
from registry_chain.engines.cometbft.founding import initial_height_of
from registry_chain.engines.cometbft.supervisor import SOCKET_VARIABLE
from registry_chain.node.control import listen_for_orders
from registry_chain.node.settings import NodeSettings
from registry_chain.state_sync import SNAPSHOTS
from weid.cli.output import Console, pass_console
from weid.clock import SystemClock
from weid.errors import MalformedError


@click.command(cls=ChainCommand, hidden=True)
@click.argument("folder", metavar="DIR", type=FOLDER)
@serving_options
@keeping_options
@snapshot_option
@pass_console
def application(  # noqa: PLR0913 - the options of the command
    console: Console,
    *,
    folder: Path,
    host: str,
    port: int,
    operator: str,
    proxies: tuple[str, ...],
    keeping: Keeping,
    snapshot_blocks: int,
) -> None:
    """Serve the chain in DIR to its CometBFT and to everybody else; `start` runs this."""
    try:
        from registry_chain.node.comet_node import (  # noqa: PLC0415 - an extra
            CometSurroundings,
            serve_comet,
        )
        from registry_chain.node.listening import Listening  # noqa: PLC0415 - same
    except ModuleNotFoundError as error:
        raise missing_extra(error) from None
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    node = NodeFolder(folder)
    genesis = node.genesis()
    config = node.comet / "config"
    written = _settings(config / "config.toml")
    comet = CometSurroundings(
        rpc_address=written.rpc_address,
        socket=Path(os.environ.get(SOCKET_VARIABLE) or node.comet.absolute() / SOCKET),
        initial_height=initial_height_of(_read(config / "genesis.json")),
        version=version("weid"),
        snapshots=node.chain / SNAPSHOTS,
        snapshot_blocks=snapshot_blocks,
        has_peers=written.has_peers,
    )
    store = open_chain(node, genesis, begin=not written.takes_state)
    clock = SystemClock()
    console.say(f"network {genesis.network}, genesis hash {genesis.genesis_hash.hex()}")
    try:
        with listen_for_orders(node.control_socket, orders(store)):
            serve_comet(
                store,
                genesis,
                comet,
                Listening(host, port),
                clock=clock,
                settings=NodeSettings(
                    operator=operator, folder=folder, trusted_proxies=networks(proxies)
                ),
                announce=announcer(node),
                waits=lambda: click.echo("waiting for a snapshot of the state"),
                tidy=keeping.tidy(store, clock),
            )
    finally:
        node.address_file.unlink(missing_ok=True)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MalformedError(f"{path} cannot be read: {error.strerror}") from None


def _settings(path: Path) -> WrittenSettings:
    try:
        return read_settings(_read(path).decode())
    except UnicodeDecodeError:
        raise MalformedError(f"{path} is not UTF-8 text") from None
    except MalformedError as error:
        raise MalformedError(f"{path}: {error.message}") from None
