"""`registry-chain status`: where a registry stands, proved against its genesis."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_chain.cli.arguments import HASH
from registry_chain.cli.asking import loopback_option, open_own, open_registry
from registry_chain.cli.command import ChainCommand
from registry_chain.cli.folder import FOLDER, NodeFolder
from registry_chain.storage.errors import StoreInUseError
from weid.cli.output import Console, pass_console, table
from weid.clock import format_time
from weid.encoding import JsonObject, JsonValue
from weid.errors import RegistryError, RegistryUnavailableError

if TYPE_CHECKING:
    from weid.registry.http_client import HttpRegistry
    from weid.registry.records import HandoverRecord, Head

_HANDED_OVER = "handed_over"
_NODE_COLUMNS = ("url", "state", "height", "since", "error")


@click.command(cls=ChainCommand)
@click.argument("folder", metavar="[DIR]", type=FOLDER, required=False)
@click.option(
    "--node",
    "nodes",
    multiple=True,
    metavar="URL",
    help="A node elsewhere (needs --genesis); several are compared.",
)
@click.option(
    "--genesis", type=HASH, metavar="HASH", help="Genesis hash of the registry that is meant."
)
@loopback_option
@pass_console
def status(
    console: Console,
    *,
    folder: Path | None,
    nodes: tuple[str, ...],
    genesis: bytes | None,
    unsafe_loopback_http: bool,
) -> None:
    """Say where a registry stands.

    With DIR: the node in that folder, running or not. With --node: any node, its head proved
    against the genesis hash. With several: what each of them shows, and whether they agree.
    """
    if nodes:
        if folder is not None:
            raise click.UsageError("name a node's folder or --node, not both")
        if genesis is None:
            raise click.UsageError(
                "--genesis is missing: without it any registry could pose as the right one"
            )
        there = open_registry(
            *nodes, genesis_hash=genesis, unsafe_loopback_http=unsafe_loopback_http
        )
        _show(console, _ask(console, nodes, there))
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
        own = open_own(address, genesis_hash=genesis_hash)
        _show(console, _here(here, _ask(console, (address,), own)))
    except RegistryUnavailableError as unavailable:
        final = _of_last_block(console, here, address)
        if final is not None:
            _show(console, final)
            return
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


def _here(here: NodeFolder, facts: JsonObject) -> JsonObject:
    """Return the facts, saying where the node in a folder is one that others go on for."""
    if _HANDED_OVER in facts and not here.comet.is_dir():
        facts[_HANDED_OVER] = f"{facts[_HANDED_OVER]}: no block is made here any more"
    return facts


def _of_last_block(console: Console, here: NodeFolder, address: str) -> JsonObject | None:
    """Return how a node stands that handed over and still runs; its last block only grows older."""
    if here.comet.is_dir():
        return None
    own = open_own(address, genesis_hash=here.genesis().genesis_hash, any_age=True)
    try:
        facts = _ask(console, (address,), own)
    except RegistryError:
        return None
    return _here(here, facts) if _HANDED_OVER in facts else None


def _ask(console: Console, nodes: tuple[str, ...], registry: HttpRegistry) -> JsonObject:
    try:
        facts = _facts("running", registry.head(), registry.network, registry.genesis_hash)
        size, root = registry.log()
        handover = registry.handover()
    except RegistryError:
        for node in registry.nodes_report() if len(nodes) > 1 else ():
            console.say(f"{node.url}: {node.describe()}")
        raise
    facts |= {"address": nodes[0]} if len(nodes) == 1 else {}
    facts |= {"transactions": size, "log_root": root.hex()}
    facts |= _handed_over(handover)
    if len(nodes) > 1:
        facts["nodes"] = [node.to_json() for node in registry.nodes_report()]
    return facts


def _stopped(here: NodeFolder) -> JsonObject:
    from registry_chain.reader import RecordReader  # noqa: PLC0415 - when it is stopped
    from registry_chain.storage.committed import SnapshotState  # noqa: PLC0415 - same

    genesis = here.genesis()
    store = here.open_store(reading=True)
    try:
        with store.snapshot() as snapshot:
            summary = SnapshotState(snapshot).summary
        handover = RecordReader(store).handover()
    finally:
        store.close()
    facts: JsonObject = {
        "state": "stopped",
        "network": genesis.network,
        "genesis_hash": genesis.genesis_hash.hex(),
        "height": summary.height,
        "time": format_time(summary.time),
        "transactions": summary.log_size,
    }
    return _here(here, facts | _handed_over(handover))


def _handed_over(record: HandoverRecord | None) -> JsonObject:
    """Return what to say of a handover; a network that was founded as one has had none."""
    if record is None or record.height < 1:
        return {}
    return {_HANDED_OVER: f"to {record.engine.value} at height {record.height}"}


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
    nodes = facts.get("nodes")
    plain = {name: value for name, value in facts.items() if name != "nodes"}
    width = max(map(len, plain)) + 2
    lines = [f"{name.replace('_', ' '):<{width}}{value}" for name, value in plain.items()]
    if isinstance(nodes, list):
        rows = [[_text(node, name) for name in _NODE_COLUMNS] for node in nodes]
        lines += ["", table(rows, header=list(_NODE_COLUMNS))]
    console.show("\n".join(lines), facts)


def _text(node: JsonValue, name: str) -> str:
    value = node.get(name) if isinstance(node, dict) else None
    return "" if value is None else str(value)
