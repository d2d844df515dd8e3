"""`registry-chain status`: where a registry stands, proved against its genesis."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_chain.cli.command import ChainCommand
from registry_chain.cli.folder import FOLDER, NodeFolder
from registry_chain.storage.errors import StoreInUseError
from weid.cli.output import Console, pass_console
from weid.cli.trust_settings import host_of
from weid.clock import SystemClock, format_time
from weid.encoding import JsonObject
from weid.errors import RegistryUnavailableError

if TYPE_CHECKING:
    from weid.registry.records import Head

_HASH_BYTES = 32


@click.command(cls=ChainCommand)
@click.argument("folder", metavar="[DIR]", type=FOLDER, required=False)
@click.option("--node", metavar="URL", help="A node elsewhere (needs --genesis).")
@click.option("--genesis", metavar="HASH", help="Genesis hash of the registry that is meant.")
@pass_console
def status(console: Console, *, folder: Path | None, node: str | None, genesis: str | None) -> None:
    """Say where a registry stands.

    With DIR: the node in that folder, running or not. With --node: any node, its head proved
    against the genesis hash.
    """
    if node is not None:
        if folder is not None:
            raise click.UsageError("name a node's folder or --node, not both")
        if genesis is None:
            raise click.UsageError(
                "--genesis is missing: without it any registry could pose as the right one"
            )
        _show(console, _ask(node, _hash(genesis)))
        return
    if folder is None or genesis is not None:
        raise click.UsageError("name a node's folder, or --node URL --genesis HASH")
    here = NodeFolder(folder)
    genesis_hash = here.genesis().genesis_hash
    address = here.address()
    if address is None:
        _show(console, _stopped(here))
        return
    try:
        _show(console, _ask(address, genesis_hash))
    except RegistryUnavailableError as unavailable:
        # A node that was killed leaves its address behind; one that hangs still has its store.
        try:
            _show(console, _stopped(here))
        except StoreInUseError:
            raise RegistryUnavailableError(
                f"the node in {folder} is running ({address}) and was not reached there: "
                f"{unavailable.message}",
                hint="ask its https address: registry-chain status --node URL --genesis "
                f"{genesis_hash.hex()}",
            ) from None


def _hash(text: str) -> bytes:
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != _HASH_BYTES:
        raise click.UsageError("--genesis is not 64 hexadecimal digits")
    return value


def _ask(address: str, genesis_hash: bytes) -> JsonObject:
    from weid.registry.http_client import HttpRegistry  # noqa: PLC0415 - brings TLS along
    from weid.transport import GuardedTransport  # noqa: PLC0415 - brings TLS along

    clock = SystemClock()
    registry = HttpRegistry(
        address,
        genesis_hash=genesis_hash,
        transport=GuardedTransport(private_hosts=(host_of(address),), allow_loopback_http=True),
        clock=clock,
    )
    facts = _facts("running", registry.head(), registry.network, genesis_hash)
    size, root = registry.log()
    return {**facts, "address": address, "transactions": size, "log_root": root.hex()}


def _stopped(here: NodeFolder) -> JsonObject:
    from registry_chain.storage.committed import SnapshotState  # noqa: PLC0415 - when it is stopped

    genesis = here.genesis()
    store = here.open_store()
    try:
        with store.snapshot() as snapshot:
            summary = SnapshotState(snapshot).summary
    finally:
        store.close()
    return {
        "state": "stopped",
        "network": genesis.network,
        "genesis_hash": genesis.genesis_hash.hex(),
        "height": summary.height,
        "time": format_time(summary.time),
        "transactions": summary.log_size,
    }


def _facts(state: str, head: Head, network: str, genesis_hash: bytes) -> JsonObject:
    return {
        "state": state,
        "network": network,
        "genesis_hash": genesis_hash.hex(),
        "height": head.height,
        "time": format_time(head.time),
        "app_hash": head.app_hash.hex(),
        "block_hash": head.block_hash.hex(),
    }


def _show(console: Console, facts: JsonObject) -> None:
    width = max(map(len, facts)) + 2
    lines = [f"{name.replace('_', ' '):<{width}}{value}" for name, value in facts.items()]
    console.show("\n".join(lines), facts)
