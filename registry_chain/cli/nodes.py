"""`registry-chain nodes`: the nodes of a network, complete, proved against its genesis."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_chain.cli.arguments import HASH
from registry_chain.cli.asking import loopback_option, open_own, open_registry
from registry_chain.cli.command import ChainCommand
from registry_chain.cli.folder import FOLDER, NodeFolder
from weid.cli.output import Console, pass_console
from weid.clock import format_time
from weid.encoding import JsonObject

if TYPE_CHECKING:
    from weid.registry.records import NodeRecord
    from weid.registry.registry import RegistryReader


@click.command(cls=ChainCommand)
@click.argument("folder", metavar="[DIR]", type=FOLDER, required=False)
@click.option("--node", metavar="URL", help="A node elsewhere (needs --genesis).")
@click.option("--genesis", type=HASH, help="Genesis hash of the registry that is meant.")
@loopback_option
@click.option("--all", "everything", is_flag=True, help="Also those that were removed.")
@pass_console
def nodes(
    console: Console,
    *,
    folder: Path | None,
    node: str | None,
    genesis: bytes | None,
    unsafe_loopback_http: bool,
    everything: bool,
) -> None:
    """List the nodes that governance admitted: role, status, power, operator.

    With DIR: as the node in that folder has them, running or not. With --node: as any node has
    them, the whole list proved against the genesis hash.
    """
    if (folder is None) == (node is None) or (node is None) != (genesis is None):
        raise click.UsageError("name a node's folder, or --node URL --genesis HASH")
    if node is not None and genesis is not None:
        there = open_registry(node, genesis_hash=genesis, unsafe_loopback_http=unsafe_loopback_http)
        _show(console, _of(there, everything=everything))
        return
    here = NodeFolder(folder)  # type: ignore[arg-type]  # one of the two was given
    address = here.address()
    if address is not None:
        reader = open_own(address, genesis_hash=here.genesis().genesis_hash)
        _show(console, _of(reader, everything=everything))
        return
    _show(console, _stopped(here, everything=everything))


def _stopped(here: NodeFolder, *, everything: bool) -> JsonObject:
    from registry_chain.reader import RecordReader  # noqa: PLC0415 - when it is stopped

    store = here.open_store(reading=True)
    try:
        return _of(RecordReader(store), everything=everything)
    finally:
        store.close()


def _of(reader: RegistryReader, *, everything: bool) -> JsonObject:
    found = [one for one in reader.nodes() if everything or one.status != "removed"]
    found.sort(key=_order)
    scheduled, handover = reader.pending_rules(), reader.handover()
    rules: JsonObject | None = None
    if scheduled is not None:
        rules = {"version": scheduled.rules_version, "height": scheduled.height}
    engine: JsonObject | None = None
    # A network that was founded as one has its record from before the first block.
    if handover is not None and handover.height >= 1:
        engine = {"engine": handover.engine.value, "height": handover.height}
    return {
        "nodes": [_described(one) for one in found],
        "scheduled_rules": rules,
        "handed_over": engine,
    }


def _order(record: NodeRecord) -> tuple[int, str, bytes]:
    """Return what nodes are listed by: role, then name."""
    from weid.registry.node_operations import NodeRole  # noqa: PLC0415 - when it is used

    return list(NodeRole).index(record.role), record.name, record.node_id


def _described(record: NodeRecord) -> JsonObject:
    misbehaved = record.misbehaved_at
    return {
        "node_id": record.node_id.hex(),
        "name": record.name,
        "role": record.role.value,
        "status": record.status.value,
        "power": record.power,
        "operator": record.operator or None,
        "validator_key": record.validator_key.hex() or None,
        "changed": format_time(record.version.time),
        "misbehaved": None if misbehaved is None else format_time(misbehaved),
        "replaced_by": record.replaced_by.hex() or None,
    }


def _show(console: Console, facts: JsonObject) -> None:
    match facts["nodes"]:
        case [*listed] if listed:
            lines = [_line(one) for one in listed if isinstance(one, dict)]
        case _:
            lines = ["no nodes"]
    for name, words in (
        ("scheduled_rules", "version {version} of the rules comes into force at height {height}"),
        ("handed_over", "handed over to {engine} at height {height}"),
    ):
        told = facts[name]
        if isinstance(told, dict):
            lines.append(words.format(**told))
    console.show("\n".join(lines), facts)


def _line(node: JsonObject) -> str:
    words = [str(node["node_id"]), f"{node['role']!s:<9}", f"{node['status']!s:<9}"]
    words.append(str(node["name"]))
    if node["power"]:
        words.append(f"power {node['power']}")
    if node["operator"]:
        words.append(str(node["operator"]))
    if node["misbehaved"]:
        words.append("misbehaved")
    return "  ".join(words)
