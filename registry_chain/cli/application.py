"""`registry-chain application`: the application process of a node whose blocks CometBFT orders.

Started by the supervisor (`registry-chain start`), beside CometBFT; hidden from the help.
"""

from __future__ import annotations

import logging
import os
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

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
from registry_chain.node.control import listen_for_orders
from registry_chain.node.settings import NodeSettings
from weid.cli.output import Console, pass_console
from weid.clock import SystemClock
from weid.encoding import json_loads_object
from weid.errors import MalformedError

_SOCKET_VARIABLE: Final = "WEID_ABCI_SOCKET"
_GENESIS_BYTES: Final = 16 * 2**20


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
    comet = CometSurroundings(
        rpc_address=_rpc_address(node.comet),
        socket=Path(os.environ.get(_SOCKET_VARIABLE) or node.comet.absolute() / "abci.sock"),
        initial_height=_initial_height(node.comet),
        version=version("weid"),
        snapshots=node.chain / "snapshots",
        snapshot_blocks=snapshot_blocks,
        has_peers=bool(_settings(node.comet).get("p2p", {}).get("persistent_peers")),
    )
    store = open_chain(node, genesis, begin=not _takes_state(node.comet))
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


def _settings(home: Path) -> dict[str, Any]:
    path = home / "config" / "config.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MalformedError(f"{path} cannot be read: {error}") from None


def _rpc_address(home: Path) -> str:
    try:
        return str(_settings(home)["rpc"]["laddr"])
    except (KeyError, TypeError):
        raise MalformedError(f"{home} does not say where CometBFT's RPC listens") from None


def _takes_state(home: Path) -> bool:
    """Return whether the node begins with a snapshot of others (the section `statesync`)."""
    section = _settings(home).get("statesync")
    return isinstance(section, dict) and section.get("enable") is True


def _initial_height(home: Path) -> int:
    path = home / "config" / "genesis.json"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MalformedError(f"{path} cannot be read: {error.strerror}") from None
    body = json_loads_object(data, what="CometBFT's genesis", max_bytes=_GENESIS_BYTES)
    height = body.get("initial_height")
    if isinstance(height, str) and height.isascii() and height.isdecimal():
        return int(height)
    raise MalformedError(f"{path} has no initial_height")
