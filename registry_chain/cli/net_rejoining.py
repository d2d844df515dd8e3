"""`registry-chain net rejoin`: a node whose data is lost or damaged begins anew with its keys."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shlex import quote

import click

from registry_chain.cli.command import ChainCommand
from registry_chain.cli.folder import FOLDER, NodeFolder
from registry_chain.cli.net_joining import state_sync_options, to_state_sync
from registry_chain.engines.cometbft.configuration import StateSync, with_state_sync
from registry_chain.engines.cometbft.data_folder import (
    DATA,
    require_signed,
    set_aside,
    set_data_aside,
    sign_only_from,
)
from registry_chain.engines.cometbft.supervisor_lock import (
    LOCK_FILE,
    is_supervised,
    supervising,
)
from registry_chain.engines.cometbft.supervisor_status import STATUS_FILE, read_status
from registry_chain.storage.errors import StoreInUseError
from registry_chain.storage.folder_lock import take_lock
from registry_chain.storage.whole_file import replace_file
from weid.cli.output import Console, pass_console
from weid.errors import NotFoundError


@click.command(cls=ChainCommand)
@click.argument("folder", metavar="DIR", type=FOLDER)
@state_sync_options
@click.option(
    "--nothing-signed-from",
    type=click.IntRange(2),
    default=None,
    metavar="HEIGHT",
    help="The key has surely signed nothing from HEIGHT on; below, it signs nothing.",
)
@pass_console
def rejoin(
    console: Console,
    *,
    folder: Path,
    trust_height: int | None,
    trust_hash: str | None,
    servers: tuple[str, ...],
    nothing_signed_from: int | None,
) -> None:
    """Set the stopped node in DIR up anew: at its next start it gets the chain from its peers.

    Its keys stay, and so does the record of what its validator key has signed: without that
    record nothing is done, unless --nothing-signed-from says what is safe. Chain and data are moved
    aside, not deleted. With --trust-height, --trust-hash and --rpc-server it begins with
    a snapshot of the state; else with every block, which peers have only in a network's first
    10,000.
    """
    node = NodeFolder(folder)
    require_stopped_node(node)
    sync = to_state_sync(trust_height, trust_hash, servers)
    if nothing_signed_from is None:
        require_signed(node.comet)
    with kept_stopped(node):
        if nothing_signed_from is not None:
            sign_only_from(node.comet, nothing_signed_from)
        _configure(node, sync)
        # The chain last: until then the folder says of itself that it is not what it was.
        moved = [set_data_aside(node.comet)]
        node.begun_file.unlink(missing_ok=True)
        if node.chain.exists():
            moved.append(set_aside(node.chain))
    console.show(
        "\n".join(f"moved to {path}" for path in moved),
        {"folder": str(folder), "moved": [str(path) for path in moved]},
    )
    console.say(f"Next: start it (registry-chain start "
                f"{quote(str(folder))}). When it follows the others, "
                "delete what was moved.")  # fmt: skip


def require_stopped_node(node: NodeFolder) -> None:
    """Require the folder of a node of a network that does not run.

    Raises:
        NotFoundError: it is another folder.
        StoreInUseError: the node runs.
    """
    node.genesis()
    node.require_one_node()
    if not node.comet.is_dir():
        raise NotFoundError(
            f"{node.path} is not the folder of a node of a network: it has no comet",
            hint="a registry's one node comes back from a backup: registry-chain restore",
        )
    if not is_supervised(node.path):
        return
    process = (read_status(node.path) or {}).get("supervisor")
    hint = "stop it first, by Ctrl-C or SIGTERM"
    if not (node.path / LOCK_FILE).exists():  # only the number speaks for it
        hint += f"; if that process is another one, remove {node.path / STATUS_FILE}"
    raise StoreInUseError(f"the node in {node.path} is running (process {process})", hint=hint)


@contextmanager
def kept_stopped(node: NodeFolder) -> Iterator[None]:
    """Keep a stopped node from being started as long as the block runs.

    The chain's own lock speaks too: of an application that its supervisor left behind, or whose
    supervisor took no lock.

    Raises:
        StoreInUseError: a process has the node's chain open.
        NodeProcessError: the node was started meanwhile.
    """
    with supervising(node.path, sleep=time.sleep), ExitStack() as held:
        if node.chain.is_dir():
            held.callback(os.close, take_lock(node.chain))
        yield


def _configure(node: NodeFolder, sync: StateSync | None) -> None:
    path = node.comet / "config" / "config.toml"
    text = with_state_sync(path.read_text(encoding="utf-8"), sync)
    replace_file(path, text.encode(), durable=True)
    (node.comet / DATA).mkdir(exist_ok=True, mode=0o700)
