"""`registry-chain net start|stop|status`: the nodes of a one-machine network."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Final

import click

from registry_chain.cli.command import ChainCommand
from registry_chain.cli.counting import counted
from registry_chain.cli.folder import FOLDER, NodeFolder
from registry_chain.cli.serving import Keeping, keeping_options, snapshot_option
from registry_chain.engines.cometbft.binary import find_binary
from registry_chain.engines.cometbft.network_file import (
    NODES,
    ListedNode,
    NetworkFile,
    read_network,
    same_machine,
)
from registry_chain.engines.cometbft.network_status import (
    NetworkStanding,
    NodeStanding,
    network_standing,
)
from registry_chain.engines.cometbft.node_processes import (
    LOG_FILE,
    NodeProcessError,
    NodeRunsError,
    running_node,
    start_node,
    stop_nodes,
)
from registry_chain.engines.cometbft.rpc import CometRpc
from registry_chain.engines.cometbft.supervisor_lock import KILLED, is_supervised, present_status
from weid.cli.output import Console, pass_console
from weid.clock import SystemClock, format_time
from weid.errors import MalformedError, RegistryUnavailableError

_WAIT_SECONDS: Final = 180
_LOOK_SECONDS: Final = 0.5
_NOT_OURS: Final = "was not running"
_ANOTHERS: Final = "runs, not by net start"
_RPC_SECONDS: Final = 3.0


@click.command(cls=ChainCommand)
@click.argument("out", metavar="OUT", type=FOLDER)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option(
    "--cometbft",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="The CometBFT program (default: looked for).",
)
@click.option(
    "--wait",
    type=click.IntRange(0),
    default=_WAIT_SECONDS,
    show_default=True,
    help="Seconds until all must answer and make blocks; 0: do not wait.",
)
@keeping_options
@snapshot_option
@pass_console
def start(  # noqa: PLR0913 - the options of the command
    console: Console,
    *,
    out: Path,
    names: tuple[str, ...],
    cometbft: Path | None,
    wait: int,
    keeping: Keeping,
    snapshot_blocks: int,
) -> None:
    """Run the nodes of the network in OUT in the background, and wait until they make blocks.

    With names, only these nodes. What each says goes to node.log in its folder. A node that runs
    already, also by `registry-chain start` or a unit of systemd, is left as it is.
    """
    network = _here(out)
    chosen = _chosen(network, names)
    binary = find_binary(cometbft)
    options = [f"--snapshot-blocks={snapshot_blocks}", *keeping.arguments()]
    for node in chosen:
        folder = out / NODES / node.plan.name
        if not _runs(folder):
            with contextlib.suppress(NodeRunsError):  # somebody else was quicker
                start_node(folder, [*_command(folder, node, binary.path), *options])
    if wait:
        admitted = {node.node_id.hex() for node in NodeFolder(out).genesis().nodes}
        # One that was added later may still wait for the governors.
        first = tuple(node for node in chosen if node.node_id in admitted)
        _wait(out, replace(network, nodes=first or chosen), wait)
    standing = _standing(out, network)
    _show(console, standing)
    console.say(f"{counted(len(chosen), 'node')} with CometBFT {binary.version}")


@click.command(cls=ChainCommand)
@click.argument("out", metavar="OUT", type=FOLDER)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option(
    "--wait", type=click.IntRange(1), default=60, show_default=True, help="Seconds for all."
)
@pass_console
def stop(console: Console, *, out: Path, names: tuple[str, ...], wait: int) -> None:
    """Stop the nodes of the network in OUT that `net start` has started, in order.

    With names, only these nodes.
    """
    chosen = _chosen(_here(out), names)
    # Observers and sentries first: whoever only follows is not missed by those that vote.
    order = sorted(chosen, key=lambda node: node.plan.role == "validator")
    folders = [out / NODES / node.plan.name for node in order]
    became = stop_nodes(folders, monotonic=time.monotonic, sleep=time.sleep, seconds=wait)
    for folder, what in became.items():
        if what == _NOT_OURS and is_supervised(folder):
            became[folder] = _ANOTHERS
    told = {folder.name: what for folder, what in became.items()}
    console.show("\n".join(f"{name:<24}{what}" for name, what in told.items()), told)
    left = [name for name, what in told.items() if what == "does not end"]
    if left:
        raise NodeProcessError(
            f"{', '.join(left)} did not end in {wait} s",
            hint="look into node.log; run this again, with a longer --wait",
        )
    others = [name for name, what in told.items() if what == _ANOTHERS]
    if others:
        raise NodeProcessError(
            f"{', '.join(others)} runs and was not started by net start",
            hint="stop it where it was started: Ctrl-C there, or its unit of systemd",
        )


@click.command(cls=ChainCommand)
@click.argument("out", metavar="OUT", type=FOLDER)
@pass_console
def status(console: Console, *, out: Path) -> None:
    """Say where each node of the network in OUT stands, and whether all have the same state.

    Asks the nodes on this machine. Exit code 20 when a node is stopped, down, behind or of another
    state, or when no new blocks are made.
    """
    network = _here(out)
    standing = _standing(out, network)
    _show(console, standing)
    if not standing.good:
        raise RegistryUnavailableError(_trouble(standing), hint=_what_to_do(out, standing))


def _trouble(standing: NetworkStanding) -> str:
    if standing.stopped:
        return standing.summary()
    bad = [n for n in standing.nodes if n.state not in {"ok", "standing"}]
    said = [f"{node.name} {_said(node)}" for node in bad]
    enough = standing.power is None or standing.power.enough
    return "; ".join([*([] if enough and not standing.stands else [standing.summary()]), *said])


def _what_to_do(out: Path, standing: NetworkStanding) -> str:
    stopped = [node.name for node in standing.nodes if node.state == "stopped"]
    if standing.stopped:
        return f"registry-chain net start {quote(str(out))}"
    if stopped:
        return f"registry-chain net start {quote(str(out))} {' '.join(stopped)}"
    return f"look into {LOG_FILE} and supervisor.json in the node's folder"


def _chosen(network: NetworkFile, names: tuple[str, ...]) -> tuple[ListedNode, ...]:
    """Return the nodes of these names, all where none is given."""
    known = {node.plan.name for node in network.nodes}
    for name in names:
        if name not in known:
            raise MalformedError(
                f"the network has no node of the name {name!r}",
                hint="its nodes are " + ", ".join(sorted(known)),
            )
    return tuple(node for node in network.nodes if not names or node.plan.name in names)


def _here(out: Path) -> NetworkFile:
    network = read_network(out)
    if not same_machine(network.nodes):
        raise MalformedError(
            f"the network in {out} is on several hosts",
            hint="run each node on its host: registry-chain start FOLDER, or its systemd unit",
        )
    return network


def _command(folder: Path, node: ListedNode, binary: Path) -> list[str]:
    plan = node.plan
    return [
        *(sys.executable, "-m", "registry_chain.cli.main", "start", str(folder.absolute())),
        *("--host", plan.api_host, "--port", str(plan.api_port)),
        *("--operator", plan.operator or plan.name, "--cometbft", str(binary)),
    ]


def _standing(out: Path, network: NetworkFile) -> NetworkStanding:
    def reason_of(node: ListedNode) -> str:
        return _why_silent(out / NODES / node.plan.name)

    def is_stopped(node: ListedNode) -> bool:
        folder = out / NODES / node.plan.name
        said = present_status(folder) or {}
        return said.get("state") in {"stopped", KILLED} and running_node(folder) is None

    return network_standing(
        network.nodes,
        lambda node: CometRpc(f"http://127.0.0.1:{node.plan.rpc_port}", timeout=_RPC_SECONDS),
        now=SystemClock().now(),
        reason_of=reason_of,
        is_stopped=is_stopped,
    )


def _runs(folder: Path) -> bool:
    """Return whether a node runs, whoever started it."""
    return running_node(folder) is not None or is_supervised(folder)


def _why_silent(folder: Path) -> str:
    """Return why the node in a folder does not answer; empty: it was stopped in order."""
    said = present_status(folder) or {}
    if said.get("state") == "failed":
        return str(said.get("last_reason", ""))
    if _runs(folder):
        return "it is starting"
    return {"stopped": "", KILLED: "was killed"}.get(str(said.get("state")), "it does not run")


def _wait(out: Path, network: NetworkFile, seconds: float) -> None:
    def look() -> NetworkStanding:
        ended = [
            node.plan.name for node in network.nodes if not _runs(out / NODES / node.plan.name)
        ]
        if ended:
            raise NodeProcessError(
                f"{', '.join(ended)} ended again",
                hint=f"the last lines of {LOG_FILE} in the node's folder say why",
            )
        return _standing(out, network)

    await_blocks(look, seconds, monotonic=time.monotonic, sleep=time.sleep)


def await_blocks(
    look: Callable[[], NetworkStanding],
    seconds: float,
    *,
    monotonic: Callable[[], float],
    sleep: Callable[[float], None],
) -> NetworkStanding:
    """Look until every node is well and has made a block since it first said its height.

    Raises:
        RegistryUnavailableError: that did not come about in time, with the nodes that lack.
    """
    deadline = monotonic() + seconds
    first: dict[str, int] = {}
    while True:
        standing = look()
        for node in standing.nodes:
            if node.height is not None:
                first.setdefault(node.name, node.height)
        resting = [node for node in standing.nodes if (node.height or 0) <= first.get(node.name, 0)]
        if standing.good and not resting:
            return standing
        if monotonic() >= deadline:
            lacking = [f"{node.name} {_said(node)}" for node in standing.nodes if node in resting]
            lacking += [f"{n.name} {_said(n)}" for n in standing.nodes if n.state != "ok"]
            raise RegistryUnavailableError(
                f"not every node makes blocks after {seconds:g} s: "
                + "; ".join(dict.fromkeys(lacking)),
                hint="registry-chain net status says more; net stop stops what runs",
            )
        sleep(_LOOK_SECONDS)


def _said(node: NodeStanding) -> str:
    said = f"is {node.state}"
    if node.state in {"lags", "differs"}:
        said = node.state
    if node.state == "ok":
        said = f"rests at height {node.height}"
    return f"{said} ({node.reason})" if node.reason else said


def _show(console: Console, standing: NetworkStanding) -> None:
    rows = [["NODE", "ROLE", "STATE", "HEIGHT", "AGE", "PEERS", "APP HASH", "API"]]
    for node in standing.nodes:
        age = None if node.head_age is None else f"{node.head_age} s"
        numbers = [node.height, age, node.peers, node.app_hash[:16] or None]
        cells = ["-" if each is None else str(each) for each in numbers]
        # Of a stopped one the reason says that it was not stopped in order.
        killed = node.state == "stopped" and node.reason
        state = f"stopped ({node.reason})" if killed else node.state
        rows.append([node.name, node.role, state, *cells, node.api])
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    if standing.compared_at is not None:
        same = all(node.agrees is not False for node in standing.nodes)
        verdict = "the same" if same else "NOT the same"
        lines.append(f"app hashes at height {standing.compared_at}: {verdict}")
    lines += [standing.summary()] if standing.summary() else []
    power = standing.power
    console.show(
        "\n".join(lines),
        {
            "good": standing.good,
            "stopped": standing.stopped,
            "stands": standing.stands,
            "summary": standing.summary(),
            "newest_block": None if standing.head_time is None else format_time(standing.head_time),
            "voting_power": None
            if power is None
            else {"running": power.running, "total": power.total, "enough": power.enough},
            "compared_at": standing.compared_at,
            "nodes": [node.to_json() for node in standing.nodes],
        },
    )
